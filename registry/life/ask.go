package life

import (
	"fmt"
	"strings"

	"ratemill/udr"
)

// Ask is a request to set the state of a SIM.
type Ask struct {
	To   string
	At   udr.Instant // of effect
	By   By
	May  func(permission string) bool // nil allows everything; "" is the permission to change states of SIMs
	Idle string                       // status of the account, such as suspended, if it is not active at that time
}

// ForbiddenError is the error for a transition that is not allowed. It lists the allowed transitions.
type ForbiddenError struct {
	From, To string
	Since    udr.Instant // beginning of From; 0 for New
	Model    string
	Allowed  []string
	Reason   string // further explanation, if the model allows the transition
}

func (e *ForbiddenError) Error() string {
	now := "the SIM has no state yet"
	if e.From != New {
		now = fmt.Sprintf("the SIM is %s since %s", e.From, e.Since)
	}
	if e.Reason != "" {
		return now + "; " + e.Reason
	}
	return fmt.Sprintf("%s, and state model %s does not allow the step to %s; from %s it allows %s", now, e.Model, e.To, e.From,
		listed(e.Allowed))
}

// Check reports whether a requested step is allowed for a SIM with these states, by the rules in the account's
// settings at that time. The transition is nil if the SIM is already in the requested state.
func Check(stays []Stay, rules Rules, ask Ask) (*Transition, error) {
	c := rules.Lifecycle
	if c == nil {
		return nil, fmt.Errorf("the account has no lifecycle for its SIMs, so their states cannot be set; give it settings")
	}
	from, since := New, udr.Instant(0)
	if s := At(stays, ask.At); s != nil && s.State != "" {
		from, since = s.State, s.From
	}
	forbidden := &ForbiddenError{From: from, To: ask.To, Since: since, Model: c.Model.Name, Allowed: c.Model.Allowed(from, ask.By)}
	if _, known := c.Model.State(ask.To); !known {
		forbidden.Reason = fmt.Sprintf("state model %s has no state %s%s", c.Model.Name, ask.To, orKnown(ask.To, c.Model.names()))
		return nil, forbidden
	}
	if from == ask.To {
		return nil, nil
	}
	t := c.Model.Transition(from, ask.To)
	switch {
	case t == nil:
		return nil, forbidden
	case t.By&ask.By == 0:
		forbidden.Reason = fmt.Sprintf("only %s can make the step to %s; from %s you can choose %s", makersOf(t.By), ask.To, from,
			listed(forbidden.Allowed))
	case ask.May != nil && !ask.May(t.Permission):
		needed := "the permission for states of SIMs"
		if t.Permission != "" {
			needed = "the permission " + t.Permission
		}
		forbidden.Reason = fmt.Sprintf("the step to %s requires %s", ask.To, needed)
	case ask.Idle != "":
		forbidden.Reason = fmt.Sprintf("its account is %s at %s, so its state cannot be set; make the account active first", ask.Idle, ask.At)
	default:
		return t, nil
	}
	return nil, forbidden
}

func makersOf(by By) string {
	return strings.NewReplacer("time", "a time limit", "person", "a person or program").Replace(by.String())
}

// Later returns the chosen states after a time that an earlier change makes impossible. They stay valid,
// because a user or program stated them; they are shown to whoever requests the change.
func Later(stays []Stay, after udr.Instant) (odd []Stay) {
	for i, s := range stays {
		if s.From <= after || s.By != BySomebody || i == 0 || s.Rules.Lifecycle == nil || s.State == s.Before {
			continue
		}
		if s.Rules.Lifecycle.Model.Transition(s.Before, s.State) == nil {
			odd = append(odd, s)
		}
	}
	return odd
}
