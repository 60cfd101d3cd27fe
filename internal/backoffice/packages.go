package backoffice

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"ratemill/account"
	"ratemill/diag"
	"ratemill/invoicing/product"
	"ratemill/rating"
	"ratemill/registry"
	"ratemill/udr"
)

// PackageOrder asks to buy a package for an account, or for one of its SIMs, or to cancel one.
type PackageOrder struct {
	AccountOrder
	Account string
	Package string // NAME to buy, NAME/INSTANCE to cancel
	SIM     string // an identifier; "" for the account
	Cap     int    // in percent, in place of the catalogue's; -1 for that
	Price   string // in place of the catalogue's, 0 for nothing; "" for that
	Tax     string // tax class of the price, if no part gives it
	Notes   string
}

// BuyPackage states that a package was bought, and a one-off charge of its price.
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
			return conflict("there is no catalogue, so nobody knows what is in package %s; run this in the project's folder", r.Package)
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
		v := account.Package{Notes: r.Notes}
		if r.Cap >= 0 {
			v.Cap = &r.Cap
		}
		d.state(registry.KindPackage, subject, name, when, v)
		return d.chargePackage(&r, &p, name, subject, payer, when, zone)
	})
}

// buyer is the subject of the statements about a package.
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
		return "", conflict("SIM %s is not one of account %s at that time", r.SIM, r.Account)
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

// environment refuses a package of a sandbox for those who pay, and the other way round.
func (d *accountDraft) environment(p *rating.Package, payer string, when udr.Instant) error {
	profile := d.book.Profile(payer, when)
	sandbox := profile != nil && profile.Sandbox()
	switch {
	case p.Sandbox && !sandbox:
		return conflict("package %s is for sandboxes, and account %s, which pays, is none: the environment of its billing profile is production",
			p.Name, payer)
	case sandbox && !p.Sandbox:
		return conflict("account %s, which pays, is a sandbox, and package %s is not for sandboxes", payer, p.Name)
	}
	return nil
}

// packageInstance is a name that no package of the buyer ever had: of the request's key, so that the same request again is the
// same package, or the next number.
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

// chargePackage states the one-off charge of a package's price.
func (d *accountDraft) chargePackage(r *PackageOrder, p *rating.Package, name, subject, payer string, when udr.Instant,
	zone *time.Location) error {
	currency, price := d.book.Account(payer, when).Currency, r.Price
	switch {
	case price == "" && p.Price != "" && p.Currency != currency:
		return conflict("package %s costs %s %s, but account %s pays in %s; give its price in that with --price", p.Name, p.Price, p.Currency,
			payer,
			currency)
	case price == "":
		price = p.Price
	}
	if price == "" || price == "0" {
		d.answer.Notes = append(d.answer.Notes, "nothing is charged for the package")
		return nil
	}
	v := product.OneOff{Payer: payer, Account: r.Account, Product: p.Name, Currency: currency, Tax: r.Tax, Reference: name}
	if subject != r.Account {
		v.SIM = subject
	}
	var err error
	if v.Amount, err = chargeAmount(price, currency); err != nil {
		return err
	}
	if v.Amount.Sign() < 0 {
		return fmt.Errorf("a package costs 0 or more, not %s", price)
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
		d.answer.Notes = append(d.answer.Notes, fmt.Sprintf("no part of the catalogue is of charge %s, so the price has no tax class; add such "+
			"a part, or give --tax", p.Name))
	}
	return nil
}

// CancelPackage ends a package at a time: what depends on it is released then. Its price is not given back.
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
		if err := d.end(registry.KindPackage, subject, r.Package, when); err != nil {
			return err
		}
		d.answer.Notes = append(d.answer.Notes, "its price is not given back; ratemill charge add makes a credit")
		return nil
	})
}

// ListedPackage is a package that an account or one of its SIMs bought.
type ListedPackage struct {
	Account string `json:"account"`
	SIM     string `json:"sim,omitempty"` // an identifier
	Package string `json:"package"`       // NAME/INSTANCE
	Status  string `json:"status"`        // pending, active, expired, inactive, cancelled
	Bought  string `json:"bought"`
	Ends    string `json:"ends"` // of one that begins with its first use, by when it must begin
	Cap     int    `json:"cap"`  // in percent
	Then    string `json:"then"` // priced or blocked
	Notes   string `json:"notes,omitempty"`
}

// ListPackages are the packages of an account and of its SIMs, oldest first.
func (o *Office) ListPackages(ctx context.Context, id string, q AccountQuestion) ([]ListedPackage, error) {
	r, end, err := o.readAll(ctx, q)
	if err != nil {
		return nil, err
	}
	defer end()
	if r.book.Account(id, r.at) == nil {
		return nil, r.unknown(id)
	}
	if err := r.as.Within(account.Path(r.book, id, r.at)); err != nil {
		return nil, err
	}
	all := []ListedPackage{}
	for subject := range r.statements.Subjects(registry.KindPackage) {
		sim, ofSIM := registry.SIMOf(subject)
		own, _ := r.view.Owner(sim, r.at, r.book.Revision)
		if owner, _ := r.view.AccountID(own.Account); ofSIM && owner != id || !ofSIM && subject != id {
			continue
		}
		number, _ := r.view.AccountNumber(id)
		if ofSIM {
			number = sim
		}
		for _, b := range r.view.Bought(ofSIM, number, r.at, r.book.Revision, nil) {
			if b.Kind == registry.KindPackage {
				all = append(all, r.listedPackage(id, subject, &b))
			}
		}
	}
	slices.SortFunc(all, func(a, b ListedPackage) int {
		return strings.Compare(a.Bought+a.SIM+a.Package, b.Bought+b.SIM+b.Package)
	})
	return all, r.book.Err()
}

// readAll is read with the SIMs.
func (o *Office) readAll(ctx context.Context, q AccountQuestion) (r *reading, end func(), err error) {
	r, end, err = o.read(ctx, q)
	if err != nil {
		return nil, nil, err
	}
	end()
	r.registry = registry.New()
	if _, err := o.Store.LoadRegistry(ctx, r.registry); err != nil {
		return nil, nil, err
	}
	r.accountDraft.view = nil
	r.open()
	return r, r.view.Close, nil
}

func (r *reading) listedPackage(id, subject string, b *registry.Bought) ListedPackage {
	zone := r.book.Account(id, r.at).Zone
	l := ListedPackage{Account: id, Package: b.Name, Bought: day(b.Since, zone), Status: "active"}
	if sim, ok := registry.SIMOf(subject); ok {
		is := registryAt{r.view, r.book.Revision, r.at}.sim(sim)
		l.SIM = strings.Join(slices.Concat(is.ICCID, is.IMSI, is.MSISDN)[:1], "")
	}
	if v := account.Value[account.Package](r.book, registry.KindPackage, subject, b.Name, b.Since); v != nil {
		l.Notes = v.Notes
	}
	name, _, _ := strings.Cut(b.Name, "/")
	var p rating.Package
	known := false
	if r.catalogue != nil {
		p, known = r.catalogue.Package(name, b.Since, zone)
	}
	if !known {
		l.Status, l.Notes = "unknown", strings.TrimSpace("the catalogue has no such package. "+l.Notes)
		return l
	}
	l.Then = "priced"
	if p.Blocked {
		l.Then = "blocked"
	}
	if l.Cap = p.Cap; b.Cap >= 0 {
		l.Cap = b.Cap
	}
	ends := p.End(b.Since, 0, zone)
	l.Ends = day(ends, zone)
	switch {
	case r.at >= b.Until:
		l.Status, l.Ends = "cancelled", day(b.Until, zone)
	case p.OnUse:
		l.Status, l.Ends = "pending or active", "begins with its first use, before "+l.Ends
	case r.at >= p.ReadOnlyUntil(ends, zone):
		l.Status = "inactive"
	case r.at >= ends:
		l.Status = "expired"
	}
	return l
}
