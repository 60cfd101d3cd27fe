package rating

import (
	"math"
	"time"

	"ratemill/decimal"
	"ratemill/udr"
)

// maxTimed bounds a timed record (a call, a session in seconds) whose price depends on the time of day: a record of
// more than a year is wrong, not long.
const maxTimed = 366 * daySeconds

// charge prices one tier: it rounds the quantity, covers a part from buckets, prices the rest, and rounds the amount.
func (e *Engine) charge(t *tier, c *Counters, u *udr.Usage, class int32, res *Result) error {
	ch := res.addCharge()
	zone := &t.model.zones[t.hit.zone]
	ch.Tier, ch.Account, ch.SIM = t.number, t.payer.number, u.SIM
	ch.Plan, ch.PlanVersion, ch.PlanSince, ch.Currency = t.plan.name, uint32(t.version), t.since, t.plan.currency
	ch.Cycle = t.payer.cycle
	ch.ZoneModel, ch.Zone, ch.ZoneIndex, ch.ZoneBy, ch.ZoneKey = t.model.name, zone.name, uint16(t.hit.zone), t.hit.by, t.hit.key

	slice := int16(0)
	sliced := t.class.sliced
	if sliced {
		slice, _ = t.plan.week.at(secondOfWeek(t.clock.local(u.At)))
		if u.Unit == udr.Second && u.Quantity > maxTimed {
			return suspend("quantity", "a record of %d s is longer than a year; correct the source's rules", u.Quantity)
		}
	}
	first := t.class.priceOf(zone.local, slice)
	if first == nil {
		return e.noPrice(t, zone, slice, u)
	}
	ch.Price = first.name
	ch.Quantity, ch.Initial, ch.Then = u.Quantity, first.increment.initial, first.increment.then
	ch.Rounded = first.increment.round(u.Quantity)
	ch.Continues = u.Continues
	start := int64(0) // within the quantity that the record pays: a part of a session begins within the quantity that earlier parts paid
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
	if ch.Rounded > 0 && !ch.Continues {
		ch.Fee = first.fee
	}

	covered := e.cover(t, ch, c, u, class, zone.global, res)
	sum := amount{whole: ch.Fee, den: t.class.den}
	if t.part != nil {
		if err := sum.resume(&ch.Before); err != nil {
			return tooMuch(t, u)
		}
	}
	at, end := start+covered, start+ch.Rounded
	for i := 0; at < end; i++ {
		p, stop := first, end
		if timed {
			if p, stop = e.stretches[i].price, e.stretches[i].end; stop <= at {
				continue
			}
			if p == nil {
				slice, _ = t.plan.week.at(secondOfWeek(t.clock.local(u.At + udr.Instant(at)*udr.Instant(time.Second))))
				return e.noPrice(t, zone, slice, u)
			}
		}
		if err := e.steps(t, ch, p, at, stop, ch.Before.Priced+at-start-covered, c, u, &sum, res); err != nil {
			return err
		}
		at = stop
	}
	if t.part != nil {
		return t.finishPart(ch, u, covered, &sum)
	}
	return t.finish(ch, &sum)
}

func (e *Engine) noPrice(t *tier, zone *zone, slice int16, u *udr.Usage) error {
	when := ""
	if slice > 0 {
		when = " in time slice " + t.plan.slices[slice-1]
	}
	return suspend("no_price", "plan %s version %d has no price for %s in zone %s%s; add one and retry", t.plan.name, t.version, u.Class, zone.name, when)
}

// priceAt is the price in force from unit at of the record on, and where it ends. Only time changes it: a quantity in
// seconds runs through the week, any other counts at its beginning.
func (t *tier) priceAt(zone *zone, u *udr.Usage, at, end int64) (*price, int64, error) {
	moment := u.At
	if u.Unit == udr.Second {
		if u.At > math.MaxInt64-2*maxTimed*udr.Instant(time.Second) {
			return nil, 0, suspend("time", "the record's time %s is out of range", u.At)
		}
		moment += udr.Instant(at) * udr.Instant(time.Second)
	}
	slice, until := t.plan.week.at(secondOfWeek(t.clock.local(moment)))
	p := t.priceIn(zone, slice, u)
	if u.Unit != udr.Second {
		return p, end, nil
	}
	for stop := at; ; {
		// The end of this range: at the slice's boundary, or where the zone changes its offset and the price must be
		// looked up again. A second belongs to the slice in which it begins.
		local := t.clock.local(moment)
		boundary := udr.Instant(local-t.clock.offset+int64(until-secondOfWeek(local))) * udr.Instant(time.Second)
		boundary = min(boundary, t.clock.to)
		seconds := (int64(boundary-moment) + int64(time.Second) - 1) / int64(time.Second)
		if stop += seconds; stop >= end {
			return p, end, nil
		}
		moment += udr.Instant(seconds) * udr.Instant(time.Second)
		slice, until = t.plan.week.at(secondOfWeek(t.clock.local(moment)))
		if t.priceIn(zone, slice, u) != p {
			return p, stop, nil
		}
	}
}

// priceIn is the price in a time slice. The matching price of a network price plan depends on the time.
func (t *tier) priceIn(zone *zone, slice int16, u *udr.Usage) *price {
	if t.class.own == nil {
		return t.class.priceOf(zone.local, slice)
	}
	m := t.class.own[slice]
	hit, ok := m.lookup(u)
	if !ok {
		return nil
	}
	return &t.class.prices[m.zones[hit.zone].local]
}

// steps prices the units from at to stop, of which the first priced were priced before in this record.
func (e *Engine) steps(t *tier, ch *Charge, p *price, at, stop, priced int64, c *Counters, u *udr.Usage, sum *amount, res *Result) error {
	from := priced
	if t.class.count != countRecord {
		w := tally{id: p.id, kind: AccountUnits, payer: t.payer}
		if t.class.count == countSIM {
			w = t.ofSIM(p.id, u.SIM)
		}
		w.before = p.before
		k, entry, value := e.counter(c, &w, res)
		from = value.Units()
		e.add(entry, k, UnitsValue(stop-at), res)
	}
	if from < 0 || from > math.MaxInt64-maxQuantity*2 {
		return suspend("quantity", "the count of price %s of plan %s is out of range: %d units in one cycle", p.name, t.plan.name, from)
	}
	i := 0
	for i+1 < len(p.steps) && p.steps[i+1].from <= from {
		i++
	}
	for ; at < stop; i++ {
		s := &p.steps[i]
		n := stop - at
		if i+1 < len(p.steps) {
			n = min(n, p.steps[i+1].from-from)
		}
		whole, _, below, err := s.price.Price(n, uint64(s.per), truncate)
		if err == nil {
			err = sum.add(whole, below)
		}
		if err != nil {
			return tooMuch(t, u)
		}
		ch.Steps = append(ch.Steps, Step{Slice: p.slice, At: at, From: from, Quantity: n, Price: s.price, Per: s.per, Amount: whole, Below: below.Num})
		at, from = at+n, from+n
	}
	return nil
}

func tooMuch(t *tier, u *udr.Usage) error {
	return suspend("amount", "%d %s at the prices of plan %s exceed the largest possible amount; correct the quantity or the plan", u.Quantity, u.Unit, t.plan.name)
}

var truncate = decimal.Rounding{Scale: decimal.Scale, Mode: decimal.Down}

// amount is an exact sum: whole, and num/den parts of 10^-12.
type amount struct {
	whole decimal.D
	num   uint64
	den   uint64
}

func (a *amount) add(d decimal.D, f decimal.Fraction) (err error) {
	if f.Num != 0 {
		// den is a multiple of every price's per, below 2^61.
		a.num += uint64(f.Num) * (a.den / f.Den)
		if a.num >= a.den {
			a.num -= a.den
			if a.whole, err = a.whole.Add(smallest); err != nil {
				return err
			}
		}
	}
	a.whole, err = a.whole.Add(d)
	return err
}

var smallest = decimal.MustParse("0.000000000001")

// finish caps and rounds.
func (t *tier) finish(ch *Charge, sum *amount) (err error) {
	pc := t.class
	if ch.Caps = pc.capped; pc.capped {
		ch.Cap = pc.cap
		if !sum.whole.Less(pc.cap) {
			sum.whole, sum.num = pc.cap, 0
		}
	}
	var below decimal.Fraction
	if sum.num != 0 {
		below = decimal.Fraction{Num: int64(sum.num), Den: sum.den}
	}
	ch.Sum, ch.Scale, ch.Mode = sum.whole, uint8(pc.round.Scale), pc.round.Mode
	ch.Total, ch.Rest, ch.Below, err = sum.whole.RoundFraction(below, pc.round)
	t.total = ch.Total
	if err != nil {
		return suspend("amount", "the amount exceeds the largest possible amount; correct plan %s", t.plan.name)
	}
	return nil
}
