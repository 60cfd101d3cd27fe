package rating

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"ratemill/decimal"
	"ratemill/diag"
	"ratemill/literal"
	"ratemill/registry"
	"ratemill/udr"
)

// limit is a version of a limit.
type limit struct {
	name       string
	id         uint64
	per        scope
	period     period
	pool       int32    // family of share plans, for limits with perPool
	classes    []bool   // by class number; nil for all classes
	zones      []uint64 // bits by global zone number; nil for all zones
	cost       bool
	unit       udr.Unit // unit of a limit on usage
	threshold  Value    // all of it
	amount     decimal.D
	currency   string
	thresholds []threshold // ascending
	lowest     Value       // of them
	highest    Value
	plain      bool       // the limit counts all usage of its classes by its SIM or account
	block      *threshold // threshold at which usage is blocked; nil if there is none
	over       *price     // price of blocked usage; nil if it is suspended
	formerly   string
	counted    string // the limit's name in its counter
	follows    *limit // the version whose count this one continues; nil for none
	at         diag.Pos
	amountAt   diag.Pos // of the threshold
}

// threshold is a percentage of a limit at which actions happen.
type threshold struct {
	percent int64
	value   Value
	do      action
}

// scope is the group of SIMs and accounts whose usage a limit counts together.
type scope uint8

const (
	perAccount scope = iota
	perSIM
	perPool
	perTree
)

var scopes = map[string]scope{"sim": perSIM, "pool": perPool, "tree": perTree}

func (m *limit) counts(class int32) bool {
	return m.classes == nil || class >= 0 && int(class) < len(m.classes) && m.classes[class]
}

func (m *limit) kind() CounterKind {
	switch {
	case m.cost && m.per == perSIM:
		return SIMCost
	case m.cost:
		return AccountCost
	case m.per == perSIM:
		return SIMUnits
	}
	return AccountUnits
}

// counterID returns the id of the limit's counter. The usage of a pool or a tree differs from that of an account,
// so it has counters of its own.
func (m *limit) counterID() uint64 {
	if m.per < perPool {
		return m.id
	}
	return mixID(m.id, uint32(m.per))
}

func (c *compiler) compileLimits() {
	for _, doc := range c.limitDocs {
		m := &limit{name: doc.Name.Value, per: scopes[doc.Per.Value], period: period(max(0, slices.Index(periodNames, doc.Period.Value)))}
		unit := c.limitAmount(doc, m)
		m.unit = unit
		c.limitActions(doc, m)
		c.limitPool(doc, m)
		if len(doc.Classes) > 0 {
			m.classes = c.classSet(doc.Classes, unit)
		}
		if len(doc.Zones) > 0 {
			m.zones = c.zoneSet(doc.Zones)
			c.warnLimitZones(doc)
		}
		c.limitOver(doc, m)
		m.plain = len(doc.Zones) == 0 && m.per < perPool
		m.formerly, m.counted, m.at = doc.Formerly.Value, cmp.Or(doc.Formerly.Value, m.name), doc.Name.Pos
		m.id = c.id(doc.Name.Pos, "limit "+m.counted)
		versioned(c, &c.limits, "limit", doc.Name, doc.From, m)
	}
}

// limitAmount reads the amount of a limit.
func (c *compiler) limitAmount(doc *limitDoc, m *limit) (unit udr.Unit) {
	unit = literal.AnyUnit
	switch {
	case doc.Usage != nil && doc.Cost != nil || doc.Usage == nil && doc.Cost == nil:
		c.list.Errorf(doc.Name.Pos, "limit %s needs a threshold, on usage or on cost: usage: 5 GB, or cost: 100 EUR", m.name)
	case doc.Usage != nil:
		unit, m.threshold, m.amountAt = doc.Usage.Unit, UnitsValue(doc.Usage.Value), doc.Usage.Pos
		if doc.Usage.Value <= 0 && !c.list.ErrorAt(doc.Usage.Pos) {
			c.list.Errorf(doc.Usage.Pos, "a threshold must be more than 0")
		}
		if len(doc.Classes) == 0 {
			c.list.Errorf(doc.Name.Pos, "limit %s on usage needs classes: units of different classes cannot be added", m.name)
		}
	default:
		m.cost, m.amount, m.currency = true, doc.Cost.Amount, doc.Cost.Currency
		m.threshold, m.amountAt = CostValue(m.amount), doc.Cost.Pos
		if m.currency != "" {
			c.currency(m.currency, doc.Cost.Pos)
		}
		if m.amount.Sign() <= 0 && !c.list.ErrorAt(doc.Cost.Pos) {
			c.list.Errorf(doc.Cost.Pos, "a threshold must be more than 0")
		}
	}
	return unit
}

// part returns a percentage of a limit, rounded up: to a whole unit or, for money, to 12 decimals.
func (m *limit) part(percent int64) (Value, bool) {
	if m.cost {
		d, _, _, err := m.amount.Price(percent, 100, decimal.Rounding{Scale: decimal.Scale, Mode: decimal.Up})
		return CostValue(d), err == nil
	}
	units := m.threshold.Units()
	if units > literal.MaxQuantity {
		return m.threshold, false
	}
	whole, rest := units/100, units%100
	return UnitsValue(whole*percent + (rest*percent+99)/100), true
}

// mostThresholds is the largest number of thresholds of a limit.
const mostThresholds = 20

// limitActions reads the actions of a limit and their thresholds.
func (c *compiler) limitActions(doc *limitDoc, m *limit) {
	switch {
	case len(doc.Thresholds) > 0 && len(doc.Actions)+len(doc.At) > 0:
		c.list.Errorf(doc.Name.Pos, "limit %s has thresholds with their own actions; remove at and actions", m.name)
		return
	case len(doc.Thresholds) == 0 && len(doc.Actions) == 0:
		c.list.Errorf(doc.Name.Pos, "limit %s does nothing; write actions: [notify]", m.name)
		return
	case len(doc.At) > 0 && actionsOf(doc.Actions)&notifies == 0:
		c.list.Errorf(doc.At[0].pos, "at lists the parts of limit %s at which notify acts, but its actions lack notify; add "+
			"it, or write thresholds",
			m.name)
	}
	said := doc.thresholdsOf()
	if len(said) > mostThresholds {
		c.list.Errorf(doc.Name.Pos, "limit %s has %d thresholds; the most are %d", m.name, len(said), mostThresholds)
		return
	}
	for i, t := range said {
		if i > 0 && t.At.value <= said[i-1].At.value {
			c.list.Errorf(t.At.pos, "the thresholds of limit %s must ascend: %d %% follows %d %%", m.name, t.At.value, said[i-1].At.value)
			return
		}
		value, ok := m.part(t.At.value)
		if !ok {
			c.list.Errorf(t.At.pos, "%d %% of limit %s is more than a count can be", t.At.value, m.name)
		}
		do := actionsOf(t.Do)
		if do&suspends != 0 && m.per != perSIM {
			c.list.Errorf(where(t.Do, suspends), "limit %s suspends a SIM, but counts what all SIMs of the account use together; write "+
				"per: sim, or actions: [notify]", m.name)
		}
		m.thresholds = append(m.thresholds, threshold{t.At.value, value, do})
	}
	m.lowest, m.highest = m.thresholds[0].value, m.thresholds[len(m.thresholds)-1].value
	for i := range m.thresholds {
		if m.thresholds[i].do&blocks != 0 {
			m.block, c.blocks = &m.thresholds[i], true
			break
		}
	}
	c.warnThresholds(doc, m)
}

func (c *compiler) limitPool(doc *limitDoc, m *limit) {
	switch {
	case m.per != perPool && doc.Pool.Value != "":
		c.list.Errorf(doc.Pool.Pos, "limit %s names a pool, but counts per %s; write per: pool", m.name, cmp.Or(doc.Per.Value, "account"))
	case m.per == perPool && doc.Pool.Value == "":
		c.list.Errorf(doc.Name.Pos, "limit %s counts per pool; name the share plan: pool: NAME", m.name)
	case m.per == perPool:
		i, ok := c.shares.find(doc.Pool.Value)
		if !ok {
			c.list.Errorf(doc.Pool.Pos, "unknown share plan %s%s", doc.Pool.Value, orKnown(doc.Pool.Value, c.shares.names()))
		}
		m.pool = i
	}
}

// warnLimitZones warns of zones in which a limit never counts usage.
func (c *compiler) warnLimitZones(doc *limitDoc) {
	found := map[string]bool{}
	for _, f := range c.plans.list {
		for _, p := range f.versions {
			for name := range p.zonesOf() {
				found[name] = true
			}
		}
	}
	for _, z := range doc.Zones {
		if _, known := c.zones[z.Value]; known && !found[z.Value] && len(c.plans.list) > 0 {
			c.list.Warnf(z.Pos, "limit %s never counts in zone %s: no plan finds it", doc.Name.Value, z.Value)
		}
	}
}

// limitOver reads the price of usage over the limit, and prepares plans to add amounts at that price.
func (c *compiler) limitOver(doc *limitDoc, m *limit) {
	if doc.Over == nil {
		return
	}
	at := doc.Over.pos
	if m.block == nil {
		c.list.Errorf(at, "limit %s has a price for usage over it, but blocks nothing; add block to its actions", m.name)
		return
	}
	if !doc.Over.price.IsZero() && len(doc.Classes) == 0 {
		c.list.Errorf(at, "over is a price for units, and units of different classes cannot be added; name the classes of limit %s", m.name)
		return
	}
	m.over = &price{name: overPrefix + m.name, over: m.name, increment: increments{initial: 1, then: 1},
		steps: []priceStep{{0, doc.Over.price, doc.Over.per}}}
	for _, name := range doc.Classes {
		if n, ok := c.classes[name.Value]; ok && doc.Over.unit != literal.AnyUnit && c.units[n] != literal.AnyUnit &&
			c.units[n] != doc.Over.unit {
			c.list.Errorf(at, "the price %s is in %s, but class %s counts %s", doc.Over.text, literal.UnitName(doc.Over.unit), name.Value,
				literal.UnitName(c.units[n]))
		}
	}
	for _, f := range c.plans.list {
		for _, p := range f.versions {
			for class, pc := range p.classes {
				if pc == nil || !m.counts(int32(class)) {
					continue
				}
				den := lcm(pc.den, uint64(doc.Over.per))
				if den == 0 {
					c.list.Errorf(at, "the prices of class %s in plan %s and this one are per too many different numbers of units; use one "+
						"number, such as 1 MB, for all", c.names[class], p.name)
					continue
				}
				pc.den, pc.instead = den, append(pc.instead, m.over)
			}
		}
	}
}

// counting describes the usage that a limit counts.
func (m *limit) counting() string {
	what := "usage"
	if m.cost {
		what = "cost"
	}
	what += " per " + [...]string{perAccount: "account", perSIM: "SIM", perPool: "pool", perTree: "tree"}[m.per]
	if m.period != perCycle {
		what += " and " + m.period.String()
	}
	return what
}

// overPrefix begins the name of the price for usage over a limit.
const overPrefix = "over limit "

// limitPlace returns the place of a limit's threshold event, which golden cases can cover.
func limitPlace(name string, percent int64, event string) string {
	place := "limit " + name
	if event != LimitPassed.String() {
		_, what, _ := strings.Cut(event, ".")
		place += " " + what
	}
	if percent != 0 && percent != 100 {
		place += fmt.Sprintf(" at %d %%", percent)
	}
	return place
}

// places returns the places of a limit that golden cases can cover.
func (m *limit) places(all []Place) []Place {
	for _, t := range m.thresholds {
		for _, does := range [...]struct {
			action
			kind EventKind
		}{{notifies, LimitPassed}, {throttles, LimitThrottles}, {blocks, LimitBlocks}, {suspends, LimitSuspends}} {
			if t.do&does.action != 0 {
				all = append(all, Place{"limit", limitPlace(m.name, t.percent, does.kind.String())})
			}
		}
	}
	if m.over != nil {
		all = append(all, Place{"limit", "limit " + m.name + " over"})
	}
	return all
}

// limitOwner returns the account to which the counter of an account's limit belongs.
func (c *Catalogue) limitOwner(m *limit, v *registry.View, rev registry.Revision, clock *zoneClock, has *registry.Account,
	at udr.Instant) (*registry.Account, error) {
	number := has.Number
	switch m.per {
	case perTree:
		number = has.Root
	case perPool:
		if s, _, _ := c.shares.list[m.pool].at(clock, at); s != nil {
			owner, ok := s.ownerOf(v, has, at, rev)
			if !ok {
				return nil, fmt.Errorf("an account above it is not there at %s", at)
			}
			number = owner.Number
		}
	}
	if number == has.Number {
		return has, nil
	}
	owner, ok := v.Account(number, at, rev)
	if !ok {
		return nil, fmt.Errorf("account %d, which owns the count, is not there at %s", number, at)
	}
	return owner, nil
}
