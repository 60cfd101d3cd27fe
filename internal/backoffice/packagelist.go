package backoffice

import (
	"context"
	"slices"
	"strings"
	"time"

	"ratemill/account"
	"ratemill/rating"
	"ratemill/registry"
	"ratemill/udr"
)

// ListedPackage is a package that an account or one of its SIMs bought.
type ListedPackage struct {
	Account string         `json:"account"`
	SIM     string         `json:"sim,omitempty"` // an identifier
	Package string         `json:"package"`       // NAME/INSTANCE
	Status  string         `json:"status"`        // pending, active, expired, inactive, cancelled, or two of them as long as usage decides
	Bought  string         `json:"bought"`
	From    string         `json:"from,omitempty"`          // beginning of its time, or of its last renewal; empty: it has not begun
	Ends    string         `json:"ends"`                    // latest beginning, if it begins with its first use
	Cap     *int           `json:"cap,omitempty"`           // in percent; nil if the catalogue does not have the package
	Renewal string         `json:"renewal"`                 // never, on_expiry, on_use_up
	Renewed *int           `json:"renewed,omitempty"`       // number of renewals; nil if they depend on usage that is not known
	Again   *int           `json:"renewals_left,omitempty"` // renewals on use-up left in this billing cycle; nil: no limit, or unknown
	Then    string         `json:"then,omitempty"`          // priced or blocked
	Buckets []PackageUnits `json:"buckets,omitempty"`
	AsOf    string         `json:"as_of,omitempty"` // when the last usage was counted; empty: no usage was counted
	Notes   string         `json:"notes,omitempty"`
}

// PackageUnits holds the units of a bucket of a package.
type PackageUnits struct {
	Bucket  string `json:"bucket"`
	Unit    string `json:"unit"`
	Size    int64  `json:"size"`               // size including all renewals on use-up
	Used    *int64 `json:"used,omitempty"`     // nil if unknown
	Left    *int64 `json:"left,omitempty"`     // units that can still be drawn: none after the package's end
	CapLeft *int64 `json:"cap_left,omitempty"` // units beyond these that are free
}

// ListPackages returns the packages of an account and of its SIMs, oldest first.
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
	var has []hasPackage
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
				has = append(has, hasPackage{Bought: b, subject: subject, owner: account.UnitsOwner{SIM: ofSIM, Number: number}})
			}
		}
	}
	used, err := o.unitsUsed(ctx, r, id, has)
	if err != nil {
		return nil, err
	}
	all := []ListedPackage{}
	for i := range has {
		all = append(all, r.listedPackage(id, &has[i], used))
	}
	slices.SortFunc(all, func(a, b ListedPackage) int {
		return strings.Compare(a.Bought+a.SIM+a.Package, b.Bought+b.SIM+b.Package)
	})
	return all, r.book.Err()
}

// hasPackage is a package that an account or SIM has.
type hasPackage struct {
	registry.Bought
	subject string
	owner   account.UnitsOwner
}

// readAll is like read, but includes the SIMs.
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

func (r *reading) listedPackage(id string, b *hasPackage, used *unitsUsed) ListedPackage {
	owner := r.book.Account(id, r.at)
	l := ListedPackage{Account: id, Package: b.Name, Bought: day(b.Since, owner.Zone), Status: "active", Renewal: b.Renewal.String()}
	if sim, ok := registry.SIMOf(b.subject); ok {
		is := registryAt{r.view, r.book.Revision, r.at}.sim(sim)
		if names := slices.Concat(is.ICCID, is.IMSI, is.MSISDN); len(names) > 0 {
			l.SIM = names[0]
		}
	}
	if v := account.Value[account.Package](r.book, registry.KindPackage, b.subject, b.Name, b.Since); v != nil {
		l.Notes = v.Notes
	}
	if b.Cap >= 0 {
		l.Cap = &b.Cap
	}
	var p rating.Package
	known := false
	if r.catalogue != nil {
		p, known = r.catalogue.Package(rating.PackageOf(b.Name), b.Since, owner.Zone)
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
	l.AsOf = used.asOf()
	use, counted := used.of(b)
	renews := func(at udr.Instant) bool {
		return r.view.Renews(b.owner.SIM, b.owner.Number, &b.Bought, at, r.book.Revision)
	}
	stand := p.Stand(&b.Bought, r.at, owner.Zone, renews, use)
	if stand.Begin > 0 {
		l.From = day(stand.Begin, owner.Zone)
	}
	if b.Renewal != registry.OnUseUp || counted {
		n := int(stand.Renewal)
		l.Renewed = &n
	}
	l.Again = used.again(b, &p, owner, r.at, counted)
	l.status(b, &p, stand, r.at, owner.Zone, counted)
	for _, bucket := range p.Buckets() {
		l.Buckets = append(l.Buckets, used.bucket(b, &p, bucket, stand, *l.Cap, counted, r.at))
	}
	return l
}

// status fills in the status, and when the package ends.
func (l *ListedPackage) status(b *hasPackage, p *rating.Package, stand rating.Stand, at udr.Instant, zone *time.Location, counted bool) {
	l.Ends = day(stand.End, zone)
	begun := stand.Begin > 0
	switch {
	case at >= b.Until:
		l.Status, l.Ends = "cancelled", day(b.Until, zone)
		return
	case !begun && !counted:
		l.Status = "pending or active"
	case !begun && stand.Lapsed:
		l.Status = "inactive"
	case !begun:
		l.Status = "pending"
	case stand.Lapsed:
		l.Status = "inactive"
	case stand.Over:
		l.Status = "expired"
	}
	if !begun && !stand.Lapsed {
		l.Ends = "begins with its first use, before " + l.Ends
	}
	if b.Renewal == registry.OnUseUp && begun && !counted { // only usage decides whether the package was renewed
		l.Ends += " or later"
		if stand.Over {
			l.Status = "active or " + l.Status
		}
	}
}
