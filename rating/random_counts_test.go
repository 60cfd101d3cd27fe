package rating_test

import (
	"cmp"
	"fmt"
	"math/rand"
	"strings"
)

// randomCounts gives some classes periods and shared names of their counts, prices of packages and volumes, and discounts on earlier usage
// too.
func randomCounts(r *rand.Rand, p *naivePlan) {
	for _, name := range classNames {
		c, ok := p.Classes[name]
		if !ok {
			continue
		}
		if c.counts() {
			c.Period, c.Count = pick(r, "", "cycle", "day", "week", "contract year", "contract year"), pick(r, "", "", "of "+name)
		}
		for i := range c.Prices {
			if x := &c.Prices[i]; x.Pass == nil && len(x.Steps) > 0 && r.Intn(3) == 0 {
				randomCount(r, name, x)
			}
			if x := &c.Prices[i]; x.Pass == nil && r.Intn(4) == 0 {
				x.Price, x.Steps, x.Package = "", nil, randomPackage(r, name)
				randomCount(r, name, x)
			}
		}
		if discounts, _ := p.discounts(name); discounts == nil && r.Intn(3) == 0 {
			c.Negative = ""
			c.correctable()
			for i := range c.Prices {
				if x := &c.Prices[i]; x.Pass == nil && x.Package == "" && (c.counts() || x.counts(&c)) || r.Intn(4) == 0 {
					x.Volume = randomSteps(r, name)
					x.Price, x.Package, x.Steps = "", "", nil
					if !x.counts(&c) {
						x.Counted = pick(r, "sim", "account", "tree")
					}
				}
			}
		}
		p.Classes[name] = c
	}
}

// counts reports whether the prices of a class count more than a record or session.
func (c *naiveClass) counts() bool { return (&naivePrice{}).counts(c) }

func randomCount(r *rand.Rand, class string, x *naivePrice) {
	if r.Intn(3) == 0 {
		x.Counted, x.Period = pick(r, "sim", "account", "tree"), pick(r, "", "day", "week")
		x.Count = x.Name + " of " + class // not that of its class
	}
}

// randomPackage is a price of packages of not too few units.
func randomPackage(r *rand.Rand, class string) string {
	unit := classUnits[class][min(1, len(classUnits[class])-1)]
	return randomMoney(r) + " / " + strings.TrimSpace(fmt.Sprintf("%d %s", 1+r.Intn(50), unit))
}

func randomSteps(r *rand.Rand, class string) (steps []naiveStep) {
	from := 0
	for range 1 + r.Intn(3) {
		steps = append(steps, naiveStep{strings.TrimSpace(fmt.Sprintf("%d %s", from, classUnits[class][0])), randomPrice(r, class)})
		from += 1 + r.Intn(pick(r, 10, 1000, 100_000))
	}
	return steps
}

// correctable removes the amounts of a class that volume prices exclude.
func (c *naiveClass) correctable() {
	c.Minimum, c.Cap = nil, nil
	for i := range c.Prices {
		c.Prices[i].Minimum, c.Prices[i].Cap = nil, nil
	}
}

// discountWhole lets all discounts of a version of a plan change earlier charges too.
func (p *naivePlan) discountWhole(r *rand.Rand) {
	for _, name := range classNames {
		c, ok := p.Classes[name]
		d, _ := p.discounts(name)
		if !ok || d == nil {
			continue
		}
		d.Whole = true
		c.correctable()
		c.Count = ""
		for i := range c.Prices {
			x := &c.Prices[i]
			x.Price = cmp.Or(x.Price, randomPrice(r, name))
			x.Steps, x.Package, x.Counted, x.Period, x.Count = nil, "", "", "", ""
		}
		p.Classes[name] = c
	}
}
