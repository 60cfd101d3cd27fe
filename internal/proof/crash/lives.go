package crash

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"ratemill/internal/control"
	"ratemill/internal/engines"
	"ratemill/internal/store"
	"ratemill/rating"
	"ratemill/registry"
	"ratemill/registry/life"
	"ratemill/simstate"
	"ratemill/udr"
)

// The SIMs of the switch have life cycles: usage exhausts their test quota and reaches their threshold, a limit slows
// them down and suspends them, and time limits start from the resulting dates. The test state begins before all usage
// and ends after it, so that no state depends on a time limit that expires before usage arrives.
var livesCatalogue = map[string]string{
	"life.yaml": `lifecycle: switched
states: connected
default: in_testing
test: { quota: { data: 15 MB }, time: 60 d, next: billing_ready }
first_use: { threshold: 10 MB, after: 40 d, to: in_billing }
suspend: { max: 20 d, then: in_billing }
`,
	"limits/switched.yaml": "limit: switched\nper: sim\nclasses: [data]\nusage: 60 MB\nthresholds: [{ at: 50 %, do: [throttle] }, { at: 100 " +
		"%, do: [suspend] }]\n",
}

const (
	livesLimit = "switched"
	livesSince = "2026-02-20"
)

// beginLives gives the SIMs of the switch their first state, as commands do, before any process runs.
func (r *run) beginLives() error {
	ctx, s := r.t.Context(), r.Access.Store
	revision, err := s.RegistryRevision(ctx)
	if err != nil {
		return err
	}
	settings := &registry.Changes{Revision: revision + 1, Statements: []registry.Statement{{Kind: registry.KindSettings, Subject: grows,
		Value: []byte(`{"lifecycle":"switched"}`)}}}
	if err := s.ImportRegistry(ctx, settings, control.ImportOptions{Who: "crash", Now: time.Now()}); err != nil {
		return err
	}
	if err := simstate.Migrate(ctx, s.DB); err != nil {
		return err
	}
	reg := registry.New()
	facts := control.NewFactLog(s, simstate.Consumer, time.Now, reg, func(ctx context.Context) error {
		_, err := s.LoadRegistry(ctx, reg)
		return err
	})
	begun, err := time.Parse(time.DateOnly, livesSince)
	if err != nil {
		return err
	}
	keeper := simstate.Keeper[*store.Tx]{Facts: facts, Book: r.Project.Catalogue.Life(), Now: func() time.Time { return begun },
		Log: slog.New(slog.DiscardHandler), Table: simstate.Table{}}
	_, err = keeper.Follow(ctx, s.DB)
	return err
}

// missingLives describes the work that the role simstate and the sink of facts still have to do.
func (r *run) missingLives(ctx context.Context, add func(string, ...any)) (progress string) {
	s := r.Access.Store
	revision, err := s.RegistryRevision(ctx)
	if err != nil {
		add("control store: %v", err)
		return ""
	}
	at, err := s.SinkGet(ctx, engines.FactSinkName(r.Access.Installation), 0)
	if err != nil || at.Intent != nil || at.Next <= int64(revision) {
		add("the warehouse has facts before revision %d, the newest is %d (intent %v, %v)", at.Next, revision, at.Intent, err)
	}
	for partition := range partitions {
		_, end, err := r.Access.Kafka.Bounds(ctx, r.Access.Topics.Rated, partition)
		if err != nil {
			continue // told by missing
		}
		at, err := s.SinkGet(ctx, simstate.Role.Consumer(r.Access.Installation), partition)
		if err != nil || at.Next < end {
			add("the states of SIMs are at %d of %d in partition %d (%v)", at.Next, end, partition, err)
		}
		progress += fmt.Sprint(" ", at.Next)
	}
	err = s.DB.Change(ctx, "looking at the states of SIMs", func(tx *store.Tx) error {
		at, err := simstate.Table{}.Position(ctx, tx)
		if err != nil {
			return err
		}
		if at.Revision < revision || at.Next > 0 {
			add("SIMs are settled up to revision %d of %d", at.Revision, revision)
		}
		due, err := simstate.Table{}.DueBy(ctx, tx, udr.InstantOf(time.Now()), 10)
		if len(due) > 0 {
			add("time limits of SIMs %v are due", due)
		}
		return err
	})
	if err != nil {
		add("control store: %v", err)
	}
	return fmt.Sprint(progress, " ", revision, " ", at.Next)
}

// usedLives records the events of a record of the switch, as the offline pipeline produces them, and expects them in
// the warehouse.
func (c *comparison) usedLives(used map[uint32][]life.Event, events [][]byte) (lines []string, err error) {
	kinds := map[rating.EventKind]life.EventKind{rating.FirstUse: life.Used, rating.LifeExhausted: life.Emptied,
		rating.LimitSuspends: life.LimitPassed}
	for _, m := range events {
		e, err := rating.ParseEvent(m)
		if err != nil {
			return nil, err
		}
		c.report.Flowed[e.Kind.String()]++
		lines = append(lines, join(e.Kind, e.Name, int64(e.At), e.Account, e.SIM))
		c.bar(&e)
		if kind, ok := kinds[e.Kind]; ok {
			used[e.SIM] = append(used[e.SIM], life.Event{At: e.At, Kind: kind, Cause: fmt.Sprintf("usage:offline:%d:%s", c.usage.Line, kind)})
		}
	}
	return lines, nil
}

// bar adds the effect that a limit should have on simstate.
func (c *comparison) bar(e *rating.Event) {
	if e.Kind != rating.LimitThrottles && e.Kind != rating.LimitBlocks {
		return
	}
	sim := e.SIM
	if !e.Counter.Kind.PerSIM() {
		sim = 0 // all SIMs of the account
	}
	c.bars = append(c.bars, fmt.Sprint(e.Name, " ", sim, " ", int64(e.At), " ", int64(e.Until)))
}

const lifeEventFields = "event, name, toUnixTimestamp64Nano(at), account_number, sim"

// compareBars compares the limits that slow down or bar SIMs, as simstate stores them, with the events of the offline
// pipeline.
func (r *run) compareBars(ctx context.Context, ought []string) error {
	var found []string
	err := r.Access.Store.Query(ctx, "reading the bars of SIMs", `SELECT limit_name, sim, at, until FROM simstate_bars`, nil,
		func(rows *sql.Rows) error {
			var name string
			var sim, at, until int64
			err := rows.Scan(&name, &sim, &at, &until)
			found = append(found, fmt.Sprint(name, " ", sim, " ", at, " ", until))
			return err
		})
	slices.Sort(found)
	slices.Sort(ought)
	if !slices.Equal(found, ought) {
		r.report.differs("the bars of SIMs are %q, and ought to be %q", found, ought)
	}
	r.report.Compared["bars of SIMs"] += len(ought)
	return err
}

// compareLives compares the states of the switch's SIMs with those that follow from the events of the offline pipeline.
func (r *run) compareLives(ctx context.Context, used map[uint32][]life.Event) error {
	s := r.Access.Store
	statements := registry.NewStatements()
	if _, err := s.LoadStatements(ctx, statements); err != nil {
		return err
	}
	view := r.changes.first.View()
	defer view.Close()
	lives := simstate.Lives{View: view, Revision: view.Revision(), Statements: statements, Book: r.Project.Catalogue.Life()}
	for sim := uint32(1); sim <= view.SIMs(); sim++ {
		first, err := r.told(ctx, sim, view.Revision())
		if err != nil {
			return err
		}
		if len(first) == 0 {
			continue
		}
		settled, err := lives.Judge(sim, first, used[sim], udr.InstantOf(time.Now()), "")
		if err != nil {
			return err
		}
		var ought, found []string
		for i := range settled.Stays {
			stay := &settled.Stays[i]
			ought = append(ought, fmt.Sprintf("%s %s by %s", stay.From, stay.State, stay.By))
		}
		all, err := r.told(ctx, sim, registry.Revision(1<<62))
		if err != nil {
			return err
		}
		for i, f := range all {
			if (i+1 == len(all) || all[i+1].From != f.From) && f.State != registry.Withdrawn {
				found = append(found, fmt.Sprintf("%s %s by %s", f.From, f.Name, life.MakerOf(f.Cause)))
			}
		}
		if !slices.Equal(found, ought) {
			r.report.differs("the states of SIM %d are %q, and ought to be %q", sim, found, ought)
		}
		r.report.Compared["states of SIMs"] += len(ought)
	}
	return nil
}

// told returns the statements about a SIM's state up to a revision.
func (r *run) told(ctx context.Context, sim uint32, to registry.Revision) (all []life.Told, err error) {
	err = r.Access.Store.Change(ctx, "reading the states of SIMs", func(tx *store.Tx) error {
		of, err := control.StatesTold(ctx, tx, []uint32{sim}, to)
		all = of[sim]
		return err
	})
	return all, err
}

// compareFacts compares the facts of the warehouse with those of the control store. Each fact must be there once, and
// the views of SIMs and their states must agree with the registry.
func (r *run) compareFacts(ctx context.Context, c *comparison) error {
	revision, err := r.Access.Store.RegistryRevision(ctx)
	if err != nil {
		return err
	}
	for table, from := range map[string]control.FactTable{"company_facts": control.CompanyFacts, "account_facts": control.AccountFacts,
		"sim_facts": control.SIMFacts, "identifier_facts": control.IdentifierFacts, "sim_state_facts": control.StateFacts,
		"statement_facts": control.StatementFacts} {
		var ought []string
		err := r.Access.Store.FactPage(ctx, from, control.FactPlace{}, revision, 10_000_000, func(f *control.StoredFact) error {
			ought = append(ought, join(f.Known, f.N, f.Cause))
			return nil
		})
		if err != nil {
			return err
		}
		found, err := c.lines("SELECT " + written("known, n, cause") + " FROM " + table)
		if err != nil {
			return err
		}
		c.match(table, "facts", "known, n, cause", ought, found)
	}
	last := registry.New()
	if _, err := r.Access.Store.LoadRegistry(ctx, last); err != nil {
		return err
	}
	view := last.View()
	defer view.Close()
	now := udr.InstantOf(time.Now())
	var sims, states []string
	for sim := uint32(1); sim <= view.SIMs(); sim++ {
		state, stated := view.State(sim, now, revision)
		value := &registry.StateValue{}
		if stated {
			value = view.StateValue(state.Value)
			states = append(states, join(sim, value.Name, value.Core, value.Lifecycle, state.Since.Time().Unix(), state.Known))
		}
		if owner, ok := view.Owner(sim, now, revision); ok {
			id, _ := view.AccountID(owner.Account)
			sims = append(sims, join(sim, id, view.PlanName(owner.Plan), value.Name))
		}
	}
	for name, compared := range map[string]struct {
		fields string
		ought  []string
	}{
		"sims":       {"sim, account, plan, state", sims},
		"sim_states": {"sim, state, core, lifecycle, toUnixTimestamp(since), known", states},
	} {
		found, err := c.lines("SELECT " + written(compared.fields) + " FROM " + name)
		if err != nil {
			return errors.Join(fmt.Errorf("the view %s", name), err)
		}
		c.match("the view "+name, "rows of the view "+name, compared.fields, compared.ought, found)
	}
	return nil
}

// compareEvents compares the events of the growing file, whose parts depended on the timing of the machine.
func (c *comparison) compareEvents(ought []string) error {
	found, err := c.lines("SELECT " + written(lifeEventFields) +
		" FROM usage_events WHERE file IN (SELECT file FROM rated_usage WHERE source = '" +
		grows + "')")
	if err != nil {
		return err
	}
	c.rows[eventTable] += len(ought)
	c.match("the file that grows", "events of SIMs with life cycles", lifeEventFields, ought, found)
	return nil
}
