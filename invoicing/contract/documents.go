package contract

import (
	"slices"
	"strings"

	"ratemill/diag"
	"ratemill/invoicing/product"
	"ratemill/literal"
	"ratemill/rating"
)

// contractKind is the kind of document that this package owns.
var contractKind = rating.VersionedKind("contract",
	"A contract document defines what a customer commits to, for how long, and what it costs to leave early.", nil, check)

// Kinds returns the kinds of catalogue documents that this package owns. They refer to parts and products.
func Kinds() []rating.Kind { return []rating.Kind{contractKind} }

// Documents holds the contract documents of a catalogue, and the parts from which they take their tax classes.
type Documents struct {
	Contracts rating.Versions[Document]
	Products  *product.Documents

	plans  []string
	shares []string
}

// DocumentsOf returns the documents of a catalogue. list contains the errors that a newer program version
// finds in a stored catalogue.
func DocumentsOf(c *rating.Catalogue) (d *Documents, list diag.List) {
	d = &Documents{plans: c.Plans(), shares: c.SharePlans()}
	d.Contracts, list = rating.VersionsOf[Document](c, contractKind)
	var more diag.List
	d.Products, more = product.DocumentsOf(c)
	return d, append(list, more...)
}

// Tax returns the tax class of a commitment or penalty of a contract document. The tax class comes from a part.
func (d *Documents) Tax(charge, name string, on Date) string { return d.Products.Tax(charge, name, on) }

// of returns the plan, add-on or share plan of a part. For a deal, it returns the plan that the deal replaces. It
// returns any other name unchanged.
func (d *Documents) of(name string) string {
	p := d.Products.Parts.Newest(name)
	if p == nil {
		return d.Products.InPlaceOf(name)
	}
	for _, t := range []diag.Text{p.Of.Plan, p.Of.Addon, p.Of.SharePlan} {
		if t.Value != "" {
			return t.Value
		}
	}
	return name
}

// chargeable returns the names of everything that can have items: plans, parts, share plans, and the plans and
// add-ons of parts.
func (d *Documents) chargeable() []string {
	all := slices.Concat(d.plans, d.shares, d.Products.Parts.Names())
	for _, name := range d.Products.Parts.Names() {
		all = append(all, d.of(name))
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// check reports unknown names in contracts, and commitments without a tax class.
func check(all rating.Versions[Document], c *rating.Catalogue, l *diag.List) {
	products, _ := product.DocumentsOf(c)
	d := &Documents{Contracts: all, Products: products, plans: c.Plans(), shares: c.SharePlans()}
	var states []string
	if b := c.Life(); b != nil {
		states = b.States()
	}
	for _, name := range products.Parts.Names() {
		for _, p := range products.Parts[name] {
			if of := p.Of.Contract; of.Value != "" && all[of.Value] == nil {
				l.Errorf(of.Pos, "there is no contract document %s%s", of.Value, instead(of.Value, all.Names()))
			}
		}
	}
	for _, name := range all.Names() {
		for _, v := range all[name] {
			d.check(v, c, states, l)
		}
	}
}

// check reports the mistakes of a document that depend on other documents.
func (d *Documents) check(v *Document, c *rating.Catalogue, states []string, l *diag.List) {
	known := func(list []diag.Text, names []string, lacks string) {
		for _, t := range list {
			if t.Value != "" && !slices.Contains(names, t.Value) {
				l.Errorf(t.Pos, "%s %s%s", lacks, t.Value, instead(t.Value, names))
			}
		}
	}
	if t := v.Coterminates; t.Value != "" {
		known([]diag.Text{t}, d.Contracts.Names(), "there is no contract document")
	}
	units := c.ClassUnits()
	for i := range v.Commitments {
		m := &v.Commitments[i]
		known(m.Products, d.chargeable(), "there is no plan, part or add-on")
		known(m.States, states, "no state model has a state")
		known(m.Classes, sortedKeys(units), "no plan prices class")
		for _, class := range m.Classes {
			unit, priced := units[class.Value]
			if m.Of == usage && priced && unit != literal.AnyUnit && unit != m.unit() && len(m.steps) > 0 && m.steps[0].unit != literal.AnyUnit {
				l.Errorf(class.Pos, "class %s counts %s, but the minimum is in %s", class.Value, literal.UnitName(unit),
					literal.UnitName(m.unit()))
			}
		}
	}
	d.checkTaxes(v, l)
	d.checkTerms(v, l)
	if declared := namesOf(c, "resource"); len(declared) > 0 {
		known(v.Entitlements.Network, declared, "there is no resource")
	}
	sold := slices.Concat(d.chargeable(), d.Products.Products.Names(), namesOf(c, "resource"))
	known(v.Entitlements.Product, sold, "there is no product or plan")
}

// checkTaxes reports charges of a document without a tax class.
func (d *Documents) checkTaxes(v *Document, l *diag.List) {
	for _, f := range []struct {
		charge string
		needed bool
		what   string
	}{{"commitment", len(v.Commitments) > 0, "commitments"}, {"penalty", len(v.EarlyTermination) > 0, "early termination"}} {
		if f.needed && d.Tax(f.charge, v.Name.Value, never) == "" {
			l.Errorf(v.Name.Pos,
				"no part gives the tax class of the %s of contract %s; add one: part: NAME, charge: %s, of: { contract: %s }, "+
					"tax: CLASS", f.what, v.Name.Value, f.charge, v.Name.Value)
		}
	}
}

// checkTerms warns about terms that a document omits.
func (d *Documents) checkTerms(v *Document, l *diag.List) {
	if len(v.EarlyTermination) == 0 {
		return
	}
	for month := 1; month <= int(v.Term); month++ {
		if v.tier(month) == nil {
			l.Warnf(v.Name.Pos,
				"ending contract %s in month %d of its term costs nothing, because no tier of early_termination covers that month",
				v.Name.Value, month)
			break
		}
	}
	if mode := v.Renewal.Mode; mode == auto && v.tier(int(v.Term)+1) == nil {
		l.Warnf(v.Name.Pos, "ending contract %s after its first term costs nothing; write months: %d- in early_termination "+
			"if it should cost something",
			v.Name.Value, int(v.Term)+1)
	}
}

// namesOf returns the names of the documents of a kind that another package owns.
func namesOf(c *rating.Catalogue, kind string) []string {
	compiled, _, _ := c.Of(kind)
	if versions, ok := compiled.(interface{ Names() []string }); ok {
		return versions.Names()
	}
	return nil
}

// instead suggests one of the names, or lists all of them.
func instead(name string, names []string) string {
	if hint := diag.Suggest(name, names); hint != "" {
		return hint
	}
	if len(names) == 0 {
		return "; there is none"
	}
	return "; there are " + strings.Join(names[:min(len(names), 20)], ", ")
}

func sortedKeys[V any](set map[string]V) (keys []string) {
	for key := range set {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
