package backoffice

import (
	"context"
	"slices"
	"strings"

	"ratemill/account"
	"ratemill/rating"
	"ratemill/registry"
	"ratemill/udr"
)

// ListedPackage is a package that an account or one of its SIMs bought.
type ListedPackage struct {
	Account string `json:"account"`
	SIM     string `json:"sim,omitempty"` // an identifier
	Package string `json:"package"`       // NAME/INSTANCE
	Status  string `json:"status"`        // pending, active, expired, inactive, cancelled, or two of them if usage decides
	Bought  string `json:"bought"`
	Ends    string `json:"ends"`              // of one that begins with its first use, by when it must begin
	Cap     *int   `json:"cap,omitempty"`     // in percent; nil if the catalogue does not have the package
	Renewal string `json:"renewal"`           // never, on_expiry, on_use_up
	Renewed *int   `json:"renewed,omitempty"` // how often; nil if it renews on use-up, because usage decides that
	Then    string `json:"then,omitempty"`    // priced or blocked
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
		number, _ := r.view.AccountNumber(id)
		owner := subject
		sim, ofSIM := registry.SIMOf(subject)
		if ofSIM {
			own, _ := r.view.Owner(sim, r.at, r.book.Revision)
			owner, _ = r.view.AccountID(own.Account)
			number = sim
		}
		if owner != id {
			continue
		}
		for _, b := range r.view.Bought(ofSIM, number, r.at, r.book.Revision, nil) {
			if b.Kind == registry.KindPackage {
				renews := func(at udr.Instant) bool { return r.view.Renews(ofSIM, number, &b, at, r.book.Revision) }
				all = append(all, r.listedPackage(id, subject, &b, renews))
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

func (r *reading) listedPackage(id, subject string, b *registry.Bought, renews func(udr.Instant) bool) ListedPackage {
	zone := r.book.Account(id, r.at).Zone
	l := ListedPackage{Account: id, Package: b.Name, Bought: day(b.Since, zone), Status: "active"}
	if sim, ok := registry.SIMOf(subject); ok {
		is := registryAt{r.view, r.book.Revision, r.at}.sim(sim)
		if names := slices.Concat(is.ICCID, is.IMSI, is.MSISDN); len(names) > 0 {
			l.SIM = names[0]
		}
	}
	if v := account.Value[account.Package](r.book, registry.KindPackage, subject, b.Name, b.Since); v != nil {
		l.Notes = v.Notes
	}
	l.Renewal = b.Renewal.String()
	if b.Cap >= 0 {
		l.Cap = &b.Cap
	}
	var p rating.Package
	known := false
	if r.catalogue != nil {
		p, known = r.catalogue.Package(rating.PackageOf(b.Name), b.Since, zone)
	}
	if !known {
		l.Status, l.Notes = "unknown", strings.TrimSpace("the catalogue has no such package. "+l.Notes)
		return l
	}
	l.Then = "priced"
	if p.Blocked {
		l.Then = "blocked"
	}
	if l.Cap == nil {
		l.Cap = &p.Cap
	}
	last, ends := p.Term(b, r.at, zone, renews)
	if b.Renewal != registry.OnUseUp {
		l.Renewed = &last
	}
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
	if b.Renewal == registry.OnUseUp && !p.OnUse && r.at < b.Until { // only usage says whether it renewed
		l.Ends += " or later"
		if r.at >= ends {
			l.Status = "active or " + l.Status
		}
	}
	return l
}
