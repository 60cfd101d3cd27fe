package rating

import (
	"fmt"
	"math/big"

	"ratemill/decimal"
)

// Rounding is the last step for the amount of a record or session. The charge shows the amount that rounding removed
// or added.
var rounding = adjustment{
	class: func(s *saying) {
		s.pc.round = decimal.Exact
		for _, r := range []*roundDoc{s.doc.Round, s.classDoc.Round} {
			if r != nil {
				mode, _ := decimal.ParseMode(r.Mode.Value)
				s.pc.round, s.rounded = decimal.Rounding{Scale: r.Scale, Mode: mode}, true
			}
		}
	},
	recompute: recomputeRounding,
	explain:   (*explanation).amountWords,
}

// finish rounds the cost of a record that is not part of a session; finishPart does the same for a part of a session.
func (t *tier) finish(ch *Charge, sum *amount) (err error) {
	pc := t.class
	if sum.low() {
		*sum = sum.raised()
	}
	ch.Sum, ch.Scale, ch.Mode = sum.whole, uint8(pc.round.Scale), pc.round.Mode
	ch.Total, ch.Rest, ch.Below, err = sum.whole.RoundFraction(sum.below(), pc.round)
	t.total = ch.Total
	if err != nil {
		return suspend("amount", "the amount exceeds the largest possible amount; correct plan %s", t.plan.name)
	}
	return nil
}

func recomputeRounding(r *recomputation) error {
	before := &r.Before
	later, err := r.inPeriods()
	if err != nil {
		return wrong("%v", err)
	}
	total, err := decimal.Parse(roundRational(r.sum, int(r.Scale), r.Mode).FloatString(decimal.Scale))
	if err == nil && total.Less(before.Charged) {
		total = before.Charged
	}
	if err == nil {
		total, err = total.Sub(before.Charged)
	}
	if err == nil && r.settled.Sign() != 0 {
		var settled decimal.D
		if settled, err = decimal.Parse(r.settled.FloatString(decimal.Scale)); err == nil {
			total, err = total.Add(settled)
		}
	}
	if err != nil {
		return wrong("%v", err)
	}
	sum := new(big.Rat).Sub(r.sum, r.start)
	sum.Add(sum, r.exact)
	rest := new(big.Rat).Add(rational(r.Total), rational(r.Rest))
	rest.Sub(rest, rational(later))
	if r.Below.Num != 0 {
		if r.Below.Den == 0 {
			return wrong("the rest has no denominator")
		}
		rest.Add(rest, belowRational(r.Below))
	}
	switch {
	case len(r.Periods) == 0 && total != r.Total: // otherwise perPeriod continues
		return wrong("the steps give %s, not %s", total, r.Total)
	case rest.Cmp(sum) != 0:
		return wrong("total and rest are %s, not %s", rest.FloatString(14), sum.FloatString(14))
	}
	r.total = total
	return nil
}

// roundRational rounds an amount of 0 or more.
func roundRational(r *big.Rat, scale int, mode decimal.Mode) *big.Rat {
	unit := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(min(max(scale, 0), decimal.Scale))), nil)
	scaled := new(big.Rat).Mul(r, new(big.Rat).SetInt(unit))
	whole, rest := new(big.Int).QuoRem(scaled.Num(), scaled.Denom(), new(big.Int))
	if rest.Sign() != 0 {
		half := rest.Lsh(rest, 1).Cmp(scaled.Denom())
		up := false
		switch mode {
		case decimal.Up:
			up = true
		case decimal.HalfUp:
			up = half >= 0
		case decimal.HalfDown:
			up = half > 0
		case decimal.HalfEven:
			up = half > 0 || half == 0 && whole.Bit(0) == 1
		}
		if up {
			whole.Add(whole, big.NewInt(1))
		}
	}
	return new(big.Rat).SetFrac(whole, unit)
}

func (x *explanation) amountWords() {
	c := x.c
	if x.later() {
		x.sessionAmount()
		return
	}
	if int(c.Scale) < decimal.Scale || c.Below.Num != 0 {
		text := fmt.Sprintf("%s to %s (%d decimals, %s)", x.money(c.recordSum()), x.money(c.recordTotal()), c.Scale, c.Mode)
		if !c.Rest.IsZero() || c.Below.Num != 0 {
			text += ", rest " + c.Rest.String()
			if c.Below.Num != 0 {
				text += " and " + reduced(c.Below.Num, int64(c.Below.Den)) + " of the 12th decimal"
			}
		}
		x.line("amount", text)
	}
}

// sessionAmount explains the cost of the session including the record, and the record's part of it.
func (x *explanation) sessionAmount() {
	c := x.c
	sum, err := c.Before.cost().Add(c.recordSum())
	all, err2 := c.Before.Charged.Add(c.recordTotal())
	if err != nil || err2 != nil {
		return // verified reports this error
	}
	rounding := ""
	if int(c.Scale) < decimal.Scale || c.Below.Num != 0 || sum != all {
		rounding = fmt.Sprintf(" (%s, %d decimals, %s)", x.money(sum), c.Scale, c.Mode)
	}
	x.line("amount", fmt.Sprintf("%s for all parts so far%s, less %s charged before: %s", x.money(all), rounding,
		x.money(c.Before.Charged), x.money(c.recordTotal())))
}
