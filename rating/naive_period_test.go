package rating_test

import (
	"cmp"
	"fmt"
	"math"
	"math/big"
	"strings"
	"time"

	"ratemill/udr"
)

// naiveDue is a fee, a minimum or a cap: of a record, or of a day, a week or a cycle.
type naiveDue struct {
	Amount  string `yaml:"amount"`
	Per     string `yaml:"per,omitempty"`
	Counted string `yaml:"counted,omitempty"`
}

type naiveDues []naiveDue

// ofRecord is the amount of a record, "" if there is none.
func (d naiveDues) ofRecord() string {
	for _, x := range d {
		if x.Per == "" {
			return x.Amount
		}
	}
	return ""
}

func (d naiveDues) of(per string) (all naiveDues) {
	for _, x := range d {
		if x.Per == per {
			all = append(all, x)
		}
	}
	return all
}

type naivePass struct {
	Name  string   `yaml:"name,omitempty"`
	Price naiveDue `yaml:"price"`
	Units string   `yaml:"units,omitempty"`
}

// begins is the local date on which the day, week or cycle of the record begins, for a SIM or an account.
func (c *naiveCharge) begins(d naiveDue) string {
	day := localTime(c.u.At, c.a)
	switch {
	case d.Per == "week":
		for day.Weekday() != time.Monday {
			day = time.Date(day.Year(), day.Month(), day.Day()-1, 12, 0, 0, 0, time.UTC)
		}
	case d.Per == "cycle" && d.Counted == "account":
		return cycleOf(c.u, c.a)
	case d.Per == "cycle":
		return c.r.simCycle(c.u, c.a, c.tier)
	}
	return day.Format(time.DateOnly)
}

// inPeriod is the key of what is counted in a period under a name.
func (c *naiveCharge) inPeriod(name string, d naiveDue) string {
	whose := c.a.ID
	if d.Counted != "account" {
		whose = fmt.Sprintf("sim %d%s", c.u.SIM, c.whose())
	}
	return fmt.Sprintf("%s, %s, %s %s", name, whose, d.Per, c.begins(d))
}

func (c *naiveCharge) classKey() string { return c.plan.Name + "/" + c.u.Class }

func (c *naiveCharge) priceKey() string { return c.classKey() + "/" + c.first.countName() }

// passes lets the pass of the first price cover what is left.
func (c *naiveCharge) drawPass() {
	if p := c.first.Pass; p != nil {
		before, quantity := c.covered, c.quantity
		if c.over.limit != "" { // the price of usage over a limit takes the place of the pass
			c.quantity = min(quantity, c.beyond)
		}
		if c.covered >= c.quantity && c.covered < quantity {
			c.quantity = quantity
			return
		}
		b := naiveBucket{Bucket: cmp.Or(p.Name, c.first.Name), Classes: []string{c.u.Class}, Units: cmp.Or(p.Units, fmt.Sprint(math.MaxInt64))}
		c.draw(c.plan.Name+"/"+b.Bucket, c.passKey(), b, "included.exhausted")
		c.passed, c.quantity = c.covered-before, quantity
	}
}

func (c *naiveCharge) passKey() string {
	if name := c.first.Pass.Name; name != "" {
		return c.inPeriod("pass "+c.plan.Name+"/"+name, c.first.Pass.Price)
	}
	return c.inPeriod("pass of "+c.priceKey(), c.first.Pass.Price)
}

// periods is what a record costs with what day, week and cycle make of its total.
func (c *naiveCharge) periods(total *big.Rat) *big.Rat {
	type stage struct {
		dues naiveDues
		name string
	}
	add := func(all *[]stage, price, class naiveDues, name string) {
		for _, s := range []stage{{price, name + " of " + c.priceKey()}, {class, name + " of " + c.classKey()}} {
			for _, per := range []string{"day", "week", "cycle"} {
				*all = append(*all, stage{s.dues.of(per), s.name})
			}
		}
	}
	var fees, minimums, caps []stage
	if !c.over.whole() {
		add(&fees, c.first.Fee, c.class.Fee, "fee")
		add(&minimums, c.first.Minimum, c.class.Minimum, "minimum")
		add(&caps, c.first.Cap, c.class.Cap, "cap")
	}
	for _, s := range fees {
		for _, d := range s.dues {
			if naiveMoney(d.Amount).Sign() > 0 && c.firstOf(c.inPeriod(s.name, d)) {
				total = new(big.Rat).Add(total, naiveMoney(d.Amount))
			}
		}
	}
	if c.first.Pass != nil && c.passed > 0 && (c.r.counter(c.passKey()).Cmp(big.NewRat(c.passed, 1)) == 0 && !c.credits ||
		c.r.counter(c.passKey()).Sign() == 0) {
		total = new(big.Rat).Add(total, naiveMoney(c.first.Pass.Price.Amount))
	}
	for _, s := range minimums {
		for _, d := range s.dues {
			if least := naiveMoney(d.Amount); least.Sign() > 0 {
				total = c.bounded(c.inPeriod(s.name, d), total, func(sum *big.Rat) *big.Rat {
					if sum.Cmp(least) < 0 && (c.covered < c.quantity && !c.credits || c.credits && sum.Sign() > 0) {
						return least
					}
					return sum
				})
			}
		}
	}
	for _, s := range caps {
		for _, d := range s.dues {
			most := naiveMoney(d.Amount)
			key, own := c.inPeriod(s.name, d), total
			total = c.bounded(key, own, func(sum *big.Rat) *big.Rat {
				if sum.Cmp(most) > 0 {
					sum = most
				}
				if with := new(big.Rat).Add(c.r.counter(key+" charged"), own); !c.credits && sum.Cmp(with) > 0 {
					return with // what was free under a lower cap stays free
				}
				return sum
			})
		}
	}
	if c.class.Negative == "" {
		return total
	}
	paid := c.r.counter(c.inPeriod("paid for "+c.classKey(), naiveDue{Per: "cycle"}))
	if c.credits {
		if total.Cmp(paid) > 0 {
			total = new(big.Rat).Set(paid)
		}
		paid.Sub(paid, total)
	} else {
		paid.Add(paid, total)
	}
	return total
}

// firstOf counts units under a key, and reports whether they are the first, or of a credit, whether none is left.
func (c *naiveCharge) firstOf(key string) bool {
	units := c.r.counter(key)
	switch n := big.NewRat(c.quantity, 1); {
	case c.quantity == 0:
		return false
	case !c.credits:
		units.Add(units, n)
		return units.Cmp(n) == 0
	case units.Sign() == 0:
		return false
	case units.Cmp(n) < 0:
		units.SetInt64(0)
	default:
		units.Sub(units, n)
	}
	return units.Sign() == 0
}

// bounded is the part of a cost that is charged if a period costs what bound makes of the sum of its costs, and at least what was
// charged so far. A credit takes cost away from the sum, and what is left of it was charged elsewhere.
func (c *naiveCharge) bounded(key string, cost *big.Rat, bound func(*big.Rat) *big.Rat) *big.Rat {
	if cost.Sign() == 0 && c.covered == c.quantity {
		return cost
	}
	sum, charged := c.r.counter(key+" in all"), c.r.counter(key+" charged")
	if !c.credits {
		sum.Add(sum, cost)
		due := bound(new(big.Rat).Set(sum))
		if due.Cmp(charged) < 0 {
			due = charged
		}
		cost = new(big.Rat).Sub(due, charged)
		charged.Set(due)
		return cost
	}
	if cost.Sign() == 0 {
		return cost
	}
	elsewhere := new(big.Rat).Sub(cost, sum)
	if elsewhere.Sign() < 0 {
		elsewhere.SetInt64(0)
	}
	if sum.Sub(sum, new(big.Rat).Sub(cost, elsewhere)); elsewhere.Cmp(cost) == 0 {
		return cost // nothing was charged here
	}
	due := bound(new(big.Rat).Set(sum))
	if due.Cmp(charged) > 0 {
		due = charged
	}
	cost = new(big.Rat).Add(new(big.Rat).Sub(charged, due), elsewhere)
	charged.Set(due)
	return cost
}

// naiveRefill is a bucket from which the units of a credit may have been drawn.
type naiveRefill struct {
	*naiveBucket
	name, key, rolled string
}

// collects notes a bucket for a credit.
func (c *naiveCharge) collects(name, key, rolled string, b *naiveBucket) bool {
	if c.credits {
		c.refills = append(c.refills, naiveRefill{b, name, key, rolled})
	}
	return c.credits
}

// drew counts what the SIM took from a bucket by usage of the class; of units that rolled over and of packages, in the cycle of the use.
func (c *naiveCharge) drew(key, rolled string, taken int64) {
	if c.class.Negative != "" {
		mine := c.r.counter(c.drewKey(key, rolled))
		mine.Add(mine, big.NewRat(taken, 1))
	}
}

func (c *naiveCharge) drewKey(key, rolled string) string {
	if rolled != "" || strings.HasPrefix(key, "package ") || strings.HasPrefix(key, "cap ") {
		key += " in " + c.r.simCycle(c.u, c.a, c.tier)
	}
	return fmt.Sprintf("drawn by sim %d%s by %s of %s", c.u.SIM, c.whose(), c.classKey(), key)
}

// giveBack is the charge of a credit: what a record of its units costs, less what was not drawn or charged.
func (c *naiveCharge) giveBack() error {
	c.credits = true
	initial, then := c.class.increment(c.first)
	c.quantity, _ = newNaiveSession().use(-c.u.Quantity, initial, then, nil)
	units := c.r.counter(c.inPeriod("units paid for at "+c.priceKey(), naiveDue{Per: "cycle"}))
	paid := max(0, min(c.quantity, units.Num().Int64()))
	units.Sub(units, big.NewRat(paid, 1))
	if err := c.drawAll(); err != nil {
		return err
	}
	c.drawPass()
	left, used := c.quantity-paid, -c.u.Quantity-paid
	var lines []string
	for i := len(c.refills) - 1; i >= 0; i-- {
		b := &c.refills[i]
		want := left
		if step := naiveQuantity(b.Increment); step > 0 {
			for want = 0; want < used; want += step * max(1, (used-want)/step) {
			}
		}
		weight := int64(cmp.Or(b.Weights[c.zone], 1))
		took, mine := c.r.counter(b.key), c.r.counter(c.drewKey(b.key, b.rolled))
		before := took.Num().Int64()
		n := max(0, min(want, mine.Num().Int64()/weight, before/weight))
		if left <= 0 || n == 0 {
			continue
		}
		lines = append([]string{fmt.Sprintf("  draw %s before %d drawn %d", b.name, before, -n)}, lines...)
		back := big.NewRat(n*weight, 1)
		took.Sub(took, back)
		mine.Sub(mine, back)
		if b.rolled != "" {
			carried := c.r.counter(b.rolled)
			carried.Sub(carried, back)
		}
		if left -= n; b.Increment != "" && n >= used {
			left = 0
		}
		used, c.covered = used-n, c.covered+n
		if c.first.Pass != nil && b.key == c.passKey() {
			c.passed = n
		}
	}
	c.lines = append(c.lines, lines...)
	c.quantity = paid + c.covered
	if c.passed < c.quantity && c.quantity > 0 && !c.u.Continues {
		c.sum.Add(c.sum, naiveMoney(c.first.Fee.ofRecord()))
	}
	c.lies = false
	return c.price()
}

// counts is what a limit on units counts of a record: of a credit, no more than what it gives back.
func (r *naiveRater) counts(u *udr.Usage) *big.Rat {
	if u.Quantity < 0 {
		return new(big.Rat).SetInt64(-min(-u.Quantity, r.given))
	}
	return new(big.Rat).SetInt64(u.Quantity)
}
