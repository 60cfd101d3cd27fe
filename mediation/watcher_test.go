package mediation_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/internal/backoff"
	"ratemill/internal/control"
	"ratemill/internal/store"
	"ratemill/mediation"
	"ratemill/mediation/collect"
	"ratemill/mediation/source"
)

// hands is a clock that a test sets.
type hands struct{ now time.Time }

func (h *hands) Now() time.Time { return h.now }
func (h *hands) Sleep(ctx context.Context, d time.Duration) error {
	h.now = h.now.Add(d)
	return ctx.Err()
}

// watched is a carrier's directory, a ledger, and a watcher that lists the directory when the test says so.
type watched struct {
	*testing.T
	dir     string
	store   *control.Store
	clock   *hands
	log     bytes.Buffer
	watcher *mediation.Watcher
	options string
}

func watch(t *testing.T, collect string) *watched {
	store, err := control.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "control.db"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	w := &watched{T: t, dir: t.TempDir(), store: store, clock: &hands{now: time.Date(2026, 3, 17, 12, 0, 0, 0, time.UTC)}, options: collect}
	w.starts()
	return w
}

// starts makes a mediator that has just begun to watch.
func (w *watched) starts() {
	text := "source: sky\ncollect: { dir: " + w.dir + ", match: '*.csv', " + w.options +
		" }\ndecode: { csv: { header: true } }\nmap: [{ class: data, set: { sim: imsi(sim), at: epoch(at), quantity: octets(volume) } }]\n"
	s, list := source.Load("sky.yaml", []byte(text), nil)
	require.NotNil(w, s, "%v", list)
	w.watcher = newWatcher(w, mediation.WatcherOptions{
		Source: s, Site: s.Collect.Open(collect.Environment{Clock: w.clock}), Files: w.store, Clock: w.clock,
		Log: slog.New(slog.NewTextHandler(&w.log, nil)), Every: 30 * time.Second, Status: &mediation.WatcherStatus{},
	})
}

func (w *watched) write(name, text string) {
	require.NoError(w, os.WriteFile(filepath.Join(w.dir, name), []byte(text), 0o644))
}

func (w *watched) looks(after time.Duration) {
	w.clock.now = w.clock.now.Add(after)
	require.NoError(w, w.watcher.Look(w.Context()))
}

func (w *watched) file(name string) control.File {
	files, err := w.store.Files(w.Context(), control.FileFilter{Path: name})
	require.NoError(w, err)
	require.NotEmpty(w, files, name)
	return files[len(files)-1]
}

// read takes the next file and closes it.
func (w *watched) read() string {
	lease, found, err := w.store.LeaseNext(w.Context(), []control.Queue{{Source: "sky"}}, "m", w.clock.now, time.Minute)
	require.NoError(w, err)
	require.True(w, found)
	f, err := w.store.File(w.Context(), lease.File)
	require.NoError(w, err)
	if f.FileID.IsZero() {
		w.identifies(lease, f.Path)
	}
	require.NoError(w, w.store.Finish(w.Context(), lease, control.Progress{}, w.clock.now))
	return f.Path
}

// identifies records the identity of a file in the ledger.
func (w *watched) identifies(lease control.Lease, path string) *control.File {
	body, err := w.watcher.Site.(*collect.Site).Remote.Open(w.Context(), path, 0)
	require.NoError(w, err)
	defer body.Close()
	content, err := io.ReadAll(body)
	require.NoError(w, err)
	hash := sha256.Sum256(content)
	original, err := w.store.SetIdentity(w.Context(), lease, collect.Identity("sky", path, hash), hash[:], int64(len(content)), w.clock.now)
	require.NoError(w, err)
	return original
}

// shut is a ledger that cannot be written for some listings.
type shut struct {
	*control.Store
	listings int
}

func (s *shut) Sight(ctx context.Context, source string, seen []control.Sighting, now time.Time) (int, error) {
	if s.listings--; s.listings >= 0 {
		return 0, store.Away("the store", "entering files", io.ErrShortWrite)
	}
	return s.Store.Sight(ctx, source, seen, now)
}

// pauses is a clock that remembers pauses and ends the watcher after some of them.
type pauses struct {
	hands
	all []time.Duration
	end int
}

func (p *pauses) Sleep(ctx context.Context, d time.Duration) error {
	if p.all = append(p.all, d); len(p.all) == p.end {
		return context.Canceled
	}
	return p.hands.Sleep(ctx, d)
}

// The pauses do not grow, as they do for a source whose server is away: the store is back for all sources at once.
func TestASourceIsNotBlamedForAControlStoreThatIsAway(t *testing.T) {
	w := watch(t, "settled: 0s")
	w.write("a.csv", header+rows(1))
	clock := &pauses{hands: *w.clock, end: 6}
	var told []error
	o := w.watcher.WatcherOptions
	o.Files, o.Clock = &shut{w.store, 5}, clock
	o.Waits = func(what string, err error) {
		require.Equal(t, "record the files of source sky", what)
		told = append(told, err)
	}
	require.NoError(t, newWatcher(t, o).Run(t.Context()))
	require.Equal(t, slices.Repeat([]time.Duration{30 * time.Second}, 6), clock.all)
	require.Equal(t, control.Seen, w.file("a.csv").State)
	require.Zero(t, o.Status.Failures.Load())
	require.Len(t, told, 6)
	for i, err := range told {
		require.Equal(t, i < 5, backoff.From(err) == backoff.ControlStore, err)
	}
	require.Contains(t, w.log.String(), "waiting to record the files of source sky")
	require.NotContains(t, w.log.String(), "cannot be listed")
}

func TestAWatcherThatBeginsForgetsNoFile(t *testing.T) {
	w := watch(t, "settled: 60s")
	w.write("a.csv", "1")
	w.looks(0)
	w.looks(time.Minute)
	require.Equal(t, control.Seen, w.file("a.csv").State)
	for range 3 { // a mediator that crashes again and again, or a second one
		w.starts()
		w.looks(time.Second)
		require.Equal(t, control.Seen, w.file("a.csv").State, "it is listed, and waits")
	}
	w.write("b.csv", "1")
	require.NoError(t, os.Remove(filepath.Join(w.dir, "a.csv")))
	w.looks(time.Second)
	require.Equal(t, control.Vanished, w.file("a.csv").State)
	w.write("a.csv", "12")
	w.looks(time.Second)
	require.EqualValues(t, 2, w.watcher.Status.Growing.Load())
	w.looks(time.Minute)
	require.Equal(t, "a.csv", w.read())
	require.Equal(t, "b.csv", w.read())
}

func TestAFileThatGrowsLeavesNothingOpenBehind(t *testing.T) {
	w := watch(t, "settled: 0s")
	w.write("a.csv", "1")
	w.looks(0)
	lease, _, err := w.store.LeaseNext(t.Context(), []control.Queue{{Source: "sky"}}, "m", w.clock.now, time.Minute)
	require.NoError(t, err)
	require.NoError(t, w.store.Fail(t.Context(), lease, "it grew", w.clock.now.Add(time.Hour), w.clock.now))
	w.write("a.csv", "12")
	w.looks(time.Second)
	require.Equal(t, "a.csv", w.read())
	w.looks(2 * time.Hour)
	waiting, err := w.store.Waiting(t.Context())
	require.NoError(t, err)
	require.Empty(t, waiting)
}

func TestAFileThatCannotBeTidiedHoldsUpNoOther(t *testing.T) {
	w := watch(t, "settled: 0s, after: { move: done }")
	for _, name := range []string{"a.csv", "b.csv", "c.csv"} {
		w.write(name, name)
	}
	w.looks(0)
	for range 3 {
		w.read()
	}
	// First there is a file in place of the directory; then only a.csv is replaced before the watcher moves it.
	require.NoError(t, os.WriteFile(filepath.Join(w.dir, "done"), nil, 0o644))
	w.looks(time.Second)
	for _, name := range []string{"a.csv", "b.csv", "c.csv"} {
		require.NotEmpty(t, w.file(name).AfterWhy, name)
		require.True(t, w.file(name).After.IsZero())
	}
	require.NotZero(t, w.watcher.Status.Listed.Load(), "the source was listed")
	require.NoError(t, os.Remove(filepath.Join(w.dir, "done")))
	w.write("a.csv", "another")
	w.looks(time.Second)
	require.FileExists(t, filepath.Join(w.dir, "b.csv"), "not tried again so soon")
	w.looks(time.Minute)
	require.NoFileExists(t, filepath.Join(w.dir, "b.csv"))
	require.FileExists(t, filepath.Join(w.dir, "done/c.csv"))
	require.FileExists(t, filepath.Join(w.dir, "a.csv"))
	files, err := w.store.Files(t.Context(), control.FileFilter{Path: "a.csv"})
	require.NoError(t, err)
	require.Len(t, files, 2)
	require.Contains(t, files[0].AfterWhy, "another file now has its name")
	require.Empty(t, w.file("b.csv").AfterWhy)
	require.Equal(t, "a.csv", w.read())
}

func TestADirectoryThatIsNotThereLosesNoFile(t *testing.T) {
	w := watch(t, "settled: 0s")
	w.write("a.csv", "1")
	w.looks(0)
	require.NoError(t, os.Rename(w.dir, w.dir+".away"))
	require.ErrorContains(t, w.watcher.Look(t.Context()), "collect.dir "+w.dir+" cannot be reached")
	require.NoError(t, os.Rename(w.dir+".away", w.dir))
	w.looks(time.Second)
	require.Equal(t, "a.csv", w.read())
}

// A begun file was read as its copy, because another content of the same size and modification time has its name.
func TestWhatWasNotReadIsNotDeleted(t *testing.T) {
	w := watch(t, "settled: 0s, after: delete")
	ctx := t.Context()
	w.write("a.csv", "one")
	w.looks(0)
	begun, _, err := w.store.LeaseNext(ctx, []control.Queue{{Source: "sky"}}, "m", w.clock.now, time.Minute)
	require.NoError(t, err)
	w.identifies(begun, "a.csv")
	_, err = w.store.Pin(ctx, begun, control.Pins{Rules: "r", Partitions: 1}, w.clock.now)
	require.NoError(t, err)

	at := w.file("a.csv").MTime
	w.write("a.csv", "two")
	require.NoError(t, os.Chtimes(filepath.Join(w.dir, "a.csv"), at, at))
	w.write("b.csv", "one")
	w.looks(time.Second)
	_, err = w.store.Gone(ctx, begun, true, "another content", time.Time{}, w.clock.now)
	require.NoError(t, err)
	copied, _, err := w.store.LeaseNext(ctx, []control.Queue{{Source: "sky"}}, "m", w.clock.now, time.Minute)
	require.NoError(t, err)
	require.Equal(t, begun.File, w.identifies(copied, "b.csv").Number)
	require.Equal(t, "a.csv", w.read())
	w.looks(time.Second)
	require.NoFileExists(t, filepath.Join(w.dir, "b.csv"))
	require.FileExists(t, filepath.Join(w.dir, "a.csv"))
	require.Regexp(t, "it was read as b.csv", w.file("a.csv").AfterWhy)
	require.Empty(t, w.file("b.csv").AfterWhy)
}

// A server with times in seconds, or a program that copies files with their times, makes two contents look like one
// file.
func TestAFileThatWasWrittenAgainWithinTheSecondIsReadAndNotDeleted(t *testing.T) {
	for _, after := range []string{"delete", "{ move: done }"} {
		w := watch(t, "settled: 0s, after: "+after)
		at := w.clock.now.Add(-time.Minute)
		writes := func(text string) {
			w.write("a.csv", text)
			require.NoError(t, os.Chtimes(filepath.Join(w.dir, "a.csv"), at, at))
		}
		writes("one")
		w.looks(0)
		require.Equal(t, "a.csv", w.read())
		writes("two")
		w.looks(time.Second)
		require.FileExists(t, filepath.Join(w.dir, "a.csv"))
		require.Contains(t, w.log.String(), "other content now has its name")
		require.Contains(t, w.file("a.csv").AfterWhy, "it is read as its own file")
		w.looks(time.Second)
		require.Equal(t, "a.csv", w.read())
		w.looks(time.Second)
		require.NoFileExists(t, filepath.Join(w.dir, "a.csv"))
		files, err := w.store.Files(t.Context(), control.FileFilter{Path: "a.csv"})
		require.NoError(t, err)
		require.Len(t, files, 2)
		require.NotEqual(t, files[0].FileID, files[1].FileID)
		require.Empty(t, files[1].AfterWhy)
	}
}

// Every listed file that is not read is in the ledger with a reason: refused names, incomplete files, and directories
// that cannot be listed.
func TestWhatWaitsOrIsRefusedAtASourceIsInTheLedger(t *testing.T) {
	w := watch(t, "settled: 60s")
	w.write("back\\slash.csv", header+rows(1))
	w.write("tab\t.csv", header+rows(1))
	w.write("other\\.txt", "of no source")
	w.write("grows.csv", header+rows(1))
	require.NoError(t, os.Symlink("/etc/passwd", filepath.Join(w.dir, "link.csv")))
	w.looks(0)
	refused, err := w.store.Files(t.Context(), control.FileFilter{States: []control.FileState{control.Refused}})
	require.NoError(t, err)
	var names []string
	for _, f := range refused {
		names = append(names, f.Path)
		require.Contains(t, f.Why, "collect.exclude", f.Path)
		require.False(t, f.Open)
	}
	require.ElementsMatch(t, []string{`back\\slash.csv`, `tab\t.csv`, "link.csv"}, names)
	require.EqualValues(t, 3, w.watcher.Status.Refused.Load())
	arriving, err := w.store.Arriving(t.Context(), "sky")
	require.NoError(t, err)
	require.Len(t, arriving, 1)
	require.Contains(t, arriving[0].WaitsFor, "1m0s")
	since := arriving[0].Since

	w.starts() // another mediator, which sees it for the first time
	w.looks(time.Second)
	arriving, err = w.store.Arriving(t.Context(), "sky")
	require.NoError(t, err)
	require.Equal(t, since, arriving[0].Since)

	for _, name := range []string{"back\\slash.csv", "tab\t.csv", "link.csv"} {
		require.NoError(t, os.Remove(filepath.Join(w.dir, name)))
	}
	w.looks(time.Minute)
	require.Zero(t, w.watcher.Status.Refused.Load())
	require.Equal(t, control.Vanished, w.file("link.csv").State)
	require.Equal(t, control.Seen, w.file("grows.csv").State)
	arriving, err = w.store.Arriving(t.Context(), "sky")
	require.NoError(t, err)
	require.Empty(t, arriving)
}

func TestAFileWithANameInLatin1IsRead(t *testing.T) {
	w := watch(t, "settled: 0s, after: delete")
	w.write("caf\xe9.csv", header+rows(1))
	w.looks(0)
	f := w.file("caf")
	require.Equal(t, `caf\xE9.csv`, f.Path)
	e, err := w.watcher.Site.(*collect.Site).Remote.Stat(t.Context(), f.Path)
	require.NoError(t, err)
	require.True(t, e.Same(collect.Entry(f.Sighting)))
	require.Equal(t, f.Path, w.read())
	w.looks(0)
	require.NoFileExists(t, filepath.Join(w.dir, "caf\xe9.csv"))
}
