package roles

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/internal/control"
	"ratemill/mediation"
	"ratemill/mediation/collect"
	"ratemill/mediation/source"
)

// carrier is the source sky with a watcher and mediators that a test runs step by step.
type carrier struct {
	*world
	site    *collect.Site
	spool   *siteSpool
	spooled string        // the spool's directory
	by      time.Duration // how far the clock is ahead
	window  int64         // of its mediators
	n       int
}

func (w *world) carrier() *carrier {
	c := &carrier{world: w, site: w.source().Collect.Open(collect.Environment{Dir: w.dir, Clock: clock{}, Random: func() float64 {
		return 0
	}})}
	c.spooled = filepath.Join(w.T.TempDir(), "spool")
	spool, err := collect.OpenSpool(c.spooled, 1<<30)
	require.NoError(w, err)
	w.T.Cleanup(func() { spool.Close() })
	c.spool = &siteSpool{spool: spool, sites: map[string]*collect.Site{"sky": c.site}}
	return c
}

func (w *world) source() *source.Source {
	s, ok := w.Project.Sources.Source("sky")
	require.True(w, ok)
	return s
}

// lists is a watcher's look.
func (c *carrier) lists() {
	w := newWatcher(c, mediation.WatcherOptions{Source: c.source(), Site: c.site, Files: c.Store, Clock: later{by: c.by}, Log: c.log,
		Every: time.Minute, Status: &mediation.WatcherStatus{}})
	require.NoError(c, w.Look(c.Context()))
}

func (c *carrier) mediator(with *crash) *mediation.Mediator {
	c.n++
	m := c.world.mediator(with, fmt.Sprint("mediator ", c.n), c.by)
	m.Spool, m.ChunkRecords, m.Window = c.spool, 10, c.window
	return m
}

// reads lets mediators read all that waits, after the leases before have ended.
func (c *carrier) reads() {
	c.by += time.Hour
	m := c.mediator(&crash{Store: c.Store, Broker: c.Kafka})
	for {
		took, err := m.Next(c.Context())
		require.NoError(c, err)
		if !took {
			return
		}
	}
}

func (c *carrier) ledger(name string) control.File {
	files, err := c.Store.Files(c.Context(), control.FileFilter{Path: name})
	require.NoError(c, err)
	require.Len(c, files, 1)
	return files[0]
}

const perFile = 25

// content is a file's content; each record has its own volume.
func content(n int) string {
	var b strings.Builder
	b.WriteString("type;imsi;started;volume\n")
	for i := range perFile {
		fmt.Fprintf(&b, "D;214070000000001;2026-03-17 00:10:02;%d\n", 100_000+n*perFile+i)
	}
	return b.String()
}

// A mediator dies at each of its effects in turn, and before another comes the carrier renames the file.
func TestAFileThatIsRenamedWhileItIsReadIsReadOnce(t *testing.T) {
	w := newWorld(t, "contents_renamed")
	w.start(Rating, Warehouse)
	w.imports(w.docs["registry.yaml"])
	c := w.carrier()
	files := 0
	for effect, struck := 1, true; struck; effect++ {
		files++
		name := fmt.Sprintf("sky/f%02d.csv", effect)
		c.drop(name, content(effect))
		c.lists()
		dies := &crash{Store: c.Store, Broker: c.Kafka, left: effect}
		_, _ = c.mediator(dies).Next(t.Context())
		struck = dies.struck
		if effect%2 == 0 {
			c.reads() // finds out before the new name is known
		}
		to := fmt.Sprintf("sky/z%02d.csv", effect)
		require.NoError(t, os.Rename(filepath.Join(c.dir, "in", name), filepath.Join(c.dir, "in", to)))
		if effect%3 == 0 {
			c.reads()
		}
		c.lists()
		c.reads()
		waiting, err := c.Store.Files(t.Context(), control.FileFilter{Open: true})
		require.NoError(t, err)
		require.Empty(t, waiting)
	}
	require.Greater(t, files, 6)
	w.settled(files)
	require.EqualValues(t, perFile*files, w.number("SELECT count() FROM rated_usage"))
	require.EqualValues(t, perFile*files, w.number("SELECT uniqExact(quantity) FROM rated_usage"))
	require.Zero(t, w.number("SELECT count() FROM duplicates"))
}

// The carrier writes another content of the same size, and sets the time of change back.
func TestAFileThatIsAnotherAfterACrashIsNotGoneOnWith(t *testing.T) {
	w := newWorld(t, "contents_other")
	w.start(Rating, Warehouse)
	w.imports(w.docs["registry.yaml"])
	c := w.carrier()
	write := func(name string, n int, at time.Time) {
		c.drop(name, content(n))
		require.NoError(t, os.Chtimes(filepath.Join(c.dir, "in", name), at, at))
	}
	at := time.Now().Add(-time.Hour)
	const dies = 5 // when its first chunk is out, and no progress recorded
	write("sky/a.csv", 1, at)
	c.lists()
	crashed := &crash{Store: c.Store, Broker: c.Kafka, left: dies, after: true}
	_, err := c.mediator(crashed).Next(t.Context())
	require.ErrorIs(t, err, errCrashed)
	write("sky/a.csv", 2, at)
	for range 2 {
		c.reads()
		f := c.ledger("a.csv")
		require.Equal(t, []any{control.Failed, false, true}, []any{f.State, f.Open, f.Gone})
		require.Regexp(t, `has changed since reading began \(\w+, now \w+\), but its size and modification time have not.*give it another name`,
			f.Why)
		c.lists()
		require.NoError(t, c.Store.RetryFile(t.Context(), f.Number, time.Now()), "it says the same again")
	}
	c.reads()

	// Each content comes under its own name, and each is read to its end, once.
	write("sky/b.csv", 1, at)
	write("sky/c.csv", 2, at)
	c.lists()
	c.reads()
	require.Equal(t, control.Done, c.ledger("a.csv").State)
	require.Equal(t, control.Duplicate, c.ledger("b.csv").State)
	require.Equal(t, control.Done, c.ledger("c.csv").State)
	w.settled(2)
	require.EqualValues(t, 2*perFile, w.number("SELECT count() FROM rated_usage"))
	require.EqualValues(t, 2*perFile, w.number("SELECT uniqExact(quantity) FROM rated_usage"))
}

// Records are out though no progress was recorded. The registry then says that their SIM is another root's.
func TestARetriedFileSendsItsRecordsWhereTheyWent(t *testing.T) {
	w := newWorld(t, "contents_retried")
	w.start(Rating, Warehouse)
	w.imports(w.docs["registry.yaml"])
	c := w.carrier()
	c.drop("sky/a.csv", content(1))
	c.lists()
	crashed := &crash{Store: c.Store, Broker: c.Kafka, left: 5, after: true}
	_, err := c.mediator(crashed).Next(t.Context())
	require.ErrorIs(t, err, errCrashed)
	c.by += time.Hour
	lease, found, err := c.Store.LeaseNext(t.Context(), []control.Queue{{Source: "sky"}}, "other", time.Now().Add(c.by), time.Minute)
	require.NoError(t, err)
	require.True(t, found)
	require.NoError(t, c.Store.Fail(t.Context(), lease, "the server went away", time.Time{}, time.Now()))
	require.Zero(t, c.ledger("a.csv").Progress.Read.Records)

	w.imports(strings.Replace(w.docs["registry.yaml"], "account: acme, plan", "account: north, plan", 1))
	w.docs["sources/sky.yaml"] = strings.Replace(w.docs["sources/sky.yaml"], `when: type == "D"`, `when: type == "D" and volume != "100030"`,
		1)
	w.start(Rating, Warehouse)
	require.NoError(t, c.Store.RetryFile(t.Context(), lease.File, time.Now()))
	c.reads()
	require.EqualValues(t, perFile, w.settled(1)["a.csv"].Rated)
	require.Equal(t, []string{"acme," + fmt.Sprint(perFile)}, w.rows("SELECT account, count() FROM rated_usage GROUP BY account"))
}

func newMediator(t require.TestingT, o mediation.MediatorOptions) *mediation.Mediator {
	m, err := mediation.NewMediator(o)
	require.NoError(t, err)
	return m
}

func newWatcher(t require.TestingT, o mediation.WatcherOptions) *mediation.Watcher {
	w, err := mediation.NewWatcher(o)
	require.NoError(t, err)
	return w
}
