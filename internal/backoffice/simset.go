package backoffice

import (
	"encoding/json"
	"fmt"
	"slices"

	"ratemill/account"
	"ratemill/diag"
	"ratemill/registry"
	"ratemill/registry/life"
)

// The settings of a SIM that are not resources.
const (
	simGroup         = "group"
	simLimitOverride = "usage_limit_override"
)

// SIMSettings are the settings of a SIM that can be changed.
var SIMSettings = append(slices.Clone(account.SettingKinds), simGroup, simLimitOverride)

// set sets a resource, the group or the limits of a SIM. An empty value ends it.
func (d *simDraft) set(m *simMade, kind, value string) error {
	if !slices.Contains(SIMSettings, kind) {
		return fmt.Errorf("%s is not a setting of a SIM%s", kind, orAll(diag.Suggest(kind, SIMSettings), "setting", SIMSettings))
	}
	provides := d.as.Provides(d.path(m.id, m.when))
	if status := d.idle(m.id, m.when); status != "" && !provides {
		return conflict("account %s is %s on %s, so only its provider can change its SIMs", m.id, status, day(m.when, m.zone))
	}
	switch {
	case kind == simLimitOverride:
		if !provides {
			return conflict("%s may not lift the limits of SIMs of account %s; the provider and a reseller above it may", d.as, m.id)
		}
		return d.setOverride(m, value)
	case value == "":
		if kind == simGroup {
			return d.endOfSIM(m, registry.KindMember, "")
		}
		return d.endOfSIM(m, registry.KindSetting, kind)
	case kind == simGroup:
		g := account.Value[account.Group](d.book, registry.KindGroup, value, "", m.when)
		if g == nil || g.Account != m.id {
			return conflict("account %s has no group %s; ratemill account show %s lists its groups", m.id, value, m.id)
		}
		d.stateOfSIM(m, registry.KindMember, "", account.Canonical(account.Membership{Group: value}))
		return nil
	}
	if err := d.in.Documents.Declares(account.ResourceName{Kind: kind, Name: value}); err != nil {
		return &Problem{Missing, err}
	}
	if err := d.entitled(d.as, m.id, kind, value, m.when); err != nil {
		return err
	}
	d.stateOfSIM(m, registry.KindSetting, kind, account.Canonical(account.Setting{Name: value}))
	return nil
}

// stateOfSIM adds a statement about a SIM, unless it is already valid.
func (d *simDraft) stateOfSIM(m *simMade, kind registry.Kind, name string, value []byte) {
	subject := registry.SubjectOf(m.sim)
	if s, ok := d.statements.At(kind, subject, name, m.when, d.rev); ok && string(s.Value) == string(value) {
		return
	}
	m.statements = append(m.statements, registry.Statement{Kind: kind, Subject: subject, Name: name, From: m.when, Value: value})
}

// endOfSIM ends the valid statement about a SIM, if there is one.
func (d *simDraft) endOfSIM(m *simMade, kind registry.Kind, name string) error {
	subject := registry.SubjectOf(m.sim)
	if _, ok := d.statements.At(kind, subject, name, m.when, d.rev); ok {
		m.statements = append(m.statements, registry.Statement{Kind: kind, Subject: subject, Name: name, From: m.when, State: registry.Ended})
	}
	return nil
}

// setOverride lifts the limits that suspend a SIM. It gives the SIM its own rules: the rules of its account, with
// this difference. Rating reads the rules of a SIM from its state, so setOverride states the state again with the
// new rules.
func (d *simDraft) setOverride(m *simMade, value string) error {
	now, ok := d.lives.Settings(m.sim, m.owner, m.when)
	if !ok || d.catalogue == nil {
		return conflict("account %s has no lifecycle for its SIMs; name one: ratemill account set %s settings lifecycle=NAME", m.id, m.id)
	}
	subject := registry.SubjectOf(m.sim)
	if value == "" {
		if _, own := d.statements.At(registry.KindSettings, subject, "", m.when, d.rev); !own {
			return nil
		}
		m.statements = append(m.statements, registry.Statement{Kind: registry.KindSettings, Subject: subject, From: m.when,
			State: registry.Ended})
		now, ok = d.lives.Settings(0, m.owner, m.when) // settings of the account: no SIM has number 0
		if !ok {
			return nil
		}
	} else {
		var err error
		if now, err = overridden(now, value); err != nil {
			return err
		}
	}
	book := d.lives.Book
	read, list := book.CheckSettings("settings of the SIM", now, m.when, m.zone)
	for _, l := range list {
		if l.Severity == diag.Error {
			return fmt.Errorf("%s=%s: %s", simLimitOverride, value, l.Message)
		}
	}
	if value != "" {
		d.stateOfSIM(m, registry.KindSettings, "", read.Value())
		if len(m.statements) == 0 {
			return nil
		}
		m.note("SIM %d has its own rules now; later changes of the settings of account %s do not reach it", m.sim, m.id)
	}
	rules := life.Rules{Zone: m.zone}
	var err error
	if rules.Ref, err = book.Rules(read, m.when, m.zone); err == nil {
		rules.Lifecycle, err = book.Resolve(rules.Ref, m.when, m.zone)
	}
	if err != nil {
		return &Problem{Conflict, err}
	}
	return d.underNewRules(m, rules)
}

// underNewRules states the state of a SIM again, with other rules. A state that a time limit or usage ends keeps the
// rules with which it began, because otherwise its time limits and counts would restart.
func (d *simDraft) underNewRules(m *simMade, rules life.Rules) error {
	stays, err := d.stays(m.sim, m.when)
	if err != nil {
		return err
	}
	stay := life.At(stays, m.when)
	if stay == nil || stay.State == "" {
		return nil
	}
	if stay.Core() != life.Active {
		m.note("it is %s; the rules apply from its next state on", stay.State)
		return nil
	}
	return d.judge(m, life.Event{At: m.when, Kind: life.Set, State: stay.State, Rules: rules, Cause: m.cause})
}

// overridden returns settings with another usage_limit_override.
func overridden(settings []byte, value string) ([]byte, error) {
	var s struct {
		Lifecycle string         `json:"lifecycle"`
		Overrides map[string]any `json:"overrides,omitempty"`
	}
	if err := json.Unmarshal(settings, &s); err != nil {
		return nil, fmt.Errorf("the settings of the SIM cannot be read: %w", err)
	}
	if s.Overrides == nil {
		s.Overrides = map[string]any{}
	}
	s.Overrides[simLimitOverride] = value
	return json.Marshal(s)
}
