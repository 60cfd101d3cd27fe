package rating

import (
	"cmp"
	"math"
	"math/bits"
	"slices"

	"ratemill/registry"
	"ratemill/registry/life"
	"ratemill/udr"
)

// This file computes the size of a pool from facts of the registry: on which days of its period accounts have the
// share plan, and on which days SIMs contribute.

// termsAt contains the terms of an account for a pool, from a revision on.
type termsAt struct {
	known registry.Revision
	runs  []terms
}

// terms describes an account on a range of days of the period.
type terms struct {
	from, to int
	has      bool // the account itself has the plan
	tiers    []tierTerms
}

// tierTerms is an account on the path of a SIM that has the plan for the owner: the SIM contributes by the plan that
// this account pays by.
type tierTerms struct {
	plan  int32 // family, noPlan or unknownPlan
	bySIM bool  // the SIM's own plan takes precedence
}

// firstOf returns the account of the pool with the lowest number among those that ever owned a SIM. The SIM is
// counted with that account.
func (e *pools) firstOf(p *pool, v *registry.View, sim uint32) (first uint32) {
	e.owners = v.Owners(sim, e.owners[:0])
	for i := range e.owners {
		a := e.owners[i].Account
		if a == 0 || first != 0 && a >= first {
			continue
		}
		if _, ok := slices.BinarySearch(p.accounts, a); ok {
			first = a
		}
	}
	return first
}

// termsOf returns the terms of an account for a pool, for each revision that changed them.
func (e *pools) termsOf(p *pool, v *registry.View, account uint32, rev registry.Revision) (all []termsAt) {
	e.revs = v.AccountRevisions(account, rev, e.revs[:0])
	for _, a := range v.EverAbove(account, nil) {
		e.revs = v.AccountRevisions(a, rev, e.revs)
	}
	slices.Sort(e.revs)
	for _, at := range slices.Compact(e.revs) {
		runs := e.runsOf(p, v, account, at)
		if n := len(all); n > 0 && sameTerms(all[n-1].runs, runs) || n == 0 && len(runs) == 0 {
			continue
		}
		all = append(all, termsAt{at, runs})
	}
	return all
}

func sameTerms(a, b []terms) bool {
	return slices.EqualFunc(a, b, func(x, y terms) bool {
		return x.from == y.from && x.to == y.to && x.has == y.has && slices.Equal(x.tiers, y.tiers)
	})
}

// runsOf walks up from an account as of the end of each day.
func (e *pools) runsOf(p *pool, v *registry.View, account uint32, rev registry.Revision) (runs []terms) {
	for day, end := range p.ends {
		e.path = e.path[:0]
		for number := account; number != 0; {
			facts, ok := v.Account(number, end, rev)
			if !ok {
				e.path = e.path[:0]
				break
			}
			e.path = append(e.path, facts)
			number = facts.Parent
		}
		t := terms{from: day, to: day + 1}
		for i, a := range e.path {
			sold := slices.Contains(a.SharePlans, p.share.name)
			if !sold && !p.share.participation || e.path[p.share.level.owner(i, len(e.path), e.onPath)].Number != p.owner {
				continue
			}
			t.has = t.has || sold && i == 0
			plan := e.planOfAccount(a)
			if i == 0 || plan != noPlan {
				t.tiers = append(t.tiers, tierTerms{plan, i == 0})
			}
		}
		if !t.has && len(t.tiers) == 0 {
			continue
		}
		if n := len(runs); n > 0 && runs[n-1].to == day && runs[n-1].has == t.has && slices.Equal(runs[n-1].tiers, t.tiers) {
			runs[n-1].to++
			continue
		}
		runs = append(runs, t)
	}
	return runs
}

func (e *pools) onPath(place int) *registry.Account { return e.path[place] }

func (e *pools) planOfAccount(a *registry.Account) int32 {
	if a.Plan == "" {
		return noPlan
	}
	i, ok := e.catalogue.plans.find(a.Plan)
	if !ok {
		return unknownPlan
	}
	return i
}

// accountChanges adds the days on which an account itself has the plan.
func (e *pools) accountChanges(p *pool, its []termsAt) {
	e.before = e.before[:0]
	for i := range its {
		var had dayset
		for _, t := range its[i].runs {
			if t.has {
				had.add(t.from, t.to)
			}
		}
		e.now = appendConcurrent(e.now[:0], 0, &had, len(p.ends))
		e.difference(p, its[i].known)
	}
}

// changesOf adds the changes of a SIM that the revisions between two revisions caused, the second one included.
func (e *pools) changesOf(p *pool, v *registry.View, sim uint32, since, until registry.Revision) {
	e.owners, e.facts = v.Owners(sim, e.owners[:0]), v.States(sim, e.facts[:0])
	e.revs = e.revs[:0]
	add := func(known registry.Revision) {
		if known > since && known <= until {
			e.revs = append(e.revs, known)
		}
	}
	for i := range e.owners {
		add(e.owners[i].Known)
		for _, t := range p.terms[e.owners[i].Account] {
			add(t.known)
		}
	}
	for i := range e.facts {
		add(e.facts[i].Known)
	}
	slices.Sort(e.revs)
	e.before = e.before[:0]
	if since > 0 {
		e.before = e.contributed(p, v, sim, since, e.before)
	}
	for _, rev := range slices.Compact(e.revs) {
		e.now = e.contributed(p, v, sim, rev, e.now[:0])
		e.difference(p, rev)
	}
}

// difference adds the difference between e.now and e.before to the changes, and then replaces e.before by e.now. Both
// are ordered by group and day.
func (e *pools) difference(p *pool, known registry.Revision) {
	before, now := e.before, e.now
	for len(before)+len(now) > 0 {
		var order int
		switch {
		case len(before) == 0:
			order = 1
		case len(now) == 0:
			order = -1
		default:
			order = cmp.Or(cmp.Compare(before[0].group, now[0].group), cmp.Compare(before[0].day, now[0].day))
		}
		var c change
		switch {
		case order < 0:
			c, before = before[0], before[1:]
			c.units = -c.units
		case order > 0:
			c, now = now[0], now[1:]
		default:
			c = now[0]
			c.units -= before[0].units
			before, now = before[1:], now[1:]
		}
		if c.units != 0 {
			c.known = known
			p.changes = append(p.changes, c)
		}
	}
	e.before, e.now = e.now, e.before
}

// contributed appends the contribution of a SIM, as known at a revision, ordered by group and day.
func (e *pools) contributed(p *pool, v *registry.View, sim uint32, rev registry.Revision, dst []change) []change {
	groups := len(p.share.groups) + 1
	for len(e.sets) < groups {
		e.sets = append(e.sets, dayset{})
	}
	sets := e.sets[:groups]
	clear(sets)
	any := false
	owners := e.held(rev)
	for i := range owners {
		f := &owners[i]
		if f.State != registry.Holds && f.State != registry.AfterEnd {
			continue
		}
		from, to := p.day(f.From), len(p.ends)
		if i+1 < len(owners) {
			to = p.day(owners[i+1].From)
		}
		if from >= to {
			continue
		}
		for _, t := range p.termsAt(f.Account, rev) {
			lo, hi := max(from, t.from), min(to, t.to)
			if lo >= hi {
				continue
			}
			for _, tier := range t.tiers {
				plan := tier.plan
				if tier.bySIM && f.Plan != 0 {
					plan = e.planFamily(v, f.Plan)
				}
				if plan < 0 {
					continue
				}
				for _, g := range p.share.of(plan) {
					sets[g].add(lo, hi)
					any = true
				}
				if p.share.participation && p.share.takes(plan) {
					sets[0].add(lo, hi)
					any = true
				}
			}
		}
	}
	if !any {
		return dst
	}
	if e.inState(p, v, sim, rev) {
		for i := range sets {
			sets[i] = sets[i].and(&e.counts)
		}
	}
	return p.appendSets(dst, sets)
}

// inState finds the days on which a SIM is in a state that counts. It returns false if the SIM never had a state
// fact, because then all days count. Time limits that are due count even before their fact exists. Effects of
// usage on a state count only when their fact exists.
func (e *pools) inState(p *pool, v *registry.View, sim uint32, rev registry.Revision) bool {
	if len(e.facts) == 0 {
		return false
	}
	facts := e.facts
	if len(facts) > 1 || facts[0].Known > rev || facts[0].State != registry.Holds {
		facts = registry.Held(slices.Clone(facts), rev)
	}
	if len(facts) == 0 {
		return false
	}
	e.counts = dayset{}
	e.counts.add(0, p.day(facts[0].From))
	for i := range facts {
		f, next := &facts[i], udr.Instant(math.MaxInt64)
		if i+1 < len(facts) {
			next = facts[i+1].From
		}
		from, to := p.day(f.From), len(p.ends)
		if next < math.MaxInt64 {
			to = p.day(next)
		}
		switch {
		case from >= to:
		case f.State != registry.Holds && f.State != registry.AfterEnd:
			e.counts.add(from, to)
		default:
			e.countStay(p, v, sim, rev, f, next)
		}
	}
	return true
}

// countStay adds the days that count from a state fact until the next fact.
func (e *pools) countStay(p *pool, v *registry.View, sim uint32, rev registry.Revision, f *registry.KnownState, next udr.Instant) {
	add := func(from, until udr.Instant, counts bool) {
		to := len(p.ends)
		if until < math.MaxInt64 {
			to = p.day(until)
		}
		if counts && p.day(from) < to {
			e.counts.add(p.day(from), to)
		}
	}
	fact, ok := v.State(sim, f.From, rev)
	if !ok {
		return
	}
	stay, err := e.states.Of(v, fact, fact.Since, p.clock.zone, nil)
	for range 8 { // a time limit may lead to a state that has a time limit itself
		until, t := next, life.Timer{}
		limited := false
		if err == nil {
			if t, limited = stay.Timer(1); limited && t.Due < next {
				until = t.Due
			}
		}
		add(stay.From, until, p.share.counts(&stay, f.Core))
		if until == next {
			return
		}
		stay = life.Stay{From: t.Due, State: t.To, Rules: stay.Rules, Since: registry.LocalDate(p.clock.zone, t.Due)}
	}
}

// counts reports whether a SIM contributes in a state. Without state rules, the core state is that of the fact.
func (s *share) counts(stay *life.Stay, stated registry.Core) bool {
	if len(s.in) > 0 {
		return slices.Contains(s.in, stay.State)
	}
	switch stay.Core() {
	case life.NoCore:
		return stated == registry.NoCore || stated == registry.Active
	case life.Active:
		return true
	}
	return false
}

// held returns the facts about the owners of the SIM that are valid at a revision. It copies nothing if there is only
// one fact.
func (e *pools) held(rev registry.Revision) []registry.KnownOwner {
	if f := e.owners; len(f) == 1 && f[0].State == registry.Holds {
		if f[0].Known > rev {
			return nil
		}
		return f
	}
	return registry.HeldOwners(slices.Clone(e.owners), rev)
}

// termsAt returns the terms of an account for the pool at a revision.
func (p *pool) termsAt(account uint32, rev registry.Revision) []terms {
	its := p.terms[account]
	for i := len(its) - 1; i >= 0; i-- {
		if its[i].known <= rev {
			return its[i].runs
		}
	}
	return nil
}

// appendSets appends the days of a SIM, by group, as changes.
func (p *pool) appendSets(dst []change, sets []dayset) []change {
	dst = appendConcurrent(dst, 0, &sets[0], len(p.ends))
	if p.share.growth == peak {
		for g := 1; g < len(sets); g++ {
			dst = appendConcurrent(dst, uint16(g), &sets[g], len(p.ends))
		}
		return dst
	}
	for g := 1; g < len(sets); g++ {
		from, to, ok := sets[g].next(0)
		if p.share.whole {
			if ok && p.cameWith(sets, g, from) {
				dst = append(dst, change{units: 1, day: int16(from), group: uint16(g)})
			}
			continue
		}
		for ; ok; from, to, ok = sets[g].next(to) {
			dst = append(dst, change{units: int64(to - from), day: int16(from), group: uint16(g)})
		}
	}
	return dst
}

// cameWith reports whether a SIM adds nothing to the bucket of a group before a day, which makes the contribution
// on that day its first.
func (p *pool) cameWith(sets []dayset, group, day int) bool {
	for g := 1; g < len(sets); g++ {
		if p.share.groups[g-1].bucket != p.share.groups[group-1].bucket {
			continue
		}
		if from, _, ok := sets[g].next(0); ok && from < day {
			return false
		}
	}
	return true
}

// appendConcurrent adds one SIM on each day of a set.
func appendConcurrent(dst []change, group uint16, set *dayset, days int) []change {
	for from, to, ok := set.next(0); ok; from, to, ok = set.next(to) {
		dst = append(dst, change{units: 1, day: int16(from), group: group})
		if to < days {
			dst = append(dst, change{units: -1, day: int16(to), group: group})
		}
	}
	return dst
}

// dayset is a set of days of a period.
type dayset [6]uint64

func (d *dayset) add(from, to int) {
	for from < to {
		word, bit := from/64, from%64
		n := min(64-bit, to-from)
		d[word] |= (^uint64(0) >> (64 - n)) << bit
		from += n
	}
}

func (d *dayset) and(o *dayset) (both dayset) {
	for i := range d {
		both[i] = d[i] & o[i]
	}
	return both
}

// next returns the first range of days of the set from a day on.
func (d *dayset) next(day int) (from, to int, ok bool) {
	word := day / 64
	if word >= len(d) {
		return 0, 0, false
	}
	for rest := d[word] &^ (1<<(day%64) - 1); ; rest = d[word] {
		if rest != 0 {
			from = word*64 + bits.TrailingZeros64(rest)
			break
		}
		if word++; word == len(d) {
			return 0, 0, false
		}
	}
	for to = from + 1; to < 64*len(d) && d[to/64]&(1<<(to%64)) != 0; to++ {
	}
	return from, to, true
}
