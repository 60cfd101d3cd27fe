package rating

import (
	"math/bits"
	"slices"

	"ratemill/registry"
	"ratemill/registry/life"
	"ratemill/udr"
)

// With `prorate: days`, a SIM gets a share of the included units for the days of the cycle on which it has the plan
// and is in a state that counts. By default, these are the states with core state active. The plan and state at the
// end of a day decide for the whole day. Future days count like the day of the record: their plan and state are not
// known yet, and units already drawn are not taken back.

// countDays returns two numbers for a tier: days, the counted days that end before the record, and rest, the days
// from the day of the record to the end of the cycle. It uses the effective state, so the share does not depend on
// when a state fact was written.
func (e *Engine) countDays(v *registry.View, rev registry.Revision, c *Counters, t *tier, u *udr.Usage, since udr.Instant) {
	k, first := t.clock, int64(t.payer.cycle)
	t.of = floorDiv(k.local(t.payer.end-1), daySeconds) + 1 - first
	today := floorDiv(k.local(u.At), daySeconds)
	t.rest, t.days = t.of-(today-first), 0
	if today == first {
		return
	}
	if e.unchanged(v, rev, k.midnight(int32(first+1))-1, u.At, since) {
		if e.counts(t.plan) {
			t.days = today - first
		}
		return
	}
	for day := first; day < today; day++ {
		if e.counted(v, rev, c, t, u.SIM, k.midnight(int32(day+1))-1) {
			t.days++
		}
	}
}

// unchanged reports whether the owner, accounts and state of the SIM have been the same since an earlier time. Most
// SIMs are unchanged, and then all days are alike.
func (e *Engine) unchanged(v *registry.View, rev registry.Revision, then, now, owned udr.Instant) bool {
	if owned > then || e.state.known && e.state.From > then || !e.state.known && v.AnyStates() {
		return false
	}
	for _, p := range e.path {
		facts, ok := v.Account(p.number, then, rev)
		if !ok || facts != p.facts || v.Profiled(p.number, then, rev) != v.Profiled(p.number, now, rev) {
			return false
		}
	}
	return true
}

// counted reports whether, at another time, a SIM had the plan of a tier and was in a state that counts.
func (e *Engine) counted(v *registry.View, rev registry.Revision, c *Counters, t *tier, sim uint32, at udr.Instant) bool {
	payer, ok := e.hadPlan(v, rev, t, sim, at)
	return ok && e.countedThen(v, rev, c, t.plan, sim, at, payer)
}

// hadPlan reports whether a SIM had the plan of a tier at another time. The SIM must have been below the same root
// and, for a plan above the SIM's own, the same account must have paid. zone returns the account whose time zone
// applied to the SIM's state.
func (e *Engine) hadPlan(v *registry.View, rev registry.Revision, t *tier, sim uint32, at udr.Instant) (zone *registry.Account, ok bool) {
	owner, ok := v.Owner(sim, at, rev)
	if !ok {
		return nil, false
	}
	same, root := false, uint32(0)
	var payer *registry.Account
	for number := owner.Account; number != 0; {
		facts, ok := v.Account(number, at, rev)
		if !ok {
			return nil, false
		}
		if zone == nil {
			zone = facts
		}
		if payer == nil && v.Profiled(number, at, rev) {
			payer = facts
		}
		plan := facts.Plan
		if number == owner.Account && owner.Plan != 0 {
			plan = v.PlanName(owner.Plan)
		}
		if t.number == 0 && number == owner.Account || t.number > 0 && number != owner.Account && number == t.payer.number {
			same = same || plan == t.plan.counter
		}
		root, number = number, facts.Parent
	}
	if payer != nil {
		zone = payer
	}
	return zone, same && root == e.root()
}

// countedThen reports whether the effective state of a SIM at another time counts for a plan.
func (e *Engine) countedThen(v *registry.View, rev registry.Revision, c *Counters, p *plan, sim uint32, at udr.Instant,
	payer *registry.Account) bool {
	fact, known := v.State(sim, at, rev)
	if !known {
		return true
	}
	e.happened, e.then = e.then, e.happened                      // useFirst and drawLife need the effects before the record
	stay, _ := e.effective(v, rev, c, sim, fact, at, payer.Zone) // without rules, the state is that of the fact
	e.happened, e.then = e.then, e.happened
	return p.counts(&stay, v.StateValue(fact.Value).Core)
}

// counts reports whether the days from the record on count, by the state of the SIM after the record begins.
func (e *Engine) counts(p *plan) bool {
	s := &e.state
	switch {
	case !s.known:
		return true
	case s.turned:
		return p.counts(&s.next, s.core)
	}
	return p.counts(&s.Stay, s.core)
}

// counts reports whether days in a state count. Without state rules, the core state is that of the fact.
func (p *plan) counts(s *life.Stay, stated registry.Core) bool {
	if len(p.includedIn) > 0 {
		return slices.Contains(p.includedIn, s.State)
	}
	switch s.Core() {
	case life.NoCore:
		return stated == registry.NoCore || stated == registry.Active
	case life.Active:
		return true
	}
	return false
}

// turn records that the record ended the SIM's state at the beginning of the record.
func (e *Engine) turn(kind life.EventKind, at udr.Instant) {
	s := &e.state
	s.next, s.turned = life.Advance(s.Stay, []life.Event{{At: at, Kind: kind}}, at), true
}

// prorated returns a SIM's share of a bucket's units, rounded down to whole units.
func (e *Engine) prorated(t *tier, b *bucket) (size, days int64) {
	if !b.prorate {
		return b.size, t.of
	}
	if days = t.days; e.counts(t.plan) {
		days += t.rest
	}
	return partOf(b.size, days, t.of), days
}

// partOf returns units × days / of, rounded down.
func partOf(units, days, of int64) int64 {
	if days == of {
		return units
	}
	hi, lo := bits.Mul64(uint64(units), uint64(days))
	part, _ := bits.Div64(hi, lo, uint64(of))
	return int64(part)
}

// prorateBuckets marks the buckets whose size is prorated by days, as set for the bucket or, by default,
// for the plan.
func (p *plan) prorateBuckets(doc *planDoc) {
	p.prorate = false
	for i := range p.included {
		b := &p.included[i]
		b.prorate = doc.Prorate.Value == "days"
		for j := range doc.Included {
			if d := &doc.Included[j]; d.Bucket.Value == b.name && d.Prorate != "" {
				b.prorate = d.Prorate == "days"
			}
		}
		p.prorate = p.prorate || b.prorate
	}
}

// onlyIncluded refuses fields that only included units can have in a bucket of a share plan, and fields that only
// such a bucket can have in included units.
func (c *compiler) onlyIncluded(doc *bucketDoc, shareName string) {
	if shareName == "" {
		if doc.Overage != nil {
			c.list.Errorf(doc.Overage.pos, "overage is for buckets of share plans; what included units do not cover costs the plan's price")
		}
		return
	}
	if doc.Rollover != nil {
		c.list.Errorf(doc.Rollover.pos, "these units do not roll over; rollover is for the included units of a plan")
	}
	if doc.Prorate != "" {
		c.list.Errorf(doc.Bucket.Pos, "this bucket has no prorate; it is for the included units of a plan")
	}
}

// checkIncludedIn checks the states that plans name.
func (c *compiler) checkIncludedIn() {
	for _, doc := range c.planDocs {
		if len(doc.IncludedIn) > 0 && doc.Prorate.Value != "days" &&
			!slices.ContainsFunc(doc.Included, func(b bucketDoc) bool { return b.Prorate == "days" }) {
			c.list.Errorf(doc.IncludedIn[0].Pos, "included_in names the states whose days count, so it needs prorate: days")
		}
		for _, s := range doc.IncludedIn {
			if known := c.life.States(); !slices.Contains(known, s.Value) {
				c.list.Errorf(s.Pos, "no state model has a state %s%s", s.Value, orKnown(s.Value, known))
			}
		}
	}
}
