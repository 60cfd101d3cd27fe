package rating

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"ratemill/diag"
	"ratemill/literal"
	"ratemill/normalize"
	"ratemill/registry"
	"ratemill/udr"
)

// An offer limits the sale of a package, such as a trial, to a period, to certain buyers, or to a number of
// purchases. It only limits new purchases. Packages already bought stay valid.

// buyersDoc names the accounts that may buy a package.
type buyersDoc struct {
	Kind     string      `yaml:"kind" enum:"standard|reseller" doc:"Kind of account to which it is sold." example:"reseller"`
	Accounts []diag.Text `yaml:"accounts" doc:"Accounts to which it is sold, and the accounts below them." example:"[acme]"`
}

// Check implements the checks of diag.Decode.
func (f *buyersDoc) Check(n *diag.Node, d *diag.Decoder) {
	if (f.Kind == "") == (len(f.Accounts) == 0) {
		d.Errorf(n.Pos, "write either accounts or a kind of account into for")
	}
}

// mostPerAccount is the largest per_account; a larger number would be no limit.
const mostPerAccount = 1000

// checkOffer checks the period, the buyers and the price of an offer.
func (p *packageDoc) checkOffer(n *diag.Node, d *diag.Decoder) {
	if p.Until.Kind != literal.Always && p.Until.Order() <= p.From.Order() {
		d.Errorf(p.Until.Pos, "until is not after from, so this version is never sold")
	}
	if m := n.Member("per_account"); m != nil && (p.PerAccount < 1 || p.PerAccount > mostPerAccount) {
		d.Errorf(m.Pos, "an account can buy 1 to %d of a package, not %d; leave per_account out if there is no bound", mostPerAccount,
			p.PerAccount)
	}
	m := n.Member("first_price")
	switch {
	case m == nil:
	case p.Price == nil:
		d.Errorf(m.Pos, "first_price is the price of the purchase where renewals cost price; write price too, or instead")
	case p.Renewal == "never":
		d.Errorf(m.Pos, "first_price is the price of the purchase where renewals cost price, but this package never renews; write price alone")
	}
}

// compileOffer checks the amounts of an offer.
func (c *compiler) compileOffer(doc *packageDoc) {
	m := doc.FirstPrice
	if m == nil {
		return
	}
	if m.Currency != "" {
		c.currency(m.Currency, m.Pos)
	}
	if m.Amount.Sign() < 0 {
		c.list.Errorf(m.Pos, "a price must be 0 or more")
	}
	if p := doc.Price; p != nil && p.Currency != m.Currency {
		c.list.Errorf(m.Pos, "first_price is in %s, but price is in %s; write both in one currency", m.Currency, p.Currency)
	}
	c.chargeable(m)
}

// chargeable refuses a price with more decimals than its currency. A purchase is charged as an amount of an invoice,
// and a renewal on use-up adds the price to the amount of a record, which is not rounded again.
func (c *compiler) chargeable(m *moneyText) {
	code, err := normalize.ParseCurrency([]byte(m.Currency))
	if err != nil || c.list.ErrorAt(m.Pos) {
		return
	}
	if scale := max(code.MinorUnits(), 0); m.Amount.Decimals() > scale {
		c.list.Errorf(m.Pos, "the price %s %s has more decimals than %s, which has %d, so it cannot be charged; write at most %d decimals",
			m.Amount, m.Currency, m.Currency, scale, scale)
	}
}

// Buyer is an account that wants to buy a package.
type Buyer struct {
	Kind registry.AccountKind
	Path []string // its id, and those of the accounts above it
	Has  int      // the number of these packages that the account and its SIMs ever had
}

// NotFor returns why a buyer cannot buy a package at a time, or an empty text if it can.
func (p *Package) NotFor(b *Buyer, at udr.Instant, zone *time.Location) string {
	doc := p.doc
	if doc.Until.Kind != literal.Always && at >= doc.Until.Begins(zone) {
		return fmt.Sprintf("package %s was sold until %s", p.Name, doc.Until.Text)
	}
	if f := doc.For; f != nil {
		named := slices.ContainsFunc(f.Accounts, func(t diag.Text) bool { return slices.Contains(b.Path, t.Value) })
		switch {
		case f.Kind != "" && b.Kind.String() != f.Kind:
			return fmt.Sprintf("package %s is for accounts of kind %s, and account %s is of kind %s", p.Name, f.Kind, b.Path[0], b.Kind)
		case f.Kind == "" && !named:
			var all []string
			for _, t := range f.Accounts {
				all = append(all, t.Value)
			}
			return fmt.Sprintf("package %s is for account %s and those below, and account %s is not one of them", p.Name, strings.Join(all, ", "),
				b.Path[0])
		}
	}
	if doc.PerAccount > 0 && b.Has >= doc.PerAccount {
		return fmt.Sprintf("account %s and its SIMs bought %d of package %s before, and its per_account is %d", b.Path[0], b.Has, p.Name,
			doc.PerAccount)
	}
	return ""
}

// FirstPrice returns the price of the first purchase, if renewals have another price.
func (p *Package) FirstPrice() (price, currency string, ok bool) {
	if m := p.doc.FirstPrice; m != nil {
		return m.Amount.String(), m.Currency, true
	}
	return "", "", false
}

// OfferedTo returns the accounts that packages name as their buyers, by package.
func (c *Catalogue) OfferedTo() map[string][]diag.Text {
	all := map[string][]diag.Text{}
	for _, f := range c.packages.list {
		for _, p := range f.versions {
			if p.doc.For != nil {
				all[f.name] = append(all[f.name], p.doc.For.Accounts...)
			}
		}
	}
	return all
}
