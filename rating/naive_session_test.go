package rating_test

import (
	"fmt"
	"math/big"
	"strings"

	"ratemill/udr"
)

// naiveSession is the charge of a payer for a session: the units of the increments that it began, and an exact sum.
type naiveSession struct {
	r       *naiveRater
	key     string // empty for a record that belongs to no session
	used    int64
	begun   int64 // units of the begun increments
	priced  int64
	sum     *big.Rat
	least   *big.Rat // the highest minimum
	charged *big.Rat
	owes    bool  // it has units, and none of them owed the fee
	last    int64 // when its newest part began
	within  int64
}

func newNaiveSession() *naiveSession {
	return &naiveSession{sum: new(big.Rat), least: new(big.Rat), charged: new(big.Rat)}
}

func naiveSeconds(at udr.Instant) int64 { return at.Time().Unix() }

// session is the session of a record for a payer, nil if it belongs to none.
func (r *naiveRater) session(u *udr.Usage, a *accountLine, plan, root string) *naiveSession {
	if u.SessionWithin == 0 || u.Session == "" || r.straight(plan, u.Class) {
		return nil
	}
	key := fmt.Sprintf("%s of SIM %d paid by %s below %s, plan %s, %s", u.Session, u.SIM, a.ID, root, plan, u.Class)
	s, ok := r.sessions[key]
	if !ok || naiveSeconds(u.At) > s.last+s.within {
		s = *newNaiveSession()
	}
	s.r, s.key = r, key
	return &s
}

// known reports whether a record that continues a session may be rated.
func (r *naiveRater) known(u *udr.Usage, sim *simLine) error {
	if u.SessionWithin == 0 || !u.Continues || u.Quantity < 0 {
		return nil
	}
	tier := 0
	for a := r.account(sim.Account); a != nil; a = r.account(a.Parent) {
		plan := payPlan(a, sim, tier)
		tier++
		if plan == "" || r.straight(plan, u.Class) {
			continue
		}
		if u.Session == "" {
			return naiveSuspended("session_unknown")
		}
		if s := r.session(u, a, plan, r.root(sim.Account)); s.within == 0 && r.paidBefore(u, a, plan, r.root(sim.Account)) {
			return naiveSuspended("session_unknown")
		}
	}
	return nil
}

// paidBefore reports whether a payer already paid for the SIM, by a plan and below a root, when the session may have
// begun.
func (r *naiveRater) paidBefore(u *udr.Usage, payer *accountLine, plan, root string) bool {
	then := u.At - udr.Instant(u.SessionWithin)*1e9
	sim := r.owner(u.SIM, then)
	if sim == nil || r.root(sim.Account) != root {
		return false
	}
	tier := 0
	for a := r.account(sim.Account); a != nil; a = r.account(a.Parent) {
		if a.ID == payer.ID && payPlan(a, sim, tier) == plan {
			return true
		}
		tier++
	}
	return false
}

// straight reports whether, by every version of a plan, parts that are priced alone cost the same as the whole session.
func (r *naiveRater) straight(plan, class string) bool {
	if r.stepped(plan, class) {
		return false
	}
	for _, p := range r.catalogue.Plans[plan] {
		c, ok := p.Classes[class]
		if !ok {
			continue
		}
		if c.Cap.ofRecord() != "" {
			return false
		}
		scale := 12
		for _, round := range []*naiveRound{p.Round, c.Round} {
			if round != nil {
				scale = round.Scale
			}
		}
		for _, x := range c.Prices {
			increment := c.Increment
			if x.Increment != nil {
				increment = x.Increment
			}
			if increment != nil && (naiveQuantity(increment.Initial) != 1 || naiveQuantity(increment.Then) != 1) {
				return false
			}
			if naiveMoney(x.Fee.ofRecord()).Sign() != 0 || naiveMoney(x.Minimum.ofRecord()).Sign() != 0 || (len(x.Steps) > 1 || x.Package != "") &&
				!x.counts(&c) {
				return false
			}
			prices := append(r.instead(plan, class), x.Price)
			if amount, _, ok := strings.Cut(x.Package, " / "); ok {
				prices = append(prices, amount)
			}
			for _, s := range x.Steps {
				prices = append(prices, s.Price)
			}
			for _, text := range prices {
				if d, _ := p.discounts(class); d != nil && d.Whole && text == x.Price {
					continue // rounded for all units together, however a session is divided
				}
				unit := new(big.Rat).Mul(naiveUnitPrice(text), new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(scale)), nil)))
				if !unit.IsInt() {
					return false
				}
				if d, _ := p.discounts(class); d != nil {
					for _, s := range d.Reached {
						if !new(big.Rat).Mul(unit, s.part()).IsInt() {
							return false
						}
					}
				}
			}
		}
	}
	return true
}

// instead are the prices of pools and limits that may take the place of those of a plan.
func (r *naiveRater) instead(plan, class string) (prices []string) {
	for _, versions := range r.catalogue.Shares {
		for _, s := range versions {
			for _, b := range s.Buckets {
				if r.participates(&s, plan) && b.Overage != "" && within(b.Classes, class) {
					prices = append(prices, b.Overage)
				}
			}
		}
	}
	for _, versions := range r.catalogue.Limits {
		for _, l := range versions {
			if l.Over != "" && within(l.Classes, class) {
				prices = append(prices, l.Over)
			}
		}
	}
	return prices
}

// use begins the increments that a quantity needs beyond those already begun. It returns their units, and whether the
// session's first increment is among them.
func (s *naiveSession) use(quantity, initial, then int64, blocks []naiveBlock) (units int64, first bool) {
	s.used += quantity
	for s.begun < s.used {
		block := then
		if s.begun == 0 {
			block, first = initial, true
		} else if missing := s.used - s.begun; missing > then {
			block = missing / then * then // many at once
		}
		if len(blocks) > 0 {
			block, blocks = blocks[0].units, blocks[1:]
		}
		s.begun += block
		units += block
	}
	return units, first
}

// pay is the cost of a part, if the fee and the steps of all parts together make a sum.
func (s *naiveSession) pay(u *udr.Usage, sum, least *big.Rat, round naiveRound, priced int64) *big.Rat {
	if sum.Cmp(s.sum) < 0 { // an earlier part had a higher cap
		sum = s.sum
	}
	if least.Cmp(s.least) < 0 { // an earlier part had a higher minimum
		least = s.least
	}
	cost := sum
	if cost.Cmp(least) < 0 {
		cost = least
	}
	total := naiveRounded(cost, round)
	if total.Cmp(s.charged) < 0 {
		total = s.charged
	}
	cost = new(big.Rat).Sub(total, s.charged)
	if s.key != "" {
		after := *s
		after.sum, after.least, after.charged, after.priced = sum, least, total, priced
		after.last, after.within = max(s.last, naiveSeconds(u.At)), max(s.within, int64(u.SessionWithin))
		s.r.sessions[s.key] = after
	}
	return cost
}
