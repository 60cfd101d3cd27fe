package account

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"ratemill/registry"
	"ratemill/udr"
)

// Guards checks the conditions for a change of an account's status.
type Guards interface {
	// Missing returns the mandatory fields that an account lacks at a time, under the names that users see.
	Missing(account string, when udr.Instant) []string
	// Unconfirmed returns the values that no user has confirmed yet; "" if there are none.
	Unconfirmed(account string, when udr.Instant) string
	// Unmet returns the gates of its onboarding that an account does not meet at a time.
	Unmet(account string, when udr.Instant) []Unmet
	// Defaults returns the account's default resources by kind, which are pinned when the account becomes active.
	Defaults(account string, when udr.Instant) map[string]string
	// SuspendsSIMs reports whether suspending an account also suspends its SIMs.
	SuspendsSIMs(account string, when udr.Instant) bool
}

// StatusRequest requests a change of status.
type StatusRequest struct {
	Account  string
	To       Status // NoStatus deletes the draft
	Parent   string // parent of an account that this request creates, "" for a root
	At       udr.Instant
	Why      string
	As       Actor
	Revision registry.Revision // the revision of the change set
	Cause    string            // if empty, ChangeStatus uses the cause of a cascade, with the revision and the account
}

// StatusChange is the result of a change of status: one change set.
type StatusChange struct {
	Cause      string
	Statements []registry.Statement
	Accounts   []Changed   // accounts whose status changes, the requested one first
	SIMs       []SIMChange // in the order of Accounts
}

// Changed is an account whose status changes.
type Changed struct {
	Account  string
	From, To Status
}

// SIMChange is an action on the SIMs of an account.
type SIMChange struct {
	Account string
	Do      SIMAction
	Cascade string // for RestoreSIMs: the cascade that suspended the SIMs
}

// SIMAction is the action on SIMs when the status of their account changes.
type SIMAction uint8

// The actions.
const (
	SuspendSIMs SIMAction = iota + 1 // suspend SIMs whose core is active or prospect, except inventory; without a charge
	RestoreSIMs                      // restore the SIMs that a cascade suspended to their earlier states
	RetireSIMs                       // retire all SIMs that are not retired yet; the state model may charge for it
)

// ChangeStatus computes the change set of a change of status, or all reasons for which it is refused.
func ChangeStatus(b Histories, g Guards, r StatusRequest) (*StatusChange, error) {
	c := &statusChange{StatusRequest: r, guards: g, book: &changed{b, map[string]*History{}}}
	c.cause = cmp.Or(r.Cause, fmt.Sprintf("cascade:%d:%s", r.Revision, r.Account))
	before := b.History(r.Account)
	if before == nil {
		before = &History{ID: r.Account, From: r.At, Parents: []Since[string]{{r.At, r.Parent}}, Statuses: []Since[StatusValue]{{r.At,
			StatusValue{}}}}
		c.book.other[r.Account] = before
	}
	c.path = Path(c.book, r.Account, r.At)
	if err := c.permitted(before); err != nil {
		return nil, err
	}
	c.guard()
	if c.wrong == nil {
		c.take()
		c.follows(b)
		c.below(b)
	}
	if c.wrong != nil {
		return nil, c.wrong
	}
	return &c.made, nil
}

type statusChange struct {
	StatusRequest
	guards Guards
	book   *changed
	path   []string
	from   Status
	cause  string
	wrong  *ForbiddenStepError // nil so far
	made   StatusChange
}

func (c *statusChange) refuse(parent, format string, args ...any) {
	if c.wrong == nil {
		c.wrong = &ForbiddenStepError{Account: c.Account, From: c.from, To: c.To, Allowed: c.allowed()}
	}
	c.wrong.Parent = cmp.Or(c.wrong.Parent, parent)
	c.wrong.Reasons = append(c.wrong.Reasons, fmt.Sprintf(format, args...))
}

// allowed returns the other statuses to which the account can change below its parent, without the
// refused one.
func (c *statusChange) allowed() []Status {
	to := []Status{}
	for _, s := range StepsFrom(c.from) {
		if s == c.To {
			continue
		}
		if len(c.path) < 2 || s == NoStatus || allows(c.book.History(c.path[1]).Status(c.At).Status, s) {
			to = append(to, s)
		}
	}
	return to
}

// permitted checks that the actor may request the step, and that the step exists.
func (c *statusChange) permitted(before *History) error {
	if err := c.As.Within(c.path); err != nil {
		return err
	}
	c.from = before.Status(c.At).Status
	if c.At < before.From {
		return fmt.Errorf("account %s exists only from %s on", c.Account, date(before.From))
	}
	if c.from == NoStatus && c.Parent != "" && len(c.path) < 2 {
		return fmt.Errorf("the parent %s of account %s does not exist", c.Parent, c.Account)
	}
	if who := whoMay(c.As, c.path); who != "" {
		return &ForbiddenStepError{Account: c.Account, From: c.from, To: c.To, Reasons: []string{who}}
	}
	if !slices.Contains(StepsFrom(c.from), c.To) {
		reason := "no such change of status exists"
		if c.from == c.To {
			reason = "it already has this status"
		}
		c.refuse("", "%s", reason)
		return c.wrong
	}
	if len(c.path) < 2 || c.To == NoStatus {
		return nil
	}
	if parent := c.book.History(c.path[1]); !allows(parent.Status(c.At).Status, c.To) {
		c.refuse(parent.ID, "%s", parentForbids(parent, c.At))
		return c.wrong
	}
	return nil
}

func parentForbids(parent *History, when udr.Instant) string {
	status := parent.Status(when).Status
	return fmt.Sprintf("at that time its parent %s is %s, and accounts below it can only be %s", parent.ID, status,
		statusList(AllowedBelow(status)))
}

// guard checks the conditions for the new status.
func (c *statusChange) guard() {
	switch {
	case c.To == New:
		for _, account := range append([]string{c.Account}, c.drafts(c.Account)...) {
			if missing := c.guards.Missing(account, c.At); len(missing) > 0 {
				of := "it"
				if account != c.Account {
					of = "account " + account + " below it"
				}
				c.refuse("", "%s lacks %s", of, list(missing))
			}
		}
	case c.To == Lead:
		if unconfirmed := c.guards.Unconfirmed(c.Account, c.At); unconfirmed != "" {
			c.refuse("", "%s", unconfirmed)
		}
	case c.from == Lead && c.To == Active:
		for _, u := range c.guards.Unmet(c.Account, c.At) {
			c.refuse("", "gate %s: %s", u.Gate, u.Why)
		}
	case c.To == Terminated && (c.from == Active || c.from == Suspended):
		if strings.TrimSpace(c.Why) == "" {
			c.refuse("", "terminating an account needs a reason; give one with --why")
		}
	case c.To == NoStatus:
		for _, s := range c.book.History(c.Account).Statuses {
			if s.Value.Status != Draft && s.Value.Status != NoStatus {
				c.refuse("", "it is %s from %s on, and only an account that was never more than a draft can be deleted", s.Value.Status, date(s.From))
			}
		}
		if children := childrenAt(c.book, c.Account, c.At); len(children) > 0 {
			c.refuse("", "it has accounts below it (%s); delete them first", list(children))
		}
	}
}

// drafts returns the drafts below an account.
func (c *statusChange) drafts(account string) (below []string) {
	for _, child := range childrenAt(c.book, account, c.At) {
		if c.book.History(child).Status(c.At).Status == Draft {
			below = append(append(below, child), c.drafts(child)...)
		}
	}
	return below
}

// take adds the statements of the account and of the accounts that change with it.
func (c *statusChange) take() {
	c.made.Cause = c.cause
	value := StatusValue{Status: c.To}
	switch {
	case c.from == Lead && c.To == Active:
		value.Pinned = c.guards.Defaults(c.Account, c.At)
	case c.To == Suspended || c.To == Terminated:
		value.Cascade = c.cause
	}
	was := c.book.History(c.Account).Status(c.At)
	c.change(c.Account, value)
	switch {
	case c.To == New && c.from == Draft:
		for _, child := range c.drafts(c.Account) {
			c.change(child, StatusValue{Status: New})
		}
	case c.To == Suspended:
		c.cascade(c.Account, func(s StatusValue) bool { return s.Status == Active }, value)
	case c.To == Terminated:
		c.cascade(c.Account, func(s StatusValue) bool { return s.Status != Terminated }, value)
	case c.from == Suspended && was.Cascade != "":
		// Accounts that were suspended for another reason stay suspended.
		c.cascade(c.Account, func(s StatusValue) bool { return s.Status == Suspended && s.Cascade == was.Cascade }, value)
	}
}

// cascade changes the accounts below an account that have a given status, and so on down the tree.
func (c *statusChange) cascade(account string, has func(StatusValue) bool, value StatusValue) {
	for _, child := range childrenAt(c.book, account, c.At) {
		if has(c.book.History(child).Status(c.At)) {
			c.change(child, StatusValue{Status: value.Status, Cascade: value.Cascade})
			c.cascade(child, has, value)
		}
	}
}

// change gives an account a status, and adds the actions on its SIMs.
func (c *statusChange) change(account string, value StatusValue) {
	was := c.book.History(account).Status(c.At)
	c.made.Statements = append(c.made.Statements, c.book.statement(account, c.At, value))
	c.made.Accounts = append(c.made.Accounts, Changed{account, was.Status, value.Status})
	c.book.set(account, c.At, value)
	switch {
	case value.Status == Suspended && c.guards.SuspendsSIMs(account, c.At):
		c.made.SIMs = append(c.made.SIMs, SIMChange{Account: account, Do: SuspendSIMs})
	case value.Status == Active && was.Status == Suspended && was.Cascade != "":
		c.made.SIMs = append(c.made.SIMs, SIMChange{Account: account, Do: RestoreSIMs, Cascade: was.Cascade})
	case value.Status == Terminated && was.Status != New && was.Status != Lead:
		c.made.SIMs = append(c.made.SIMs, SIMChange{Account: account, Do: RetireSIMs})
	}
}

// follows checks that statements about later times are still allowed after the new statuses.
func (c *statusChange) follows(b Histories) {
	for _, a := range c.made.Accounts {
		h := b.History(a.Account)
		if h == nil {
			continue
		}
		for _, s := range h.Statuses {
			if s.From > c.At {
				if !slices.Contains(StepsFrom(a.To), s.Value.Status) {
					c.refuse("", "account %s is scheduled to become %s on %s, and it cannot do so from %s; withdraw that change first",
						a.Account, s.Value.Status, date(s.From), a.To)
				}
				break
			}
		}
	}
}

// below checks that parents allow the statuses of their children from the change on, not only now.
func (c *statusChange) below(b Histories) {
	type edge struct{ parent, child string }
	told := map[edge]bool{}
	check := func(child string) {
		h := c.book.History(child)
		for _, when := range c.times(h) {
			parent := c.book.History(h.Parent(when))
			if parent == nil || told[edge{parent.ID, child}] {
				continue
			}
			status, above := h.Status(when).Status, parent.Status(when).Status
			if status == NoStatus || above == NoStatus || allows(above, status) {
				continue
			}
			if old := b.History(child); old != nil && !allows(b.History(parent.ID).Status(when).Status, old.Status(when).Status) {
				continue // the conflict is older than this change
			}
			told[edge{parent.ID, child}] = true
			c.refuse(parent.ID, "account %s is %s from %s on, but its parent %s is %s then and only allows accounts below it "+
				"that are %s", child, status,
				date(when), parent.ID, above, statusList(AllowedBelow(above)))
		}
	}
	accounts := map[string]bool{}
	for _, a := range c.made.Accounts {
		accounts[a.Account] = true
		for _, child := range c.book.Children(a.Account) {
			accounts[child] = true
		}
	}
	for _, account := range slices.Sorted(maps.Keys(accounts)) {
		check(account)
	}
}

// times returns the times, from the change on, at which an account's status or parent changes, or the status of
// one of its parents.
func (c *statusChange) times(h *History) []udr.Instant {
	all := []udr.Instant{max(c.At, h.From)}
	add := func(when udr.Instant) {
		if when > c.At {
			all = append(all, when)
		}
	}
	for _, s := range h.Statuses {
		add(s.From)
	}
	for _, p := range h.Parents {
		add(p.From)
		if parent := c.book.History(p.Value); parent != nil {
			for _, s := range parent.Statuses {
				add(s.From)
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// date formats an instant for display.
func date(when udr.Instant) string {
	if when == registry.Always {
		return "always"
	}
	return strings.TrimSuffix(when.Time().UTC().Format("2006-01-02 15:04:05Z"), " 00:00:00Z")
}

var simActions = [...]string{"", "suspend", "restore", "retire"}

// String describes the action for display.
func (a SIMAction) String() string { return simActions[a] }
