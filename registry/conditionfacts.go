package registry

import (
	"cmp"
	"encoding/json"
	"slices"

	"ratemill/udr"
)

// Prices may have conditions on custom fields of accounts and on the group of a SIM, and a payer's accounting group
// limits how late usage may be. These use values of statements, which a Registry does not contain, so it keeps copies
// of just these values.

// customs contains the custom fields of accounts, by account number.
type customs struct {
	details, profiles map[uint32][]custom // each in the order of (from, known)
	groups            map[string]string   // a single copy of each accounting group's name, because there are few groups and many payers
}

// custom contains the values of the custom fields in a statement; most statements have none.
type custom struct {
	from   udr.Instant
	known  Revision
	state  State
	fields map[string]string
	group  string // the accounting group, if the statement is a profile
}

func (c *customs) load(number uint32, s *Statement, known Revision) {
	of := &c.details
	if s.Kind == KindProfile {
		of = &c.profiles
	}
	if *of == nil {
		*of = map[uint32][]custom{}
	}
	var value struct {
		Custom map[string]string `json:"custom"`
		Group  string            `json:"accounting_group"`
	}
	if len(s.Value) > 0 && json.Unmarshal(s.Value, &value) != nil {
		value.Custom, value.Group = nil, "" // not written by ratemill, whose statements are canonical JSON
	}
	group, there := c.groups[value.Group]
	if !there {
		if c.groups == nil {
			c.groups = map[string]string{}
		}
		group = value.Group
		c.groups[group] = group
	}
	facts := (*of)[number]
	f := custom{s.From, known, s.State, value.Custom, group}
	at, found := slices.BinarySearchFunc(facts, f, func(a, b custom) int {
		return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(a.known, b.known))
	})
	if found {
		facts[at] = f
		return
	}
	(*of)[number] = slices.Insert(facts, at, f)
}

func customAt(facts []custom, at udr.Instant, rev Revision) (c custom) {
	for i := len(facts) - 1; i >= 0; i-- {
		f := &facts[i]
		if f.from > at || f.known > rev {
			continue
		}
		if f.state != Withdrawn {
			if f.state.begins() {
				return *f
			}
			return c
		}
		for i > 0 && facts[i-1].from == f.from {
			i--
		}
	}
	return c
}

// Custom returns the value of a custom field of an account at a time, as known at a revision; "" if it has
// none.
func (v *View) Custom(account uint32, field string, at udr.Instant, rev Revision) string {
	return customAt(v.r.customs.details[account], at, rev).fields[field]
}

// ProfileCustom returns the value of a custom field of an account's billing profile at a time, as known at a
// revision.
func (v *View) ProfileCustom(account uint32, field string, at udr.Instant, rev Revision) string {
	return customAt(v.r.customs.profiles[account], at, rev).fields[field]
}

// AccountingGroup returns the accounting group in an account's billing profile at a time, as known at a revision; "" if
// it has no profile.
func (v *View) AccountingGroup(account uint32, at udr.Instant, rev Revision) string {
	return customAt(v.r.customs.profiles[account], at, rev).group
}

// Group returns the group of a SIM at a time, as known at a revision; "" if the SIM is in none.
func (v *View) Group(sim uint32, at udr.Instant, rev Revision) string {
	s, ok := v.r.groups.at(sim, at, rev)
	if !ok {
		return ""
	}
	return v.r.groups.values.list[s.Value].Name
}

// loadGroup stores the group of a SIM in the same way as a state, with the group's name in place of the state's
// name.
func (r *Registry) loadGroup(s *Statement, known Revision) {
	sim, ok := SIMOf(s.Subject)
	if !ok {
		return
	}
	var value struct {
		Group string `json:"group"`
	}
	if len(s.Value) > 0 && json.Unmarshal(s.Value, &value) != nil {
		value.Group = ""
	}
	r.groups.add(&StateFact{SIM: sim, From: s.From, StateValue: StateValue{State: s.State, Name: value.Group}}, known)
}

// keep stores the values of statements that rating needs, and the times during which accounts have profiles or are
// not in business.
func (r *Registry) keep(statements []Statement, known Revision) {
	r.profiles.loadProfiles(r.accounts.numbers, statements, known)
	r.idle.loadIdle(r.accounts.numbers, statements, known)
	r.overrides.load(r.accounts.numbers, statements, known)
	r.contracts.load(r.accounts.numbers, statements, known)
	r.bought.load(r.accounts.numbers, statements, known)
	for i := range statements {
		switch s := &statements[i]; s.Kind {
		case KindMember:
			r.loadGroup(s, known)
		case KindDetails, KindProfile:
			if number, ok := r.accounts.numbers[s.Subject]; ok {
				r.customs.load(number, s, known)
			}
		}
	}
}
