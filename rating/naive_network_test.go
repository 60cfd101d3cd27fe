package rating_test

import (
	"slices"
	"strings"
	"time"

	"ratemill/udr"
)

// specificity is how closely the named places match a record: the other party before the place, a longer prefix before
// a shorter one, a network before its country; -1 if they do not match.
func specificity(u *udr.Usage, networks, countries, prefixes, peerCountries []string) int {
	place, peer := -1, -1
	if len(networks)+len(countries) == 0 {
		place = 0
	}
	if slices.Contains(countries, u.Country) {
		place = 1
	}
	if slices.Contains(networks, u.Network) {
		place = 2
	}
	if len(prefixes)+len(peerCountries) == 0 {
		peer = 0
	}
	if slices.Contains(peerCountries, u.PeerCountry) {
		peer = 1
	}
	for _, p := range prefixes {
		if strings.HasPrefix(u.Peer, p) {
			peer = max(peer, 1+len(p))
		}
	}
	if place < 0 || peer < 0 {
		return -1
	}
	return peer*3 + place
}

// networkPrice is the price of a network price plan in a time slice: the closest of the prices that are valid then; if
// two name the same place, the one for the slice.
func (p *naivePlan) networkPrice(c *naiveClass, u *udr.Usage, slice string) *naivePrice {
	best := func(u *udr.Usage, unknown bool) (best *naivePrice) {
		bestScore := -1
		for i := range c.Prices {
			x := &c.Prices[i]
			score := 2 * specificity(u, x.Networks, x.Countries, x.Prefixes, x.PeerCountries)
			if unknown {
				if x.Unknown == nil || !*x.Unknown {
					continue
				}
				score = 2 * specificity(u, nil, nil, x.Prefixes, x.PeerCountries)
			}
			if x.Slice != "" && x.Slice != slice {
				continue
			}
			if x.Slice != "" {
				score++
			}
			if score > bestScore {
				best, bestScore = x, score
			}
		}
		return best
	}
	places := map[string]bool{}
	for _, x := range c.Prices {
		for _, place := range append(x.Networks, x.Countries...) {
			places[place] = true
		}
	}
	first, same := anywhere(u, places, func(u *udr.Usage) *naivePrice { return best(u, false) })
	if same {
		return first
	}
	return best(u, true)
}

// zone is the zone of a record. If its place is unknown, it is the zone that the record would have at every place, or
// else the closest zone with unknown: true.
func (r *naiveRater) zone(u *udr.Usage, m *naiveModel) string {
	places := map[string]bool{}
	for _, z := range m.Zones {
		for _, place := range append(z.Networks, z.Countries...) {
			places[place] = true
		}
	}
	first, same := anywhere(u, places, func(u *udr.Usage) string { return r.zoneAt(u, m) })
	if same {
		return first
	}
	best, bestScore := "", -1
	for _, z := range m.Zones {
		if score := specificity(u, nil, nil, z.Prefixes, z.PeerCountries); score > bestScore && z.Unknown != nil && *z.Unknown {
			if best, bestScore = z.Zone, score; m.First == "wins" {
				break
			}
		}
	}
	return best
}

// anywhere asks a question about a record for every place where it may have been, and reports whether all answers are
// the same.
func anywhere[T comparable](u *udr.Usage, places map[string]bool, ask func(*udr.Usage) T) (first T, same bool) {
	if u.Country != "" || strings.HasPrefix(u.Network, "901-") {
		return ask(u), true
	}
	at := *u
	at.Country = "elsewhere"
	first = ask(&at)
	for country := range places {
		for network := range places {
			if at.Country = country; u.Network == "" {
				at.Network = network
			}
			if ask(&at) != first {
				return first, false
			}
			at.Country = "elsewhere"
			if ask(&at) != first {
				return first, false
			}
		}
	}
	return first, true
}

// sliceAt is the time slice of a local time.
func (p *naivePlan) sliceAt(t time.Time) string {
	for name, parts := range p.Slices {
		if inSlice(parts, t) {
			return name
		}
	}
	return ""
}

// priceAt is the price of a record at a moment of it.
func (r *naiveRater) priceAt(u *udr.Usage, a *accountLine, plan *naivePlan, class *naiveClass, zone string, at udr.Instant) *naivePrice {
	if plan.Zones == "" {
		return plan.networkPrice(class, u, plan.sliceAt(localTime(at, a)))
	}
	return plan.price(class, zone, localTime(at, a))
}

// networkZone returns the code with which a record is suspended if no price of a network price plan is valid for it
// when it begins.
func (r *naiveRater) networkZone(u *udr.Usage, a *accountLine, plan *naivePlan, class *naiveClass) (zone string, err error) {
	if plan.networkPrice(class, u, plan.sliceAt(localTime(u.At, a))) != nil {
		return "of a network price", nil
	}
	for _, slice := range []string{"", "day", "night", "week"} {
		if plan.networkPrice(class, u, slice) != nil {
			return "", naiveSuspended("no_price")
		}
	}
	return "", naiveSuspended("no_zone")
}
