package rating

import (
	"math"
	"slices"
	"strings"

	"ratemill/diag"
	"ratemill/udr"
)

// zoneModel finds the zone of a usage record.
//
// Zones are stored by their conditions: tables of places (networks, countries, anywhere), one for each condition on the
// other party (a prefix, a country, none). A lookup searches the tables that match the record, the most specific first.
type zoneModel struct {
	name      string // empty if the zones belong to a price plan
	at        diag.Pos
	since     since
	zones     []zone
	firstWins bool
	places    bool // at least one zone names networks or countries
	peers     bool // at least one zone names the other party

	anyPeer   places
	byPrefix  trie
	byCountry map[string]*places
	byNumber  map[string]*places // by whole number
	ownPeer   *places            // for own numbers; nil if no zone names them
	own       bool               // at least one zone names own numbers or networks
}

type zone struct {
	name   string
	local  int32  // number of the zone's name within all versions of the model, or of the price in a network price plan
	global int32  // number of the zone's name in the catalogue
	id     uint64 // hash of the zone's name
	where  whereDoc
	sliced bool // in a network price plan: its price is for a time slice
}

// places are zones by the place of usage.
type places struct {
	networks   map[string]int32
	countries  map[string]int32
	ownNetwork int32 // the zone of own networks; -1: none
	anywhere   int32 // -1: none
	unknown    int32 // the zone for usage at an unknown place; -1: none

	// The first zone with a network, and the first with a country; math.MaxInt32 if there is none.
	firstNetwork, firstCountry int32
}

const noZone = -1

func newPlaces() places {
	return places{networks: map[string]int32{}, countries: map[string]int32{}, ownNetwork: noZone, anywhere: noZone, unknown: noZone,
		firstNetwork: math.MaxInt32, firstCountry: math.MaxInt32}
}

// trie holds prefixes of digits and +.
type trie struct {
	nodes  []trieNode // the first is the root
	tables []*places
}

type trieNode struct {
	next  [11]int32 // 0: none
	table int32     // number of the table, from 1; 0: none
}

func trieIndex(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c == '+':
		return 10
	}
	return -1
}

func (t *trie) table(prefix string) *places {
	if len(t.nodes) == 0 {
		t.nodes = append(t.nodes, trieNode{})
	}
	at := int32(0)
	for i := range len(prefix) {
		k := trieIndex(prefix[i])
		if t.nodes[at].next[k] == 0 {
			t.nodes = append(t.nodes, trieNode{})
			t.nodes[at].next[k] = int32(len(t.nodes) - 1)
		}
		at = t.nodes[at].next[k]
	}
	if t.nodes[at].table == 0 {
		p := newPlaces()
		t.tables = append(t.tables, &p)
		t.nodes[at].table = int32(len(t.tables))
	}
	return t.tables[t.nodes[at].table-1]
}

// hit is a zone and the condition that selected it.
type hit struct {
	zone int32
	by   ZoneBy
	key  string
}

// lookup finds the zone of u, given the parts of u that are own; ok is false if no zone matches.
func (m *zoneModel) lookup(u *udr.Usage, own belonging) (found hit, ok bool) {
	if u.Country == "" && m.places && !international(u.Network) {
		return m.lookupUnknown(u, own)
	}
	found.zone = noZone
	if m.peers {
		if found = m.lookupPeer(u, own); found.zone != noZone && !m.firstWins {
			return found, true
		}
	}
	if z, by, key := m.anyPeer.lookup(u, m.firstWins, own.network); z != noZone && (found.zone == noZone || z < found.zone) {
		found = hit{z, by, key}
	}
	return found, found.zone != noZone
}

// lookupPeer is like lookup, but only among the zones that name the other party.
func (m *zoneModel) lookupPeer(u *udr.Usage, own belonging) (found hit) {
	found.zone = noZone
	if len(m.byNumber) > 0 || m.ownPeer != nil && own.peer {
		if found = m.lookupWhole(u, own); found.zone != noZone && !m.firstWins {
			return found
		}
	}
	if len(m.byPrefix.nodes) > 0 && u.Peer != "" {
		// These are the tables along the number, shorter prefixes first; the last hit has the longest prefix.
		at := int32(0)
		for i := 0; i < len(u.Peer); i++ {
			k := trieIndex(u.Peer[i])
			if k < 0 {
				break
			}
			if at = m.byPrefix.nodes[at].next[k]; at == 0 {
				break
			}
			if t := m.byPrefix.nodes[at].table; t > 0 {
				if z, _, _ := m.byPrefix.tables[t-1].lookup(u, m.firstWins, own.network); z != noZone &&
					(!m.firstWins || found.zone == noZone || z <= found.zone) {
					found = hit{z, ByPrefix, u.Peer[:i+1]}
				}
			}
		}
		if found.zone != noZone && !m.firstWins {
			return found
		}
	}
	if t := m.byCountry[u.PeerCountry]; t != nil {
		if z, _, _ := t.lookup(u, m.firstWins, own.network); z != noZone && (found.zone == noZone || z < found.zone) {
			found = hit{z, ByPeerCountry, u.PeerCountry}
		}
	}
	return found
}

// lookupWhole finds the zone of a record by the other party's whole number, if a zone lists it or it is an own
// number.
func (m *zoneModel) lookupWhole(u *udr.Usage, own belonging) (found hit) {
	found.zone = noZone
	if t := m.byNumber[u.Peer]; t != nil {
		if z, _, _ := t.lookup(u, m.firstWins, own.network); z != noZone {
			if found = (hit{z, ByNumber, u.Peer}); !m.firstWins {
				return found
			}
		}
	}
	if m.ownPeer != nil && own.peer {
		if z, _, _ := m.ownPeer.lookup(u, m.firstWins, own.network); z != noZone && (found.zone == noZone || z < found.zone) {
			found = hit{z, ByOwnPeer, u.Peer}
		}
	}
	return found
}

// international reports whether a network belongs to no country, like the networks of satellites, ships and
// aircraft (MCC 901, E.212 annex A).
func international(network string) bool { return strings.HasPrefix(network, "901-") }

// maxPrefix is the length of the longest prefix.
const maxPrefix = 20

// lookupUnknown finds the zone of a record whose country, and often network, is unknown. A zone matches if it
// explicitly accepts such records, or if no possible place of the record would lead to another zone.
func (m *zoneModel) lookupUnknown(u *udr.Usage, own belonging) (found hit, ok bool) {
	// These are the tables that match the record's other party, the most specific last.
	var tables [maxPrefix + 4]*places
	var by [maxPrefix + 4]hit
	tables[0], by[0] = &m.anyPeer, hit{by: ByAnything}
	n := 1
	if t := m.byCountry[u.PeerCountry]; t != nil {
		tables[n], by[n] = t, hit{by: ByPeerCountry, key: u.PeerCountry}
		n++
	}
	at := int32(0)
	for i := 0; i < len(u.Peer) && len(m.byPrefix.nodes) > 0; i++ {
		k := trieIndex(u.Peer[i])
		if k < 0 {
			break
		}
		if at = m.byPrefix.nodes[at].next[k]; at == 0 {
			break
		}
		if t := m.byPrefix.nodes[at].table; t > 0 {
			tables[n], by[n] = m.byPrefix.tables[t-1], hit{by: ByPrefix, key: u.Peer[:i+1]}
			n++
		}
	}
	if m.ownPeer != nil && own.peer {
		tables[n], by[n] = m.ownPeer, hit{by: ByOwnPeer, key: u.Peer}
		n++
	}
	if t := m.byNumber[u.Peer]; t != nil {
		tables[n], by[n] = t, hit{by: ByNumber, key: u.Peer}
		n++
	}
	found.zone = noZone
	named := int32(math.MaxInt32) // the first zone that a possible place would select
	for _, t := range tables[:n] {
		named = min(named, t.couldBe(u))
	}
	for i := n - 1; i >= 0; i-- {
		t := tables[i]
		network, known := t.networks[u.Network]
		listed := known
		if own.network && t.ownNetwork != noZone && (!known || m.firstWins && t.ownNetwork < network) {
			network, known, listed = t.ownNetwork, true, false
		}
		take := func(zone int32, hit hit) {
			if zone != noZone && (found.zone == noZone || zone < found.zone) {
				hit.zone = zone
				found = hit
			}
		}
		byNetwork := by[i]
		if byNetwork.by == ByAnything {
			if byNetwork = (hit{by: ByNetwork, key: u.Network}); !listed {
				byNetwork.by = ByOwnNetwork
			}
		}
		if m.firstWins {
			if known && network <= named {
				take(network, byNetwork)
			}
			if t.anywhere < named {
				take(t.anywhere, by[i])
			}
			continue
		}
		if known {
			take(network, byNetwork)
			return found, true
		}
		if t.couldBe(u) < math.MaxInt32 {
			break // it is unknown whether a zone of this table matches the record
		}
		if take(t.anywhere, by[i]); found.zone != noZone {
			return found, true
		}
	}
	if found.zone != noZone || named == math.MaxInt32 {
		return found, found.zone != noZone
	}
	for i := n - 1; i >= 0; i-- {
		z := tables[i].unknown
		if z == noZone || found.zone != noZone && (!m.firstWins || z > found.zone) {
			continue
		}
		found = by[i]
		found.zone = z
	}
	return found, found.zone != noZone
}

// couldBe returns the first zone that names a possible place of the record.
func (p *places) couldBe(u *udr.Usage) int32 {
	if u.Network != "" {
		return p.firstCountry
	}
	return min(p.firstCountry, p.firstNetwork)
}

func (p *places) lookup(u *udr.Usage, firstWins, ownNetwork bool) (zone int32, by ZoneBy, key string) {
	zone = noZone
	if len(p.networks) > 0 {
		if z, ok := p.networks[u.Network]; ok {
			zone, by, key = z, ByNetwork, u.Network
			if !firstWins {
				return zone, by, key
			}
		}
	}
	if ownNetwork && p.ownNetwork != noZone && (zone == noZone || p.ownNetwork < zone) {
		if zone, by, key = p.ownNetwork, ByOwnNetwork, u.Network; !firstWins {
			return zone, by, key
		}
	}
	if len(p.countries) > 0 {
		if z, ok := p.countries[u.Country]; ok && (zone == noZone || z < zone) {
			zone, by, key = z, ByCountry, u.Country
			if !firstWins {
				return zone, by, key
			}
		}
	}
	if p.anywhere != noZone && (zone == noZone || p.anywhere < zone) {
		return p.anywhere, ByAnything, ""
	}
	return zone, by, key
}

func isCountry(s string) bool {
	return len(s) == 2 && s[0] >= 'A' && s[0] <= 'Z' && s[1] >= 'A' && s[1] <= 'Z'
}

// warnUnknown reports the plans that do not mention usage at an unknown place although the place decides the price.
func (c *compiler) warnUnknown() {
	users := map[*family[zoneModel]][]string{}
	for _, f := range c.plans.list {
		for _, p := range f.versions {
			for class, pc := range p.classes {
				switch {
				case pc == nil:
				case pc.models != nil:
					if !slices.Contains(users[pc.models], p.name) {
						users[pc.models] = append(users[pc.models], p.name)
					}
				case p.derived && slices.ContainsFunc(c.list, func(d diag.Diagnostic) bool { return d.Pos == pc.at }):
				case !saysUnknown(pc.own):
					c.list.Warnf(pc.at, "class %s of plan %s has no price for usage at an unknown place: such usage goes to suspense. "+
						"Write `unknown: true` at the price that should cover it, or `unknown: false` if suspense is intended",
						c.names[class], p.name)
				}
			}
		}
	}
	for _, f := range c.models.list {
		if plans := users[f]; len(plans) > 0 {
			slices.Sort(plans)
			for i, m := range f.versions {
				if !saysUnknown(f.versions[i : i+1]) {
					c.list.Warnf(m.at, "no zone of model %s covers usage at an unknown place: with its plans (%s), such usage goes to "+
						"suspense. Write `unknown: true` at the zone that should cover it, or `unknown: false` if suspense is intended",
						m.name, strings.Join(plans, ", "))
				}
			}
		}
	}
}

// saysUnknown reports whether usage at an unknown place needs no warning. That is so if the models do not depend on
// places, have no zone that could be meant for such usage, or explicitly say which zone applies.
func saysUnknown(models []*zoneModel) bool {
	places, rest := false, false
	for _, m := range models {
		places = places || m.places
		for i := range m.zones {
			w := &m.zones[i].where
			if w.Unknown != nil {
				return true
			}
			rest = rest || !w.places()
		}
	}
	return !places || !rest
}
