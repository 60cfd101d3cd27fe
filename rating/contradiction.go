package rating

import (
	"slices"

	"ratemill/diag"
)

// check warns of parts of a plan that change no amount, because the author probably meant something else: a step
// with the same price as the step before, a fee above the cap of the records that pay it, a bucket smaller than its
// increment.

// warnInert warns of parts of a plan that change no amount.
func (c *compiler) warnInert(doc *planDoc, p *plan) {
	for _, s := range doc.Slices {
		if !c.namesSlice(s.Key) {
			c.list.Warnf(s.Key.Pos, "no price refers to slice %s, so it changes nothing; use it in a price, or remove it", s.Key.Value)
		}
	}
	if d := doc.Discounts; d != nil && len(doc.Classes) > 0 && p.discounts[d] == nil {
		c.list.Warnf(d.pos, "each class of plan %s has its own discounts, so those of the plan change nothing; remove one of the two", p.name)
	}
	for _, e := range doc.Classes {
		if pc := p.classes[c.classes[e.Key.Value]]; e.Value != nil && pc != nil {
			c.warnInertClass(e.Key, e.Value, pc)
		}
	}
	c.warnAlone(doc, p)
	for i := range doc.Included {
		d := &doc.Included[i]
		if len(d.Classes) > 0 && !slices.ContainsFunc(d.Classes, func(class diag.Text) bool { return !c.isFree(p, class.Value) }) {
			c.list.Warnf(d.Bucket.Pos, "bucket %s includes units of classes that plan %s gives free of charge; remove it, or give them a price",
				d.Bucket.Value, p.name)
		}
	}
}

// namesSlice reports whether a price refers to a slice, in the plan that defines the price or in one
// that extends it.
func (c *compiler) namesSlice(slice diag.Text) bool {
	return slices.ContainsFunc(c.planDocs, func(doc *planDoc) bool {
		return slices.ContainsFunc(doc.Slices, func(e diag.Entry[weekDoc]) bool { return e.Key.Pos == slice.Pos }) &&
			slices.ContainsFunc(doc.Classes, func(e diag.Entry[*classDoc]) bool {
				return e.Value != nil && slices.ContainsFunc(e.Value.Prices, func(d priceDoc) bool { return d.Slice.Value == slice.Value })
			})
	})
}

// isFree reports whether all units of a class are free. Another check reports a class without prices.
func (c *compiler) isFree(p *plan, class string) bool {
	n, ok := c.classes[class]
	return ok && int(n) < len(p.classes) && p.classes[n] != nil && p.classes[n].freeOfCharge()
}

func (pc *planClass) freeOfCharge() bool {
	return len(pc.prices) > 0 && !slices.ContainsFunc(pc.prices, func(p price) bool { return !p.unitsAreFree() })
}

func (p *price) unitsAreFree() bool {
	return !slices.ContainsFunc(p.steps, func(s priceStep) bool { return !s.price.IsZero() })
}

func (c *compiler) warnInertClass(name diag.Text, doc *classDoc, pc *planClass) {
	counts := func(p *price) bool { return p.counts() || p.model == byVolume }
	if at := doc.Count.Counted; at.Value != "" && !slices.ContainsFunc(pc.prices, func(p price) bool { return counts(&p) }) {
		c.list.Warnf(at.Pos, "counted changes nothing: no price of class %s has steps, a package or a volume", name.Value)
	}
	if doc.Discounts != nil && pc.freeOfCharge() {
		c.list.Warnf(doc.Discounts.pos, "discounts change nothing: all usage of class %s is free", name.Value)
	}
	if d := doc.Cap.ofRecord(); d != nil && pc.cap.IsZero() && !c.list.ErrorAt(d.Pos) {
		c.list.Warnf(d.Pos, "the cap 0 makes all records of class %s free; write price: free, or a cap above 0", name.Value)
	}
	for i := range doc.Prices {
		d := &doc.Prices[i]
		for _, steps := range [][]stepDoc{d.Steps, d.Volume} {
			for j := 1; j < len(steps); j++ {
				a, b := &steps[j-1].Price, &steps[j].Price
				if a.price == b.price && a.per == b.per {
					c.list.Warnf(b.pos, "this step changes nothing: its price is that of the step before")
				}
			}
		}
	}
	for i := range pc.prices {
		p := &pc.prices[i]
		if p.pass != nil && p.pass.bound && p.unitsAreFree() {
			c.list.Warnf(p.at, "the units of the pass change nothing, because usage beyond them is free; remove units, or write a price")
		}
	}
}

// warnAlone warns of a shared count that only one price or class uses.
func (c *compiler) warnAlone(doc *planDoc, p *plan) {
	prices, classes := map[string]int{}, map[uint64]int{}
	for _, pc := range p.classes {
		for i := 0; pc != nil && i < len(pc.prices); i++ {
			if x := &pc.prices[i]; x.shared != "" && (pc.discount == nil || !pc.discount.whole) {
				prices[x.shared]++
			}
		}
		if pc != nil && pc.discount != nil {
			classes[pc.discount.id]++
		}
	}
	for _, name := range sortedNames(p.shared) {
		if prices[name] == 1 {
			c.list.Warnf(p.shared[name].at, "only one price has count %s, so the count is not shared; give other prices the "+
				"same count, or remove it",
				name)
		}
	}
	for _, d := range sortedDiscounts(p) {
		for of, other := range p.discounts {
			if other == d && of.Count.Value != "" && classes[d.id] == 1 {
				c.list.Warnf(of.Count.Pos, "only one class has discounts with count %s, so the count is not shared; give other "+
					"discounts the same count, or remove it", of.Count.Value)
			}
		}
	}
}

func sortedNames(all map[string]sharedCount) (names []string) {
	for name := range all {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// warnFee warns of a fee above the cap of the records that pay it.
func (s *saying) warnFee() {
	fee := s.priceDoc.Fee.ofRecord()
	if fee == nil {
		return
	}
	if s.pc.capped && s.pc.cap.Less(s.price.fee) {
		s.list.Warnf(fee.Pos, "the fee %s is more than the cap %s of class %s, so no record pays it whole; lower the fee, or raise the cap",
			s.price.fee, s.pc.cap, s.class.Value)
	}
	for i := range s.price.stages {
		if x := &s.price.stages[i]; x.kind == PeriodCap && x.price.Less(s.price.fee) {
			s.list.Warnf(fee.Pos, "the fee %s of a record is more than the cap %s of a %s, so no record pays it whole; lower the fee, or raise "+
				"the cap", s.price.fee, x.price, x.per)
		}
	}
}

// warnBucket warns of a bucket that is smaller than its own increment or weight.
func (c *compiler) warnBucket(d *bucketDoc, b *bucket) {
	for _, e := range d.Weights {
		switch {
		case e.Value == 1:
			c.list.Warnf(e.Key.Pos, "a unit of usage takes one unit of bucket %s without a weight, so the weight 1 of zone %s changes nothing",
				b.name, e.Key.Value)
		case b.size > 0 && d.Units.Pos.File != nil && int64(e.Value) > b.size:
			c.list.Warnf(e.Key.Pos, "bucket %s has %d units, but one unit of usage in zone %s takes %d: it would never be drawn there; raise "+
				"its units, or leave the zone out of zones", b.name, b.size, e.Key.Value, e.Value)
		}
	}
	if b.increment > b.size && b.size > 0 && d.Units.Pos.File != nil && len(d.Weights) == 0 {
		c.list.Warnf(d.Increment.Pos, "bucket %s has %d units, which is less than its increment of %d, so no record is rounded by it; raise its "+
			"units, or lower the increment", b.name, b.size, b.increment)
	}
}

// warnThresholds warns of actions at thresholds above the one at which usage is blocked: the count
// never reaches them.
func (c *compiler) warnThresholds(doc *limitDoc, m *limit) {
	if m.block == nil || doc.Over != nil {
		return
	}
	said := doc.thresholdsOf()
	for i := range m.thresholds {
		if m.thresholds[i].percent > m.block.percent && i < len(said) {
			c.list.Warnf(said[i].At.pos, "limit %s blocks usage from %d %% on, so only the record that reaches it can reach %d "+
				"%% too; let block come last, or write over: a price for usage over the limit", m.name, m.block.percent, m.thresholds[i].percent)
		}
	}
}

// listedOnce contains the lists of names in which repeating a name has no effect.
var listedOnce = map[string]bool{"networks": true, "countries": true, "prefixes": true, "numbers": true, "peer_countries": true,
	"zones": true, "classes": true, "plans": true, "service_types": true, "days": true, "easter": true, "included_in": true,
	"contributes_in": true, "ignore": true, "accounts": true, "actions": true, "do": true}

// listedSome contains the keys whose list chooses something, so that an empty list would choose everything or nothing
// without a word: a price with networks: [] would hold in the whole world.
var listedSome = map[string]bool{"networks": true, "countries": true, "prefixes": true, "numbers": true, "peer_countries": true,
	"zones": true, "classes": true, "plans": true, "service_types": true}

// refuseEmpty refuses lists that are written but have no entry.
func (c *compiler) refuseEmpty(n *diag.Node) {
	for _, x := range n.Items {
		c.refuseEmpty(x)
	}
	for _, m := range n.Members {
		if m.Value == nil {
			continue
		}
		if empty := m.Value.Kind == diag.Null || m.Value.Kind == diag.Sequence && len(m.Value.Items) == 0; empty && listedSome[m.Key.Text] {
			c.refuse(m.Key.Pos, "%s has no entry here; list at least one, or remove the key if everything qualifies", m.Key.Text)
		}
		c.refuseEmpty(m.Value)
	}
}

// warnTwice warns of names that a document lists twice.
func (c *compiler) warnTwice(n *diag.Node) {
	for _, x := range n.Items {
		c.warnTwice(x)
	}
	for _, m := range n.Members {
		if m.Value == nil {
			continue
		}
		if m.Value.Kind == diag.Sequence && listedOnce[m.Key.Text] {
			seen := map[string]bool{}
			for _, x := range m.Value.Items {
				if x.Kind != diag.Scalar {
					continue
				}
				if seen[x.Text] {
					c.list.Warnf(x.Pos, "%s has %s twice; remove one", m.Key.Text, x.Text)
				}
				seen[x.Text] = true
			}
		}
		c.warnTwice(m.Value)
	}
}
