package rating

import (
	"slices"

	"ratemill/decimal"
	"ratemill/udr"
)

// A discount on the whole by spend gives its class volume prices whose count is money: the cost of the count's
// units before discounts, to 12 decimals for each price of a record. So a discount never influences its own
// threshold. The record that reaches a spend pays the lower price for its own units, and corrects the earlier
// portions (reprice.go).

// spending contains the spends at which the steps of a price change, for a discount on the whole by spend.
type spending struct {
	full    priceStep
	from    []decimal.D // of each step
	reached []decimal.D // the spends at which a price of the count changes
}

// ofSpend distinguishes the portions of a spend from the portions of a number of units.
const ofSpend = 1<<32 - 5

// stepBySpend returns the step that a spend reaches.
func (p *price) stepBySpend(spent decimal.D) *priceStep {
	i := 0
	for i+1 < len(p.steps) && !spent.Less(p.spending.from[i+1]) {
		i++
	}
	return &p.steps[i]
}

// portionsOf returns the key beside which the portions of a spend are stored. It is the key of the count of
// units.
func portionsOf(spend CounterKey) CounterKey {
	spend.ID = mixID(spend.ID, ofSpend)
	spend.Kind -= AccountCost - AccountUnits
	return spend
}

// bySpend prices the units from at to stop for a count of money.
func (e *Engine) bySpend(t *tier, ch *Charge, p *price, at, stop int64, c *Counters, u *udr.Usage, res *Result) error {
	var w tally
	e.countOf(&w, t, p, u)
	w.kind += AccountCost - AccountUnits
	k, entry, value := e.counter(c, &w, res)
	before, err := value.Cost()
	if err != nil {
		return tooMuch(t, u)
	}
	cost, _, _, err := p.spending.full.price.Price(stop-at, uint64(p.spending.full.per), truncate)
	if err != nil {
		return tooMuch(t, u)
	}
	after, err := before.Add(cost)
	if err != nil {
		return tooMuch(t, u)
	}
	e.add(entry, k, CostValue(cost), res)
	portions := portionsOf(k)
	if crossingSpend(p.spending.reached, before, after) {
		e.repriced = append(e.repriced, reached{count: portions, clock: t.clock, spend: k})
	}
	line := Line{Slice: p.slice, At: at, Quantity: stop - at, Spent: after}
	return e.volume(t, ch, p, p.stepBySpend(after), line, reached{count: portions, clock: t.clock, spend: k}, c, u, res)
}

// crossingSpend reports whether a spend reaches one of the thresholds.
func crossingSpend(thresholds []decimal.D, before, after decimal.D) bool {
	return slices.ContainsFunc(thresholds, func(s decimal.D) bool { return before.Less(s) && !after.Less(s) })
}

// setSpends gives each price and each discount the spends at which any price of its count changes.
func (c *compiler) setSpends() {
	all := map[uint64][]decimal.D{}
	c.eachPrice(func(_ *family[plan], _ int, _ *planClass, p *price) {
		if p.spending != nil {
			all[p.id] = append(all[p.id], p.spending.from[1:]...)
		}
	})
	c.eachPrice(func(_ *family[plan], _ int, _ *planClass, p *price) {
		if p.spending != nil {
			p.spending.reached = all[p.id]
		}
	})
	c.eachDiscount(func(d *discount) { d.spends = all[d.id] })
}
