package backoffice

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"ratemill/account"
	"ratemill/decimal"
	"ratemill/diag"
	"ratemill/internal/project"
	"ratemill/invoicing/product"
	"ratemill/rating"
	"ratemill/registry"
	"ratemill/udr"
)

// PackageOrder requests the purchase of a package for an account or for one of its SIMs, or the
// cancellation of one.
type PackageOrder struct {
	AccountOrder
	Account string
	Package string // NAME to buy, NAME/INSTANCE to cancel
	SIM     string // an identifier of the SIM; "" for the account
	Cap     int    // in percent, replaces the catalogue's cap; -1: use the catalogue's cap
	Price   string // replaces the catalogue's price, 0 for free; "": use the catalogue's price
	Tax     string // tax class of the price, if no part defines it
	Renewal string // replaces the renewal of the catalogue and the billing profile; "": use theirs
	AtEnd   bool   // cancel only the renewal
	Notes   string
}

// BuyPackage states that a package was bought, and a one-off charge for its price.
func (o *Office) BuyPackage(ctx context.Context, r PackageOrder) (*AccountChange, error) {
	return o.changeAccounts(ctx, &r.AccountOrder, func(d *accountDraft) error {
		when, as, err := d.account(r.Account)
		if err != nil {
			return err
		}
		subject, err := d.buyer(&r, when)
		if err != nil {
			return err
		}
		if err := d.mayBuy(&r, as, when); err != nil {
			return err
		}
		zone := d.book.Account(r.Account, when).Zone
		if d.catalogue == nil {
			return conflict("there is no catalogue, so the content of package %s is unknown; run this in the project's folder", r.Package)
		}
		p, ok := d.catalogue.Package(r.Package, when, zone)
		if !ok {
			return missing("the catalogue sells no package %s on %s%s", r.Package, day(when, zone),
				orAll(diag.Suggest(r.Package, d.catalogue.Packages()), "package", d.catalogue.Packages()))
		}
		payer := d.book.Payer(r.Account, when)
		if err := d.environment(&p, payer, when); err != nil {
			return err
		}
		name := d.packageInstance(&r, subject)
		if err := d.offered(&r, &p, subject, name, when, zone); err != nil {
			return err
		}
		v := account.Package{Notes: r.Notes}
		if r.Cap >= 0 {
			v.Cap = &r.Cap
		}
		price, err := d.packagePrice(&r, p.Name, p.Price, p.Currency, payer, when)
		if err != nil {
			return err
		}
		if err := d.renews(&r, &p, &v, payer, price, when); err != nil {
			return err
		}
		if price, err = d.firstPrice(&r, &p, v.Renewal != "", payer, price, when); err != nil {
			return err
		}
		d.state(registry.KindPackage, subject, name, when, v)
		return d.chargePackage(&r, &p, name, subject, payer, price, when, zone)
	})
}

// buyer returns the subject of the statements about a package.
func (d *accountDraft) buyer(r *PackageOrder, when udr.Instant) (string, error) {
	if r.SIM == "" {
		return r.Account, nil
	}
	sim, err := oneSIM(d.view, r.SIM)
	if err != nil {
		return "", &Problem{Missing, err}
	}
	own, ok := d.view.Owner(sim, when, d.book.Revision)
	if id, _ := d.view.AccountID(own.Account); !ok || id != r.Account {
		return "", conflict("SIM %s does not belong to account %s at that time", r.SIM, r.Account)
	}
	return registry.SubjectOf(sim), nil
}

// mayBuy checks that the account is in business, and that the actor may buy the package for it.
func (d *accountDraft) mayBuy(r *PackageOrder, as account.Actor, when udr.Instant) error {
	if s := d.book.Status(r.Account, when).Status; s != account.Active {
		return conflict("account %s is %s; packages are for active accounts", r.Account, s)
	}
	if !as.Provides(account.Path(d.book, r.Account, when)) && (r.Price != "" || r.Cap >= 0) {
		return conflict("only the provider sets the price and the cap of a package")
	}
	if err := d.book.Given(r.Account, when).Entitled(as, account.ResourceName{Kind: account.PackageResource, Name: r.Package}); err != nil {
		return &Problem{Conflict, err}
	}
	return nil
}

// offered refuses a package that is not sold to the account at that time. A repeated request does not count as
// another purchase.
func (d *accountDraft) offered(r *PackageOrder, p *rating.Package, subject, name string, when udr.Instant, zone *time.Location) error {
	if len(d.statements.Told(registry.KindPackage, subject)) > 0 && d.hasPackage(subject, name) {
		return nil
	}
	b := rating.Buyer{Path: account.Path(d.book, r.Account, when), Kind: d.book.Account(r.Account, when).Kind}
	for of := range d.statements.Subjects(registry.KindPackage) {
		if sim, ok := registry.SIMOf(of); ok {
			own, _ := d.view.Owner(sim, when, d.book.Revision)
			if id, _ := d.view.AccountID(own.Account); id != r.Account {
				continue
			}
		} else if of != r.Account {
			continue
		}
		names := map[string]bool{}
		for _, s := range d.statements.Told(registry.KindPackage, of) {
			if s.State == registry.Holds && rating.PackageOf(s.Name) == p.Name {
				names[s.Name] = true
			}
		}
		b.Has += len(names)
	}
	if why := p.NotFor(&b, when, zone); why != "" {
		return conflict("%s", why)
	}
	return nil
}

func (d *accountDraft) hasPackage(subject, name string) bool {
	return slices.ContainsFunc(d.statements.Told(registry.KindPackage, subject),
		func(s registry.KnownStatement) bool { return s.Name == name })
}

// environment refuses a sandbox package for a production account, and vice versa.
func (d *accountDraft) environment(p *rating.Package, payer string, when udr.Instant) error {
	profile := d.book.Profile(payer, when)
	sandbox := profile != nil && profile.Sandbox()
	switch {
	case p.Sandbox && !sandbox:
		return conflict("package %s is for sandboxes, but account %s, which pays, is not one: the environment of its "+
			"billing profile is production",
			p.Name, payer)
	case sandbox && !p.Sandbox:
		return conflict("account %s, which pays, is a sandbox, and package %s is not for sandboxes", payer, p.Name)
	}
	return nil
}

// packageInstance returns an unused name for a package of the buyer: the request's key, so that a repeated request is
// the same package, or else the next number.
func (d *accountDraft) packageInstance(r *PackageOrder, subject string) string {
	if r.Key != "" {
		sum := sha256.Sum256([]byte(r.Key))
		return r.Package + "/" + hex.EncodeToString(sum[:6])
	}
	told := d.statements.Told(registry.KindPackage, subject)
	for n := 1; ; n++ {
		name := fmt.Sprintf("%s/%d", r.Package, n)
		if !slices.ContainsFunc(told, func(s registry.KnownStatement) bool { return s.Name == name }) {
			return name
		}
	}
}

// packagePrice returns the price of a package for a payer, in the payer's currency; 0 if it is free.
func (d *accountDraft) packagePrice(r *PackageOrder, name, price, its, payer string, when udr.Instant) (amount decimal.D, err error) {
	currency := d.book.Account(payer, when).Currency
	switch {
	case r.Price != "":
		price = r.Price
	case price != "" && its != currency:
		return amount, conflict("package %s costs %s %s, but account %s pays in %s; give its price in that currency with "+
			"--price", name, price, its, payer,
			currency)
	}
	if price == "" || price == "0" {
		return amount, nil
	}
	if amount, err = chargeAmount(price, currency); err == nil && amount.Sign() < 0 {
		err = fmt.Errorf("a package costs 0 or more, not %s", price)
	}
	return amount, err
}

// renews sets the renewal of a package and the renewal's price. The buyer's choice comes first, then the catalogue,
// then the payer's billing profile.
func (d *accountDraft) renews(r *PackageOrder, p *rating.Package, v *account.Package, payer string, price decimal.D,
	when udr.Instant) error {
	mode, who := r.Renewal, "--renewal"
	if mode == "" {
		mode, who = p.Renewal(), "package "+p.Name
	}
	if mode == "profile" {
		mode, who = "never", ""
		if profile := d.book.Profile(payer, when); profile != nil && profile.PrepaidRenewal != "" {
			mode, who = profile.PrepaidRenewal, "the billing profile of "+payer
		}
	}
	switch {
	case !slices.Contains([]string{"never", "on_expiry", "on_use_up"}, mode):
		return fmt.Errorf("--renewal is never, on_expiry or on_use_up, not %s", mode)
	case mode == "never":
		return nil
	case mode == "on_expiry" && p.OnUse && r.Renewal != "":
		return conflict("package %s begins with its first use, so it cannot renew on expiry; use --renewal on_use_up or never", p.Name)
	case mode == "on_expiry" && p.OnUse:
		d.answer.Notes = append(d.answer.Notes, fmt.Sprintf("%s has packages renew on expiry, but package %s begins with "+
			"its first use, so it does not renew", who, p.Name))
		return nil
	}
	currency := d.book.Account(payer, when).Currency
	v.Renewal, v.Price = mode, &price
	cost := "free of charge"
	if !price.IsZero() {
		v.Currency, cost = currency, "for "+price.String()+" "+currency
	}
	words := map[string]string{"on_expiry": "on expiry", "on_use_up": "on use-up"}
	d.answer.Notes = append(d.answer.Notes, fmt.Sprintf("it renews %s, each time %s, because of %s; package cancel ends that",
		words[mode], cost, who))
	return nil
}

// firstPrice returns the price of the purchase itself: the first price of a package that renews, or else its price.
// A buyer who expects the first price, such as a free trial, must choose the other price: if the renewal would come
// from the billing profile and there is none, the purchase is refused.
func (d *accountDraft) firstPrice(r *PackageOrder, p *rating.Package, renews bool, payer string, price decimal.D,
	when udr.Instant) (decimal.D, error) {
	first, currency, ok := p.FirstPrice()
	switch {
	case !ok || r.Price != "":
		return price, nil
	case renews:
		return d.packagePrice(r, p.Name, first, currency, payer, when)
	case r.Renewal == "never":
		d.answer.Notes = append(d.answer.Notes, fmt.Sprintf("it does not renew, so it costs %s %s: the first price of %s %s is only for "+
			"purchases that renew", price, currency, first, currency))
		return price, nil
	}
	renewal := "on_expiry or on_use_up"
	if p.OnUse {
		renewal = "on_use_up"
	}
	return price, conflict("the first price of package %s, %s %s, is only for purchases that renew, and this one would not renew: neither "+
		"the package nor the billing profile of account %s, which pays, has a renewal that it can have. Buy it with --renewal %s for the "+
		"first price, or with --renewal never for %s %s", p.Name, first, currency, payer, renewal, price, currency)
}

// chargePackage states the one-off charge of a package's price.
func (d *accountDraft) chargePackage(r *PackageOrder, p *rating.Package, name, subject, payer string, price decimal.D, when udr.Instant,
	zone *time.Location) error {
	if price.IsZero() {
		d.answer.Notes = append(d.answer.Notes, "nothing is charged for the package")
		return nil
	}
	v := product.OneOff{Payer: payer, Account: r.Account, Product: p.Name, Amount: price, Currency: d.book.Account(payer, when).Currency,
		Tax: r.Tax, Reference: name}
	if err := v.TaxIn(project.TaxClasses(d.catalogue)); err != nil {
		return &Problem{Invalid, err}
	}
	if subject != r.Account {
		v.SIM = subject
	}
	if !p.OnUse {
		v.From = registry.Date(registry.LocalDate(zone, when))
		v.To = registry.Date(registry.LocalDate(zone, p.End(when, 0, zone)-1) + 1)
	}
	charge := ChargeOrder{}
	if charge.Key = r.Key; r.Key != "" {
		charge.Key = "package " + r.Key
	}
	d.state(registry.KindOneOff, d.chargeID(&charge, &v), "", when, v)
	if !d.knownCharge(p.Name) && r.Tax == "" {
		d.answer.Notes = append(d.answer.Notes, fmt.Sprintf("no part of the catalogue is for charge %s, so the price has no "+
			"tax class; add such a part, or give --tax", p.Name))
	}
	return nil
}

// CancelPackage ends a package at a time, or only its renewal. It does not refund the price.
func (o *Office) CancelPackage(ctx context.Context, r PackageOrder) (*AccountChange, error) {
	return o.changeAccounts(ctx, &r.AccountOrder, func(d *accountDraft) error {
		when, as, err := d.account(r.Account)
		if err != nil {
			return err
		}
		if err := d.provider(r.Account, as, when, "the packages"); err != nil {
			return err
		}
		subject, err := d.buyer(&r, when)
		if err != nil {
			return err
		}
		if r.AtEnd {
			return d.stopRenewal(&r, subject, when)
		}
		if err := d.end(registry.KindPackage, subject, r.Package, when); err != nil {
			return err
		}
		d.answer.Notes = append(d.answer.Notes, "its price is not refunded; ratemill charge add creates a credit")
		return nil
	})
}

// stopRenewal ends the renewal of a package. Its remaining units can be drawn until its time is over.
func (d *accountDraft) stopRenewal(r *PackageOrder, subject string, when udr.Instant) error {
	v := account.Value[account.Package](d.book, registry.KindPackage, subject, r.Package, when)
	if v == nil {
		return missing("account %s has no package %s at that time; ratemill package list %s shows its "+
			"packages", r.Account, r.Package, r.Account)
	}
	if registry.ParseRenewal(v.Renewal) == registry.NeverRenews {
		return conflict("package %s does not renew; leave out --at-end to end it", r.Package)
	}
	changed := *v
	changed.Renewal, changed.Price, changed.Currency = "never", nil, ""
	d.state(registry.KindPackage, subject, r.Package, when, changed)
	d.answer.Notes = append(d.answer.Notes, "it can be drawn until it expires, and does not renew any more")
	return nil
}
