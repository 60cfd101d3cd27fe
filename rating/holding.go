package rating

import (
	"slices"
	"time"

	"ratemill/literal"
	"ratemill/registry"
	"ratemill/udr"
)

// This file finds purchased units and those of pools, for users who ask how many are left. Rating itself reads
// its counters.

// Bucket is a number of units with a name.
type Bucket struct {
	Name     string
	Formerly string   // the name under which they were counted before; "" for none
	Unit     udr.Unit // AnyUnit if the classes of the bucket have no unit of their own
	Size     int64
}

func (c *Catalogue) bucket(b *bucket) Bucket {
	unit := b.unit
	if unit == literal.AnyUnit {
		unit = c.unitOf(b.classes)
	}
	return Bucket{b.name, b.formerly, unit, b.size}
}

// Buckets returns the units of a package, in the order in which they are drawn.
func (p *Package) Buckets() []Bucket { return slices.Clone(p.buckets) }

// CapOf returns the number of units that are free beyond those of a bucket.
func (p *Package) CapOf(b Bucket, percent int) int64 { return percentOf(b.Size, percent) }

// AtMost returns the largest number of renewals on use-up in a billing cycle.
func (p *Package) AtMost() int { return p.atMost }

// Use describes the usage of a package.
type Use struct {
	First    udr.Instant   // time of the earliest usage of the package's first units; 0: it has not been used
	Renewals []udr.Instant // times of the renewals on use-up, in order
}

// Stand is the point in its life that a package has reached at a time.
type Stand struct {
	Renewal    int64       // number of the last renewal, 0 before the first
	Begin, End udr.Instant // the term; Begin is 0 until the first use, and End is then the deadline for it
	Over       bool        // the package is at its end or past it: only the cap can be drawn
	Lapsed     bool        // nothing can
}

// Stand returns the point that a bought package has reached at a time. renews reports whether its buyer may renew it then.
func (p *Package) Stand(b *registry.Bought, at udr.Instant, zone *time.Location, renews func(udr.Instant) bool, use Use) (s Stand) {
	s.Begin = b.Since
	switch {
	case b.Renewal == registry.OnExpiry && !p.OnUse:
		n, end := p.Term(b, at, zone, renews)
		s.Renewal, s.End = int64(n), end
		if n > 0 {
			s.Begin = p.valid.times(n).after(b.Since, zone)
		}
	case p.OnUse && (use.First == 0 || use.First > at):
		s.Begin, s.End = 0, p.End(b.Since, 0, zone)
		s.Over = at >= s.End
		s.Lapsed = s.Over
		return s
	default:
		if p.OnUse {
			s.Begin = use.First
		}
		for i, renewed := range use.Renewals {
			if renewed <= at {
				s.Renewal, s.Begin = int64(i+1), max(s.Begin, renewed)
			}
		}
		s.End = p.valid.after(s.Begin, zone)
	}
	s.Over = at >= s.End
	s.Lapsed = s.Over && at >= p.ReadOnlyUntil(s.End, zone)
	return s
}

// AddonBuckets returns the units that each purchase of an add-on gives in a cycle, by the add-on's version at a time in
// a zone; it is empty if there are none.
func (c *Catalogue) AddonBuckets(name string, at udr.Instant, zone *time.Location) (all []Bucket) {
	i, ok := c.addons.find(name)
	if !ok {
		return nil
	}
	p, _, _ := c.addons.list[i].at(newZoneClock(zone, c.dates), at)
	for j := 0; p != nil && j < len(p.buckets); j++ {
		all = append(all, c.bucket(&p.buckets[j]))
	}
	return all
}

// PoolUnits are the units of a bucket of a share plan, for the account that owns the bucket.
type PoolUnits struct {
	Bucket
	Period string // length of the period
	Number uint8  // the same, as the number used in message Draw
	First  int32  // local date on which the period begins
}

// Units returns the buckets of a share plan for the account that owns them, in the period that contains a time, with
// their size for usage at that time as known at a revision.
func (r *PoolReader) Units(v *registry.View, rev registry.Revision, name string, owner *registry.Account,
	at udr.Instant) (all []PoolUnits) {
	i, ok := r.catalogue.shares.find(name)
	if !ok {
		return nil
	}
	clock := newZoneClock(owner.Zone, r.catalogue.dates)
	s, _, _ := r.catalogue.shares.list[i].at(clock, at)
	if s == nil {
		return nil
	}
	var first, next int32
	if s.period == perCycle {
		first, next = owner.CycleOf(registry.LocalDate(owner.Zone, at))
	} else {
		contracted := int32(0)
		if s.period == perYear {
			contracted = v.Contracted(owner.Number, at, rev)
		}
		first, _ = clock.date(s.period, at, contracted)
		next = s.period.next(first, contracted)
	}
	p := newPool(s, owner.Number, clock, first, next)
	if s.sized() {
		r.upTo(p, v, rev)
	}
	for b := range s.buckets {
		u := PoolUnits{r.catalogue.bucket(&s.buckets[b]), s.period.String(), uint8(s.period), first}
		if s.sized() {
			u.Size, _, _, _ = r.bucketSize(p, rev, p.day(at), b, 0, nil)
		}
		all = append(all, u)
	}
	return all
}
