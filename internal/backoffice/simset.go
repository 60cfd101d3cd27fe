package backoffice

import (
	"encoding/json"
	"fmt"
	"slices"

	"ratemill/account"
	"ratemill/diag"
	"ratemill/registry"
)

// The settings of a SIM that are no resources.
const (
	simGroup         = "group"
	simLimitOverride = "usage_limit_override"
)

// SIMSettings are what can be set of a SIM.
var SIMSettings = append(slices.Clone(account.SettingKinds), simGroup, simLimitOverride)

// set sets a resource, the group or the limits of a SIM. An empty value ends it.
func (d *simDraft) set(m *simMade, kind, value string) error {
	if !slices.Contains(SIMSettings, kind) {
		return fmt.Errorf("%s is nothing that a SIM has%s", kind, orAll(diag.Suggest(kind, SIMSettings), "setting", SIMSettings))
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
	if err := d.entitled(d.as, m.id, kind, value, m.when); err != nil {
		return err
	}
	d.stateOfSIM(m, registry.KindSetting, kind, account.Canonical(account.Setting{Name: value}))
	return nil
}

// stateOfSIM adds a statement about a SIM, unless it holds already.
func (d *simDraft) stateOfSIM(m *simMade, kind registry.Kind, name string, value []byte) {
	subject := registry.SubjectOf(m.sim)
	if s, ok := d.statements.At(kind, subject, name, m.when, d.rev); ok && string(s.Value) == string(value) {
		return
	}
	m.statements = append(m.statements, registry.Statement{Kind: kind, Subject: subject, Name: name, From: m.when, Value: value})
}

// endOfSIM ends what holds of a SIM, if anything does.
func (d *simDraft) endOfSIM(m *simMade, kind registry.Kind, name string) error {
	subject := registry.SubjectOf(m.sim)
	if _, ok := d.statements.At(kind, subject, name, m.when, d.rev); ok {
		m.statements = append(m.statements, registry.Statement{Kind: kind, Subject: subject, Name: name, From: m.when, State: registry.Ended})
	}
	return nil
}

// setOverride lifts the limits that suspend a SIM, by rules of its own: those of its account with this difference.
func (d *simDraft) setOverride(m *simMade, value string) error {
	if value == "" {
		return d.endOfSIM(m, registry.KindSettings, "")
	}
	now, ok := d.lives.Settings(m.sim, m.owner, m.when)
	if !ok || d.catalogue == nil {
		return conflict("account %s has no lifecycle for its SIMs; name one: ratemill account set %s settings lifecycle=NAME", m.id, m.id)
	}
	var settings struct {
		Lifecycle string                     `json:"lifecycle"`
		Overrides map[string]json.RawMessage `json:"overrides,omitempty"`
	}
	if err := json.Unmarshal(now, &settings); err != nil {
		return fmt.Errorf("the settings of SIM %d cannot be read: %w", m.sim, err)
	}
	if settings.Overrides == nil {
		settings.Overrides = map[string]json.RawMessage{}
	}
	word, err := json.Marshal(value)
	if err != nil {
		return err
	}
	settings.Overrides[simLimitOverride] = word
	text, err := json.Marshal(settings)
	if err != nil {
		return err
	}
	read, list := d.catalogue.Life().CheckSettings("settings of the SIM", text, m.when, m.zone)
	if list.HasErrors() {
		var words []string
		for _, l := range list {
			if l.Severity == diag.Error {
				words = append(words, l.Message)
			}
		}
		return fmt.Errorf("%s=%s: %s", simLimitOverride, value, words[0])
	}
	d.stateOfSIM(m, registry.KindSettings, "", read.Value())
	if len(m.statements) > 0 {
		m.note("SIM %d has rules of its own now; later changes of the settings of account %s do not reach it", m.sim, m.id)
	}
	return nil
}
