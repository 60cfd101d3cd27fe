package rating

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"ratemill/diag"
)

// This file writes values of documents that do not keep their text, in the notation of the documents. Without it, the
// comparison would miss changes of such values.

func (d due) words() string {
	switch {
	case d.Value == "":
		return ""
	case d.record:
		return d.Value
	case d.account:
		return d.Value + " / " + d.per.String() + " of the account"
	}
	return d.Value + " / " + d.per.String()
}

func (r reachedText) words() string {
	if r.spend.Currency != "" {
		return r.spend.Amount.String() + " " + r.spend.Currency
	}
	return quantityWords(r.units.Value, r.units.Unit)
}

func (o offText) words() string { return percentWords(o.millionths) }

func (p percent) words() string {
	if p.of100 == 0 {
		return ""
	}
	return fmt.Sprintf("%d %%", p.of100)
}

func (p percentText) words() string { return fmt.Sprintf("%d %%", p.value) }

func (v validity) words() string {
	switch {
	case v.hours != 0:
		return fmt.Sprintf("%d h", v.hours)
	case v.days != 0:
		return fmt.Sprintf("%d d", v.days)
	case v.months != 0:
		return fmt.Sprintf("%d months", v.months)
	}
	return ""
}

func (t levelText) words() string {
	if t.kind == atDepth {
		return fmt.Sprint(t.depth)
	}
	return strings.TrimPrefix(levelNames[t.kind], levelNames[0])
}

func (w weekDoc) words() string { return w.text }

// ratePairs returns the rates of a table by currency pair.
func (d *ratesDoc) ratePairs() map[string]string {
	pairs := map[string]string{}
	for _, from := range d.Currencies {
		for _, to := range from.Value {
			pairs[from.Key.Value+" to "+to.Key.Value] = to.Value.Value
		}
	}
	return pairs
}

// zonesOf returns the time zones by country.
func (d *timeZonesDoc) zonesOf() map[string]string {
	zones := map[string]string{}
	for _, e := range d.Zones {
		zones[e.Key.Value] = e.Value.Value
	}
	return zones
}

// pairChanges compares two tables of texts key by key.
func pairChanges(was, is map[string]string, tell func(where, was, is string)) {
	all := slices.AppendSeq(slices.Collect(maps.Keys(was)), maps.Keys(is))
	slices.Sort(all)
	for _, key := range slices.Compact(all) {
		if was[key] != is[key] {
			tell(key, was[key], is[key])
		}
	}
}

// keepMore keeps the documents that are neither plans, share plans nor limits. A catalogue has one own document and
// one time_zones document.
func (c *compiler) keepMore(keep func(kind, name string, from since, doc any)) {
	for _, d := range c.packageDocs {
		keep("package", d.Name.Value, d.From, d)
	}
	for _, d := range c.addonDocs {
		keep("addon", d.Name.Value, d.From, d)
	}
	for _, d := range c.ratesDocs {
		keep("rates", d.Name.Value, d.From, d)
	}
	for _, d := range c.calendarDocs {
		keep("calendar", d.Name.Value, since{}, d)
	}
	for _, d := range c.anomalyDocs {
		keep("anomaly", d.Name.Value, d.From, d)
	}
	for _, d := range c.ownDocs {
		keep("own", "own", d.From, d)
	}
	for _, d := range c.timeZoneDocs {
		keep("time_zones", "time_zones", since{}, d)
	}
}

// PlansWith returns the plans whose prices a document may change. For a zone model these are the plans that name its
// zones, for a calendar the plans with holidays from it in a slice, for rates the plans in one of its currencies,
// and for time_zones the plans that follow the clock of the visited country. It returns false for other kinds.
func (c *Catalogue) PlansWith(kind, name string) (plans []string, ok bool) {
	var has func(p *planDoc) bool
	switch kind {
	case "zone_model":
		return c.PlansIn(name), true
	case "calendar":
		has = func(p *planDoc) bool {
			return slices.ContainsFunc(p.Slices, func(e diag.Entry[weekDoc]) bool {
				return slices.ContainsFunc(e.Value.holidays, func(h holidaysDoc) bool { return h.calendar.Value == name })
			})
		}
	case "rates":
		currencies := map[string]bool{}
		for _, s := range c.said["rates"][name] {
			for pair := range s.doc.(*ratesDoc).ratePairs() {
				from, to, _ := strings.Cut(pair, " to ")
				currencies[from], currencies[to] = true, true
			}
		}
		has = func(p *planDoc) bool { return currencies[p.Currency.Value] }
	case "time_zones":
		has = func(p *planDoc) bool { return p.SlicesIn.Value == visited }
	case "own":
		has = func(*planDoc) bool { return true }
	case "anomaly":
		var watched []string
		all := false
		for _, s := range c.said["anomaly"][name] {
			d := s.doc.(*anomalyDoc)
			all = all || len(d.Plans) == 0
			for _, p := range d.Plans {
				watched = append(watched, p.Value)
			}
		}
		has = func(p *planDoc) bool { return all || slices.Contains(watched, p.Name.Value) }
	default:
		return nil, false
	}
	for plan, versions := range c.said["plan"] {
		if slices.ContainsFunc(versions, func(s stated) bool { return has(s.doc.(*planDoc)) }) {
			plans = append(plans, plan)
		}
	}
	slices.Sort(plans)
	return plans, true
}
