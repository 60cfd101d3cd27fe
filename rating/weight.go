package rating

import (
	"math"
	"slices"

	"ratemill/diag"
	"ratemill/literal"
	"ratemill/udr"
)

// A unit of usage can count as several units of a bucket, by its zone; and a bucket can have its own increment.

const mostWeight = 1_000_000

// compileWeights reads the weights of a bucket. In a zone without a weight, a unit counts once.
func (c *compiler) compileWeights(doc *bucketDoc, b *bucket, zoneNames []string) {
	b.least = 1
	for _, e := range doc.Weights {
		n, ok := c.zones[e.Key.Value]
		switch {
		case !ok:
			c.list.Errorf(e.Key.Pos, "no zone model has a zone %s%s", e.Key.Value, orKnown(e.Key.Value, zoneNames))
			continue
		case e.Value < 1 || e.Value > mostWeight:
			c.list.Errorf(e.Key.Pos, "the weight of zone %s is %d; a weight is a whole number from 1 to %d. If usage there is free, give it "+
				"the price free, and name the bucket's zones without it", e.Key.Value, e.Value, mostWeight)
			continue
		case b.zones != nil && !slices.ContainsFunc(doc.Zones, func(z diag.Text) bool { return z.Value == e.Key.Value }):
			c.list.Warnf(e.Key.Pos, "bucket %s is not drawn in zone %s, so its weight there changes nothing", b.name, e.Key.Value)
		}
		for int(n) >= len(b.weights) {
			b.weights = append(b.weights, 1)
		}
		b.weights[n] = int64(e.Value)
	}
}

// setLeast finds the smallest weight of each bucket among the zones of the plans whose usage draws on it.
func (c *compiler) setLeast(buckets []bucket, plans []*plan) {
	for i := range buckets {
		b := &buckets[i]
		if b.weights == nil {
			continue
		}
		least := int64(0)
		for _, p := range plans {
			for name := range p.zonesOf() {
				n := c.zones[name]
				if w := b.weight(n); (b.zones == nil || int(n>>6) < len(b.zones) && b.zones[n>>6]&(1<<(n&63)) != 0) && (least == 0 || w < least) {
					least = w
				}
			}
		}
		b.least = max(1, least)
	}
}

// weight returns the number of the bucket's units that a unit of usage takes in a zone.
func (b *bucket) weight(zone int32) int64 {
	if int(zone) < len(b.weights) {
		return b.weights[zone]
	}
	return 1
}

func (c *compiler) compileIncrement(doc *bucketDoc, b *bucket) {
	q := doc.Increment
	if q == nil {
		return
	}
	c.sameUnit(q, doc, "increment")
	if q.Value <= 0 || q.Value > 1<<50 {
		c.list.Errorf(q.Pos, "an increment is 1 or more, and at most %d", int64(1)<<50)
		return
	}
	b.increment = q.Value
}

// markIncrements marks the classes of a plan that a bucket with its own increment can cover.
func (c *compiler) markIncrements(f *family[plan]) {
	mark := func(p *plan, buckets []bucket) {
		for i := range buckets {
			for n, pc := range p.classes {
				if b := &buckets[i]; pc != nil && b.increment > 1 && n < len(b.classes) && b.classes[n] {
					pc.steps = true
				}
			}
		}
	}
	for _, p := range f.versions {
		mark(p, p.included)
		c.setLeast(p.included, []*plan{p})
		for _, bought := range append(c.packages.list[:len(c.packages.list):len(c.packages.list)], c.addons.list...) {
			for _, x := range bought.versions {
				mark(p, x.buckets)
			}
		}
		for _, pools := range c.shares.list {
			for _, s := range pools.versions {
				if s.takes(p.family) {
					mark(p, s.buckets)
				}
			}
		}
	}
}

// sameUnit reports a quantity of a bucket whose unit differs from that of the bucket's units.
func (c *compiler) sameUnit(q *quantity, doc *bucketDoc, what string) {
	if q.Unit != literal.AnyUnit && doc.Units.Unit != literal.AnyUnit && q.Unit != doc.Units.Unit {
		c.list.Errorf(q.Pos, "%s of bucket %s is in %s, but its units are in %s", what, doc.Bucket.Value, literal.UnitName(q.Unit),
			literal.UnitName(doc.Units.Unit))
	}
}

// take computes and returns the number of units of a record, from unit at on, that a bucket with free units covers.
// If a bucket with its own increment covers all used units, its increment rounds the record instead of the price's
// increment.
func (b *bucket) take(t *tier, d *Draw, free, at int64, ch *Charge, u *udr.Usage) int64 {
	if b.weights != nil {
		if w := b.weight(t.model.zones[t.hit.zone].global); w != 1 {
			d.Weight = w
			free /= w
		}
	}
	want := ch.Rounded - at
	if b.increment != 0 {
		if used := ch.unrounded(u.Quantity) - at; used > 0 {
			d.Increment = b.increment
			if want = roundUp(used, b.increment); free >= used {
				want = min(want, free)
				ch.Rounded = at + want
			} else {
				want = used
			}
		}
	}
	d.Drawn = max(0, min(want, free))
	return d.Drawn
}

// unrounded returns the quantity of a charge before rounding. For a part of a session, these are the units that do
// not fit into increments already begun.
func (c *Charge) unrounded(quantity int64) int64 {
	if c.Part {
		return c.Before.Quantity + quantity - c.Before.Rounded
	}
	return quantity
}

func roundUp(q, increment int64) int64 { return (q + increment - 1) / increment * increment }

// Taken returns the number of the bucket's units that the draw took: Drawn times the weight of a unit of the record.
func (d *Draw) Taken() int64 { return d.Drawn * max(1, d.Weight) }

// redraw recomputes the rounded quantity from the quantity rounded by the price, and checks the units that each
// bucket covered.
func (c *Charge) redraw(rounded int64, credit bool) (int64, error) {
	at := int64(0)
	for i := range c.Draws {
		d := &c.Draws[i]
		free := max(0, d.Size-d.Before)
		switch {
		case credit:
			free = d.Before
		case d.Pass && d.Size == 0:
			free = math.MaxInt64
		case d.Rolled():
			free = max(0, min(free, d.AtMost-d.Carried))
		}
		if d.Weight < 0 || d.Increment < 0 || d.Drawn < 0 || d.Drawn > free/max(1, d.Weight) {
			return 0, wrong("bucket %s gave %d with %d of %d used", d.Bucket, d.Drawn, d.Before, d.Size)
		}
		if credit {
			if at += d.Drawn; d.Increment > 0 {
				rounded = max(rounded, c.Rounded)
			}
			continue
		}
		if used := c.unrounded(c.Quantity) - at; d.Increment > 0 {
			if used <= 0 {
				return 0, wrong("bucket %s rounds to %d, but nothing that was used is left for it", d.Bucket, d.Increment)
			}
			if n := free / max(1, d.Weight); n >= used {
				rounded = at + min(n, roundUp(used, d.Increment))
			}
		}
		at += d.Drawn
	}
	return rounded, nil
}
