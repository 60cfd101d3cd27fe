package roles

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"sync"
	"time"

	"ratemill/internal/backoff"
	"ratemill/internal/control"
	"ratemill/internal/project"
	"ratemill/internal/warehouse"
	"ratemill/mediation/source"
	"ratemill/rating"
	"ratemill/registry"
	"ratemill/udr"
)

// reference holds the inputs for deciding records: the registry, kept current from the control store, and
// the documents. Current documents come from the project, earlier versions from the control store.
type reference struct {
	store *control.Store
	log   *slog.Logger
	reg   *registry.Registry

	loading    sync.Mutex // one refresh at a time
	mu         sync.Mutex
	project    *project.Project
	catalogues map[string]*rating.Catalogue
	sources    map[string]*source.Source // by version
}

const (
	catalogueDocument = "catalogue"
	sourceDocument    = "source"
)

// newReference loads the registry, and stores the project's documents so that every process can get them by version.
func newReference(ctx context.Context, store *control.Store, project *project.Project, log *slog.Logger) (*reference, error) {
	r := &reference{
		store: store, log: log, reg: registry.New(), project: project,
		catalogues: map[string]*rating.Catalogue{}, sources: map[string]*source.Source{},
	}
	if err := r.refresh(ctx); err != nil {
		return nil, err
	}
	now := time.Now()
	if c := project.Catalogue; c != nil {
		anew, err := CountersAnew(ctx, store, c)
		if err != nil {
			return nil, err
		}
		for _, d := range anew {
			log.Warn("the catalogue: "+d.Message, "at", d.Pos.String())
		}
		if err := store.PutDocument(ctx, catalogueDocument, c.Version(), c.Bundle(), now); err != nil {
			return nil, err
		}
		r.catalogues[c.Version()] = c
	}
	for _, s := range project.Sources.Sources {
		if err := store.PutDocument(ctx, sourceDocument, s.Version, s.Bundle(), now); err != nil {
			return nil, err
		}
		r.sources[s.Version] = s
	}
	return r, nil
}

// follow keeps the registry current until ctx ends.
func (r *reference) follow(ctx context.Context) error {
	absence := backoff.Absence{Backoff: backoff.Backoff{First: time.Second, Most: 5 * time.Second, Random: rand.Float64}}
	for ctx.Err() == nil {
		pause := time.Second
		if err := r.refresh(ctx); err == nil {
			absence.Worked(time.Now(), r.log, "the registry is refreshed again")
		} else if ctx.Err() == nil {
			pause = absence.Failed(time.Now(), r.log, "the registry cannot be refreshed; records use the last known revision", err)
		}
		_ = clock{}.Sleep(ctx, pause)
	}
	return nil
}

func (r *reference) refresh(ctx context.Context) error {
	r.loading.Lock()
	defer r.loading.Unlock()
	_, err := r.store.LoadRegistry(ctx, r.reg)
	return err
}

// Registry implements mediation.Reference and ledger.Reference.
func (r *reference) Registry(ctx context.Context, revision registry.Revision) (*registry.Registry, error) {
	absence := backoff.Absence{Backoff: backoff.Backoff{First: 200 * time.Millisecond, Most: 5 * time.Second, Random: rand.Float64}}
	for r.reg.Revision() < revision {
		err := r.refresh(ctx)
		if r.reg.Revision() >= revision {
			break
		}
		if err == nil {
			err = fmt.Errorf("the newest revision in the control store is %d", r.reg.Revision())
		}
		if err := (clock{}).Sleep(ctx, absence.Failed(time.Now(), r.log, "waiting for a revision of the registry", err, "revision",
			revision)); err != nil {
			return nil, err
		}
	}
	absence.Worked(time.Now(), r.log, "the revision of the registry is known", "revision", revision)
	return r.reg, nil
}

// Catalogue implements ledger.Reference.
func (r *reference) Catalogue(ctx context.Context, version string) (*rating.Catalogue, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c := r.catalogues[version]; c != nil {
		return c, nil
	}
	bundle, err := r.store.Document(ctx, catalogueDocument, version)
	if err != nil {
		return nil, fmt.Errorf("catalogue version %s: %w", version, err)
	}
	c, err := rating.OpenBundle(bundle, project.Kinds()...)
	if err != nil {
		return nil, fmt.Errorf("catalogue version %s, as stored: %w", version, err)
	}
	r.catalogues[version] = c
	return c, nil
}

// Queues implements mediation.Reference.
func (r *reference) Queues() (queues []control.Queue) {
	for _, s := range r.project.Sources.Sources {
		queues = append(queues, control.Queue{Source: s.Name, Parallel: s.Collect.Parallel, ByTime: s.Collect.Order == "time"})
	}
	return queues
}

// Source implements mediation.Reference.
func (r *reference) Source(ctx context.Context, name, version string) (*source.Source, error) {
	if version == "" {
		if s, ok := r.project.Sources.Source(name); ok {
			return s, nil
		}
		return nil, fmt.Errorf("the project has no source %s", name)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if s := r.sources[version]; s != nil {
		return s, nil
	}
	bundle, err := r.store.Document(ctx, sourceDocument, version)
	if err != nil {
		return nil, fmt.Errorf("source %s, version %s: %w", name, version, err)
	}
	s, err := source.OpenBundle(bundle, version)
	if err != nil {
		return nil, fmt.Errorf("source %s, version %s, as stored: %w", name, version, err)
	}
	r.sources[version] = s
	return s, nil
}

// account returns an account's id, for the warehouse.
func (r *reference) account(ctx context.Context, number uint32, revision uint64) (string, error) {
	reg, err := r.Registry(ctx, registry.Revision(revision))
	if err != nil {
		return "", err
	}
	view := reg.View()
	defer view.Close()
	id, ok := view.AccountID(number)
	if !ok {
		return "", fmt.Errorf("revision %d of the registry has no account with number %d", revision, number)
	}
	return id, nil
}

// offset returns the UTC offset of an account's local time, for the warehouse. It uses UTC for an account that did
// not exist then, so that the record still gets into the warehouse.
func (r *reference) offset(ctx context.Context, number uint32, at udr.Instant, revision uint64) (o warehouse.Offset, err error) {
	reg, err := r.Registry(ctx, registry.Revision(revision))
	if err != nil {
		return o, err
	}
	view := reg.View()
	defer view.Close()
	account, ok := view.Account(number, at, registry.Revision(revision))
	if !ok {
		return warehouse.Offset{From: at, To: at + 1}, nil
	}
	local := at.Time().In(account.Zone)
	_, seconds := local.Zone()
	from, to := local.ZoneBounds()
	o = warehouse.Offset{Seconds: int32(seconds), From: account.Since, To: math.MaxInt64}
	if !from.IsZero() && udr.InstantOf(from) > o.From {
		o.From = udr.InstantOf(from)
	}
	if !to.IsZero() {
		o.To = udr.InstantOf(to)
	}
	if until, ends := view.AccountUntil(number, at, registry.Revision(revision)); ends && until < o.To {
		o.To = until
	}
	return o, nil
}

// Current implements mediation.Reference. It queries the control store, so that a retry right after an import need
// not wait until follow has seen the import.
func (r *reference) Current(ctx context.Context) (registry.Revision, string, error) {
	if r.project.Catalogue == nil {
		return 0, "", fmt.Errorf("the project has no catalogue")
	}
	if err := r.refresh(ctx); err != nil {
		return 0, "", err
	}
	return r.reg.Revision(), r.project.Catalogue.Version(), nil
}
