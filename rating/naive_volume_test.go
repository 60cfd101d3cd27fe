package rating_test

import (
	"cmp"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"ratemill/udr"
)

// naivePortion is the units that an account pays for in a billing cycle at one price, and what was charged for them.
type naivePortion struct {
	of      naiveCharge // the account, the class and the zone of its units
	price   *naivePrice
	cost    func(count *big.Rat) *big.Rat // of a unit, if the count has reached a number
	units   int64
	charged *big.Rat
}

// counts reports whether a price counts more than a record or session.
func (p *naivePrice) counts(class *naiveClass) bool {
	counted := cmp.Or(p.Counted, class.Counted)
	return counted != "" && counted != "record" && counted != "session"
}

// whoseCount is the account by whose clock something is counted: the account itself, or the one whose tree counts.
func (c *naiveCharge) whoseCount(counted string) *accountLine {
	if counted == "tree" && c.tier == 0 {
		return c.r.payer(c.a, c.u.At)
	}
	return c.a
}

// countKey is the key of the count of a price, "" if each record counts by itself.
func (c *naiveCharge) countKey(p *naivePrice) string {
	if !p.counts(c.class) {
		return ""
	}
	counted, period := cmp.Or(p.Counted, c.class.Counted), cmp.Or(p.Period, c.class.Period, "cycle")
	name := c.classKey() + "/" + p.countName()
	if count := cmp.Or(p.Count, c.class.Count); count != "" {
		name = c.plan.Name + " shares " + count
	}
	owner := c.whoseCount(counted)
	whose, span := owner.ID, naiveSpan(c.u, owner, period, c.r.contracted(owner, c.u.At))
	if counted == "sim" {
		whose = fmt.Sprintf("sim %d%s", c.u.SIM, c.whose())
		if period == "cycle" {
			span = c.r.simCycle(c.u, c.a, c.tier)
		}
	}
	return fmt.Sprintf("price %s %s %s %s %s", name, counted, whose, period, span)
}

// volume is what a unit at a price costs by what its count has reached; nil if the count decides nothing about units counted before.
func (c *naiveCharge) volume(p *naivePrice) func(count *big.Rat) *big.Rat {
	d, _ := c.plan.discounts(c.u.Class)
	switch {
	case len(p.Volume) > 0:
		return func(count *big.Rat) (price *big.Rat) {
			for _, s := range p.Volume {
				if count.Cmp(big.NewRat(naiveQuantity(s.From), 1)) >= 0 {
					price = naiveUnitPrice(s.Price)
				}
			}
			return price
		}
	case d != nil && d.Whole:
		return func(count *big.Rat) *big.Rat {
			off := new(big.Rat)
			for _, s := range d.Reached {
				if count.Cmp(s.from()) >= 0 {
					off = s.part()
				}
			}
			price := naiveUnitPrice(cmp.Or(p.Price, p.stepPrice()))
			return price.Sub(price, off.Mul(off, price))
		}
	}
	return nil
}

// stepPrice is the price of a single step.
func (p *naivePrice) stepPrice() string {
	if len(p.Steps) == 0 {
		return ""
	}
	return p.Steps[0].Price
}

// payVolume adds units to their count and to their portion, and pays by how much the portion costs more.
func (c *naiveCharge) payVolume(p *naivePrice, n int64, price func(count *big.Rat) *big.Rat) {
	key, add, spend := c.countKey(p), big.NewRat(n, 1), false
	if d, name := c.plan.discounts(c.u.Class); len(p.Volume) == 0 {
		if key, spend = c.discountKey(d, name), d.bySpend(); spend {
			add = naiveRounded(add.Mul(add, naiveUnitPrice(cmp.Or(p.Price, p.stepPrice()))), naiveRound{12, "down"})
		}
	}
	count := c.r.counter(key)
	from := count.Num().Int64()
	if spend {
		from = 0 // it counts money
	}
	count.Add(count, add)
	c.lines = append(c.lines, fmt.Sprintf("  step %d from %d", n, from))

	of := *c
	before := c.r.portions[key]
	c.r.undo = append(c.r.undo, func() { c.r.portions[key] = before })
	all := slices.Clone(before)
	i := slices.IndexFunc(all, func(x naivePortion) bool {
		return x.price == p && x.of.first == c.first && x.of.zone == c.zone && x.of.a.ID == c.a.ID && x.of.tier == c.tier &&
			cycleOf(x.of.u, x.of.a) == cycleOf(c.u, c.a)
	})
	if i < 0 {
		u := *c.u
		of.u = &u
		i, all = len(all), append(all, naivePortion{of: of, price: p, cost: price, charged: new(big.Rat)})
	}
	x := &all[i]
	was := x.worth(count)
	x.units += n
	pays := new(big.Rat).Sub(x.worth(count), was)
	x.charged = new(big.Rat).Add(x.charged, pays)
	c.settled.Add(&c.settled, pays)
	c.r.portions[key] = all
	c.reprices(key)
}

// reprices notes a count whose portions may cost something else after the record.
func (c *naiveCharge) reprices(key string) {
	if !slices.Contains(c.r.repriced, key) {
		c.r.repriced = append(c.r.repriced, key)
	}
}

// worth is what a portion costs if its count has reached a number.
func (x *naivePortion) worth(count *big.Rat) *big.Rat {
	cost := x.cost(count)
	return naiveRounded(cost.Mul(cost, big.NewRat(x.units, 1)), x.of.round())
}

// round says how amounts of a class are rounded.
func (c *naiveCharge) round() naiveRound {
	switch {
	case c.class.Round != nil:
		return *c.class.Round
	case c.plan.Round != nil:
		return *c.plan.Round
	}
	return naiveRound{12, "half_up"}
}

// corrections are the charges of the portions that now cost something else, and what of them belongs to accounts that pay for the record,
// in the same tier and cycle.
func (r *naiveRater) corrections(u *udr.Usage, sim *simLine) (lines []string, corrected map[string]*big.Rat) {
	corrected = map[string]*big.Rat{}
	for _, key := range r.repriced {
		before := r.portions[key]
		r.undo = append(r.undo, func() { r.portions[key] = before })
		count, all := r.counter(key), slices.Clone(before)
		for i := range all {
			x := &all[i]
			differs := new(big.Rat).Sub(x.worth(count), x.charged)
			if differs.Sign() == 0 {
				continue
			}
			x.charged = new(big.Rat).Add(x.charged, differs)
			lines = append(lines, fmt.Sprintf("correction tier %d %s %s %s zone %s price %s cycle %s total %s", x.of.tier, x.of.a.ID,
				x.of.plan.Name, x.of.u.Class, x.of.zone, x.of.first.Name, cycleOf(x.of.u, x.of.a), differs.FloatString(12)),
				fmt.Sprintf("  now %d", x.units))
			tier := 0
			for a := r.account(sim.Account); a != nil; a = r.account(a.Parent) {
				if a.ID == x.of.a.ID && tier == x.of.tier && payPlan(a, sim, tier) != "" && cycleOf(u, a) == cycleOf(x.of.u, x.of.a) {
					corrected[a.ID] = differs.Add(differs, cmp.Or(corrected[a.ID], new(big.Rat)))
				}
				tier++
			}
		}
		r.portions[key] = all
	}
	return lines, corrected
}

// payPackages pays each package that one of n units begins, after others.
func (c *naiveCharge) payPackages(p *naivePrice, from, n int64) {
	amount, size, _ := strings.Cut(p.Package, " / ")
	sign := int64(1)
	if c.credits {
		sign = -1
	}
	c.lines = append(c.lines, fmt.Sprintf("  step %d from %d", sign*n, from))
	for unit := from; unit < from+n; {
		next := min(from+n, (unit/naiveQuantity(size)+1)*naiveQuantity(size))
		if unit%naiveQuantity(size) == 0 {
			c.sum.Add(c.sum, naiveMoney(amount))
			c.parts = append(c.parts, naivePart{1, naiveMoney(amount)})
			unit++
		}
		if unit < next {
			c.parts = append(c.parts, naivePart{next - unit, new(big.Rat)})
		}
		unit = next
	}
}
