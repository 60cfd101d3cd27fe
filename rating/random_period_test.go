package rating_test

import (
	"fmt"
	"math/big"
	"math/rand"
)

// randomPeriods gives some classes fees, minimums and caps of days, weeks and cycles, passes, and credits.
func randomPeriods(r *rand.Rand, p *naivePlan) {
	for _, name := range classNames {
		c, ok := p.Classes[name]
		if !ok {
			continue
		}
		round := naiveRound{12, "half_up"}
		if p.Round != nil {
			round = *p.Round
		}
		if c.Round != nil {
			round = *c.Round
		}
		c.Fee = append(c.Fee, randomDues(r, 6, round)...)
		c.Cap = append(c.Cap, randomDues(r, 4, round)...)
		c.Minimum = belowCaps(randomDues(r, 5, round), c.Cap)
		for i := range c.Prices {
			x := &c.Prices[i]
			x.Fee = append(x.Fee, randomDues(r, 8, round)...)
			x.Cap = randomDues(r, 8, round)
			x.Minimum = append(x.Minimum, belowCaps(belowCaps(randomDues(r, 8, round), x.Cap), c.Cap)...)
			if r.Intn(8) == 0 {
				x.Pass = &naivePass{Price: naiveDue{Amount: randomAmount(r, round), Per: pick(r, "day", "week", "cycle"),
					Counted: pick(r, "", "", "account")},
					Units: randomQuantity(r, name, 300)}
			}
		}
		c.Minimum = belowPriceCaps(c.Minimum, c.Prices)
		if r.Intn(3) == 0 {
			c.Negative = "credit"
		}
		p.Classes[name] = c
	}
	if r.Intn(3) > 0 {
		return
	}
	// Prices of two classes share a pass without a bound.
	shared := &naivePass{Name: "p90", Price: naiveDue{Amount: "1", Per: "day"}}
	for _, name := range classNames {
		if c := p.Classes[name]; len(c.Prices) > 0 {
			x := &c.Prices[r.Intn(len(c.Prices))]
			x.Pass, x.Price, x.Steps = shared, "free", nil
		}
	}
}

// randomDues are amounts of different periods that charges can have.
func randomDues(r *rand.Rand, seldom int, round naiveRound) (all naiveDues) {
	for _, per := range []string{"day", "week", "cycle"} {
		for _, counted := range []string{"", "account"} {
			if r.Intn(seldom*2) == 0 {
				all = append(all, naiveDue{randomAmount(r, round), per, counted})
			}
		}
	}
	r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all
}

func randomAmount(r *rand.Rand, round naiveRound) string {
	if round.Scale == 0 {
		return fmt.Sprint(r.Intn(5))
	}
	return fmt.Sprintf("%d.%0*d", r.Intn(3), min(round.Scale, 2), r.Intn(10))
}

// belowCaps are the minimums that are not more than the cap of the same period.
func belowCaps(minimums, caps naiveDues) (all naiveDues) {
	for _, d := range minimums {
		most := big.NewRat(1000, 1)
		for _, x := range caps {
			if x.Per == d.Per && x.Counted == d.Counted && naiveMoney(x.Amount).Cmp(most) < 0 {
				most = naiveMoney(x.Amount)
			}
		}
		if naiveMoney(d.Amount).Cmp(most) <= 0 {
			all = append(all, d)
		}
	}
	return all
}

func belowPriceCaps(minimums naiveDues, prices []naivePrice) naiveDues {
	for _, p := range prices {
		minimums = belowCaps(minimums, p.Cap)
	}
	return minimums
}

// randomMinimum is a minimum that a price of a class may have, or none.
func randomMinimum(r *rand.Rand, p *naivePlan, c *naiveClass) string {
	scale := 12
	for _, round := range []*naiveRound{p.Round, c.Round} {
		if round != nil {
			scale = round.Scale
		}
	}
	least := pick(r, fmt.Sprintf("0.%0*d", min(scale, 3), 1+r.Intn(9)), fmt.Sprint(r.Intn(3)))
	if scale == 0 {
		least = fmt.Sprint(r.Intn(5))
	}
	if most := c.Cap.ofRecord(); most != "" && naiveMoney(least).Cmp(naiveMoney(most)) > 0 {
		return ""
	}
	return least
}
