package backoffice

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"ratemill/account"
	"ratemill/internal/control"
	"ratemill/internal/project"
	"ratemill/internal/store"
	"ratemill/registry"
	"ratemill/registry/life"
	"ratemill/simstate"
	"ratemill/udr"
)

// SIMOrder has the fields that are common to all changes of SIMs.
type SIMOrder struct {
	Who, Why string
	As       string // account that gives the order; "" for the provider
	At       string // time of effect: now, cycle, a date in the payer's zone, or an instant; "" for now
	Backdate bool   // At may be before the running billing cycle
	DryRun   bool   // show the change set, and change nothing
	Key      string // idempotency key of the request: a repeated key changes nothing. Empty for none
}

// SIMWish is one requested change of a SIM, from a command or a line of a batch.
type SIMWish struct {
	SIM  string // an identifier
	Do   string // one of SIMOperations
	To   string // the state, account or plan, or the new value of a setting; "" ends a setting
	Kind string // for set: one of SIMSettings
	Plan string // for move: "" keeps the present plan, or takes the default plan if the new account has another payer
	Keep bool   // for move: the SIM keeps its state even if the payer changes
}

// The operations on a SIM.
const (
	SetSIMState = "state"
	MoveSIM     = "move"
	SetSIMPlan  = "plan"
	SetSIM      = "set"
)

// SIMOperations lists the operations on a SIM.
var SIMOperations = []string{SetSIMState, MoveSIM, SetSIMPlan, SetSIM}

// SIMFact is a fact that a change of a SIM states.
type SIMFact struct {
	SIM   uint32 `json:"sim"`
	What  string `json:"what"` // state, owner, or the kind of another fact
	Name  string `json:"name,omitempty"`
	Value string `json:"value,omitempty"`
	Plan  string `json:"plan,omitempty"`
	From  string `json:"from"`
	Holds string `json:"holds"` // holds, ended, withdrawn
	Cause string `json:"cause"`
}

// SIMChange is the result of a change of a SIM, or of its dry run.
type SIMChange struct {
	SIM      uint32    `json:"sim"`
	Revision uint64    `json:"revision,omitempty"` // 0: nothing was changed
	DryRun   bool      `json:"dry_run,omitempty"`
	Facts    []SIMFact `json:"facts"`
	Notes    []string  `json:"notes,omitempty"` // notes for the user
}

// ChangeSIM sets the state of a SIM, moves it, changes its plan, or changes a setting. The same change set contains
// the effects of a new state.
func (o *Office) ChangeSIM(ctx context.Context, order SIMOrder, wish SIMWish) (*SIMChange, error) {
	if err := given(order.Why); err != nil && !order.DryRun {
		return nil, err
	}
	d, err := o.simDraft(ctx, &order, wish.SIM)
	if err != nil {
		return nil, err
	}
	defer d.close()
	cause := "request:" + order.Key
	if order.Key == "" {
		cause += rand.Text()
	}
	results, err := o.portion(ctx, d, []simLine{{wish: wish, at: order.At, cause: cause}}, nil)
	if err != nil {
		return nil, err
	}
	r := &results[0]
	if r.err != nil {
		return nil, r.err
	}
	answer := &SIMChange{SIM: r.sim, DryRun: order.DryRun, Facts: d.facts(r), Notes: r.notes}
	if len(answer.Facts) > 0 && !order.DryRun {
		answer.Revision = uint64(d.rev + 1)
	}
	if r.backdated {
		answer.Notes = append(answer.Notes, o.countsFrom(ctx, d.rev+1)...)
	}
	return answer, nil
}

// simDraft is a change set of SIMs that is being built.
type simDraft struct {
	*accountDraft
	rev   registry.Revision
	order *SIMOrder
	as    account.Actor
	lives *simstate.Lives
	told  map[uint32][]life.Told
	used  map[uint32][]life.Event
	given map[givenKey]account.Given
	owed  []account.CreditRow // debts of the payers, whose policies may block activations

	only     []udr.Identifier       // identifiers of the only affected SIM; nil: any SIM may be affected
	imagined map[uint32][]life.Told // facts that a dry run assumes
	clock    func() time.Time
}

type givenKey struct {
	account string
	when    udr.Instant
}

// simLine is a wish with its time and cause.
type simLine struct {
	wish  SIMWish
	at    string
	cause string
	wrong error // why the wish cannot be understood
}

// simMade is the result of a wish.
type simMade struct {
	err   error // it is refused
	again bool  // its cause is known, because the wish was carried out before
	sim   uint32
	cause string
	when  udr.Instant
	owner uint32 // at that time
	id    string // of the owner
	zone  *time.Location
	notes []string

	backdated bool

	owners     []registry.OwnershipFact
	statements []registry.Statement
	judged     *simstate.Judged  // nil: no state changes
	asks       *simstate.Request // request to the network, before the state takes effect
}

func (m *simMade) note(format string, args ...any) {
	m.notes = append(m.notes, fmt.Sprintf(format, args...))
}

// nothing reports whether there is nothing to do.
func (m *simMade) nothing() bool {
	return m.asks == nil && m.statesNothing()
}

func (m *simMade) statesNothing() bool {
	return len(m.owners)+len(m.statements) == 0 && (m.judged == nil || len(m.judged.Facts) == 0)
}

// simDraft reads the facts about accounts, and about all SIMs or the SIM with an identifier.
func (o *Office) simDraft(ctx context.Context, order *SIMOrder, sim string) (*simDraft, error) {
	catalogue, err := o.catalogueNow()
	if err != nil {
		return nil, err
	}
	if err := errors.Join(simstate.Migrate(ctx, o.Store.DB), account.Migrate(ctx, o.Store.DB)); err != nil {
		return nil, err
	}
	in := o.Installation
	project.Complete(&in, catalogue)
	d := &simDraft{order: order, clock: o.Now, accountDraft: &accountDraft{AccountOrder: &AccountOrder{As: order.As}, registry: registry.New(),
		statements: registry.NewStatements(), in: &in, catalogue: catalogue}}
	if sim != "" {
		d.only = meant(sim)
	}
	return d, d.refresh(ctx, o.Store)
}

func (d *simDraft) close() {
	if d.view != nil {
		d.view.Close()
		d.view = nil
	}
}

// refresh reads the facts that became known since the last read.
func (d *simDraft) refresh(ctx context.Context, from *control.Store) error {
	d.close()
	if d.only != nil {
		var err error
		d.registry, d.statements = registry.New(), registry.NewStatements()
		if d.rev, err = from.LoadSIMs(ctx, d.registry, d.statements, d.only); err != nil {
			return err
		}
	}
	for d.only == nil {
		rev, err := from.LoadRegistry(ctx, d.registry)
		if err != nil {
			return err
		}
		same, err := from.LoadStatements(ctx, d.statements)
		if err != nil {
			return err
		}
		if rev == same {
			d.rev = rev
			break
		}
	}
	d.imagined = map[uint32][]life.Told{}
	var err error
	if d.owed, err = account.CreditOf(ctx, from.DB, nil); err != nil {
		return err
	}
	return d.reopen()
}

// reopen opens the view of the known facts.
func (d *simDraft) reopen() error {
	d.now = d.clock()
	d.changes = &registry.Changes{Revision: d.rev + 1}
	d.given = map[givenKey]account.Given{}
	d.open()
	book, _ := life.Compile(nil, nil)
	if d.catalogue != nil {
		book = d.catalogue.Life()
	}
	d.lives = &simstate.Lives{View: d.view, Revision: d.rev, Statements: d.statements, Book: book}
	var err error
	d.as, err = d.actor()
	return err
}

// errNothingWritten rolls back the transaction of a dry run.
var errNothingWritten = errors.New("back office: nothing is written")

// portion creates one change set from some lines. save is called in its transaction, if there is one, with the lines'
// results. If another process commits in the meantime, it reads the registry again and rebuilds the change set.
func (o *Office) portion(ctx context.Context, d *simDraft, lines []simLine, save func(*store.Tx,
	[]simMade) error) (results []simMade, err error) {
	for {
		write := false
		err := o.Store.Change(ctx, "changing SIMs", func(tx *store.Tx) error {
			var changes *registry.Changes
			if results, changes, err = d.evaluate(ctx, tx, lines); err != nil {
				return err
			}
			asks := slices.ContainsFunc(results, func(m simMade) bool { return m.asks != nil })
			if write = !d.order.DryRun && (!changes.Empty() || asks || save != nil); !write {
				return errNothingWritten
			}
			return o.writePortion(ctx, tx, d, results, changes, save)
		})
		switch {
		case errors.Is(err, control.ErrConflict):
			if err := d.refresh(ctx, o.Store); err != nil {
				return nil, err
			}
			continue
		case err != nil && !errors.Is(err, errNothingWritten):
			return nil, err
		}
		return results, nil
	}
}

func (o *Office) writePortion(ctx context.Context, tx *store.Tx, d *simDraft, results []simMade, changes *registry.Changes,
	save func(*store.Tx, []simMade) error) error {
	err := o.Store.WriteRegistry(ctx, tx, changes, control.ImportOptions{Who: d.order.Who, Why: d.order.Why, Now: d.now,
		Partitions: max(o.Partitions, 1)})
	if err != nil {
		return err
	}
	judged := map[uint32]simstate.Judged{}
	for i := range results {
		if m := &results[i]; m.err == nil && m.judged != nil {
			judged[m.sim] = *m.judged
		}
	}
	var table simstate.Table
	if err := table.Follow(ctx, tx, judged, d.now); err != nil {
		return err
	}
	if err := table.DropWishes(ctx, tx, slices.Sorted(maps.Keys(judged)), d.now); err != nil {
		return err
	}
	for i := range results {
		if m := &results[i]; m.err == nil && m.asks != nil {
			if err := table.AskFirst(ctx, tx, m.asks, d.now); err != nil {
				return err
			}
		}
	}
	if save == nil {
		return nil
	}
	return save(tx, results)
}

// evaluate computes the results of lines, each about a different SIM. A refused line has no effect.
func (d *simDraft) evaluate(ctx context.Context, tx *store.Tx, lines []simLine) ([]simMade, *registry.Changes, error) {
	results := make([]simMade, len(lines))
	var sims []uint32
	var causes []string
	for i := range lines {
		m := &results[i]
		m.cause = lines[i].cause
		causes = append(causes, m.cause)
		if m.err = lines[i].wrong; m.err == nil {
			m.sim, m.err = d.sim(&lines[i].wish)
		}
		if m.err == nil {
			sims = append(sims, m.sim)
		}
	}
	slices.Sort(sims)
	sims = slices.Compact(sims)
	known, err := control.KnownCauses(ctx, tx, causes)
	if err != nil {
		return nil, nil, err
	}
	if d.told, err = control.StatesTold(ctx, tx, sims, d.rev); err != nil {
		return nil, nil, err
	}
	for sim, more := range d.imagined {
		if _, asked := slices.BinarySearch(sims, sim); asked {
			d.told[sim] = append(d.told[sim], more...)
			slices.SortStableFunc(d.told[sim], func(a, b life.Told) int {
				return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.Known,
					b.Known))
			})
		}
	}
	var table simstate.Table
	if d.used, err = table.Usage(ctx, tx, sims); err != nil {
		return nil, nil, err
	}
	waiting, err := table.AskedFirst(ctx, tx, causes)
	if err != nil {
		return nil, nil, err
	}
	changes := &registry.Changes{Revision: d.rev + 1}
	for i := range lines {
		m := &results[i]
		if waiting[m.cause] && known[m.cause] == 0 {
			m.again, m.err = true, nil
			m.note("this request was already made, and the network was asked first; `ratemill sim show` shows its answer")
			continue
		}
		if revision, ok := known[m.cause]; ok {
			m.again, m.err = true, nil
			m.note("this request was already carried out with revision %d; nothing was changed", revision)
			continue
		}
		if m.err == nil {
			m.err = d.make(m, &lines[i])
		}
		if m.err == nil {
			m.add(changes)
		}
	}
	return results, changes, d.book.Err()
}

// sim returns the SIM of a wish.
func (d *simDraft) sim(w *SIMWish) (uint32, error) {
	sim, err := oneSIM(d.view, w.SIM)
	if err != nil {
		return 0, &Problem{Missing, err}
	}
	return sim, nil
}

// make computes the result of a wish.
func (d *simDraft) make(m *simMade, l *simLine) error {
	if err := d.moment(m, l.at); err != nil {
		return err
	}
	var err error
	switch l.wish.Do {
	case SetSIMState:
		err = d.state(m, l.wish.To)
	case MoveSIM:
		err = d.move(m, &l.wish)
	case SetSIMPlan:
		err = d.plan(m, l.wish.To)
	case SetSIM:
		err = d.set(m, l.wish.Kind, l.wish.To)
	default:
		return fmt.Errorf("%q is not a change of a SIM%s", l.wish.Do, orAll("", "change", SIMOperations))
	}
	if err == nil && m.when < udr.InstantOf(d.now) && !m.nothing() {
		m.backdated = true
		m.note("%s", backdatedWords(d.rev+1))
	}
	return err
}

// moment returns the time of effect and the owner at that time, and checks that the actor may change the SIM.
func (d *simDraft) moment(m *simMade, at string) error {
	now := udr.InstantOf(d.now)
	owner, asked, ok := d.ownerNear(m.sim, now)
	if !ok {
		return conflict("SIM %d has no owner, and will have none", m.sim)
	}
	payer := registry.Payer(d.view, d.statements, owner, asked, d.rev)
	a, ok := d.view.Account(payer, asked, d.rev)
	if !ok {
		return conflict("the account that owns SIM %d does not exist", m.sim)
	}
	cycles := registry.Cycles{Zone: a.Zone, Day: a.CycleDay, From: a.CyclesFrom}
	var err error
	if m.when, err = life.When(at, now, cycles); err != nil {
		return err
	}
	m.zone = a.Zone
	own, ok := d.view.Owner(m.sim, m.when, d.rev)
	if !ok {
		return conflict("SIM %d has no owner on %s", m.sim, day(m.when, a.Zone))
	}
	m.owner = own.Account
	m.id, _ = d.view.AccountID(own.Account)
	path := account.Path(d.book, m.id, m.when)
	if err := d.as.Within(path); err != nil {
		return &Problem{Conflict, fmt.Errorf("SIM %d: %w", m.sim, err)}
	}
	if id, _ := d.view.AccountID(owner); owner != own.Account {
		if err := d.as.Within(account.Path(d.book, id, asked)); err != nil {
			return &Problem{Conflict, fmt.Errorf("SIM %d: %w", m.sim, err)}
		}
	}
	earliest := life.Earliest(now, cycles, -1)
	switch {
	case m.when >= earliest:
	case !d.order.Backdate:
		return conflict("%s is before the running billing cycle of account %s, which began on %s; give --backdate if that is intended",
			day(m.when, a.Zone), a.ID, day(earliest, a.Zone))
	case !d.as.Provides(path):
		return conflict("%s is before the running billing cycle of account %s, which began on %s; only the provider and a "+
			"reseller above it may backdate further", day(m.when, a.Zone), a.ID, day(earliest, a.Zone))
	}
	return nil
}

// ownerNear returns the present owner of a SIM. If there is none, it returns the next owner, or else the last one.
func (d *simDraft) ownerNear(sim uint32, now udr.Instant) (owner uint32, asked udr.Instant, ok bool) {
	if own, ok := d.view.Owner(sim, now, d.rev); ok {
		return own.Account, now, true
	}
	for _, p := range d.view.History(sim) {
		if p.Account == 0 || p.Corrected != 0 {
			continue
		}
		owner, asked, ok = p.Account, p.Since, true
		if p.Since > now {
			break
		}
	}
	return owner, asked, ok
}

// add adds the result of a wish to a change set. Facts of one cause share its index.
func (m *simMade) add(changes *registry.Changes) {
	if m.statesNothing() {
		return
	}
	subject := registry.SubjectOf(m.sim)
	kind := registry.KindState
	switch {
	case len(m.owners) > 0:
		kind = registry.KindOwnership
	case len(m.statements) > 0:
		kind = m.statements[0].Kind
	}
	places := map[string]uint32{m.cause: changes.Because(registry.Cause{Cause: m.cause, Kind: kind, Subject: subject})}
	for _, f := range m.owners {
		f.Cause = places[m.cause]
		changes.SIMs = append(changes.SIMs, f)
	}
	for _, f := range m.statements {
		f.Cause = places[m.cause]
		changes.Statements = append(changes.Statements, f)
	}
	if m.judged == nil {
		return
	}
	for _, f := range m.judged.Facts {
		if f.Cause != "" && places[f.Cause] == 0 {
			places[f.Cause] = changes.Because(registry.Cause{Cause: f.Cause, Kind: registry.KindState, Subject: subject})
		}
		f.StateFact.Cause = places[f.Cause]
		changes.States = append(changes.States, f.StateFact)
	}
}

// facts returns the facts of a change, for display.
func (d *simDraft) facts(m *simMade) []SIMFact {
	all := []SIMFact{}
	if m.again {
		return all
	}
	for _, f := range m.owners {
		id, _ := d.view.AccountID(f.Account)
		all = append(all, SIMFact{m.sim, "owner", "", id, f.Plan, day(f.From, m.zone), factStates[f.State], m.cause})
	}
	for _, s := range m.statements {
		all = append(all, SIMFact{m.sim, string(s.Kind), s.Name, string(s.Value), "", day(s.From, m.zone), factStates[s.State], m.cause})
	}
	if m.judged != nil {
		for _, f := range m.judged.Facts {
			all = append(all, SIMFact{m.sim, string(registry.KindState), "", f.Name, "", day(f.From, m.zone), factStates[f.StateFact.State],
				f.Cause})
		}
	}
	return all
}
