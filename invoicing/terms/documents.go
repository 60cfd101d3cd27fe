package terms

import (
	"fmt"
	"strings"

	"ratemill/decimal"
	"ratemill/diag"
	"ratemill/invoicing/document"
	"ratemill/rating"
	"ratemill/registry"
)

// The kinds of documents, in the order in which they refer to each other.
var (
	taxes = rating.VersionedKind[Tax]("tax", "A tax table determines the category and rate of tax of each line.", nil, nil)

	groups = rating.VersionedKind("accounting_group", "An accounting group determines how the invoices of some payers "+
		"are created: currency, number ranges, periodicity, taxes, and when a document is held.", nil, checkGroups)

	sellers = rating.VersionedKind("seller", "A seller document describes the operator or a reseller, as printed on its "+
		"documents.", nil, checkSellers)
)

// Kinds returns the kinds of catalogue documents that this package owns.
func Kinds() []rating.Kind { return []rating.Kind{taxes, groups, sellers} }

// checkGroups reports unknown tax tables, and pairs of ranges that could produce the same number.
func checkGroups(all rating.Versions[Group], c *rating.Catalogue, l *diag.List) {
	tables, _ := rating.VersionsOf[Tax](c, taxes)
	shapes := map[string]diag.Text{}
	for _, name := range all.Names() {
		for _, g := range all[name] {
			if t := g.Tax; t.Value != "" && tables[t.Value] == nil {
				l.Errorf(t.Pos, "there is no tax table %s%s", t.Value, instead(t.Value, tables.Names()))
			}
			for _, text := range []diag.Text{g.Numbers.Invoice, g.Numbers.CreditNote} {
				r, err := ParseRange(text.Value)
				if err != nil {
					continue // the decoder has already reported it
				}
				other, taken := shapes[r.Shape()]
				if taken && other.Value != text.Value {
					l.Errorf(text.Pos, "numbers of %s can be the same as those of %s (%s:%d); give one of them another text", text.Value, other.Value,
						other.Pos.File.Name, other.Pos.Line)
				}
				shapes[r.Shape()] = text
				if strings.HasPrefix(text.Value, Sandbox) {
					l.Errorf(text.Pos, "numbers that begin with %s are those of sandbox documents; give %s another text", Sandbox, text.Value)
				}
			}
			if g.Numbers.Invoice.Value != "" && g.Numbers.Invoice.Value == g.Numbers.CreditNote.Value {
				l.Errorf(g.Numbers.CreditNote.Pos, "invoices and credit notes of group %s have one number range; give credit notes their own",
					g.Name.Value)
			}
		}
	}
}

// checkSellers reports unknown accounting groups, and pairs of sellers with the same account.
func checkSellers(all rating.Versions[Seller], c *rating.Catalogue, l *diag.List) {
	known, _ := rating.VersionsOf[Group](c, groups)
	accounts := map[string]diag.Text{}
	for _, name := range all.Names() {
		for _, s := range all[name] {
			for _, g := range s.Groups {
				if known[g.Value] == nil {
					l.Errorf(g.Pos, "there is no accounting group %s%s", g.Value, instead(g.Value, known.Names()))
				}
			}
			if other, taken := accounts[s.Account.Value]; taken && other.Value != s.Name.Value {
				who := "the operator"
				if s.Account.Value != "" {
					who = "account " + s.Account.Value
				}
				l.Errorf(s.Name.Pos, "%s is seller %s already (%s:%d)", who, other.Value, other.Pos.File.Name, other.Pos.Line)
			}
			accounts[s.Account.Value] = s.Name
		}
	}
}

func instead(name string, names []string) string {
	if hint := diag.Suggest(name, names); hint != "" {
		return hint
	}
	if len(names) == 0 {
		return "; the catalogue has none"
	}
	return "; there are " + strings.Join(names, ", ")
}

// Documents holds the catalogue documents that this package owns.
type Documents struct {
	taxes   rating.Versions[Tax]
	groups  rating.Versions[Group]
	sellers rating.Versions[Seller]
}

// DocumentsOf returns the documents of a catalogue. list contains the errors that a newer program version
// finds in a stored catalogue.
func DocumentsOf(c *rating.Catalogue) (d *Documents, list diag.List) {
	d = &Documents{}
	var l diag.List
	d.taxes, list = rating.VersionsOf[Tax](c, taxes)
	d.groups, l = rating.VersionsOf[Group](c, groups)
	list = append(list, l...)
	d.sellers, l = rating.VersionsOf[Seller](c, sellers)
	return d, append(list, l...)
}

// Group returns the version of an accounting group on a date, nil if there is none.
func (d *Documents) Group(name string, on registry.Date) *Group { return d.groups.At(name, on) }

// GroupVersions returns all versions of an accounting group.
func (d *Documents) GroupVersions(name string) []*Group { return d.groups[name] }

// Groups returns the names of the accounting groups, sorted.
func (d *Documents) Groups() []string { return d.groups.Names() }

// Seller returns the seller with an account on a date; nil if no document describes it. The operator's
// account is "".
func (d *Documents) Seller(account string, on registry.Date) *Seller {
	for _, name := range d.sellers.Names() {
		if s := d.sellers.At(name, on); s != nil && s.Account.Value == account {
			return s
		}
	}
	return nil
}

// Sellers returns the versions of all sellers, by name and date.
func (d *Documents) Sellers() (all []*Seller) {
	for _, name := range d.sellers.Names() {
		all = append(all, d.sellers[name]...)
	}
	return all
}

// SellerNames returns the names of the sellers, sorted.
func (d *Documents) SellerNames() []string { return d.sellers.Names() }

// SellerNamed returns the version of a seller on a date, nil if there is none.
func (d *Documents) SellerNamed(name string, on registry.Date) *Seller { return d.sellers.At(name, on) }

// TaxClasses returns the tax classes that the rules of tax tables name, in no particular order.
func (d *Documents) TaxClasses() (classes []string) {
	for _, versions := range d.taxes {
		for _, t := range versions {
			for _, r := range t.Rules {
				if r.Class.Value != "" {
					classes = append(classes, r.Class.Value)
				}
			}
		}
	}
	return classes
}

// Tax returns the tax of a line on a date (rule R5). A payer's reason for no VAT takes precedence; otherwise the
// group's tax table decides.
func (d *Documents) Tax(g *Group, zero *document.ZeroVAT, class string, buyer, seller *document.Party, on registry.Date) (document.Taxed,
	error) {
	if zero != nil {
		return document.Taxed{Category: zero.Category, Rate: decimal.Zero, Reason: zero.Reason}, nil
	}
	table := d.taxes.At(g.Tax.Value, on)
	if table == nil {
		return document.Taxed{}, fmt.Errorf("tax table %s has no version that is in force on %s; add one with an earlier from", g.Tax.Value, on)
	}
	t, ok, err := table.Of(class, buyer, seller)
	if err == nil && !ok {
		err = fmt.Errorf("tax table %s has no rule for class %s on %s, buyer in %s; add one", g.Tax.Value, class, on, orNone(buyer.Country))
	}
	return t, err
}

func orNone(country string) string {
	if country == "" {
		return "no country"
	}
	return country
}
