package rating

import (
	"fmt"
	"slices"
	"strings"

	"ratemill/diag"
)

// If a version of the catalogue starts a counter at zero in the middle of a cycle, included units are full again
// and graduated prices start again at the first step. Only the author can tell whether a renamed bucket, or a price
// with another network, should continue the same count, so check warns.

// succession is a version of a document and the version that it replaces.
type succession struct {
	before, after *Catalogue
	former        string                                        // the replaced version, in words
	demand        func(at diag.Pos, format string, args ...any) // whether the price must name its counter
	inUse         bool                                          // the replaced version is one of the catalogue in use
	running       string                                        // where the count of a bucket continues, in words
	list          diag.List
}

// compareVersions lists the counters that a version of a plan or share plan starts at zero although the previous
// version has a counter that the author may want to continue.
func (c *compiler) compareVersions() {
	s := succession{before: c.Catalogue, after: c.Catalogue, demand: c.refuse, running: inCycle}
	for _, f := range c.plans.list {
		c.shareBefore(f)
		for i := 1; i < len(f.versions); i++ {
			s.former = fmt.Sprintf("version %d", i)
			s.plans(f.versions[i-1], f.versions[i])
		}
	}
	for _, f := range c.shares.list {
		for i := 1; i < len(f.versions); i++ {
			s.former = fmt.Sprintf("version %d", i)
			s.shares(f.versions[i-1], f.versions[i])
		}
	}
	s.addonVersions(c)
	for _, f := range c.limits.list {
		for _, m := range f.versions {
			if o := m.follows; o != nil {
				s.former = fmt.Sprintf("version %d", slices.Index(f.versions, o)+1)
				if o.name != m.name {
					s.former = "limit " + o.name
				}
				s.limit(o, m)
			}
		}
	}
	c.list = append(c.list, s.list...)
}

// StartsAnew warns of counters that start at zero in the running cycle if c replaces the catalogue in use. The
// warning shows the line that continues the same counter.
func (c *Catalogue) StartsAnew(before *Catalogue) diag.List {
	return c.startsAnew(before, "the catalogue in use")
}

// StartsAnewAfter is like StartsAnew, for any other catalogue instead of the one in use.
func (c *Catalogue) StartsAnewAfter(before *Catalogue) diag.List {
	return c.startsAnew(before, "the other catalogue")
}

func (c *Catalogue) startsAnew(before *Catalogue, former string) diag.List {
	s := succession{before: before, after: c, former: former, inUse: true, running: inCycle}
	s.demand = func(at diag.Pos, format string, args ...any) { s.list.Warnf(at, format, args...) }
	for _, f := range c.plans.list {
		if i, ok := before.plans.find(f.name); ok {
			for n, v := range f.versions {
				if old := like(before.plans.list[i], f.since[n]); old != nil {
					s.plans(old, v)
				}
			}
		}
	}
	for _, f := range c.shares.list {
		if i, ok := before.shares.find(f.name); ok {
			for n, v := range f.versions {
				if old := like(before.shares.list[i], f.since[n]); old != nil {
					s.shares(old, v)
				}
			}
		}
	}
	s.bought()
	s.limits()
	s.list.Sort()
	return s.list
}

// like returns the version that begins at the same time as a version of another catalogue.
func like[T any](f *family[T], s since) *T {
	for i, o := range f.since {
		if o.Kind == s.Kind && o.Order() == s.Order() {
			return f.versions[i]
		}
	}
	return nil
}

func (s *succession) plans(old, now *plan) {
	if now.derived { // parts taken from another plan are reported with that plan
		known := len(s.list)
		defer func() { s.list = append(s.list[:known:known], s.list[:known].News(s.list[known:])...) }()
	}
	for n, pc := range now.classes {
		if pc == nil {
			continue
		}
		name := s.after.names[n]
		if i, ok := s.before.classes[name]; ok && int(i) < len(old.classes) && old.classes[i] != nil {
			s.prices(old.classes[i], pc, name)
			s.periods(old.classes[i], pc, name)
		}
	}
	s.sharedCounts(old, now)
	s.passes(old, now)
	s.discountCounts(old, now)
	s.buckets(old.included, now.included)
}

// prices compares the counters of a class. It skips prices that depend on no count, because their
// counters have no effect.
func (s *succession) prices(old, now *planClass, class string) {
	for i := range now.prices {
		p := &now.prices[i]
		j := slices.IndexFunc(old.prices, func(o price) bool { return o.id == p.id && o.counts() })
		if j < 0 || p.count == countRecord || p.shared != "" || !p.counts() {
			continue
		}
		switch o := &old.prices[j]; {
		case o.count != p.count:
			s.list.Warnf(p.at, "class %s counts by %s from this version on, but by %s in %s, so every count begins at 0 in the current cycle",
				class, p.count, o.count, s.former)
			return
		case o.period != p.period:
			s.list.Warnf(p.at, "class %s counts by %s from this version on, but by %s in %s, so every count begins at 0", class, p.period,
				o.period, s.former)
			return
		}
	}
	has := func(prices []price, p *price) bool {
		return slices.ContainsFunc(prices, func(x price) bool { return x.id == p.id })
	}
	for i := range now.prices {
		p := &now.prices[i]
		if !(p.remembers() || p.counts() && p.shared == "" && p.count != countRecord) || has(old.prices, p) {
			continue
		}
		var gone []string
		for j := range old.prices {
			o := &old.prices[j]
			same := o.count == p.count && o.period == p.period && o.shared == "" || p.remembers() && o.remembers()
			if o.id != 0 && same && o.slice == p.slice && !has(now.prices, o) && (overlap(o.words, p.words) || len(o.words)+len(p.words) == 0) {
				gone = append(gone, o.key)
			}
		}
		switch {
		case len(gone) == 0:
		case p.said:
			s.list.Warnf(p.at, "this version starts 1 counter anew: the count of price %s of class %s begins at 0 in the current "+
				"cycle; in %s the same places count as %s. If it is the same price, write `formerly: %q`",
				p.key, class, s.former, strings.Join(gone, " and "), gone[0])
		default:
			s.demand(p.at, "this price covers other places or zones than before, so ratemill cannot know whether it continues the "+
				"count of %s in %s; write `formerly: %q` if it does, or give it a name, such as `name: %q`, if it counts from 0",
				strings.Join(gone, " or "), s.former, gone[0], p.key)
		}
	}
}

func overlap(a, b []string) bool {
	return slices.ContainsFunc(a, func(x string) bool { return slices.Contains(b, x) })
}

func (c *Catalogue) classNames(set []bool) (names []string) {
	for n, in := range set {
		if in {
			names = append(names, c.names[n])
		}
	}
	slices.Sort(names)
	return names
}
