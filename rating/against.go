package rating

import (
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"ratemill/decimal"
	"ratemill/diag"
	"ratemill/literal"
	"ratemill/normalize"
	"ratemill/udr"
)

// This file lists the changes of a new catalogue: prices and other terms of plans, share plans, limits, packages,
// add-ons, rates, calendars, anomalies, own and time_zones, and the networks, countries and prefixes that change
// their zone. It first fills price lists and extended plans into the documents. It then compares the documents at
// each date on which a version of either catalogue begins.

// A Change is one difference between two catalogues.
type Change struct {
	Kind  string `json:"kind"`  // the key of the document: plan, share_plan, limit, rates, zone_model …
	Name  string `json:"name"`  // of the document
	From  string `json:"from"`  // "" for always
	Class string `json:"class"` // of a price
	Where string `json:"where"` // zone or place, and slice, of a price; or the place that changes its zone
	What  string `json:"what"`  // the field
	Old   string `json:"old"`   // "" if the value is new
	New   string `json:"new"`   // zone or place and time slice of the price, or the place that moves to another zone
}

// said holds the documents of a catalogue for comparisons, by kind and name.
type said map[string]map[string][]stated

// saidKinds are the kinds of documents in the order of the report.
var saidKinds = []string{"plan", "share_plan", "limit", "package", "addon", "rates", "calendar", "anomaly", "own", "time_zones"}

// stated is a version of a document.
type stated struct {
	from since
	doc  any
}

func (c *compiler) keepSaid() {
	c.said = said{}
	for _, kind := range saidKinds {
		c.said[kind] = map[string][]stated{}
	}
	keep := func(kind, name string, from since, doc any) {
		c.said[kind][name] = append(c.said[kind][name], stated{from, doc})
	}
	for _, d := range c.planDocs {
		keep("plan", d.Name.Value, d.From, d)
	}
	for _, d := range c.shareDocs {
		keep("share_plan", d.Name.Value, d.From, d)
	}
	for _, d := range c.limitDocs {
		keep("limit", d.Name.Value, d.From, d)
	}
	c.keepMore(keep)
	for _, m := range c.said {
		for _, list := range m {
			slices.SortStableFunc(list, func(a, b stated) int { return cmp.Compare(a.from.Order(), b.from.Order()) })
		}
	}
}

// Against lists the changes of c compared with another catalogue, in the order of kinds and names.
func (c *Catalogue) Against(before *Catalogue) (changes []Change) {
	for _, kind := range saidKinds {
		old, now := before.said[kind], c.said[kind]
		names := slices.Concat(slices.Collect(maps.Keys(old)), slices.Collect(maps.Keys(now)))
		slices.Sort(names)
		for _, name := range slices.Compact(names) {
			changes = append(changes, compared(kind, name, old[name], now[name])...)
		}
	}
	return append(changes, c.moves(before)...)
}

// compared collects the differences between versions of a document.
func compared(kind, name string, old, now []stated) (changes []Change) {
	type pair struct{ old, now any }
	var last pair
	for _, from := range beginnings(old, now) {
		p := pair{inForce(old, &from), inForce(now, &from)}
		if p == last {
			continue
		}
		last = p
		each := Change{Kind: kind, Name: name, From: from.Text}
		switch {
		case p.old == nil:
			each.What, each.New = kind, "new"
			changes = append(changes, each)
		case p.now == nil:
			each.What, each.Old = kind, "gone"
			changes = append(changes, each)
		default:
			changes = append(changes, documentChanges(&each, p.old, p.now)...)
		}
	}
	// It reports a difference once if it is the same at the next date.
	seen := map[Change]bool{}
	return slices.DeleteFunc(changes, func(x Change) bool {
		x.From = ""
		twice := seen[x]
		seen[x] = true
		return twice
	})
}

func beginnings(lists ...[]stated) (all []since) {
	for _, list := range lists {
		for _, s := range list {
			all = append(all, s.from)
		}
	}
	slices.SortStableFunc(all, func(a, b since) int { return cmp.Compare(a.Order(), b.Order()) })
	return slices.CompactFunc(all, func(a, b since) bool { return a.Order() == b.Order() })
}

// inForce returns the version that is in force from a date on, nil if there is none.
func inForce(list []stated, from *since) (doc any) {
	for _, s := range list {
		if s.from.Order() <= from.Order() {
			doc = s.doc
		}
	}
	return doc
}

func documentChanges(each *Change, old, now any) (changes []Change) {
	add := func(class, where, what, was, is string) {
		x := *each
		x.Class, x.Where, x.What, x.Old, x.New = class, where, what, was, is
		changes = append(changes, x)
	}
	switch x := old.(type) {
	case *ratesDoc:
		pairChanges(x.ratePairs(), now.(*ratesDoc).ratePairs(), func(where, was, is string) { add("", where, "rate", was, is) })
		return changes
	case *timeZonesDoc:
		pairChanges(x.zonesOf(), now.(*timeZonesDoc).zonesOf(), func(where, was, is string) { add("", where, "time zone", was, is) })
		return changes
	}
	a, b := reflect.ValueOf(old).Elem(), reflect.ValueOf(now).Elem()
	fieldChanges(a, b, func(what, was, is string) { add("", "", what, was, is) })
	p, ok := old.(*planDoc)
	if !ok {
		return changes
	}
	q := now.(*planDoc)
	names := []string{}
	for _, e := range slices.Concat(p.Classes, q.Classes) {
		if e.Value != nil && !slices.Contains(names, e.Key.Value) {
			names = append(names, e.Key.Value)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		x, _ := p.Classes.Get(name)
		y, _ := q.Classes.Get(name)
		switch {
		case x == nil:
			x = &classDoc{}
		case y == nil:
			y = &classDoc{}
		default:
			fieldChanges(reflect.ValueOf(x).Elem(), reflect.ValueOf(y).Elem(), func(what, was, is string) { add(name, "", what, was, is) })
		}
		priceChanges(x.Prices, y.Prices, func(where, was, is string) { add(name, where, "price", was, is) })
	}
	return changes
}

// comparedApart lists the fields that fieldChanges skips: those that name a document or its version, and those
// whose parts are compared separately.
var comparedApart = []string{"plan", "share_plan", "limit", "from", "extends", "factor", "discount", "for", "until", "classes", "prices",
	"formerly", "package", "addon", "calendar", "anomaly"}

// fieldChanges compares the fields of two documents as text.
func fieldChanges(a, b reflect.Value, tell func(what, was, is string)) {
	for i := range a.NumField() {
		f := a.Type().Field(i)
		name, words, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		switch {
		case !f.IsExported():
		case words == "inline":
			fieldChanges(a.Field(i), b.Field(i), tell)
		case name == "" || slices.Contains(comparedApart, name) && !(name == "classes" && a.Type() != reflect.TypeFor[planDoc]()):
		default:
			if was, is := inWords(a.Field(i)), inWords(b.Field(i)); was != is {
				tell(name, was, is)
			}
		}
	}
}

// inWords returns a document's value as text, without its positions in the file; "" if the document lacks the
// field.
func inWords(v reflect.Value) string {
	switch x := v.Interface().(type) {
	case diag.Text:
		return x.Value
	case priceText:
		return x.words()
	case quantity:
		return quantityWords(x.Value, x.Unit)
	case moneyText:
		return x.Amount.String() + " " + x.Currency
	case since:
		return x.Text
	case increments:
		switch {
		case !x.given:
			return ""
		case x.initial == x.then:
			return quantityWords(x.then, x.unit)
		}
		return quantityWords(x.initial, x.unit) + ", then " + quantityWords(x.then, x.unit)
	case diag.Pos, *diag.Node:
		return ""
	case interface{ words() string }:
		if v.Kind() != reflect.Pointer {
			return x.words()
		}
	}
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return ""
		}
		return inWords(v.Elem())
	case reflect.Slice:
		var all []string
		for i := range v.Len() {
			all = append(all, inWords(v.Index(i)))
		}
		return strings.Join(all, "; ")
	case reflect.Struct:
		var all []string
		for i := range v.NumField() {
			f := v.Type().Field(i)
			if !f.IsExported() {
				continue
			}
			words := inWords(v.Field(i))
			name, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
			if p, ok := v.Field(i).Interface().(*priceText); ok && p != nil && name == "package" {
				words = p.wordsOfPackage()
			}
			if words == "" || words == "0" && v.Field(i).Kind() == reflect.Int {
				continue
			}
			if name != "" && name != "price" && name != "bucket" {
				words = name + " " + words
			}
			all = append(all, words)
		}
		return strings.Join(all, ", ")
	case reflect.Bool:
		return map[bool]string{true: "yes"}[v.Bool()]
	}
	return fmt.Sprint(v.Interface())
}

// words returns a price in a canonical notation, in which 0.02 / 1 MB and 0.02 / 1000 kB are equal.
func (p *priceText) words() string {
	switch {
	case p.text == "":
		return ""
	case p.price.IsZero():
		return "free"
	case p.unit == udr.Count && p.per == 1 || p.unit == literal.AnyUnit:
		return p.price.String()
	}
	for _, usual := range []struct {
		unit udr.Unit
		per  int64
	}{{udr.Octet, 1e6}, {udr.Second, 60}} {
		price, rest, below, err := p.price.Price(usual.per, uint64(p.per), decimal.Exact)
		if usual.unit == p.unit && err == nil && rest.IsZero() && below == (decimal.Fraction{}) {
			return price.String() + " / " + quantityWords(usual.per, p.unit)
		}
	}
	return p.price.String() + " / " + quantityWords(p.per, p.unit)
}

// wordsOfPackage returns the price of a package as text. The size is part of the price: 1 MB costs 2 at 2 / 10
// MB, and 0.2 at 0.2 / 1 MB.
func (p *priceText) wordsOfPackage() string {
	if p.price.IsZero() || p.unit == literal.AnyUnit {
		return p.words()
	}
	return p.price.String() + " / " + quantityWords(p.per, p.unit)
}

// quantityWords returns a quantity in the largest unit that divides it exactly.
func quantityWords(n int64, unit udr.Unit) string {
	for _, u := range []struct {
		of   udr.Unit
		size int64
		name string
	}{{udr.Octet, 1e9, "GB"}, {udr.Octet, 1e6, "MB"}, {udr.Octet, 1e3, "kB"}} {
		if u.of == unit && n > 0 && n%u.size == 0 {
			return fmt.Sprint(n/u.size, " ", u.name)
		}
	}
	if unit == literal.AnyUnit {
		return fmt.Sprint(n)
	}
	return Units(n, unit)
}

// priceChanges compares the prices of a class place by place. It reports places with the same change together.
func priceChanges(old, now []priceDoc, tell func(where, was, is string)) {
	was, is := byPlace(old), byPlace(now)
	places := slices.Concat(slices.Collect(maps.Keys(was)), slices.Collect(maps.Keys(is)))
	slices.Sort(places)
	type change struct{ slice, was, is string }
	together := map[change][]string{}
	var order []change
	for _, p := range slices.Compact(places) {
		if was[p] == is[p] {
			continue
		}
		place, slice, _ := strings.Cut(p, "\x00")
		c := change{slice, was[p], is[p]}
		if together[c] == nil {
			order = append(order, c)
		}
		together[c] = append(together[c], place)
	}
	for _, c := range order {
		where := together[c]
		text := strings.Join(where[:min(len(where), 3)], ", ")
		if more := len(where) - 3; more > 0 {
			text += fmt.Sprintf(" and %d more", more)
		}
		if c.slice != "" {
			text += " @ " + c.slice
		}
		tell(text, c.was, c.is)
	}
}

// byPlace holds the terms of prices by zone or place, slice and condition.
func byPlace(prices []priceDoc) map[string]string {
	m := map[string]string{}
	for i := range prices {
		p := &prices[i]
		says := *p
		says.Name, says.Formerly, says.Zones, says.Where, says.Slice, says.When = diag.Text{}, diag.Text{}, nil, whereDoc{}, diag.Text{},
			diag.Text{}
		words := inWords(reflect.ValueOf(&says).Elem())
		key := p.Slice.Value
		if p.When.Value != "" {
			key += " when " + p.When.Value
		}
		for _, place := range p.placesApart() {
			m[place+"\x00"+strings.TrimSpace(key)] = words
		}
	}
	return m
}

// placesApart returns the zones of a price, or each of its places with the other parties.
func (p *priceDoc) placesApart() (places []string) {
	for _, z := range p.Zones {
		places = append(places, "zone "+z.Value)
	}
	if len(places) > 0 {
		return places
	}
	rest := p.Where
	rest.Networks, rest.Countries, rest.Network = nil, nil, diag.Text{}
	to := ""
	if rest.peers() {
		to = " " + strings.TrimPrefix(" to "+strings.TrimPrefix(rest.holds(), "to "), " ")
	}
	for _, t := range slices.Concat(p.Where.Networks, p.Where.Countries) {
		places = append(places, t.Value+to)
	}
	if p.Where.Network.Value != "" {
		places = append(places, "own networks"+to)
	}
	if p.Where.unknown() && p.Where.places() {
		places = append(places, "unknown places"+to)
	}
	if len(places) == 0 {
		places = []string{cmp.Or(strings.TrimSpace(to), "everywhere else")}
	}
	return places
}

// moves lists the places that change their zone.
func (c *Catalogue) moves(before *Catalogue) (changes []Change) {
	for _, f := range c.models.list {
		i, ok := before.models.find(f.name)
		if !ok {
			continue
		}
		g := before.models.list[i]
		for n, m := range f.versions {
			if old := like(g, f.since[n]); old != nil {
				changes = append(changes, moved(old, m, f.since[n].Text)...)
			}
		}
	}
	return changes
}

// moved lists the places that are in different zones in a version of a model.
func moved(old, now *zoneModel, from string) (changes []Change) {
	seen := map[string]bool{}
	for _, m := range []*zoneModel{old, now} {
		for i := range m.zones {
			w := &m.zones[i].where
			for _, u := range w.probes() {
				where := cmp.Or(u.Network, cmp.Or(u.Country, cmp.Or(u.Peer, u.PeerCountry)))
				if seen[where] {
					continue
				}
				seen[where] = true
				if was, is := old.zoneOf(&u), now.zoneOf(&u); was != is {
					changes = append(changes, Change{Kind: "zone_model", Name: now.name, From: from, Where: where, What: "zone", Old: was, New: is})
				}
			}
		}
	}
	slices.SortFunc(changes, func(a, b Change) int { return strings.Compare(a.Where, b.Where) })
	return changes
}

// probes returns one usage record for each place, number and country that selects a zone.
func (w *whereDoc) probes() (list []udr.Usage) {
	for _, t := range w.Networks {
		u := udr.Usage{Network: t.Value}
		if normalize.NetworkForm(t.Value) {
			mcc, _ := strconv.Atoi(t.Value[:3])
			mnc, _ := strconv.Atoi(t.Value[4:])
			u.Country = normalize.Network{MCC: uint16(mcc), MNC: uint16(mnc), MNCDigits: uint8(len(t.Value) - 4)}.Country().String()
		}
		list = append(list, u)
	}
	for _, t := range w.Countries {
		list = append(list, udr.Usage{Country: t.Value})
	}
	for _, t := range slices.Concat(w.Prefixes, w.Numbers) {
		list = append(list, udr.Usage{Peer: t.Value, Country: "AQ"}) // for a zone that also names a place: usage somewhere else
	}
	for _, t := range w.PeerCountries {
		list = append(list, udr.Usage{PeerCountry: t.Value, Country: "AQ"})
	}
	return list
}

func (m *zoneModel) zoneOf(u *udr.Usage) string {
	hit, ok := m.lookup(u, belonging{})
	if !ok {
		return ""
	}
	return m.zones[hit.zone].name
}

// PlansIn returns the sorted names of the plans whose prices name zones of a model, in any version.
func (c *Catalogue) PlansIn(model string) (plans []string) {
	for name, versions := range c.said["plan"] {
		if slices.ContainsFunc(versions, func(s stated) bool { return s.doc.(*planDoc).Zones.Value == model }) {
			plans = append(plans, name)
		}
	}
	slices.Sort(plans)
	return plans
}
