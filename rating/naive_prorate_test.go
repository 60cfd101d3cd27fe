package rating_test

import (
	"math/big"
	"slices"
	"time"

	"ratemill/udr"
)

// prorated is the quantity of included units that a SIM has in a cycle. It looks at the end of every day before the
// record, and whether the SIM had the plan of the tier and was in a state that counts. The day of the record and those
// that follow count if the state counts in which the SIM is since the record began.
func (r *naiveRater) prorated(units int64, u *udr.Usage, a *accountLine, plan *naivePlan, tier int, root string) int64 {
	first, err := time.Parse(time.DateOnly, cycleOf(u, a))
	if err != nil {
		panic(err)
	}
	zone := localTime(u.At, a).Location()
	today := localTime(u.At, a).Format(time.DateOnly)
	days, counted := 0, 0
	for day := first; ; day = day.AddDate(0, 0, 1) {
		noon := udr.Usage{At: udr.InstantOf(time.Date(day.Year(), day.Month(), day.Day(), 12, 0, 0, 0, zone))}
		if cycleOf(&noon, a) != first.Format(time.DateOnly) {
			break
		}
		at := u.At
		if day.Format(time.DateOnly) < today {
			at = naiveMidnight(day.AddDate(0, 0, 1), a) - 1
		}
		if r.hasPlan(u.SIM, at, a, plan.Name, tier, root) && r.inBusiness(u.SIM, at, plan) {
			counted++
		}
		days++
	}
	all := new(big.Int).Mul(big.NewInt(units), big.NewInt(int64(counted)))
	return all.Quo(all, big.NewInt(int64(days))).Int64()
}

func (r *naiveRater) inBusiness(number uint32, at udr.Instant, plan *naivePlan) bool {
	s := r.stay(&udr.Usage{SIM: number, At: at}, r.owner(number, at))
	if s == nil {
		return true
	}
	if len(plan.In) > 0 {
		return slices.Contains(plan.In, s.state)
	}
	return s.state == "in_billing"
}

func (r *naiveRater) hasPlan(number uint32, at udr.Instant, payer *accountLine, plan string, tier int, root string) bool {
	sim := r.owner(number, at)
	if sim == nil || r.root(sim.Account) != root {
		return false
	}
	n := 0
	for a := r.account(sim.Account); a != nil; a = r.account(a.Parent) {
		if payPlan(a, sim, n) == plan && (tier == 0 && n == 0 || tier > 0 && n > 0 && a.ID == payer.ID) {
			return true
		}
		n++
	}
	return false
}
