package rating_test

import "math/rand"

// randomTerms gives a bucket an increment, weights, and, if it is included in a plan, prorate and rollover.
func randomTerms(r *rand.Rand, b *naiveBucket, zones []string, included bool) {
	class := b.Classes[0]
	if r.Intn(4) == 0 {
		b.Increment = randomQuantity(r, class, 30)
	}
	if r.Intn(4) == 0 {
		b.Weights = map[string]int{}
		for _, z := range some(r, zones...) {
			b.Weights[z] = 1 + r.Intn(7)
		}
	}
	if !included {
		return
	}
	if r.Intn(3) == 0 {
		b.Prorate = pick(r, "days", "whole")
	}
	if r.Intn(2) == 0 {
		b.Rollover = &naiveRollover{Cycles: pick(r, 1, 1, 2, 3, 12), Use: pick(r, "", "first", "last")}
		if r.Intn(2) == 0 {
			b.Rollover.AtMost = randomQuantity(r, class, 200)
		}
	}
}

// simplerBuckets are the ways to make the buckets of a scenario simpler.
func simplerBuckets(s *scenario) (list []func(*scenario)) {
	for _, simpler := range []func(*naiveBucket){
		func(b *naiveBucket) { b.Increment = "" }, func(b *naiveBucket) { b.Weights = nil }, func(b *naiveBucket) { b.Rollover = nil },
		func(b *naiveBucket) { b.Prorate = "" },
	} {
		for i := range s.Plans {
			for j := range s.Plans[i].Included {
				before := s.Plans[i].Included[j]
				if after := before; true {
					simpler(&after)
					if after.Increment != before.Increment || after.Prorate != before.Prorate || len(after.Weights) != len(before.Weights) ||
						after.Rollover != before.Rollover {
						list = append(list, func(c *scenario) { simpler(&c.Plans[i].Included[j]) })
					}
				}
			}
		}
	}
	return list
}
