package rating

import "ratemill/udr"

// mayDraw reports whether a tier may have buckets, so that cover must be called.
func (e *Engine) mayDraw(t *tier) bool {
	return len(t.plan.included)+len(t.shares) > 0 || e.state.known || e.catalogue.participation || e.view.AnyBought()
}

// cover draws on the buckets that cover the record and returns the number of covered units. It draws first on the
// bucket of the SIM's life, then on the plan's included units, then on the pools in the account's order. Buckets
// cover the first units of a record. A bucket with its own increment changes the rounded quantity of the charge.
func (e *Engine) cover(t *tier, ch *Charge, c *Counters, u *udr.Usage, class, zone int32, res *Result) (at int64, err error) {
	if t.number == 0 && ch.Rounded > 0 && e.state.known && !e.giving.on {
		e.state.free = e.drawLife(ch, c, u, class, ch.Rounded, res)
		at = e.state.free
	}
	e.renewed = e.renewed[:0]
	if e.owned = e.owned[:0]; e.view.AnyBought() {
		if err := e.own(t, c, u); err != nil {
			return at, err
		}
		if at, err = e.drawOwned(t, true, at, ch, c, u, class, zone, res); err != nil {
			return at, err
		}
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
			w := t.ofSIM(b.id, u.SIM)
			at += e.draw(t, b, size, &w, at, ch, c, u, res)
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
	if len(e.owned) > 0 && at < ch.Rounded {
		if at, err = e.drawOwned(t, false, at, ch, c, u, class, zone, res); err == nil && at < ch.Rounded && !e.giving.on {
			err = e.barred(t, u, class, zone)
		}
		return at, err
	}
	return at, nil
}

// draw covers units of the record, from unit at on, by a bucket and takes them out of it. An exhausted
// bucket is recorded too, because it explains why the record was charged.
func (e *Engine) draw(t *tier, b *bucket, size int64, w *tally, at int64, ch *Charge, c *Counters, u *udr.Usage, res *Result) int64 {
	k, entry, before := e.counter(c, w, res)
	used := before.Units()
	d := added(&ch.Draws)
	d.Share, d.Bucket, d.Kind, d.Owner, d.Cycle, d.Size, d.Before = b.share, b.name, k.Kind.plain(), k.Owner, k.Cycle, size, used
	if e.giving.on {
		e.candidate(t, b, k, CounterKey{}, ch)
		return 0
	}
	if b.take(t, d, size-used, at, ch, u) == 0 {
		return 0
	}
	taken := d.Taken()
	e.add(entry, k, UnitsValue(taken), res)
	if t.class.credit {
		e.rememberDraw(t, k, false, taken, c, u, res)
	}
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
