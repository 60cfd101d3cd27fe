package rating_test

import (
	"slices"
	"strings"
	"time"

	"ratemill/udr"
)

// specificity is how closely what is named holds a record: the other party before the place, a longer prefix before a
// shorter one, a network before its country; -1 when it does not.
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

// networkPrice is the price of a network price plan at a local time: of those that hold then, the closest; of two that
// name the same, the one for the slice.
func (p *naivePlan) networkPrice(c *naiveClass, u *udr.Usage, t time.Time) *naivePrice {
	var best *naivePrice
	bestScore := -1
	for i := range c.Prices {
		x := &c.Prices[i]
		score := 2 * specificity(u, x.Networks, x.Countries, x.Prefixes, x.PeerCountries)
		if x.Slice != "" {
			if !inSlice(p.Slices[x.Slice], t) {
				continue
			}
			score++
		}
		if score > bestScore {
			best, bestScore = x, score
		}
	}
	return best
}

// priceAt is the price of a record at a moment of it.
func (r *naiveRater) priceAt(u *udr.Usage, a *accountLine, plan *naivePlan, class *naiveClass, zone string, at udr.Instant) *naivePrice {
	if plan.Zones == "" {
		return plan.networkPrice(class, u, localTime(at, a))
	}
	return plan.price(class, zone, localTime(at, a))
}

// networkZone says with which code a record is suspended that no price of a network price plan holds when it begins.
func (r *naiveRater) networkZone(u *udr.Usage, a *accountLine, plan *naivePlan, class *naiveClass) (zone string, err error) {
	if plan.networkPrice(class, u, localTime(u.At, a)) != nil {
		return "of a network price", nil
	}
	for _, x := range class.Prices {
		if specificity(u, x.Networks, x.Countries, x.Prefixes, x.PeerCountries) >= 0 {
			return "", naiveSuspended("no_price")
		}
	}
	return "", naiveSuspended("no_zone")
}
