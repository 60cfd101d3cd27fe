package rating

import (
	"fmt"
	"slices"
	"strings"

	"ratemill/decimal"
	"ratemill/literal"
	"ratemill/registry"
	"ratemill/registry/life"
	"ratemill/udr"
)

// LimitReached is the code of records that exceed a limit that blocks usage.
const LimitReached = "limit"

// counting is a limit that counts a record, together with the account to which the counter belongs.
type counting struct {
	*limit
	has   *payer // the account that has the limit
	owner *payer
	tier  *tier // its price and zone apply
}

// limitAt returns a limit of the account at an index of the path if it counts the record, or nil. It is valid until the
// next call.
func (e *Engine) limitAt(at int, family int32, u *udr.Usage, class int32) *counting {
	p := e.path[at]
	m, _, _ := e.catalogue.limits.list[family].at(p.clock, u.At)
	if m == nil || !m.counts(class) {
		return nil
	}
	e.counting = counting{limit: m, has: p, owner: p} // a copy in the engine, because the address of a local variable would cost an allocation
	if m.plain || e.within(&e.counting, at, u, class, family) {
		return &e.counting
	}
	return nil
}

// within reports whether a limit on zones, a pool or a tree counts a record, and for which account.
func (e *Engine) within(m *counting, at int, u *udr.Usage, class, family int32) bool {
	m.tier = e.tierOf(at)
	if m.zones != nil && (m.tier == nil || !inZones(m.zones, m.tier.model.zones[m.tier.hit.zone].global)) {
		return false
	}
	switch m.per {
	case perTree:
		for _, below := range e.path[:at] { // the limit has already counted the record
			if slices.Contains(below.limits, family) {
				return false
			}
		}
		m.owner = e.path[len(e.path)-1]
	case perPool:
		t := m.tier
		if t == nil || t.payer != m.has {
			return false
		}
		s, _, _ := e.catalogue.shares.list[m.pool].at(t.clock, u.At)
		if s == nil || !s.takes(t.plan.family) || !s.participation && !t.holds(m.pool) {
			return false
		}
		zone := t.model.zones[t.hit.zone].global
		if !slices.ContainsFunc(s.buckets, func(b bucket) bool { return b.covers(class, zone) }) {
			return false
		}
		m.owner = e.path[s.level.owner(at, len(e.path), e.accountOnPath)]
	}
	return true
}

// tierOf returns the tier by which an account's usage is priced: its own tier or, if the account has no plan, that of
// the nearest account below it.
func (e *Engine) tierOf(at int) *tier {
	for i := len(e.tiers) - 1; i >= 0; i-- {
		if t := &e.tiers[i]; int(t.number) <= at {
			return t
		}
	}
	return nil
}

// tallyOf sets w to the tally of a limit for a record.
func (e *Engine) tallyOf(w *tally, m *counting, u *udr.Usage) {
	w.id, w.kind, w.payer = m.counterID(), m.kind(), m.owner
	if m.per == perSIM {
		w.sim, w.apart = u.SIM, true
	}
	e.during(w, m.period, u.At)
}

// watch counts usage and cost for the limits of every account up to the root.
func (e *Engine) watch(c *Counters, u *udr.Usage, class int32, res *Result) error {
	for at, p := range e.path {
		for _, family := range p.limits {
			if m := e.limitAt(at, family, u, class); m != nil {
				if err := e.count(m, c, u, res); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (e *Engine) count(m *counting, c *Counters, u *udr.Usage, res *Result) error {
	value := UnitsValue(u.Quantity)
	if u.Quantity < 0 {
		value = UnitsValue(-e.giving.units)
	}
	if m.cost {
		cost, err := e.costOf(m)
		if err != nil {
			return err
		}
		value = CostValue(cost)
	}
	if (value == Value{}) {
		return nil
	}
	var w tally
	e.tallyOf(&w, m, u)
	k, entry, before := e.counter(c, &w, res)
	after := before.Plus(value)
	if after.Hi < 0 { // a credit gives back units that were counted in another period
		after, value = Value{}, before.Neg()
	}
	if m.cost {
		if _, err := after.Cost(); err != nil {
			return suspend("amount", "the cost that limit %s counts for account %s exceeds the largest possible amount; correct the plan",
				m.name, m.has.facts.ID)
		}
	}
	e.add(entry, k, value, res)
	if after.Less(m.lowest) || !before.Less(m.highest) {
		return nil
	}
	for i := range m.thresholds {
		if t := &m.thresholds[i]; before.Less(t.value) && !after.Less(t.value) && e.firstTime(m, t, &w, c, res) {
			e.reached(m, t, Event{Name: m.name, Account: m.has.number, SIM: u.SIM, At: u.At, Counter: k, Threshold: t.value, Before: before,
				After: after, Percent: t.said()}, c, u, res)
		}
	}
	return nil
}

// firstTime reports whether a threshold is reached for the first time in its period. A cost may fall again, and so
// may the units of a class with credits. The counter therefore keeps the highest value at which the threshold
// acted.
func (e *Engine) firstTime(m *counting, t *threshold, w *tally, c *Counters, res *Result) bool {
	if !m.cost && !e.catalogue.credits {
		return true
	}
	acted := *w
	acted.id = mixID(mixID(w.id, uint32(t.percent)), actedMark)
	k := acted.key(e.root(), e.cycleOfSIM)
	before := c.Get(k)
	if !before.Less(t.value) {
		return false
	}
	e.add(c.entry(k), k, t.value.Plus(before.Neg()), res)
	return true
}

// actedMark distinguishes the counters of acted thresholds from the counts.
const actedMark = 0x0ac7ed

// said returns the percentage of a threshold, 0 for the whole limit.
func (t *threshold) said() uint16 {
	if t.percent == 100 {
		return 0
	}
	return uint16(t.percent)
}

// reached performs the actions of a limit at a threshold.
func (e *Engine) reached(m *counting, t *threshold, event Event, c *Counters, u *udr.Usage, res *Result) {
	happens := func(kind EventKind) {
		event.Kind = kind
		res.Events = append(res.Events, event)
	}
	if t.do&notifies != 0 {
		happens(LimitPassed)
	}
	if t.do&suspends != 0 && !e.lifted(u) {
		e.live(c, event.SIM, event.At, didPass, res)
		happens(LimitSuspends)
	}
	if t.do&(throttles|blocks) == 0 {
		return
	}
	_, event.Until = e.span(m.owner, m.period, event.At)
	if t.do&throttles != 0 {
		happens(LimitThrottles)
	}
	if t.do&blocks != 0 {
		happens(LimitBlocks)
	}
}

// costOf returns the price of the record for an account. An account without a plan has the charge of the nearest
// account below it. A charge in another currency cannot be added to the limit; check reports this case.
func (e *Engine) costOf(m *counting) (decimal.D, error) {
	t := m.tier
	if t == nil {
		t = e.tierOf(slices.Index(e.path, m.has))
	}
	switch {
	case t == nil:
		return decimal.Zero, nil
	case t.plan.currency == m.currency && m.per != perSIM:
		return t.total.Add(t.corrected)
	case t.plan.currency == m.currency:
		return t.total, nil
	case t.payer != m.has:
		return decimal.Zero, nil
	}
	return decimal.Zero, suspend("currency", "limit %s of account %s is in %s, but plan %s charges %s; correct one and retry", m.name,
		m.has.facts.ID, m.currency, t.plan.name, t.plan.currency)
}

// heed looks for limits that block the record because earlier records reached them. Such a record is suspended or has
// the price of usage over the limit. If the record itself reaches a limit on usage that has such a price, its units
// over the limit have that price. If the limit has no such price, or is on cost, the whole record is charged as
// usual, because a record is one row that is either rated or suspended.
func (e *Engine) heed(c *Counters, u *udr.Usage, class int32) error {
	if u.Quantity <= 0 {
		return nil
	}
	for at, p := range e.path {
		for _, family := range p.limits {
			if m := e.limitAt(at, family, u, class); m != nil && m.block != nil {
				if err := e.heedOne(m, c, u); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (e *Engine) heedOne(m *counting, c *Counters, u *udr.Usage) error {
	var w tally
	e.tallyOf(&w, m, u)
	value, below := e.peek(c, &w), int64(0)
	if value.Less(m.block.value) {
		if m.over == nil || m.cost {
			return nil
		}
		if below = m.block.value.Plus(value.Neg()).Units(); below >= u.Quantity {
			return nil
		}
	}
	switch {
	case e.lifted(u):
	case m.over == nil:
		return e.blocked(m, u, value)
	default:
		e.charges(m, below)
	}
	return nil
}

// charges gives the record the price of usage over a limit, for the account whose usage the limit counts. If several
// limits apply, the one that the record reaches first counts.
func (e *Engine) charges(m *counting, below int64) {
	t := m.tier
	if t == nil {
		t = e.tierOf(slices.Index(e.path, m.has))
	}
	if t != nil && (t.over == nil || below < t.below) && (!m.cost || t.plan.currency == m.currency) {
		t.over, t.below = m.over, below
	}
}

// overFrom returns the unit of the record from which on the price of usage over a limit applies. It is the end of
// the increment that began below the limit, or end.
func (t *tier) overFrom(ch *Charge, first *price, start, end int64) int64 {
	switch beyond := t.below - start; {
	case t.over == nil:
		return end
	case t.below == 0:
		return start
	case ch.Before.Rounded == 0:
		return min(end, start+first.increment.round(t.below))
	case beyond > 0:
		return min(end, start+(beyond+ch.Then-1)/ch.Then*ch.Then)
	}
	return start
}

// peek reads the value of a counter without creating the counter.
func (e *Engine) peek(c *Counters, w *tally) Value {
	k := w.key(e.root(), e.cycleOfSIM)
	value := c.Get(k)
	if k.Cycle > c.former || value != (Value{}) || w.period != perCycle {
		return value
	}
	return c.Get(e.former(w, w.id, k))
}

func (e *Engine) blocked(m *counting, u *udr.Usage, value Value) error {
	start, end := e.span(m.owner, m.period, u.At)
	zone := m.owner.facts.Zone
	local := func(at udr.Instant) string { return localTime(at, zone, "2006-01-02 15:04") }
	return suspend(LimitReached, "limit %s of account %s blocks usage from %s on, and %s used %s since %s; the count begins again "+
		"at %s (%s). To have the record rated, raise the limit, or lift it by usage_limit_override from a time before this record, and retry; "+
		"otherwise drop it", m.name, m.has.facts.ID, m.words(m.block.value), m.user(m.owner), m.words(value), local(start), local(end), zone)
}

// user names the owner of the usage that a limit counts.
func (m *limit) user(owner *payer) string {
	switch m.per {
	case perSIM:
		return "the SIM"
	case perTree:
		return "the accounts below " + owner.facts.ID + " that have it"
	case perPool:
		return "the pool's SIMs"
	}
	return "account " + owner.facts.ID
}

// words returns a value that a limit counts as text.
func (m *limit) words(v Value) string {
	if m.cost {
		amount, err := v.Cost()
		if err != nil {
			return "too much"
		}
		return m.currency + " " + amount.String()
	}
	return fmt.Sprint(v.Units(), unitSuffix(m.unit))
}

func unitSuffix(u udr.Unit) string {
	if u == literal.AnyUnit || u == udr.Count {
		return ""
	}
	return " " + u.String()
}

// overPrice returns the price of a record over a limit, with the increments of the plan's price. The cap of the class
// stays, so the parts of a session cost no more than the whole, even if some begin over the limit.
func (t *tier) overPrice(plan *price) *price {
	p := *t.over
	p.increment = plan.increment
	if t.class.capped {
		p.adjust = onlyCap
	}
	return &p
}

var onlyCap = []apply{applyCap}

// overLimit reports whether a line is at the price of usage over a limit.
func (l *Line) overLimit() bool { return l.Over != "" && !strings.HasPrefix(l.Over, poolPrefix) }

// lifted reports whether limits are lifted for the SIM at the time of the record, by the SIM's settings, or else by
// those of the nearest account that has settings, or else by the lifecycle of the SIM's state.
func (e *Engine) lifted(u *udr.Usage) bool {
	value, set, stated := e.view.LimitOverride(u.SIM, e.path[0].number, u.At, e.rev)
	if value == "" {
		return e.state.lifts(u.At, stated, e.catalogue.life)
	}
	override, _ := life.ParseOverride(value)
	facts := e.settler(u.At).facts
	cycles := registry.Cycles{Zone: facts.Zone, Day: facts.CycleDay}
	_, next := cycles.Of(registry.LocalDate(facts.Zone, set))
	return override.Lifts(set, registry.Midnight(facts.Zone, next), u.At)
}

// settler returns the account that pays for the SIM. The cycles of an override are that account's cycles.
func (e *Engine) settler(at udr.Instant) *payer {
	for _, p := range e.path {
		if e.view.Profiled(p.number, at, e.rev) {
			return p
		}
	}
	return e.path[0]
}
