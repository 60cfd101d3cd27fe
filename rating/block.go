package rating

import "ratemill/udr"

// A call is charged in increments. An increment costs the price in force when it begins, even if it ends in another
// time slice, and this price also sets its length: with 60/60, a call of 90 s from 17:59:30 costs one minute at the
// day price and one at the evening price.

// Block is a range of a record whose increments have the same length.
type Block struct {
	At   int64 // units of the record before this block
	Then int64
}

// stretch is a sequence of increments at one price; price is nil if there is none.
type stretch struct {
	price *price
	end   int64
}

// lay divides a record whose price changes over time into increments, starting after the increments of earlier parts,
// and returns the number of units in the new ones.
func (e *Engine) lay(t *tier, ch *Charge, zone *zone, u *udr.Usage, first *price, start int64) (rounded int64, err error) {
	e.stretches = e.stretches[:0]
	at, then, size := start, ch.Then, first.increment
	begins := ch.Before.Rounded == 0
	for at < u.Quantity {
		p, stop, err := e.priceAt(t, zone, u, at, u.Quantity)
		if err != nil {
			return 0, err
		}
		if p != nil {
			size = p.increment
		}
		if size.then != then {
			then = size.then
			ch.Blocks = append(ch.Blocks, Block{At: at, Then: then})
		}
		if begins {
			at += size.initial
			begins = false
		}
		if at < stop {
			at += (stop - at + then - 1) / then * then
		}
		if n := len(e.stretches); n > 0 && e.stretches[n-1].price == p {
			e.stretches[n-1].end = at
		} else {
			e.stretches = append(e.stretches, stretch{p, at})
		}
	}
	return at - start, nil
}

// roundedAgain recomputes the units of a charge's increments, block by block. ok is false if their length changes
// within an increment.
func (c *Charge) roundedAgain() (rounded int64, ok bool) {
	start := c.Before.Rounded - c.Before.Quantity
	at, then := start, c.Then
	if c.Before.Rounded == 0 && c.Quantity > 0 {
		at += c.Initial
	}
	for _, b := range append(c.Blocks[:len(c.Blocks):len(c.Blocks)], Block{At: c.Quantity, Then: 1}) {
		if b.At > at {
			at += (b.At - at + then - 1) / then * then
		}
		if b.Then < 1 || b.At != at && b.At < c.Quantity {
			return 0, false
		}
		then = b.Then
	}
	return at - start, true
}
