package registry

import (
	"cmp"
	"encoding/json"
	"slices"

	"ratemill/udr"
)

// overrides contains the part of the settings of SIMs and accounts that lifts usage limits. The full settings are
// statements, which a Registry does not contain, but rating needs this part for each record to decide whether a
// limit applies.
type overrides struct {
	sims, accounts map[uint32][]override // each in the order of (from, known)
}

type override struct {
	from  udr.Instant
	known Revision
	state State
	value string // the value of usage_limit_override; "" if the settings do not contain it
}

// overrideOf returns the usage_limit_override in settings as life.Override writes it.
func overrideOf(settings []byte) string {
	var s struct {
		Overrides struct {
			Limits string `json:"usage_limit_override"`
		} `json:"overrides"`
	}
	if json.Unmarshal(settings, &s) != nil {
		return ""
	}
	return s.Overrides.Limits
}

func (o *overrides) load(numbers map[string]uint32, statements []Statement, known Revision) {
	for i := range statements {
		s := &statements[i]
		if s.Kind != KindSettings {
			continue
		}
		if o.sims == nil {
			o.sims, o.accounts = map[uint32][]override{}, map[uint32][]override{}
		}
		number, isSIM := SIMOf(s.Subject)
		of := o.sims
		if !isSIM {
			var ok bool
			if number, ok = numbers[s.Subject]; !ok {
				continue
			}
			of = o.accounts
		}
		f := override{s.From, known, s.State, overrideOf(s.Value)}
		at, found := slices.BinarySearchFunc(of[number], f, func(a, b override) int {
			return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(a.known, b.known))
		})
		if found {
			of[number][at] = f
			continue
		}
		of[number] = slices.Insert(of[number], at, f)
	}
}

// at returns the settings in force at a time, as known at a revision.
func at(facts []override, at udr.Instant, rev Revision) (found override, ok bool) {
	for i := len(facts) - 1; i >= 0; i-- {
		f := &facts[i]
		if f.from > at || f.known > rev {
			continue
		}
		if f.state != Withdrawn {
			return *f, f.state.begins()
		}
		for i > 0 && facts[i-1].from == f.from {
			i--
		}
	}
	return override{}, false
}

// LimitOverride returns the usage_limit_override of a SIM at a time, as known at a revision, and the time since which
// it has had this value without interruption. It comes from the SIM's own settings, or otherwise from those of the
// nearest account with settings: the owner or one above. value is empty if these settings do not contain it; stated
// reports whether there are settings.
func (v *View) LimitOverride(sim, account uint32, when udr.Instant, rev Revision) (value string, since udr.Instant, stated bool) {
	o := &v.r.overrides
	if facts := o.sims[sim]; len(facts) > 0 {
		if f, ok := at(facts, when, rev); ok {
			return f.value, sinceSame(facts, f, rev), true
		}
	}
	if len(o.accounts) == 0 {
		return "", 0, false
	}
	for number := account; number != 0; {
		if facts := o.accounts[number]; len(facts) > 0 {
			if f, ok := at(facts, when, rev); ok {
				return f.value, sinceSame(facts, f, rev), true
			}
		}
		a, ok := v.Account(number, when, rev)
		if !ok {
			break
		}
		number = a.Parent
	}
	return "", 0, false
}

// sinceSame returns the time since which the override has had its value. Other settings may have changed
// meanwhile.
func sinceSame(facts []override, f override, rev Revision) udr.Instant {
	for f.from > Always {
		before, ok := at(facts, f.from-1, rev)
		if !ok || before.value != f.value {
			break
		}
		f = before
	}
	return f.from
}
