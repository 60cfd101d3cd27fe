package life

import (
	"slices"

	"ratemill/registry"
	"ratemill/udr"
)

// States replays the events of a SIM and returns its states in order. It includes events dated in the future, but
// only time limits that are due by until. The result does not depend on the order of the events or on the time at
// which they became known.
func States(events []Event, until udr.Instant) []Stay {
	r := replay{keep: true}
	for _, e := range inOrder(events) {
		r.to(e.before())
		r.happens(&e)
	}
	r.to(until)
	if r.begun {
		r.push()
	}
	return slices.DeleteFunc(r.stays, func(s Stay) bool { return s.By == ByLimit && s.From > until })
}

// At returns the stay at a time, nil if there is none yet.
func At(stays []Stay, at udr.Instant) *Stay {
	for i := len(stays) - 1; i >= 0; i-- {
		if stays[i].From <= at {
			return &stays[i]
		}
	}
	return nil
}

// Advance returns the state of a SIM at a time, given an earlier state and the events since then, in order. Rating
// uses it for the effective state of a record: the facts are advanced only by time limits that are due and by
// rating's own events.
func Advance(s Stay, events []Event, at udr.Instant) Stay {
	r := replay{stay: s, begun: true}
	return r.advance(events, at)
}

func (r *replay) advance(events []Event, at udr.Instant) Stay {
	from := r.stay.From
	for i := range events {
		if e := &events[i]; e.At >= from && e.At <= at {
			r.to(e.before())
			r.happens(e)
		}
	}
	r.to(at)
	return r.stay
}

// replay is the state of a SIM while its events are replayed.
type replay struct {
	stay  Stay
	begun bool
	used  udr.Instant // first usage in the stay, 0 if there was none
	off   bool        // the account is suspended
	// interrupted is the stay that the account's suspension interrupted, with its first usage.
	interrupted *Stay
	usedBefore  udr.Instant

	keep  bool
	stays []Stay
}

// push stores the stay that ends.
func (r *replay) push() { r.stays = append(r.stays, r.stay) }

// enter begins a stay. Two transitions at one instant become one, from the state before both to the state after
// both.
func (r *replay) enter(s Stay) {
	switch {
	case r.begun && r.stay.From == s.From:
		s.Before, s.Brought = r.stay.Before, s.Brought || r.stay.Brought
		s.decided = s.By.follows() && (r.stay.decided || !r.stay.By.follows())
	case r.begun && r.keep:
		r.push()
	}
	if s.Since == 0 && s.Rules.Zone != nil {
		s.Since = registry.LocalDate(s.Rules.Zone, s.From)
	}
	r.stay, r.begun, r.used, r.interrupted = s, true, 0, nil
}

// to applies the time limits that are due by a time.
func (r *replay) to(at udr.Instant) {
	for r.begun {
		t, ok := r.stay.Timer(r.used)
		if !ok || t.Due > at {
			return
		}
		s := r.next(t.Due, t.To, ByLimit)
		s.Limit = t.Limit
		r.enter(s)
	}
}

// next returns a stay that follows under the same rules.
func (r *replay) next(from udr.Instant, state string, by Maker) Stay {
	s := Stay{From: from, State: state, Rules: r.stay.Rules, Before: r.stay.State, By: by}
	s.Rules.Ref = s.Rules.Ref.Plain()
	return s
}

func (r *replay) happens(e *Event) {
	switch e.Kind {
	case Left:
		r.off = false
		if r.begun && r.stay.State != "" {
			r.enter(Stay{From: e.At, Before: r.stay.State, Cause: e.Cause, By: ByAssignment})
		}
	case Assigned:
		r.off = false
		r.assigned(e)
	case Set:
		s := Stay{From: e.At, State: e.State, Rules: e.Rules, Before: New, Cause: e.Cause, By: BySomebody, Brought: e.Brought}
		if r.begun && r.stay.State != "" {
			s.Before = r.stay.State
		}
		if s.softly() {
			s.Rules.Ref.Way = AfterBilling
		}
		r.enter(s)
		if before := r.stay; r.off && r.own() {
			r.stay.Rules.Ref.Way, r.interrupted, r.usedBefore = WithAccount, &before, 0
		}
	case AccountTerminated:
		if to, ok := r.first(Cancelled); ok && r.stay.Core() != Cancelled {
			s := r.next(e.At, to, ByAccount)
			s.Cause = e.Cause
			r.enter(s)
		}
	case AccountSuspended:
		r.suspended(e)
	case AccountResumed:
		r.resumed(e)
	case Used, Emptied, LimitPassed:
		r.usage(e)
	}
}

// first returns the first state with a core in the model of the stay.
func (r *replay) first(core Core) (string, bool) {
	if !r.begun || r.stay.Rules.Lifecycle == nil || r.stay.state() == nil {
		return "", false
	}
	return r.stay.Rules.Lifecycle.Model.first(core)
}

// assigned starts the SIM's time with another payer.
func (r *replay) assigned(e *Event) {
	s := Stay{From: e.At, State: e.State, Rules: e.Rules, Before: New, Cause: e.Cause, By: ByAssignment, Brought: e.Brought}
	if e.Keep {
		s.State, s.Rules.Ref.Way = "", Kept // even if there is no state to keep, because an earlier state may become known later
	}
	if c := e.Rules.Lifecycle; c != nil {
		kept := r.stay.State
		if r.interrupted != nil {
			kept = r.interrupted.State
		}
		if _, known := c.Model.State(kept); known && e.Keep && r.begun {
			s.State, s.Before = kept, kept
		}
		if s.State == "" {
			s.State = c.Default
		}
	}
	r.enter(s)
}

// suspended suspends a SIM that is in use together with its account. If the SIM is already suspended until a time
// limit, that suspension becomes one with the account, so that the SIM does not return to use before its account does.
func (r *replay) suspended(e *Event) {
	r.off = true
	state := r.stay.state()
	to, ok := r.first(Suspended)
	if !ok || !state.inUse() && !r.own() {
		return
	}
	if !state.inUse() {
		to = r.stay.State
	}
	before, used := r.stay, r.used
	s := r.next(e.At, to, ByAccount)
	s.Cause, s.Free = e.Cause, true
	s.Rules.Ref.Way = WithAccount
	r.enter(s)
	r.interrupted, r.usedBefore = &before, used
}

// own reports whether the SIM is suspended until a time limit, independently of its account.
func (r *replay) own() bool {
	t, ok := r.stay.Timer(r.used)
	return ok && t.Limit == SuspendMax
}

// resumed returns a SIM to its state before the suspension. The time limits of that state kept running: if one became
// due meanwhile, the SIM now takes the next state.
func (r *replay) resumed(e *Event) {
	r.off = false
	if r.interrupted == nil {
		return
	}
	before, used := *r.interrupted, r.usedBefore
	s := before
	s.From, s.Cause, s.By, s.Limit, s.Brought = e.At, e.Cause, ByAccount, NoTimeLimit, false
	if t, ok := before.Timer(used); ok && t.Due <= e.At {
		s.State, s.Before, s.Free, s.Since = t.To, before.State, false, 0
		s.Rules.Ref = s.Rules.Ref.Plain()
	} else {
		s.Before, s.Free = r.stay.State, true
		if s.Rules.Ref.Way == Kept {
			s.Rules.Ref.Way = Plainly
		}
	}
	again := s.Free
	r.enter(s)
	if again {
		r.used = used
	}
}

// usage applies the effect of a record to the SIM's state.
func (r *replay) usage(e *Event) {
	state := r.stay.state()
	if state == nil {
		return
	}
	c := r.stay.Rules.Lifecycle
	var to string
	switch {
	case e.Kind == LimitPassed:
		suspended, ok := r.first(Suspended)
		if !ok || !state.inUse() {
			return
		}
		to = suspended
	case state.Usage == Quota && e.Kind == Emptied && c.Test != nil:
		to = c.Test.Next
	case state.Usage == FirstUse && (e.Kind == Emptied || !r.stay.Waits()):
		to = c.FirstUse.To
	}
	if r.used == 0 {
		r.used = e.At
	}
	if t := c.Model.Transition(r.stay.State, to); to == "" || t == nil || t.By&ByUsage == 0 {
		return
	}
	s := r.next(e.At, to, ByUse)
	s.Cause = e.Cause
	r.enter(s)
}
