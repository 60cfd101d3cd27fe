package rating_test

import (
	"fmt"
	"math/rand"
	"slices"
)

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
	for i := range s.World.Statuses {
		list = append(list, func(c *scenario) { c.World.Statuses = slices.Delete(c.World.Statuses, i, i+1) })
	}
	for i := range s.World.Bought {
		list = append(list, func(c *scenario) { c.World.Bought = slices.Delete(c.World.Bought, i, i+1) })
	}
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

// randomBought gives every second catalogue packages and an add-on, and its accounts and SIMs some of them.
func randomBought(r *rand.Rand, s *scenario, bucket func(name string) naiveBucket, zones []string) {
	if r.Intn(2) == 0 {
		return
	}
	for _, name := range []string{"trip", "topup", "extra"} {
		x := naivePackage{Name: name, From: pick(r, "", "", "2026-01-15"),
			Valid:  pick(r, "1 h", "1 d", "30 d", "1 month", "3 months", "12 months"),
			Begins: pick(r, "", "purchase", "first_use"), Cap: pick(r, "", "10 %", "250 %"), ReadOnly: pick(r, "", "1 d", "12 months"),
			Then: pick(r, "", "", "blocked"), Use: pick(r, "", "first", "last"), Priority: r.Intn(2)}
		if x.Begins == "first_use" {
			x.Within = pick(r, "", "20 d")
		}
		if r.Intn(2) == 0 {
			x.Price = pick(r, "9.90 EUR", "0.35 EUR")
		}
		x.AtMost = pick(r, 0, 1, 3)
		if name == "extra" {
			x = naivePackage{Addon: name, From: x.From, Use: x.Use} // no price
		}
		for b := range 1 + r.Intn(2) {
			x.Buckets = append(x.Buckets, bucket(fmt.Sprint("b", b)))
			randomTerms(r, &x.Buckets[b], zones, false)
		}
		s.Packages = append(s.Packages, x)
	}
	for i := range r.Intn(5) {
		line := boughtLine{From: pick(r, "2026-01-20T10:00:00Z", "2026-02-06T21:30:00Z", "2026-01-31T22:30:00Z", "2026-03-29T00:30:00Z"),
			SIM: uint32(r.Intn(len(s.World.SIMs) + 1))}
		if line.SIM == 0 {
			line.Account = s.World.Accounts[r.Intn(len(s.World.Accounts))].ID
		}
		if r.Intn(4) == 0 {
			line.Addon, line.Quantity = fmt.Sprint("extra/", i), 1+r.Intn(3)
		} else {
			line.Package = fmt.Sprint(pick(r, "trip", "topup"), "/", i)
			if r.Intn(4) == 0 {
				n := pick(r, 0, 30)
				line.Cap = &n
			}
		}
		if line.Addon == "" && line.Cap == nil && r.Intn(2) == 0 {
			if line.Renewal = pick(r, "on_expiry", "on_use_up"); r.Intn(3) == 0 {
				line.Price = "0.07 EUR"
			}
			if r.Intn(3) == 0 {
				if line.Stops = pick(r, "2026-02-20T10:00:00Z", "2026-03-31T21:30:00Z"); line.Stops < line.From {
					line.Stops = "" // nobody has it yet
				}
			}
		}
		if r.Intn(3) == 0 {
			line.Until = "2026-03-31T21:30:00Z"
		}
		s.World.Bought = append(s.World.Bought, line)
	}
	for _, a := range s.World.Accounts {
		for _, from := range []string{"2026-02-20T10:00:00Z", "2026-03-08T03:00:00Z"} {
			if r.Intn(4) == 0 {
				s.World.Statuses = append(s.World.Statuses, statusLine{a.ID, from, pick(r, "active", "suspended", "lead", "terminated")})
			}
		}
	}
}
