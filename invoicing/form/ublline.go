package form

import (
	"cmp"
	"slices"
	"strconv"

	"ratemill/decimal"
	"ratemill/invoicing/document"
)

// exemptionCodes are the codes of the VATEX list, for the categories that have one.
var exemptionCodes = map[string]string{"AE": "VATEX-EU-AE", "K": "VATEX-EU-IC", "G": "VATEX-EU-G", "O": "VATEX-EU-O"}

// needsReason reports whether a tax category needs a reason; other categories must not have one (BR-S-10, BR-Z-10,
// BR-AF-10, BR-AG-10).
func needsReason(category string) bool { return category == "E" || exemptionCodes[category] != "" }

// ublCategoryOf returns the tax category element of a line. Category O has no rate (BR-O-05).
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
		c.Code, c.Reason = exemptionCodes[g.Category], u.reasons(g)
	}
	return ublSubtotal{Basis: u.sum(g.Basis), Tax: u.sum(g.Tax), Category: c}
}

// reasons returns the reasons why the lines of a tax group have no tax. A document has only one group of such a
// category (BR-E-01, BR-AE-01), and the group has the reasons of all its lines.
func (u *ublMaker) reasons(g *document.TaxGroup) string {
	reasons := []string{xmlText(u.reason(g.Reason))}
	for i := range u.d.Lines {
		l := &u.d.Lines[i]
		if text := xmlText(u.reason(l.Reason)); l.Category == g.Category && l.Rate == g.Rate && !slices.Contains(reasons, text) {
			reasons = append(reasons, text)
		}
	}
	return join("; ", reasons...)
}

// unitCodes are the codes of UN/ECE Recommendation 20 for the units of lines.
var unitCodes = map[string]string{"": "C62", "1": "C62", "B": "AD", "s": "SEC", "days": "DAY"}

func (u *ublMaker) invoiceLine(l *document.Line) ublLine {
	quantity, price, catalogue := u.quantityPrice(l)
	name, description := u.describe(l, catalogue)
	return ublLine{
		ID: strconv.Itoa(l.No), Invoiced: quantity, Net: u.sum(l.Net), Period: ublDays(l.Period), Price: price,
		Item: ublItem{
			Description: description, Name: name, Product: plainID(xmlText(l.Product)), Category: ublCategoryOf(l.Category, l.Rate),
			Properties: ublProperties(l),
		},
	}
}

// largerCodes are the codes of the larger units to which prices refer, by the number of line units in them.
var largerCodes = map[string]map[int64]string{
	"B": {
		1e3: "2P", 1e6: "4L", 1e9: "E34", 1e12: "E35", 1 << 10: "E64", 1 << 20: "E63", 1 << 30: "E62", 1 << 40: "E61",
	},
	"s": {60: "MIN", 3600: "HUR"},
}

// inUnitOfPrice converts a quantity to the unit of its price, such as 500 MB at a price for 1 MB. ok is false if there
// is no such unit, or if the quantity is not an exact decimal in it.
func inUnitOfPrice(l *document.Line) (quantity decimal.D, code string, ok bool) {
	code, ok = largerCodes[l.Unit][l.Per]
	if !ok {
		return quantity, "", false
	}
	quantity, err := l.Quantity.Abs().Div(decimal.FromInt(l.Per))
	return quantity, code, err == nil
}

// quantityPrice returns a quantity and a price for a line, whose product is the line's net amount. A price is never
// negative (BR-27), so the sign is on the quantity. It uses a price of the catalogue only if the product is exact
// to the cent, as Peppol requires (R120). Recurring charges for a part of a cycle, usage with several prices, and
// prices that contain tax get quantity 1 and the net amount as price; catalogue is then false.
func (u *ublMaker) quantityPrice(l *document.Line) (q *ublQuantity, p ublPrice, catalogue bool) {
	net, price := u.turned(l.Net), l.Price.Abs()
	counts := []struct {
		of   decimal.D
		unit string
		per  int64
	}{{l.Quantity.Abs(), unitCodes[l.Unit], max(l.Per, 1)}}
	if quantity, code, ok := inUnitOfPrice(l); ok {
		counts[0].of, counts[0].unit, counts[0].per = quantity, code, 1
	}
	if l.Unit == "days" { // the price is for a whole period, and there is an item for each SIM
		counts = append(counts, counts[0])
		counts[1].of, counts[1].unit = decimal.FromInt(int64(l.Items)), unitCodes[""]
	}
	for _, c := range counts {
		if u.d.Gross || c.unit == "" || c.of.IsZero() {
			continue
		}
		product, err := lineProduct(c.of, price, c.per)
		if err != nil || product != net.Abs() {
			continue // a product of more than 38 digits cannot equal the line's amount either
		}
		quantity := c.of
		p = ublPrice{Amount: ublAmount{u.d.Currency, price.String()}}
		if net.Sign() < 0 {
			quantity = quantity.Neg()
		}
		if c.per > 1 {
			p.Per = &ublQuantity{c.unit, strconv.FormatInt(c.per, 10)}
		}
		return &ublQuantity{c.unit, quantity.String()}, p, true
	}
	one := decimal.FromInt(1)
	if net.Sign() < 0 {
		one = one.Neg()
	}
	return &ublQuantity{unitCodes[""], one.String()}, ublPrice{Amount: ublAmount{u.d.Currency, net.Abs().Fixed(u.d.Scale)}}, false
}

// describe returns the name (BT-153) and the description (BT-154) of a line. The description states the catalogue's
// quantity and price if the line itself cannot have them.
func (u *ublMaker) describe(l *document.Line, catalogue bool) (name, description string) {
	account := ""
	if l.Account != u.d.Payer.Account {
		account = u.in.account(l.Account)
	}
	r := u.line(l, l.Period)
	quantity := ""
	switch {
	case catalogue, l.Unit == "days" && r.Price == "": // the details then have the days and the price
	case u.d.Gross && r.Price != "":
		quantity = join(" × ", r.Quantity, r.Price) + " · " + u.say("gross_note")
	default:
		quantity = join(" × ", r.Quantity, r.Price)
	}
	return cmp.Or(xmlText(l.Text), xmlText(r.Text), string(l.Kind)), join(" · ", xmlText(account), xmlText(r.Detail), xmlText(quantity))
}

// lineProduct returns quantity × price / per, rounded to cents.
func lineProduct(quantity, price decimal.D, per int64) (decimal.D, error) {
	product, err := quantity.Mul(price)
	if err != nil {
		return product, err
	}
	return product.DivRound(decimal.FromInt(per), mostDecimals, decimal.HalfUp)
}

// ublProperties returns, for programs, the properties that distinguish a line, other than its product.
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
