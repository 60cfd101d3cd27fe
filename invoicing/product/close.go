package product

import (
	"math"
	"slices"
	"time"

	"ratemill/invoicing/document"
	"ratemill/rating"
	"ratemill/registry"
	"ratemill/registry/life"
	"ratemill/udr"
)

// Catalogue returns the documents of the catalogue with which a cycle of a payer was first billed, or of the present
// catalogue if the cycle has not been billed yet. Items that were billed therefore keep their prices.
type Catalogue func(payer string, cycle Date) (*Documents, error)

// Engine computes what payers owe. Use an engine in one goroutine only.
type Engine struct {
	facts     Facts
	catalogue Catalogue
	view      *registry.View
	index     *index
	addons    map[uint32]bool     // SIMs that ever had an add-on
	buyers    map[buyer]bool      // of packages
	oneOffsOf map[string][]string // ids of one-off charges, by the account that pays according to the statement, or else by their own account
	path      []uint32
	ruled     map[ruleKey]life.Rules
	readers   map[*rating.Catalogue]*rating.PoolReader
}

// New returns an engine. It reads all SIMs once.
func New(f Facts, c Catalogue) *Engine {
	e := &Engine{facts: f, catalogue: c, view: f.View, index: indexed(f.View), addons: map[uint32]bool{}, ruled: map[ruleKey]life.Rules{},
		readers: map[*rating.Catalogue]*rating.PoolReader{}}
	for subject := range f.Statements.Subjects(registry.KindAddon) {
		if sim, ok := registry.SIMOf(subject); ok {
			e.addons[sim] = true
		}
	}
	e.oneOffsOf, e.buyers = oneOffsOf(f.Statements), buyersOf(f)
	return e
}

// Close is the close of a cycle of a payer.
type Close struct {
	Payer uint32
	Cycle Date // any date of the closing cycle
	First Date // any date of the payer's first billed cycle
	// Facts is the revision known at the close, Before the revision known when the previous cycle closed. Before is
	// not used for the first cycle.
	Before, Facts registry.Revision
	// Again means that the cycle is already closed, and that this close is between two cycle closes. Only
	// corrections made since then are due.
	Again bool
	// Once means that one-off charges dated in the next cycle are also due. Early means that such charges were
	// already due at the previous close. They are the charges of the next cycle if Again is true, and
	// otherwise the charges of this cycle.
	Once, Early bool
	// Arisen, if not 0, makes transitions and activations of the next cycle up to this time due as well.
	// EarlyArisen is the Arisen of the previous close.
	Arisen, EarlyArisen udr.Instant
	// Earlier holds the documents with which the previous close priced these events.
	Earlier *Documents
}

// Close passes the items of a close to a function. For every cycle that is closed or billed in advance, an item is
// the amount due by the facts known now, minus the amount due by the facts of the previous close (rule R9). Items
// are ordered by SIM number, then by account, then by one-off charge; the items of one SIM are consecutive.
func (e *Engine) Close(c Close, give func(*document.Item) error) error {
	id, _ := e.view.AccountID(c.Payer)
	r := &run{Engine: e, Close: c, payer: c.Payer, id: id, give: give, cycles: map[cycleKey]*cycle{}, windows: map[windowKey][]*window{},
		dirt: map[uint32]udr.Instant{}, charged: map[registry.Revision][]oneOff{}}
	return r.all()
}

// Items returns the items of Close in one list.
func (e *Engine) Items(c Close) (items []document.Item, err error) {
	err = e.Close(c, func(i *document.Item) error {
		items = append(items, *i)
		return nil
	})
	return items, err
}

// run holds the state of the computation of one close.
type run struct {
	*Engine
	Close
	payer   uint32
	id      string
	give    func(*document.Item) error
	closing *cycle
	begin   Date // first date of the first cycle that is billed
	again   bool // a cycle was closed before
	earlier due  // the charges that the previous close already billed, as known then; nil if there are none
	cycles  map[cycleKey]*cycle
	windows map[windowKey][]*window
	dirt    map[uint32]udr.Instant
	charged map[registry.Revision][]oneOff

	oneOffIDs []string // ids of one-off charges that the payer may have to pay
	known     []registry.KnownOwner
	states    []registry.KnownState
	dates     []Date
	changed   []Date
	stretched []stretch
	things    []taken
	now, was  bill
}

type windowKey struct {
	rev   registry.Revision
	cycle Date
	docs  *Documents // nil for the cycle's own documents
}

// never is a time after all others.
const never = udr.Instant(math.MaxInt64)

func (r *run) all() (err error) {
	if r.closing, err = r.cycle(r.Facts, r.Cycle); err != nil {
		return err
	}
	first, err := r.cycle(r.Facts, r.First)
	if err != nil {
		return err
	}
	r.begin, r.again = first.first, r.Again || first.first < r.closing.first
	accounts := r.accounts()
	for _, sim := range r.index.of(accounts) {
		if err := r.sim(sim); err != nil {
			return err
		}
	}
	used, err := r.used()
	if err != nil {
		return err
	}
	docs, err := r.catalogue(r.id, r.closing.first)
	if err != nil {
		return err
	}
	for _, a := range accounts {
		since := min(r.dirty(a, true), used)
		for _, b := range r.sharing(docs, a) {
			since = min(since, r.dirty(b, false))
		}
		err := r.subject(since, nil, func(rev registry.Revision, w *window, b *bill) error { return w.accountDue(a, b) })
		if err != nil {
			return err
		}
	}
	if err := r.renewals(accounts); err != nil {
		return err
	}
	return r.oneOffCharges(accounts)
}

// accounts returns the payer and all accounts that were ever below it, ordered by number.
func (r *run) accounts() (all []uint32) {
	below := map[uint32]bool{r.payer: true}
	r.view.Below(below)
	for a := range below {
		all = append(all, a)
	}
	slices.Sort(all)
	return all
}

// fresh reports whether a revision became known after the previous close.
func (r *run) fresh(known registry.Revision) bool { return known > r.Before && known <= r.Facts }

// stated returns the earliest time that is affected by new statements about a subject.
func (r *run) stated(kind registry.Kind, subject string) udr.Instant {
	since := never
	for _, s := range r.facts.Statements.Told(kind, subject) {
		if r.fresh(s.Known) {
			since = min(since, s.From)
		}
	}
	return since
}

// dirty returns the earliest time that is affected by new facts about an account or one above it. whole includes
// facts about charges that only the account itself owes.
func (r *run) dirty(account uint32, whole bool) udr.Instant {
	since, ok := r.dirt[account]
	if !ok {
		since = never
		r.dirt[account] = since // imports refuse an account that is above itself; this ends the search in any case
		id, _ := r.view.AccountID(account)
		for _, p := range r.view.AccountHistory(account) {
			if r.fresh(p.Known) || r.fresh(p.EndKnown) || r.fresh(p.Corrected) {
				since = min(since, p.Since)
			}
			if p.Fact.Parent != 0 {
				since = min(since, r.dirty(p.Fact.Parent, false))
			}
		}
		since = min(since, r.stated(registry.KindProfile, id), r.stated(registry.KindSettings, id))
		r.dirt[account] = since
	}
	if !whole {
		return since
	}
	id, _ := r.view.AccountID(account)
	since = min(since, r.stated(registry.KindAddon, id), r.stated(registry.KindStatus, id))
	return since
}

// sim computes the items of a SIM.
func (r *run) sim(sim uint32) error {
	r.known, r.states = r.view.Owners(sim, r.known[:0]), r.view.States(sim, r.states[:0])
	var between []registry.Revision // revisions at which facts about the SIM became known since the previous close
	since := never
	news := func(from udr.Instant, known registry.Revision) {
		if r.fresh(known) {
			since = min(since, from)
			between = append(between, known)
		}
	}
	for i := range r.known {
		f := &r.known[i]
		news(f.From, f.Known)
		if f.Account != 0 && r.again {
			since = min(since, r.dirty(f.Account, false))
		}
	}
	for i := range r.states {
		news(r.states[i].From, r.states[i].Known)
	}
	addons := r.addons[sim]
	if addons {
		since = min(since, r.stated(registry.KindAddon, registry.SubjectOf(sim)))
	}
	if len(between) > 0 {
		since = min(since, r.stated(registry.KindSettings, registry.SubjectOf(sim)))
		slices.Sort(between)
		between = slices.Compact(between)
	}
	var s simFacts
	var as registry.Revision
	owners, states := r.known, r.states
	at := func(rev registry.Revision) *simFacts {
		if s.sim == 0 || rev != as {
			s = simFacts{sim: sim, owners: heldOwners(owners, rev), states: heldStates(states, rev), addons: addons}
			as = rev
		}
		return &s
	}
	owes := func(rev registry.Revision, w *window, b *bill) error {
		s := at(rev)
		if w.recurs || w.docs.onces {
			if err := w.simDue(s, b); err != nil {
				return err
			}
		}
		if !w.events {
			return nil
		}
		return w.lifeDue(s, never, b)
	}
	if r.Arisen == 0 && r.EarlyArisen == 0 {
		return r.subject(since, between, owes)
	}
	return r.arisen(since, between, owes, func(until udr.Instant) due {
		return func(rev registry.Revision, w *window, b *bill) error {
			if !w.events {
				return nil
			}
			return w.lifeDue(at(rev), until, b)
		}
	})
}

// heldOwners selects the valid facts. It copies nothing if there is only one fact.
func heldOwners(facts []registry.KnownOwner, rev registry.Revision) []registry.KnownOwner {
	if len(facts) == 1 && facts[0].Known <= rev && facts[0].State != registry.Withdrawn {
		return facts
	}
	return registry.HeldOwners(slices.Clone(facts), rev)
}

func heldStates(facts []registry.KnownState, rev registry.Revision) []registry.KnownState {
	if len(facts) == 1 && facts[0].Known <= rev && facts[0].State != registry.Withdrawn {
		return facts
	}
	return registry.Held(slices.Clone(facts), rev)
}

// due computes the charges of one SIM or account in a window, as known at a revision.
type due func(registry.Revision, *window, *bill) error

// subject computes the items of one SIM or account. since is the earliest time affected by new facts about it; between
// holds the revisions at which they became known.
func (r *run) subject(since udr.Instant, between []registry.Revision, owes due) error {
	next, err := r.after(r.Facts, r.closing)
	if err != nil {
		return err
	}
	from, err := r.backTo(since)
	if err != nil {
		return err
	}
	end := r.closing.first
	if r.Again {
		end = r.closing.next
	}
	for at := from; at < end; {
		c, err := r.cycle(r.Facts, at)
		if err != nil {
			return err
		}
		if err := r.differs(c, between, false, owes); err != nil {
			return err
		}
		at = c.next
	}
	if r.Again {
		if since == never {
			return nil
		}
		return r.differs(next, between, true, owes)
	}
	if err := r.closes(r.closing, !r.again, owes); err != nil {
		return err
	}
	if r.again && from < r.closing.next {
		if err := r.differs(r.closing, between, true, owes); err != nil {
			return err
		}
	}
	return r.ahead(next, owes)
}

// backTo returns the first cycle whose charges may have changed. It goes back by the longest period from the
// cycle that contains a time. For a time that has not been billed yet, it returns a date after the closing cycle.
func (r *run) backTo(since udr.Instant) (Date, error) {
	if since == never || !r.again {
		return r.closing.next, nil
	}
	date := Date(registry.LocalDate(r.closing.zone, since))
	c := r.closing
	for c.first > date && c.first > r.begin {
		var err error
		if c, err = r.before(r.Facts, c); err != nil {
			return 0, err
		}
	}
	longest, err := r.longest()
	if err != nil || longest == 1 && date >= r.closing.next {
		return date, err
	}
	for n := 1; n < longest && c.first > r.begin; n++ {
		if c, err = r.before(r.Facts, c); err != nil {
			return 0, err
		}
	}
	return c.first, nil
}

func (r *run) longest() (int, error) {
	d, err := r.catalogue(r.id, r.closing.first)
	if err != nil {
		return 1, err
	}
	return d.longest, nil
}

// closes computes the charges of a cycle when it closes; all of them if nothing was billed before.
func (r *run) closes(c *cycle, all bool, owes due) error {
	r.now.clear()
	r.was.clear()
	if err := r.owedIn(r.Facts, c, nil, all, owes, &r.now); err != nil {
		return err
	}
	if r.earlier != nil {
		was, err := r.cycle(r.Before, c.first)
		if err == nil {
			err = r.owedIn(r.Before, was, r.Earlier, all, r.earlier, &r.was)
		}
		if err != nil {
			return err
		}
	}
	return r.hand(r.now.owed, r.was.owed)
}

// owedIn adds the charges at the close of a cycle, as known at a revision, with the given documents; nil means the
// documents of the cycle.
func (r *run) owedIn(rev registry.Revision, c *cycle, docs *Documents, all bool, owes due, b *bill) error {
	windows, err := r.windowsBy(rev, c, docs)
	if err != nil {
		return err
	}
	for _, w := range windows {
		if all || !w.ahead {
			if err := owes(rev, w, b); err != nil {
				return err
			}
		}
	}
	return nil
}

// ahead computes the charges that are due before a cycle begins.
func (r *run) ahead(c *cycle, owes due) error {
	windows, err := r.windowsOf(r.Facts, c)
	if err != nil {
		return err
	}
	r.now.clear()
	for _, w := range windows {
		if w.ahead {
			if err := owes(r.Facts, w, &r.now); err != nil {
				return err
			}
		}
	}
	return r.hand(r.now.owed, nil)
}

// differs computes the difference for a billed cycle; for the closing cycle, only the difference in the charges
// billed in advance. With rating type prorated, each change since the previous close is a separate item (rule
// R8).
func (r *run) differs(c *cycle, between []registry.Revision, advance bool, owes due) error {
	steps := append([]registry.Revision{r.Before}, between...)
	if c.profile.RatingType == "retrorated" {
		steps = steps[:1]
	}
	if steps[len(steps)-1] != r.Facts {
		steps = append(steps, r.Facts)
	}
	r.was.clear()
	for i, rev := range steps {
		r.now.clear()
		at, err := r.cycle(rev, c.first)
		if err != nil {
			if i == 0 {
				continue // the account was not known yet, so nothing was billed
			}
			return err
		}
		windows, err := r.windowsOf(rev, at)
		if err != nil {
			return err
		}
		for _, w := range windows {
			if !advance || w.ahead {
				if err := owes(rev, w, &r.now); err != nil {
					return err
				}
			}
		}
		if i > 0 {
			if err := r.hand(r.now.owed, r.was.owed); err != nil {
				return err
			}
		}
		r.now, r.was = r.was, r.now
	}
	return nil
}

// hand passes on the differences between present and former charges.
func (r *run) hand(now, was []owed) error {
	give := func(o *owed) error {
		item, err := o.item()
		if err != nil {
			return err
		}
		return r.give(&item)
	}
	find := func(list []owed, key owedKey) *owed {
		for i := range list {
			if list[i].owedKey == key {
				return &list[i]
			}
		}
		return &owed{owedKey: key}
	}
	for i := range was {
		if find(now, was[i].owedKey).n == 0 {
			gone := owed{owedKey: was[i].owedKey, once: was[i].once, full: was[i].full}
			rest, remains, err := gone.minus(&was[i])
			if err == nil && remains {
				err = give(&rest)
			}
			if err != nil {
				return err
			}
		}
	}
	for i := range now {
		if now[i].n == 0 {
			continue
		}
		rest, remains, err := now[i].minus(find(was, now[i].owedKey))
		if err == nil && remains {
			err = give(&rest)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// windowsOf returns the windows whose items belong to a cycle: the cycle, and longer periods that are billed with it.
func (r *run) windowsOf(rev registry.Revision, c *cycle) ([]*window, error) {
	return r.windowsBy(rev, c, nil)
}

// windowsBy returns the same as windowsOf, but with the given documents; nil means the documents of the cycle.
func (r *run) windowsBy(rev registry.Revision, c *cycle, docs *Documents) (windows []*window, err error) {
	key := windowKey{rev, c.first, docs}
	if windows, ok := r.windows[key]; ok {
		return windows, nil
	}
	if docs == nil {
		if docs, err = r.catalogue(r.id, c.first); err != nil {
			return nil, err
		}
	}
	one := r.window(rev, c, docs, 1, c, c)
	one.of, one.ahead, one.events = c.whole, c.advance(), !c.advance()
	windows = []*window{one}
	if one.ahead {
		// Events of the cycle are due when it closes, even if recurring parts are due in advance.
		later := *one
		later.ahead, later.recurs, later.events = false, false, true
		windows = append(windows, &later)
	}
	for _, every := range docs.periods {
		first, last, err := r.period(rev, c, every, false)
		if err != nil {
			return nil, err
		}
		if c.advance() {
			windows = append(windows, r.window(rev, c, docs, every, first, last))
			windows[len(windows)-1].ahead = true
		}
		if first, last, err = r.period(rev, c, every, true); err != nil {
			return nil, err
		}
		if !first.advance() {
			windows = append(windows, r.window(rev, c, docs, every, first, last))
		}
	}
	r.windows[key] = windows
	return windows, nil
}

func (r *run) window(rev registry.Revision, c *cycle, docs *Documents, every int, first, last *cycle) *window {
	w := &window{run: r, cycle: c, rev: rev, from: first.first, to: last.next, every: every, starts: first.month, docs: docs, recurs: true,
		offered: map[offerKey][]rate{}, tiered: map[tierKey][]tier{}, broken: map[uint32][]Date{}}
	w.of = int(w.to - w.from)
	for d := w.from; d <= w.to; d++ {
		w.ends = append(w.ends, registry.Midnight(c.zone, int32(d))-1)
	}
	return w
}

type ruleKey struct {
	settings string
	at       udr.Instant
	zone     *time.Location
}
