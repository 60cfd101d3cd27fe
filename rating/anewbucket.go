package rating

import (
	"fmt"
	"slices"
	"strings"

	"ratemill/literal"
	"ratemill/udr"
)

// shares compares two versions of a share plan.
func (s *succession) shares(old, now *share) {
	if old.level == now.level && old.period == now.period {
		s.buckets(old.buckets, now.buckets)
		return
	}
	same := 0
	for i := range now.buckets {
		if slices.ContainsFunc(old.buckets, func(o bucket) bool { return o.id == now.buckets[i].id }) {
			same++
		}
	}
	if same > 0 && old.level == now.level {
		s.list.Warnf(now.at, "this version starts %s anew: the buckets of share plan %s last a %s, but a %s in %s, so they "+
			"are full again at once."+
			" Let the version begin with a cycle", counters(same), now.name, now.period, old.period, s.former)
	} else if same > 0 {
		s.list.Warnf(now.at, "this version starts %s anew: share plan %s has level %s, but level %s in %s. Its buckets belong to "+
			"another account, so they are full again in the current cycle. Let the version begin with a cycle",
			counters(same), now.name, now.level, old.level, s.former)
	}
}

func counters(n int) string {
	if n == 1 {
		return "1 counter"
	}
	return fmt.Sprintf("%d counters", n)
}

func (s *succession) buckets(old, now []bucket) {
	has := func(buckets []bucket, b *bucket) int {
		return slices.IndexFunc(buckets, func(x bucket) bool { return x.id == b.id })
	}
	for i := range now {
		b := &now[i]
		if j := has(old, b); j >= 0 {
			s.bucket(&old[j], b)
			continue
		}
		var gone []string
		var first *bucket
		for j := range old {
			o := &old[j]
			if has(now, o) < 0 && overlap(s.before.classNames(o.classes), s.after.classNames(b.classes)) {
				if gone = append(gone, o.name); first == nil {
					first = o
				}
			}
		}
		switch {
		case first != nil:
			s.list.Warnf(b.at, "this version starts 1 counter anew: bucket %s is full again %s and replaces %s in "+
				"%s. If it is the same bucket, %s",
				b.name, s.running, strings.Join(gone, " and "), s.former, s.continuing(first, b))
		case s.inUse && b.formerly != "" && b.counted == b.formerly:
			s.list.Warnf(b.at, "bucket %s has `formerly: %s`, but %s has no bucket of this name: its count begins at 0", b.name,
				b.formerly, s.former)
		}
	}
}

// continuing returns the line that a bucket needs in order to continue the count of another bucket. Within one
// catalogue, it follows names through the versions. It does not when it compares with the catalogue in use:
// there the name in the counter is the right one.
func (s *succession) continuing(o, b *bucket) string {
	switch {
	case !s.inUse:
		return fmt.Sprintf("write `formerly: %s`", o.name)
	case o.counted == b.name:
		return "remove `formerly`"
	}
	return fmt.Sprintf("write `formerly: %s`", o.counted)
}

// bucket compares a bucket with the version whose count it continues.
func (s *succession) bucket(o, b *bucket) {
	was, is := s.before.unitOf(o.classes), s.after.unitOf(b.classes)
	switch {
	case was != is && was != literal.AnyUnit && is != literal.AnyUnit:
		s.list.Warnf(b.at, "bucket %s counts %s, and continues a count of %s in %s; give it another name, and no formerly, so that it "+
			"counts from 0",
			b.name, literal.UnitName(is), literal.UnitName(was), s.former)
	case b.size < o.size:
		s.list.Warnf(b.at, "bucket %s holds less than in %s: %s there is no event for an owner that has already used that "+
			"much", b.name, s.former, s.running)
	}
}

func (c *Catalogue) unitOf(classes []bool) udr.Unit {
	for n, in := range classes {
		if in && c.units[n] != literal.AnyUnit {
			return c.units[n]
		}
	}
	return literal.AnyUnit
}

// limits compares the limits with those of the catalogue in use.
func (s *succession) limits() {
	for _, f := range s.after.limits.list {
		if i, ok := s.before.limits.find(f.name); ok {
			for n, m := range f.versions {
				if old := like(s.before.limits.list[i], f.since[n]); old != nil {
					s.limit(old, m)
				}
			}
			continue
		}
		m := f.versions[len(f.versions)-1]
		known, replaced := m.formerly == "", ""
		for _, g := range s.before.limits.list {
			o := g.versions[len(g.versions)-1]
			_, there := s.after.limits.find(g.name)
			switch {
			case m.id == o.id:
				known = true
				s.limit(o, m)
			case m.formerly != "" && m.formerly == g.name:
				known, replaced = true, o.counted
			case m.formerly == "" && !there && o.counting() == m.counting() &&
				slices.Equal(s.before.classNames(o.classes), s.after.classNames(m.classes)):
				s.list.Warnf(m.at, "this version starts 1 counter anew: limit %s counts from 0 in the current cycle and replaces %s "+
					"in %s. If it is the same limit, write `formerly: %s`",
					f.name, g.name, s.former, o.counted)
			}
		}
		switch {
		case !known && m.follows == nil:
			s.list.Warnf(m.at, "limit %s has `formerly: %s`, but %s has no limit of this name: its count begins at 0", f.name, m.formerly,
				s.former)
		case replaced != "" && replaced != m.counted:
			s.list.Warnf(m.at, "this version starts 1 counter anew: limit %s counts from 0 in the current cycle; limit %s in %s "+
				"counts as %s. If it is the same limit, write `formerly: %s`",
				f.name, m.formerly, s.former, replaced, replaced)
		}
	}
}

// limit compares a limit with the limit that it replaces.
func (s *succession) limit(o, m *limit) {
	was, is := s.before.unitOf(o.classes), s.after.unitOf(m.classes)
	switch {
	case m.counting() != o.counting():
		s.list.Warnf(m.amountAt, "this version starts 1 counter anew: limit %s counts %s, but %s in %s. The new count begins at 0 in "+
			"the current cycle. Let the version begin with a cycle",
			m.name, m.counting(), o.counting(), s.former)
	case o.id != m.id:
		s.list.Warnf(m.at, "this version starts 1 counter anew: limit %s counts as %s, but as %s in %s. If it is the same limit, "+
			"continue that count with formerly",
			m.name, m.counted, o.counted, s.former)
	case m.cost && o.currency != m.currency:
		s.list.Warnf(m.amountAt, "limit %s is in %s, and continues a count in %s of %s: amounts of both are added in the current "+
			"cycle. Give the limit in %s another name",
			m.name, m.currency, o.currency, s.former, m.currency)
	case !m.cost && was != is && was != literal.AnyUnit && is != literal.AnyUnit:
		s.list.Warnf(m.amountAt, "limit %s counts %s, and continues a count of %s in %s; give it another name, so that it counts from 0",
			m.name, literal.UnitName(is), literal.UnitName(was), s.former)
	case m.threshold.Less(o.threshold):
		s.list.Warnf(m.amountAt, "the threshold of limit %s is lower than in %s: in the current cycle there is no event for "+
			"%s whose count has already reached it; events begin with the next cycle",
			m.name, s.former, m.kind().owner())
	}
}

func (k CounterKind) owner() string {
	if k.PerSIM() {
		return "a SIM"
	}
	return "an account"
}
