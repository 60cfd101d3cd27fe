package account

import (
	"slices"

	"ratemill/registry"
	"ratemill/udr"
)

// Since is a value that is valid from a time on.
type Since[T any] struct {
	From  udr.Instant
	Value T
}

// at returns the value that is valid at a time.
func at[T any](all []Since[T], when udr.Instant) (value T, ok bool) {
	for _, s := range all {
		if s.From > when {
			break
		}
		value, ok = s.Value, true
	}
	return value, ok
}

// with returns a sequence with another value from a time on, up to the next value.
func with[T any](all []Since[T], from udr.Instant, value T) []Since[T] {
	i := 0
	for i < len(all) && all[i].From < from {
		i++
	}
	if i < len(all) && all[i].From == from {
		changed := slices.Clone(all)
		changed[i].Value = value
		return changed
	}
	return slices.Insert(slices.Clone(all), i, Since[T]{from, value})
}

// History holds an account's parents and statuses at every valid time, as known now, oldest first.
type History struct {
	ID       string
	From     udr.Instant // the time from which the account exists
	Parents  []Since[string]
	Statuses []Since[StatusValue]
}

// Parent returns the account's parent at a time, "" for a root.
func (h *History) Parent(when udr.Instant) string {
	parent, _ := at(h.Parents, when)
	return parent
}

// Status returns the account's status at a time.
func (h *History) Status(when udr.Instant) StatusValue {
	if when < h.From {
		return StatusValue{}
	}
	if s, ok := at(h.Statuses, when); ok {
		return s
	}
	// No status was stated yet, because the account is older than statuses.
	return StatusValue{Status: Active}
}

// Histories holds accounts as known at one revision.
type Histories interface {
	// History returns the history of an account, nil if there is none.
	History(account string) *History
	// Children returns the accounts whose parent the account is or was, at any time.
	Children(account string) []string
}

// Path returns the accounts from an account up to its root at a time, inclusive.
func Path(b Histories, account string, when udr.Instant) (path []string) {
	for account != "" && !slices.Contains(path, account) {
		h := b.History(account)
		if h == nil {
			break
		}
		path = append(path, account)
		account = h.Parent(when)
	}
	return path
}

// childrenAt returns the children of an account at a time.
func childrenAt(b Histories, account string, when udr.Instant) (children []string) {
	for _, c := range b.Children(account) {
		if h := b.History(c); h != nil && h.Parent(when) == account && h.Status(when).Status != NoStatus {
			children = append(children, c)
		}
	}
	return children
}

// changed is a view of accounts in which some have other statuses.
type changed struct {
	Histories
	other map[string]*History
}

func (c *changed) History(account string) *History {
	if h, ok := c.other[account]; ok {
		return h
	}
	return c.Histories.History(account)
}

// Children also returns an account that the change creates.
func (c *changed) Children(account string) []string {
	children := c.Histories.Children(account)
	for id, h := range c.other {
		if len(h.Parents) > 0 && h.Parents[0].Value == account && !slices.Contains(children, id) {
			children = append(slices.Clone(children), id)
		}
	}
	slices.Sort(children)
	return children
}

func (c *changed) set(account string, from udr.Instant, value StatusValue) {
	h := *c.History(account)
	h.Statuses = with(h.Statuses, from, value)
	c.other[account] = &h
}

// statement returns the fact that states a status.
func (c *changed) statement(account string, from udr.Instant, value StatusValue) registry.Statement {
	s := registry.Statement{Kind: registry.KindStatus, Subject: account, From: from, State: registry.Holds, Value: Canonical(value)}
	if value.Status == NoStatus {
		s.State, s.Value = registry.Ended, nil
	}
	return s
}
