package form

import (
	"slices"
	"strconv"
	"strings"

	"ratemill/decimal"
	"ratemill/invoicing/document"
)

// exemptionCodes are the codes of the VATEX list, by the categories that have one.
var exemptionCodes = map[string]string{"AE": "VATEX-EU-AE", "K": "VATEX-EU-IC", "G": "VATEX-EU-G", "O": "VATEX-EU-O"}

// needsReason reports whether a tax category needs a reason; the others may have none (BR-S-10, BR-Z-10, BR-AF-10, BR-AG-10).
func needsReason(category string) bool { return category == "E" || exemptionCodes[category] != "" }

// ublCategoryOf is a tax category on a line. Category O has no rate (BR-O-05).
func ublCategoryOf(id string, rate decimal.D) ublCategory {
	c := ublCategory{ID: id, Rate: rate.String(), Scheme: "VAT"}
	if id == "O" {
		c.Rate = ""
	}
	return c
}

func (u *ublMaker) group(g *document.TaxGroup) ublSubtotal {
	c := ublCategoryOf(g.Category, g.Rate)
	if needsReason(g.Category) {
		c.Code, c.Reason = exemptionCodes[g.Category], u.reason(g)
	}
	return ublSubtotal{Basis: u.money(g.Basis), Tax: u.money(g.Tax), Category: c}
}

// reason is why the lines of a tax group have no tax. A document has one group of such a category (BR-E-01, BR-AE-01), which has the
// reasons of all its lines.
func (u *ublMaker) reason(g *document.TaxGroup) string {
	reasons := []string{ublReason(g.Reason, u.d.Terms.Language)}
	for i := range u.d.Lines {
		l := &u.d.Lines[i]
		if text := ublReason(l.Reason, u.d.Terms.Language); l.Category == g.Category && l.Rate == g.Rate && !slices.Contains(reasons, text) {
			reasons = append(reasons, text)
		}
	}
	return strings.Join(slices.DeleteFunc(reasons, func(text string) bool { return text == "" }), "; ")
}

// unitCodes are the codes of UN/ECE Recommendation 20 for the units of lines.
var unitCodes = map[string]string{"": "C62", "1": "C62", "B": "AD", "s": "SEC", "days": "DAY"}

func (u *ublMaker) line(l *document.Line) ublLine {
	quantity, price := u.quantity(l)
	name, description := ublText(l, u.d.Terms.Language)
	return ublLine{
		ID: strconv.Itoa(l.No), Invoiced: quantity, Net: u.money(l.Net), Period: ublDays(l.Period), Price: price,
		Item: ublItem{
			Description: description, Name: name, Product: plainID(xmlText(l.Product)), Category: ublCategoryOf(l.Category, l.Rate),
			Properties: ublProperties(l),
		},
	}
}

// quantity is a line's quantity and price, whose product is its net amount. A price is never negative (BR-27), so the quantity has the
// sign. A price of the catalogue stands there only if the product is exact to the cent, as Peppol asks (R120): recurring charges for a
// part of a cycle, usage with several prices, and prices that contain the tax have quantity 1 and their net amount as price.
func (u *ublMaker) quantity(l *document.Line) (*ublQuantity, ublPrice) {
	net, price := u.signed(l.Net), l.Price.Abs()
	counts := []struct {
		of   decimal.D
		unit string
		per  int64
	}{{l.Quantity.Abs(), unitCodes[l.Unit], max(l.Per, 1)}}
	if l.Unit == "days" { // a price for a whole period, and an item for each SIM
		counts = append(counts, counts[0])
		counts[1].of, counts[1].unit = decimal.FromInt(int64(l.Items)), unitCodes[""]
	}
	for _, c := range counts {
		if u.d.Gross || c.unit == "" || c.of.IsZero() {
			continue
		}
		product, err := lineProduct(c.of, price, c.per)
		if err != nil || product != net.Abs() {
			continue // a product beyond 38 digits is not that of the line either
		}
		quantity, p := c.of, ublPrice{Amount: ublAmount{u.d.Currency, price.String()}}
		if net.Sign() < 0 {
			quantity = quantity.Neg()
		}
		if c.per > 1 {
			p.Per = &ublQuantity{c.unit, strconv.FormatInt(c.per, 10)}
		}
		return &ublQuantity{c.unit, quantity.String()}, p
	}
	one := decimal.FromInt(1)
	if net.Sign() < 0 {
		one = one.Neg()
	}
	return &ublQuantity{unitCodes[""], one.String()}, ublPrice{Amount: ublAmount{u.d.Currency, net.Abs().Fixed(u.d.Scale)}}
}

// lineProduct is quantity × price / per, rounded to cents.
func lineProduct(quantity, price decimal.D, per int64) (decimal.D, error) {
	product, err := quantity.Mul(price)
	if err != nil {
		return product, err
	}
	return product.DivRound(decimal.FromInt(per), mostDecimals, decimal.HalfUp)
}

// ublProperties are what distinguishes a line beside its product, for programs.
func ublProperties(l *document.Line) (all []ublProperty) {
	for _, p := range []ublProperty{
		{"account", l.Account}, {"kind", string(l.Kind)}, {"state", l.State}, {"class", l.Class}, {"zone", l.Zone}, {"tariff", l.Tariff},
		{"sims", orEmpty(int64(l.SIMs))}, {"records", orEmpty(l.Records)},
	} {
		if p.Value = xmlText(p.Value); p.Value != "" {
			all = append(all, p)
		}
	}
	return all
}

func orEmpty(n int64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatInt(n, 10)
}
