package roles

import (
	"context"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"ratemill/internal/control"
	"ratemill/internal/metric"
	"ratemill/mediation"
	"ratemill/mediation/collect"
	"ratemill/mediation/source"
)

// Mediation reads files and turns them into usage records.
var Mediation = Role{Name: roleMediation, Metrics: []*metric.Section{mediationMetrics}, Begin: beginMediation,
	Work: Work{Title: "mediation: collect, decode, rules", Done: mediationRecords, Records: true}}

const roleMediation = "mediation"

func beginMediation(ctx context.Context, n *Node) (*Running, error) {
	r, err := newMediation(ctx, n)
	if err != nil {
		return nil, err
	}
	return r.running(), nil
}

func (r *mediationRole) running() *Running {
	return &Running{Run: r.run, Missing: r.missing, Concerns: r.concerns, Metrics: r.metrics}
}

// mediationRole lists the sources and reads their files.
type mediationRole struct {
	n        *Node
	sites    map[string]*collect.Site
	status   map[string]*mediation.WatcherStatus
	spool    *collect.Spool
	progress mediation.Progress
	arrivals arrivals
	backlog  backlog
	held     map[string]string // why sources are not read
}

func newMediation(ctx context.Context, n *Node) (*mediationRole, error) {
	r := &mediationRole{n: n, backlog: backlog{n: n}, sites: map[string]*collect.Site{}, status: map[string]*mediation.WatcherStatus{}}
	var err error
	if r.held, err = n.held(ctx); err != nil {
		return nil, err
	}
	if r.spool, err = collect.OpenSpool(filepath.Join(n.Config.Data, "spool"), n.Config.Mediation.SpoolBytes); err != nil {
		return nil, err
	}
	for _, s := range n.Project.Sources.Sources {
		r.sites[s.Name] = s.Collect.Open(collect.Environment{Dir: n.Config.Project, Clock: clock{}, Random: rand.Float64})
		r.status[s.Name] = &mediation.WatcherStatus{}
	}
	return r, nil
}

func (r *mediationRole) run(ctx context.Context) error {
	defer r.spool.Close()
	retries := &retryContents{n: r.n}
	defer retries.close()
	former := &removed{reference: r.n.reference, n: r.n}
	defer former.close()
	watchers, err := r.watchers()
	if err != nil {
		return err
	}
	mediators, err := r.mediators(former, retries)
	if err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return r.arrivals.follow(ctx, r.n) })
	g.Go(func() error { return r.backlog.follow(ctx) })
	g.Go(func() error { return former.follow(ctx) })
	for _, w := range watchers {
		g.Go(func() error {
			defer r.sites[w.Source.Name].Close()
			return w.Run(ctx)
		})
	}
	for _, m := range mediators {
		g.Go(func() error { return m.Run(ctx) })
	}
	return g.Wait()
}

// watchers are the watchers of the sources that are not held back.
func (r *mediationRole) watchers() (all []*mediation.Watcher, err error) {
	for _, s := range r.n.Project.Sources.Sources {
		if why := r.held[s.Name]; why != "" {
			r.n.Log.Error("a source is held back", "source", s.Name, "why", why)
			continue
		}
		w, err := mediation.NewWatcher(mediation.WatcherOptions{
			Source: s, Site: r.sites[s.Name], Files: r.n.Store, Clock: clock{}, Ledger: r.n.LedgerTime.Now, Log: r.n.Log,
			Every: s.Collect.Interval(), Status: r.status[s.Name], Random: rand.Float64, Waits: r.n.Waits(roleMediation),
		})
		if err != nil {
			return nil, err
		}
		all = append(all, w)
	}
	return all, nil
}

// mediators returns the workers, with one more for sources whose servers did not answer last time.
func (r *mediationRole) mediators(former *removed, retries *retryContents) (all []*mediation.Mediator, err error) {
	n := r.n
	for i := range n.Config.Mediation.Workers + 1 {
		share := mediation.Reachable
		if i == n.Config.Mediation.Workers {
			share = mediation.Doubtful
		}
		m, err := mediation.NewMediator(mediation.MediatorOptions{
			Owner: fmt.Sprintf("%s/%d", n.Owner, i), Files: n.Store, Spool: &siteSpool{r.spool, r.sites, former, retries},
			Reference: former, Broker: n.Kafka, Topics: n.Topics, Partitions: n.Partitions, Clock: clock{}, Ledger: n.LedgerTime.Now,
			Log: n.Log, Progress: &r.progress, Lease: n.Config.Mediation.Lease, Ticker: mediation.RealTime, Random: rand.Float64,
			Hold: r.backlog.hold, Waits: n.Waits(fmt.Sprintf("%s, worker %d", roleMediation, i)), Share: share,
			Revisions: n.Store.RegistryRevisions, LateUntil: uint32(n.Config.LateUntil),
			Arrived: retries.arrived, EndsKnown: n.Config.Kafka.UsageFor / 2,
		})
		if err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	return all, nil
}

// missing returns the reason why no file at all can be fetched.
func (r *mediationRole) missing() []string {
	if why := r.progress.Away.All(time.Now())[mediation.Spooling]; why != "" {
		return []string{why}
	}
	return nil
}

// concerns lists the sources that cannot be listed or read, and the reason why mediation is held back.
func (r *mediationRole) concerns() (what []string) {
	what = r.sources()
	if why := r.backlog.held(); why != "" {
		what = append(what, "mediation: "+why)
	}
	return what
}

// sources lists the sources that cannot be listed or read.
func (r *mediationRole) sources() (what []string) {
	away := r.progress.Away.All(time.Now())
	for _, name := range r.n.Project.Sources.Names() {
		s := r.status[name]
		if why := r.held[name]; why != "" {
			what = append(what, fmt.Sprintf("source %s is held back: %s", name, why))
		}
		if n := s.Failures.Load(); n > 0 {
			what = append(what, fmt.Sprintf("source %s: %d listings failed: %v", name, n, s.LastError.Load()))
		} else if why := away[name]; why != "" {
			what = append(what, fmt.Sprintf("source %s: its files cannot be fetched: %s", name, why))
		}
		if n := s.Refused.Load(); n > 0 {
			what = append(what, fmt.Sprintf("source %s: %d files or directories cannot be read (`ratemill files --source %s "+
				"--state refused` shows why)", name, n, name))
		}
		if age := time.Duration(s.Arriving.Load()) * time.Second; age >= longArriving {
			what = append(what, fmt.Sprintf("source %s: a file has been incomplete for %s (`ratemill files --source %s --state "+
				"arriving` shows what it waits for)", name, age, name))
		}
	}
	return append(what, r.unknown()...)
}

// longArriving is the time after which an incomplete file is reported.
const longArriving = time.Hour

// unknown lists sources outside the project with waiting files, which no mediator reads.
func (r *mediationRole) unknown() (what []string) {
	ctx, end := context.WithTimeout(context.Background(), time.Second)
	defer end()
	waiting, err := r.n.Store.Waiting(ctx)
	if err != nil {
		return nil // and another check reports that the control store is unreachable
	}
	for _, name := range slices.Sorted(maps.Keys(waiting)) {
		if r.status[name] == nil {
			what = append(what, fmt.Sprintf("source %s: %d files are waiting, but the project has no such source: restore its "+
				"document, or finish what was begun and give up the rest (`ratemill files --source %s` lists them; `ratemill files "+
				"finish`, `ratemill files drop`)", name, waiting[name].Files, name))
		}
	}
	return what
}

// siteSpool fetches the files of all sources into one spool.
type siteSpool struct {
	spool   *collect.Spool
	sites   map[string]*collect.Site
	removed *removed // nil: there are none
	retries *retryContents
}

// Fetch implements mediation.Spool.
func (s *siteSpool) Fetch(ctx context.Context, src *source.Source, file *control.File, prefix *collect.Prefix,
	renew func(context.Context) error) (mediation.Content, error) {
	if file.Retry > 0 {
		return s.retries.fetch(ctx, file, renew)
	}
	site := s.sites[file.Source]
	if site == nil && s.removed != nil {
		site = s.removed.site(src)
	}
	if site == nil {
		return mediation.Content{}, fmt.Errorf("file %s belongs to source %s, which this project does not have", file.Path, file.Source)
	}
	f, err := s.spool.Fetch(ctx, site.Remote, collect.Entry(file.Place), collect.Fetching{
		Clock: clock{}, Random: rand.Float64, Grown: file.Pinned, Prefix: prefix,
		Progress: func(ctx context.Context, _ int64) error { return renew(ctx) },
	})
	if err != nil {
		return mediation.Content{}, err
	}
	// The file's identity contains the source's first name, even if its content has moved.
	return mediation.Content{ID: collect.Identity(src.Name, file.Path, f.Hash), Hash: f.Hash[:], Size: f.Size, From: f.From, Sum: f.State,
		More: f.More, Open: func() (io.ReadCloser, error) { return f.Open() }, Done: f.Release}, nil
}
