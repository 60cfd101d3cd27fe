package rating_test

import (
	"maps"
	"math/rand"
	"slices"
	"strings"
)

// randomWhen is a price with a condition, or not.
func randomWhen(r *rand.Rand, zones []string, network bool, add func(naivePrice)) {
	conditions := slices.Sorted(maps.Keys(naiveConditions))
	for range r.Intn(3) {
		x := naivePrice{When: pick(r, conditions...), Slice: pick(r, "", "", "", "day", "night", "week")}
		switch {
		case network:
			x.Countries, x.Networks = some(r, "ES", "FR"), some(r, "214-07")
			if r.Intn(2) == 0 {
				x.Countries, x.Networks = nil, nil
			}
			x.Network, x.Peer = pick(r, "", "", "", "own"), pick(r, "", "", "", "own")
			if r.Intn(4) == 0 {
				x.Prefixes = []string{"+34"}
			}
			if r.Intn(3) == 0 {
				yes := r.Intn(3) > 0
				x.Unknown = &yes
			}
		case r.Intn(2) == 0:
			x.Zones = some(r, zones...)
		}
		add(x)
	}
}

// withUnits gives a price per unit to each class that has conditions on the quantity and is free whatever they are: no price
// says the unit of the quantity then, and check refuses that.
func withUnits(r *rand.Rand, p *naivePlan) {
	for _, name := range classNames {
		prices := p.Classes[name].Prices
		if slices.ContainsFunc(prices, func(x naivePrice) bool { return x.Price != "free" && x.Price != "0" }) ||
			!slices.ContainsFunc(prices, func(x naivePrice) bool { return strings.Contains(x.When, "quantity") }) {
			continue
		}
		if i := slices.IndexFunc(prices, func(x naivePrice) bool { return x.Pass == nil }); i >= 0 {
			prices[i].Price = randomMoney(r) + " / " + randomQuantity(r, name, 1)
		} else {
			prices[0].Pass, prices[0].Price = nil, randomMoney(r)+" / "+randomQuantity(r, name, 1)
		}
	}
}

// randomOwn lets zones name own networks and numbers, and whole numbers.
func randomOwn(r *rand.Rand, m *naiveModel) {
	if r.Intn(3) == 0 {
		m.Zones = append(m.Zones, naiveZone{Zone: "on-net", Peer: "own"})
	}
	if r.Intn(3) == 0 {
		m.Zones = append(m.Zones, naiveZone{Zone: "own", Network: "own"})
	}
	if r.Intn(3) == 0 {
		m.Zones = append(m.Zones, naiveZone{Zone: "short", Numbers: []string{"12345", "+349555"}})
	}
}

// randomNumbers says what is own, and gives some SIMs numbers that others call.
func randomNumbers(r *rand.Rand, s *scenario) {
	s.Own.Own.Networks, s.Own.Own.Prefixes = []string{"208-10"}, []string{"+3480"}
	s.Own.Own.Accounts = pick(r, "none", "account", "tree", "all")
	w := &s.World
	numbers, seen := []string{"349555", "34600", "4930", ""}, map[uint32]bool{}
	r.Shuffle(len(numbers), func(i, j int) { numbers[i], numbers[j] = numbers[j], numbers[i] })
	for i := range w.SIMs {
		if s := &w.SIMs[i]; !seen[s.ID] {
			seen[s.ID] = true
			s.MSISDN = numbers[int(s.ID)%len(numbers)]
		}
	}
}

// randomHolidays adds hours of holidays to the slices of a plan, and lets them follow the visited country's clock.
func randomHolidays(r *rand.Rand, p *naivePlan) {
	if r.Intn(3) == 0 {
		p.Slices["night"] = append(p.Slices["night"], "holidays of feasts 20:00-07:00")
		p.Slices["week"] = append(p.Slices["week"], "holidays of feasts 07:00-19:30")
	}
	p.SlicesIn = pick(r, "", "", "", "visited")
}
