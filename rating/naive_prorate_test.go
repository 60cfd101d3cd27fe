package rating_test

import (
	"math/big"
	"time"

	"ratemill/udr"
)

// prorated is the quantity of included units that a SIM has in a cycle. It looks at the end of every day of the cycle
// so far, and subtracts the days up to the last one at whose end the SIM did not have the plan of the tier.
func (r *naiveRater) prorated(units int64, u *udr.Usage, a *accountLine, plan string, tier int, root string) int64 {
	first, err := time.Parse(time.DateOnly, cycleOf(u, a))
	if err != nil {
		panic(err)
	}
	zone := localTime(u.At, a).Location()
	today := localTime(u.At, a).Format(time.DateOnly)
	days, missed := 0, 0
	for day := first; ; day = day.AddDate(0, 0, 1) {
		at := time.Date(day.Year(), day.Month(), day.Day(), 0, 0, 0, 0, zone)
		noon := udr.Usage{At: udr.InstantOf(time.Date(day.Year(), day.Month(), day.Day(), 12, 0, 0, 0, zone))}
		if cycleOf(&noon, a) != first.Format(time.DateOnly) {
			break
		}
		if day != first && day.Format(time.DateOnly) <= today && !r.hasPlan(u.SIM, udr.InstantOf(at)-1, a, plan, tier, root) {
			missed = days
		}
		days++
	}
	all := new(big.Int).Mul(big.NewInt(units), big.NewInt(int64(days-missed)))
	return all.Quo(all, big.NewInt(int64(days))).Int64()
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
