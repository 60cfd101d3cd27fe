package life_test

import (
	"cmp"
	"slices"
	"time"

	"ratemill/registry/life"
	"ratemill/udr"
)

// naiveRules are the rules of a lifecycle over the model connected.
type naiveRules struct {
	testDays, after, window, suspendDays int // 0 for none
	testNext, suspendThen                string
	threshold                            bool
}

// naive is the state of a SIM at a time, worked out day by day. It knows nothing of stays, timers and facts.
func naive(events []life.Event, rules map[*life.Lifecycle]naiveRules, zone *time.Location, at time.Time) string {
	state, r, begin, soft, withAccount, off := "", naiveRules{}, time.Time{}, false, false, false
	var used bool // since begin
	saved := func() {}
	var hasSaved bool
	date := func(t time.Time) time.Time { return dateIn(t, zone) }
	enter := func(s string, t time.Time) {
		state, begin, soft, withAccount, used, hasSaved = s, date(t), false, false, false, false
	}
	over := func(today time.Time) string {
		return r.over(state, int(today.Sub(begin)/(24*time.Hour)), soft, withAccount, used)
	}
	happens := func(e life.Event) {
		t, before := e.At.Time(), state
		inUse := state == "in_testing" || state == "billing_ready" || state == "in_billing"
		own := func() bool { return state == "suspended" && !withAccount && r.suspendDays > 0 }
		suspend := func() {
			s, b, o, u := state, begin, soft, used
			enter("suspended", t)
			withAccount, hasSaved = true, true
			saved = func() { state, begin, soft, used, withAccount, hasSaved = s, b, o, u, false, false }
		}
		switch e.Kind {
		case life.Left:
			off = false
			enter("", t)
		case life.Assigned:
			off = false
			if hasSaved && e.Keep {
				saved()
				before = state
			}
			r = rules[e.Rules.Lifecycle]
			enter(cmp.Or(e.State, "inventory"), t)
			if e.Keep {
				state = cmp.Or(before, "inventory")
			}
		case life.Set:
			r = rules[e.Rules.Lifecycle]
			enter(e.State, t)
			soft = before == "in_billing" && state == "billing_ready"
			if off && own() {
				suspend()
			}
		case life.AccountTerminated:
			if state != "" && state != "retired" {
				enter("retired", t)
			}
		case life.AccountSuspended:
			off = true
			if inUse || own() {
				suspend()
			}
		case life.AccountResumed:
			off = false
			if hasSaved {
				saved()
				if next := over(date(t)); next != "" {
					enter(next, t)
				}
			}
		case life.Used, life.Emptied:
			switch {
			case state == "in_testing" && e.Kind == life.Emptied:
				enter(r.testNext, t)
			case state == "billing_ready" && (e.Kind == life.Emptied || soft || !r.threshold):
				enter("in_billing", t)
			default:
				used = true
			}
		case life.LimitPassed:
			if inUse {
				enter("suspended", t)
			}
		}
	}
	sorted := slices.Clone(events)
	slices.SortFunc(sorted, func(a, b life.Event) int { return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.Kind, b.Kind)) })
	for day := date(sorted[0].At.Time()); ; day = day.AddDate(0, 0, 1) {
		midnight := time.Date(day.Year(), day.Month(), day.Day(), 0, 0, 0, 0, zone)
		if midnight.After(at) {
			return state
		}
		for len(sorted) > 0 && sorted[0].At.Time().Equal(midnight) && sorted[0].Kind < life.Used {
			happens(sorted[0])
			sorted = sorted[1:]
		}
		if next := over(day); next != "" {
			enter(next, midnight)
		}
		for len(sorted) > 0 && date(sorted[0].At.Time()).Equal(day) {
			if sorted[0].At <= udr.InstantOf(at) {
				happens(sorted[0])
			}
			sorted = sorted[1:]
		}
	}
}

// over is the state that follows by time after days in a state, "" for none.
func (r naiveRules) over(state string, days int, soft, withAccount, used bool) string {
	switch {
	case state == "in_testing" && r.testDays > 0 && days >= r.testDays:
		return r.testNext
	case state == "billing_ready" && !soft && (r.after > 0 && days >= r.after || r.window > 0 && days >= r.window && !used):
		return "in_billing"
	case state == "suspended" && !withAccount && r.suspendDays > 0 && days >= r.suspendDays:
		return r.suspendThen
	}
	return ""
}

func dateIn(t time.Time, zone *time.Location) time.Time {
	y, m, d := t.In(zone).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
}
