package rating_test

import (
	"cmp"
	"fmt"
	"math/big"
	"math/rand"
	"strings"
)

type naiveDiscounts struct {
	Reached []naiveOff `yaml:"reached"`
	Counted string     `yaml:"counted,omitempty"`
	Period  string     `yaml:"period,omitempty"`
	Count   string     `yaml:"count,omitempty"`
	Whole   bool       `yaml:"whole,omitempty"`
}

type naiveOff struct {
	From string `yaml:"from"`
	Off  string `yaml:"off"`
}

func (o *naiveOff) part() *big.Rat {
	off := naiveMoney(strings.TrimSuffix(o.Off, " %"))
	return off.Quo(off, big.NewRat(100, 1))
}

// from is the threshold: an amount, or a number of units.
func (o *naiveOff) from() *big.Rat {
	if o.money() {
		return naiveMoney(strings.Fields(o.From)[0])
	}
	return big.NewRat(naiveQuantity(o.From), 1)
}

func (d *naiveDiscounts) bySpend() bool { return d.Reached[0].money() }

func (o *naiveOff) money() bool {
	return strings.HasSuffix(o.From, " EUR") || strings.HasSuffix(o.From, " USD")
}

// discountKey is the key of what discounts count.
func (c *naiveCharge) discountKey(d *naiveDiscounts, name string) string {
	counted, period := cmp.Or(d.Counted, "account"), cmp.Or(d.Period, "cycle")
	owner := c.whoseCount(counted)
	return fmt.Sprintf("discount %s %s%s %s %s", name, counted, owner.ID, period, naiveSpan(c.u, owner, period, c.r.contracted(owner, c.u.At)))
}

// naivePart is units of a record at a price of its plan.
type naivePart struct {
	units int64
	price *big.Rat
}

// discounts are those of a class, and the name of their count.
func (p *naivePlan) discounts(class string) (d *naiveDiscounts, name string) {
	c := p.Classes[class]
	d, name = c.Discounts, p.Name+"/"+class
	if d == nil {
		d, name = p.Discounts, p.Name
	}
	if d != nil && d.Count != "" {
		name = p.Name + " shares " + d.Count
	}
	return d, name
}

// lessen takes the discounts off what a record costs. By units, what is off is summed up step by step: the units of the record between two
// thresholds.
func (c *naiveCharge) lessen() {
	d, name := c.plan.discounts(c.u.Class)
	if d == nil || d.Whole || len(c.parts) == 0 {
		return
	}
	key := c.discountKey(d, name)
	counter := c.r.counter(key)
	c.reprices(key) // in another version the same discounts may be on the whole
	if d.bySpend() {
		cost, off := new(big.Rat), new(big.Rat)
		for _, p := range c.parts {
			cost.Add(cost, new(big.Rat).Mul(p.price, big.NewRat(p.units, 1)))
		}
		for _, s := range d.Reached {
			if counter.Cmp(s.from()) >= 0 {
				off = s.part()
			}
		}
		c.sum.Sub(c.sum, off.Mul(off, cost))
		counter.Add(counter, naiveRounded(cost, naiveRound{12, "down"}))
		return
	}
	start, units := counter.Num().Int64(), int64(0)
	for i, s := range d.Reached {
		from := start
		for _, p := range c.parts {
			begin, end := max(from, naiveQuantity(s.From)), from+p.units
			if i+1 < len(d.Reached) {
				end = min(end, naiveQuantity(d.Reached[i+1].From))
			}
			if begin < end {
				c.sum.Sub(c.sum, new(big.Rat).Mul(s.part(), new(big.Rat).Mul(p.price, big.NewRat(end-begin, 1))))
			}
			from += p.units
		}
		units = from - start
	}
	counter.Add(counter, new(big.Rat).SetInt64(units))
}

// randomDiscounts gives classes discounts by units, and the plan one by spend for the others.
func randomDiscounts(r *rand.Rand, p *naivePlan) {
	off := []string{"0.25 %", "5 %", "12.5 %", "50 %", "100 %"}
	random := func(from func(n int) string) *naiveDiscounts {
		d := &naiveDiscounts{Counted: pick(r, "", "account", "tree"), Period: pick(r, "", "cycle", "day", "week", "contract year")}
		for n, i := r.Intn(3), r.Intn(3); i < len(off); i += 1 + r.Intn(2) {
			d.Reached = append(d.Reached, naiveOff{from(n), off[i]})
			n += 1 + r.Intn(4)
		}
		return d
	}
	credits := false
	for _, name := range classNames {
		c, ok := p.Classes[name]
		credits = credits || c.Negative != ""
		if !ok || c.Negative != "" || r.Intn(4) > 0 {
			continue
		}
		unit := classUnits[name][0]
		times := pick(r, 1, 10, 1000)
		c.Discounts = random(func(n int) string { return strings.TrimSpace(fmt.Sprintf("%d %s", n*times, unit)) })
		p.Classes[name] = c
	}
	if credits {
		return
	}
	switch r.Intn(4) {
	case 0:
		p.Discounts = random(func(n int) string { return fmt.Sprintf("%d.%d %s", n/2, n%2*5, p.Currency) })
	case 1:
		d := random(func(n int) string { return fmt.Sprintf("%d %s", n, p.Currency) })
		d.Count = "all"
		for _, name := range classNames {
			if c, ok := p.Classes[name]; ok && c.Discounts == nil {
				c.Discounts = d
				p.Classes[name] = c
			}
		}
	}
}
