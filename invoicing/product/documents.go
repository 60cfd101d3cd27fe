package product

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"ratemill/diag"
	"ratemill/literal"
	"ratemill/rating"
	"ratemill/registry"
	"ratemill/registry/life"
)

// The kinds of documents, in the order in which they refer to each other.
var (
	partKind = rating.VersionedKind("part", "A part is one item that you charge: once, or at a price in each period "+
		"while a SIM or an account has it.", nil,
		checkParts)
	productKind = rating.VersionedKind("product", "A product is an offer that you sell: its parts, its customers, and "+
		"its own prices.", nil, checkProducts)
)

// Kinds returns the kinds of catalogue documents that this package owns.
func Kinds() []rating.Kind { return []rating.Kind{partKind, productKind} }

// OneOffForm describes how one-off charges are written in import files. A tax class must be one of taxClasses, unless
// these are empty because the catalogue is not known or has none.
func OneOffForm(taxClasses []string) registry.Form {
	return registry.Form{Kind: registry.KindOneOff, Fields: registry.FieldsOf(OneOff{}), Read: func(n *diag.Node) ([]byte, diag.List) {
		var v OneOff
		d := &diag.Decoder{}
		d.Decode(n, &v)
		if v.Currency != "" && !literal.KnownCurrency(v.Currency) {
			d.Errorf(n.Member("currency").Pos, "currency %s is unknown: write a code of ISO 4217 such as EUR", v.Currency)
		}
		if v.Amount.IsZero() && n.Member("amount") != nil && !d.HasErrors() {
			d.Errorf(n.Member("amount").Pos, "a charge of 0 changes nothing; leave it out")
		}
		if err := v.Valid(); err != nil {
			d.Errorf(n.Pos, "%v", err)
		}
		if err := v.TaxIn(taxClasses); err != nil {
			d.Errorf(n.Member("tax").Pos, "%v", err)
		}
		if d.HasErrors() {
			return nil, d.List
		}
		text, err := json.Marshal(v)
		if err == nil {
			text, err = registry.CanonicalJSON(text)
		}
		if err != nil {
			d.Errorf(n.Pos, "%v", err)
		}
		return text, d.List
	}}
}

// Documents are the parts and products of a catalogue, and the SIM states that they refer to.
type Documents struct {
	Parts    rating.Versions[Part]
	Products rating.Versions[Product]
	Life     *life.Book
	Version  string // of the catalogue

	of      map[thing][]string // names of parts by plan, add-on or share plan, sorted
	sold    map[string][]string
	longest int   // length of the longest period of any part, in cycles
	periods []int // lengths of periods of several cycles
	fulls   bool  // there are parts with proration: full
	onces   bool  // there are one-time parts
	rates   *rating.Catalogue
	inPlace func(plan string) string
}

// DocumentsOf returns the documents of a catalogue. list contains the errors that a newer program version finds in a
// stored catalogue.
func DocumentsOf(c *rating.Catalogue) (d *Documents, list diag.List) {
	d = &Documents{Life: c.Life(), Version: c.Version(), of: map[thing][]string{}, sold: map[string][]string{}, longest: 1,
		rates: c, inPlace: c.InPlaceOf}
	var more diag.List
	d.Parts, list = rating.VersionsOf[Part](c, partKind)
	d.Products, more = rating.VersionsOf[Product](c, productKind)
	for _, name := range d.Parts.Names() {
		p := d.Parts.Newest(name)
		d.of[p.Of.thing()] = append(d.of[p.Of.thing()], name)
		d.longest = max(d.longest, int(p.Every))
		if n := int(p.Every); n > 1 && !slices.Contains(d.periods, n) {
			d.periods = append(d.periods, n)
		}
		d.fulls = d.fulls || p.Proration == "full"
		d.onces = d.onces || p.Charge == oneTime && p.priced()
	}
	for _, name := range d.Products.Names() {
		plan := d.Products.Newest(name).Plan.Value
		d.sold[plan] = append(d.sold[plan], name)
	}
	return d, append(list, more...)
}

// TaxClasses returns the tax classes of the parts, in no particular order.
func (d *Documents) TaxClasses() (classes []string) {
	for _, versions := range d.Parts {
		for _, p := range versions {
			classes = append(classes, p.Tax.Value)
		}
	}
	return classes
}

// Tax returns the tax class of a charge by its name: usage by a plan, a contract's commitment or penalty, a one-time
// charge. It returns "" if no part defines one. Usage by a deal has the tax class of the plan that the deal
// replaces, unless a part names the deal.
func (d *Documents) Tax(charge, name string, on Date) string {
	kind := ofCharge
	switch charge {
	case usageOf:
		kind = ofPlan
	case commitment, penalty:
		kind = ofContract
	}
	for _, part := range d.of[thing{kind, name}] {
		if p := d.Parts.At(part, on); p != nil && p.Charge == charge {
			return p.Tax.Value
		}
	}
	if of := d.InPlaceOf(name); charge == usageOf && of != name {
		return d.Tax(charge, of, on)
	}
	return ""
}

// InPlaceOf returns the plan that a deal replaces; it returns any other name unchanged.
func (d *Documents) InPlaceOf(plan string) string {
	if d.inPlace == nil {
		return plan
	}
	return d.inPlace(plan)
}

// checkParts checks the names in parts, and that all versions of a part belong to the same plan,
// add-on, share plan or event.
func checkParts(all rating.Versions[Part], c *rating.Catalogue, l *diag.List) {
	currencies, _, _ := c.Currencies()
	names := map[ofKind][]string{ofPlan: c.Plans(), ofShare: c.SharePlans()}
	var states []string
	if b := c.Life(); b != nil {
		states = b.States()
	}
	same := map[string]*Part{}
	for _, name := range all.Names() {
		for _, p := range all[name] {
			kinds, of := p.Of.named()
			if len(kinds) != 1 {
				continue // the decoder has already reported it
			}
			if known, checked := names[kinds[0]]; checked && !slices.Contains(known, of[0].Value) {
				l.Errorf(of[0].Pos, "there is no %s %s%s", strings.ReplaceAll(ofWords[kinds[0]], "_", " "), of[0].Value, instead(of[0].Value, known))
			}
			plans := currencies[of[0].Value]
			if kinds[0] == ofPlan && p.Currency.Value != "" && len(plans) > 0 && !slices.Contains(plans, p.Currency.Value) {
				l.Errorf(p.Currency.Pos, "part %s charges %s, but plan %s is in %s, and a payer has one currency", name, p.Currency.Value,
					of[0].Value, strings.Join(plans, " and "))
			}
			for _, price := range p.Prices {
				for _, s := range price.States {
					if s.Value != "" && !slices.Contains(states, s.Value) {
						l.Errorf(s.Pos, "no state model has a state %s%s", s.Value, instead(s.Value, states))
					}
				}
			}
			if kinds[0] == ofShare && slices.Contains(c.ByParticipation(), of[0].Value) && (p.Charge == oneTime || p.Every > 1) {
				l.Errorf(of[0].Pos, "share plan %s begins and ends with the SIMs that participate, so a part of it is recurring "+
					"and of every: 1 cycle", of[0].Value)
			}
			checkVersion(all[name][0], p, l)
			if !p.priced() && p.Charge != "" {
				key := p.Charge + " of " + p.Of.thing().String()
				if other := same[key]; other != nil && other.Name.Value != name {
					l.Errorf(p.Name.Pos, "part %s already gives the tax class of the %s (%s:%d)", other.Name.Value, key, other.Name.Pos.File.Name,
						other.Name.Pos.Line)
				}
				same[key] = p
			}
		}
	}
}

// checkVersion reports changes that a later version of a part must not make, because charges of the earlier version
// would then be due twice, or for other days.
func checkVersion(first, p *Part, l *diag.List) {
	for _, f := range []struct {
		field, is, was string
		at             diag.Pos
	}{
		{"charge", p.Charge, first.Charge, p.Name.Pos}, {"of", p.Of.thing().String(), first.Of.thing().String(), p.Name.Pos},
		{"every", every(p.Every), every(first.Every), p.Name.Pos}, {"currency", p.Currency.Value, first.Currency.Value, p.Currency.Pos},
		{"proration", p.Proration, first.Proration, p.Name.Pos}, {"sold", p.Sold, first.Sold, p.Name.Pos},
	} {
		if f.is != f.was {
			l.Errorf(f.at, "%s is %s in this version of part %s, but %s in the first; give the new part another name", f.field, f.is,
				p.Name.Value, f.was)
		}
	}
}

// every returns a period as documents write it.
func every(n Every) string {
	if n == 1 {
		return "1 cycle"
	}
	return strconv.Itoa(int(n)) + " cycles"
}

// checkProducts checks the names in products, and that no two products claim the same payer.
func checkProducts(all rating.Versions[Product], c *rating.Catalogue, l *diag.List) {
	parts, _ := rating.VersionsOf[Part](c, partKind)
	addons := map[string]bool{}
	for _, name := range parts.Names() {
		if of := parts.Newest(name).Of.thing(); of.kind == ofAddon {
			addons[of.name] = true
		}
	}
	for _, name := range all.Names() {
		for _, p := range all[name] {
			checkProduct(p, parts, addons, c.Plans(), l)
			if first := all[name][0]; first.Plan.Value != p.Plan.Value {
				l.Errorf(p.Name.Pos, "product %s has plan %s in this version, but plan %s in the first; give the new product another name", name,
					orNone(p.Plan.Value), orNone(first.Plan.Value))
			}
		}
	}
	checkClaims(all, l)
}

func checkProduct(p *Product, parts rating.Versions[Part], addons map[string]bool, plans []string, l *diag.List) {
	name := p.Name.Value
	if p.Plan.Value != "" && !slices.Contains(plans, p.Plan.Value) {
		l.Errorf(p.Plan.Pos, "there is no plan %s%s", p.Plan.Value, instead(p.Plan.Value, plans))
	}
	has := map[string]bool{}
	for _, t := range p.Parts {
		part := parts.Newest(t.Value)
		if part == nil {
			l.Errorf(t.Pos, "there is no part %s%s", t.Value, instead(t.Value, parts.Names()))
			continue
		}
		has[t.Value] = true
		of := part.Of.thing()
		if of.kind != ofAddon && of != (thing{ofPlan, p.Plan.Value}) || !part.priced() {
			l.Errorf(t.Pos, "part %s is of %s, so product %s cannot have it; a product has parts of its plan and of add-ons", t.Value, of, name)
		}
	}
	for _, t := range p.Addons {
		if !addons[t.Value] {
			l.Errorf(t.Pos, "no part is for addon %s%s", t.Value, instead(t.Value, sortedKeys(addons)))
		}
	}
	for _, o := range p.Prices {
		part := parts.Newest(o.Part.Value)
		switch {
		case part == nil:
			l.Errorf(o.Part.Pos, "there is no part %s%s", o.Part.Value, instead(o.Part.Value, parts.Names()))
		case !has[o.Part.Value] && !slices.ContainsFunc(p.Addons, func(t diag.Text) bool { return t.Value == part.Of.Addon.Value }):
			l.Errorf(o.Part.Pos, "product %s does not have part %s; add it to parts", name, o.Part.Value)
		case !slices.ContainsFunc(parts[o.Part.Value], func(v *Part) bool { return v.price(o.States) >= 0 }):
			var known []string
			for i := range part.Prices {
				known = append(known, "["+part.Prices[i].name()+"]")
			}
			l.Errorf(o.Price.Pos, "part %s has no price with these states; its prices have states %s", o.Part.Value, strings.Join(known, ", "))
		}
	}
}

// price returns the index of the price with exactly these states, -1 if there is none.
func (v *Part) price(states []diag.Text) int {
	return slices.IndexFunc(v.Prices, func(p Price) bool {
		return len(p.States) == len(states) && !slices.ContainsFunc(states, func(s diag.Text) bool {
			return !slices.ContainsFunc(p.States, func(t diag.Text) bool { return t.Value == s.Value })
		})
	})
}

// checkClaims reports pairs of products that have the same plan and the same payers.
func checkClaims(all rating.Versions[Product], l *diag.List) {
	claims := map[string]diag.Text{}
	for _, name := range all.Names() {
		for _, p := range all[name] {
			keys := []string{"all"}
			switch {
			case len(p.For.Accounts) > 0:
				keys = nil
				for _, a := range p.For.Accounts {
					keys = append(keys, "account "+a.Value)
				}
			case p.For.Kind != "":
				keys = []string{p.For.Kind + " accounts"}
			}
			if p.Plan.Value == "" {
				continue
			}
			for _, key := range keys {
				claim := "plan " + p.Plan.Value + " for " + key
				if other, taken := claims[claim]; taken && other.Value != name {
					l.Errorf(p.Name.Pos, "product %s is already for %s (%s:%d); one product determines what a SIM owes", other.Value, claim,
						other.Pos.File.Name, other.Pos.Line)
				}
				claims[claim] = p.Name
			}
		}
	}
}
