package life

import (
	"time"

	"ratemill/registry"
	"ratemill/udr"
)

// Rules contains the reference in a state's fact, and the rules to which it refers.
type Rules struct {
	Ref       Ref
	Lifecycle *Lifecycle     // nil if the catalogue lacks it: then the state does not end automatically, and usage is charged
	Zone      *time.Location // of the payer
}

// Stay is the time that a SIM spends in a state.
type Stay struct {
	From   udr.Instant
	State  string // "" for a SIM without an owner
	Rules  Rules
	Before string // the previous state; New if there is none, or if another payer gets the SIM
	Cause  string
	By     Maker
	Limit  Limit // time limit that ended the previous stay, if By is ByLimit
	Since  int32 // local date from which time limits count

	Brought bool // the SIM was already in this state in another system, so the transition is not charged
	Free    bool // the transition costs nothing: it is an account's suspension, or the return from one

	decided bool // usage led to the next state at the same instant as a decision by a user or about the account
}

// Maker is the user, program or event that caused a transition.
type Maker uint8

// The makers of transitions.
const (
	BySomebody   Maker = iota // a user or program
	ByAssignment              // the SIM was assigned to another payer
	ByUse                     // usage: first use, an exhausted quota, an exceeded limit
	ByLimit                   // a time limit
	ByAccount                 // the status of the account
)

var makerNames = [...]string{"request", "assignment", "usage", "time", "account"}

func (m Maker) String() string { return makerNames[m] }

// Automatic reports whether the transition follows from other events without a request, so that it is decided
// anew when an earlier fact changes.
func (m Maker) Automatic() bool { return m == ByUse || m == ByLimit || m == ByAccount }

// origin returns the origin of the facts of a maker.
func (m Maker) origin() registry.Origin {
	switch m {
	case ByUse:
		return registry.ByUsage
	case ByLimit:
		return registry.ByTime
	case ByAccount:
		return registry.ByAccount
	}
	return registry.Stated
}

// follows reports whether usage or time caused a transition.
func (m Maker) follows() bool { return m == ByUse || m == ByLimit }

// Limit is a kind of time limit.
type Limit uint8

// The time limits.
const (
	NoTimeLimit Limit = iota
	TestTime
	Window
	After
	SuspendMax
)

var limits = [...]string{"", "test_time", "window", "after", "suspend_max"}

func (l Limit) String() string { return limits[l] }

// Timer is a time limit of a stay.
type Timer struct {
	Limit Limit
	Due   udr.Instant // a limit of n days from a local date is due at the beginning of date + n
	To    string
}

// Cause returns the unique cause of the transition that a time limit triggers for a SIM.
func (t *Timer) Cause(subject string) string {
	return "timer:" + t.Limit.String() + ":" + subject + ":" + t.Due.String()
}

// Timer returns the time limit that ends the stay if nothing else ends it before. used is the first usage in the
// stay, 0 if there was none; usage stops the time limit of first use.
func (s *Stay) Timer(used udr.Instant) (t Timer, ok bool) {
	t, ok = s.limit(used)
	return t, ok && s.Rules.Lifecycle.Model.Transition(s.State, t.To) != nil
}

func (s *Stay) limit(used udr.Instant) (t Timer, ok bool) {
	c := s.Rules.Lifecycle
	if c == nil {
		return Timer{}, false
	}
	state, ok := c.Model.State(s.State)
	if !ok {
		return Timer{}, false
	}
	switch {
	case state.Usage == Quota && c.Test != nil && c.Test.Days > 0:
		return s.timer(TestTime, c.Test.Days, c.Test.Next), true
	case state.Usage == FirstUse && s.Rules.Ref.Way != AfterBilling:
		if c.FirstUse.Window > 0 {
			t = s.timer(Window, c.FirstUse.Window, c.FirstUse.To)
			if used == 0 || used >= t.Due {
				return t, true
			}
		}
		if c.FirstUse.After > 0 {
			return s.timer(After, c.FirstUse.After, c.FirstUse.To), true
		}
	case state.Core == Suspended && c.Suspend != nil && s.Rules.Ref.Way != WithAccount:
		return s.timer(SuspendMax, c.Suspend.Days, c.Suspend.Then), true
	}
	return Timer{}, false
}

func (s *Stay) timer(limit Limit, days int32, to string) Timer {
	due := registry.Midnight(s.Rules.Zone, s.Since+days)
	return Timer{Limit: limit, Due: max(due, s.From), To: to}
}

// Core returns the core of the state, NoCore if the state is unknown.
func (s *Stay) Core() Core {
	if state := s.state(); state != nil {
		return state.Core
	}
	return NoCore
}

func (s *Stay) state() *State {
	if s.Rules.Lifecycle == nil {
		return nil
	}
	state, _ := s.Rules.Lifecycle.Model.State(s.State)
	return state
}

// inUse reports whether a SIM can be used in its state: it is not in stock, suspended or cancelled.
func (s *State) inUse() bool { return s.Core == Active || s.Core == Prospect && s.Usage != Charged }

// idle reports whether a SIM in this state is in stock.
func (s *State) idle() bool { return s.Core == Prospect && s.Usage == Charged }

// Waits reports whether a state that waits for usage ends when its threshold is used up rather than with the first
// usage.
func (s *Stay) Waits() bool {
	return s.Rules.Ref.Way != AfterBilling && len(s.Rules.Lifecycle.FirstUse.Threshold) > 0
}

// softly reports whether a chosen state is a soft suspend: the SIM goes from a billed state to one that waits
// for usage.
func (s *Stay) softly() bool {
	state := s.state()
	if state == nil || state.Usage != FirstUse {
		return false
	}
	before, _ := s.Rules.Lifecycle.Model.State(s.Before)
	return before != nil && before.Core == Active
}

// Usage returns how ratemill treats usage in the state.
func (s *Stay) Usage() Usage {
	if s.Rules.Lifecycle == nil {
		return Charged
	}
	return s.Rules.Lifecycle.Usage(s.State)
}

// Bucket returns the life bucket of a class in the state: its units, and whether they are free. The state ends when
// the units are used up. ok is false if the class has no such bucket; free then reports whether its usage is free
// until something else ends the state. A bucket of 0 units ends with any usage.
func (s *Stay) Bucket(class string) (units int64, free, ok bool) {
	state := s.state()
	if state == nil {
		return 0, false, false
	}
	c := s.Rules.Lifecycle
	var list []Units
	switch {
	case state.Usage == Quota && c.Test != nil:
		list, free = c.Test.Quota, true
	case state.Usage == FirstUse && !s.Waits():
		return 0, false, true
	case state.Usage == FirstUse:
		list, free = c.FirstUse.Threshold, !c.FirstUse.BillBefore
	}
	for _, u := range list {
		if u.Class == class {
			return u.N, free, true
		}
	}
	// No class is billed before first use. A test is free only for the classes in its quota.
	return 0, free && state.Usage == FirstUse, false
}

// Plain reports whether the plan prices all usage in the state and only an event can end it. Neither time nor usage
// below a threshold matters then. Most SIMs are in such a state. The result is the same for all SIMs with the same
// fact value.
func (s *Stay) Plain() bool {
	_, timed := s.Timer(0)
	return !timed && s.Usage() == Charged
}
