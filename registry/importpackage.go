package registry

import (
	"encoding/json"

	"ratemill/diag"
	"ratemill/udr"
)

// A row of a package can state that the package renews. Rating and invoicing use the renewal in the row of the
// purchase. A renewal that they could not follow is therefore an error, as in ratemill package buy.

// renewal checks the renewal of a package in a row. stated is false if the registry already contained this row.
func (im *importer) renewal(r *row, a about, name string, since udr.Instant, value string, stated bool) {
	b := boughtOf(name, since, value)
	if stated || a.account == 0 {
		return
	}
	if b.Renewal != NeverRenews && im.renewing != nil {
		rev := im.changes.Revision
		account, known := im.r.accounts.account(a.account, since, rev)
		payer, pays := im.r.accounts.account(im.r.accounts.payer(im.statements, a.account, since, rev), since, rev)
		if known && pays {
			if err := im.renewing(&b, account.Zone, payer.ID, payer.Currency); err != nil {
				im.errorf(r.field("renewal"), "%v", err)
				return
			}
		}
	}
	if b.Renewal == NeverRenews && !saysRenewal(value) && im.unsaid != nil {
		im.renewsByCatalogue(r, a, &b)
	}
	im.renewsAsBought(r, a, name, since)
}

// renewsByCatalogue warns if the row of a purchase sets no renewal but the catalogue has one: package buy would use
// the catalogue's renewal, while the package of this row does not renew.
func (im *importer) renewsByCatalogue(r *row, a about, b *Bought) {
	account, known := im.r.accounts.account(a.account, b.Since, im.changes.Revision)
	if !known {
		return
	}
	for _, f := range im.statements.heldFacts(KindPackage, a.subject, b.Name, im.changes.Revision) {
		if f.from < b.Since && f.state.begins() {
			return // renewsAsBought reports it
		}
	}
	if mode := im.unsaid(b, account.Zone); ParseRenewal(mode) != NeverRenews {
		im.warnf(r.field("renewal"), "package %s does not renew, because the row has no renewal; write %s as in the "+
			"catalogue, or never if it must not renew", b.Name, mode)
	}
}

// renewsAsBought checks that no row from a time on changes the renewal set at the purchase. A later row can only stop
// the renewal.
func (im *importer) renewsAsBought(r *row, a about, name string, since udr.Instant) {
	var bought *Bought
	stopped := false
	for _, f := range im.statements.heldFacts(KindPackage, a.subject, name, im.changes.Revision) {
		b := boughtOf(name, f.from, f.value)
		switch {
		case !f.state.begins():
			bought = nil
		case bought == nil:
			bought, stopped = &b, b.Renewal == NeverRenews
		case b.Renewal == NeverRenews:
			if !stopped && f.from >= since && !saysRenewal(f.value) {
				im.warnf(r.field("renewal"), "package %s stops renewing, because a later row has no renewal; write %s to "+
					"continue, or never to stop",
					name, bought.Renewal)
			}
			stopped = true
		case f.from < since:
		case stopped, b.Renewal != bought.Renewal, !samePrice(&b, bought):
			im.errorf(r.field("renewal"), "package %s keeps the renewal of its purchase (%s), and a later row can only stop "+
				"it, with never; to change it, end the package and give the account or SIM another instance", name, bought.renews())
			return
		}
	}
}

func boughtOf(name string, since udr.Instant, value string) Bought {
	var v boughtValue
	_ = json.Unmarshal([]byte(value), &v) // the form already checked the value
	return Bought{Kind: KindPackage, Name: name, Since: since, Until: NoEnd, Stops: NoEnd, Renewal: ParseRenewal(v.Renewal), Price: v.Price,
		Currency: v.Currency}
}

func saysRenewal(value string) bool {
	var v boughtValue
	return json.Unmarshal([]byte(value), &v) == nil && v.Renewal != ""
}

func samePrice(a, b *Bought) bool {
	if a.Price == nil || b.Price == nil {
		return a.Price == b.Price
	}
	return a.Price.Cmp(*b.Price) == 0 && a.Currency == b.Currency
}

// renews describes in an error how a package renews.
func (b *Bought) renews() string {
	if b.Price == nil || b.Renewal == NeverRenews {
		return b.Renewal.String()
	}
	return b.Renewal.String() + " for " + b.Price.String() + " " + b.Currency
}

// field returns the position of a field in a value, or the position of the row if it has no such field.
func (r *row) field(path string) diag.Pos {
	for i := range r.fields {
		if f := &r.fields[i]; f.Path == path && f.said {
			return r.pos(&f.cell)
		}
	}
	if n := r.value; n != nil {
		if m := n.Member(path); m != nil {
			return m.Pos
		}
	}
	return r.at(firstColumn(r))
}
