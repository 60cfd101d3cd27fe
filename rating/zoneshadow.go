package rating

import (
	"slices"
	"strings"
)

// shadows names the earlier zones that together contain everything in a new zone, if the first match wins. It is
// empty if something is left for the new zone. It does not compare a country of the other party with the
// prefixes of its numbers, or a network with its country, because a record may contain only one of the two.
func (m *zoneModel) shadows(number int32, w *whereDoc) string {
	var before []string
	// held reports whether an earlier zone in one of the tables contains a place, or everything if the place is nil.
	held := func(tables []*places, place func(*places) (int32, bool)) bool {
		for _, t := range tables {
			z, ok := t.anywhere, t.anywhere != noZone
			if place != nil && !ok {
				z, ok = place(t)
			}
			if ok && z < number {
				if name := m.zones[z].name; !slices.Contains(before, name) {
					before = append(before, name)
				}
				return true
			}
		}
		return false
	}
	peers := [][]*places{{&m.anyPeer}}
	if w.peers() {
		peers = nil
	}
	for _, p := range w.Numbers {
		tables := []*places{&m.anyPeer}
		if t := m.byNumber[p.Value]; t != nil {
			tables = append(tables, t)
		}
		for n := 1; n <= len(p.Value); n++ {
			if t := m.byPrefix.known(p.Value[:n]); t != nil {
				tables = append(tables, t)
			}
		}
		peers = append(peers, tables)
	}
	if w.Peer.Value != "" {
		peers = append(peers, []*places{&m.anyPeer, m.ownPeer})
	}
	for _, p := range w.Prefixes {
		tables := []*places{&m.anyPeer}
		for n := 1; n <= len(p.Value); n++ {
			if t := m.byPrefix.known(p.Value[:n]); t != nil {
				tables = append(tables, t)
			}
		}
		peers = append(peers, tables)
	}
	for _, c := range w.PeerCountries {
		tables := []*places{&m.anyPeer}
		if t := m.byCountry[c.Value]; t != nil {
			tables = append(tables, t)
		}
		peers = append(peers, tables)
	}
	for _, tables := range peers {
		for _, n := range w.Networks {
			if !held(tables, func(t *places) (int32, bool) { z, ok := t.networks[n.Value]; return z, ok }) {
				return ""
			}
		}
		for _, c := range w.Countries {
			if !held(tables, func(t *places) (int32, bool) { z, ok := t.countries[c.Value]; return z, ok }) {
				return ""
			}
		}
		if w.Network.Value != "" && !held(tables, func(t *places) (int32, bool) { return t.ownNetwork, t.ownNetwork != noZone }) {
			return ""
		}
		if !w.places() && !held(tables, nil) {
			return ""
		}
		if w.unknown() && !held(tables, func(t *places) (int32, bool) { return t.unknown, t.unknown != noZone }) {
			return ""
		}
	}
	return strings.Join(before, ", ")
}

// known returns the table of a prefix, nil if there is none.
func (t *trie) known(prefix string) *places {
	if len(t.nodes) == 0 {
		return nil
	}
	at := int32(0)
	for i := range len(prefix) {
		k := trieIndex(prefix[i])
		if k < 0 || t.nodes[at].next[k] == 0 {
			return nil
		}
		at = t.nodes[at].next[k]
	}
	if n := t.nodes[at].table; n > 0 {
		return t.tables[n-1]
	}
	return nil
}
