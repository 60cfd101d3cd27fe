package rating

import (
	"fmt"
	"slices"

	"ratemill/decimal"
	"ratemill/udr"
)

// A record with a negative quantity is a credit. It refunds the present cost of a record with that many units, in the
// reverse order of charging. It first takes back units that the SIM paid for at the price of the record, then units
// of a pass, then units of pools and included units, which it refills. A credit never gives back more than the SIM
// drew or was charged in the cycle that contains the record's time.
//
// So a class that allows credits keeps counters for each SIM, in the periods in which they count: the units
// charged at each price, the units that the SIM drew from each bucket, and the charged amount.
//
// Rating computes a credit like the positive record that it reverses, and negates quantities and amounts at the end.

// giving is the state of a credit during its computation.
type giving struct {
	on      bool
	refills []refill
	units   int64 // units that the credit gives back at tier 0, at most its quantity
}

// refill is a bucket from which the units of a credit may have been drawn.
type refill struct {
	*bucket
	key   CounterKey
	bound CounterKey // units that later cycles drew, if the units rolled over from the cycle of key
	draw  int        // its index in Charge.Draws
}

var creditClass = adjustment{
	class: func(s *saying) {
		if s.pc.credit = s.classDoc.Negative.Value == "credit"; s.pc.credit {
			of := "class " + s.plan.counter + "/" + s.class.Value
			s.credits = true
			s.pc.paid, s.pc.drew = s.id(s.class.Pos, "charged, "+of), s.id(s.class.Pos, "drawn, "+of)
		}
	},
	explain: func(x *explanation) {
		if !x.credit {
			return
		}
		if missing := x.c.notGiven(); missing > 0 {
			x.line("credit", fmt.Sprintf("for %s nothing is given back: the SIM had not drawn them, or paid this price for them, in the cycle "+
				"from %s",
				Units(missing, x.u.Unit), date(x.c.Cycle)))
		}
	},
}

// refuses suspends a record with a negative quantity if the plan does not accept it.
func (t *tier) refuses(u *udr.Usage) error {
	return suspend("quantity", "quantity %d is negative, and class %s of plan %s does not allow that; if such records give back what was "+
		"charged, write negative: credit at the class, otherwise correct the source's rules, and retry", u.Quantity, u.Class, t.plan.name)
}

// giveBack computes the charge of a credit; first is the price of its time and zone.
func (e *Engine) giveBack(t *tier, ch *Charge, zone *zone, first *price, c *Counters, u *udr.Usage, class int32, res *Result) error {
	ch.Quantity, ch.Continues = -u.Quantity, u.Continues
	ch.Rounded = first.increment.round(-u.Quantity)
	w := t.ofSIM(first.given, u.SIM)
	_, _, paid := e.counter(c, &w, res)
	priced := min(ch.Rounded, max(0, paid.Units()))
	covered, err := e.refill(t, ch, first, priced, c, u, class, zone.global, res)
	if err != nil {
		return err
	}
	ch.Rounded = priced + covered
	if t.class.when != nil {
		e.tellFacts(ch, first)
	}
	sum := &e.sum
	*sum = amount{den: t.class.den}
	if priced > 0 {
		if err := e.steps(t, ch, first, covered, ch.Rounded, 0, c, u, sum, res); err != nil {
			return err
		}
	}
	if t.free = ch.free(0, ch.Rounded); !t.free {
		for _, adjust := range first.adjust {
			if err := adjust(t, first, ch, sum); err != nil {
				return tooMuch(t, u)
			}
		}
	}
	if err := t.finish(ch, sum); err != nil {
		return err
	}
	if err := e.inPeriods(t, first, ch, c, u, res); err != nil {
		return err
	}
	ch.turn()
	if t.total = ch.Total; t.number == 0 {
		e.giving.units = min(-u.Quantity, -ch.Rounded)
	}
	return nil
}

// refill returns units that the SIM drew for free to the pass of the price and to the buckets that cover the
// record, last drawn first. It returns the number of these units, counted in units of the record.
func (e *Engine) refill(t *tier, ch *Charge, first *price, priced int64, c *Counters, u *udr.Usage, class, zone int32,
	res *Result) (covered int64, err error) {
	e.giving.on, e.giving.refills = true, e.giving.refills[:0]
	if _, err = e.cover(t, ch, c, u, class, zone, res); err == nil && first.pass != nil {
		e.usePass(t, first.pass, priced, ch.Rounded, ch, c, u, res)
	}
	e.giving.on = false
	left, used := ch.Rounded-priced, -u.Quantity-priced
	for _, r := range slices.Backward(e.giving.refills) {
		want := left
		if r.increment > 0 { // the bucket's own increment replaced that of the price
			want = roundUp(max(0, used), r.increment)
		}
		if left <= 0 || want == 0 {
			continue
		}
		own := e.drewKey(t, r.key, r.bound != CounterKey{}, u.SIM)
		d := &ch.Draws[r.draw]
		d.Before = c.Get(r.key).Units()
		d.Drawn = max(0, min(want, c.Get(own).Units()/max(1, d.Weight), d.Before/max(1, d.Weight)))
		if d.Drawn == 0 {
			continue
		}
		for _, k := range [...]CounterKey{r.key, own, r.bound} {
			if k != (CounterKey{}) {
				e.add(c.entry(k), k, UnitsValue(-d.Taken()), res)
			}
		}
		if left -= d.Drawn; r.increment > 0 && d.Drawn >= used {
			left = 0
		}
		used, covered = used-d.Drawn, covered+d.Drawn
	}
	ch.Growth = ch.Growth[:0] // the growth of a pool does not count units per SIM
	for i := range ch.Draws {
		ch.Draws[i].Whole, ch.Draws[i].Days, ch.Draws[i].Of = 0, 0, 0
	}
	ch.Draws = slices.DeleteFunc(ch.Draws, func(d Draw) bool { return d.Drawn == 0 })
	return covered, err
}

// candidate records the last draw of the charge as a bucket from which the units of a credit may have been drawn.
func (e *Engine) candidate(t *tier, b *bucket, k, bound CounterKey, ch *Charge) {
	d := &ch.Draws[len(ch.Draws)-1]
	if w := b.weight(t.model.zones[t.hit.zone].global); w != 1 {
		d.Weight = w
	}
	d.Increment = b.increment
	e.giving.refills = append(e.giving.refills, refill{b, k, bound, len(ch.Draws) - 1})
}

// drewKey returns the counter of the units that a SIM drew from the bucket of another counter by
// usage of the class.
func (e *Engine) drewKey(t *tier, k CounterKey, rolled bool, sim uint32) CounterKey {
	own := CounterKey{ID: mix(k.ID, t.class.drew), Owner: sim, Cycle: k.Cycle, Kind: k.Kind - k.Kind.plain() + SIMUnits}
	if !k.Kind.PerSIM() {
		own.ID = mixID(own.ID, k.Owner)
		if t.number > 0 { // two tiers may draw on the same pool
			own.ID = mixID(own.ID, t.payer.number)
		}
	}
	if bought := !k.Kind.inCycle(); rolled || bought {
		cycle := t.payer.cycle
		if t.number == 0 {
			cycle = e.cycleOfSIM
		}
		if own.ID = mixID(own.ID, uint32(cycle)); bought {
			own.Cycle = cycle // the units of a package belong to no cycle, but a credit is for the cycle that contains its time of use
		}
	}
	own.ID = max(own.ID, 1)
	return own
}

// rememberDraw counts units that a SIM drew from a bucket, for the credits of its class.
func (e *Engine) rememberDraw(t *tier, k CounterKey, rolled bool, units int64, c *Counters, u *udr.Usage, res *Result) {
	own := e.drewKey(t, k, rolled, u.SIM)
	e.add(c.entry(own), own, UnitsValue(units), res)
}

// rememberPriced counts units that a SIM paid for at a price; a credit takes them back.
func (e *Engine) rememberPriced(t *tier, p *price, units int64, c *Counters, u *udr.Usage, res *Result) {
	w := t.ofSIM(p.given, u.SIM)
	k, entry, _ := e.counter(c, &w, res)
	e.add(entry, k, UnitsValue(units), res)
}

// boundCredit counts the amount charged for the SIM by the class in the cycle, and limits a credit to
// that amount.
func (e *Engine) boundCredit(t *tier, ch *Charge, c *Counters, u *udr.Usage, res *Result) error {
	w := t.ofSIM(t.class.paid, u.SIM)
	w.kind = SIMCost
	k, entry, value := e.counter(c, &w, res)
	if u.Quantity >= 0 {
		e.add(entry, k, CostValue(ch.Total), res)
		return nil
	}
	paid, err := value.Cost()
	if err != nil {
		return err
	}
	if paid.Less(ch.Total) {
		l := PeriodLine{Kind: PeriodPaid, Begins: k.Cycle, Counter: SIMUnits, Owner: k.Owner, Price: paid}
		if l.Amount, err = paid.Sub(ch.Total); err == nil {
			err = ch.pay(l)
		}
	}
	e.add(entry, k, CostValue(ch.Total.Neg()), res)
	return err
}

// unfee gives back the fee of a period when all units of the period are given back. The counter of the period
// counts these units.
func (e *Engine) unfee(s *stage, ch *Charge, w *tally, c *Counters, res *Result) error {
	k, entry, used := e.counter(c, w, res)
	units := min(ch.Rounded, max(0, used.Units()))
	e.add(entry, k, UnitsValue(-units), res)
	if units == 0 || units < used.Units() {
		return nil
	}
	l := s.line(k)
	l.Amount = s.price
	return ch.pay(l)
}

// unbound returns the part of a period's charges that remains after a credit. sum and charged are the values before
// the credit, and cost is the amount that the credit takes back. If cost exceeds sum, the excess was charged for
// other periods, and the credit gives all of it back.
func (s *stage) unbound(sum, charged, cost decimal.D) (left, whole decimal.D, err error) {
	if sum.Less(cost) {
		whole, err = cost.Sub(sum)
		cost = sum
	}
	if err == nil {
		sum, err = sum.Sub(cost)
	}
	switch left = sum; {
	case cost.IsZero():
		return charged, whole, err
	case s.kind == PeriodCap && s.price.Less(left):
		left = s.price
	case s.kind == PeriodMinimum && !left.IsZero():
		left = larger(left, s.price)
	}
	if charged.Less(left) {
		left = charged
	}
	return left, whole, err
}

// turn negates a charge: it converts between a credit and the charged record that the credit reverses.
func (c *Charge) turn() {
	c.Quantity, c.Rounded = -c.Quantity, -c.Rounded
	c.Sum, c.Rest, c.Total, c.Below.Num = c.Sum.Neg(), c.Rest.Neg(), c.Total.Neg(), -c.Below.Num
	for i := range c.Draws {
		c.Draws[i].Drawn = -c.Draws[i].Drawn
	}
	for i := range c.Lines {
		switch l := &c.Lines[i]; l.Kind {
		case LineUsage:
			l.Quantity, l.Amount, l.Below = -l.Quantity, l.Amount.Neg(), -l.Below
		case LineFee:
			*l = feeLine(l.Amount.Neg())
		}
	}
	for i := range c.Periods {
		c.Periods[i].Amount = c.Periods[i].Amount.Neg()
	}
}

// turned returns the record that a credit reverses, as a copy that shares no memory with the credit.
func (c *Charge) turned() *Charge {
	x := *c
	x.Draws, x.Lines, x.Periods = slices.Clone(c.Draws), slices.Clone(c.Lines), slices.Clone(c.Periods)
	x.turn()
	return &x
}

// notGiven returns the number of units in a negated credit that the SIM had neither drawn nor paid for.
func (c *Charge) notGiven() int64 {
	i := increments{initial: c.Initial, then: max(c.Then, 1)} // verified reports a Then below 1
	return i.round(c.Quantity) - c.Rounded
}
