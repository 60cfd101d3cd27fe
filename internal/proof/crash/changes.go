package crash

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"ratemill/internal/backoff"
	"ratemill/internal/control"
	"ratemill/internal/offline"
	"ratemill/internal/ratedlog"
	"ratemill/internal/roles"
	"ratemill/internal/scrape"
	"ratemill/internal/warehouse"
	"ratemill/mediation"
	"ratemill/registry"
	"ratemill/udr"
)

// This file changes the inputs of rating while records flow: it imports unknown SIMs and retries the records suspended
// for them, and it adds versions of the catalogue. Which state a file sees depends on when it is first read, and that
// depends on the machine. So the file makes only changes that cannot affect the outcome. It imports a SIM only when
// every file that mentions the SIM is pinned, into a separate account whose prices depend only on the record; and a
// new version of the catalogue changes only prices of next year.
type changes struct {
	first      *registry.Registry           // before any change
	strangers  map[udr.Identifier][]arrival // unknown SIMs, and the files that mention them
	known      map[udr.Identifier]bool      // imported since
	retried    map[udr.ID]bool
	catalogues int
}

// latecomers returns the account for a carrier's unknown SIMs, and its plan.
var latecomers = map[string]string{"skylink": "fleet", "northwave": "nordic", "meshnet": "roam"}

func latecomer(source string) string { return "late-" + source }

// newChanges runs the offline pipeline to find out which SIMs are unknown.
func (r *run) newChanges(ctx context.Context) (*changes, error) {
	c := &changes{first: registry.New(), strangers: map[udr.Identifier][]arrival{}, known: map[udr.Identifier]bool{},
		retried: map[udr.ID]bool{}}
	if _, err := r.Access.Store.LoadRegistry(ctx, c.first); err != nil {
		return nil, err
	}
	all := map[string]arrival{}
	var files []offline.File
	for _, a := range r.feed.all() {
		f := a.offline(r.Installation)
		all[f.Path] = a
		files = append(files, f)
	}
	pipe := r.pipeline(c.first)
	pipe.Batch = func(f *offline.File, _ int, b *ratedlog.Batch, _ []byte) error {
		for _, m := range b.Suspended {
			who, err := stranger(m)
			if err != nil {
				return err
			}
			if who != (udr.Identifier{}) {
				c.strangers[who] = append(c.strangers[who], all[f.Path])
			}
		}
		return nil
	}
	_, err := pipe.Run(ctx, files)
	return c, err
}

// stranger returns the SIM for which a record was suspended, or none.
func stranger(message []byte) (udr.Identifier, error) {
	var s udr.Suspended
	if err := udr.ParseSuspended(message, &s); err != nil || s.Why.Code != unknownSIM {
		return udr.Identifier{}, err
	}
	var u udr.Usage
	err := udr.ParseUsage(s.Usage, &u)
	return u.Identifier, err
}

const unknownSIM = "sim_unknown"

// pipeline returns the offline pipeline for this project.
func (r *run) pipeline(reg *registry.Registry) offline.Pipeline {
	return offline.Pipeline{Sources: r.Project.Sources, Catalogue: r.Project.Catalogue, Registry: reg, Partitions: r.Access.Partitions}
}

// takeIn imports the unknown SIMs whose files are all pinned, and retries the records of SIMs that are now known. If
// an engine is unreachable, it tries again the next time.
func (r *run) takeIn() error {
	err := r.tryTakeIn(r.t.Context())
	if err == nil || !unavailable(err) {
		return err
	}
	r.note("no imports for now: %v", err)
	return nil
}

func unavailable(err error) bool {
	return backoff.Unavailable(err) || errors.Is(err, context.DeadlineExceeded)
}

// tryTakeIn limits the time of its queries to the engines, but not its wait for mediators, which may be starting.
func (r *run) tryTakeIn(ctx context.Context) error {
	const patience = 30 * time.Second
	asks, cancel := context.WithTimeout(ctx, patience)
	revision, err := r.importStrangers(asks)
	cancel()
	if err != nil {
		return err
	}
	if revision > 0 {
		if err := r.mediatorsKnow(ctx, revision); err != nil {
			return err
		}
	}
	asks, cancel = context.WithTimeout(ctx, patience)
	defer cancel()
	return r.retryStrangers(asks)
}

// retryStrangers retries the records suspended for SIMs that are known now.
func (r *run) retryStrangers(ctx context.Context) error {
	if len(r.changes.known) == 0 {
		return nil
	}
	waiting, err := r.Access.Warehouse.Suspense(ctx, warehouse.SuspenseFilter{Code: unknownSIM, Limit: 1_000_000})
	if err != nil {
		return err
	}
	bySource := map[string][]udr.ID{}
	for _, s := range waiting {
		var u udr.Usage
		if err := udr.ParseUsage(s.Usage, &u); err != nil {
			return err
		}
		if r.changes.known[u.Identifier] && !r.changes.retried[s.ID] {
			bySource[s.Pin.Source] = append(bySource[s.Pin.Source], s.ID)
		}
	}
	for source, ids := range bySource {
		number, err := r.Access.Store.CreateRetry(ctx, source, "crash", ids, time.Now())
		if already := (*control.AlreadyRetriedError)(nil); errors.As(err, &already) {
			// The answer to an earlier attempt was lost. A batch has either all or none of these.
			claimed, err := r.Access.Store.Claimed(ctx, ids)
			if err != nil {
				return err
			}
			for id := range claimed {
				r.changes.retried[id] = true
			}
			r.report.Retries++
			continue
		}
		if err != nil {
			return err
		}
		for _, id := range ids {
			r.changes.retried[id] = true
		}
		r.note("retry %d brings back %d records of %s", number, len(ids), source)
		r.report.Retries++
	}
	return nil
}

// importStrangers imports the SIMs whose files are all pinned. It returns 0 if there are no such SIMs.
func (r *run) importStrangers(ctx context.Context) (registry.Revision, error) {
	pinned := map[string]bool{}
	for after := int64(0); ; {
		files, err := r.Access.Store.Files(ctx, control.FileFilter{After: after, Limit: 5000})
		if err != nil {
			return 0, err
		}
		if len(files) == 0 {
			break
		}
		for _, f := range files {
			after = f.Number
			pinned[f.Source+"\x00"+f.Path] = f.Pinned
		}
	}
	var fresh []udr.Identifier
	for who, spoken := range r.changes.strangers {
		known := r.changes.known[who]
		for _, a := range spoken {
			known = known || !pinned[a.source+"\x00"+a.offline(r.Installation).Path]
		}
		if known {
			continue
		}
		fresh = append(fresh, who)
	}
	if len(fresh) == 0 {
		return 0, nil
	}
	// The SIMs first get the plan of another carrier, and this is then corrected back to the day on which they came:
	// records that are retried pay by the correction.
	if _, err := r.register(ctx, fresh, func(source string) string { return latecomers[mistaken[source]] }); err != nil {
		return 0, err
	}
	changed, err := r.register(ctx, fresh, func(source string) string { return latecomers[source] })
	if err != nil {
		return 0, err
	}
	r.note("revision %d of the registry knows %d SIMs more", changed.Revision, len(fresh))
	for _, who := range fresh {
		r.changes.known[who] = true
	}
	return changed.Revision, nil
}

// mediatorsKnow waits until the running mediators have a revision of the registry.
func (r *run) mediatorsKnow(ctx context.Context, revision registry.Revision) error {
	return r.until(func() string {
		for _, p := range r.cast {
			if p.Role != roles.Mediation.Name || !p.Up || p.Stopped {
				continue // a mediator learns it when it starts; raters and sinks wait until they know it
			}
			m, err := scrape.Read(ctx, p.Metrics)
			if err != nil || m.Sum("ratemill_registry_revision") < float64(revision) {
				return fmt.Sprintf("%s does not have revision %d of the registry (%v)", p.Name, revision, err)
			}
		}
		return ""
	})
}

// mistaken returns the carrier whose plan the SIMs of a carrier get by mistake.
var mistaken = map[string]string{"skylink": "northwave", "northwave": "meshnet", "meshnet": "skylink"}

// register imports unknown SIMs into the account for their carrier's SIMs, with a plan by carrier.
func (r *run) register(ctx context.Context, sims []udr.Identifier, plan func(source string) string) (*control.Imported, error) {
	files := map[string]*strings.Builder{}
	add := func(name, header, format string, args ...any) {
		if files[name] == nil {
			files[name] = &strings.Builder{}
			files[name].WriteString(header + "\n")
		}
		fmt.Fprintf(files[name], format+"\n", args...)
	}
	for _, who := range sims {
		source := r.changes.strangers[who][0].source
		add("sims-"+who.Kind.String()+".csv", who.Kind.String()+",account,plan,since", "%s,%s,%s,2026-01-01", who.Value,
			latecomer(source), plan(source))
	}
	for source := range latecomers {
		add("companies.csv", "id,name,kind", "%s,%s,customer", latecomer(source), latecomer(source))
		add("accounts.csv", "id,company,currency,zone,cycle_day,since", "%s,%s,EUR,Europe/Madrid,1,2026-01-01", latecomer(source),
			latecomer(source))
	}
	texts := map[string]string{}
	for name, text := range files {
		texts[name] = text.String()
	}
	return r.imports(ctx, texts)
}

// imports imports files by name.
func (r *run) imports(ctx context.Context, files map[string]string) (*control.Imported, error) {
	var inputs []registry.Input
	for name, text := range files {
		inputs = append(inputs, registry.Input{Name: name, Open: func() (io.ReadCloser, error) {
			return io.NopCloser(strings.NewReader(text)), nil
		}})
	}
	changed, list, err := r.Access.Store.Import(ctx, inputs, control.ImportOptions{Who: "crash", Now: time.Now(),
		Partitions: r.Access.Partitions})
	return changed, errors.Join(err, list.Err())
}

// takeInAll imports the remaining SIMs when all files have arrived.
func (r *run) takeInAll() error {
	if err := r.drain(); err != nil {
		return err
	}
	if err := r.tryTakeIn(r.t.Context()); err != nil {
		return err
	}
	if n := len(r.changes.strangers) - len(r.changes.known); n > 0 {
		return fmt.Errorf("%d SIMs are still unknown, although all files were read", n)
	}
	return nil
}

// changeCatalogue installs a new version of the catalogue when some file is pinned to the previous version, and
// restarts all running mediators; the others read it when they start.
func (r *run) changeCatalogue() error {
	err := r.until(func() string {
		files, err := r.Access.Store.Files(r.t.Context(), control.FileFilter{Limit: 5000})
		if slices.ContainsFunc(files, func(f control.File) bool { return f.Pinned }) {
			return ""
		}
		return fmt.Sprintf("no file is pinned (%v)", err)
	})
	if err != nil {
		return err
	}
	r.changes.catalogues++
	path := filepath.Join(r.Dir, "project", "catalogue", "plans", fmt.Sprintf("next-%d.yaml", r.changes.catalogues))
	from := time.Date(2027, 1, r.changes.catalogues, 0, 0, 0, 0, time.UTC)
	plan := fmt.Sprintf("plan: fleet\nfrom: %s\ncurrency: EUR\nclasses:\n  data: { prices: [{ price: 0.03 / 1 MB }] }\n",
		from.Format(time.DateOnly))
	if err := os.WriteFile(path+".new", []byte(plan), 0o644); err != nil {
		return err
	}
	if err := os.Rename(path+".new", path); err != nil {
		return err
	}
	r.note("the catalogue has version %d", r.changes.catalogues+1)
	for _, p := range r.cast {
		if p.Role != roles.Mediation.Name || !p.Up {
			continue
		}
		r.note("SIGTERM %s", p.Name)
		took, err := p.Stop()
		r.report.stopped(took, err)
		if err := p.Start(); err != nil {
			return err
		}
	}
	return nil
}

const retriedFields = usageFields + ", " + chargeFields

// compareRetried compares the retried records with the offline pipeline's result for the state in which
// all SIMs are known.
func (r *run) compareRetried(ctx context.Context, c *comparison) (rows int, err error) {
	last := registry.New()
	if _, err := r.Access.Store.LoadRegistry(ctx, last); err != nil {
		return 0, err
	}
	view := last.View()
	defer view.Close()
	late := map[string]bool{}
	for source := range latecomers {
		late[latecomer(source)] = true
	}
	c = &comparison{ctx: ctx, w: c.w, report: c.report, view: view, paid: c.paid}
	var ought []string
	pipe := r.pipeline(last)
	pipe.Batch = func(_ *offline.File, _ int, b *ratedlog.Batch, _ []byte) error {
		for i := range b.Rated {
			if err := udr.ParseUsage(b.Rated[i].Usage, &c.usage); err != nil {
				return err
			}
			if account, _ := view.AccountID(c.usage.Account); !late[account] {
				continue
			}
			line, err := c.charged(b.Rated[i].Charges)
			if err != nil {
				return err
			}
			ought = append(ought, join(udr.ID{File: b.File, Seq: c.usage.Seq}, c.used(), line))
		}
		return nil
	}
	if _, err := pipe.Run(ctx, r.feed.offline(r.Installation)); err != nil {
		return 0, err
	}
	found, err := c.lines("SELECT " + written("attributes['"+mediation.RetryAttribute+"'], "+retriedFields) +
		" FROM rated_usage WHERE attributes['" + mediation.RetryAttribute + "'] != ''")
	if err != nil {
		return 0, err
	}
	rows = len(found)
	c.match("records that came back", "retried", "retry_of, "+retriedFields, ought, found)
	return rows, nil
}
