package rating

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"ratemill/diag"
	"ratemill/udr"
)

// A network price plan has no zone model: its prices name places directly. At each time of the week, every price that
// is valid then has a zone of its own. Two prices may therefore name the same network at different times. Outside the
// times of a price, the next less specific price applies.

// ownPrice is a price of a class of a network price plan.
type ownPrice struct {
	doc    *priceDoc
	at     diag.Pos
	slice  int32
	number int32  // index in planClass.prices
	holds  string // the price's places as text, equal for any order of words
	zone   string // the price's name in charges
}

// compileNetworks builds the class's zones for each time slice from the places of its prices.
func (c *compiler) compileNetworks(pc *planClass, p *plan, class diag.Text, prices []ownPrice) {
	type where struct {
		holds string
		slice int32
	}
	first := make(map[where]int32, len(prices))
	for i := range prices {
		x := &prices[i]
		if number, taken := first[where{x.holds, x.slice}]; taken {
			c.list.Errorf(x.at, "zone %s already has a price: %s; a zone and slice has one price", x.zone, pc.prices[number].name)
			return
		}
		first[where{x.holds, x.slice}] = x.number
	}
	pc.own = make([]*zoneModel, pc.stride)
	var found diag.List
	for slice := range pc.stride {
		m := &zoneModel{anyPeer: newPlaces()}
		var zones []*ownPrice
		for i := range prices {
			if x := &prices[i]; x.slice == slice || x.slice == 0 {
				zones = append(zones, x)
			}
		}
		// If a price for the slice and a price for any time both match, the price for the slice takes precedence.
		slices.SortStableFunc(zones, func(a, b *ownPrice) int { return cmp.Compare(b.slice, a.slice) })
		for _, x := range zones {
			m.addZone(zone{name: x.zone, local: x.number, global: c.zone(x.zone), where: x.doc.Where, sliced: x.slice != 0}, x.at, &found, c.stored)
		}
		pc.own[slice] = m
		pc.usesOwn = pc.usesOwn || m.own
	}
	for _, d := range found { // most warnings would repeat for each slice
		if !slices.Contains(c.list, d) {
			c.list = append(c.list, d)
		}
	}
	c.warnOwnGaps(pc, p, class, prices)
}

// warnOwnGaps warns of prices for certain time slices if no price matches their places for the rest of the week.
func (c *compiler) warnOwnGaps(pc *planClass, p *plan, class diag.Text, prices []ownPrice) {
	rows := make(map[string][]int32, len(prices))
	for _, x := range prices {
		if rows[x.holds] == nil {
			rows[x.holds] = slices.Repeat([]int32{-1}, int(pc.stride))
		}
		rows[x.holds][x.slice] = x.number
	}
	for _, x := range prices {
		row := rows[x.holds]
		if row == nil {
			continue
		}
		rows[x.holds] = nil // told once
		for slice, m := range pc.own {
			if rest := m.anyPeer.anywhere; row[slice] < 0 && rest != noZone {
				row[slice] = m.zones[rest].local
			}
		}
		c.warnGaps(p, class, x.zone, row)
	}
}

// ownZone returns the zone name that charges show for a price of a network price plan: an abbreviation of its places,
// which two prices may share.
func ownZone(w *whereDoc) string {
	parts := w.parts()
	switch {
	case len(parts) == 0:
		return "all"
	case len(parts) > 3:
		return fmt.Sprintf("%s…%d", strings.Join(parts[:2], ","), len(parts))
	}
	return strings.Join(parts, ",")
}

// ownZones names the zone of each price of a network price plan. Prices with the same places have one zone; if another
// price has the same abbreviation, the price's own name or its position distinguishes the two.
type ownZones struct {
	byHolds map[string]string
	taken   map[string]bool
}

func (o *ownZones) name(d *priceDoc, place int) string {
	if o.byHolds == nil {
		o.byHolds, o.taken = map[string]string{}, map[string]bool{}
	}
	holds := d.Where.holds()
	name, ok := o.byHolds[holds]
	if ok {
		return name
	}
	name = ownZone(&d.Where)
	if o.taken[name] && d.Name.Value != "" {
		name = d.Name.Value
	}
	if o.taken[name] {
		name = fmt.Sprintf("%s (price %d)", name, place)
	}
	o.byHolds[holds], o.taken[name] = name, true
	return name
}

// parts returns all words in the order in which they are written.
func (w *whereDoc) parts() (parts []string) {
	for _, list := range [][]diag.Text{w.Networks, w.Countries, w.Prefixes, w.Numbers, w.PeerCountries} {
		for _, t := range list {
			parts = append(parts, t.Value)
		}
	}
	if w.Network.Value != "" {
		parts = append(parts, ownNetworks)
	}
	if w.Peer.Value != "" {
		parts = append(parts, ownNumbers)
	}
	return parts
}

// holds returns the places of a price as one text, which is equal for equal sets of places in any order. Networks
// cannot be confused with countries, nor prefixes with countries, so only the beginning of the other parties
// needs a mark.
func (w *whereDoc) holds() string {
	places, peers := []diag.Text(nil), []diag.Text(nil)
	if w.Network.Value != "" {
		places = []diag.Text{{Value: ownNetworks}}
	}
	if w.Peer.Value != "" {
		peers = []diag.Text{{Value: ownNumbers}}
	}
	for _, n := range w.Numbers {
		peers = append(peers, diag.Text{Value: "=" + n.Value}) // distinguishes the number from a prefix with the same digits
	}
	text := sortedWords(w.Networks, w.Countries, places)
	if len(w.PeerCountries)+len(peers) > 0 || text != "" && len(w.Prefixes) > 0 {
		text = strings.TrimPrefix(text+" to "+sortedWords(w.Prefixes, w.PeerCountries, peers), " ")
	} else if text == "" {
		text = sortedWords(w.Prefixes)
	}
	return cmp.Or(text, "all")
}

// The words for own networks and numbers in the names of zones.
const (
	ownNetworks = "own networks"
	ownNumbers  = "own numbers"
)

func sortedWords(lists ...[]diag.Text) string {
	var all []string
	for _, list := range lists {
		var words []string
		for _, t := range list {
			words = append(words, t.Value)
		}
		slices.Sort(words)
		all = append(all, slices.Compact(words)...)
	}
	return strings.Join(all, ",")
}

// ownModel returns the zones of a network price plan in the time slice of an instant.
func (t *tier) ownModel(at udr.Instant) *zoneModel {
	slice := int16(0)
	if t.class.sliced {
		slice, _ = t.plan.week.at(t.wall.local(at))
	}
	return t.class.own[slice]
}

// holdsAtTimes reports whether some price matches a record at some time of the week.
func (p *planClass) holdsAtTimes(u *udr.Usage, own belonging) bool {
	for _, m := range p.own {
		if _, ok := m.lookup(u, own); ok {
			return true
		}
	}
	return false
}
