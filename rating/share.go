package rating

import (
	"cmp"
	"slices"
	"strings"

	"ratemill/decimal"
	"ratemill/diag"
	"ratemill/literal"
	"ratemill/udr"
)

// limit is a version of a limit.
type limit struct {
	name      string
	id        uint64
	perSIM    bool
	classes   []bool // by class number; nil for all
	cost      bool
	threshold Value
	amount    decimal.D
	currency  string
	event     bool
	suspend   bool // the SIM
	formerly  string
	counted   string // its name in its counter
	follows   *limit // the version whose count it continues; nil for none
	at        diag.Pos
	amountAt  diag.Pos // of the threshold
}

func (m *limit) counts(class int32) bool {
	return m.classes == nil || class >= 0 && int(class) < len(m.classes) && m.classes[class]
}

func (m *limit) kind() CounterKind {
	switch {
	case m.cost && m.perSIM:
		return SIMCost
	case m.cost:
		return AccountCost
	case m.perSIM:
		return SIMUnits
	}
	return AccountUnits
}

// classSet marks the named classes, whose unit must be unit.
func (c *compiler) classSet(names []diag.Text, unit udr.Unit) []bool {
	var known []string
	for name := range c.classes {
		known = append(known, name)
	}
	slices.Sort(known)
	var set []bool
	for _, name := range names {
		n, ok := c.classes[name.Value]
		if !ok {
			hint := ""
			if c.declared == nil || !slices.Contains(c.declared.Names, name.Value) { // else the name is right
				hint = orKnown(name.Value, known)
			}
			c.list.Errorf(name.Pos, "no plan has prices for class %s%s", name.Value, hint)
			continue
		}
		if unit != literal.AnyUnit && c.units[n] != literal.AnyUnit && c.units[n] != unit {
			c.list.Errorf(name.Pos, "class %s counts %s, not %s", name.Value, literal.UnitName(c.units[n]), literal.UnitName(unit))
		}
		for int(n) >= len(set) {
			set = append(set, false)
		}
		set[n] = true
	}
	return set
}

// buckets compiles those of an owner; grows says that their units may all come from elsewhere.
func (c *compiler) buckets(docs []bucketDoc, owner, shareName string, kind CounterKind, grows bool) []bucket {
	var zoneNames []string
	for name := range c.zones {
		zoneNames = append(zoneNames, name)
	}
	slices.Sort(zoneNames)
	var list []bucket
	seen, counting := map[string]bool{}, map[string]diag.Pos{}
	for _, d := range docs {
		if seen[d.Bucket.Value] || d.Bucket.Value == "" {
			c.list.Errorf(d.Bucket.Pos, "bucket %q is already in %s, or has no name; each bucket needs its own name", d.Bucket.Value, owner)
			continue
		}
		seen[d.Bucket.Value] = true
		switch {
		case d.Units.Pos.File == nil && !grows:
			c.list.Errorf(d.Bucket.Pos, "units is missing here; bucket %s needs it, as in units: 100 MB", d.Bucket.Value)
		case d.Units.Pos.File == nil:
			d.Units.Unit = literal.AnyUnit
		case d.Units.Value <= 0:
			c.list.Errorf(d.Units.Pos, "bucket %s has no units; a bucket holds 1 or more", d.Bucket.Value)
		}
		b := bucket{name: d.Bucket.Value, share: shareName, kind: kind, size: d.Units.Value, unit: d.Units.Unit}
		_, short, _ := strings.Cut(owner, " ")
		b.event = short + "/" + b.name
		b.formerly, b.counted = d.Formerly.Value, cmp.Or(d.Formerly.Value, b.name)
		if at, ok := counting[b.counted]; ok {
			c.list.Errorf(d.Bucket.Pos, "bucket %s would share its count with the one on line %d, but each bucket has its own count: "+
				"remove formerly, or give it another name", b.name, at.Line)
		}
		counting[b.counted] = d.Bucket.Pos
		b.id, b.at = c.id(d.Bucket.Pos, owner+"/"+b.counted), d.Bucket.Pos
		b.classes = c.classSet(d.Classes, d.Units.Unit)
		for _, z := range d.Zones {
			n, ok := c.zones[z.Value]
			if !ok {
				c.list.Errorf(z.Pos, "no zone model has a zone %s%s", z.Value, orKnown(z.Value, zoneNames))
				continue
			}
			for int(n>>6) >= len(b.zones) {
				b.zones = append(b.zones, 0)
			}
			b.zones[n>>6] |= 1 << (n & 63)
		}
		c.compileWeights(&d, &b, zoneNames)
		c.compileIncrement(&d, &b)
		c.compileRollover(&d, &b, owner)
		c.onlyIncluded(&d, shareName)
		list = append(list, b)
	}
	return list
}

func (c *compiler) compileLimits() {
	for _, doc := range c.limitDocs {
		m := &limit{name: doc.Name.Value, perSIM: doc.Per.Value == "sim", event: doc.does("event"), suspend: doc.does("suspend")}
		unit := literal.AnyUnit
		switch {
		case doc.Usage != nil && doc.Cost != nil || doc.Usage == nil && doc.Cost == nil:
			c.list.Errorf(doc.Name.Pos, "limit %s needs a threshold, on usage or on cost: usage: 5 GB, or cost: 100 EUR", m.name)
		case doc.Usage != nil:
			unit, m.threshold, m.amountAt = doc.Usage.Unit, UnitsValue(doc.Usage.Value), doc.Usage.Pos
			if doc.Usage.Value <= 0 {
				c.list.Errorf(doc.Usage.Pos, "a threshold is more than 0")
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
			if m.amount.Sign() <= 0 {
				c.list.Errorf(doc.Cost.Pos, "a threshold is more than 0")
			}
		}
		if len(doc.Actions) == 0 {
			c.list.Errorf(doc.Name.Pos, "limit %s does nothing; write actions: [event]", m.name)
		}
		if m.suspend && !m.perSIM {
			at := doc.Actions[slices.IndexFunc(doc.Actions, func(a diag.Text) bool { return a.Value == "suspend" })].Pos
			c.list.Errorf(at, "limit %s suspends a SIM, but counts what all SIMs of the account use together; write per: sim, or "+
				"actions: [event]", m.name)
		}
		if len(doc.Classes) > 0 {
			m.classes = c.classSet(doc.Classes, unit)
		}
		m.formerly, m.counted, m.at = doc.Formerly.Value, cmp.Or(doc.Formerly.Value, m.name), doc.Name.Pos
		m.id = c.id(doc.Name.Pos, "limit "+m.counted)
		versioned(c, &c.limits, "limit", doc.Name, doc.From, m)
	}
}
