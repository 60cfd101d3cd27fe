package life

import (
	"slices"
	"strings"

	"ratemill/decimal"
	"ratemill/diag"
	"ratemill/literal"
	"ratemill/udr"
)

type lifecycleDoc struct {
	Name       diag.Text            `yaml:"lifecycle,required" doc:"Name of the lifecycle, to which the settings of accounts refer." example:"standard"`
	From       literal.Since        `yaml:"from" doc:"Local date (of the payer) or instant from which this version is in force. If omitted, it has always been in force. A state follows the version in force when the state began." example:"2026-02-01"`
	States     diag.Text            `yaml:"states,required" doc:"The state model: a document of the catalogue, or a shipped one." example:"connected"`
	Default    diag.Text            `yaml:"default,required" doc:"State of a SIM that an account gets, unless the assignment names another state." example:"inventory"`
	Test       *testDoc             `yaml:"test" doc:"When states with usage: quota end."`
	FirstUse   *firstUseDoc         `yaml:"first_use" doc:"When states with usage: first_use end. If omitted, the first usage of any class ends them."`
	Suspend    *suspendDoc          `yaml:"suspend" doc:"When suspensions end. If omitted, a suspension lasts until a user ends it."`
	Activation *activationDoc       `yaml:"activation" doc:"The charge for the activation of a SIM. If omitted, activation costs nothing."`
	Override   diag.Text            `yaml:"usage_limit_override" default:"disabled" enum:"disabled|permanent|current_cycle" doc:"Whether limits that throttle, block or suspend are lifted: disabled (limits hold), permanent (no limit), current_cycle (no limit until the running cycle ends). The settings of a SIM take precedence over those of its account, and both over this document."`
	UsageIn    diag.Map[*diag.Text] `yaml:"usage_in" doc:"Treatment of usage in a state: charge (the default) or suspense. States with usage: quota or first_use cannot be listed." example:"{ suspended: suspense }"`

	pos  diag.Pos
	node *diag.Node
}

type testDoc struct {
	Quota diag.Map[*literal.Quantity] `yaml:"quota" doc:"Free units by usage class. The state ends when a record uses up one of them, at the time when this record began. Other classes are charged." example:"{ data: 512 kB, sms_mo: 2 }"`
	Time  literal.Days                `yaml:"time" doc:"Number of local dates after which the state ends." example:"30 d"`
	Next  diag.Text                   `yaml:"next,required" doc:"State that follows." example:"in_billing"`
}

type firstUseDoc struct {
	Threshold thresholdDoc `yaml:"threshold" doc:"Free units: of data, or by usage class. The state ends when a record exceeds one of them, at the time when this record began. If omitted or 0, the first usage of any class ends it." example:"1 MB"`
	After     literal.Days `yaml:"after" doc:"Number of local dates after which the state ends, even without usage." example:"90 d"`
	Window    literal.Days `yaml:"window" doc:"Number of local dates after which the state ends if there was no usage; not more than after." example:"30 d"`
	To        diag.Text    `yaml:"to,required" doc:"State that follows; its core must be active." example:"in_billing"`
	Before    bool         `yaml:"bill_before" doc:"true: the plan charges usage up to the threshold too."`
}

type thresholdDoc struct {
	classes diag.Map[*literal.Quantity]
	pos     diag.Pos
}

// UnmarshalNode reads a quantity of data, or quantities by class.
func (t *thresholdDoc) UnmarshalNode(n *diag.Node, d *diag.Decoder) {
	t.pos = n.Pos
	if n.Kind == diag.Mapping {
		d.Decode(n, &t.classes)
		return
	}
	var q literal.Quantity
	d.Decode(n, &q)
	if q.Unit != udr.Octet && q.Unit != literal.AnyUnit {
		d.Errorf(n.Pos, "a threshold without a class is one of data, as in 1 MB; write { CLASS: %s } for another class", n.Text)
		return
	}
	if q.Value > 0 {
		t.classes = diag.Map[*literal.Quantity]{{Key: diag.Text{Value: "data", Pos: n.Pos}, Value: &q}}
	}
}

// JSONSchema returns the schema of a quantity, or of quantities by class.
func (thresholdDoc) JSONSchema() map[string]any {
	one := literal.Single()
	return map[string]any{"anyOf": []any{one, map[string]any{"type": "object", "additionalProperties": one}}}
}

type suspendDoc struct {
	Max  literal.Days `yaml:"max" doc:"Number of local dates, 1 to 120, after which a suspension ends." example:"60 d"`
	Then diag.Text    `yaml:"then" doc:"State that follows; its core must be active or cancelled. A state of core suspended means that suspensions do not end automatically." example:"in_billing"`
}

type activationDoc struct {
	Charge  literal.Money `yaml:"charge,required" doc:"The charge; it is due only once." example:"4.00 EUR"`
	Trigger diag.Text     `yaml:"trigger,required" enum:"on_assignment|on_activation|in_billing" doc:"on_assignment: when the SIM is assigned, in any state. on_activation: when it is assigned in use (any state but an idle prospect's and a cancelled one), or leaves an idle prospect's state for one. in_billing: when it first reaches a state of core active."`
	Once    diag.Text     `yaml:"once" default:"seller" enum:"seller|payer" doc:"Whether the charge is due once for each seller of the SIM, or once for each payer; a SIM that returns is not charged again."`
}

func (c *lifecycleDoc) Check(n *diag.Node, _ *diag.Decoder) { c.pos, c.node = n.Pos, n }

// Lifecycle contains the rules for a SIM's states: a version of a lifecycle, with an account's overrides, applied to
// the state model in force.
type Lifecycle struct {
	Name    string
	Model   *Model
	Default string

	Test       *Test
	FirstUse   FirstUseRule // zero if the document has none: the first usage ends the state
	Suspend    *Suspension
	Activation *Activation
	Override   Override
	usageIn    map[string]Usage
}

// Units is a number of units of a class.
type Units struct {
	Class string
	N     int64
}

// Test contains the rules by which states with a test quota end.
type Test struct {
	Quota []Units // usage of classes that are not in the quota is not free
	Days  int32   // 0 for no time limit
	Next  string
}

// FirstUseRule contains the rules by which states that wait for usage end.
type FirstUseRule struct {
	Threshold     []Units // empty: the first usage of any class ends the state
	After, Window int32   // days, 0 for none
	To            string
	BillBefore    bool
}

// Suspension contains the rules by which suspended states end.
type Suspension struct {
	Days int32
	Then string
}

// Activation is the charge for activation.
type Activation struct {
	Charge   decimal.D
	Currency string
	Trigger  Trigger
	PerPayer bool // the charge is due once for each payer, not for each seller
}

// Trigger is the event that makes the activation charge due.
type Trigger uint8

// The triggers.
const (
	OnAssignment Trigger = iota
	OnActivation
	InBilling
)

var triggers = [...]string{"on_assignment", "on_activation", "in_billing"}

func (t Trigger) String() string { return triggers[t] }

// Override is the setting that lifts the limits that suspend a SIM.
type Override uint8

// The overrides.
const (
	LimitsHold Override = iota
	NoLimit
	NoLimitThisCycle // until the end of the cycle in which it was set
)

var overrides = [...]string{"disabled", "permanent", "current_cycle"}

func (o Override) String() string { return overrides[o] }

// ParseOverride parses the output of String.
func ParseOverride(text string) (Override, bool) {
	i := slices.Index(overrides[:], text)
	return Override(max(i, 0)), i >= 0
}

// Lifts reports whether an override that was set at one time lifts a limit that usage exceeds at another time.
// cycleEnd is the end of the payer's cycle in which the override was set.
func (o Override) Lifts(set, cycleEnd, passed udr.Instant) bool {
	return passed >= set && (o == NoLimit || o == NoLimitThisCycle && passed < cycleEnd)
}

// Currencies returns the sorted currencies of the charges: an account in another currency cannot use
// the lifecycle.
func (c *Lifecycle) Currencies() (codes []string) {
	if c.Activation != nil && !c.Activation.Charge.IsZero() {
		codes = append(codes, c.Activation.Currency)
	}
	for _, t := range c.Model.transitions {
		if t.Charge != nil && !t.Charge.Amount.IsZero() {
			codes = append(codes, t.Charge.Currency)
		}
	}
	slices.Sort(codes)
	return slices.Compact(codes)
}

// Usage returns how ratemill treats usage in a state.
func (c *Lifecycle) Usage(state string) Usage {
	if s, ok := c.Model.State(state); ok && s.Usage != Charged {
		return s.Usage
	}
	return c.usageIn[state]
}

// compiling contains the inputs for the check of a lifecycle.
type compiling struct {
	list *diag.List
	unit func(class string) (udr.Unit, bool) // returns false for an unknown class; nil allows all classes
}

// compileLifecycle compiles a document for a state model.
func (c *compiling) lifecycle(doc *lifecycleDoc, m *Model) *Lifecycle {
	l := &Lifecycle{Name: doc.Name.Value, Model: m, Default: doc.Default.Value, usageIn: map[string]Usage{}}
	if c.state(m, doc.Default) && m.Transition(New, l.Default) == nil {
		c.list.Errorf(doc.Default.Pos, "state model %s does not allow %s as a first state; it allows %s", m.Name, l.Default,
			listed(m.Allowed(New, anybody)))
	}
	c.test(l, doc)
	c.firstUse(l, doc)
	c.suspend(l, doc)
	c.activation(l, doc)
	l.Override, _ = ParseOverride(doc.Override.Value)
	for _, e := range doc.UsageIn {
		c.usageIn(l, e.Key, e.Value)
	}
	return l
}

// state reports a state that the model does not have.
func (c *compiling) state(m *Model, name diag.Text) bool {
	_, ok := m.State(name.Value)
	if !ok && name.Value != "" {
		c.list.Errorf(name.Pos, "state model %s has no state %s%s", m.Name, name.Value, orKnown(name.Value, m.names()))
	}
	return ok
}

// with returns the states of a model that have a rule.
func with(m *Model, has func(*State) bool) (names []string) {
	for i := range m.States {
		if has(&m.States[i]) {
			names = append(names, m.States[i].Name)
		}
	}
	return names
}

// leads reports states that a rule cannot end because the model does not allow the transition. The model must allow
// usage or time limits to make that transition.
func (c *compiling) leads(m *Model, from []string, to diag.Text, by By) {
	for _, name := range from {
		if name == to.Value {
			c.list.Errorf(to.Pos, "%s cannot follow itself; name the state that follows", name)
		} else if t := m.Transition(name, to.Value); t == nil {
			c.list.Errorf(to.Pos, "state model %s does not allow the step from %s to %s; it allows %s", m.Name, name, to.Value,
				listed(m.Allowed(name, anybody)))
		} else if t.By&by == 0 {
			c.list.Errorf(to.Pos, "state model %s allows the step from %s to %s only by %s, but this rule makes it by %s", m.Name, name,
				to.Value, t.By, by)
		}
	}
}

func (c *compiling) test(l *Lifecycle, doc *lifecycleDoc) {
	m, states := l.Model, with(l.Model, func(s *State) bool { return s.Usage == Quota })
	if doc.Test == nil {
		if len(states) > 0 {
			c.list.Warnf(doc.Name.Pos, "lifecycle %s has no test, so %s of state model %s lasts until a user ends it, and its "+
				"usage is charged", l.Name, listed(states), m.Name)
		}
		return
	}
	t := doc.Test
	l.Test = &Test{Quota: c.units(t.Quota), Days: t.Time.N, Next: t.Next.Value}
	switch {
	case len(states) == 0:
		c.list.Errorf(t.Next.Pos, "state model %s has no state with usage: quota, so test never applies; omit it", m.Name)
		return
	case len(t.Quota) == 0 && t.Time.Pos.File == nil:
		c.list.Errorf(t.Next.Pos, "test has neither quota nor time, so it never ends; write quota: { data: 512 kB }, or time: 30 d")
	}
	by := By(0)
	if len(t.Quota) > 0 {
		by |= ByUsage
	}
	if t.Time.Pos.File != nil {
		by |= ByTime
	}
	if by == 0 || !c.state(m, t.Next) {
		return
	}
	c.leads(m, states, t.Next, by)
	if s, _ := m.State(t.Next.Value); s.Usage == Quota && !slices.Contains(states, t.Next.Value) {
		c.list.Errorf(t.Next.Pos, "%s has a test quota too; name a state without one", t.Next.Value)
	}
}

func (c *compiling) firstUse(l *Lifecycle, doc *lifecycleDoc) {
	m, states := l.Model, with(l.Model, func(s *State) bool { return s.Usage == FirstUse })
	if doc.FirstUse == nil {
		if len(states) > 0 {
			active, _ := m.first(Active)
			l.FirstUse = FirstUseRule{To: active}
			c.leads(m, states, diag.Text{Value: active, Pos: doc.Name.Pos}, ByUsage)
		}
		return
	}
	f := doc.FirstUse
	l.FirstUse = FirstUseRule{Threshold: c.units(f.Threshold.classes), After: f.After.N, Window: f.Window.N, To: f.To.Value,
		BillBefore: f.Before}
	if len(states) == 0 {
		c.list.Errorf(f.To.Pos, "state model %s has no state with usage: first_use, so first_use never applies; omit it", m.Name)
		return
	}
	if f.After.N > 0 && f.Window.N > f.After.N {
		c.list.Errorf(f.Window.Pos, "window (%d d) is longer than after (%d d), so it never applies; use %d d or less", f.Window.N,
			f.After.N, f.After.N)
	}
	if f.Before && len(l.FirstUse.Threshold) == 0 {
		c.list.Errorf(f.To.Pos, "bill_before charges usage up to the threshold, but no threshold is set; omit bill_before")
	}
	if !c.state(m, f.To) {
		return
	}
	c.leads(m, states, f.To, ByUsage)
	if s, _ := m.State(f.To.Value); s.Core != Active && s.Core != NoCore {
		c.list.Errorf(f.To.Pos, "billing begins in a state of core active, but %s is %s; name %s", f.To.Value, s.Core,
			listed(with(m, func(s *State) bool { return s.Core == Active })))
	}
}

// mostSuspended is the longest temporary suspension that accounts may set.
const mostSuspended = 120

func (c *compiling) suspend(l *Lifecycle, doc *lifecycleDoc) {
	if doc.Suspend == nil {
		return
	}
	m, d := l.Model, doc.Suspend
	states := with(m, func(s *State) bool { return s.Core == Suspended })
	if d.Max.N > mostSuspended {
		c.list.Errorf(d.Max.Pos, "suspend.max of %d d is out of range: 1 d to %d d; omit suspend if suspensions do not end automatically",
			d.Max.N, mostSuspended)
	}
	if len(states) == 0 {
		c.list.Errorf(doc.pos, "state model %s has no state of core suspended, so suspend never applies; omit it", m.Name)
		return
	}
	switch said := d.Then.Value != ""; {
	case !said && d.Max.Pos.File != nil:
		c.list.Errorf(d.Max.Pos, "suspend has max, but not then; write the state that follows, such as %s", example(m))
		return
	case !said || !c.state(m, d.Then):
		return
	}
	s, _ := m.State(d.Then.Value)
	switch {
	case s.Core == Suspended && d.Max.Pos.File != nil:
		c.list.Errorf(d.Max.Pos, "then: %s means that suspensions do not end automatically, so max does not apply; omit "+
			"max, or set then to %s", s.Name, example(m))
	case s.Core == Suspended:
	case s.Core == Prospect:
		c.list.Errorf(d.Then.Pos, "a suspension ends in a state of core active or cancelled, but %s is prospect; name %s", s.Name, example(m))
	case d.Max.Pos.File == nil:
		c.list.Errorf(d.Then.Pos, "suspend has then, but not max; write max: 60 d, or omit suspend if suspensions do not end automatically")
	default:
		c.leads(m, states, d.Then, ByTime)
		l.Suspend = &Suspension{Days: d.Max.N, Then: s.Name}
	}
}

// example returns a state that may follow a suspension.
func example(m *Model) string {
	return strings.Join(with(m, func(s *State) bool { return s.Core == Active || s.Core == Cancelled }), " or ")
}

func (c *compiling) activation(l *Lifecycle, doc *lifecycleDoc) {
	if doc.Activation == nil {
		return
	}
	d := doc.Activation
	if d.Charge.Currency != "" && !literal.KnownCurrency(d.Charge.Currency) {
		c.list.Errorf(d.Charge.Pos, "currency %s is unknown: write a code of ISO 4217 such as EUR", d.Charge.Currency)
	}
	l.Activation = &Activation{Charge: d.Charge.Amount, Currency: d.Charge.Currency,
		Trigger: Trigger(max(0, slices.Index(triggers[:], d.Trigger.Value))), PerPayer: d.Once.Value == "payer"}
}

func (c *compiling) usageIn(l *Lifecycle, state diag.Text, use *diag.Text) {
	if use == nil || !c.state(l.Model, state) {
		return
	}
	s, _ := l.Model.State(state.Value)
	switch {
	case s.Usage != Charged:
		c.list.Errorf(state.Pos, "state model %s already defines how usage is treated in %s (usage: %s); usage_in is for "+
			"other states", l.Model.Name,
			s.Name, s.Usage)
	case use.Value == "suspense":
		l.usageIn[s.Name] = Suspense
	case use.Value != "charge":
		c.list.Errorf(use.Pos, "usage_in is charge or suspense, not %s%s", use.Value, diag.Suggest(use.Value, []string{"charge", "suspense"}))
	}
}

// units reads quantities by class, in the order of the document.
func (c *compiling) units(m diag.Map[*literal.Quantity]) (list []Units) {
	for _, e := range m {
		if e.Value == nil {
			continue
		}
		if c.unit != nil {
			unit, ok := c.unit(e.Key.Value)
			switch {
			case !ok:
				c.list.Errorf(e.Key.Pos, "unknown usage class %s", e.Key.Value)
				continue
			case unit != literal.AnyUnit && e.Value.Unit != literal.AnyUnit && e.Value.Unit != unit:
				c.list.Errorf(e.Value.Pos, "class %s counts %s, not %s", e.Key.Value, literal.UnitName(unit), literal.UnitName(e.Value.Unit))
				continue
			}
		}
		list = append(list, Units{e.Key.Value, e.Value.Value})
	}
	return list
}
