package product

import (
	"slices"

	"ratemill/registry"
	"ratemill/udr"
)

// window is a range of dates of a payer, as known at a revision: the dates of one cycle, or of several.
type window struct {
	*run
	*cycle   // cycle to which the items of the window belong
	rev      registry.Revision
	from, to Date
	of       int  // number of dates that the whole price covers
	ahead    bool // due before the cycle begins
	recurs   bool // the window has recurring charges
	events   bool // the window has one-time charges
	every    int  // cycles
	starts   int  // month of the window's first cycle
	docs     *Documents
	ends     []udr.Instant // the last instant of each date, preceded by that of the date before
	splits   []Date
	offered  map[offerKey][]rate
	tiered   map[tierKey][]tier
	broken   map[uint32][]Date
	pooled   map[uint32]map[string][][2]int32 // by account: the days on which participation activates share plans
}

// end returns the last instant of a date. The facts at that instant count for the whole day.
func (w *window) end(d Date) udr.Instant {
	if i := int(d - w.from); i >= 0 && i+1 < len(w.ends) {
		return w.ends[i+1]
	}
	return registry.Midnight(w.zone, int32(d)+1) - 1
}

// date returns the date of an instant.
func (w *window) date(at udr.Instant) Date {
	i, _ := slices.BinarySearch(w.ends, at)
	if i > 0 && i < len(w.ends) {
		return w.from + Date(i-1)
	}
	return Date(registry.LocalDate(w.zone, at))
}

// tier is an account that pays for a SIM, with the plan by which it pays.
type tier struct {
	number  int // 0 for the SIM's own account
	account uint32
	id      string
	plan    string
	mine    bool // the payer of the run pays
	payer   uint32
}

type tierKey struct {
	account, plan uint32
	date          Date
}

// tiers returns the payers for a SIM of an account with a plan, at the end of a date.
func (w *window) tiers(account, plan uint32, on Date) []tier {
	key := tierKey{account, plan, on}
	if tiers, ok := w.tiered[key]; ok {
		return tiers
	}
	tiers := w.tiersAt(account, plan, w.end(on), w.rev)
	w.tiered[key] = tiers
	return tiers
}

// tiersAt returns the payers for a SIM at a time. The SIM's account pays by the SIM's plan, or by the account's own
// plan if the SIM has none. Accounts above it pay if they have a plan.
func (r *run) tiersAt(account, plan uint32, at udr.Instant, rev registry.Revision) (tiers []tier) {
	path := r.view.Path(account, at, rev, nil)
	for i, number := range path {
		a, ok := r.view.Account(number, at, rev)
		if !ok {
			break
		}
		t := tier{number: i, account: number, id: a.ID, plan: a.Plan}
		if i == 0 && plan != 0 {
			t.plan = r.view.PlanName(plan)
		}
		t.payer = payerOn(r.view, path[i:], at, rev)
		t.mine = t.payer == r.payer
		if t.plan != "" || i == 0 {
			tiers = append(tiers, t)
		}
	}
	return tiers
}

// breaks are the dates on which something about an account or the accounts above it changes, sorted.
func (w *window) breaks(account uint32) []Date {
	if dates, ok := w.broken[account]; ok {
		return dates
	}
	var dates []Date
	seen := map[uint32]bool{}
	for todo := []uint32{account}; len(todo) > 0; todo = todo[1:] {
		number := todo[0]
		if number == 0 || seen[number] {
			continue
		}
		seen[number] = true
		for at, more := registry.Always, true; more; at, more = w.view.AccountUntil(number, at, w.rev) {
			if a, ok := w.view.Account(number, at, w.rev); ok {
				todo = append(todo, a.Parent)
				dates = append(dates, w.date(at))
			}
		}
		if id, ok := w.view.AccountID(number); ok {
			for _, at := range w.times(registry.KindProfile, id, w.rev) {
				dates = append(dates, w.date(at))
			}
		}
	}
	slices.Sort(dates)
	dates = slices.Compact(dates)
	w.broken[account] = dates
	return dates
}

// simFacts are the valid facts about a SIM as known at a revision.
type simFacts struct {
	sim    uint32
	owners []registry.KnownOwner
	states []registry.KnownState
	addons bool
}

// owner returns the last fact about the owner up to a time, nil if the SIM has no owner.
func (s *simFacts) owner(at udr.Instant) *registry.KnownOwner {
	for i := len(s.owners) - 1; i >= 0; i-- {
		if f := &s.owners[i]; f.From <= at {
			if f.State == registry.Ended {
				return nil
			}
			return f
		}
	}
	return nil
}

func (s *simFacts) state(at udr.Instant) (name string, core registry.Core) {
	for i := len(s.states) - 1; i >= 0; i-- {
		if f := &s.states[i]; f.From <= at {
			return f.Name, f.Core // there is no state after the last one ended
		}
	}
	return "", registry.NoCore
}

// stretch is a run of dates of a SIM on which nothing changes.
type stretch struct {
	lo, hi Date
	owner  *registry.KnownOwner // owner at the end of the dates
	left   *registry.KnownOwner // for a single date: the last owner, if the SIM has none at the end of the date
	state  string
	core   registry.Core
	others []held // for a single date: the states on that date before the one at its end
}

type held struct {
	state string
	core  registry.Core
}

// stretches appends the stretches of a SIM between two dates.
func (w *window) stretches(s *simFacts, from, to Date, dst []stretch) []stretch {
	dates := append(w.dates[:0], from)
	changed := w.changed[:0] // dates on which the SIM itself changes
	add := func(d Date) {
		if d > from && d < to {
			dates = append(dates, d)
		}
	}
	own := func(at udr.Instant) {
		d := w.date(at)
		if d < from || d >= to {
			return
		}
		add(d)
		add(d + 1)
		changed = append(changed, d)
	}
	for i := range s.states {
		own(s.states[i].From)
	}
	begin, end := w.end(from), w.end(to-1)
	for i := range s.owners {
		own(s.owners[i].From)
		if f := &s.owners[i]; f.Account != 0 && f.From <= end && (i+1 == len(s.owners) || s.owners[i+1].From > begin) {
			for _, d := range w.breaks(f.Account) {
				add(d)
			}
		}
	}
	if s.addons {
		for _, at := range w.times(registry.KindAddon, registry.SubjectOf(s.sim), w.rev) {
			add(w.date(at))
		}
	}
	if len(dates) > 1 {
		slices.Sort(dates)
		dates = slices.Compact(dates)
	}
	for i, lo := range dates {
		x := stretch{lo: lo, hi: to}
		if i+1 < len(dates) {
			x.hi = dates[i+1]
		}
		at := w.end(lo)
		x.owner = s.owner(at)
		x.state, x.core = s.state(at)
		if slices.Contains(changed, lo) {
			w.within(s, &x)
		}
		dst = append(dst, x)
	}
	w.dates, w.changed = dates, changed
	return dst
}

// within finds the states of a SIM before the end of a date on which it changes, and its last owner.
func (w *window) within(s *simFacts, x *stretch) {
	begin, end := w.end(x.lo-1)+1, w.end(x.lo)
	last := x.owner
	if last == nil {
		for i := len(s.owners) - 1; i > 0; i-- {
			if f := &s.owners[i]; f.From <= end && f.From > begin && f.State == registry.Ended {
				last, end = s.owner(f.From-1), f.From-1
				break
			}
		}
		if x.left = last; last == nil {
			return
		}
	}
	begin = max(begin, last.From)
	at := func(t udr.Instant) {
		state, core := s.state(t)
		x.others = append(x.others, held{state, core})
	}
	at(begin)
	for i := range s.states {
		if f := s.states[i].From; f > begin && f <= end {
			at(f)
		}
	}
}

// began returns the first date in the whole life of a SIM on which the payer owes something for it; false if there is
// none.
func (w *window) began(s *simFacts, owes func(*stretch, *tier) bool) (Date, bool) {
	if len(s.owners) == 0 {
		return 0, false
	}
	from := w.date(max(s.owners[0].From, registry.Always))
	for _, x := range w.stretches(s, from, max(from, w.to)+1, nil) {
		if x.owner == nil {
			continue
		}
		tiers := w.tiers(x.owner.Account, x.owner.Plan, x.lo)
		for i := range tiers {
			if tiers[i].mine && owes(&x, &tiers[i]) {
				return x.lo, true
			}
		}
	}
	return 0, false
}
