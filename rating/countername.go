package rating

import (
	"fmt"
	"slices"
	"strings"

	"ratemill/diag"
	"ratemill/literal"
	"ratemill/registry"
	"ratemill/udr"
)

// CounterKey finds a counter by its name: pool NAME/BUCKET, plan NAME/BUCKET or limit NAME. It is the counter of an
// account, or of one of its SIMs if the counter is per SIM, in the cycle that contains a time. You may omit the
// bucket if there is only one.
func (c *Catalogue) CounterKey(v *registry.View, rev registry.Revision, name string, account, sim uint32,
	at udr.Instant) (CounterKey, error) {
	owner, ok := v.Account(account, at, rev)
	if !ok {
		return CounterKey{}, fmt.Errorf("%s: there is no such account at %s", name, at)
	}
	clock := newZoneClock(owner.Zone, c.dates)
	kind, rest, _ := strings.Cut(name, " ")
	family, bucketName, _ := strings.Cut(rest, "/")
	switch kind {
	case "pool":
		i, known := c.shares.find(family)
		if !known {
			return CounterKey{}, fmt.Errorf("%s: the catalogue has no such share plan%s", name, orKnown(family, c.shares.names()))
		}
		s, _, _ := c.shares.list[i].at(clock, at)
		if s == nil {
			return CounterKey{}, fmt.Errorf("%s: the share plan is not in force at %s", name, at)
		}
		if owner, ok = s.ownerOf(v, owner, at, rev); !ok {
			return CounterKey{}, fmt.Errorf("%s: an account above it does not exist at %s", name, at)
		}
		clock = newZoneClock(owner.Zone, c.dates)
		b, err := oneBucket(name, s.buckets, bucketName)
		if err != nil {
			return CounterKey{}, err
		}
		cycle, _, _ := clock.cycle(at, owner)
		w := tally{id: b.id, kind: AccountUnits, payer: &payer{number: owner.Number, cycle: cycle}, period: s.period}
		w.date, _ = clock.date(s.period, at, v.Contracted(owner.Number, at, rev))
		return w.key(owner.Root, 0), nil
	case "plan":
		i, known := c.plans.find(family)
		if !known {
			return CounterKey{}, fmt.Errorf("%s: the catalogue has no such plan%s", name, orKnown(family, c.plans.names()))
		}
		p, _, _ := c.plans.list[i].at(clock, at)
		if p == nil {
			return CounterKey{}, fmt.Errorf("%s: the plan is not in force at %s", name, at)
		}
		b, err := oneBucket(name, p.included, bucketName)
		if err != nil {
			return CounterKey{}, err
		}
		if sim == 0 {
			return CounterKey{}, fmt.Errorf("%s: included units belong to a SIM; give sim", name)
		}
		cycle, _, _ := clock.cycle(at, owner)
		owned, _ := v.Owner(sim, at, rev)
		of := &payer{number: owner.Number, cycle: cycle}
		return (&tally{id: b.id, kind: SIMUnits, payer: of, sim: sim}).key(owner.Root, simCycle(v, rev, sim, owned, of, at)), nil
	case "limit":
		i, known := c.limits.find(rest)
		if !known {
			return CounterKey{}, fmt.Errorf("%s: the catalogue has no such limit%s", name, orKnown(rest, c.limits.names()))
		}
		m, _, _ := c.limits.list[i].at(clock, at)
		if m == nil {
			return CounterKey{}, fmt.Errorf("%s: the limit is not in force at %s", name, at)
		}
		cycle, _, _ := clock.cycle(at, owner)
		of, err := c.limitOwner(m, v, rev, clock, owner, at)
		if err != nil {
			return CounterKey{}, fmt.Errorf("%s: %w", name, err)
		}
		if of != owner {
			clock = newZoneClock(of.Zone, c.dates)
			cycle, _, _ = clock.cycle(at, of)
		}
		w := tally{id: m.counterID(), kind: m.kind(), payer: &payer{number: of.Number, cycle: cycle, clock: clock}}
		if m.per == perSIM {
			if sim == 0 {
				return CounterKey{}, fmt.Errorf("%s: the limit counts each SIM separately; give sim", name)
			}
			w.sim, w.apart = sim, true
		}
		if w.period = m.period; m.period != perCycle {
			w.date, w.hour = clock.date(m.period, at, 0)
		}
		return w.key(owner.Root, 0), nil
	}
	return CounterKey{}, fmt.Errorf("%q is not a counter; write pool NAME/BUCKET, plan NAME/BUCKET or limit NAME", name)
}

func oneBucket(name string, buckets []bucket, wanted string) (*bucket, error) {
	var names []string
	for i := range buckets {
		if b := &buckets[i]; b.name == wanted || wanted == "" && len(buckets) == 1 {
			return b, nil
		}
		names = append(names, buckets[i].name)
	}
	return nil, fmt.Errorf("%s: write a bucket after a slash; its buckets are: %s", name, strings.Join(names, ", "))
}

// ParseQuantity reads a number of units, as in 100 kB, 60 s or 1, in base units.
func ParseQuantity(text string) (int64, error) {
	var l diag.List
	n, _ := literal.ParseQuantity(text, diag.Pos{}, &l)
	if l.HasErrors() {
		return 0, fmt.Errorf("%s", l[0].Message)
	}
	return n, nil
}

// Place is an element of the catalogue that usage reaches: a zone of a class of a plan, a step of its prices, a bucket,
// its rollover, a limit. The coverage of golden cases is measured in places.
type Place struct {
	Kind string // zone, condition, step, discount, bucket, rollover or limit
	Name string // plan@version class zone
}

// Places returns all places in the order of the catalogue. Each version has its own places.
func (c *Catalogue) Places() []Place {
	var all []Place
	for _, f := range c.plans.list {
		for version, p := range f.versions {
			all = p.places(c, version+1, all)
		}
	}
	for _, f := range c.shares.list {
		for _, s := range f.versions {
			for i := range s.buckets {
				all = append(all, Place{"bucket", "pool " + s.buckets[i].event})
				if s.buckets[i].overage != nil {
					all = append(all, Place{"bucket", "pool " + s.buckets[i].event + " over"})
				}
			}
		}
	}
	for _, bought := range []families[pack]{c.packages, c.addons} {
		for _, f := range bought.list {
			for _, x := range f.versions {
				for i := range x.buckets {
					all = append(all, Place{"bucket", "package " + x.buckets[i].event})
				}
			}
		}
	}
	for _, f := range c.limits.list {
		for _, m := range f.versions {
			all = m.places(all)
		}
	}
	slices.SortStableFunc(all, func(a, b Place) int { return strings.Compare(a.Kind+"\x00"+a.Name, b.Kind+"\x00"+b.Name) })
	return slices.Compact(all)
}

func (p *plan) places(c *Catalogue, version int, all []Place) []Place {
	plan := fmt.Sprintf("%s@%d", p.name, version)
	for class, pc := range p.classes {
		if pc == nil {
			continue
		}
		all = pc.discountPlaces(plan+" "+c.names[class], all)
		versions := pc.own
		if pc.models != nil {
			versions = pc.models.versions
		}
		for _, m := range versions {
			for i := range m.zones {
				z := &m.zones[i]
				for slice := range int16(pc.stride) {
					price := pc.priceOf(z.local, slice)
					if price == nil {
						continue
					}
					all = append(all, Place{"zone", plan + " " + c.names[class] + " " + z.name})
					for s := range price.steps {
						if len(price.steps) > 1 {
							all = append(all, Place{"step", stepName(plan, c.names[class], price.name, price.steps[s].price.String(), price.steps[s].per)})
						}
					}
				}
			}
		}
	}
	for class, pc := range p.classes {
		if pc == nil || pc.when == nil {
			continue
		}
		for _, i := range pc.when.prices {
			x := &pc.prices[i]
			all = append(all, Place{"condition", plan + " " + c.names[class] + " " + x.name})
			for s := range x.steps {
				if len(x.steps) > 1 {
					all = append(all, Place{"step", stepName(plan, c.names[class], x.name, x.steps[s].price.String(), x.steps[s].per)})
				}
			}
		}
	}
	for i := range p.included {
		all = append(all, Place{"bucket", "plan " + p.included[i].event})
		if p.included[i].roll != nil {
			all = append(all, Place{"rollover", "plan " + p.included[i].event})
		}
	}
	for _, x := range p.allPasses() {
		all = append(all, Place{"pass", "plan " + x.event})
	}
	return append(all, c.periodPlaces(p, plan)...)
}

func stepName(plan, class, price, amount string, per int64) string {
	return fmt.Sprintf("%s %s %s: %s / %d", plan, class, price, amount, per)
}

// Reached calls reach for each place that a charge reaches.
func (ch *Charge) Reached(class string, reach func(Place)) {
	if ch.Corrects() {
		return // the records that this charge corrects reached them
	}
	plan := fmt.Sprintf("%s@%d", ch.Plan, ch.PlanVersion)
	reach(Place{"zone", plan + " " + class + " " + ch.Zone})
	if ch.When != "" {
		reach(Place{"condition", plan + " " + class + " " + ch.Price})
	}
	for i := range ch.Lines {
		if l := &ch.Lines[i]; strings.HasPrefix(l.Over, poolPrefix) {
			reach(Place{"bucket", l.Over + " over"})
		} else if l.Over != "" {
			reach(Place{"limit", "limit " + l.Over + " over"})
		} else if l.Kind == LineDiscount {
			reach(discountPlace(plan+" "+class, l.Off))
		} else if l.Kind == LineUsage {
			reach(Place{"step", stepName(plan, class, ch.Price, l.Price.String(), l.Per)})
		}
	}
	ch.reachPeriods(class, reach)
	for i := range ch.Draws {
		d := &ch.Draws[i]
		name := "pool " + d.Share + "/" + d.Bucket
		switch {
		case d.Package != "":
			of, _, _ := strings.Cut(d.Package, "/")
			name = "package " + of + "/" + d.Bucket
		case d.Share == "":
			name = "plan " + ch.Plan + "/" + d.Bucket
		}
		switch {
		case d.Pass:
			if d.Drawn != 0 {
				reach(Place{"pass", name})
			}
		case d.Drawn > 0 && d.Rolled():
			reach(Place{"rollover", name})
		case d.Drawn > 0 && d.Kind != SIMLife:
			reach(Place{"bucket", name})
		}
	}
}

// periodPlaces returns the fees, minimums and caps of periods.
func (c *Catalogue) periodPlaces(p *plan, plan string) (all []Place) {
	for n, pc := range p.classes {
		for i := 0; pc != nil && i < len(pc.prices); i++ {
			for j := range pc.prices[i].stages {
				s := &pc.prices[i].stages[j]
				at := Place{"period " + s.kind.String(), plan + " " + c.names[n] + ": per " + s.length()}
				if s.kind != PeriodPass && !slices.Contains(all, at) {
					all = append(all, at)
				}
			}
		}
	}
	return all
}

// reachPeriods calls reach for the fees, minimums and caps of periods that changed the charge.
func (ch *Charge) reachPeriods(class string, reach func(Place)) {
	for i := range ch.Periods {
		if l := &ch.Periods[i]; l.Kind <= PeriodCap && l.Kind != PeriodPass && !l.Amount.IsZero() {
			x := stage{per: l.Period, account: l.Counter == AccountUnits}
			reach(Place{"period " + l.Kind.String(), fmt.Sprintf("%s@%d %s: per %s", ch.Plan, ch.PlanVersion, class, x.length())})
		}
	}
}

// Reached returns the place of an event's limit; ok is false for events of buckets.
func (e *Event) Reached() (p Place, ok bool) {
	switch e.Kind {
	case LimitPassed, LimitSuspends, LimitThrottles, LimitBlocks:
		return Place{"limit", limitPlace(e.Name, int64(e.Percent), e.Kind.String())}, true
	}
	return Place{}, false
}
