package rating

import (
	"fmt"
	"math/big"
	"slices"

	"ratemill/decimal"
	"ratemill/udr"
)

// With volume prices, all units of a count have the price that their total number reaches. A record pays for its own
// units at the price that the count has reached after it; separate charges correct the units before it (reprice.go).
//
// A portion is the units of one price and zone that an account pays for in a billing cycle. Rounding applies to a
// whole portion, and a record pays the increase of the portion's rounded cost. So the sums are right at any moment
// and in any order of the records.

func compileVolume(s *saying) {
	p := s.price
	p.model = byVolume
	s.pc.volume = true
	if p.count == countRecord {
		s.list.Errorf(s.at, "volume prices of class %s need to know whose units they count; write counted: sim, account or tree, or steps for "+
			"prices of a single record", s.class.Value)
	}
	if s.pc.capped {
		s.list.Errorf(s.at, "volume prices and the cap of a record exclude each other: the record that reaches a price corrects what earlier "+
			"records paid. Remove the cap of class %s, or write steps", s.class.Value)
	}
	if d := s.priceDoc.Minimum.Minimum; len(d) > 0 {
		s.list.Errorf(d[0].Pos, "volume prices and the minimum of a record exclude each other: the record that reaches a "+
			"price corrects what earlier records paid. Remove the minimum, or write steps")
	}
}

// stepAt returns the step that a number of counted units reaches.
func (p *price) stepAt(count int64) *priceStep {
	i := 0
	for i+1 < len(p.steps) && p.steps[i+1].from <= count {
		i++
	}
	return &p.steps[i]
}

// crossing reports whether one of the thresholds lies between two numbers of units.
func crossing(thresholds []int64, before, after int64) bool {
	return slices.ContainsFunc(thresholds, func(from int64) bool { return before < from != (after < from) })
}

// volume prices the units of a line at the step that their count reaches with them.
func (e *Engine) volume(t *tier, ch *Charge, p *price, s *priceStep, line Line, of reached, c *Counters, u *udr.Usage, res *Result) error {
	n := line.Quantity
	portion, err := e.portion(t, p, of.count, c, res)
	if err != nil {
		return err
	}
	units, charged := portion.paid(c)
	before, err1 := s.cost(units, t.class.round)
	after, err2 := s.cost(units+n, t.class.round)
	whole, _, below, err3 := s.price.Price(n, uint64(s.per), truncate)
	if err1 != nil || err2 != nil || err3 != nil || e.settle.add(whole, below) != nil {
		return tooMuch(t, u)
	}
	pays, err := after.Sub(before)
	if err == nil {
		e.settled, err = e.settled.Add(pays)
	}
	if err != nil {
		return tooMuch(t, u)
	}
	portion.add(e, c, n, pays, res)
	if charged != before { // the prices in the catalogue differ from the charged ones
		e.repriced = append(e.repriced, of)
	}
	line.Model, line.Paid, line.Price, line.Per, line.Amount, line.Below = byVolume, units, s.price, s.per, whole, below.Num
	ch.Lines = append(ch.Lines, line)
	return nil
}

// cost returns the rounded price of a number of units.
func (s *priceStep) cost(units int64, round decimal.Rounding) (decimal.D, error) {
	whole, _, below, err := s.price.Price(units, uint64(s.per), truncate)
	if err != nil {
		return decimal.Zero, err
	}
	cost, _, _, err := whole.RoundFraction(below, round)
	return cost, err
}

// settlePortions adds the cost of a charge's units at volume prices to the charge; the cost is rounded
// by portion.
func (e *Engine) settlePortions(t *tier, ch *Charge) (err error) {
	below := e.settle.below()
	if ch.Below.Num != 0 && ch.Below.Den != below.Den && below.Num != 0 {
		if den := lcm(ch.Below.Den, below.Den); den != 0 {
			ch.Below = decimal.Fraction{Num: ch.Below.Num * int64(den/ch.Below.Den), Den: den}
			below = decimal.Fraction{Num: below.Num * int64(den/below.Den), Den: den}
		}
	}
	switch {
	case ch.Below.Num == 0:
		ch.Below = below
	case below.Num != 0:
		if ch.Below.Num += below.Num; uint64(ch.Below.Num) >= ch.Below.Den {
			ch.Below.Num -= int64(ch.Below.Den)
			e.settle.whole, err = e.settle.whole.Add(smallest)
		}
		if ch.Below.Num == 0 {
			ch.Below = decimal.Fraction{}
		}
	}
	if err == nil {
		ch.Sum, err = ch.Sum.Add(e.settle.whole)
	}
	if err == nil {
		ch.Total, err = ch.Total.Add(e.settled)
	}
	if err == nil {
		ch.Rest, err = ch.Sum.Sub(ch.Total)
	}
	t.total = ch.Total
	if err != nil {
		return suspend("amount", "the amount exceeds the largest possible amount; correct plan %s", t.plan.name)
	}
	return nil
}

// volumeAgain recomputes by how much the units of a line at a volume price increase the cost of their portion.
func (r *recomputation) volumeAgain(l *Line) *big.Rat {
	cost := func(units int64) *big.Rat {
		return roundRational(new(big.Rat).Mul(rational(l.Price), big.NewRat(units, l.Per)), int(r.Scale), r.Mode)
	}
	return new(big.Rat).Sub(cost(l.Paid+l.Quantity), cost(l.Paid))
}

func (x *explanation) volumeWords(l *Line) string {
	unit := x.u.Unit
	text := x.stepWords(&Line{Quantity: l.Quantity, Price: l.Price, Per: l.Per, Amount: l.Amount, Below: l.Below, Slice: l.Slice})
	if l.Spent.IsZero() {
		text += fmt.Sprintf(", the price of %s counted with it", Units(l.From+l.Quantity, unit))
	} else {
		text += fmt.Sprintf(", the price of %s spent with it before discounts", x.money(l.Spent))
	}
	if int(x.c.Scale) < decimal.Scale || l.Below != 0 {
		text += fmt.Sprintf("; rounded together with %s that %s pays at this price", Units(l.Paid, unit), x.names.account(x.c.Account))
	}
	return text
}

// setThresholds gives each price and each discount the numbers of units at which any volume price of its count changes,
// because usage at one price may reach the threshold of another.
func (c *compiler) setThresholds() {
	all := map[uint64][]int64{}
	c.eachPrice(func(_ *family[plan], _ int, _ *planClass, p *price) {
		for i := 1; p.model == byVolume && p.spending == nil && i < len(p.steps); i++ {
			all[p.id] = append(all[p.id], p.steps[i].from)
		}
	})
	for id, list := range all {
		slices.Sort(list)
		all[id] = slices.Compact(list)
	}
	c.eachPrice(func(_ *family[plan], _ int, _ *planClass, p *price) {
		if p.count != countRecord {
			p.thresholds = all[p.id]
		}
	})
	c.eachDiscount(func(d *discount) { d.thresholds = all[d.id] })
}

func (c *compiler) eachPrice(do func(f *family[plan], version int, pc *planClass, p *price)) {
	for _, f := range c.plans.list {
		for version, p := range f.versions {
			for _, pc := range p.classes {
				for i := 0; pc != nil && i < len(pc.prices); i++ {
					do(f, version, pc, &pc.prices[i])
				}
			}
		}
	}
}
