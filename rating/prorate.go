package rating

import (
	"math/bits"

	"ratemill/registry"
	"ratemill/udr"
)

// With `prorate: days`, a SIM that gets a plan within a cycle has a share of the included units for its days from then
// on, including the first day. If it leaves the plan later in the cycle, nothing is withdrawn.

// countDays returns the number of days of the cycle on which the SIM has the plan of a tier: from the first day at
// whose beginning it did not have it, or from the first of the cycle.
func (e *Engine) countDays(v *registry.View, rev registry.Revision, t *tier, u *udr.Usage) {
	k, first := t.clock, int64(t.payer.cycle)
	t.of = floorDiv(k.local(t.payer.end-1), daySeconds) + 1 - first
	day := floorDiv(k.local(u.At), daySeconds)
	for day > first && e.has(v, rev, t, u.SIM, k.midnight(int32(day))-1) {
		day--
	}
	t.days = t.of - (day - first)
}

// has reports whether a tier is paid for a SIM by the same plan at another time: below the same root, and, above the
// SIM's own plan, by the same account.
func (e *Engine) has(v *registry.View, rev registry.Revision, t *tier, sim uint32, at udr.Instant) bool {
	owner, ok := v.Owner(sim, at, rev)
	if !ok {
		return false
	}
	same, root := false, uint32(0)
	for number := owner.Account; number != 0; {
		facts, ok := v.Account(number, at, rev)
		if !ok {
			return false
		}
		plan := facts.Plan
		if number == owner.Account && owner.Plan != 0 {
			plan = v.PlanName(owner.Plan)
		}
		if t.number == 0 && number == owner.Account || t.number > 0 && number != owner.Account && number == t.payer.number {
			same = same || plan == t.plan.name
		}
		root, number = number, facts.Parent
	}
	return same && root == e.root()
}

// prorated is a SIM's share of a bucket's units: whole units, rounded down.
func (t *tier) prorated(size int64) int64 {
	if !t.plan.prorate || t.days == t.of {
		return size
	}
	hi, lo := bits.Mul64(uint64(size), uint64(t.days))
	units, _ := bits.Div64(hi, lo, uint64(t.of))
	return int64(units)
}
