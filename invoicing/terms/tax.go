package terms

import (
	"fmt"
	"strings"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/vm"

	"ratemill/decimal"
	"ratemill/diag"
	"ratemill/invoicing/document"
	"ratemill/registry"
)

// Tax is the catalogue document with the tax rules for lines.
type Tax struct {
	Name  diag.Text     `yaml:"tax,required" doc:"Name of the tax table." example:"spain"`
	From  registry.Date `yaml:"from" doc:"Date from which this version is in force. If omitted, it has always been in force." example:"2026-01-01"`
	Rules []TaxRule     `yaml:"rules,required" doc:"The first rule that holds applies."`
}

// TaxRule is a rule of a tax table.
type TaxRule struct {
	When     diag.Text `yaml:"when" doc:"Condition over buyer and seller, each with country (ISO code), vat (number) and name; eu is the list of the EU's countries. If omitted, the rule always holds." example:"buyer.country != seller.country && buyer.country in eu && buyer.vat != \"\""`
	Class    diag.Text `yaml:"class" doc:"Tax class of the lines; if omitted, every class." example:"telecom"`
	Category string    `yaml:"category,required" enum:"S|Z|E|AE|K|G|O|L|M" doc:"Category of EN 16931: S standard rate, Z zero rated, E exempt, AE reverse charge, K supply within the EU, G export, O not subject to VAT, L Canary Islands, M Ceuta and Melilla."`
	Rate     diag.Text `yaml:"rate" doc:"Rate in percent; if omitted, 0." example:"21"`
	Reason   string    `yaml:"reason" doc:"Reason why there is no tax: reverse_charge, intra_community, export, exempt, outside_scope, or your own words." example:"reverse_charge"`

	rate decimal.D
	when *vm.Program
}

// DocumentName implements rating.Version.
func (v *Tax) DocumentName() diag.Text { return v.Name }

// InForce implements rating.Version.
func (v *Tax) InForce() registry.Date { return v.From }

// taxParty has the values of a buyer or a seller that a condition can read.
type taxParty struct {
	Country string `expr:"country"`
	VAT     string `expr:"vat"`
	Name    string `expr:"name"`
}

type taxCase struct {
	Buyer  taxParty `expr:"buyer"`
	Seller taxParty `expr:"seller"`
	EU     []string `expr:"eu"`
}

// eu lists the countries of the EU's VAT area by their ISO 3166-1 codes. VAT numbers of Greece begin with EL.
var eu = []string{
	"AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE", "IT", "LT", "LU", "LV", "MT", "NL", "PL", "PT",
	"RO", "SE", "SI", "SK",
}

// Check implements the checks of diag.Decode.
func (v *Tax) Check(_ *diag.Node, c *diag.Decoder) {
	always := map[string]bool{} // by tax class, "" for all
	for i := range v.Rules {
		r := &v.Rules[i]
		at := v.Name.Pos
		if r.Class.Value != "" {
			at = r.Class.Pos
		}
		if always[""] || always[r.Class.Value] {
			c.Errorf(at, "rule %d is never reached: an earlier rule without a condition applies to the same lines", i+1)
		}
		if r.When.Value == "" {
			always[r.Class.Value] = true
		} else {
			p, err := expr.Compile(r.When.Value, expr.Env(taxCase{}), expr.AsBool(), expr.DisableAllBuiltins())
			if err != nil {
				c.Errorf(r.When.Pos, "the condition: %v", err)
			}
			r.when = p
		}
		r.check(i+1, at, c)
	}
}

// check refuses rates and reasons that EN 16931 does not allow: BR-S-05, BR-Z-05, BR-E-05, BR-AE-05, BR-IC-05, BR-G-05,
// BR-O-05 and the reasons of BR-E-10, BR-AE-10, BR-IC-10, BR-G-10, BR-O-10.
func (r *TaxRule) check(n int, at diag.Pos, c *diag.Decoder) {
	if r.Rate.Value != "" {
		rate, err := decimal.Parse(r.Rate.Value)
		if err != nil || rate.Sign() < 0 || strings.HasPrefix(r.Rate.Value, "-") || rate.Cmp(hundred) > 0 || rate.Decimals() > 4 {
			c.Errorf(r.Rate.Pos, "%q is not a rate in percent from 0 to 100, with at most 4 decimals", r.Rate.Value)
			return
		}
		r.rate = rate
	}
	switch r.Category {
	case "S":
		if r.rate.IsZero() {
			c.Errorf(at, "rule %d: category S needs a rate above 0; for 0 %% write the category that applies: Z, E, AE, K, G or O", n)
		}
	case "Z", "E", "AE", "K", "G", "O":
		if !r.rate.IsZero() {
			c.Errorf(r.Rate.Pos, "rule %d: category %s allows no rate but 0", n, r.Category)
		}
		if r.Reason == "" && r.Category != "Z" {
			c.Errorf(at, "rule %d: category %s needs a reason; the invoice shows it", n, r.Category)
		}
	}
	if r.Reason != "" && (r.Category == "S" || r.Category == "Z") {
		c.Errorf(at, "rule %d: category %s has no reason", n, r.Category)
	}
}

var hundred = decimal.FromInt(100)

// Of returns the tax of a line in a tax class; ok is false if no rule matches.
func (v *Tax) Of(class string, buyer, seller *document.Party) (t document.Taxed, ok bool, err error) {
	in := taxCase{Buyer: taxParty{buyer.Country, buyer.VAT, buyer.Name}, Seller: taxParty{seller.Country, seller.VAT, seller.Name}, EU: eu}
	for i := range v.Rules {
		r := &v.Rules[i]
		if r.Class.Value != "" && r.Class.Value != class {
			continue
		}
		if r.when != nil {
			holds, err := expr.Run(r.when, in)
			if err != nil {
				return t, false, fmt.Errorf("tax table %s, rule %d: %w", v.Name.Value, i+1, err)
			}
			if !holds.(bool) {
				continue
			}
		}
		return document.Taxed{Category: r.Category, Rate: r.rate, Reason: r.Reason}, true, nil
	}
	return t, false, nil
}
