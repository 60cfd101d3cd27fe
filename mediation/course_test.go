package mediation_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/internal/backoff"
	"ratemill/internal/broker"
	"ratemill/internal/control"
	"ratemill/internal/proof/seeds"
	"ratemill/internal/store"
	"ratemill/mediation"
	"ratemill/mediation/collect"
	"ratemill/mediation/source"
	"ratemill/registry"
	"ratemill/udr"
)

var courses = flag.Int("courses", 50, "random courses of files through the ledger, and as many of fresh seeds")

// A carrier renames, touches, copies, replaces and removes files at any moment, while mediators crash, stand still
// until others take over, and lose answers. All records of a content are sent, under one identity; no file is deleted
// unread; and in the end no file on the server is unread.
func TestEveryCourseOfFilesReadsEachContentOnce(t *testing.T) {
	store, err := control.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "control.db"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	spool, err := collect.OpenSpool(t.TempDir(), 1<<20)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, spool.Close()) })
	for seed := range seeds.Each(t, *courses, *courses) {
		c := newCourse(t, seed, store, spool)
		for range 40 {
			c.something(0)
		}
		c.settle()
		if len(c.wrong) > 0 {
			t.Fatalf("course %d: %s\n%s", seed, strings.Join(c.wrong, "\n"), strings.Join(c.said, "\n"))
		}
	}
}

// course is a carrier's server, the mediators of one source, and their results.
type course struct {
	*testing.T
	name   string
	rng    *rand.Rand
	clock  *hands
	store  *control.Store
	spool  *collect.Spool
	source *source.Source
	former *source.Source // another version of its document, in a course with growing files
	site   *collect.Site
	files  map[string]lying
	gone   map[string]lying // the content that the carrier last removed from a path
	made   int              // numbers for contents, moments and mediators

	calm    bool
	busy    int                         // how many actors stand still while something else happens
	ids     map[udr.FileID]int          // the content of each identity
	out     map[int]map[udr.FileID]bool // the identities under which the records of a content were sent
	seqs    map[udr.FileID]uint64       // those records, one bit each
	read    map[int]bool                // contents that are done
	said    []string
	wrong   []string
	log     *log // of a course with growing files
	resumed int  // fetches of only the new bytes
}

// lying is a file on the server.
type lying struct {
	content int
	mtime   time.Time
}

func text(content int) string {
	var b strings.Builder
	b.WriteString("sim;at;volume\n")
	for i := range 5 {
		fmt.Fprintf(&b, "2140700000000%02d;1773702602;%06d\n", i, content)
	}
	return b.String()
}

func (c *course) text(content int) string {
	if c.log != nil {
		return c.log.texts[content]
	}
	return text(content)
}

func newCourse(t *testing.T, seed uint64, store *control.Store, spool *collect.Spool) *course {
	c := &course{T: t, name: fmt.Sprintf("sky%d", seed), rng: rand.New(rand.NewPCG(seed, 1)),
		clock: &hands{now: time.Date(2026, 3, 17, 12, 0, 0, 0, time.UTC)},
		store: store, spool: spool, files: map[string]lying{}, gone: map[string]lying{}, ids: map[udr.FileID]int{},
		out: map[int]map[udr.FileID]bool{}, seqs: map[udr.FileID]uint64{}, read: map[int]bool{}}
	after := []string{"leave", "delete", "{ move: done }"}[seed%3]
	const decoded, other = "decode: { csv: { header: true, delimiter: ';' } }",
		"decode: { csv: { skip: 1, columns: [sim, at, volume], delimiter: ';' } }"
	doc := "source: " + c.name + "\ncollect: { dir: in, match: '*.csv', settled: 0s, after: " + after + " }\n" + decoded +
		"\nmap: [{ class: data, set: { sim: imsi(sim), at: epoch(at), quantity: octets(volume) } }]\n"
	var list any
	c.source, list = source.Load(c.name+".yaml", []byte(doc), nil)
	require.NotNil(t, c.source, "%v", list)
	c.former, _ = source.Load(c.name+".yaml", []byte(strings.Replace(doc, decoded, other, 1)), nil)
	c.site = collect.NewSite(&c.source.Collect, server{c})
	return c
}

func (c *course) say(format string, args ...any) {
	c.said = append(c.said, strings.Repeat("  ", c.busy)+fmt.Sprintf(format, args...))
}

func (c *course) fault(format string, args ...any) {
	c.say("WRONG: "+format, args...)
	c.wrong = append(c.wrong, fmt.Sprintf(format, args...))
}

// something happens: the carrier changes its files, or an actor does something.
func (c *course) something(depth int) {
	c.clock.now = c.clock.now.Add(time.Duration(c.rng.IntN(20)) * time.Second)
	switch n := c.rng.IntN(10); {
	case n < 4:
		c.carrier()
	case n < 7:
		c.watch()
	case n < 8:
		c.operator()
	case depth < 3:
		c.mediate()
	}
}

func (c *course) carrier() {
	if c.log != nil {
		c.log.changes()
		return
	}
	paths := slices.DeleteFunc(slices.Sorted(maps.Keys(c.files)), moved)
	free := fmt.Sprintf("%c.csv", 'a'+c.rng.IntN(3))
	c.made++
	now := c.clock.now.Add(time.Duration(c.made) * time.Millisecond)
	if len(c.gone) > 0 && c.rng.IntN(4) == 0 {
		path := slices.Sorted(maps.Keys(c.gone))[c.rng.IntN(len(c.gone))]
		c.put(path, c.gone[path]) // with its original content
		return
	}
	if len(paths) == 0 || c.rng.IntN(4) == 0 {
		content := c.made
		if c.rng.IntN(3) == 0 && c.made > 1 { // it comes again
			content = 1 + c.rng.IntN(c.made)
		}
		c.put(free, lying{content, now})
		return
	}
	path := paths[c.rng.IntN(len(paths))]
	f := c.files[path]
	switch c.rng.IntN(6) {
	case 0:
		c.removes(path)
	case 1:
		c.removes(path)
		c.put(free, f)
	case 2:
		c.put(path, lying{f.content, now})
	case 3:
		c.put(path, lying{c.made, now})
	case 4:
		c.put(free, lying{f.content, now})
	case 5:
		c.put(path, lying{c.made, f.mtime}) // as the listing had it
	}
}

func (c *course) removes(path string) {
	c.say("carrier removes %s", path)
	c.gone[path] = c.files[path]
	delete(c.files, path)
}

func moved(path string) bool {
	return strings.HasPrefix(path, "done/") || strings.HasPrefix(path, ".ratemill-")
}

func (c *course) put(path string, f lying) {
	c.files[path] = f
	c.knows(path, f)
	for p := range 3 { // it may be renamed to
		c.knows(fmt.Sprintf("%c.csv", 'a'+p), f)
	}
	c.say("carrier has %s with %d of %s", path, f.content, f.mtime.Format("05.000"))
}

// knows records the identity that a file has under a name.
func (c *course) knows(path string, f lying) {
	c.ids[collect.Identity(c.name, path, sha256.Sum256([]byte(c.text(f.content))))] = f.content
}

func (c *course) watch() {
	w := newWatcher(c, mediation.WatcherOptions{Source: c.source, Site: c.site, Files: &actor{Store: c.store, c: c}, Clock: c.clock,
		Log: slog.New(slog.DiscardHandler), Every: time.Minute, Status: &mediation.WatcherStatus{}})
	c.say("a watcher looks")
	c.ends(w.Look(c.Context()))
}

func (c *course) ends(err error) {
	if err != nil && !errors.Is(err, errStruck) && backoff.From(err) != backoff.ControlStore {
		c.fault("it ended with %v", err)
	}
}

func (c *course) mediate() (took bool) {
	c.made++
	a := &actor{Store: c.store, c: c}
	m := newMediator(c, mediation.MediatorOptions{Owner: fmt.Sprintf("m%d", c.made), Files: a, Spool: a, Reference: a,
		Broker: usage{a}, Topics: broker.TopicsUnder("x"), Partitions: 2, Clock: c.clock,
		Log: slog.New(slog.DiscardHandler), Progress: &mediation.Progress{}, Lease: 30 * time.Second, Idle: time.Second, ChunkRecords: 2,
		RecordEvery: time.Nanosecond})
	if c.log != nil {
		m.Window = logWindow
	}
	c.say("%s begins", m.Owner)
	c.busy++
	took, err := m.Next(c.Context())
	c.busy--
	c.say("%s ends: %v", m.Owner, err)
	c.ends(err)
	return took
}

func (c *course) operator() {
	files, err := c.store.Files(c.Context(), control.FileFilter{Source: c.name, States: []control.FileState{control.Failed, control.Vanished}})
	require.NoError(c, err)
	if len(files) == 0 {
		return
	}
	f := files[c.rng.IntN(len(files))]
	c.say("operator retries %d", f.Number)
	if err := c.store.RetryFile(c.Context(), f.Number, c.clock.now); err != nil && !errors.Is(err, control.ErrConflict) {
		c.fault("retry: %v", err)
	}
}

// settle lets all actors work until nothing is left to do.
func (c *course) settle() {
	c.calm = true
	c.say("calm")
	if c.log != nil {
		c.log.ends()
	}
	for range 6 {
		c.clock.now = c.clock.now.Add(2 * time.Hour)
		c.watch()
		for c.mediate() {
		}
	}
	all, err := c.store.Files(c.Context(), control.FileFilter{Source: c.name})
	require.NoError(c, err)
	for _, f := range all {
		c.say("%d %s %s %s open %v pinned %v dup of %d place %s: %s", f.Number, f.Path, f.MTime.Format("05.000"), f.State, f.Open, f.Pinned,
			f.DuplicateOf, f.Place.Path, f.Why)
		if f.Open && !strings.Contains(f.Why, "probably an older copy") { // and all of it was sent, as the log's judge sees
			c.fault("file %d is open", f.Number)
		}
	}
	if c.log != nil {
		c.log.judge(all)
		if c.log.rewritten {
			c.log.rewrites()
		}
		return
	}
	for path, f := range c.files {
		if strings.HasPrefix(path, ".ratemill-") {
			c.fault("%s with %d was left", path, f.content)
		}
		if c.read[f.content] || moved(path) {
			continue
		}
		hash := sha256.Sum256([]byte(c.text(f.content)))
		hidden := false // behind another file with the same listing; then only a person can tell them apart
		for _, k := range all {
			hidden = hidden || k.Path == path && k.MTime.Equal(f.mtime) && (k.Content != nil && string(k.Content) != string(hash[:]) ||
				strings.Contains(k.Why, "has another content"))
		}
		if !hidden {
			c.fault("%s with %d is there, and was not read", path, f.content)
		}
	}
}

// actor is a mediator or a watcher, until it crashes.
type actor struct {
	*control.Store
	c    *course
	dead bool
}

var errStruck = errors.New("struck")

// does is an effect. The actor may crash before or after it, and other things may happen before it.
func (a *actor) does(what string, do func() error) error {
	if a.dead {
		return errStruck
	}
	c := a.c
	if c.calm {
		return do()
	}
	for c.busy < 4 && c.rng.IntN(4) == 0 {
		c.busy++
		c.something(c.busy)
		c.busy--
	}
	n := c.rng.IntN(40)
	err := errStruck
	if n%2 == 0 || n > 3 {
		err = do()
		c.say("%s: %v", what, err)
	}
	switch {
	case n < 2:
		a.dead = true
		c.say("struck at %s", what)
		return errStruck
	case n < 4:
		c.say("no answer to %s", what)
		return store.Away("the store", what, io.ErrUnexpectedEOF)
	}
	return err
}

func (a *actor) LeaseNext(ctx context.Context, queues []control.Queue, owner string, now time.Time, ttl time.Duration) (l control.Lease,
	found bool, err error) {
	err = a.does("lease", func() error { l, found, err = a.Store.LeaseNext(ctx, queues, owner, a.c.clock.now, ttl); return err })
	return l, found, err
}

func (a *actor) Renew(ctx context.Context, lease control.Lease, now time.Time, ttl time.Duration) (l control.Lease, err error) {
	err = a.does("renew", func() error { l, err = a.Store.Renew(ctx, lease, now, ttl); return err })
	return l, err
}

func (a *actor) Release(ctx context.Context, lease control.Lease) error {
	return a.does("release", func() error { return a.Store.Release(ctx, lease) })
}

func (a *actor) SetIdentity(ctx context.Context, lease control.Lease, id udr.FileID, content []byte, size int64, now time.Time,
	others ...control.OtherKey) (f *control.File, err error) {
	err = a.does(fmt.Sprintf("identity %d of %d", a.c.ids[id], lease.File), func() error {
		f, err = a.Store.SetIdentity(ctx, lease, id, content, size, now, others...)
		return err
	})
	return f, err
}

func (a *actor) Pin(ctx context.Context, lease control.Lease, pins control.Pins, now time.Time) (p control.Pins, err error) {
	err = a.does(fmt.Sprintf("pin %d", lease.File), func() error { p, err = a.Store.Pin(ctx, lease, pins, now); return err })
	return p, err
}

func (a *actor) ReadOn(ctx context.Context, lease control.Lease, state []byte, compared time.Time) error {
	return a.does(fmt.Sprintf("how to read on after %d", lease.File), func() error { return a.Store.ReadOn(ctx, lease, state, compared) })
}

func (a *actor) RecordProgress(ctx context.Context, lease control.Lease, p control.Progress, now time.Time,
	ttl time.Duration) (l control.Lease, err error) {
	err = a.does(fmt.Sprintf("progress %d", lease.File), func() error { l, err = a.Store.RecordProgress(ctx, lease, p, now, ttl); return err })
	return l, err
}

func (a *actor) Finish(ctx context.Context, lease control.Lease, p control.Progress, now time.Time) error {
	return a.does(fmt.Sprintf("finish %d", lease.File), func() error { return a.Store.Finish(ctx, lease, p, now) })
}

func (a *actor) Fail(ctx context.Context, lease control.Lease, why string, retryAt, now time.Time) error {
	return a.does(fmt.Sprintf("fail %d: %s", lease.File, why), func() error { return a.Store.Fail(ctx, lease, why, retryAt, now) })
}

func (a *actor) Gone(ctx context.Context, lease control.Lease, other bool, why string, retryAt, now time.Time) (found int64, err error) {
	err = a.does(fmt.Sprintf("gone %d %v", lease.File, other), func() error {
		found, err = a.Store.Gone(ctx, lease, other, why, retryAt, now)
		return err
	})
	return found, err
}

func (a *actor) Sight(ctx context.Context, source string, entries []control.Sighting, now time.Time) (n int, err error) {
	err = a.does("sight", func() error { n, err = a.Store.Sight(ctx, source, entries, now); return err })
	return n, err
}

func (a *actor) MarkVanished(ctx context.Context, source string, listedSince, now time.Time) (n int64, err error) {
	err = a.does("vanished", func() error { n, err = a.Store.MarkVanished(ctx, source, listedSince, now); return err })
	return n, err
}

func (a *actor) MarkAfterDone(ctx context.Context, number int64, whyNot string, now time.Time) error {
	return a.does(fmt.Sprintf("after of %d done %s", number, whyNot), func() error { return a.Store.MarkAfterDone(ctx, number, whyNot, now) })
}

// Fetch implements mediation.Spool.
func (a *actor) Fetch(ctx context.Context, src *source.Source, f *control.File, prefix *collect.Prefix,
	renew func(context.Context) error) (content mediation.Content, err error) {
	err = a.does(fmt.Sprintf("fetch %d from %s", f.Number, f.Place.Path), func() error {
		s, err := a.c.spool.Fetch(ctx, server{a.c}, collect.Entry(f.Place), collect.Fetching{Clock: a.c.clock, Grown: f.Pinned,
			Prefix: prefix})
		if err != nil {
			return err
		}
		if c := a.c; s.From > 0 {
			c.resumed++
		}
		content = mediation.Content{ID: collect.Identity(src.Name, f.Path, s.Hash), Hash: s.Hash[:], Size: s.Size, From: s.From,
			Sum: s.State, More: s.More, Open: func() (io.ReadCloser, error) { return s.Open() }, Done: s.Release}
		return nil
	})
	return content, err
}

func (a *actor) Queues() []control.Queue {
	return []control.Queue{{Source: a.c.name, Parallel: a.c.source.Collect.After.Leaves()}}
}
func (a *actor) Source(_ context.Context, _, version string) (*source.Source, error) {
	if version == a.c.former.Version {
		return a.c.former, nil
	}
	return a.c.source, nil
}
func (a *actor) Registry(context.Context, registry.Revision) (*registry.Registry, error) {
	return registry.New(), nil
}
func (a *actor) Current(context.Context) (registry.Revision, string, error) { return 0, "c", nil }

// usage is the topic, as one actor appends to it.
type usage struct{ *actor }

// Append implements broker.Broker.
func (a usage) Append(_ context.Context, _ string, partition int, messages []broker.Message) broker.Pending {
	return acked{a.does("append", func() error { a.c.appended(partition, messages); return nil })}
}

type acked struct{ err error }

func (p acked) Wait(context.Context) (int64, error) { return 0, p.err }

func (usage) Fetch(context.Context, string, int, int64, time.Duration, []broker.Message) ([]broker.Message, error) {
	return nil, nil
}

func (usage) Bounds(context.Context, string, int) (int64, int64, error) { return 0, 0, nil }

func (c *course) appended(_ int, messages []broker.Message) {
	if c.log != nil {
		c.log.appended(messages)
		return
	}
	for _, m := range messages {
		var b udr.Batch
		require.NoError(c, udr.ParseBatch(m.Value, &b))
		content := c.ids[b.File]
		for _, raw := range b.Suspended {
			var s udr.Suspended
			require.NoError(c, udr.ParseSuspended(raw, &s))
			if !strings.Contains(string(s.Raw), fmt.Sprintf(";%06d", content)) {
				c.fault("%q goes out as %d", s.Raw, content)
			}
			if c.out[content] == nil {
				c.out[content] = map[udr.FileID]bool{}
			}
			c.out[content][b.File] = true
			c.seqs[b.File] |= 1 << s.Seq
		}
		if len(c.out[content]) > 1 {
			c.fault("%d goes out twice", content)
		}
		if b.End != nil && b.End.Records > 0 {
			if c.seqs[b.File] != 0b111110 || b.End.Records != 5 {
				c.fault("%d ends with %b", content, c.seqs[b.File])
			}
			c.read[content] = true
		}
	}
}

// server is the carrier's server.
type server struct{ c *course }

func (s server) entry(path string) (collect.Entry, error) {
	f, ok := s.c.files[path]
	if !ok {
		return collect.Entry{}, &collect.GoneError{Path: path}
	}
	return collect.Entry{Path: path, Size: int64(len(s.c.text(f.content))), MTime: f.mtime}, nil
}

func (s server) List(context.Context) (l collect.Listing, err error) {
	for _, path := range slices.Sorted(maps.Keys(s.c.files)) {
		switch e, err := s.entry(path); {
		case err != nil || strings.HasPrefix(path, "done/"):
		case moved(path):
			l.Aside = append(l.Aside, e)
		default:
			l.Entries = append(l.Entries, e)
		}
	}
	return l, nil
}

func (s server) Open(_ context.Context, path string, offset int64) (io.ReadCloser, error) {
	s.meanwhile()
	if _, err := s.entry(path); err != nil {
		return nil, err
	}
	return io.NopCloser(strings.NewReader(s.c.text(s.c.files[path].content)[offset:])), nil
}

func (s server) Stat(_ context.Context, path string) (collect.Entry, error) { return s.entry(path) }

// leaves is a file that a watcher moves or deletes.
func (s server) leaves(path string) {
	if f, ok := s.c.files[path]; ok && !s.c.read[f.content] {
		s.c.fault("%s with %d is taken away, and was not read", path, f.content)
	}
}

func (s server) Rename(_ context.Context, path, to string) error {
	s.meanwhile()
	f, ok := s.c.files[path]
	if !ok {
		return &collect.GoneError{Path: path}
	}
	if _, ok := s.c.files[to]; ok {
		return os.ErrExist
	}
	delete(s.c.files, path)
	s.c.files[to] = f
	s.c.knows(to, f) // a.1.csv, if the carrier has a new a.csv when the watcher puts this one back
	s.c.say("renamed %s to %s", path, to)
	s.meanwhile()
	if !s.c.calm && s.c.rng.IntN(20) == 0 {
		return errStruck
	}
	return nil
}

// meanwhile the carrier or another actor may do something.
func (s server) meanwhile() {
	if s.c.calm || s.c.busy > 3 || s.c.rng.IntN(4) > 0 {
		return
	}
	s.c.busy++
	s.c.something(s.c.busy)
	s.c.busy--
}

func (s server) Move(_ context.Context, path, directory, name string) error {
	if f, ok := s.c.files[path]; ok {
		s.leaves(path)
		s.c.say("moved %s", path)
		delete(s.c.files, path)
		s.c.files[fmt.Sprintf("%s/%s.%d", directory, name, len(s.c.said))] = f
	}
	return nil
}

func (s server) Delete(_ context.Context, path string) error {
	s.leaves(path)
	s.c.say("deleted %s", path)
	delete(s.c.files, path)
	return nil
}

func (s server) Close() error { return nil }
