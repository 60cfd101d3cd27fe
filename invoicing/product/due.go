package product

import (
	"fmt"
	"math/bits"

	"ratemill/decimal"
	"ratemill/invoicing/document"
	"ratemill/registry"
	"ratemill/udr"
)

// days is a set of dates of a window, by their index in it.
type days [6]uint64

func (d *days) add(from, to int) {
	for i := from; i < to; i++ {
		d[i/64] |= 1 << (i % 64)
	}
}

func (d *days) count() (n int) {
	for _, word := range d {
		n += bits.OnesCount64(word)
	}
	return n
}

// hull returns the first date of the set, and the date after the last.
func (d *days) hull() (from, to int) {
	from = -1
	for i, word := range d {
		if word != 0 {
			if from < 0 {
				from = 64*i + bits.TrailingZeros64(word)
			}
			to = 64*i + bits.Len64(word)
		}
	}
	return max(from, 0), to
}

// owedKey is equal for dates that form one item (rule R3). It identifies a SIM or an account, a part's version,
// and a price.
type owedKey struct {
	kind     document.Kind
	sim      uint32
	account  string
	product  string
	version  Date
	state    string
	instance string // instance of an add-on
	price    decimal.D
	units    int64
	from, to Date // of the window
	of       int
	cycle    Date
	tax      string
	cause    string
	text     string
}

// owed is the charge for a key.
type owed struct {
	owedKey
	days  days
	n     int // days; for one-time charges, the number of times
	once  bool
	full  bool
	exact decimal.D
	below decimal.Fraction
}

// bill holds the charges of one SIM or account at a revision.
type bill struct {
	owed  []owed
	fulls []full
}

func (b *bill) clear() { b.owed, b.fulls = b.owed[:0], b.fulls[:0] }

func (b *bill) at(key owedKey) *owed {
	for i := range b.owed {
		if b.owed[i].owedKey == key {
			return &b.owed[i]
		}
	}
	b.owed = append(b.owed, owed{owedKey: key})
	return &b.owed[len(b.owed)-1]
}

// full is a part whose whole price is due for any day in a period.
type full struct {
	tier     int
	part     string
	instance string
	first    Date // first day on which it is due, for any payer
	mine     bool // the payer of the run pays for it
	key      owedKey
}

// simDue adds the charges of a SIM in a window.
func (w *window) simDue(s *simFacts, b *bill) error {
	w.stretched = w.stretches(s, w.from, w.to, w.stretched[:0])
	for i := range w.stretched {
		x := &w.stretched[i]
		f := x.owner
		if f == nil {
			f = x.left
		}
		if f == nil {
			continue
		}
		on := x.lo
		tiers := w.tiers(f.Account, f.Plan, on)
		if f == x.left {
			tiers = w.tiersAt(f.Account, f.Plan, max(f.From, w.end(on-1)+1), w.rev)
		}
		for n := range tiers {
			if err := w.tierDue(s, x, &tiers[n], b); err != nil {
				return err
			}
		}
	}
	return w.finish(b)
}

// tierDue adds the charges of a SIM's payer for a stretch.
func (w *window) tierDue(s *simFacts, x *stretch, t *tier, b *bill) error {
	if !t.mine && !w.docs.fulls {
		return nil
	}
	things := w.things[:0]
	if t.plan != "" {
		things = append(things, taken{name: t.plan, units: 1})
	}
	plans := len(things)
	if t.number == 0 && s.addons && x.owner != nil {
		more, err := w.addonsAt(registry.SubjectOf(s.sim), w.end(x.lo), w.rev)
		if err != nil {
			return err
		}
		things = append(things, more...)
	}
	w.things = things
	for i := range things {
		of := thing{ofAddon, things[i].name}
		if i < plans {
			of.kind = ofPlan
		}
		rates, err := w.offers(of, t.id)
		if err != nil {
			if !t.mine {
				continue
			}
			return err
		}
		for k := range rates {
			if r := &rates[k]; r.lo < x.hi && r.hi > x.lo {
				w.rateDue(s, x, t, &things[i], r, b)
			}
		}
	}
	return nil
}

// rateDue adds the days of a stretch on which a rate applies.
func (w *window) rateDue(s *simFacts, x *stretch, t *tier, has *taken, r *rate, b *bill) {
	if !w.holds(r) {
		return
	}
	p := -1
	if x.owner != nil {
		p = r.price(x.state, x.core)
	}
	if r.Day == "any" {
		for _, o := range x.others {
			if q := r.price(o.state, o.core); q >= 0 && (p < 0 || r.prices[p].Less(r.prices[q])) {
				p = q
			}
		}
	}
	if p < 0 {
		return
	}
	lo, hi := max(x.lo, r.lo), min(x.hi, r.hi)
	switch {
	case r.Charge == oneTime:
		w.once(s, x, t, has, r, p, lo, b)
	case w.every > 1 && !w.aligned(s, t, r):
	case r.Proration == "full":
		b.full(full{t.number, r.Name.Value, has.instance, lo, t.mine, w.key(s.sim, t.id, has, r, p)})
	case t.mine:
		o := b.at(w.key(s.sim, t.id, has, r, p))
		o.days.add(int(lo-w.from), int(hi-w.from))
	}
}

// holds reports whether the items of a rate belong to the window.
func (w *window) holds(r *rate) bool {
	if r.Charge == oneTime {
		return w.events
	}
	return w.recurs && int(r.Every) == w.every
}

func (w *window) key(sim uint32, account string, has *taken, r *rate, p int) owedKey {
	price := r.prices[p]
	if has.price != nil {
		price = *has.price
	}
	return owedKey{kind: r.section, sim: sim, account: account, product: r.Name.Value, version: r.From, state: r.Prices[p].name(),
		instance: has.instance, price: price, units: has.units, from: w.from, to: w.to, of: w.of, cycle: w.first, tax: r.Tax.Value}
}

// full adds a period at its whole price: the payer of the first day owes the price of the most expensive state.
func (b *bill) full(f full) {
	for i := range b.fulls {
		g := &b.fulls[i]
		if g.tier != f.tier || g.part != f.part || g.instance != f.instance {
			continue
		}
		if f.first < g.first {
			g.first, g.mine, g.key.account, g.key.version = f.first, f.mine, f.key.account, f.key.version
		}
		if f.mine == g.mine && g.key.price.Less(f.key.price) {
			g.key.price, g.key.state = f.key.price, f.key.state
		}
		return
	}
	b.fulls = append(b.fulls, f)
}

// aligned reports whether a period of several cycles begins with the window. Periods are counted from the payer's
// anchor month, or else from the cycle in which the SIM's payer began to owe the charge.
func (w *window) aligned(s *simFacts, t *tier, r *rate) bool {
	if w.profile.Anchor > 0 {
		return w.fits(w.profile.Anchor - 1)
	}
	day, ok := w.began(s, func(x *stretch, other *tier) bool {
		return r.of.kind == ofAddon || other.number == t.number && other.plan == t.plan
	})
	return ok && w.fitsDate(day)
}

// fits reports whether periods counted from a month begin with the window.
func (w *window) fits(month int) bool { return (w.starts-month)%w.every == 0 }

func (w *window) fitsDate(day Date) bool {
	c, err := w.run.cycle(w.rev, day)
	return err == nil && w.fits(c.month)
}

// once adds a one-time charge on the first day on which the payer owes it.
func (w *window) once(s *simFacts, x *stretch, t *tier, has *taken, r *rate, p int, lo Date, b *bill) {
	if !t.mine {
		return
	}
	day, ok := w.began(s, func(x *stretch, other *tier) bool {
		if r.of.kind == ofAddon {
			_, there := w.facts.Statements.At(registry.KindAddon, registry.SubjectOf(s.sim), has.instance, w.end(x.lo), w.rev)
			return there && other.number == 0
		}
		return other.plan == t.plan && r.price(x.state, x.core) >= 0
	})
	if !ok || day < lo || day >= x.hi {
		return
	}
	key := w.key(s.sim, t.id, has, r, p)
	key.of = 0
	o := b.at(key)
	o.once, o.n = true, 1
	o.days.add(int(day-w.from), int(day-w.from)+1)
}

// finish computes the amounts of the window's items.
func (w *window) finish(b *bill) error {
	for _, f := range b.fulls {
		if f.mine {
			o := b.at(f.key)
			o.full = true
			o.days.add(0, int(w.to-w.from))
		}
	}
	b.fulls = b.fulls[:0]
	for i := range b.owed {
		o := &b.owed[i]
		if o.from != w.from || o.to != w.to {
			continue
		}
		if err := o.compute(); err != nil {
			return err
		}
	}
	return nil
}

// compute returns price × units × days / of for the sum of the days (rule R3).
func (o *owed) compute() (err error) {
	switch {
	case o.once:
		o.exact, _, o.below, err = o.price.Price(o.units*int64(o.n), 1, decimal.Exact)
		return err
	case o.full:
		o.n = o.of
	default:
		o.n = o.days.count()
	}
	o.exact, _, o.below, err = o.price.Price(o.units*int64(o.n), uint64(o.of), decimal.Exact)
	return err
}

// add adds a one-time charge at its full price.
func (b *bill) add(key owedKey, sign int) error {
	o := b.at(key)
	o.once, o.n = true, o.n+sign
	return o.compute()
}

// item returns the item for a charge.
func (o *owed) item() (document.Item, error) {
	from, to := o.days.hull()
	period := document.Period{From: o.from + Date(from), To: o.from + Date(to)}
	if to == 0 || o.full || o.once {
		period = document.Period{From: o.from, To: o.to}
	}
	i := document.Item{
		Kind: o.kind, Account: o.account, SIM: o.sim, Product: o.product, Version: o.version, State: o.state, Cycle: o.cycle, Period: period,
		Price: o.price, Exact: o.exact, Below: o.below, Tax: o.tax, Cause: o.cause, Text: o.text, Unit: "days",
	}
	quantity := o.units * int64(o.n)
	if o.once {
		i.Unit, i.Per = "1", 1
	} else {
		i.Days, i.Of = o.n, o.of
	}
	i.Quantity = decimal.FromInt(quantity)
	if quantity == 0 && !o.exact.IsZero() {
		return i, fmt.Errorf("%s of %s: an item of %s has no days", o.product, o.account, o.exact)
	}
	return i, nil
}

// minus returns the present charge minus the former one with the same key, and whether anything remains.
func (o *owed) minus(was *owed) (rest owed, remains bool, err error) {
	rest = *o
	for i := range rest.days {
		rest.days[i] ^= was.days[i]
	}
	rest.n -= was.n
	if rest.exact, err = o.exact.Sub(was.exact); err != nil {
		return rest, false, err
	}
	rest.below = o.below
	switch {
	case was.below.Den == 0:
	case o.below.Den == 0:
		rest.below = decimal.Fraction{Num: -was.below.Num, Den: was.below.Den}
	default: // both have one price and the same number of days, so the same denominator
		rest.below.Num -= was.below.Num
	}
	if rest.below.Num == 0 {
		rest.below = decimal.Fraction{}
	}
	return rest, rest.n != 0 || !rest.exact.IsZero(), nil
}

// dated reports whether a time is on a date of the window.
func (w *window) dated(at udr.Instant) bool { return at > w.ends[0] && at <= w.ends[len(w.ends)-1] }
