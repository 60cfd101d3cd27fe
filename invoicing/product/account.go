package product

import (
	"fmt"
	"slices"

	"ratemill/registry"
	"ratemill/udr"
)

// accountDue adds the charges of a whole account in a window: its add-ons, and the fees of its share plans.
func (w *window) accountDue(number uint32, b *bill) error {
	id, ok := w.view.AccountID(number)
	if !ok {
		return nil
	}
	dates := []Date{w.from}
	add := func(d Date) {
		if d > w.from && d < w.to {
			dates = append(dates, d)
		}
	}
	for _, a := range w.sharing(w.docs, number) {
		for _, d := range w.breaks(a) {
			add(d)
		}
	}
	for _, kind := range []registry.Kind{registry.KindAddon, registry.KindStatus} {
		for _, at := range w.times(kind, id, w.rev) {
			add(w.date(at))
		}
	}
	for _, days := range w.participating(number) {
		for _, run := range days {
			add(Date(run[0]))
			add(Date(run[1]))
		}
	}
	slices.Sort(dates)
	dates = slices.Compact(dates)
	for i, lo := range dates {
		x := stretch{lo: lo, hi: w.to}
		if i+1 < len(dates) {
			x.hi = dates[i+1]
		}
		has, err := w.has(number, id, w.end(lo))
		if err != nil {
			return err
		}
		for k := range has {
			if err := w.accountRates(number, id, &x, &has[k], b); err != nil {
				return err
			}
		}
	}
	return w.finish(b)
}

// owns is an add-on or share plan that an account has.
type owns struct {
	taken
	kind ofKind
}

// has returns the add-ons and share plans of an account at a time, if the payer of the run pays for the account and
// the account is in business.
func (w *window) has(number uint32, id string, at udr.Instant) (all []owns, err error) {
	if _, ok := w.view.Account(number, at, w.rev); !ok || w.payerOf(number, at, w.rev) != w.payer {
		return nil, nil
	}
	if s, ok := w.facts.Statements.At(registry.KindStatus, id, "", at, w.rev); ok {
		status, err := registry.ReadAccountStatus(s.Value)
		if err != nil || status.Status != "active" && status.Status != "suspended" {
			return nil, err
		}
	}
	addons, err := w.addonsAt(id, at, w.rev)
	for _, t := range addons {
		all = append(all, owns{t, ofAddon})
	}
	for _, name := range w.pools(number, at) { // one pool for all accounts that share it
		all = append(all, owns{taken{name: name, units: 1}, ofShare})
	}
	return all, err
}

func (w *window) accountRates(number uint32, id string, x *stretch, has *owns, b *bill) error {
	rates, err := w.offers(thing{has.kind, has.name}, id)
	if err != nil {
		return err
	}
	for i := range rates {
		r := &rates[i]
		lo, hi := max(x.lo, r.lo), min(x.hi, r.hi)
		if lo >= hi || !w.holds(r) {
			continue
		}
		if r.plain < 0 {
			return fmt.Errorf("account %s has %s, but each price of part %s names states, and accounts have none; add a price without states",
				id, thing{has.kind, has.name}, r.Name.Value)
		}
		key := w.key(0, id, &has.taken, r, r.plain)
		if r.Charge == recurring && r.Proration != "full" && w.every == 1 {
			b.at(key).days.add(int(lo-w.from), int(hi-w.from))
			continue
		}
		began, ok, err := w.accountBegan(number, id, has)
		if err != nil {
			return err
		}
		switch {
		case r.Charge == oneTime:
			if ok && began >= lo && began < hi {
				key.of = 0
				o := b.at(key)
				o.once, o.n = true, 1
			}
		case w.every > 1 && (w.profile.Anchor > 0 && !w.fits(w.profile.Anchor-1) || w.profile.Anchor == 0 && !(ok && w.fitsDate(began))):
		case r.Proration == "full":
			b.full(full{part: r.Name.Value, instance: has.instance, first: lo, mine: true, key: key})
		default:
			b.at(key).days.add(int(lo-w.from), int(hi-w.from))
		}
	}
	return nil
}

// accountBegan returns the first date on which the payer owes something for an account.
func (w *window) accountBegan(number uint32, id string, has *owns) (Date, bool, error) {
	var dates []Date
	for _, a := range w.sharing(w.docs, number) {
		dates = append(dates, w.breaks(a)...)
	}
	for _, kind := range []registry.Kind{registry.KindAddon, registry.KindStatus} {
		for _, at := range w.times(kind, id, w.rev) {
			dates = append(dates, w.date(at))
		}
	}
	slices.Sort(dates)
	for _, d := range slices.Compact(dates) {
		all, err := w.has(number, id, w.end(d))
		if err != nil {
			return 0, false, err
		}
		if slices.ContainsFunc(all, func(o owns) bool { return o.kind == has.kind && o.name == has.name && o.instance == has.instance }) {
			return d, true, nil
		}
	}
	return 0, false, nil
}
