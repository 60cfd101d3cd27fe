package roles

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/internal/control"
	"ratemill/internal/engines"
)

// days is an installation whose Kafka and control store can be restored from a day before.
type days struct {
	*world
	control, kafka string
	backup         string
}

// twoDays rates a file, makes a backup of the control store and of Kafka, and rates another.
func twoDays(t *testing.T, name string) *days {
	w := newWorld(t, name)
	c := w.config
	c.Kafka.Addresses, c.Kafka.Listen = nil, "127.0.0.1:0"
	d := &days{w, strings.TrimPrefix(c.Control, "sqlite:"), filepath.Join(c.Data, "kafka"), t.TempDir()}
	w.rates()
	d.old(t, engines.Kafka)
	d.old(t, engines.ClickHouse)
	d.copies(t, d.control, filepath.Join(d.backup, "control.db"))
	d.copies(t, d.kafka, filepath.Join(d.backup, "kafka"))
	w.start(Roles...)
	w.drop("sky/b.csv", header+record(3, 4, 3000)+record(4, 5, 4000))
	w.settled(2)
	w.stop()
	d.old(t, engines.Kafka)
	d.old(t, engines.ClickHouse)
	return d
}

// old makes the newest mark one of minutes ago.
func (d *days) old(t *testing.T, engine string) {
	s, err := control.Open(t.Context(), d.config.Control)
	require.NoError(t, err)
	defer s.Close()
	setting, err := s.Setting(t.Context(), "marks of "+engine)
	require.NoError(t, err)
	var m control.Marks
	require.NoError(t, json.Unmarshal(setting.Value, &m))
	require.NotZero(t, m.Given.Place)
	m.OnDisk, m.Has = m.Given, m.Given
	value, err := json.Marshal(m)
	require.NoError(t, err)
	require.NoError(t, s.SetSetting(t.Context(), "marks of "+engine, value, setting.Version))
}

func (d *days) copies(t *testing.T, from, to string) {
	require.NoError(t, os.RemoveAll(to))
	info, err := os.Stat(from)
	require.NoError(t, err)
	if info.IsDir() {
		require.NoError(t, os.CopyFS(to, os.DirFS(from)))
		return
	}
	for _, extra := range []string{"", "-wal", "-shm"} {
		require.NoError(t, os.RemoveAll(to+extra))
		if text, err := os.ReadFile(from + extra); err == nil {
			require.NoError(t, os.WriteFile(to+extra, text, 0o600))
		}
	}
}

func (d *days) restoresControl(t *testing.T) {
	d.copies(t, filepath.Join(d.backup, "control.db"), d.control)
}
func (d *days) restoresKafka(t *testing.T) { d.copies(t, filepath.Join(d.backup, "kafka"), d.kafka) }

// restoresClickHouse gives it what a backup of the whole database has: the mark of then, and none of the second file.
func (d *days) restoresClickHouse(t *testing.T, mark string) {
	d.start()
	defer d.stop()
	for _, statement := range []string{"TRUNCATE TABLE ratemill_mark", "INSERT INTO ratemill_mark (mark) VALUES (" + mark + ")",
		"ALTER TABLE rated_usage DELETE WHERE at > 0 AND file IN (SELECT file FROM files WHERE name LIKE '%b.csv') SETTINGS mutations_sync = 1"} {
		require.NoError(t, d.Warehouse.Conn().Exec(t.Context(), statement))
	}
}

func (d *days) refuses(t *testing.T, older, newer string) {
	for _, some := range [][]Role{Roles, {Mediation, Rating, Warehouse}} {
		err := d.opens(d.config, some...)
		var different *engines.DifferentDaysError
		require.ErrorAs(t, err, &different)
		require.Equal(t, older, different.Older)
		require.Equal(t, newer, different.Newer)
		require.Contains(t, err.Error(), "docs/runbooks/stores-of-different-days.md")
	}
}

func TestAnOlderControlStoreIsRefused(t *testing.T) {
	d := twoDays(t, "days_control")
	d.restoresControl(t)
	d.refuses(t, "the control store", "Kafka")

	d.start() // what ratemill stores accept does
	accepted, err := d.AcceptStores(t.Context(), "ana", "a test")
	require.NoError(t, err)
	require.Len(t, accepted, 2)
	generation, err := d.Store.LogGeneration(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 1, generation, "Kafka lost nothing")
	rated := "SELECT file, seq, account, amount FROM rated_usage ORDER BY file, seq"
	before := d.rows(rated)
	d.start(Roles...)
	require.Eventually(t, func() bool { // epochs or positions do not fit
		if !d.running.Load() {
			return false
		}
		_, sinks, _ := d.role(Warehouse).partitions.state()
		_, raters, _ := d.role(Rating).partitions.state()
		return len(sinks)+len(raters) > 0
	}, time.Minute, 10*time.Millisecond)
	require.Equal(t, before, d.rows(rated))
	d.stop()
}

func TestAnOlderKafkaIsRefused(t *testing.T) {
	d := twoDays(t, "days_kafka")
	d.restoresKafka(t)
	d.refuses(t, "Kafka", "the control store")

	d.start() // what ratemill stores accept does
	generation, err := d.Store.LogGeneration(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 1, generation)
	_, err = d.AcceptStores(t.Context(), "ana", "a test")
	require.NoError(t, err)
	generation, err = d.Store.LogGeneration(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 2, generation, "offsets are given a second time")
	d.stop()
}

func TestAnOlderClickHouseIsRefused(t *testing.T) {
	d := twoDays(t, "days_clickhouse")
	d.restoresClickHouse(t, "1")
	d.refuses(t, "ClickHouse", "the control store")
}

func TestANewerClickHouseIsRefused(t *testing.T) {
	d := twoDays(t, "days_clickhouse_newer")
	d.restoresControl(t)
	d.restoresKafka(t)
	d.refuses(t, "the control store", "ClickHouse")
}

func TestANewerKafkaIsRefused(t *testing.T) {
	d := twoDays(t, "days_kafka_newer")
	d.restoresClickHouse(t, "1")
	d.restoresControl(t)
	d.refuses(t, "the control store", "Kafka")
}

func TestANewerControlStoreIsRefused(t *testing.T) {
	d := twoDays(t, "days_control_newer")
	d.restoresClickHouse(t, "1")
	d.restoresKafka(t)
	d.refuses(t, "Kafka", "the control store")
}

func TestStoresOfOneDayGoOn(t *testing.T) {
	d := twoDays(t, "days_one")
	d.start(Roles...)
	d.drop("sky/c.csv", header+record(5, 6, 1000))
	d.settled(3)
	d.stop()
}

// A process that runs notices it too, when the stores are compared the next time.
func TestARunningProcessEndsWhenTheControlStoreWentBack(t *testing.T) {
	d := twoDays(t, "days_running")
	d.start() // a node without roles leaves the marks to the test
	require.NoError(t, d.gives(t))
	setting, err := d.Store.Setting(t.Context(), "marks of "+engines.Kafka)
	require.NoError(t, err)
	require.NoError(t, d.Store.SetSetting(t.Context(), "marks of "+engines.Kafka, []byte(`{"Given":{"Number":1}}`), setting.Version))
	var different *engines.DifferentDaysError
	require.ErrorAs(t, d.gives(t), &different)
	require.NoError(t, d.Store.ForgetMarks(t.Context(), engines.Kafka, different.Knows.Number, time.Now(), "ana", "a test"))
	require.NoError(t, d.gives(t), "an order to go on")
	d.stop()
}

// gives lets a process give Kafka a mark.
func (d *days) gives(t *testing.T) error {
	before, err := d.Store.Marks(t.Context(), engines.Kafka)
	require.NoError(t, err)
	ctx, enough := context.WithCancel(t.Context())
	defer enough()
	ended := make(chan error, 1)
	go func() { ended <- d.GiveMarks(ctx) }()
	for {
		select {
		case err := <-ended:
			return err
		default:
		}
		now, err := d.Store.Marks(t.Context(), engines.Kafka)
		require.NoError(t, err)
		if now.Given.Number > before.Given.Number {
			enough()
			return <-ended
		}
		require.NoError(t, clock.Sleep(clock{}, t.Context(), 10*time.Millisecond))
	}
}
