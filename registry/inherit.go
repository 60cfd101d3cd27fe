package registry

import (
	"fmt"
	"time"

	"ratemill/udr"
)

// An account that states no currency, zone or cycle day has those of its parent at each time. The registry does not
// copy these values, so a later row about the parent changes the account too.

// inherits reports whether a fact takes its zone or cycle day from the parent.
func (f *AccountFact) inherits() bool { return f.Parent != 0 && (f.Zone == "" || f.CycleDay == 0) }

// asking contains the zone and cycle day requested for an account from a time on.
type asking struct {
	from udr.Instant
	zone *time.Location
	day  int
}

// mostInherited is the largest number of parents that asked follows for one account. A larger number would mean
// a cycle of accounts.
const mostInherited = 10_000

// asked lists the zones and cycle days requested for an account before a time, as known at a revision. An inherited
// value begins when it takes effect for the parent, because the account has the parent's cycles.
func (a *accounts) asked(number uint32, before udr.Instant, rev Revision, steps *int) (all []asking, err error) {
	facts := a.said(number, rev)
	if *steps++; *steps > mostInherited && len(facts) > 0 {
		return nil, fmt.Errorf("registry: account %s is more than %d levels below its billing root, or above itself: change a parent "+
			"on the way up", facts[0].ID, maxLevels)
	}
	end := func(i int) udr.Instant {
		if i+1 < len(facts) {
			return min(before, facts[i+1].From)
		}
		return before
	}
	var above []cycles
	aboveOf, aboveUntil := uint32(0), udr.Instant(-1)
	for i, f := range facts {
		if f.From >= before {
			break
		}
		zone, err := a.stated(f.Zone)
		if err != nil {
			return nil, err
		}
		switch {
		case !f.inherits():
			all = append(all, asking{f.From, zone, f.CycleDay})
			continue
		case int(f.Parent) >= len(a.facts):
			continue // the parent does not exist yet, and neither does the account
		}
		if aboveOf != f.Parent || aboveUntil < end(i) {
			last := i
			for last+1 < len(facts) && facts[last+1].Parent == f.Parent {
				last++
			}
			aboveOf, aboveUntil = f.Parent, end(last)
			asked, err := a.asked(f.Parent, aboveUntil, rev, steps)
			if err != nil {
				return nil, err
			}
			above = inForce(asked)
		}
		for j, c := range above {
			if c.from >= end(i) || j+1 < len(above) && above[j+1].from <= f.From {
				continue
			}
			next := asking{max(c.from, f.From), c.Zone, c.Day}
			if zone != nil {
				next.zone = zone
			}
			if f.CycleDay != 0 {
				next.day = f.CycleDay
			}
			all = append(all, next)
		}
	}
	return all, nil
}

// stated returns the zone of a fact, nil if it states none.
func (a *accounts) stated(name string) (*time.Location, error) {
	if name == "" {
		return nil, nil
	}
	return a.zone(name)
}

// inForce lists the rules of an account's cycles, each from the time at which it takes effect: a change takes effect
// at the end of the current cycle.
func inForce(asked []asking) (all []cycles) {
	var next cycles
	pending := false
	for i, q := range asked {
		if pending && next.from <= q.from {
			all, pending = append(all, next), false
		}
		switch {
		case i == 0:
			all = append(all, cycles{Cycles{Zone: q.zone, Day: q.day}, q.from})
		case all[len(all)-1].Zone == q.zone && all[len(all)-1].Day == q.day:
			pending = false
		default:
			next, pending = all[len(all)-1].after(q.from, q.zone, q.day), true
		}
	}
	if pending {
		all = append(all, next)
	}
	return all
}

// cyclesOf lists the rules of an account's cycles in the order of their times, as known at a revision.
func (a *accounts) cyclesOf(number uint32, rev Revision) ([]cycles, error) {
	if int(number) >= len(a.facts) {
		return nil, nil
	}
	steps := 0
	asked, err := a.asked(number, newest, rev, &steps)
	return inForce(asked), err
}

// cycles returns the rules of an account's cycles at a time, as known at a revision, and the rules that follow the
// current cycle if a change was requested by then.
func (a *accounts) cycles(number uint32, at udr.Instant, rev Revision) (now cycles, next cycles, changes bool, err error) {
	steps := 0
	asked, err := a.asked(number, at+1, rev, &steps)
	rules := inForce(asked)
	n := len(rules)
	switch {
	case err != nil || n == 0:
		return now, next, false, err
	case rules[n-1].from > at:
		return rules[n-2], rules[n-1], true, nil
	}
	return rules[n-1], next, false, nil
}

// rulesAt returns the rules at a time, or none before the first.
func rulesAt(rules []cycles, at udr.Instant) (c cycles) {
	for _, r := range rules {
		if r.from > at {
			break
		}
		c = r
	}
	return c
}
