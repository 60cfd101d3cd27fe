package invoicing

import (
	"fmt"
	"slices"
	"strings"
)

// State is the state of a document.
type State string

// The states of documents.
const (
	Draft     State = "draft"     // computed; the next computation replaces it
	Held      State = "held"      // computed, with a problem that an operator must review first
	Reviewed  State = "reviewed"  // its inputs are pinned: it becomes final without changes
	Final     State = "final"     // it has a number, and never changes
	Discarded State = "discarded" // it never became final
)

// Step is an action on a document by an operator or the bill run.
type Step string

// The steps.
const (
	Compute  Step = "compute"
	Release  Step = "release" // release of a held document, with a reason
	Review   Step = "review"
	Reopen   Step = "reopen"
	Finalise Step = "finalise"
	Discard  Step = "discard"
)

// steps lists, for each step, the states in which it is allowed, and the state after it. Compute may
// also end in Held.
var steps = map[Step]struct {
	from []State
	to   State
}{
	Compute:  {[]State{Draft, Held}, Draft},
	Release:  {[]State{Held}, Draft},
	Review:   {[]State{Draft}, Reviewed},
	Reopen:   {[]State{Reviewed}, Draft},
	Finalise: {[]State{Reviewed}, Final},
	Discard:  {[]State{Draft, Held, Reviewed}, Discarded},
}

// instead lists the allowed steps of a document in a state.
var instead = map[State]string{
	Draft:     "review it, compute it again, or discard it",
	Held:      "correct what holds it and compute it again, release it with a reason, or discard it",
	Reviewed:  "finalise it, or reopen it to compute it again",
	Final:     "it never changes; a credit note can take back its lines",
	Discarded: "compute a new one",
}

// RefusedError reports that the state of a document does not allow a step.
type RefusedError struct {
	Document string // number or id of the document
	Step     Step
	State    State
	Why      string // additional text, "" for none
}

func (e *RefusedError) Error() string {
	why := e.Why
	if why == "" {
		why = instead[e.State]
	}
	return fmt.Sprintf("document %s is %s, so nobody can %s it; %s", e.Document, e.State, e.Step, why)
}

// NotFinalError gives a reason, other than the document's state, why a document cannot become final.
type NotFinalError struct{ Why string }

func (e *NotFinalError) Error() string { return e.Why }

func notFinal(format string, args ...any) error { return &NotFinalError{fmt.Sprintf(format, args...)} }

// allow returns the state after a step. unreviewed means that the accounting group needs no review, so a draft can
// become final.
func allow(document string, s Step, state State, unreviewed bool) (State, error) {
	rule := steps[s]
	if slices.Contains(rule.from, state) || s == Finalise && state == Draft && unreviewed {
		return rule.to, nil
	}
	e := &RefusedError{Document: document, Step: s, State: state}
	if s == Finalise && state == Draft {
		e.Why = "review it first: its accounting group requires that"
	}
	return "", e
}

// lines joins reasons, one per line.
func lines(reasons []string) string { return strings.Join(reasons, "\n") }
