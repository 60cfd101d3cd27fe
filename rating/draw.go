package rating

import (
	"ratemill/decimal"
	"ratemill/udr"
)

// cover draws on the buckets that cover the record, first that of the SIM's life, then the plan's included units, then the pools of the account in
// its order, and returns the number of covered units. Buckets cover the beginning of a record. One with an increment of
// its own changes the rounded quantity of the charge.
func (e *Engine) cover(t *tier, ch *Charge, c *Counters, u *udr.Usage, class, zone int32, res *Result) (at int64, err error) {
	if t.number == 0 && ch.Rounded > 0 && e.state.known {
		e.state.free = e.drawLife(ch, c, u, class, ch.Rounded, res)
		at = e.state.free
	}
	for i := range t.plan.included {
		b := &t.plan.included[i]
		if at >= ch.Rounded || !b.covers(class, zone) {
			continue
		}
		if b.roll != nil && !b.roll.last {
			if at, err = e.drawRolled(t, b, at, ch, c, u, res); err != nil {
				return at, err
			}
		}
		if at < ch.Rounded {
			size, days := e.prorated(t, b)
			at += e.draw(t, b, size, t.ofSIM(b.id, u.SIM), at, ch, c, u, res)
			if days != t.of {
				d := &ch.Draws[len(ch.Draws)-1]
				d.Whole, d.Days, d.Of = b.size, uint32(days), uint32(t.of)
			}
		}
		if b.roll != nil && b.roll.last && at < ch.Rounded {
			if at, err = e.drawRolled(t, b, at, ch, c, u, res); err != nil {
				return at, err
			}
		}
	}
	if at < ch.Rounded && (len(t.shares) > 0 || e.catalogue.participation) {
		at = e.drawPools(t, ch, c, u, class, zone, at, res)
	}
	return at, nil
}

// draw takes from a bucket what it covers of the record from unit at on. A full bucket is recorded too, because it
// explains why the record cost something.
func (e *Engine) draw(t *tier, b *bucket, size int64, w tally, at int64, ch *Charge, c *Counters, u *udr.Usage, res *Result) int64 {
	k, entry, before := e.counter(c, &w, res)
	used := before.Units()
	ch.Draws = append(ch.Draws, Draw{Share: b.share, Bucket: b.name, Kind: k.Kind.plain(), Owner: k.Owner, Cycle: k.Cycle, Size: size, Before: used})
	d := &ch.Draws[len(ch.Draws)-1]
	if b.take(t, d, size-used, at, ch, u) == 0 {
		return 0
	}
	taken := d.Taken()
	e.add(entry, k, UnitsValue(taken), res)
	if size-used-taken < b.least {
		kind := PoolExhausted
		if b.share == "" {
			kind = IncludedExhausted
		}
		res.Events = append(res.Events, Event{Kind: kind, Name: b.event, Account: t.payer.number, SIM: u.SIM, At: u.At,
			Counter: k, Threshold: UnitsValue(size - b.least + 1), Before: before, After: UnitsValue(used + taken)})
	}
	return d.Drawn
}

// watch counts usage and cost for the limits of every account up to the root.
func (e *Engine) watch(c *Counters, u *udr.Usage, class int32, res *Result) error {
	for _, p := range e.path {
		for _, family := range p.limits {
			m, _, _ := e.catalogue.limits.list[family].at(p.clock, u.At)
			if m == nil || !m.counts(class) {
				continue
			}
			if err := e.count(p, m, c, u, res); err != nil {
				return err
			}
		}
	}
	return nil
}

func (e *Engine) count(p *payer, m *limit, c *Counters, u *udr.Usage, res *Result) error {
	value := UnitsValue(u.Quantity)
	if m.cost {
		cost, err := e.costOf(p, m)
		if err != nil {
			return err
		}
		value = CostValue(cost)
	}
	if (value == Value{}) {
		return nil
	}
	w := tally{id: m.id, kind: m.kind(), payer: p}
	if m.perSIM {
		w.sim, w.apart = u.SIM, true
	}
	k, entry, before := e.counter(c, &w, res)
	after := before.Plus(value)
	if m.cost {
		if _, err := after.Cost(); err != nil {
			return suspend("amount", "the cost that limit %s counts for account %s exceeds the largest possible amount; correct the plan",
				m.name, p.facts.ID)
		}
	}
	e.add(entry, k, value, res)
	if m.event && before.Less(m.threshold) && !after.Less(m.threshold) {
		res.Events = append(res.Events, Event{Kind: LimitPassed, Name: m.name, Account: p.number, SIM: u.SIM, At: u.At,
			Counter: k, Threshold: m.threshold, Before: before, After: after})
	}
	if m.suspend && before.Less(m.threshold) && !after.Less(m.threshold) && !e.state.lifts(u.At) {
		e.live(c, u.SIM, u.At, didPass, res)
		res.Events = append(res.Events, Event{Kind: LimitSuspends, Name: m.name, Account: p.number, SIM: u.SIM, At: u.At,
			Counter: k, Threshold: m.threshold, Before: before, After: after})
	}
	return nil
}

// costOf is the price of the record for an account: at its own plan, or without a plan, the charge of the nearest
// account below it. Charges in another currency cannot be added there; check reports this.
func (e *Engine) costOf(p *payer, m *limit) (decimal.D, error) {
	at := 0
	for e.path[at] != p {
		at++
	}
	for i := len(e.tiers) - 1; i >= 0; i-- {
		t := &e.tiers[i]
		if int(t.number) > at {
			continue
		}
		if t.payer != p && t.plan.currency != m.currency {
			return decimal.Zero, nil
		}
		if t.plan.currency != m.currency {
			return decimal.Zero, suspend("currency", "limit %s of account %s is in %s, but plan %s charges %s; correct one and retry", m.name, p.facts.ID, m.currency, t.plan.name, t.plan.currency)
		}
		return t.total, nil
	}
	return decimal.Zero, nil
}
