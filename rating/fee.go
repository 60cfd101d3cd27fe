package rating

import (
	"ratemill/decimal"
	"ratemill/literal"
)

// A connect fee is charged once for a record or session of more than 0 units, at the price at which it begins. No
// fee is charged for a record that a pass, or the free units of the SIM's state, cover completely. A session
// therefore pays the fee with its first part that these do not cover completely, at the price of that part. The
// parts together then cost as much as a single record.
var fee = adjustment{
	price: func(s *saying) {
		d := s.priceDoc.Fee.ofRecord()
		if d == nil {
			return
		}
		if s.price.fee = literal.Amount(d.Value, d.Pos, &s.list); !s.price.fee.IsZero() {
			s.price.adjust = append(s.price.adjust, applyFee)
		}
	},
	perSession: func(_ *planClass, x *price) string {
		if x.fee.IsZero() {
			return ""
		}
		return "a fee"
	},
	recompute: func(r *recomputation) error {
		l := r.line(LineFee)
		if l == nil {
			return nil
		}
		if r.Before.Rounded > 0 && !r.Before.FeeDue && !l.Amount.IsZero() {
			return wrong("a part before it paid the fee")
		}
		r.sum.Add(r.sum, rational(l.Amount))
		return nil
	},
	explain: func(x *explanation) {
		switch c := x.c; {
		case c.Part && c.Continues:
			x.line("fee", "none: it is charged once for a session")
		case c.Continues:
			x.line("fee", "none: the record continues a session")
		case c.Before.FeeDue && !c.Fee().IsZero():
			x.line("fee", x.money(c.Fee())+" to connect: the parts before were free")
		case !c.Fee().IsZero():
			x.line("fee", x.money(c.Fee())+" to connect")
		}
	},
}

func applyFee(t *tier, p *price, ch *Charge, sum *amount) (err error) {
	if ch.Rounded > 0 && !ch.Continues && !t.free {
		ch.Lines = append(ch.Lines, feeLine(p.fee))
		sum.whole, err = sum.whole.Add(p.fee)
	}
	return err
}

func feeLine(amount decimal.D) Line {
	return Line{Kind: LineFee, Quantity: 1, Price: amount, Per: 1, Amount: amount}
}

// Fee returns the connect fee, 0 if the charge has none.
func (c *Charge) Fee() decimal.D {
	if l := c.line(LineFee); l != nil {
		return l.Amount
	}
	return decimal.Zero
}
