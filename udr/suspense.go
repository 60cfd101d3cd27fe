package udr

import "fmt"

// SuspendError is the reason why a record cannot be processed. The record waits in suspense with this reason until a
// user corrects the cause and retries it.
type SuspendError struct {
	Code     string // a stable code for programs: decode, rule, class, time, sim_unknown, no_plan, no_zone, amount, …
	Rule     string // the rule's name or text, if a rule suspended it
	Position string // file:line:column of that rule
	Values   string // the values that the rule read, limited in length: imsi "2140…", up "-1"
	Reason   string // the error and its remedy, in one sentence
}

func (e *SuspendError) Error() string {
	switch {
	case e.Rule != "" && e.Values != "":
		return fmt.Sprintf("%s: %s (with %s): %s", e.Position, e.Rule, e.Values, e.Reason)
	case e.Rule != "":
		return fmt.Sprintf("%s: %s: %s", e.Position, e.Rule, e.Reason)
	}
	return e.Reason
}
