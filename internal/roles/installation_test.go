package roles

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"

	"ratemill/internal/config"
	"ratemill/internal/embedded/keys"
	"ratemill/internal/engines"
	"ratemill/internal/proof/testengine"
	"ratemill/internal/warehouse"
)

// attached is a world whose embedded engines run already, on their own addresses.
func attached(t *testing.T, name string) *world {
	w := newWorld(t, name)
	c := w.config
	kafka, clickhouse := testengine.StartEngines(t, c.Data)
	c.Kafka.Addresses, c.Kafka.Listen = nil, kafka.Addr()
	c.ClickHouse.DSN, c.ClickHouse.Listen = "", clickhouse.Addr()
	w.attach = true
	return w
}

// rates reads a file of two records and stops.
func (w *world) rates() {
	w.start(Roles...)
	w.imports(w.docs["registry.yaml"])
	w.imports(secondSIM)
	w.drop("sky/a.csv", header+record(1, 2, 1000)+record(2, 3, 2000))
	w.settled(1)
	w.stop()
}

// opens opens a node of the world's project by a configuration, and closes it.
func (w *world) opens(c *config.Config, roles ...Role) error {
	n, err := Open(w.Context(), Options{Config: c, Project: w.Project, Log: w.log, Known: Roles, Roles: roles, Attach: w.attach})
	if err == nil {
		n.Close()
	}
	return err
}

// elsewhere is the configuration of another folder, whose control store is its own and new, with the passwords of the
// engines, if this world's engines have any.
func (w *world) elsewhere() *config.Config {
	c := w.strange()
	require.NoError(w, os.MkdirAll(c.Data, 0o750))
	for _, path := range []func(string) string{keys.OwnerFile, keys.ReaderFile} {
		password, err := os.ReadFile(path(w.config.Data))
		if !w.attach && errors.Is(err, fs.ErrNotExist) {
			continue
		}
		require.NoError(w, err)
		require.NoError(w, os.WriteFile(path(c.Data), password, 0o600))
	}
	return c
}

// strange is as elsewhere, of somebody who has no passwords.
func (w *world) strange() *config.Config {
	c := *w.config
	c.Data = filepath.Join(w.T.TempDir(), "data")
	c.Control = "sqlite:" + filepath.Join(c.Data, "control.db")
	return &c
}

// holds is all that the engines hold: a line for each partition, and the rows.
func (w *world) holds() string {
	w.start()
	defer w.stop()
	var out []string
	for _, topic := range []string{w.Topics.Usage, w.Topics.Rated, w.Topics.Checkpoint} {
		for partition := range w.Partitions {
			out = append(out, topic, w.dumpTopic(topic, partition))
		}
	}
	out = append(out, w.dumpTopic(w.Topics.Installation, 0))
	return strings.Join(append(out, w.rows("SELECT file, seq, account, amount FROM rated_usage ORDER BY file, seq")...), "\n")
}

func TestEnginesOfAnotherInstallationAreRefused(t *testing.T) {
	w := attached(t, "installation_other")
	w.rates()
	before := w.holds()

	for _, roles := range [][]Role{{Warehouse}, {Rating}, {Mediation}, Roles, {}} {
		b := w.elsewhere()
		err := w.opens(b, roles...)
		var other *engines.OtherInstallationError
		require.ErrorAs(t, err, &other)
		require.Equal(t, w.Installation, other.Theirs)
		require.Regexp(t, `^127\.0\.0\.1:\d+ is the Kafka of another installation \(`+w.Installation[:4]+
			`…\), not of this one \(....…\): name its configuration with -c, or give this one a kafka\.listen of its own$`, err.Error())
	}

	b := w.elsewhere()
	kafka, _ := testengine.StartEngines(t, b.Data)
	b.Kafka.Listen = kafka.Addr()
	require.ErrorContains(t, w.opens(b, Warehouse), b.ClickHouse.Listen+" is the ClickHouse of another installation ("+w.Installation[:4]+"…)")
	require.ErrorContains(t, w.opens(b, Warehouse), "give this one a clickhouse.listen of its own", "nor the next time")

	b = w.elsewhere()
	b.Kafka.Addresses, b.Kafka.SASL = []string{b.Kafka.Listen}, config.SASL{Mechanism: "scram-sha-256", User: keys.Owner,
		PasswordFile: keys.OwnerFile(b.Data)}
	require.ErrorContains(t, w.opens(b, Rating), b.Kafka.Listen+" is the Kafka of another installation ("+w.Installation[:4]+"…)")
	require.ErrorContains(t, w.opens(b, Rating), "control: must name the one that this Kafka was first used with")

	require.Equal(t, before, w.holds(), "nothing was written")
}

func TestEnginesDoNotTakeThePasswordOfAnotherInstallation(t *testing.T) {
	w := attached(t, "installation_strange")
	w.rates()
	before := w.holds()
	for _, made := range []bool{false, true} {
		b := w.strange()
		if made {
			_, err := keys.Make(b.Data)
			require.NoError(t, err)
		}
		for _, roles := range [][]Role{{Warehouse}, Roles} {
			err := w.opens(b, roles...)
			var other *engines.OtherInstallationError
			require.ErrorAs(t, err, &other)
			require.Equal(t, b.Kafka.Listen+" is the Kafka of another installation: it refuses this installation's password, in "+
				keys.OwnerFile(b.Data)+
				"; name its configuration with -c, or give this one a kafka.listen of its own", err.Error())
		}
		_, err := engines.OpenEmbeddedWarehouse(t.Context(), b)
		require.EqualError(t, err, b.ClickHouse.Listen+" is the ClickHouse of another installation: it refuses this installation's password, in "+
			keys.OwnerFile(b.Data)+
			"; name its configuration with -c, or give this one a clickhouse.listen of its own")
	}
	require.Equal(t, before, w.holds(), "nothing was written")
}

func TestProcessesOfOneInstallationStartAtOnce(t *testing.T) {
	w := attached(t, "installation_one")
	var all sync.WaitGroup
	nodes, errs := make([]*Node, 4), make([]error, 4)
	for i := range nodes {
		o := Options{Config: w.config, Project: w.loaded(), Log: w.log, Known: Roles, Roles: Roles, Attach: true}
		all.Go(func() { nodes[i], errs[i] = Open(t.Context(), o) })
	}
	all.Wait()
	for i, n := range nodes {
		require.NoError(t, errs[i])
		require.Equal(t, nodes[0].Installation, n.Installation)
		n.Close()
	}
}

// A control store that was lost gives epochs, and positions of the sink, a second time.
func TestEnginesWhoseControlStoreIsLostAreRefused(t *testing.T) {
	w := newWorld(t, "installation_lost")
	w.rates()
	before := w.holds()
	kept := filepath.Join(t.TempDir(), "control.db")
	file := strings.TrimPrefix(w.config.Control, "sqlite:")
	require.NoError(t, os.Rename(file, kept))
	require.ErrorContains(t, w.opens(w.config, Roles...), "control: must name the one that this Kafka was first used with")
	w.config.Kafka.Prefix += "_new"
	require.ErrorContains(t, w.opens(w.config, Warehouse), "control: must name the one that this ClickHouse was first used with")
	w.config.Kafka.Prefix = strings.TrimSuffix(w.config.Kafka.Prefix, "_new")
	require.NoError(t, os.Rename(kept, file))
	require.Equal(t, before, w.holds())
}

// Before there were names, engines bore none: who has written to them knows them by its control store.
func TestEnginesWithoutANameAreTakenByTheirOwnControlStoreOnly(t *testing.T) {
	w := newWorld(t, "installation_older")
	w.rates()
	nameless := func() {
		client := kafka.Client{Addr: kafka.TCP(w.config.Kafka.Addresses...)}
		res, err := client.DeleteTopics(t.Context(), &kafka.DeleteTopicsRequest{Topics: []string{w.Topics.Installation}})
		require.NoError(t, err)
		require.NoError(t, res.Errors[w.Topics.Installation])
		c, err := warehouse.Open(t.Context(), w.config.ClickHouse.DSN)
		require.NoError(t, err)
		require.NoError(t, c.Conn().Exec(t.Context(), "DROP VIEW ratemill_installation"))
		require.NoError(t, c.Close())
	}
	nameless()
	require.ErrorContains(t, w.opens(w.elsewhere(), Rating), "is the Kafka of another installation")
	b := w.elsewhere()
	b.Kafka.Prefix += "_new"
	require.ErrorContains(t, w.opens(b, Warehouse), "it holds data that this control store does not know; ")
	require.ErrorContains(t, w.opens(b, Warehouse), "is the ClickHouse of another installation", "nor the next time")

	require.NoError(t, w.opens(w.config, Roles...))
	name, err := w.Kafka.Installation(t.Context(), w.Topics.Installation)
	require.NoError(t, err)
	require.Equal(t, w.Installation, name)
	w.start()
	name, err = w.Warehouse.Installation(t.Context())
	require.NoError(t, err)
	require.Equal(t, w.Installation, name)
	w.stop()
}
