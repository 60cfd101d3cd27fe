package rating_test

import "ratemill/udr"

// naiveBlock is an increment, with the price and the length that are valid when it begins.
type naiveBlock struct {
	units int64
	price *naivePrice
}

func (c *naiveClass) increment(p *naivePrice) (initial, then int64) {
	initial, then = 1, 1
	for _, i := range []*naiveIncrement{c.Increment, p.Increment} {
		if i != nil {
			initial, then = naiveQuantity(i.Initial), naiveQuantity(i.Then)
		}
	}
	return initial, then
}

// blocks divides a record into increments. The first begins where the increments end that earlier parts began.
func (r *naiveRater) blocks(u *udr.Usage, a *accountLine, plan *naivePlan, class *naiveClass, zone string,
	s *naiveSession) (blocks []naiveBlock) {
	at := s.begun - s.used
	prices := map[int64]*naivePrice{} // of each minute: time slices begin with one
	price := func(at udr.Instant) *naivePrice {
		minute := at.Time().Unix() / 60
		p, ok := prices[minute]
		if !ok {
			p = r.priceAt(u, a, plan, class, zone, at)
			prices[minute] = p
		}
		return p
	}
	known := price(u.At) // where there is no price: the length of the last one
	for first := s.begun == 0; at < u.Quantity; first = false {
		p := price(u.At + udr.Instant(at)*1e9)
		if p != nil {
			known = p
		}
		initial, then := class.increment(known)
		if first {
			then = initial
		}
		blocks = append(blocks, naiveBlock{then, p})
		at += then
	}
	return blocks
}

// priceOfUnit is the price of a unit of a record, by the block that contains it.
func priceOfUnit(blocks []naiveBlock, unit int64) *naivePrice {
	for _, b := range blocks {
		if unit < b.units {
			return b.price
		}
		unit -= b.units
	}
	return nil
}
