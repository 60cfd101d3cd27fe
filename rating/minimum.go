package rating

import (
	"ratemill/decimal"
	"ratemill/literal"
)

// A minimum is the least cost of a record with units to pay, its fee included. The minimum of the price at which
// the record begins applies. A record that buckets cover completely, or that has 0 units, has no minimum. A record
// has no minimum either if all its uncovered units are over a limit. A session costs at least the highest minimum
// of its parts. A record that continues an unknown session has no minimum, just as it pays no fee.
var minimum = adjustment{
	price: func(s *saying) {
		d := s.priceDoc.Minimum.Minimum.ofRecord()
		if d == nil {
			return
		}
		least := literal.Amount(d.Value, d.Pos, &s.list)
		if s.pc.capped && s.pc.cap.Less(least) {
			s.list.Errorf(d.Pos, "the minimum %s is more than the cap %s of class %s; lower the minimum, or raise the cap", least,
				s.pc.cap, s.class.Value)
		}
		if cost, _, _, err := least.RoundFraction(decimal.Fraction{}, s.pc.round); err != nil || cost != least {
			s.list.Errorf(d.Pos, "the minimum %s has more decimals than amounts, which are rounded to %d: a record would cost %s; "+
				"write a minimum of %d decimals, or a larger scale",
				least, s.pc.round.Scale, cost, s.pc.round.Scale)
		}
		if s.price.minimum = least; !least.IsZero() {
			s.price.adjust = append(s.price.adjust, applyMinimum)
		}
	},
	perSession: func(_ *planClass, x *price) string {
		if x.minimum.IsZero() {
			return ""
		}
		return "a minimum"
	},
	recompute: func(r *recomputation) error {
		least := r.Before.Minimum
		if l := r.line(LineMinimum); l != nil {
			if r.Continues && !r.Part || r.line(LineUsage) == nil {
				return wrong("a minimum is stated, but the record continues another or pays for no units")
			}
			least = larger(least, l.Price)
		}
		if low := rational(least); r.sum.Cmp(low) < 0 {
			r.sum = low
		}
		if low := rational(r.Before.Minimum); r.start.Cmp(low) < 0 {
			r.start = low
		}
		return nil
	},
	explain: func(x *explanation) {
		least := x.c.Before.Minimum
		if l := x.c.line(LineMinimum); l != nil {
			least = larger(least, l.Price)
		}
		if sum, err := x.c.Before.cost().Add(x.c.recordSum()); err == nil && !least.IsZero() && !least.Less(sum) {
			x.line("minimum", "at least "+x.money(least)+" for a "+x.whole())
		}
	},
}

type minimumDoc struct {
	Minimum dues `yaml:"minimum" doc:"Minimum cost, fee included, of a record that begins at this price and pays for units. It does not apply to a record of 0 units, a record that buckets cover whole, or one that continues a session. Written as 0.50 / day, the minimum cost of a day, week or cycle with such a record; or a list of minimums." example:"0.01"`
}

func applyMinimum(_ *tier, p *price, ch *Charge, sum *amount) error {
	if len(ch.Lines) == 0 || ch.Lines[0].Kind != LineUsage || ch.Lines[0].overLimit() || ch.Continues && !ch.Part {
		return nil
	}
	ch.Lines = append(ch.Lines, Line{Kind: LineMinimum, Price: p.minimum})
	sum.least = larger(sum.least, p.minimum)
	return nil
}

// low reports whether the sum is less than the minimum.
func (a *amount) low() bool { return !a.least.IsZero() && a.whole.Less(a.least) }

// raised returns the sum, or the minimum if the sum is less.
func (a *amount) raised() amount {
	if a.low() {
		return amount{whole: a.least, den: a.den}
	}
	return *a
}

// cost returns the cost of the parts so far before rounding, truncated to 12 decimals.
func (s *Session) cost() decimal.D { return larger(s.Sum, s.Minimum) }

func larger(a, b decimal.D) decimal.D {
	if a.Less(b) {
		return b
	}
	return a
}
