package rating

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"ratemill/diag"
	"ratemill/literal"
	"ratemill/udr"
)

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
			if c.declared == nil || !slices.Contains(c.declared.Names, name.Value) { // otherwise the name is right
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

// zoneSet marks the named zones, by their global numbers; nil for none.
func (c *compiler) zoneSet(names []diag.Text) (set []uint64) {
	for _, z := range names {
		n, ok := c.zones[z.Value]
		if !ok {
			c.list.Errorf(z.Pos, "no zone model has a zone %s%s", z.Value, orKnown(z.Value, slices.Sorted(maps.Keys(c.zones))))
			continue
		}
		for int(n>>6) >= len(set) {
			set = append(set, 0)
		}
		set[n>>6] |= 1 << (n & 63)
	}
	return set
}

// inZones reports whether a set of zones contains a zone; nil contains all.
func inZones(set []uint64, zone int32) bool {
	return set == nil || int(zone>>6) < len(set) && set[zone>>6]&(1<<(zone&63)) != 0
}

// buckets compiles the buckets of an owner. grows means that all their units may come from contributions.
func (c *compiler) buckets(docs []bucketDoc, owner, shareName string, kind CounterKind, grows bool) []bucket {
	zoneNames := slices.Sorted(maps.Keys(c.zones))
	var list []bucket
	seen, counting := map[string]bool{}, map[string]diag.Pos{}
	for _, d := range docs {
		if seen[d.Bucket.Value] || d.Bucket.Value == "" {
			c.list.Errorf(d.Bucket.Pos, "bucket %q is already in %s, or has no name; each bucket needs its own name", d.Bucket.Value, owner)
			continue
		}
		seen[d.Bucket.Value] = true
		switch {
		case d.Units.Pos.File == nil:
			d.Units.Unit = literal.AnyUnit
			if !grows {
				c.list.Errorf(d.Bucket.Pos, "units is missing here; bucket %s needs it, as in units: 100 MB", d.Bucket.Value)
			}
		case d.Units.Value <= 0 && c.list.ErrorAt(d.Units.Pos):
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
		b.zones = c.zoneSet(d.Zones)
		c.compileWeights(&d, &b, zoneNames)
		c.compileIncrement(&d, &b)
		c.warnBucket(&d, &b)
		c.compileRollover(&d, &b, owner)
		c.onlyIncluded(&d, shareName)
		list = append(list, b)
	}
	return list
}
