package rating_test

import (
	"cmp"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"
	"time"

	"ratemill/udr"
)

// naiveRollover is what a bucket says of units that a cycle leaves.
type naiveRollover struct {
	Cycles int    `yaml:"cycles"`
	AtMost string `yaml:"at_most,omitempty"`
	Use    string `yaml:"use,omitempty"`
}

func (c *naiveCharge) drawIncluded(plan *naivePlan, b *naiveBucket) {
	name := plan.Name + "/" + b.Bucket
	key := func(what, cycle string) string {
		return fmt.Sprintf("%s %s/%s sim %d%s cycle %s", what, plan.Name, cmp.Or(b.Formerly, b.Bucket), c.u.SIM, c.whose(), cycle)
	}
	rolled := func() {
		for _, f := range c.former(b) {
			used, carried := c.r.counter(key("included", f.cycle)), c.r.counter(key("rolled", f.cycle))
			if c.takes(b) && c.collects(name, key("included", f.cycle), key("rolled", f.cycle), b) {
				continue
			}
			left := f.size - used.Num().Int64()
			if b.Rollover.AtMost != "" {
				left = min(left, naiveQuantity(b.Rollover.AtMost)-carried.Num().Int64())
			}
			if left <= 0 || !c.takes(b) {
				continue
			}
			before := used.Num().Int64()
			covered, taken := c.cover(b, left)
			c.lines = append(c.lines, fmt.Sprintf("  draw %s before %d drawn %d", name, before, covered))
			used.Add(used, big.NewRat(taken, 1))
			carried.Add(carried, big.NewRat(taken, 1))
			c.drew(key("included", f.cycle), key("rolled", f.cycle), taken)
		}
	}
	if b.Rollover != nil && b.Rollover.Use != "last" {
		rolled()
	}
	c.draw(name, key("included", c.r.simCycle(c.u, c.a, c.tier)), *b, "included.exhausted")
	if b.Rollover != nil && b.Rollover.Use == "last" {
		rolled()
	}
}

// cover is what a bucket with some units left covers of the record, and how many of them it takes.
func (c *naiveCharge) cover(b *naiveBucket, left int64) (covered, taken int64) {
	weight := int64(cmp.Or(b.Weights[c.zone], 1))
	for taken+weight <= left && c.covered+covered < c.quantity { // as many at once as certainly fit
		n := max(1, min((left-taken)/weight, c.quantity-c.covered-covered))
		if b.Increment != "" && c.covered+covered < c.used {
			n = min(n, c.used-c.covered-covered)
		} else if b.Increment != "" && covered > 0 {
			break
		}
		covered, taken = covered+n, taken+n*weight
	}
	if step := naiveQuantity(b.Increment); step > 0 && c.covered < c.used && c.covered+covered >= c.used {
		for covered%step != 0 && taken+weight <= left {
			n := max(1, min(step-covered%step, (left-taken)/weight))
			covered, taken = covered+n, taken+n*weight
		}
		c.session.begun += c.covered + covered - c.quantity
		c.quantity = c.covered + covered
	}
	c.covered += covered
	return covered, taken
}

type naiveFormer struct {
	cycle string
	size  int64
}

// former are the cycles whose units roll over to that of the record, oldest first.
func (c *naiveCharge) former(b *naiveBucket) (all []naiveFormer) {
	r, u := c.r, *c.u
	cycle := r.simCycle(&u, c.a, c.tier)
	for range b.Rollover.Cycles {
		u.At = c.beginning(cycle, u.At) - 1
		if !r.hasPlan(u.SIM, u.At, c.a, c.plan.Name, c.tier, c.root) {
			break
		}
		a := c.a
		if c.tier == 0 {
			a = r.account(r.owner(u.SIM, u.At).Account)
		}
		plan := latest(r.catalogue.Plans[c.plan.Name], func(p naivePlan) string { return p.From }, &u, a)
		if plan == nil {
			break
		}
		i := slices.IndexFunc(plan.Included, func(x naiveBucket) bool { return cmp.Or(x.Formerly, x.Bucket) == cmp.Or(b.Formerly, b.Bucket) })
		if i < 0 || classUnits[plan.Included[i].Classes[0]][0] != classUnits[b.Classes[0]][0] {
			break
		}
		size := naiveQuantity(plan.Included[i].Units)
		if plan.prorates(&plan.Included[i]) {
			size = r.prorated(size, &u, a, plan, c.tier, c.root)
		}
		cycle = r.simCycle(&u, a, c.tier)
		all = append([]naiveFormer{{cycle, size}}, all...)
	}
	return all
}

func (p *naivePlan) prorates(b *naiveBucket) bool { return cmp.Or(b.Prorate, p.Prorate) == "days" }

// beginning is when the cycle of the SIM's usage began: the midnight of its date in the zone of an account that the SIM
// had, before which it was in another cycle.
func (c *naiveCharge) beginning(cycle string, at udr.Instant) udr.Instant {
	day, err := time.Parse(time.DateOnly, cycle)
	if err != nil {
		panic(err)
	}
	in := func(at udr.Instant) string {
		sim := c.r.owner(c.u.SIM, at)
		if sim == nil || c.r.root(sim.Account) != c.root {
			return ""
		}
		return c.r.simCycle(&udr.Usage{SIM: c.u.SIM, At: at}, c.r.account(sim.Account), c.tier)
	}
	a := c.a
	if c.tier == 0 {
		a = c.r.account(c.r.owner(c.u.SIM, at).Account)
		for _, line := range c.r.world.SIMs {
			other := c.r.account(line.Account)
			if line.ID != c.u.SIM || other.Zone == a.Zone {
				continue
			}
			if m := naiveMidnight(day, other); in(m) == cycle && in(m-1) != cycle && in(naiveMidnight(day, a)-1) == cycle {
				return m
			} else if in(m) == cycle && in(m-1) != cycle && in(naiveMidnight(day, a)) != cycle {
				return m
			}
		}
	}
	return naiveMidnight(day, a)
}

// least is the smallest number of units that usage can take of a bucket.
func (c *naiveCharge) least(b *naiveBucket, plans ...naivePlan) int64 {
	least := int64(0)
	for _, p := range plans {
		names := []string{"of a network price"}
		if p.Zones != "" {
			names = nil
			for _, m := range c.r.catalogue.Models[p.Zones] {
				for _, z := range m.Zones {
					names = append(names, z.Zone)
				}
			}
		}
		for _, name := range names {
			if len(b.Zones) > 0 && !slices.Contains(b.Zones, name) {
				continue
			}
			if w := int64(cmp.Or(b.Weights[name], 1)); least == 0 || w < least {
				least = w
			}
		}
	}
	return max(1, least)
}

// takesPlans are the versions of all plans whose usage draws on a share plan.
func (s *naiveShare) takesPlans(r *naiveRater) (all []naivePlan) {
	for name, versions := range r.catalogue.Plans {
		if r.participates(s, name) {
			all = append(all, versions...)
		}
	}
	return all
}

// stepped reports whether a bucket with its own increment can cover a class of a plan.
func (r *naiveRater) stepped(plan, class string) bool {
	has := func(buckets []naiveBucket) bool {
		return slices.ContainsFunc(buckets, func(b naiveBucket) bool {
			return b.Increment != "" && naiveQuantity(b.Increment) > 1 && strings.Contains(" "+strings.Join(b.Classes, " ")+" ", " "+class+" ")
		})
	}
	for _, p := range r.catalogue.Plans[plan] {
		if _, ok := p.Classes[class]; ok && has(p.Included) {
			return true
		}
	}
	bought := slices.Concat(slices.Collect(maps.Values(r.catalogue.Packages)), slices.Collect(maps.Values(r.catalogue.Addons)))
	for _, x := range slices.Concat(bought...) {
		if len(r.catalogue.Plans[plan]) > 0 && has(x.Buckets) {
			return true
		}
	}
	for _, versions := range r.catalogue.Shares {
		for _, s := range versions {
			if r.participates(&s, plan) && has(s.Buckets) {
				return true
			}
		}
	}
	return false
}
