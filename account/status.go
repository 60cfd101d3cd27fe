package account

import (
	"fmt"
	"slices"
	"strings"

	"ratemill/registry"
)

// Status is the stage of an account's life. An account without a stated status is active, because accounts existed
// before statuses did.
type Status uint8

// The statuses.
const (
	NoStatus   Status = iota // the account does not exist
	Draft                    // incomplete; visible only to the tier that created it
	New                      // complete; waiting for approval
	Lead                     // approved; being set up
	Active                   // does business
	Suspended                // stopped temporarily
	Terminated               // over, for ever
)

var statusNames = [...]string{"", "draft", "new", "lead", "active", "suspended", "terminated"}

// Statuses lists all statuses, in the order of an account's life.
var Statuses = []Status{Draft, New, Lead, Active, Suspended, Terminated}

// String returns the status's name.
func (s Status) String() string { return statusNames[s] }

// ParseStatus reads the name of a status.
func ParseStatus(name string) (Status, bool) {
	i := slices.Index(statusNames[:], name)
	return Status(max(i, 0)), i > 0
}

// MarshalText implements encoding.TextMarshaler.
func (s Status) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *Status) UnmarshalText(text []byte) error {
	known, ok := ParseStatus(string(text))
	if !ok {
		return fmt.Errorf("%q is not a status of accounts; the statuses are %s", text, statusList(Statuses))
	}
	*s = known
	return nil
}

// StatusValue is the value of a status statement.
type StatusValue struct {
	Status  Status `json:"status"`
	Cascade string `json:"cascade,omitempty"` // cause of the cascade that set the status; the accounts of one cascade are restored together
	// Pinned holds the default resources at the time when the account became active.
	Pinned map[string]string `json:"pinned,omitempty"`
}

// AllowedBelow returns the statuses that children of an account with a status can have.
func AllowedBelow(parent Status) (allowed []Status) {
	for _, name := range registry.StatusesBelow(parent.String()) {
		if s, ok := ParseStatus(name); ok {
			allowed = append(allowed, s)
		}
	}
	return allowed
}

func allows(parent, child Status) bool { return slices.Contains(AllowedBelow(parent), child) }

// step is a change of status that an account can make.
type step struct {
	from, to Status
	needs    string // condition in words, for the reference
}

// steps lists the changes of status. whoMay decides who may make each one; change.go has the effects.
var steps = []step{
	{NoStatus, Draft, "no parent, or a parent that is a draft"},
	{NoStatus, New, "the mandatory fields; the parent allows new"},
	{Draft, New, "the mandatory fields of the account and of the drafts below it"},
	{New, Lead, "a confirmed company, if it comes from a look-up"},
	{Lead, Active, "the gates of its onboarding; the parent is active"},
	{New, Terminated, ""},
	{Lead, Terminated, ""},
	{Active, Suspended, ""},
	{Suspended, Active, "the parent is active"},
	{Active, Terminated, "a reason"},
	{Suspended, Terminated, "a reason"},
	{Draft, NoStatus, "it never had another status"},
}

// StepsFrom returns the statuses to which an account with a status can change.
func StepsFrom(from Status) (to []Status) {
	for _, s := range steps {
		if s.from == from {
			to = append(to, s.to)
		}
	}
	return to
}

// whoMay returns "" if the actor may change the status of an account, and otherwise a text that lists who may.
// path lists the accounts from this one up to its root.
func whoMay(as Actor, path []string) string {
	if as.Provides(path) {
		return ""
	}
	return "only the provider, or a reseller above the account, may do that"
}

// ForbiddenStepError reports that a change of an account's status is refused.
type ForbiddenStepError struct {
	Account  string
	From, To Status
	Reasons  []string // all of them
	Parent   string   // the account whose status forbids the change, if there is one
	Allowed  []Status // statuses to which the account can change instead
}

// Error lists the allowed statuses.
func (e *ForbiddenStepError) Error() string {
	to := "become " + e.To.String()
	if e.To == NoStatus {
		to = "be deleted"
	}
	from := ""
	if e.From != NoStatus {
		from = ", which is " + e.From.String() + ","
	}
	allowed := ""
	if e.Allowed != nil {
		allowed = "; allowed now: " + statusList(e.Allowed)
	}
	if len(e.Reasons) == 1 {
		return fmt.Sprintf("account %s%s cannot %s: %s%s", e.Account, from, to, e.Reasons[0], allowed)
	}
	return fmt.Sprintf("account %s%s cannot %s, for %d reasons%s\n  %s", e.Account, from, to, len(e.Reasons), allowed,
		strings.Join(e.Reasons, "\n  "))
}

// Conflict reports that the request was understood but the state of the account forbids it: HTTP's 409.
func (e *ForbiddenStepError) Conflict() bool { return true }

func statusList(all []Status) string {
	if len(all) == 0 {
		return "nothing"
	}
	var names []string
	for _, s := range all {
		name := s.String()
		if s == NoStatus {
			name = "deleted"
		}
		names = append(names, name)
	}
	return strings.Join(names, ", ")
}
