package rating

import (
	"ratemill/diag"
)

// zonesOf returns the names of the zones that a plan can find.
func (p *plan) zonesOf() map[string]bool {
	names := map[string]bool{}
	for _, pc := range p.classes {
		if pc == nil {
			continue
		}
		models := pc.own
		if pc.models != nil {
			models = pc.models.versions
		}
		for _, m := range models {
			for i := range m.zones {
				names[m.zones[i].name] = true
			}
		}
	}
	return names
}

// warnZones warns of zones in which a bucket is never drawn, because no plan whose usage draws on it can find them.
func (c *compiler) warnZones(docs []bucketDoc, plans []*plan, whose string) {
	names := map[string]bool{}
	for _, p := range plans {
		for name := range p.zonesOf() {
			names[name] = true
		}
	}
	for _, d := range docs {
		for _, z := range d.Zones {
			if _, known := c.zones[z.Value]; known && !names[z.Value] && len(plans) > 0 {
				var list []string
				for name := range names {
					list = append(list, name)
				}
				c.list.Warnf(z.Pos, "bucket %s is never drawn in zone %s: it is a zone of another model than that of %s%s", d.Bucket.Value, z.Value,
					whose, diag.Suggest(z.Value, list))
			}
		}
	}
}
