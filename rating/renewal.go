package rating

import (
	"strings"
	"time"

	"ratemill/decimal"
	"ratemill/registry"
	"ratemill/udr"
)

// A package may renew by itself. On expiry, its next term begins at the end of the current one and has units of its
// own. These renewals follow from the purchase alone, so invoices compute the same renewals without looking at usage.
// On use-up, the record that takes the last unit renews the package and pays for the renewal. The new units are added
// to the old ones, and the term restarts.

const (
	usualRenewals = 10
	mostRenewals  = 100
)

// times returns a length of time multiplied by n.
func (v validity) times(n int) validity {
	return validity{hours: v.hours * n, days: v.days * n, months: v.months * n}
}

// term returns the number of the package's term that contains an instant, 0 for the first, if each term begins at the
// end of the one before. It computes each end from the purchase, so that monthly terms that begin on the 31st do not
// move to the 28th.
func (v validity) term(bought, at udr.Instant, zone *time.Location) int {
	if at <= bought {
		return 0
	}
	n := 0
	switch {
	case v.hours > 0:
		n = int((at - bought) / (udr.Instant(v.hours) * udr.Instant(time.Hour)))
	case v.months > 0:
		from, to := bought.Time().In(zone), at.Time().In(zone)
		n = ((to.Year()-from.Year())*12 + int(to.Month()) - int(from.Month())) / v.months
	default:
		n = int(registry.LocalDate(zone, at)-registry.LocalDate(zone, bought)) / max(v.days, 1)
	}
	for n > 0 && v.times(n).after(bought, zone) > at {
		n--
	}
	return n
}

// Renewed is a renewal of a package.
type Renewed struct {
	Number     int // 1 for the first
	Begin, End udr.Instant
}

// Term returns the package's term that contains an instant, or its last one: its number, 0 for the first, and its
// end. It does not count renewals on use-up, because they depend on usage. renews reports whether the buyer may
// renew the package at a time.
func (p *Package) Term(b *registry.Bought, at udr.Instant, zone *time.Location, renews func(udr.Instant) bool) (n int, end udr.Instant) {
	if b.Renewal != registry.OnExpiry || p.OnUse {
		return 0, p.End(b.Since, 0, zone)
	}
	n = min(p.valid.term(b.Since, at, zone), p.valid.term(b.Since, max(b.Stops-1, b.Since), zone))
	for n > 0 && !renews(p.valid.times(n).after(b.Since, zone)) {
		n--
	}
	return n, p.valid.times(n+1).after(b.Since, zone)
}

// Renewals returns the renewals of a package on expiry that begin after one instant and until another. zone is the
// time zone of the account at the purchase.
func (p *Package) Renewals(b *registry.Bought, zone *time.Location, after, until udr.Instant) (all []Renewed) {
	if b.Renewal != registry.OnExpiry || p.OnUse {
		return nil
	}
	for n := max(1, p.valid.term(b.Since, after, zone)); ; n++ {
		r := Renewed{n, p.valid.times(n).after(b.Since, zone), p.valid.times(n+1).after(b.Since, zone)}
		if r.Begin > until || r.Begin >= b.Stops {
			return all
		}
		if r.Begin > after {
			all = append(all, r)
		}
	}
}

// PackageOf returns the name of the package of an instance.
func PackageOf(instance string) string {
	name, _, _ := strings.Cut(instance, "/")
	return name
}

// RenewalPrice returns the price of each renewal of a bought package.
func (p *Package) RenewalPrice(b *registry.Bought) (price decimal.D, currency string, err error) {
	if b.Price != nil {
		return *b.Price, b.Currency, nil
	}
	if p.Price == "" {
		return decimal.Zero, "", nil
	}
	price, err = decimal.Parse(p.Price)
	return price, p.Currency, err
}

// Renewal returns the default renewal for purchases of the package; "profile" leaves it to the billing profile.
func (p *Package) Renewal() string { return p.doc.Renewal }

// renewal is an engine's state of the renewals of an instance.
type renewal struct {
	number int64 // number of the last renewal
	onUse  bool
	key    CounterKey // counter with the time of the last renewal on use-up, and the number of such renewals
	count  CounterKey // counter of the renewals in the billing cycle
}

var (
	renewedID  = hashName("renewals of a package")
	renewalsID = hashName("renewals of a package in a cycle")
)

// renewals sets the term of an instance that renews.
func (e *Engine) renewals(x *instance, c *Counters, u *udr.Usage) {
	if x.Renewal == registry.OnUseUp {
		r := &x.renewed
		r.onUse, r.key, r.count = true, e.key(x, renewedID), e.key(x, mixID(renewalsID, uint32(x.payer.cycle)))
		v := c.Get(r.key)
		if r.number = int64(v.Lo); r.number > 0 {
			x.begin = udr.Instant(v.Hi)
			x.end = x.valid.after(x.begin, x.payer.facts.Zone)
			x.over = u.At >= x.end
			x.lapsed = x.over && u.At >= x.readOnly.after(x.end, x.payer.facts.Zone)
		}
		return
	}
	if x.onUse {
		return // invoices could not compute the time of renewals
	}
	zone := e.zoneOfPurchase(x, u.SIM)
	n := min(x.valid.term(x.Since, u.At, zone), x.valid.term(x.Since, max(x.Stops-1, x.Since), zone))
	for {
		x.renewed.number = int64(n)
		x.begin, x.end = x.valid.times(n).after(x.Since, zone), x.valid.times(n+1).after(x.Since, zone)
		x.over = u.At >= x.end
		x.lapsed = x.over && u.At >= x.readOnly.after(x.end, zone)
		if n == 0 || x.lapsed || e.view.Renews(x.sim, x.owner, &x.Bought, x.begin, e.rev) {
			return
		}
		n-- // nobody pays for that renewal, so the previous term was the last
	}
}

// zoneOfPurchase returns the time zone of the account that bought an instance or, if the instance belongs to a
// SIM, of the account that owned the SIM at the purchase.
func (e *Engine) zoneOfPurchase(x *instance, sim uint32) *time.Location {
	number := x.owner
	if x.sim {
		owner, _ := e.view.Owner(sim, x.Since, e.rev)
		number = owner.Account
	}
	if a, ok := e.view.Account(number, x.Since, e.rev); ok {
		return a.Zone
	}
	return x.payer.facts.Zone
}

// drawRenewing draws on a bucket of a package that renews on use-up, and renews it as often as the record needs and the
// package allows.
func (e *Engine) drawRenewing(t *tier, x *instance, b *bucket, at int64, ch *Charge, c *Counters, u *udr.Usage,
	res *Result) (drawn int64, err error) {
	for {
		d := e.drawInstance(t, x, b, timesUnits(b.size, x.renewed.number+1), false, at, ch, c, u, res)
		drawn, at = drawn+d, at+d
		if e.giving.on || d == 0 && at >= ch.Rounded {
			return drawn, nil
		}
		last := &ch.Draws[len(ch.Draws)-1]
		if at >= ch.Rounded && last.Size-last.Before-last.Taken() >= b.least || u.At >= x.Stops {
			return drawn, nil // the remaining units may be too few for a unit in this zone, but enough in others
		}
		if ok, err := e.renew(t, x, c, u, res); err != nil || !ok {
			return drawn, err
		}
		if at >= ch.Rounded {
			return drawn, nil
		}
	}
}

// renew renews an instance whose units are used up. It returns false if the instance has reached its limit of
// renewals per billing cycle, or if its buyer's account is closed.
func (e *Engine) renew(t *tier, x *instance, c *Counters, u *udr.Usage, res *Result) (bool, error) {
	r := &x.renewed
	if c.Get(r.count).Units() >= int64(x.atMost) || !e.view.Renews(x.sim, x.owner, &x.Bought, u.At, e.rev) {
		return false, nil
	}
	price, currency := x.price()
	if currency != "" && currency != t.plan.currency && !price.IsZero() {
		return false, suspend("currency", "package %s renews for %s %s, but plan %s charges %s; buy it for a price in that "+
			"currency (ratemill package buy --price), or cancel it, with an --at before the usage, and "+
			"retry", x.Name, price, currency, t.plan.name, t.plan.currency)
	}
	before := c.Get(r.key)
	begin := max(u.At, x.begin)
	e.set(c, r.key, before, Value{int64(begin), uint64(r.number + 1)}, res)
	k := c.entry(r.count)
	e.add(k, r.count, UnitsValue(1), res)
	r.number++
	x.begin, x.end = begin, x.valid.after(begin, x.payer.facts.Zone)
	res.Events = append(res.Events, Event{Kind: PackageRenewed, Name: x.Name, Account: t.payer.number, SIM: u.SIM, At: u.At, Counter: r.count,
		Threshold: UnitsValue(r.number), Before: UnitsValue(r.number - 1), After: UnitsValue(r.number)})
	if !price.IsZero() {
		e.renewed = append(e.renewed, PeriodLine{Kind: PeriodRenewal, Name: x.Name, Begins: x.payer.cycle, Counter: AccountUnits,
			Owner: t.payer.number, Price: price, Amount: price})
	}
	return true, nil
}

// price returns the price of a renewal.
func (x *instance) price() (decimal.D, string) {
	if p := x.Bought.Price; p != nil {
		return *p, x.Bought.Currency
	}
	if m := x.doc.Price; m != nil {
		return m.Amount, m.Currency
	}
	return decimal.Zero, ""
}

// payRenewals adds the price of the renewals that a record caused to its charge.
func (e *Engine) payRenewals(t *tier, ch *Charge, u *udr.Usage) (err error) {
	for i := 0; i < len(e.renewed) && err == nil; i++ {
		err = ch.pay(e.renewed[i])
	}
	return t.summed(ch, u, err)
}

// renewalWords describes the renewal of a package on which a record drew.
func (d *Draw) renewalWords() string {
	if d.Renewal == 0 {
		return ""
	}
	return ", renewal " + Grouped(d.Renewal)
}
