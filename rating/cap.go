package rating

import "ratemill/literal"

// A cap is the largest amount that a record or session can cost, its fee included.
var limitedByCap = adjustment{
	class: func(s *saying) {
		if d := s.classDoc.Cap.ofRecord(); d != nil {
			s.pc.cap, s.pc.capped = literal.Amount(d.Value, d.Pos, &s.list), true
		}
	},
	price: func(s *saying) {
		if s.pc.capped {
			s.price.adjust = append(s.price.adjust, applyCap)
		}
	},
	perSession: func(p *planClass, _ *price) string {
		if p.capped {
			return "a cap"
		}
		return ""
	},
	recompute: func(r *recomputation) error {
		if l := r.line(LineCap); l != nil && r.sum.Cmp(rational(l.Price)) > 0 {
			if r.sum = rational(l.Price); r.sum.Cmp(r.start) < 0 {
				r.sum = r.start // the previous version had a higher cap
			}
		}
		return nil
	},
	explain: func(x *explanation) {
		l := x.c.line(LineCap)
		if l == nil {
			return
		}
		if sum, err := x.c.Before.cost().Add(x.c.recordSum()); err == nil && !sum.Less(l.Price) && (x.later() || sum == l.Price) {
			x.line("cap", "at most "+x.money(l.Price)+" for a "+x.whole())
		}
	},
}

func applyCap(t *tier, _ *price, ch *Charge, sum *amount) error {
	ch.Lines = append(ch.Lines, Line{Kind: LineCap, Price: t.class.cap})
	if !sum.whole.Less(t.class.cap) {
		sum.whole, sum.num = t.class.cap, 0
	}
	if before := &ch.Before; sum.less(before) { // the previous version had a higher cap
		sum.whole, sum.num = before.Sum, uint64(before.Below.Num)
	}
	return nil
}
