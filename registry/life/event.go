package life

import (
	"cmp"
	"slices"
	"strings"

	"ratemill/udr"
)

// EventKind is the kind of an event in the life of a SIM.
type EventKind uint8

// The kinds of events, in the order in which events at the same instant are applied. Time limits that are due
// at an instant come after all other events at it but before usage, which then sees the next state.
const (
	Left              EventKind = iota // no account owns the SIM any longer
	Assigned                           // an account with another payer got the SIM
	AccountTerminated                  // its account was terminated
	AccountSuspended                   // its account was suspended
	AccountResumed                     // its account's suspension ended
	Set                                // a user or program chose its state
	Used                               // usage of the SIM began while it waited for its first use
	Emptied                            // a record began that the life bucket did not cover completely
	LimitPassed                        // a record began that exceeded a limit with the action suspend
)

var eventKinds = [...]string{"left", "assigned", "account_terminated", "account_suspended", "account_resumed", "set", "used", "emptied",
	"limit_passed"}

func (k EventKind) String() string { return eventKinds[k] }

// ParseEventKind parses the output of String.
func ParseEventKind(text string) (EventKind, bool) {
	i := slices.Index(eventKinds[:], text)
	return EventKind(max(i, 0)), i >= 0
}

// Event is something that happened to a SIM, at the time when it took effect. Time limits are not events,
// because they follow from the states.
type Event struct {
	At    udr.Instant
	Kind  EventKind
	State string // the state; for Assigned, "" means the default state
	Keep  bool   // for Assigned: the SIM keeps its state, or takes the default if the rules do not have that state; State is then empty
	Rules Rules  // for Set and Assigned: the rules from then on, according to the settings

	Cause   string // unique: a second event with the same cause is ignored
	Brought bool   // for Assigned and Set: the SIM was already in use in another system
}

// before returns the last instant at which a time limit takes effect before the event.
func (e *Event) before() udr.Instant {
	if e.Kind >= Used {
		return e.At
	}
	return e.At - 1
}

// inOrder sorts events by time, and drops events with a repeated cause.
func inOrder(events []Event) []Event {
	sorted := slices.Clone(events)
	slices.SortStableFunc(sorted, func(a, b Event) int {
		return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.Kind, b.Kind), strings.Compare(a.Cause, b.Cause))
	})
	known := make(map[string]bool, len(sorted))
	return slices.DeleteFunc(sorted, func(e Event) bool {
		twice := e.Cause != "" && known[e.Cause]
		known[e.Cause] = true
		return twice
	})
}
