package product

import (
	"fmt"
	"time"

	"ratemill/invoicing/document"
	"ratemill/rating"
	"ratemill/registry"
	"ratemill/udr"
)

// Packages that renew on expiry are charged at each renewal, in the same way as the one-off charge of their purchase.
// The renewals follow from the purchase, as in rating. A renewal on use-up is part of the charge of the record that
// caused it.

// buyer is an account, or a SIM, that bought packages.
type buyer struct {
	number  uint32
	sim     bool
	subject string
}

// buyersOf finds the accounts and SIMs that ever bought a package, ordered by number.
func buyersOf(f Facts) map[buyer]bool {
	all := map[buyer]bool{}
	for subject := range f.Statements.Subjects(registry.KindPackage) {
		b := buyer{subject: subject}
		if b.number, b.sim = registry.SIMOf(subject); !b.sim {
			var ok bool
			if b.number, ok = f.View.AccountNumber(subject); !ok {
				continue
			}
		}
		all[b] = true
	}
	return all
}

// renewals returns the package renewals of the payer's accounts and their SIMs.
func (r *run) renewals(accounts []uint32) error {
	if len(r.buyers) == 0 {
		return nil
	}
	for _, a := range accounts {
		if id, ok := r.view.AccountID(a); ok {
			if err := r.renewalsOf(buyer{number: a, subject: id}); err != nil {
				return err
			}
		}
	}
	for _, sim := range r.index.of(accounts) {
		if err := r.renewalsOf(buyer{sim, true, registry.SubjectOf(sim)}); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) renewalsOf(of buyer) error {
	if !r.buyers[of] {
		return nil
	}
	since := r.stated(registry.KindPackage, of.subject)
	if of.sim {
		r.known = r.view.Owners(of.number, r.known[:0])
		for i := range r.known {
			f := &r.known[i]
			if r.fresh(f.Known) {
				since = min(since, f.From)
			}
			if f.Account != 0 && r.again {
				since = min(since, r.dirty(f.Account, true))
			}
		}
		r.states = r.view.States(of.number, r.states[:0])
		for i := range r.states {
			if s := &r.states[i]; r.fresh(s.Known) {
				since = min(since, s.From)
			}
		}
	} else {
		since = min(since, r.dirty(of.number, true))
	}
	return r.subject(since, nil, func(_ registry.Revision, w *window, b *bill) error {
		if !w.events {
			return nil
		}
		return w.renewed(of, b)
	})
}

// renewed adds the renewals that are dated in the window.
func (w *window) renewed(of buyer, b *bill) error {
	until := w.ends[len(w.ends)-1]
	for _, bought := range w.view.Bought(of.sim, of.number, until, w.rev, nil) {
		if bought.Kind != registry.KindPackage || bought.Renewal != registry.OnExpiry {
			continue
		}
		_, zone, ok := w.buyerAt(of, bought.Since)
		if !ok {
			continue
		}
		name := rating.PackageOf(bought.Name)
		p, ok := w.docs.rates.Package(name, bought.Since, zone)
		if !ok {
			return fmt.Errorf("%s has had package %s since %s, which renews, but no version of the catalogue sold it then; add "+
				"one, or withdraw the purchase", of.subject, bought.Name, bought.Since)
		}
		for _, n := range p.Renewals(&bought, zone, w.ends[0], until) {
			if err := w.renewal(of, &bought, &p, n, b); err != nil {
				return err
			}
		}
	}
	return nil
}

// buyerAt returns the account of a buyer at a time, and the account's zone.
func (w *window) buyerAt(of buyer, at udr.Instant) (account uint32, zone *time.Location, ok bool) {
	account = of.number
	if of.sim {
		owner, owned := w.view.Owner(of.number, at, w.rev)
		if account = owner.Account; !owned {
			return 0, nil, false
		}
	}
	a, ok := w.view.Account(account, at, w.rev)
	if !ok {
		return 0, nil, false
	}
	return account, a.Zone, true
}

// renewal adds a renewal, if the payer of the run pays it and rating defines its units.
func (w *window) renewal(of buyer, bought *registry.Bought, p *rating.Package, n rating.Renewed, b *bill) error {
	account, _, ok := w.buyerAt(of, n.Begin)
	if !ok || w.payerOf(account, n.Begin, w.rev) != w.payer {
		return nil
	}
	if !w.view.Renews(of.sim, of.number, bought, n.Begin, w.rev) {
		return nil
	}
	id, _ := w.view.AccountID(account)
	price, currency, err := p.RenewalPrice(bought)
	if err != nil || price.IsZero() {
		return err
	}
	if currency != w.currency {
		return fmt.Errorf("package %s of %s renews for %s %s, but account %s pays in %s; cancel it, and buy it for a price in that currency",
			bought.Name, of.subject, price, currency, w.id, w.currency)
	}
	sim := uint32(0)
	if of.sim {
		sim = of.number
	}
	cause := fmt.Sprintf("package %s/%s/%d", of.subject, bought.Name, n.Number)
	return b.add(owedKey{kind: document.OneOff, sim: sim, account: id, product: p.Name, price: price, units: 1, from: w.date(n.Begin),
		to: w.date(n.End-1) + 1, cycle: w.first, tax: w.docs.Tax(oneTime, p.Name, w.date(n.Begin)), cause: cause,
		text: fmt.Sprintf("%s, renewal %d", bought.Name, n.Number)}, 1)
}
