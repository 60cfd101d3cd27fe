package product

import (
	"slices"

	"ratemill/diag"
)

// Product is the catalogue document that defines an offer: its parts, its buyers and its prices.
type Product struct {
	Name   diag.Text   `yaml:"product,required" doc:"Name of the product. A product without a plan is taken as the add-on with its name." example:"tracker-deal"`
	From   Date        `yaml:"from" doc:"Local date (of the payer) from which this version is in force. If omitted, it has always been in force." example:"2026-01-01"`
	Plan   diag.Text   `yaml:"plan" doc:"Price plan with which a SIM takes the product." example:"tracker"`
	Parts  []diag.Text `yaml:"parts" doc:"The parts that are due: of its plan, or of add-ons." example:"[tracker]"`
	Addons []diag.Text `yaml:"addons" doc:"Add-ons that are included: their parts are due too." example:"[security]"`
	For    For         `yaml:"for" doc:"To whom it is sold. If omitted, to all accounts. A product for an account takes precedence over one for a kind of account, and that over one for all."`
	Prices []Override  `yaml:"prices" doc:"Prices of this product, which replace those of its parts."`
}

// For selects the payers to which a product applies.
type For struct {
	Kind     string      `yaml:"kind" enum:"standard|reseller" doc:"Payers of this kind." example:"reseller"`
	Accounts []diag.Text `yaml:"accounts" doc:"These accounts, and those for which they pay." example:"[acme]"`
}

// Override is a product's own price for a part.
type Override struct {
	Part   diag.Text   `yaml:"part,required" doc:"The part." example:"tracker"`
	States []diag.Text `yaml:"states" doc:"States of the part's price that it replaces; if omitted, the price without states." example:"[in_billing]"`
	Price  Amount      `yaml:"price,required" doc:"Amount for a whole period." example:"2.50"`
}

// DocumentName implements rating.Version.
func (v *Product) DocumentName() diag.Text { return v.Name }

// InForce implements rating.Version.
func (v *Product) InForce() Date { return v.From }

// Check implements the checks of diag.Decode.
func (v *Product) Check(n *diag.Node, c *diag.Decoder) {
	if len(v.Parts)+len(v.Addons) == 0 {
		c.Errorf(v.Name.Pos, "product %s has neither parts nor addons, so nothing is due for it", v.Name.Value)
	}
	if v.For.Kind != "" && len(v.For.Accounts) > 0 {
		c.Errorf(v.For.Accounts[0].Pos, "for has a kind and accounts; name one of them")
	}
	for _, list := range [][]diag.Text{v.Parts, v.Addons, v.For.Accounts} {
		for i, name := range list {
			if slices.ContainsFunc(list[:i], func(t diag.Text) bool { return t.Value == name.Value }) {
				c.Errorf(name.Pos, "%s stands there twice", name.Value)
			}
		}
	}
}

// rank returns how specific a product is to a payer's account, 0 if it does not apply to that account.
func (v *Product) rank(account, payer, kind string) int {
	switch {
	case len(v.For.Accounts) > 0:
		if slices.ContainsFunc(v.For.Accounts, func(t diag.Text) bool { return t.Value == account || t.Value == payer }) {
			return 3
		}
		return 0
	case v.For.Kind != "":
		if v.For.Kind == kind {
			return 2
		}
		return 0
	}
	return 1
}
