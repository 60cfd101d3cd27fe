package rating

import (
	"fmt"
	"slices"
	"time"

	"ratemill/decimal"
	"ratemill/literal"
	"ratemill/registry"
	"ratemill/registry/life"
	"ratemill/udr"
)

// Engine prices usage by one catalogue. It is not safe for concurrent use; engines can share a catalogue.
//
// It caches values derived from the catalogue for accounts, plans and zones that it has seen, and nothing that
// changes a price.
type Engine struct {
	catalogue *Catalogue
	clocks    []*zoneClock
	visited   map[string]*zoneClock // by country
	accounts  []*payer              // by account number
	planOf    []int32               // plan family by the registry's number of the plan name; 0: not looked up yet

	lastClass  string // class of the last record, because consecutive usage is mostly of one class
	lastNumber int32

	tiers     []tier
	sum       amount    // sum of the charge that is being computed
	settle    amount    // exact cost of the current charge's units at volume prices
	settled   decimal.D // by how much these units increase the cost of their portions
	repriced  []reached // counts whose prices changed because of the current record
	stretches []stretch // stretches of the current charge
	path      []*payer
	counting  counting // the limit that is being evaluated
	parts     []part
	undo      []undo

	asking

	states    *life.Reader
	state     simState
	happened  []happening  // result of lived
	earlier   bool         // usage had effects before the interval of the last call of lived
	livedSIM  uint32       // SIM in the last call of lived
	disorder  bool         // usage was rated after the effects of usage at the same or a later instant
	then      []happening  // results of lived for a second time
	happens   []life.Event // scratch of events
	byAccount []life.Event // effects of the account's status, scratch of again
	unheeded  []registry.SIMState
	lifeIDs   []lifeIDs // by class number

	giving     giving
	onlyAsking bool  // the engine only answers queries, so no rated state is kept
	cycleOfSIM int32 // cycle for the SIM's counters
	view       *registry.View
	rev        registry.Revision

	drawn []pooled // scratch of poolsOf
	sizes *pools   // nil until the size of a pool is needed
	pools map[poolKey][]*pool

	rolled     []formerCycle // scratch of drawRolled
	owned      []instance    // packages and add-ons of the current tier
	buys       []registry.Bought
	renewed    []PeriodLine // cost of the package renewals that the record causes at this tier
	prefetched []uint32     // scratch of Prefetch
	touched    uint64       // prevents the compiler from removing the read
}

// NewEngine returns an engine.
func NewEngine(c *Catalogue) *Engine {
	return &Engine{catalogue: c, lastNumber: -1, states: life.NewReader(c.life)}
}

// Catalogue returns the engine's catalogue.
func (e *Engine) Catalogue() *Catalogue { return e.catalogue }

// payer is an account with the values that the engine derived for it. The first three of its cache lines have what most
// records need, and Prefetch touches each of them. (0.62 → 0.58 µs a record, together with the lists that Prefetch touches.)
type payer struct {
	facts      *registry.Account
	clock      *zoneClock
	start, end udr.Instant       // of cycle
	wrong      *udr.SuspendError // error if the account uses a name that the catalogue lacks
	number     uint32            // copies of fields that every record needs: facts are a cache miss away
	parent     uint32
	cycle      int32
	plan       int32 // family, noPlan, or unknownPlan
	usuals     uint8
	usualKinds [4]CounterKind // for Prefetch

	usualIDs [4]uint64
	shares   []heldShare
	named    int // number of deals that name the account; the others are for its kind

	limits   []int32
	currency string
	deals    []deal

	before [2]cycleSpan // earlier cycles that were looked up last
}

const (
	noPlan      = -1
	unknownPlan = -2
)

// tier is a charge that is being computed.
type tier struct {
	*payer
	number  uint8
	plan    *plan
	version int
	since   udr.Instant
	class   *planClass
	model   *zoneModel
	hit     hit
	wall    *zoneClock // of time slices
	own     belonging  // whether the record's network and other party are own; found only if the model needs it
	begins  *price     // price at which the record begins
	total   decimal.D

	corrected decimal.D // amounts that corrections in the running cycle add for the account as a whole, not for a SIM

	// For a plan that prorates included units: the counted days before the record, the days from the record to
	// the end of the cycle, and the number of days in the cycle.
	days, rest, of int64

	part *part // nil if no session is kept for the record
	// The price of usage over a limit; nil if the record has no such usage. below is the number of used units
	// that are within the limit.
	over    *price
	overage *price // price of a pool for units that no bucket covers; nil: the plan's price
	below   int64
	free    bool // the charge contains no connect fee
}

type undo struct {
	key   CounterKey
	value Value
}

// Rate prices one usage record for all tiers. It changes counters and appends charges, deltas and events to res, whose
// batch Begin has started. If it returns a *udr.SuspendError, it has changed nothing.
func (e *Engine) Rate(v *registry.View, rev registry.Revision, c *Counters, u *udr.Usage, res *Result) error {
	class, err := e.class(u)
	if err != nil {
		return err
	}
	if class == freeClass {
		return e.register(v, rev, c, u, res)
	}
	if err := e.climb(v, rev, c, u, class); err != nil {
		return err
	}
	if res.Late, err = e.late(c, u); err != nil {
		return err
	}
	if e.catalogue.blocks {
		if err := e.heed(c, u, class); err != nil {
			return err
		}
	}
	credit := u.Quantity < 0
	if u.SessionWithin != 0 && !credit {
		if err := e.join(v, rev, c, u); err != nil {
			return err
		}
	}
	charges, deltas, events := len(res.Charges), len(res.Deltas), len(res.Events)
	e.undo, e.repriced = e.undo[:0], e.repriced[:0]
	if e.state.known && !credit {
		e.useFirst(c, u, res)
	}
	for i := range e.tiers {
		if err := e.charge(&e.tiers[i], c, u, class, res); err != nil {
			e.takeBack(c, res, charges, deltas, events)
			return err
		}
	}
	for i := range e.repriced {
		if err := e.reprice(&e.repriced[i], c, u, res); err != nil {
			e.takeBack(c, res, charges, deltas, events)
			return err
		}
	}
	if err := e.watch(c, u, class, res); err != nil {
		e.takeBack(c, res, charges, deltas, events)
		return err
	}
	if credit {
		return nil
	}
	if len(e.catalogue.anomalies.list) > 0 {
		e.watches(c, u, res)
	}
	if u.SessionWithin != 0 && !e.onlyAsking {
		for i := range e.parts {
			c.Sessions.expect(e.parts[i].key, &e.parts[i].after, res)
		}
	}
	return nil
}

// class returns the number of the record's usage class.
func (e *Engine) class(u *udr.Usage) (int32, error) {
	if u.Class != e.lastClass || e.lastNumber < 0 {
		n, ok := e.catalogue.classes[u.Class]
		if !ok && u.Class == Registration {
			return freeClass, nil
		}
		if !ok {
			return 0, suspend("no_price", "no plan of the catalogue has prices for usage class %s; add the class to a plan, or correct the "+
				"source's rules", u.Class)
		}
		e.lastClass, e.lastNumber = e.catalogue.names[n], n
	}
	if unit := e.catalogue.units[e.lastNumber]; unit != literal.AnyUnit && u.Unit != unit {
		return 0, suspend("unit", "the quantity is in %s, but the catalogue prices %s by %s; correct the source's rules or the prices",
			literal.UnitName(u.Unit), u.Class, literal.UnitName(unit))
	}
	if u.Quantity < -literal.MaxQuantity || u.Quantity > literal.MaxQuantity { // each plan decides whether a quantity below 0 is allowed
		return 0, suspend("quantity", "quantity %d is out of range: it must be at most %d", u.Quantity, int64(literal.MaxQuantity))
	}
	return e.lastNumber, nil
}

func suspend(code, reason string, args ...any) error {
	return &udr.SuspendError{Code: code, Reason: fmt.Sprintf(reason, args...)}
}

// ascend collects the accounts from the SIM's own up to the billing root.
func (e *Engine) ascend(v *registry.View, rev registry.Revision, u *udr.Usage) (owner registry.Ownership, err error) {
	owner, ok := v.Owner(u.SIM, u.At, rev)
	if !ok {
		return owner, suspend("sim_unknown", "%s %s had no owner at %s, as of registry revision %d; register the SIM and retry",
			u.Identifier.Kind, u.Identifier.Value, u.At, rev)
	}
	e.path, e.tiers = e.path[:0], e.tiers[:0]
	for number := owner.Account; number != 0; {
		facts, ok := v.Account(number, u.At, rev)
		if !ok {
			return owner, suspend("no_account", "account number %d is not in force at %s, as of registry revision %d; correct the "+
				"registry and retry", number, u.At, rev)
		}
		p := e.payer(number, facts)
		if p.wrong != nil {
			return owner, p.wrong
		}
		if u.At < p.start || u.At >= p.end {
			p.cycle, p.start, p.end = p.clock.cycle(u.At, p.facts)
		}
		e.path = append(e.path, p)
		number = p.parent
	}
	e.view, e.rev = v, rev
	e.cycleOfSIM = simCycle(v, rev, u.SIM, owner, e.path[0], u.At)
	return owner, nil
}

// climb collects the accounts from the SIM's own up to the billing root, and the tiers for them.
func (e *Engine) climb(v *registry.View, rev registry.Revision, c *Counters, u *udr.Usage, class int32) error {
	owner, err := e.ascend(v, rev, u)
	if err != nil {
		return err
	}
	if err := e.judge(v, rev, c, u); err != nil {
		return err
	}
	// The charge of the SIM's own account is priced by the SIM's plan or, if the SIM has none, by the account's
	// plan. An account above pays by its own plan, if it has one.
	for i, p := range e.path {
		family := p.plan
		if i == 0 && owner.Plan != 0 {
			family = e.planFamily(v, owner.Plan)
			if family == unknownPlan {
				return suspend("no_plan", "the SIM's plan %q is not in the catalogue; add it, or correct the SIM's plan, and retry",
					v.PlanName(owner.Plan))
			}
		}
		if family == noPlan {
			if i == 0 {
				return suspend("no_plan", "neither the SIM nor its account %s has a plan at %s; give the SIM one and retry", p.facts.ID, u.At)
			}
			continue
		}
		if len(e.catalogue.deals) > 0 {
			family = e.dealt(i, family, u.At)
		}
		// 689 → 667 ns a record: the tier is filled in place.
		n := len(e.tiers)
		if n == cap(e.tiers) {
			e.tiers = slices.Grow(e.tiers, 1)
		}
		e.tiers = e.tiers[:n+1]
		t := &e.tiers[n]
		*t = tier{payer: p, number: uint8(min(i, 255))}
		if err := e.resolve(t, family, u, class); err != nil {
			return err
		}
		if t.plan.prorate {
			e.countDays(v, rev, c, t, u, owner.Since)
		}
	}
	return nil
}

// planFamily finds a plan by the registry's number of its name.
func (e *Engine) planFamily(v *registry.View, name uint32) int32 {
	for int(name) >= len(e.planOf) {
		e.planOf = append(e.planOf, 0)
	}
	if e.planOf[name] == 0 {
		e.planOf[name] = unknownPlan
		if i, ok := e.catalogue.plans.find(v.PlanName(name)); ok {
			e.planOf[name] = i + 1
		}
	}
	if e.planOf[name] < 0 {
		return unknownPlan
	}
	return e.planOf[name] - 1
}

// payer returns the engine's data about an account. Facts never change, so comparing their addresses shows whether
// the data is current.
func (e *Engine) payer(number uint32, facts *registry.Account) *payer {
	for int(number) >= len(e.accounts) {
		e.accounts = append(e.accounts, make([]*payer, 1+len(e.accounts)/2)...)
	}
	p := e.accounts[number]
	if p == nil || p.facts != facts {
		p = e.newPayer(facts)
		e.accounts[number] = p
	}
	return p
}

func (e *Engine) newPayer(facts *registry.Account) *payer {
	p := &payer{facts: facts, number: facts.Number, parent: facts.Parent, currency: facts.Currency, plan: noPlan}
	c := e.catalogue
	missing := func(what, name string) {
		p.wrong = &udr.SuspendError{Code: "no_plan", Reason: fmt.Sprintf("account %s has the %s %q, which is not in the catalogue; add it, or "+
			"correct the account, and retry", facts.ID, what, name)}
	}
	p.deals, p.named = c.dealsOf(facts)
	if facts.Plan != "" {
		i, ok := c.plans.find(facts.Plan)
		if p.plan = i; !ok {
			missing("plan", facts.Plan)
		}
	}
	for _, name := range facts.SharePlans {
		i, ok := c.shares.find(name)
		if !ok {
			missing("share plan", name)
		}
		p.shares = append(p.shares, heldShare{family: i})
	}
	for _, name := range facts.Limits {
		i, ok := c.limits.find(name)
		if !ok {
			missing("limit", name)
		}
		p.limits = append(p.limits, i)
	}
	p.clock = e.clock(facts.Zone)
	return p
}

// clock returns the clock of a time zone.
func (e *Engine) clock(zone *time.Location) *zoneClock {
	for _, k := range e.clocks {
		if k.zone == zone {
			return k
		}
	}
	k := newZoneClock(zone, e.catalogue.dates)
	e.clocks = append(e.clocks, k)
	return k
}

// resolve finds the plan version, the prices and the zone of a tier.
func (e *Engine) resolve(t *tier, family int32, u *udr.Usage, class int32) error {
	f := e.catalogue.plans.list[family]
	t.plan, t.version, t.since = f.at(t.clock, u.At)
	switch {
	case t.plan == nil, t.plan.ended:
		return suspend("no_plan", "plan %s is not in force yet at %s; its first version begins on %s", f.name, u.At, f.since[0].Text)
	case int(class) >= len(t.plan.classes) || t.plan.classes[class] == nil:
		return suspend("no_price", "plan %s version %d has no prices for usage class %s; add the class to the plan and retry", f.name, t.version,
			u.Class)
	case t.currency != "" && t.currency != t.plan.currency:
		return suspend("currency", "account %s pays in %s, but plan %s charges %s; correct one and retry", t.facts.ID, t.currency, f.name,
			t.plan.currency)
	}
	t.class, t.wall = t.plan.classes[class], t.clock
	if u.Quantity < 0 && !t.class.credit {
		return t.refuses(u)
	}
	if t.class.sliced && t.plan.special {
		if err := e.sliceClock(t, u); err != nil {
			return err
		}
	}
	if t.class.own != nil {
		if t.model = t.ownModel(u.At); t.class.usesOwn {
			t.own = e.belongs(t, u)
		}
		if t.class.when != nil {
			if found, err := e.resolveOwn(t, u); found || err != nil {
				return err
			}
		}
	} else if t.model, _, _ = t.class.models.at(t.clock, u.At); t.model == nil {
		return suspend("no_zone", "zone model %s is not in force yet at %s", t.class.models.name, u.At)
	}
	var ok bool
	if t.model.own && t.class.own == nil {
		t.own = e.belongs(t, u)
	}
	if t.hit, ok = t.model.lookup(u, t.own); !ok {
		if t.class.own != nil && t.class.sliced && t.class.holdsAtTimes(u, t.own) {
			return suspend("no_price", "plan %s version %d has no price for %s on network %q, in country %q, to %q at %s; add one for that "+
				"time and retry",
				t.plan.name, t.version, u.Class, u.Network, u.Country, u.Peer, localTime(u.At, t.wall.zone, "Mon 15:04"))
		}
		if u.Country == "" && t.model.places && !international(u.Network) {
			return suspend("no_zone", "the place is unknown: the record has no country, and network %q. No zone of plan %s accepts "+
				"such records; "+
				"correct the source's rules, or write `unknown: true` at the zone or price that should cover them, and retry", u.Network,
				f.name)
		}
		return suspend("no_zone", "no zone of plan %s covers network %q, country %q, other party %q; add it to a zone, or add a zone "+
			"for everything else, and retry", f.name, u.Network, u.Country, u.Peer)
	}
	return nil
}

// add adds to a counter whose entry the caller has just found.
func (e *Engine) add(entry *entry, k CounterKey, v Value, res *Result) {
	entry.add(v)
	res.addDelta(entry, k, v)
	e.undo = append(e.undo, undo{k, v})
}

// takeBack undoes the effects of a record that turned out to be impossible to rate.
func (e *Engine) takeBack(c *Counters, res *Result, charges, deltas, events int) {
	for i := len(e.undo) - 1; i >= 0; i-- {
		k, v := e.undo[i].key, e.undo[i].value.Neg()
		entry := c.entry(k)
		entry.add(v)
		res.addDelta(entry, k, v)
	}
	res.Charges, res.Deltas, res.Events = res.Charges[:charges], res.Deltas[:deltas], res.Events[:events]
}
