package life

import (
	"fmt"
	"slices"
	"strings"

	"ratemill/diag"
	"ratemill/literal"
	"ratemill/registry"
)

// New stands for the missing previous state in a SIM's first transition.
const New = "new"

type modelDoc struct {
	Name        diag.Text           `yaml:"state_model,required" doc:"Name of the model, to which lifecycles refer. A model with the name of a shipped one (connected, jasper, emnify) replaces it." example:"connected"`
	From        literal.Since       `yaml:"from" doc:"Local date (of the payer) or instant from which this version is in force. If omitted, it has always been in force. A state follows the version in force when the state began." example:"2026-02-01"`
	States      diag.Map[*stateDoc] `yaml:"states,required" doc:"The states by name."`
	Transitions []transitionDoc     `yaml:"transitions,required" doc:"The allowed transitions; all others are refused. A SIM's first state is a transition from new."`
	pos         diag.Pos
}

type stateDoc struct {
	Core    diag.Text `yaml:"core,required" enum:"prospect|active|suspended|cancelled" doc:"Meaning of the state in every model: prospect (not in business yet), active, suspended, cancelled." example:"active"`
	Usage   diag.Text `yaml:"usage" default:"charge" enum:"charge|quota|first_use" doc:"charge: the plan prices usage. quota: the test quota of the lifecycle is free, and using it up ends the state. first_use: usage up to the threshold is free, and passing it ends the state."`
	Network diag.Text `yaml:"network" default:"on" enum:"on|off" doc:"off: the SIM is barred from the network in this state."`
	Final   bool      `yaml:"final" doc:"true: nothing follows."`
	Doc     string    `yaml:"meaning" doc:"Purpose of the state, for explanations and the reference." example:"in stock, not in use"`
}

type transitionDoc struct {
	From       words          `yaml:"from,required" doc:"The state that the SIM leaves, or a list; new for a SIM without a state." example:"[in_testing, billing_ready]"`
	To         words          `yaml:"to,required" doc:"The state that follows, or a list." example:"in_billing"`
	Charge     *literal.Money `yaml:"charge" doc:"One-time charge, due in full when the transition takes effect. Suspensions of accounts and imported SIMs are free." example:"5.00 EUR"`
	First      bool           `yaml:"first" doc:"true: the charge is due only when the SIM reaches the state for the first time."`
	Product    diag.Text      `yaml:"product" doc:"Name of the charge on documents; if omitted, FROM to TO." example:"retirement"`
	Permission diag.Text      `yaml:"permission" doc:"Permission that a person or program needs for it; by default, the permission for states of SIMs." example:"sim.retire"`
	By         []diag.Text    `yaml:"by" enum:"person|usage|time" doc:"Who may make the transition: a person or program, usage, a time limit. Without it, all." example:"[person]"`
	Confirm    diag.Text      `yaml:"confirm" default:"after" enum:"before|after" doc:"before: if a person or program requests the step, the state takes effect when the network has acknowledged it. after: the state takes effect at once, and the network follows. Steps by usage, time limits and accounts never wait."`
}

func (m *modelDoc) Check(n *diag.Node, _ *diag.Decoder) { m.pos = n.Pos }

// words is a text or a list of texts.
type words []diag.Text

// UnmarshalNode implements diag.Unmarshaler.
func (w *words) UnmarshalNode(n *diag.Node, d *diag.Decoder) {
	if n.Kind == diag.Sequence {
		d.Decode(n, (*[]diag.Text)(w))
		return
	}
	*w = make(words, 1)
	d.Decode(n, &(*w)[0])
}

// JSONSchema returns the schema of a text or a list of texts.
func (words) JSONSchema() map[string]any {
	one := map[string]any{"type": "string"}
	return map[string]any{"anyOf": []any{one, map[string]any{"type": "array", "items": one}}}
}

// Model is a state model.
type Model struct {
	Name   string
	From   literal.Since
	States []State

	numbers     map[string]int
	transitions map[step]*Transition
}

type step struct{ from, to string }

// State is a state of a model.
type State struct {
	Name    string
	Core    Core
	Usage   Usage
	Barred  bool // from the network
	Final   bool
	Meaning string
}

// Core is the meaning of a state that all models share.
type Core = registry.Core

// The cores.
const (
	NoCore    = registry.NoCore
	Prospect  = registry.Prospect
	Active    = registry.Active
	Suspended = registry.Suspended
	Cancelled = registry.Cancelled
)

// Usage tells how ratemill treats usage in a state.
type Usage uint8

// The ways to treat usage.
const (
	Charged  Usage = iota // the plan prices the usage
	Suspense              // the usage is suspended, because the state allows none
	Quota                 // the test quota covers the usage
	FirstUse              // the first-use threshold covers the usage
)

var usages = [...]string{"charge", "suspense", "quota", "first_use"}

func (u Usage) String() string { return usages[u] }

// Transition contains a model's rules for the transition from one state to another.
type Transition struct {
	From, To   string
	Charge     *literal.Money // nil for none
	First      bool           // the charge is due only the first time that the SIM reaches To
	Product    string
	Permission string // "" for the permission to change states of SIMs
	By         By
	Before     bool // the transition takes effect when the network acknowledges it
}

// By is a set of parties that may make a transition.
type By uint8

// The parties that may make a transition.
const (
	Person By = 1 << iota
	ByUsage
	ByTime
	anybody = Person | ByUsage | ByTime
)

var makers = []struct {
	by   By
	name string
}{{Person, "person"}, {ByUsage, "usage"}, {ByTime, "time"}}

func (b By) String() string {
	var names []string
	for _, m := range makers {
		if b&m.by != 0 {
			names = append(names, m.name)
		}
	}
	return strings.Join(names, ", ")
}

// State returns the state with a name.
func (m *Model) State(name string) (*State, bool) {
	i, ok := m.numbers[name]
	if !ok {
		return nil, false
	}
	return &m.States[i], true
}

// Transition returns the transition from one state to another, nil if the model does not allow it.
func (m *Model) Transition(from, to string) *Transition { return m.transitions[step{from, to}] }

// Allowed returns the states that may follow a state, in the order of the model; pass New for a SIM without a
// state.
func (m *Model) Allowed(from string, by By) (to []string) {
	for i := range m.States {
		if t := m.Transition(from, m.States[i].Name); t != nil && t.By&by != 0 {
			to = append(to, m.States[i].Name)
		}
	}
	return to
}

// names returns the names of the states.
func (m *Model) names() (names []string) {
	for i := range m.States {
		names = append(names, m.States[i].Name)
	}
	return names
}

// first returns the first state with a core, to which suspensions or terminations of an account lead.
func (m *Model) first(core Core) (string, bool) {
	for i := range m.States {
		if m.States[i].Core == core {
			return m.States[i].Name, true
		}
	}
	return "", false
}

// compileModel compiles a document. The model contains the valid parts of the document.
func compileModel(doc *modelDoc, l *diag.List) *Model {
	m := &Model{Name: doc.Name.Value, From: doc.From, numbers: map[string]int{}, transitions: map[step]*Transition{}}
	before := l.Errors()
	checkName("state model", doc.Name, l)
	for _, e := range doc.States {
		checkName("state", e.Key, l)
		if e.Key.Value == New {
			l.Errorf(e.Key.Pos, "new means a SIM without a state, so no state can have this name")
		}
		s := State{Name: e.Key.Value}
		if d := e.Value; d != nil {
			s.Core, _ = registry.ParseCore(d.Core.Value)
			s.Usage = Usage(max(0, slices.Index(usages[:], d.Usage.Value)))
			s.Barred, s.Final, s.Meaning = d.Network.Value == "off", d.Final, d.Doc
		}
		m.numbers[s.Name] = len(m.States)
		m.States = append(m.States, s)
	}
	if len(m.States) == 0 {
		l.Errorf(doc.pos, "a state model needs one or more states")
	}
	at := map[step]diag.Pos{}
	for i := range doc.Transitions {
		compileTransition(m, &doc.Transitions[i], at, l)
	}
	if l.Errors() == before {
		checkReach(m, doc, l)
	}
	return m
}

func compileTransition(m *Model, doc *transitionDoc, at map[step]diag.Pos, l *diag.List) {
	by := anybody
	if len(doc.By) > 0 {
		by = 0
		for _, word := range doc.By {
			for _, maker := range makers {
				if maker.name == word.Value {
					by |= maker.by
				}
			}
		}
	}
	if c := doc.Charge; c != nil && c.Currency != "" && !literal.KnownCurrency(c.Currency) {
		l.Errorf(c.Pos, "currency %s is unknown: write a code of ISO 4217 such as EUR", c.Currency)
	}
	if doc.First && doc.Charge == nil {
		l.Errorf(doc.From.pos(), "first defines when a charge is due, but this transition has none; add charge, or omit first")
	}
	known := func(w diag.Text, names []string) (*State, bool) {
		s, ok := m.State(w.Value)
		if !ok && w.Value != "" {
			l.Errorf(w.Pos, "state model %s has no state %s%s", m.Name, w.Value, orKnown(w.Value, names))
		}
		return s, ok
	}
	var tos []diag.Text
	for _, to := range doc.To {
		if to.Value == New {
			l.Errorf(to.Pos, "no transition can lead to new, which means a SIM without a state")
		} else if _, ok := known(to, m.names()); ok {
			tos = append(tos, to)
		}
	}
	for _, from := range doc.From {
		if from.Value != New {
			s, ok := known(from, append(m.names(), New))
			if !ok {
				continue
			}
			if s.Final {
				l.Errorf(from.Pos, "%s is final, so no transition leads out of it; remove final, or this transition", from.Value)
				continue
			}
		}
		for _, to := range tos {
			key := step{from.Value, to.Value}
			if from.Value == to.Value {
				l.Errorf(to.Pos, "a transition from %s to itself changes nothing", to.Value)
				continue
			}
			if first, twice := at[key]; twice {
				l.Errorf(to.Pos, "the transition from %s to %s is listed twice; first on line %d", from.Value, to.Value, first.Line)
				continue
			}
			at[key] = to.Pos
			if doc.Confirm.Value == "before" && by&Person == 0 {
				l.Errorf(doc.Confirm.Pos, "confirm: before applies to steps that a person or program requests, but by does not "+
					"allow those; remove confirm")
				continue
			}
			m.transitions[key] = &Transition{From: from.Value, To: to.Value, Charge: doc.Charge, First: doc.First,
				Product: doc.Product.Value, Permission: doc.Permission.Value, By: by, Before: doc.Confirm.Value == "before"}
		}
	}
}

// checkReach warns of states that no transition leads to, or that no transition leaves.
func checkReach(m *Model, doc *modelDoc, l *diag.List) {
	for i, e := range doc.States {
		s := &m.States[i]
		in, out := false, false
		for key := range m.transitions {
			in, out = in || key.to == s.Name, out || key.from == s.Name
		}
		switch {
		case !in:
			l.Warnf(e.Key.Pos, "no transition leads to %s, so no SIM can reach it", s.Name)
		case !out && !s.Final:
			l.Warnf(e.Key.Pos, "no transition leads out of %s; write final: true if a SIM stays there forever", s.Name)
		}
	}
	if _, ok := m.first(Suspended); !ok && len(m.States) > 0 {
		l.Warnf(doc.Name.Pos, "state model %s has no state of core suspended, so neither a limit nor the suspension of an account can "+
			"suspend its SIMs", m.Name)
	}
	if _, ok := m.first(Cancelled); !ok && len(m.States) > 0 {
		l.Warnf(doc.Name.Pos, "state model %s has no state of core cancelled, so the SIMs of a terminated account stay as they are", m.Name)
	}
}

func (w words) pos() diag.Pos {
	if len(w) == 0 {
		return diag.Pos{}
	}
	return w[0].Pos
}

// checkName refuses names that cannot be used in references, tables or on a command line.
func checkName(kind string, name diag.Text, l *diag.List) {
	if name.Value == "" {
		l.Errorf(name.Pos, "a %s needs a name", kind)
		return
	}
	for _, r := range name.Value {
		if r != '_' && r != '-' && r != '.' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') {
			l.Errorf(name.Pos, "the name of a %s can only contain letters, digits, _, - and ., unlike %q; write %s",
				kind, string(r), plain(name.Value))
			return
		}
	}
}

// plain returns a name without the characters that names cannot contain.
func plain(name string) string {
	return strings.Map(func(r rune) rune {
		if r == '_' || r == '-' || r == '.' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return r
		}
		return '_'
	}, name)
}

// orKnown suggests a similar name, or lists the known names.
func orKnown(name string, names []string) string {
	if hint := diag.Suggest(name, names); hint != "" {
		return hint
	}
	if len(names) == 0 {
		return "; there is none"
	}
	return fmt.Sprintf("; there are %s", strings.Join(names, ", "))
}
