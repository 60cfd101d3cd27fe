package rating

import (
	"ratemill/decimal"
	"ratemill/registry"
	"ratemill/udr"
)

// Grant returns the largest part of u's quantity that costs at most money at the SIM's own tier, and the price of
// that part. It changes nothing. Prices are never negative, so the cost grows with the quantity and a binary
// search finds the answer. Grant is for queries; it is too slow for rating records.
func (e *Engine) Grant(v *registry.View, rev registry.Revision, c *Counters, u *udr.Usage, money decimal.D) (quantity int64, cost decimal.D,
	err error) {
	asked, res := *u, &Result{}
	e.onlyAsking = true
	defer func() { e.onlyAsking = false }()
	price := func(quantity int64) (decimal.D, error) {
		asked.Quantity = quantity
		res.Begin(c)
		if err := e.Rate(v, rev, c, &asked, res); err != nil {
			return decimal.Zero, err
		}
		total := res.Charges[0].Total
		e.takeBack(c, res, 0, 0, 0)
		return total, nil
	}
	if cost, err = price(u.Quantity); err != nil || !money.Less(cost) {
		return u.Quantity, cost, err
	}
	enough, tooMuch := int64(0), u.Quantity
	for tooMuch-enough > 1 {
		middle := enough + (tooMuch-enough)/2
		if cost, err = price(middle); err != nil {
			return 0, decimal.Zero, err
		}
		if money.Less(cost) {
			tooMuch = middle
		} else {
			enough = middle
		}
	}
	cost, err = price(enough)
	return enough, cost, err
}
