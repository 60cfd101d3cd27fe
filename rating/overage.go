package rating

import (
	"slices"

	"ratemill/literal"
)

// A bucket of a share plan may have its own price for units that no bucket covers. If several buckets cover a
// record, the first one with such a price sets it. This price replaces the plan's price for units; the plan's fee,
// minimum, cap and rounding stay.

// poolPrefix marks a line for usage over a bucket of a pool, to distinguish it from usage over a limit.
const poolPrefix = "pool "

// instead returns the price that replaces the plan's price: that of usage over a limit, or else that of a pool; nil
// if neither applies.
func (t *tier) instead(ch *Charge, plan *price, over bool) *price {
	switch {
	case over:
		return t.overPrice(plan)
	case t.overage != nil:
		ch.Price = t.overage.name
	}
	return t.overage
}

// compileOverage reads the prices of buckets, and prepares plans to add amounts at these prices.
func (c *compiler) compileOverage(doc *shareDoc, s *share, plans []*plan) {
	for i := range doc.Buckets {
		d := &doc.Buckets[i]
		at := slices.IndexFunc(s.buckets, func(b bucket) bool { return b.name == d.Bucket.Value })
		if d.Overage == nil || at < 0 {
			continue
		}
		b, x := &s.buckets[at], d.Overage
		if unit := c.Catalogue.unitOf(b.classes); unit != literal.AnyUnit && x.unit != literal.AnyUnit && unit != x.unit {
			c.list.Errorf(x.pos, "the price %s is in %s, but bucket %s holds %s", x.text, literal.UnitName(x.unit), b.name, literal.UnitName(unit))
		}
		name := poolPrefix + s.name + "/" + b.name
		b.overage = &price{name: "over " + name, over: name, increment: increments{initial: 1, then: 1}, steps: []priceStep{{0, x.price, x.per}}}
		for _, p := range plans {
			for class, pc := range p.classes {
				if pc == nil || class >= len(b.classes) || !b.classes[class] {
					continue
				}
				den := lcm(pc.den, uint64(x.per))
				if den == 0 {
					c.list.Errorf(x.pos, "the prices of class %s in plan %s and this one are per too many different numbers of units; use one "+
						"number, such as 1 MB, for all", c.names[class], p.name)
					continue
				}
				pc.den, pc.instead = den, append(pc.instead, b.overage)
			}
		}
	}
}
