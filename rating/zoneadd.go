package rating

import (
	"strings"

	"ratemill/diag"
	"ratemill/normalize"
)

// addZone adds a zone; a conflict with an earlier zone is an error, unless the first match wins.
func (m *zoneModel) addZone(z zone, at diag.Pos, l *diag.List, stored bool) {
	refuse := l.Errorf
	if stored {
		refuse = l.Warnf
	}
	z.id = hashName(z.name)
	a := adding{zoneModel: m, zone: &z, number: int32(len(m.zones)), at: at, list: l, refuse: refuse}
	m.zones = append(m.zones, z)
	tables := a.peers()
	m.places, m.peers = m.places || z.where.places(), m.peers || z.where.peers()
	if m.firstWins {
		if before := m.shadows(a.number, &z.where); before != "" {
			l.Warnf(at, "zone %s never matches: the zones before it (%s) cover all that it covers, and the first wins. Write it before "+
				"them", z.name, before)
		}
	}
	for _, t := range tables {
		a.networks(t)
		a.countries(t)
		a.other(t)
	}
}

// adding is a zone that addZone is adding to the tables of its model.
type adding struct {
	*zoneModel
	zone   *zone
	number int32
	at     diag.Pos
	list   *diag.List
	refuse func(at diag.Pos, format string, args ...any) *diag.Diagnostic // reports an error, or a warning in a stored catalogue
}

// peerPlaces contains the places of one prefix or country of the other party, or of any other party.
type peerPlaces struct {
	*places
	peer diag.Text
}

// peers returns the tables into which the zone's places go.
func (a *adding) peers() (tables []peerPlaces) {
	w := &a.zone.where
	for _, p := range w.Prefixes {
		if p.Value == "" || len(p.Value) > maxPrefix || strings.Trim(p.Value, "0123456789+") != "" || strings.LastIndex(p.Value, "+") > 0 {
			a.list.Errorf(p.Pos, "%q is not a number prefix; write digits, with + before a country code, in quotes", p.Value)
			continue
		}
		if why := normalize.NeverBegins(p.Value); why != "" {
			a.list.Warnf(p.Pos, "prefix %s never matches a phone number: %s", p.Value, why)
		}
		tables = append(tables, peerPlaces{a.byPrefix.table(p.Value), p})
	}
	for _, c := range w.PeerCountries {
		if !a.country(c, "DE") {
			continue
		}
		if a.byCountry == nil {
			a.byCountry = map[string]*places{}
		}
		if a.byCountry[c.Value] == nil {
			t := newPlaces()
			a.byCountry[c.Value] = &t
		}
		tables = append(tables, peerPlaces{a.byCountry[c.Value], c})
	}
	for _, p := range w.Numbers {
		if p.Value == "" || len(p.Value) > maxPrefix || strings.Trim(p.Value, "0123456789+") != "" || strings.LastIndex(p.Value, "+") > 0 {
			a.list.Errorf(p.Pos, "%q is not a number; write digits, with + before a country code, in quotes", p.Value)
			continue
		}
		if strings.HasPrefix(p.Value, "00") {
			a.list.Warnf(p.Pos, "number %s is never that of a record: %s", p.Value, normalize.NeverBegins(p.Value))
		}
		if a.byNumber == nil {
			a.byNumber = map[string]*places{}
		}
		if a.byNumber[p.Value] == nil {
			t := newPlaces()
			a.byNumber[p.Value] = &t
		}
		tables = append(tables, peerPlaces{a.byNumber[p.Value], p})
	}
	if w.Peer.Value != "" {
		if a.own = true; a.ownPeer == nil {
			t := newPlaces()
			a.ownPeer = &t
		}
		tables = append(tables, peerPlaces{a.ownPeer, diag.Text{Value: "own numbers", Pos: w.Peer.Pos}})
	}
	if !w.peers() {
		tables = append(tables, peerPlaces{&a.anyPeer, diag.Text{Pos: a.at}})
	}
	return tables
}

// country reports whether a word is a known country, and adds an error if it is not.
func (a *adding) country(c diag.Text, example string) bool {
	if !isCountry(c.Value) {
		a.list.Errorf(c.Pos, "%q is not a country; write two capital letters (ISO 3166-1), as in %s, in quotes where YAML would read a "+
			"word such as NO", c.Value, example)
		return false
	}
	if hint := normalize.NeverCountry(c.Value); hint != "" {
		a.refuse(c.Pos, "%s is not a country of ISO 3166-1, so it never matches%s", c.Value, hint)
	}
	return true
}

func (a *adding) networks(t peerPlaces) {
	for _, n := range a.zone.where.Networks {
		if !normalize.NetworkForm(n.Value) {
			a.list.Errorf(n.Pos, "%q is not a network; write MCC-MNC with the MNC's own number of digits, as in 208-10", n.Value)
			continue
		}
		if hint, respelled := normalize.NeverNetwork(n.Value); respelled {
			a.refuse(n.Pos, "%s is not a network, so it never matches%s", n.Value, hint)
		} else if hint != "" {
			a.list.Warnf(n.Pos, "the list of networks does not contain %s%s", n.Value, hint)
		}
		t.firstNetwork = min(t.firstNetwork, a.number)
		a.put(t.networks, n)
	}
	if w := &a.zone.where; w.Network.Value != "" {
		a.own = true
		if t.firstNetwork = min(t.firstNetwork, a.number); t.ownNetwork == noZone {
			t.ownNetwork = a.number
		} else {
			a.clash(t.ownNetwork, "own networks", w.Network.Pos)
		}
	}
}

func (a *adding) countries(t peerPlaces) {
	for _, c := range a.zone.where.Countries {
		if a.country(c, "FR") {
			t.firstCountry = min(t.firstCountry, a.number)
			a.put(t.countries, c)
		}
	}
}

// other adds the zone for usage at unknown places, and at any place.
func (a *adding) other(t peerPlaces) {
	if a.zone.where.unknown() {
		if t.unknown == noZone {
			t.unknown = a.number
		} else {
			a.clash(t.unknown, "unknown places", t.peer.Pos)
		}
	}
	if !a.zone.where.places() {
		if t.anywhere == noZone {
			t.anywhere = a.number
		} else {
			a.clash(t.anywhere, t.peer.Value, t.peer.Pos)
		}
	}
}

func (a *adding) put(places map[string]int32, t diag.Text) {
	if other, ok := places[t.Value]; ok {
		a.clash(other, t.Value, t.Pos)
		return
	}
	places[t.Value] = a.number
}

// clash reports that another zone has the same place; what is "" for everything.
func (a *adding) clash(other int32, what string, at diag.Pos) {
	if a.firstWins || other == a.number || a.zones[other].sliced && !a.zone.sliced {
		return
	}
	o := a.zones[other].name
	hold := "both hold " + what
	if what == "" {
		hold = "both hold everything"
		what = "there"
	}
	if a.name == "" {
		a.list.Errorf(at, "the prices for %s and %s %s at the same time; remove %s from one", o, a.zone.name, hold, what)
		return
	}
	a.list.Errorf(at, "zones %s and %s %s; a record from %s would be priced by %s, since it comes first. Write `first: wins`, or "+
		"remove %s from one",
		o, a.zone.name, hold, what, o, what)
}
