package rating

import (
	"cmp"
	"fmt"
	"maps"
	"math/bits"
	"slices"
	"strings"

	"ratemill/literal"
	"ratemill/registry"
	"ratemill/udr"
)

// Growth is a part of the size of a pool: the units that SIMs with equal contributions add.
type Growth struct {
	Draw  uint32 // index of the draw in the charge, from 0
	Units int64  // units that one SIM adds in a whole period
	SIMs  int64  // number of SIMs, or of their days if the units are prorated
	Of    uint32 // number of days in the period if SIMs contains days, otherwise 0
}

// pooled is a share plan that a record may draw on.
type pooled struct {
	*share
	nth   int // index in the account's share plans in the registry; -1: the account has it by participation
	place int // index on the path of the account that has it
	owner *payer

	// The owner's period, if the size of the buckets depends on it:
	first int32 // local date on which it begins
	next  int32 // local date on which the next period begins
	end   udr.Instant
}

// heldShare is a share plan that the registry says an account has.
type heldShare struct {
	family int32
	had    hadWhole
}

// holds reports whether the registry says that the account has a share plan.
func (p *payer) holds(share int32) bool {
	return slices.ContainsFunc(p.shares, func(h heldShare) bool { return h.family == share })
}

// hadWhole remembers whether an account has a share plan on all days of a period, as known at a revision.
type hadWhole struct {
	owner  uint32
	first  int32
	period period
	rev    registry.Revision
	whole  bool
}

// poolKey finds the pools of a version of a share plan for an owner, one for each period.
type poolKey struct {
	share *share
	owner uint32
}

// keptPools is the number of periods of an owner for which an engine keeps the sizes of a pool. Most usage is in the
// current period or the one before. The engine recomputes older ones when needed.
const keptPools = 3

// poolsOf puts the share plans of a tier into e.drawn, in the order in which usage draws on them, and returns their
// number.
func (e *Engine) poolsOf(t *tier, u *udr.Usage) int {
	e.drawn = e.drawn[:0]
	for nth := range t.shares {
		if w := e.poolOf(t, t.shares[nth].family, nth, u); w.share != nil {
			e.drawn = append(e.drawn, w)
		}
	}
	if e.catalogue.participation {
		for family := range e.catalogue.shares.list {
			if !t.holds(int32(family)) {
				if w := e.poolOf(t, int32(family), -1, u); w.share != nil {
					e.drawn = append(e.drawn, w)
				}
			}
		}
	}
	if e.catalogue.prioritised {
		slices.SortStableFunc(e.drawn, func(a, b pooled) int { return cmp.Compare(a.priority, b.priority) })
	}
	return len(e.drawn)
}

// poolOf returns a share plan on which the record may draw: the nth share plan of the account in the registry or, with
// -1, a plan that the account may have by participation. Its share is nil if the record does not participate.
func (e *Engine) poolOf(t *tier, family int32, nth int, u *udr.Usage) (w pooled) {
	s, _, _ := e.catalogue.shares.list[family].at(t.clock, u.At)
	if s == nil || !s.takes(t.plan.family) || nth < 0 && !s.participation {
		return w
	}
	w.share, w.nth, w.place, w.owner = s, nth, int(t.number), t.payer
	if s.level.kind != ofAccount {
		w.owner = e.path[s.level.owner(w.place, len(e.path), e.accountOnPath)]
	}
	if s.sized() {
		e.dated(&w, u.At)
	}
	return w
}

// dated finds the pool's period that contains a time.
func (e *Engine) dated(w *pooled, at udr.Instant) {
	if w.period == perCycle {
		w.first, w.end = w.owner.cycle, w.owner.end
		return
	}
	contracted := e.contracted(w.owner, w.period, at)
	w.first, _ = w.owner.clock.date(w.period, at, contracted)
	w.next = w.period.next(w.first, contracted)
	w.end = w.owner.clock.midnight(w.next)
}

func (e *Engine) accountOnPath(place int) *registry.Account { return e.path[place].facts }

// drawPools draws on the pools of a tier, from unit at of the record on, and returns the first unit that they do not
// cover. The pools are the share plans of the account in its order. If the catalogue has share plans with a priority or
// by participation, the list of poolsOf is used instead.
func (e *Engine) drawPools(t *tier, ch *Charge, c *Counters, u *udr.Usage, class, zone int32, at int64, res *Result) int64 {
	others, n := e.catalogue.participation || e.catalogue.prioritised, len(t.shares)
	if others {
		n = e.poolsOf(t, u)
	}
	for nth := range n {
		var w pooled
		if others {
			w = e.drawn[nth]
		} else if w = e.poolOf(t, t.shares[nth].family, nth, u); w.share == nil {
			continue
		}
		for i := range w.buckets {
			b := &w.buckets[i]
			if at >= ch.Rounded || !b.covers(class, zone) {
				continue
			}
			place, size, days, of := len(ch.Draws), b.size, 0, 0
			if w.sized() && (w.bySIM() || !e.hasWhole(&w)) {
				p := e.pool(&w)
				size, days, of, ch.Growth = e.sizes.bucketSize(p, e.rev, p.day(u.At), i, uint32(place), ch.Growth)
			}
			count := tally{id: b.id, kind: AccountUnits, payer: w.owner}
			e.during(&count, w.period, u.At)
			at += e.draw(t, b, size, &count, at, ch, c, u, res)
			d := &ch.Draws[place]
			d.Period = w.period
			if w.growth != fixed || days != of {
				d.Whole, d.Days, d.Of = b.size, uint32(days), uint32(of)
			}
			if b.overage != nil && t.overage == nil {
				t.overage = b.overage
			}
		}
	}
	return at
}

// bucketSize returns the size of a pool's bucket for usage on a day, as known at a revision, the number of days of its
// period on which the account has it, and the number of days in the period. For a draw, it appends to parts the
// contributions of SIMs to that size.
func (e *pools) bucketSize(p *pool, rev registry.Revision, day, bucket int, draw uint32,
	parts []Growth) (size int64, days, of int, all []Growth) {
	s := p.share
	days, sums := e.at(p, rev, day, bucket)
	if of = len(p.ends); s.full {
		days = of
	}
	size = partOf(s.buckets[bucket].size, int64(days), int64(of))
	for g := 1; g < len(sums); g++ {
		if x := (Growth{Draw: draw, Units: s.groups[g-1].units, SIMs: sums[g]}); s.groups[g-1].bucket == bucket && x.SIMs > 0 {
			if s.growth == variable && !s.whole {
				x.Of = uint32(of)
			}
			parts = append(parts, x)
		}
	}
	return min(size+grown(parts, draw), literal.MaxQuantity), days, of, parts
}

// grown returns the units that the parts of a draw's size add, rounded down to whole units. All parts that
// have a denominator have the same one.
func grown(parts []Growth, place uint32) int64 {
	var hi, lo, whole uint64
	of := uint64(1)
	for i := range parts {
		x := &parts[i]
		if x.Draw != place {
			continue
		}
		h, l := bits.Mul64(uint64(x.Units), uint64(x.SIMs))
		if x.Of == 0 {
			whole = uint64(plusTimes(int64(whole), x.Units, x.SIMs))
			continue
		}
		of = uint64(x.Of)
		var carry uint64
		lo, carry = bits.Add64(lo, l, 0)
		hi += h + carry
	}
	if hi >= of {
		return literal.MaxQuantity
	}
	shared, _ := bits.Div64(hi, lo, of)
	if shared > literal.MaxQuantity || whole > literal.MaxQuantity {
		return literal.MaxQuantity
	}
	return min(int64(shared+whole), literal.MaxQuantity)
}

// plusTimes returns sum + units × n, limited to the largest quantity.
func plusTimes(sum, units, n int64) int64 {
	if n <= 0 {
		return sum
	}
	hi, lo := bits.Mul64(uint64(units), uint64(n))
	if hi > 0 || lo > literal.MaxQuantity {
		return literal.MaxQuantity
	}
	return min(sum+int64(lo), literal.MaxQuantity)
}

// hasWhole reports whether the account that has a share plan has it on all days of the owner's period, so that
// nothing is prorated. This is so in most periods. The check reads a few facts once for each revision.
func (e *Engine) hasWhole(w *pooled) bool {
	h := &e.path[w.place].shares[w.nth].had
	if h.rev == e.rev && h.first == w.first && h.owner == w.owner.number && h.period == w.period {
		return h.whole
	}
	*h = hadWhole{owner: w.owner.number, first: w.first, period: w.period, rev: e.rev, whole: true}
	since := w.owner.clock.midnight(w.first+1) - 1
	for _, p := range e.path[w.place:] {
		facts, ok := e.view.Account(p.number, since, e.rev)
		until, ends := e.view.AccountUntil(p.number, since, e.rev)
		if !ok || facts != p.facts || ends && until < w.end {
			h.whole = false
		}
		if p == w.owner {
			break
		}
	}
	return h.whole
}

// pool returns the pool of a share plan for its owner in the running period, with all known changes.
func (e *Engine) pool(w *pooled) *pool {
	if e.sizes == nil {
		e.sizes, e.pools = &pools{Engine: e}, map[poolKey][]*pool{}
	}
	key := poolKey{w.share, w.owner.number}
	list := e.pools[key]
	i := slices.IndexFunc(list, func(p *pool) bool { return p.first == w.first && p.clock == w.owner.clock })
	switch {
	case i > 0: // the pool used last moves to the front
		p := list[i]
		copy(list[1:i+1], list[:i])
		list[0] = p
	case i < 0:
		if w.period == perCycle {
			w.next = registry.LocalDate(w.owner.clock.zone, w.end)
		}
		p := newPool(w.share, w.owner.number, w.owner.clock, w.first, w.next)
		list = slices.Insert(list, 0, p)
		list = list[:min(len(list), keptPools)]
		e.pools[key] = list
	}
	e.sizes.upTo(list[0], e.view, e.rev)
	return list[0]
}

// ownerOf returns the account that owns the buckets of an account at a time.
func (s *share) ownerOf(v *registry.View, account *registry.Account, at udr.Instant, rev registry.Revision) (*registry.Account, bool) {
	path := []*registry.Account{account}
	for parent := account.Parent; parent != 0; {
		above, ok := v.Account(parent, at, rev)
		if !ok {
			return nil, false
		}
		path = append(path, above)
		parent = above.Parent
	}
	return path[s.level.owner(0, len(path), func(place int) *registry.Account { return path[place] })], true
}

// sizeWords describes how the size of a pool is computed, such as (10 × 50,000,000 B + 50,000,000 B × 15 / 30).
func (x *explanation) sizeWords(d *Draw) string {
	unit, parts := x.u.Unit, []string{}
	switch {
	case d.Days < d.Of && d.Whole > 0:
		parts = append(parts, fmt.Sprintf("%s for %d of %d days, on which an account has the share plan", Units(d.Whole, unit), d.Days, d.Of))
	case d.Whole > 0:
		parts = append(parts, Units(d.Whole, unit))
	}
	for i := range x.c.Growth {
		g := &x.c.Growth[i]
		if &x.c.Draws[g.Draw] != d {
			continue
		}
		whole, rest := g.SIMs, int64(0)
		if g.Of > 0 {
			whole, rest = g.SIMs/int64(g.Of), g.SIMs%int64(g.Of)
		}
		if whole > 0 {
			parts = append(parts, Grouped(whole)+" × "+Units(g.Units, unit))
		}
		if rest > 0 {
			parts = append(parts, fmt.Sprintf("%s × %d / %d", Units(g.Units, unit), rest, g.Of))
		}
	}
	if len(parts) == 0 {
		return " (no SIM contributes)"
	}
	return " (" + strings.Join(parts, " + ") + ")"
}

// PoolsOf returns the names of the share plans whose buckets belong to an account at a time, because this account or
// one below it has the plan. It uses the newest version of each plan.
func (c *Catalogue) PoolsOf(v *registry.View, account uint32, at udr.Instant, rev registry.Revision) (names []string) {
	add := func(a *registry.Account) {
		for _, name := range a.SharePlans {
			i, ok := c.shares.find(name)
			if !ok || len(c.shares.list[i].versions) == 0 || slices.Contains(names, name) {
				continue
			}
			s := c.shares.list[i].versions[len(c.shares.list[i].versions)-1]
			if owner, ok := s.ownerOf(v, a, at, rev); ok && owner.Number == account {
				names = append(names, name)
			}
		}
	}
	a, ok := v.Account(account, at, rev)
	if !ok {
		return nil
	}
	add(a)
	if c.above {
		below := map[uint32]bool{account: true}
		v.Below(below)
		for _, number := range slices.Sorted(maps.Keys(below)) {
			if b, ok := v.Account(number, at, rev); ok && number != account {
				add(b)
			}
		}
	}
	return names
}
