package rating_test

import (
	"strings"
	"time"

	"ratemill/udr"
)

// networkPrice is the price of a network price plan in a time slice: the closest of the prices that are valid then; if
// two name the same place, the one for the slice.
func (r *naiveRater) networkPrice(c *naiveClass, u *udr.Usage, slice string) *naivePrice {
	best := func(u *udr.Usage, unknown bool) (best *naivePrice) {
		bestScore := -1
		for i := range c.Prices {
			x := &c.Prices[i]
			if x.When != "" {
				continue
			}
			w := x.where()
			score := 2 * r.score(u, w)
			if unknown {
				if x.Unknown == nil || !*x.Unknown {
					continue
				}
				w.Networks, w.Countries, w.Network = nil, nil, ""
				score = 2 * r.score(u, w)
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
		if x.When != "" {
			continue
		}
		for _, place := range append(x.Networks, x.Countries...) {
			places[place] = true
		}
		if x.Network == "own" {
			places["208-10"] = true
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
		if z.Network == "own" {
			places["208-10"] = true
		}
	}
	first, same := anywhere(u, places, func(u *udr.Usage) string { return r.zoneAt(u, m) })
	if same {
		return first
	}
	best, bestScore := "", -1
	for _, z := range m.Zones {
		w := z.where()
		w.Networks, w.Countries, w.Network = nil, nil, ""
		if score := r.score(u, w); score > bestScore && z.Unknown != nil && *z.Unknown {
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
	if holiday := p.holiday(t); holiday != "" {
		return holiday
	}
	for name, parts := range p.Slices {
		if inSlice(parts, t) {
			return name
		}
	}
	return ""
}

// priceAt is the price of a record at a moment of it.
func (r *naiveRater) priceAt(u *udr.Usage, a *accountLine, plan *naivePlan, class *naiveClass, zone string, at udr.Instant) *naivePrice {
	if x := r.conditional(u, a, plan, class, zone, at); x != nil || r.trouble != "" {
		return x
	}
	local, _ := plan.sliceTime(u, a, at)
	if plan.Zones == "" {
		return r.networkPrice(class, u, plan.sliceAt(local))
	}
	return plan.price(class, zone, local)
}

// networkZone returns the code with which a record is suspended if no price of a network price plan is valid for it
// when it begins.
func (r *naiveRater) networkZone(u *udr.Usage, a *accountLine, plan *naivePlan, class *naiveClass) (zone string, err error) {
	x := r.priceAt(u, a, plan, class, "", u.At)
	if r.trouble != "" {
		return "", naiveSuspended(r.trouble)
	}
	if x != nil {
		return "of a network price", nil
	}
	for _, slice := range []string{"", "day", "night", "week"} {
		if r.networkPrice(class, u, slice) != nil {
			return "", naiveSuspended("no_price")
		}
	}
	return "", naiveSuspended("no_zone")
}
