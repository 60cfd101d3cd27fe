package rating

import (
	"cmp"
	"slices"

	"ratemill/registry"
	"ratemill/udr"
)

// A pool consists of the buckets of a share plan for the account that owns them, in one period. Their size depends
// on facts of the registry: the days on which accounts have the plan, and the SIMs that contribute. A record uses
// the size on its day, as known at the revision to which its file is pinned. So a pool stores the changes of its
// size in the order of the revisions that caused them. After every fixed number of changes, it also stores the
// sums up to each day. A lookup is a binary search and some additions. It needs no lock, because each engine has
// the pools of its own partition. For a catalogue whose pools do not grow, nothing is stored.
//
// The facts of a SIM as known at a revision determine on which days of the period it contributes. The changes of a
// revision are the difference from the SIM's facts at the revision before, so the work for a new revision is
// proportional to the number of SIMs that it changes.
type pool struct {
	share *share
	owner uint32
	clock *zoneClock
	first int32         // local date on which the period begins
	start udr.Instant   // of the period
	ends  []udr.Instant // the last instant of each day of the period

	known    registry.Revision // revision up to which the changes are complete
	seen     registry.Revision // the newest revision about any account when told was computed
	told     registry.Revision // the newest revision about an account of the pool
	accounts []uint32          // accounts that may have the plan for this owner, in the order of their numbers
	terms    map[uint32][]termsAt

	changes []change
	whole   registry.Revision // revision from which on the pool has all its days, as far as is known; 0 for none
	span    int               // changes between sums
	sums    []int64           // sums up to each day by group and day, after each span of changes

	asked asked // the last lookup and its result
}

// change is the amount that a revision adds to a group from a day of the period on. Group 0 counts the accounts that
// have the plan or, if SIMs activate it by participation, the participating SIMs; the other groups are those of the
// share plan.
type change struct {
	known registry.Revision
	units int64
	day   int16
	group uint16
}

type asked struct {
	rev    registry.Revision
	day    int
	bucket int
	valid  bool
	days   int
	sums   []int64 // by group, from 1
}

// pools finds and keeps pools for one engine.
type pools struct {
	*Engine
	sets   []dayset // scratch, by group
	counts dayset   // the days on which a SIM is in a state that counts
	owners []registry.KnownOwner
	facts  []registry.KnownState
	revs   []registry.Revision
	path   []*registry.Account
	before []change
	now    []change
	row    []int64
	told   []uint32
}

// newPool returns the pool of a version of a share plan.
func newPool(s *share, owner uint32, k *zoneClock, first, next int32) *pool {
	p := &pool{share: s, owner: owner, clock: k, first: first, start: k.midnight(first)}
	for day := first; day < next && len(p.ends) < 64*len(dayset{}); day++ {
		p.ends = append(p.ends, k.midnight(day+1)-1)
	}
	p.span = max(64, len(p.ends)/2)
	return p
}

// day returns the first day of the period that ends at an instant or later; what begins at the instant holds at the
// end of that day.
func (p *pool) day(at udr.Instant) int {
	if at <= p.start {
		return 0
	}
	day, _ := slices.BinarySearch(p.ends, at)
	return day
}

// upTo brings a pool up to date with a revision.
func (e *pools) upTo(p *pool, v *registry.View, rev registry.Revision) {
	if rev > p.known {
		e.learn(p, v, v.Revision()) // learn everything known, because the next lookup may be about a later revision
	}
}

// learn adds the changes of all revisions up to a given one.
func (e *pools) learn(p *pool, v *registry.View, rev registry.Revision) {
	if newest := v.AccountsTold(); p.known == 0 || newest != p.seen {
		told := registry.Revision(0)
		accounts := e.scope(p, v)
		for _, a := range accounts {
			told = max(told, v.AccountTold(a, rev))
		}
		p.seen = newest
		if p.known == 0 || told != p.told || !slices.Equal(accounts, p.accounts) {
			p.accounts, p.told = accounts, told
			e.build(p, v, rev)
			return
		}
	}
	from := len(p.changes)
	if p.share.bySIM() {
		e.told = v.MembersTold(p.accounts, p.known, rev, e.told[:0])
		slices.Sort(e.told)
		for _, sim := range slices.Compact(e.told) {
			e.changesOf(p, v, sim, p.known, rev)
		}
	}
	p.known, p.asked.valid = rev, false
	p.settle(from)
	e.findWhole(p)
}

// findWhole finds the revision from which on the pool has all its days. This is so for most pools.
func (e *pools) findWhole(p *pool) {
	p.whole = 0
	for i := len(p.changes) - 1; i >= 0; i-- {
		if c := &p.changes[i]; c.group == 0 {
			if days, _ := e.at(p, c.known, 0, 0); days == len(p.ends) {
				p.whole = c.known
			}
			break
		}
	}
	p.asked.valid = false
}

// scope returns the accounts that may have the plan for the owner, or whose SIMs may contribute.
func (e *pools) scope(p *pool, v *registry.View) []uint32 {
	if p.share.level.kind == ofAccount && !p.share.bySIM() {
		return []uint32{p.owner}
	}
	below := map[uint32]bool{p.owner: true}
	v.Below(below)
	all := make([]uint32, 0, len(below))
	for a := range below {
		all = append(all, a)
	}
	slices.Sort(all)
	return all
}

// build finds all changes up to a revision.
func (e *pools) build(p *pool, v *registry.View, rev registry.Revision) {
	p.changes, p.sums, p.asked.valid = p.changes[:0], p.sums[:0], false
	p.terms = map[uint32][]termsAt{}
	for _, a := range p.accounts {
		if its := e.termsOf(p, v, a, rev); len(its) > 0 {
			p.terms[a] = its
			e.accountChanges(p, its)
		}
	}
	p.known = rev
	if p.share.bySIM() {
		for _, a := range p.accounts {
			for _, sim := range v.Members(a) {
				if e.firstOf(p, v, sim) == a {
					e.changesOf(p, v, sim, 0, rev)
				}
			}
		}
	}
	p.settle(0)
	e.findWhole(p)
}

// settle sorts the changes from an index on and adds them up.
func (p *pool) settle(from int) {
	its := p.changes[from:]
	slices.SortFunc(its, func(a, b change) int {
		return cmp.Or(cmp.Compare(a.known, b.known), cmp.Compare(a.group, b.group), cmp.Compare(a.day, b.day))
	})
	n := 0
	for i := range its {
		if n > 0 && its[n-1].known == its[i].known && its[n-1].group == its[i].group && its[n-1].day == its[i].day {
			its[n-1].units += its[i].units
			continue
		}
		its[n] = its[i]
		n++
	}
	p.changes = p.changes[:from+n]
	row := p.groups() * len(p.ends)
	for done := len(p.sums) / row; (done+1)*p.span <= len(p.changes); done++ {
		at := len(p.sums)
		if done == 0 {
			p.sums = append(p.sums, make([]int64, row)...)
		} else {
			p.sums = append(p.sums, p.sums[at-row:]...)
		}
		for _, c := range p.changes[done*p.span : (done+1)*p.span] {
			its := p.sums[at+int(c.group)*len(p.ends) : at+(int(c.group)+1)*len(p.ends)]
			for day := int(c.day); day < len(its); day++ {
				its[day] += c.units
			}
		}
	}
}

func (p *pool) groups() int { return len(p.share.groups) + 1 }

// at returns the number of the pool's days in the period, and the amount that each group adds to a bucket, on a day
// and as known at a revision. The sums are valid until the next call.
func (e *pools) at(p *pool, rev registry.Revision, day, bucket int) (days int, sums []int64) {
	if a := &p.asked; a.valid && a.rev == rev && a.day == day && (a.bucket == bucket || p.share.growth != peak) {
		return a.days, a.sums
	}
	n := len(p.changes)
	if n > 0 && p.changes[n-1].known > rev {
		n, _ = slices.BinarySearchFunc(p.changes, rev+1, func(c change, known registry.Revision) int { return cmp.Compare(c.known, known) })
	}
	length := len(p.ends)
	size := p.groups() * length
	var row []int64 // sums up to each day
	if mark := n / p.span; mark > 0 {
		row = p.sums[(mark-1)*size : mark*size]
	}
	rest := p.changes[n/p.span*p.span : n]
	a := &p.asked
	a.rev, a.day, a.bucket, a.valid = rev, day, bucket, true
	a.sums = append(a.sums[:0], make([]int64, p.groups())...)
	if p.share.full && p.share.growth != fixed || p.whole != 0 && rev >= p.whole {
		a.days = length
	} else {
		a.days = e.daysHad(length, day, row, rest)
	}
	switch {
	case p.share.growth == peak:
		e.atPeak(p, bucket, day, row, rest, a.sums)
	case p.share.growth == variable:
		for g := 1; g < p.groups(); g++ {
			if row != nil {
				a.sums[g] = row[g*length+day]
			}
		}
		for i := range rest {
			if c := &rest[i]; c.group > 0 && int(c.day) <= day {
				a.sums[c.group] += c.units
			}
		}
	}
	return a.days, a.sums
}

// daysHad counts the days up to a given day on which at least one account has the plan, and the days after it
// until no account has it.
func (e *pools) daysHad(length, day int, row []int64, rest []change) (days int) {
	e.row = append(e.row[:0], make([]int64, length)...)
	for i := range rest {
		if c := &rest[i]; c.group == 0 {
			e.row[c.day] += c.units
		}
	}
	more := int64(0)
	for d := range length {
		more += e.row[d]
		have := more
		if row != nil {
			have += row[d]
		}
		if have > 0 {
			days++
		} else if d >= day {
			break
		}
	}
	return days
}

// atPeak finds the day with the largest contributions to a bucket, up to a given day.
func (e *pools) atPeak(p *pool, bucket, day int, row []int64, rest []change, sums []int64) {
	length, groups := len(p.ends), p.groups()
	e.row = append(e.row[:0], make([]int64, groups*length+groups)...)
	more := e.row[groups*length:]
	for i := range rest {
		c := &rest[i]
		e.row[int(c.group)*length+int(c.day)] += c.units
	}
	most := int64(0)
	for d := 0; d <= day; d++ {
		units := int64(0)
		for g := 1; g < groups; g++ {
			more[g] += e.row[g*length+d]
			have := more[g]
			if row != nil {
				have += row[g*length+d]
			}
			if p.share.groups[g-1].bucket == bucket {
				units = plusTimes(units, p.share.groups[g-1].units, have)
			}
			e.row[g*length+d] = have
		}
		if units > most {
			most = units
			for g := 1; g < groups; g++ {
				sums[g] = e.row[g*length+d]
			}
		}
	}
}
