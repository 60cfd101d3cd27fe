package rating_test

import (
	"math/rand"
	"regexp"
	"slices"
)

var givenName = regexp.MustCompile(`^p[0-9]+x?$`)

// randomNameless removes the names of some prices.
func randomNameless(r *rand.Rand, p *naivePlan) {
	for _, name := range classNames {
		for i := range p.Classes[name].Prices {
			if x := &p.Classes[name].Prices[i]; r.Intn(3) > 0 && x.Pass == nil && x.When == "" { // its pass has its name
				x.Name = ""
			}
		}
	}
}

// sameInOtherWords is a later version of a plan with the same counters: lists have another order, and renamed things
// have formerly.
func sameInOtherWords(r *rand.Rand, p naivePlan) (q naivePlan) {
	q = copied(p)
	q.From = pick(r, "2026-01-31", "2026-02-01", "2026-03-29")
	for _, name := range classNames {
		prices := q.Classes[name].Prices
		for i := range prices {
			x := &prices[i]
			for _, list := range [][]string{x.Zones, x.Networks, x.Countries, x.Prefixes, x.PeerCountries} {
				r.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
			}
			if x.Name != "" && x.Count == "" && q.Classes[name].Count == "" && r.Intn(2) == 0 {
				x.Formerly, x.Name = x.Name, x.Name+"x"
			}
		}
		slices.Reverse(prices)
	}
	for i := range q.Included {
		if b := &q.Included[i]; r.Intn(2) == 0 {
			b.Formerly, b.Bucket = b.Bucket, b.Bucket+"x"
		}
	}
	return q
}
