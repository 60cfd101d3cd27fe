package mediation_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/internal/broker"
	"ratemill/internal/control"
	"ratemill/mediation"
	"ratemill/mediation/collect"
	"ratemill/mediation/source"
	"ratemill/udr"
)

// appended is a file in a directory to which a switch appends, and a mediator that reads it.
type appended struct {
	testing.TB
	*keeper
	m     *mediation.Mediator
	w     *mediation.Watcher
	site  *collect.Site
	spool *collect.Spool
	path  string
	clock *hands

	fetched int64 // bytes
	size    int64
	lines   int
	records map[udr.FileID]uint64 // from the ends that were sent
}

func newAppended(t testing.TB, options string) *appended {
	a := &appended{TB: t, path: filepath.Join(t.TempDir(), "Master.csv"), clock: &hands{now: time.Date(2026, 3, 17, 12, 0, 0, 0,
		time.UTC)}, records: map[udr.FileID]uint64{}}
	store, err := control.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "control.db"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	a.spool, err = collect.OpenSpool(t.TempDir(), 64<<20)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, a.spool.Close()) })
	doc := "source: sky\ncollect: { dir: " + filepath.Dir(a.path) + ", match: '*.csv', settled: 0s" + options +
		" }\ndecode: { csv: { header: true, delimiter: ';' } }\n" +
		"map: [{ class: data, set: { sim: imsi(sim), at: epoch(at), quantity: octets(volume) } }]\n"
	var list any
	a.keeper = &keeper{Store: store}
	a.source, list = source.Load("sky.yaml", []byte(doc), nil)
	require.NotNil(t, a.source, "%v", list)
	a.site = a.source.Collect.Open(collect.Environment{Clock: a.clock})
	a.site.Remote = counting{a.site.Remote, a}
	log := slog.New(slog.DiscardHandler)
	a.m = newMediator(t, mediation.MediatorOptions{Owner: "m", Files: store, Spool: a, Reference: a, Broker: ending{topic{a.keeper},
		a}, Topics: broker.TopicsUnder("x"), Partitions: 1,
		Clock: a.clock, Log: log, Progress: &mediation.Progress{}, Lease: time.Minute})
	a.w = newWatcher(t, mediation.WatcherOptions{Source: a.source, Site: a.site, Files: store, Clock: a.clock, Log: log,
		Every: time.Minute, Status: &mediation.WatcherStatus{}})
	return a
}

// counting counts the bytes read from a place.
type counting struct {
	collect.Remote
	a *appended
}

func (c counting) Open(ctx context.Context, path string, offset int64) (io.ReadCloser, error) {
	r, err := c.Remote.Open(ctx, path, offset)
	return struct {
		io.Reader
		io.Closer
	}{io.TeeReader(r, c), r}, err
}

func (c counting) Write(p []byte) (int, error) {
	c.a.fetched += int64(len(p))
	return len(p), nil
}

// ending notes the ends of files.
type ending struct {
	topic
	a *appended
}

func (e ending) Append(_ context.Context, _ string, _ int, messages []broker.Message) broker.Pending {
	for _, m := range messages {
		var b udr.Batch
		require.NoError(e.a, udr.ParseBatch(m.Value, &b))
		if b.End != nil {
			e.a.records[b.File] = b.End.Records
		}
	}
	return acked{nil}
}

func (a *appended) Fetch(ctx context.Context, src *source.Source, f *control.File, prefix *collect.Prefix,
	_ func(context.Context) error) (mediation.Content, error) {
	s, err := a.spool.Fetch(ctx, a.site.Remote, collect.Entry(f.Place), collect.Fetching{Clock: a.clock, Grown: f.Pinned, Prefix: prefix})
	if err != nil {
		return mediation.Content{}, err
	}
	return mediation.Content{ID: collect.Identity(src.Name, f.Path, s.Hash), Hash: s.Hash[:], Size: s.Size, From: s.From, Sum: s.State,
		More: s.More, Open: func() (io.ReadCloser, error) { return s.Open() }, Done: s.Release}, nil
}

// grows appends lines and reads the file; it returns the resulting file of the ledger.
func (a *appended) grows(lines int) control.File {
	var text strings.Builder
	if a.size == 0 {
		text.WriteString(header)
	}
	for range lines {
		a.lines++
		fmt.Fprintf(&text, "214070000000001;1773702602;%09d\n", a.lines)
	}
	a.size += int64(text.Len())
	file, err := os.OpenFile(a.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	require.NoError(a, err)
	_, err = file.WriteString(text.String())
	require.NoError(a, err)
	require.NoError(a, file.Close())
	return a.reads()
}

func (a *appended) reads() control.File {
	a.clock.now = a.clock.now.Add(time.Minute)
	require.NoError(a, a.w.Look(a.Context()))
	for {
		took, err := a.m.Next(a.Context())
		require.NoError(a, err)
		if !took {
			break
		}
	}
	files, err := a.Store.Files(a.Context(), control.FileFilter{})
	require.NoError(a, err)
	return files[len(files)-1]
}

func (a *appended) sent() (records uint64) {
	for _, n := range a.records {
		records += n
	}
	return records
}

const lineSize = 37

func TestOfAFileThatGrowsOnlyTheNewBytesAreFetched(t *testing.T) {
	const compared, least = int64(64 << 10), 256 << 10
	a := newAppended(t, "")
	first := a.grows(least/lineSize + 10)
	require.EqualValues(t, a.size, a.fetched)
	require.Zero(t, first.Pins.Part.Fetched)
	for range 5 {
		before, size := a.fetched, a.size
		f := a.grows(100)
		require.Equal(t, control.Done, f.State)
		require.EqualValues(t, compared+100*lineSize, a.fetched-before)
		require.Equal(t, []any{size, size}, []any{f.Pins.Part.From, f.Pins.Part.Fetched})
		require.True(t, f.Compared.Equal(first.Compared), "the whole was compared when the first part was read")
		require.EqualValues(t, a.lines, a.sent())
	}

	// A day later the whole file is fetched, and then not again for a day.
	a.clock.now = a.clock.now.Add(24 * time.Hour)
	before := a.fetched
	f := a.grows(1)
	require.EqualValues(t, a.size, a.fetched-before)
	require.Zero(t, f.Pins.Part.Fetched)
	require.True(t, f.Compared.After(first.Compared))
	require.NotZero(t, a.grows(1).Pins.Part.Fetched)

	// The file is rotated, and the new one is longer than the old one before the next listing.
	require.NoError(t, os.Rename(a.path, a.path+".old"))
	lines := a.lines
	a.size, before = 0, a.fetched
	f = a.grows(lines + 100)
	require.Zero(t, f.Pins.Part.From)
	require.Greater(t, a.fetched-before, compared+a.size, "what was to be compared, then all of it")
	require.EqualValues(t, a.lines, a.sent())

	// The file is rewritten with as many bytes, and begins and ends as before.
	text, err := os.ReadFile(a.path)
	require.NoError(t, err)
	text[len(header)+lineSize+len("214070000000001;1773702602;")]++
	require.NoError(t, os.WriteFile(a.path, text, 0o644))
	require.NoError(t, os.Chtimes(a.path, a.clock.now, a.clock.now))
	f = a.reads()
	require.Contains(t, f.Why, "content that was read has changed")
	require.EqualValues(t, a.lines, a.sent())
}

func TestAFileWhoseBytesAreAlwaysVerifiedIsFetchedAsAWhole(t *testing.T) {
	a := newAppended(t, ", verify: always")
	for range 3 {
		before := a.fetched
		require.Zero(t, a.grows(8000).Pins.Part.Fetched)
		require.EqualValues(t, a.size, a.fetched-before)
	}
	require.EqualValues(t, a.lines, a.sent())
}

// 18.5 MB in 200 parts.
func BenchmarkAFileThatGrows(b *testing.B) {
	for _, verify := range []string{"daily", "always"} {
		b.Run(verify, func(b *testing.B) {
			for b.Loop() {
				a := newAppended(b, ", verify: "+verify)
				for range 200 {
					a.grows(2500)
				}
				require.EqualValues(b, a.lines, a.sent())
				b.ReportMetric(float64(a.size)/1e6, "MB")
				b.ReportMetric(float64(a.fetched)/1e6, "MB-fetched")
			}
		})
	}
}
