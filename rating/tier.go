package rating

import (
	"math"
	"time"

	"ratemill/decimal"
	"ratemill/udr"
)

// maxTimed is the longest duration in seconds of a record (a call or session) whose price may depend on the time of
// day. A longer record, of more than a year, is an error of its source.
const maxTimed = 366 * daySeconds

// charge prices one tier: it rounds the quantity, covers a part from buckets, prices the rest, and adjusts and rounds the
// amount.
func (e *Engine) charge(t *tier, c *Counters, u *udr.Usage, class int32, res *Result) error {
	ch := res.addCharge()
	zone := &t.model.zones[t.hit.zone]
	t.head(ch, zone, u.SIM)
	p := t.class.priceOf(zone.local, 0)
	if p == nil || !p.plain || t.part != nil || u.Quantity < 0 {
		return e.chargeByMore(t, ch, zone, c, u, class, res)
	}
	ch.Price, t.begins = p.name, p
	ch.Quantity, ch.Initial, ch.Then = u.Quantity, p.increment.initial, p.increment.then
	ch.Rounded, ch.Continues = p.increment.round(u.Quantity), u.Continues
	covered := int64(0)
	if e.renewed = e.renewed[:0]; e.mayDraw(t) {
		var err error
		if covered, err = e.cover(t, ch, c, u, class, zone.global, res); err != nil {
			return err
		}
	}
	e.sum = amount{den: t.class.den}
	if covered < ch.Rounded {
		if err := e.steps(t, ch, p, covered, ch.Rounded, 0, c, u, &e.sum, res); err != nil {
			return err
		}
	}
	if err := t.finish(ch, &e.sum); err != nil || len(e.renewed) == 0 {
		return err
	}
	return e.payRenewals(t, ch, u)
}

// chargeByMore does the same as charge for prices that are not plain, parts of sessions, and credits. For these,
// time slices, conditions, passes, adjustments, periods, and the prices of limits and pools can decide too.
func (e *Engine) chargeByMore(t *tier, ch *Charge, zone *zone, c *Counters, u *udr.Usage, class int32, res *Result) error {
	slice := int16(0)
	sliced := t.class.sliced
	if sliced {
		slice, _ = t.plan.week.at(t.wall.local(u.At))
		if t.plan.visited {
			ch.SliceZone = t.wall.zone.String()
		}
		if u.Unit == udr.Second && u.Quantity > maxTimed {
			return suspend("quantity", "a record of %d s is longer than a year; correct the source's rules", u.Quantity)
		}
	}
	first := t.class.priceOf(zone.local, slice)
	if t.class.when != nil || first == nil {
		var err error
		if first, err = e.conditionalPrice(t, zone, slice, u, first); err != nil {
			return err
		}
	}
	if t.over != nil && t.below == 0 {
		first, sliced = t.overPrice(first), false
	}
	ch.Price, t.begins = first.name, first
	ch.Quantity, ch.Initial, ch.Then = u.Quantity, first.increment.initial, first.increment.then
	if u.Quantity < 0 {
		return e.giveBack(t, ch, zone, first, c, u, class, res)
	}
	ch.Rounded = first.increment.round(u.Quantity)
	ch.Continues = u.Continues
	// start is relative to the units that the record pays for: a part of a session begins within the units that
	// earlier parts paid for.
	start := int64(0)
	if t.part != nil {
		if err := t.beginPart(ch, u, first); err != nil {
			return err
		}
		start = ch.Before.Rounded - ch.Before.Quantity
	}
	timed := sliced && u.Unit == udr.Second
	if timed {
		var err error
		if ch.Rounded, err = e.lay(t, ch, zone, u, first, start); err != nil {
			return err
		}
	}

	covered, err := e.cover(t, ch, c, u, class, zone.global, res)
	if err != nil {
		return err
	}
	if t.class.when != nil {
		e.tellFacts(ch, first)
	}
	end := start + ch.Rounded
	over := t.overFrom(ch, first, start, end)
	if first.pass != nil && covered < over-start {
		covered += e.usePass(t, first.pass, covered, over-start, ch, c, u, res)
	}
	sum := &e.sum // a local variable would cost 2 allocations a record, because adjustments take its address
	*sum = amount{den: t.class.den}
	if t.class.volume {
		e.settle, e.settled = *sum, decimal.Zero
	}
	if t.part != nil {
		if err := sum.resume(&ch.Before); err != nil {
			return tooMuch(t, u)
		}
	}
	at := start + covered
	for i := 0; at < end; i++ {
		p, stop := first, end
		if other := t.instead(ch, first, at >= over); other != nil {
			p = other
		} else if timed {
			if p, stop = e.stretches[i].price, e.stretches[i].end; stop <= at {
				continue
			}
			if p == nil {
				slice, _ = t.plan.week.at(t.wall.local(u.At + udr.Instant(at)*udr.Instant(time.Second)))
				return e.noPrice(t, zone, slice, u)
			}
		}
		if at < over {
			stop = min(stop, over)
		}
		if err := e.steps(t, ch, p, at, stop, ch.Before.Priced+at-start-covered, c, u, sum, res); err != nil {
			return err
		}
		at = stop
	}
	if t.class.discount != nil {
		if err := e.discount(t, ch, c, u, sum, res); err != nil {
			return err
		}
	}
	return e.finish(t, ch, first, covered, over-start, sum, c, u, res)
}

// markPlain marks the plain prices. It runs after everything that can add to a price has been compiled.
func (c *compiler) markPlain() {
	for _, f := range c.plans.list {
		for _, p := range f.versions {
			for _, pc := range p.classes {
				if pc == nil || pc.sliced || pc.when != nil || pc.volume || pc.credit || pc.discount != nil || len(pc.instead) > 0 {
					continue
				}
				for i := range pc.prices {
					x := &pc.prices[i]
					x.plain = len(x.adjust) == 0 && x.pass == nil && len(x.stages) == 0
				}
			}
		}
	}
}

// finish applies the other components of the price at the record's beginning to the sum of a charge, and rounds it.
// From unit over on, the record is over a limit.
func (e *Engine) finish(t *tier, ch *Charge, first *price, covered, over int64, sum *amount, c *Counters, u *udr.Usage,
	res *Result) (err error) {
	life := int64(0)
	if t.number == 0 && e.state.known {
		life = e.state.free
	}
	// Usage that a life bucket covers completely costs nothing, not even a fee.
	free := life > 0 && life == ch.Rounded
	passed := first.pass != nil && ch.free(life, over)
	t.free = free || passed || over == 0 // no fee is charged for units over a limit
	if !free && !(passed && covered == ch.Rounded) {
		for _, adjust := range first.adjust {
			if err := adjust(t, first, ch, sum); err != nil {
				return tooMuch(t, u)
			}
		}
	}
	if t.part != nil {
		err = t.finishPart(ch, u, first, covered, sum)
	} else {
		err = t.finish(ch, sum)
	}
	if err == nil && t.class.volume {
		err = e.settlePortions(t, ch)
	}
	if err == nil && (len(first.stages) > 0 || t.class.credit) && !free {
		err = e.inPeriods(t, first, ch, c, u, res)
	}
	if err == nil && len(e.renewed) > 0 {
		err = e.payRenewals(t, ch, u)
	}
	return err
}

// head fills in the payer, the plan and the zone.
func (t *tier) head(ch *Charge, zone *zone, sim uint32) {
	ch.Tier, ch.Account, ch.SIM = t.number, t.payer.number, sim
	ch.Plan, ch.PlanVersion, ch.PlanSince, ch.Currency = t.plan.name, uint32(t.version), t.since, t.plan.currency
	ch.Cycle = t.payer.cycle
	ch.ZoneModel, ch.Zone, ch.ZoneIndex, ch.ZoneBy, ch.ZoneKey = t.model.name, zone.name, uint16(t.hit.zone), t.hit.by, t.hit.key
}

func (e *Engine) noPrice(t *tier, zone *zone, slice int16, u *udr.Usage) error {
	when := ""
	if slice > 0 {
		when = " in time slice " + t.plan.slices[slice-1]
	}
	return suspend("no_price", "plan %s version %d has no price for %s in zone %s%s%s; add one and retry", t.plan.name, t.version, u.Class,
		zone.name, when, t.untaken())
}

// priceAt returns the price in force from unit at of the record on, and the unit at which that price ends. Only time
// changes the price within a record. A quantity in seconds runs through the week; any other quantity keeps the price
// of its beginning.
func (e *Engine) priceAt(t *tier, zone *zone, u *udr.Usage, at, end int64) (*price, int64, error) {
	moment := u.At
	if u.Unit == udr.Second {
		if u.At > math.MaxInt64-2*maxTimed*udr.Instant(time.Second) {
			return nil, 0, suspend("time", "the record's time %s is out of range", u.At)
		}
		moment += udr.Instant(at) * udr.Instant(time.Second)
	}
	slice, left := t.plan.week.at(t.wall.local(moment))
	p, err := e.priceIn(t, zone, slice, u)
	if err != nil {
		return nil, 0, err
	}
	if u.Unit != udr.Second {
		return p, end, nil
	}
	for stop := at; ; {
		// The range ends at the slice's boundary, or where the time zone changes its offset and the price must
		// be looked up anew. A second belongs to the slice in which it begins.
		local := t.wall.local(moment)
		boundary := udr.Instant(local-t.wall.offset+int64(left)) * udr.Instant(time.Second)
		boundary = min(boundary, t.wall.to)
		seconds := (int64(boundary-moment) + int64(time.Second) - 1) / int64(time.Second)
		if stop += seconds; stop >= end {
			return p, end, nil
		}
		moment += udr.Instant(seconds) * udr.Instant(time.Second)
		slice, left = t.plan.week.at(t.wall.local(moment))
		if next, err := e.priceIn(t, zone, slice, u); next != p || err != nil {
			return p, stop, nil // an error matters only if an increment begins there
		}
	}
}

// priceIn returns the price in a time slice. Which price of a network price plan matches depends on the time.
func (e *Engine) priceIn(t *tier, zone *zone, slice int16, u *udr.Usage) (*price, error) {
	if t.class.when != nil {
		if p, err := e.choose(t, zone, slice, u); p != nil || err != nil {
			return p, err
		}
	}
	if t.class.own == nil {
		return t.class.priceOf(zone.local, slice), nil
	}
	m := t.class.own[slice]
	hit, ok := m.lookup(u, t.own)
	if !ok {
		return nil, nil
	}
	return &t.class.prices[m.zones[hit.zone].local], nil
}
