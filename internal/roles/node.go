package roles

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/segmentio/kafka-go/sasl"
	"github.com/segmentio/kafka-go/sasl/scram"

	"ratemill/internal/accesserr"
	"ratemill/internal/backoff"
	"ratemill/internal/broker"
	"ratemill/internal/config"
	"ratemill/internal/control"
	embeddedch "ratemill/internal/embedded/clickhouse"
	embeddedkafka "ratemill/internal/embedded/kafka"
	"ratemill/internal/embedded/keys"
	"ratemill/internal/project"
	"ratemill/internal/warehouse"
)

// Role is a part of ratemill that a process can run.
type Role string

// The roles.
const (
	Mediation Role = "mediation"
	Rating    Role = "rating"
	Sink      Role = "warehouse"
	Account   Role = "account"
)

// Roles are all roles.
var Roles = []Role{Mediation, Rating, Sink, Account}

// Node is a process: its engines and the roles that it runs.
type Node struct {
	Config  *config.Config
	Project *project.Project
	Log     *slog.Logger
	Roles   []Role
	Owner   string   // name of this process in leases and groups
	Attach  bool     // use the embedded engines of a running process, and start none
	Remake  []string // tables of ClickHouse to be recreated, empty, by an order of a person
	// Settled is how long ago a file's end must have come for its balance to count in the metrics; 0 is 10 minutes.
	Settled time.Duration

	Store     *control.Store
	Kafka     *broker.Kafka
	Warehouse *warehouse.Warehouse
	Topics    broker.Topics

	KafkaAddress, ClickHouseAddress string // addresses of the engines
	KafkaPID, ClickHousePID         int    // processes of the embedded ones, as first started
	Partitions                      int
	Installation                    string // its name, which the control store, Kafka and ClickHouse carry
	SinkName                        string // of the sink in the control store; includes the installation, because offsets of another are other records

	keys      keys.Keys // of the embedded engines
	kafkaTLS  *tls.Config
	kafkaSASL sasl.Mechanism
	addresses []string

	ledgerTime *control.Clock // the control store's: for leases, and for all times that processes compare

	reference *reference
	mediation *mediationRole
	rating    *ratingRole
	sink      *sinkRole
	runners   map[Role]runner
	running   atomic.Bool // the roles; they do not change while they run
	engines   engines

	closers []func()
	enders  []func(context.Context) error // of the engines that this process started
}

// Open starts or connects to the engines. Close it.
func Open(ctx context.Context, n *Node) (err error) {
	defer func() {
		if err != nil {
			n.Close()
		}
	}()
	if err := n.listen(); err != nil {
		return err
	}
	if err := os.MkdirAll(n.Config.Data, 0o750); err != nil {
		return fmt.Errorf("the data folder cannot be made: %w", err)
	}
	if n.keys, err = n.embeddedKeys(); err != nil {
		return err
	}
	host, _ := os.Hostname()
	if n.Owner == "" {
		n.Owner = fmt.Sprintf("%s/%d/%d", host, os.Getpid(), time.Now().UnixNano())
	}
	if err := n.openStore(ctx); err != nil {
		return err
	}
	if err := n.openKafka(ctx); err != nil {
		return err
	}
	if n.has(Sink) || len(n.Roles) == 0 || n.Config.EmbeddedClickHouse() && !n.Attach {
		if err := n.OpenWarehouse(ctx); err != nil {
			return err
		}
	}
	return n.waitFor(ctx, engineControl, func() (err error) {
		n.reference, err = newReference(ctx, n.Store, n.Project, n.Log)
		return err
	})
}

// Close stops the engines that this process started, all at once, and leaves the others. It waits for them, but not
// long: acknowledged data is on disk.
func (n *Node) Close() {
	for i := len(n.closers) - 1; i >= 0; i-- {
		n.closers[i]()
	}
	grace, end := context.WithTimeout(context.Background(), engineGrace)
	defer end()
	var all sync.WaitGroup
	for _, ender := range n.enders {
		all.Go(func() {
			if err := ender(grace); err != nil {
				n.Log.Warn("embedded engine did not stop in time", "err", err)
			}
		})
	}
	all.Wait()
	n.closers, n.enders = nil, nil
}

// engineGrace is the rest of the 10 s in which a process ends, after its roles: they take at most 5 s, and one more to
// leave their groups.
const engineGrace = 3 * time.Second

func (n *Node) openKafka(ctx context.Context) (err error) {
	c := n.Config.Kafka
	n.addresses = c.Addresses
	switch {
	case n.Config.EmbeddedKafka() && n.Attach:
		n.addresses = []string{c.Listen}
	case n.Config.EmbeddedKafka():
		addr, err := n.embeddedKafka(ctx)
		if err != nil {
			return err
		}
		n.addresses = []string{addr}
	}
	n.KafkaAddress = n.addresses[0]
	if n.Kafka, err = n.dialKafka(); err != nil {
		return err
	}
	n.closers = append(n.closers, n.Kafka.Close)
	n.Topics = broker.TopicsUnder(c.Prefix)
	if err := n.ownKafka(ctx); err != nil {
		return err
	}
	if err := n.sameDay(ctx, n.markedKafka()); err != nil {
		return err
	}
	err = n.waitFor(ctx, engineControl, func() (err error) {
		n.Partitions, err = Partitions(ctx, n.Store, c.Partitions)
		return err
	})
	if err != nil {
		return err
	}
	err = n.waitFor(ctx, engineKafka, func() error {
		notes, err := n.Kafka.EnsureTopics(ctx, c.Replication, n.Topics.All(n.Partitions, c.UsageFor, c.RatedFor))
		for _, note := range notes {
			n.Log.Warn(note)
		}
		return err
	})
	if err != nil {
		return err
	}
	return n.claimKafka(ctx)
}

// dialKafka prepares a client for the brokers' addresses.
func (n *Node) dialKafka() (_ *broker.Kafka, err error) {
	c := n.Config.Kafka
	if n.kafkaTLS, err = c.TLS.Client(c.TLS.Enabled); err != nil {
		return nil, fmt.Errorf("kafka.tls: %w", err)
	}
	if n.Config.EmbeddedKafka() {
		n.kafkaSASL, err = scram.Mechanism(scram.SHA256, keys.Owner, n.keys.Owner)
	} else {
		n.kafkaSASL, err = login(c.SASL)
	}
	if err != nil {
		return nil, fmt.Errorf("kafka.sasl: %w", err)
	}
	return broker.NewKafka(broker.KafkaOptions{Addresses: n.addresses, ClientID: "ratemill", TLS: n.kafkaTLS, SASL: n.kafkaSASL}), nil
}

// OpenKafka is a client of a configuration's broker; an embedded one must be running.
func OpenKafka(c *config.Config) (*broker.Kafka, broker.Topics, error) {
	n := &Node{Config: c, addresses: c.Kafka.Addresses}
	topics := broker.TopicsUnder(c.Kafka.Prefix)
	if c.EmbeddedKafka() {
		n.addresses = []string{c.Kafka.Listen}
		var err error
		if n.keys, err = attachedKeys(c); err != nil {
			return nil, topics, err
		}
	}
	k, err := n.dialKafka()
	return k, topics, err
}

// embeddedKeys are the passwords of the embedded engines: the process that starts them creates them, others read them.
func (n *Node) embeddedKeys() (keys.Keys, error) {
	c := n.Config
	switch {
	case !c.EmbeddedKafka() && !c.EmbeddedClickHouse():
		return keys.Keys{}, nil
	case n.Attach:
		return attachedKeys(c)
	}
	return keys.Make(c.Data)
}

// attachedKeys are the passwords of embedded engines that are already running. If there are none, no engine ran on this
// data folder: an engine that answers anyway is another's, and refuses these.
func attachedKeys(c *config.Config) (keys.Keys, error) {
	k, err := keys.Read(c.Data)
	if missing := (*keys.MissingError)(nil); errors.As(err, &missing) {
		return keys.Keys{Owner: "none", Reader: "none"}, nil
	}
	return k, err
}

// OpenEmbeddedWarehouse connects to the embedded ClickHouse of a running process.
func OpenEmbeddedWarehouse(ctx context.Context, c *config.Config) (*warehouse.Warehouse, error) {
	k, err := attachedKeys(c)
	if err != nil {
		return nil, err
	}
	w, err := embeddedAccess(c.ClickHouse.Listen, k).Open(ctx)
	return w, refusedByWarehouse(c, err)
}

// AskWarehouse connects to a ClickHouse for an optional query: it waits for nothing, creates and migrates nothing, and
// starts no embedded engine. The ClickHouse must belong to the store's installation.
func AskWarehouse(ctx context.Context, c *config.Config, store *control.Store) (w *warehouse.Warehouse, err error) {
	n := &Node{Config: c}
	if c.EmbeddedClickHouse() {
		w, err = OpenEmbeddedWarehouse(ctx, c)
	} else if access, wrong := n.warehouseAccess(); wrong != nil {
		return nil, wrong
	} else {
		w, err = access.Open(ctx)
	}
	if err != nil {
		return nil, err
	}
	if err := CheckWarehouse(ctx, c, store, w, false); err != nil {
		w.Close()
		return nil, err
	}
	w.Assume(n.layout())
	return w, nil
}

// ReadingWarehouse is a connection to the embedded ClickHouse of w as its read-only user.
func ReadingWarehouse(ctx context.Context, c *config.Config, w *warehouse.Warehouse) (*warehouse.Warehouse, error) {
	password, err := keys.ReadReader(c.Data)
	if err != nil {
		return nil, err
	}
	return w.As(ctx, keys.Reader, password)
}

// waitFor waits for an engine that is away, until ctx ends. It does not wait for an engine that refuses us, because a
// wrong password should be reported at once.
func (n *Node) waitFor(ctx context.Context, what string, do func() error) error {
	passing := func(err error) bool { return unavailable(err) && !accesserr.Is(err) }
	p := backoff.Patience{Clock: clock{}, Log: n.Log, Random: rand.Float64, Passing: passing, First: 100 * time.Millisecond}
	return p.Until(ctx, "reach the "+what, func() error {
		err := do()
		n.engines.saw(what, err)
		return err
	})
}

// unavailable reports whether an engine is away, so that retrying makes sense.
func unavailable(err error) bool {
	var store *control.UnavailableError
	var wh *warehouse.UnavailableError
	return broker.Unavailable(err) || errors.As(err, &store) || errors.As(err, &wh)
}

// embeddedKafka starts a broker in a child process and restarts it at the same address if it dies.
func (n *Node) embeddedKafka(ctx context.Context) (string, error) {
	options := embeddedkafka.Options{Dir: filepath.Join(n.Config.Data, "kafka"), Listen: n.Config.Kafka.Listen, Keys: n.keys, Log: n.Log,
		Stored: broker.StoredUnder(n.Config.Kafka.Prefix).By(broker.TopicsUnder(n.Config.Kafka.Prefix))}
	b, err := embeddedkafka.StartChild(ctx, options)
	if err != nil {
		return "", fmt.Errorf("the embedded Kafka does not start: %w", err)
	}
	options.Listen = b.Addr()
	n.supervise("kafka", engine{b.Wait, b.Stop}, func(ctx context.Context) (engine, error) {
		b, err := embeddedkafka.StartChild(ctx, options)
		if err != nil {
			return engine{}, err
		}
		return engine{b.Wait, b.Stop}, nil
	})
	n.KafkaPID = b.PID()
	return options.Listen, nil
}

// OpenWarehouse connects to ClickHouse, or starts the embedded engine, and migrates its tables. It must belong to the
// node's control store, if there is one; a node from Open claims a new one.
func (n *Node) OpenWarehouse(ctx context.Context) (err error) {
	if n.keys == (keys.Keys{}) {
		if n.keys, err = n.embeddedKeys(); err != nil {
			return err
		}
	}
	switch {
	case n.Config.EmbeddedClickHouse() && n.Attach:
		n.ClickHouseAddress = n.Config.ClickHouse.Listen
	case n.Config.EmbeddedClickHouse():
		if n.ClickHouseAddress, err = n.embeddedClickHouse(ctx); err != nil {
			return err
		}
	}
	access, err := n.warehouseAccess()
	if err != nil {
		return err
	}
	err = n.waitFor(ctx, engineClickHouse, func() error {
		n.Warehouse, err = access.Open(ctx)
		return err
	})
	if err != nil {
		return refusedByWarehouse(n.Config, err)
	}
	n.closers = append(n.closers, func() { _ = n.Warehouse.Close() })
	started := n.Config.EmbeddedClickHouse() && !n.Attach
	if started {
		if err := n.waitFor(ctx, engineClickHouse, func() error { return n.Warehouse.Adopt(ctx, earlierDatabase) }); err != nil {
			return err
		}
	}
	if n.Store != nil {
		if err := n.ownWarehouse(ctx); err != nil {
			return err
		}
		if err := n.sameDay(ctx, n.markedWarehouse()); err != nil {
			return err
		}
	}
	err = n.waitFor(ctx, engineClickHouse, func() error {
		err := n.Warehouse.Migrate(ctx, n.layout())
		if err == nil && started {
			err = n.Warehouse.AdoptViews(ctx, earlierDatabase)
		}
		return err
	})
	if err != nil || n.Installation == "" {
		return err
	}
	return n.claimWarehouse(ctx)
}

// earlierDatabase is the database in which the embedded ClickHouse had the tables before.
const earlierDatabase = "default"

// layout is how this installation keeps its tables.
func (n *Node) layout() warehouse.Layout {
	c := n.Config
	return warehouse.Layout{Window: warehouse.Window(n.Partitions, c.Warehouse.Flush), Keep: c.Warehouse.Keep, Cluster: c.ClickHouse.Cluster, Remake: n.Remake}
}

// warehouseAccess is the address of ClickHouse: the embedded one of this process or of another running one, or a
// server.
func (n *Node) warehouseAccess() (warehouse.Access, error) {
	c := n.Config.ClickHouse
	switch {
	case !n.Config.EmbeddedClickHouse():
	case n.ClickHouseAddress != "":
		return embeddedAccess(n.ClickHouseAddress, n.keys), nil
	default:
		return embeddedAccess(c.Listen, n.keys), nil
	}
	password, err := config.Secret(c.PasswordFile, c.PasswordEnv)
	if err != nil {
		return warehouse.Access{}, fmt.Errorf("clickhouse: %w", err)
	}
	tls, err := c.TLS.Client(c.Encrypted())
	if err != nil {
		return warehouse.Access{}, fmt.Errorf("clickhouse.tls: %w", err)
	}
	return warehouse.Access{DSN: c.DSN, Password: password, TLS: tls, Cluster: c.Cluster}, nil
}

func embeddedAccess(address string, k keys.Keys) warehouse.Access {
	return warehouse.Access{DSN: "http://" + keys.Owner + "@" + address + "/" + embeddedch.Database, Password: k.Owner}
}

// embeddedClickHouse starts the engine in a child process and restarts it at the same address if it dies.
func (n *Node) embeddedClickHouse(ctx context.Context) (string, error) {
	c := n.Config.ClickHouse
	options := embeddedch.Options{Dir: filepath.Join(n.Config.Data, "clickhouse"), Listen: c.Listen, Keys: n.keys, Library: c.Library, MaxMemory: c.Memory, Log: n.Log}
	s, err := embeddedch.Start(ctx, options)
	if err != nil {
		return "", fmt.Errorf("the embedded ClickHouse does not start: %w", err)
	}
	options.Listen = s.Addr()
	n.ClickHousePID = s.PID()
	n.supervise("clickhouse", engine{s.Wait, s.Stop}, func(ctx context.Context) (engine, error) {
		s, err := embeddedch.Start(ctx, options)
		if err != nil {
			return engine{}, err
		}
		return engine{s.Wait, s.Stop}, nil
	})
	return options.Listen, nil
}

// engine is a child process that can be waited for and stopped.
type engine struct {
	wait func() <-chan error
	stop func(context.Context) error
}

// supervise restarts our engine when it dies, until Close.
func (n *Node) supervise(name string, e engine, start func(context.Context) (engine, error)) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-ctx.Done():
				return
			case err := <-e.wait():
				if ctx.Err() != nil {
					return
				}
				n.Log.Error("embedded engine died; restarting it", "engine", name, "err", err)
			}
			absence := backoff.Absence{Backoff: backoff.Backoff{First: 200 * time.Millisecond, Most: 10 * time.Second, Random: rand.Float64}}
			for ctx.Err() == nil {
				again, err := start(ctx)
				if err == nil {
					e = again
					absence.Worked(time.Now(), n.Log, "embedded engine runs again", "engine", name)
					break
				}
				_ = clock{}.Sleep(ctx, absence.Failed(time.Now(), n.Log, "embedded engine does not start", err, "engine", name))
			}
		}
	}()
	n.enders = append(n.enders, func(grace context.Context) error {
		cancel()
		<-done
		return e.stop(grace)
	})
}

// Partitions is the number of partitions of an installation. It is fixed at the first start, because a root's partition
// is stored with the root.
func Partitions(ctx context.Context, store *control.Store, configured int) (int, error) {
	stored, err := store.SettingOrSet(ctx, "partitions", []byte(fmt.Sprint(configured)))
	if err != nil {
		return 0, err
	}
	var n int
	if _, err := fmt.Sscan(string(stored), &n); err != nil || n < 1 {
		return 0, fmt.Errorf("the control store has %q as the number of partitions", stored)
	}
	return n, nil
}

func login(c config.SASL) (sasl.Mechanism, error) {
	if c.Mechanism == "" {
		return nil, nil
	}
	password, err := config.Secret(c.PasswordFile, c.PasswordEnv)
	if err != nil {
		return nil, err
	}
	algorithm := scram.SHA256
	if c.Mechanism == "scram-sha-512" {
		algorithm = scram.SHA512
	}
	return scram.Mechanism(algorithm, c.User, password)
}

// errRole says that a role ended unexpectedly.
var errRole = errors.New("a role ended")
