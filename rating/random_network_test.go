package rating_test

import (
	"fmt"
	"math/rand"
	"slices"
)

// randomNetworkPrices are the prices of a class of a network price plan. Two prices for the same time have no place in
// common; prices for different times may.
func randomNetworkPrices(r *rand.Rand, _ string, add func(naivePrice)) {
	for _, slice := range []string{"", "day", "night", "week"} {
		if slice != "" && r.Intn(3) > 0 {
			continue
		}
		for _, peer := range []naivePrice{{}, {Prefixes: []string{"+34"}}, {Prefixes: []string{"+349", "+49"}},
			{PeerCountries: []string{"DE", "ES"}}} {
			if len(peer.Prefixes)+len(peer.PeerCountries) > 0 && r.Intn(3) > 0 {
				continue
			}
			unknown := new(bool)
			*unknown = r.Intn(3) == 0
			left := []string{"214-07", "208-10", "310-410", "ES", "FR", "US"}
			r.Shuffle(len(left), func(i, j int) { left[i], left[j] = left[j], left[i] })
			for range r.Intn(3) {
				x := peer
				x.Slice = slice
				n := 1 + r.Intn(2)
				for _, place := range left[:n] {
					if len(place) == 2 {
						x.Countries = append(x.Countries, place)
					} else {
						x.Networks = append(x.Networks, place)
					}
				}
				left = slices.Clone(left[n:])
				if *unknown {
					x.Unknown, unknown = unknown, new(bool)
				}
				add(x)
			}
			if r.Intn(3) == 0 {
				x := peer
				x.Slice = slice
				if *unknown {
					x.Unknown = unknown
				}
				add(x)
			}
		}
	}
	if r.Intn(2) == 0 {
		add(naivePrice{Networks: []string{fmt.Sprint("262-", 10+r.Intn(90))}})
	}
}
