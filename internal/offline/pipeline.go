package offline

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path"
	"strings"
	"time"

	"ratemill/internal/broker"
	"ratemill/internal/control"
	"ratemill/internal/ratedlog"
	"ratemill/mediation"
	"ratemill/mediation/source"
	"ratemill/rating"
	"ratemill/registry"
	"ratemill/udr"
)

// File is a file to be rated.
type File struct {
	Source *source.Source
	Path   string    // as the source lists it; a part of the file's identity
	MTime  time.Time // as the source lists it for rules that read it
	Open   func() (io.ReadCloser, error)
}

// Pipeline holds the inputs of rating and the receivers of its results. Fill in the fields, then call Run.
type Pipeline struct {
	Sources    *source.Book
	Catalogue  *rating.Catalogue
	Registry   *registry.Registry
	Partitions int       // number of partitions over which billing roots are distributed; 0 and 1 are the same
	Now        time.Time // the clock's time; the zero Time is 1970, at which no usage is late
	LateUntil  int       // see mediation.Mediator

	// Before sets counters of a partition before the first record. May be nil.
	Before func(partition int, counters *rating.Counters) error
	// Batch is called with every batch of the rated log in order, with the file of its records; the batch points
	// into value, which does not change. One goroutine calls it, while the next records are being read.
	Batch func(f *File, partition int, b *ratedlog.Batch, value []byte) error
	// Begin is called before each file is read, and gives the clock's time from then on. It may bring Registry to a newer
	// revision. May be nil.
	Begin func(i int) (time.Time, error)
	// Progress is called from time to time with the bytes read so far. May be nil.
	Progress func(bytes, records int64)
	// Done is called with the balance of each file at its end. May be nil. It is called by Run's goroutine.
	Done func(*Balance)
}

// Run rates files one after another and returns their balances. A file that cannot be read to its end is not an
// error, because its balance shows that.
func (p *Pipeline) Run(ctx context.Context, files []File) ([]*Balance, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	still := &clock{p.Now}
	if p.Now.IsZero() {
		still.now = time.Unix(0, 0).UTC()
	}
	ref := &reference{p}
	r, err := newStages(ctx, p, ref, still)
	if err != nil {
		return nil, err
	}
	l := newFiles(files, still.now)
	m, err := mediation.NewMediator(mediation.MediatorOptions{
		Owner: "offline", Files: l, Spool: l, Reference: ref, Broker: r, Topics: broker.TopicsUnder("offline"),
		Partitions: max(p.Partitions, 1), Clock: still, Log: slog.New(slog.DiscardHandler), Progress: &mediation.Progress{},
		Lease: time.Hour, Idle: time.Hour, LateUntil: uint32(p.LateUntil),
	})
	if err != nil {
		return nil, err
	}
	r.read = m.Progress
	for i, f := range l.files {
		if p.Begin != nil {
			if still.now, err = p.Begin(i); err != nil {
				r.stop()
				return nil, err
			}
			l.now = still.now
		}
		l.next, r.file = f, &f.given
		_, err := m.Next(ctx)
		if raterErr := r.drain(); raterErr != nil {
			err = raterErr
		}
		if err != nil {
			r.stop()
			return nil, fmt.Errorf("%s: %w", f.given.Path, err)
		}
		b := l.balance(f, r)
		l.balances = append(l.balances, b)
		if p.Done != nil {
			p.Done(b)
		}
	}
	return l.balances, r.stop()
}

// Balance is the outcome of a file's records, counted at both ends: records that mediation read and records that rating
// decided.
type Balance struct {
	ID           udr.FileID
	Source, Path string
	Size         int64
	Records      int64 // raw records read, and those added by fan-out
	Filtered     int64
	Duplicate    int64
	Suspended    int64
	Rated        int64
	Bytes        int64
	Failure      string           // why the file could not be read to its end, or at all
	Notes        map[string]int64 // records with each note of the rules
	Continues    string           // path of the file that this file continues; only the rest was read
	From         int64            // bytes of the unpacked content that belong to that file and the files before it
	DuplicateOf  string           // path of the file with the same content; nothing was read
}

// Difference returns the number of records that the balance lacks: 0 if none was lost or doubled.
func (b *Balance) Difference() int64 {
	return b.Records - b.Filtered - b.Duplicate - b.Suspended - b.Rated
}

// clock stands still while a file is read. Waiting is pointless here, because only one thing happens at a time.
type clock struct{ now time.Time }

func (c *clock) Now() time.Time { return c.now }

func (c *clock) Sleep(ctx context.Context, _ time.Duration) error { return ctx.Err() }

// reference provides the only version of everything.
type reference struct{ p *Pipeline }

// Queues returns the queues of all sources; the caller determines the order of the files.
func (r *reference) Queues() (queues []control.Queue) {
	for _, s := range r.p.Sources.Sources {
		queues = append(queues, control.Queue{Source: s.Name})
	}
	return queues
}

func (r *reference) Source(_ context.Context, name, _ string) (*source.Source, error) {
	if s, ok := r.p.Sources.Source(name); ok {
		return s, nil
	}
	return nil, fmt.Errorf("the project has no source %s", name)
}

func (r *reference) Registry(context.Context, registry.Revision) (*registry.Registry, error) {
	return r.p.Registry, nil
}

func (r *reference) Catalogue(context.Context, string) (*rating.Catalogue, error) {
	return r.p.Catalogue, nil
}

func (r *reference) Current(context.Context) (registry.Revision, string, error) {
	return r.p.Registry.Revision(), r.p.Catalogue.Version(), nil
}

// Find returns the source whose pattern matches a file's name, and the path that the source would list: the
// pattern's folder and the file's own name. The file thus has the same identity here as in the source. plain uses
// the name of the unpacked file for a packed one.
func Find(sources []*source.Source, name string, plain bool) (s *source.Source, listed string, err error) {
	base := path.Base(name)
	var found []string
	for _, candidate := range sources {
		if p, ok := listedAs(candidate, base, plain); ok {
			if s == nil {
				s, listed = candidate, p
			}
			found = append(found, candidate.Name)
		}
	}
	switch len(found) {
	case 1:
		return s, listed, nil
	case 0:
		if len(sources) == 0 {
			return nil, "", fmt.Errorf("no source matches files named %s: the project has no source without errors; `ratemill "+
				"check` shows them", base)
		}
		return nil, "", fmt.Errorf("no source matches files named %s: none of the patterns (%s) matches; give the "+
			"source", base, patterns(sources))
	}
	return nil, "", fmt.Errorf("%s may be a file of %s; give the source", base, strings.Join(found, " or of "))
}

// Listed returns the path by which a source would list a file, or the file's name if no pattern of the source
// matches it.
func Listed(s *source.Source, name string) string {
	base := path.Base(name)
	for _, plain := range []bool{false, true} {
		if p, ok := listedAs(s, base, plain); ok {
			return p
		}
	}
	return base
}

func listedAs(s *source.Source, base string, plain bool) (string, bool) {
	for _, pattern := range s.Collect.Match {
		folder, last := path.Split(pattern)
		for {
			if ok, _ := path.Match(last, base); ok { // patterns were checked when they were loaded
				if s.Collect.SFTP == nil {
					folder = strings.TrimLeft(folder, "/")
				}
				if strings.ContainsAny(folder, `*?[\`) {
					folder = ""
				}
				return folder + base, true
			}
			packed := path.Ext(last)
			if !plain || packed != ".gz" && packed != ".zst" {
				break
			}
			last = strings.TrimSuffix(last, packed)
		}
	}
	return "", false
}

func patterns(sources []*source.Source) string {
	var all []string
	for _, s := range sources {
		all = append(all, s.Collect.Match...)
	}
	return strings.Join(all, ", ")
}

// OpenFile opens a file of this machine.
func OpenFile(name string) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) { return os.Open(name) }
}
