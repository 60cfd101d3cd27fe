package rating

import (
	"fmt"

	"ratemill/normalize"
)

// InvoiceScale returns the number of decimals of an invoice line unless a document sets another: those of the
// currency's minor unit (ISO 4217), such as 0 for JPY and 3 for KWD. ok is false for currencies without a minor unit,
// such as XAU.
func InvoiceScale(currency string) (scale int, ok bool) {
	code, err := normalize.ParseCurrency([]byte(currency))
	if err != nil {
		return 0, false
	}
	scale = code.MinorUnits()
	return scale, scale >= 0
}

// warnMinor warns of a plan whose amounts lose decimals of its currency. If the currency does not have two decimals, it
// also warns of a plan without rounding and of a plan that rounds to two decimals.
func (c *compiler) warnMinor(doc *planDoc) {
	code := doc.Currency.Value
	minor, ok := InvoiceScale(code)
	if !ok {
		return
	}
	decimals := "no decimals"
	if minor > 0 {
		decimals = fmt.Sprintf("%d decimals", minor)
	}
	rounds := []*roundDoc{doc.Round}
	for _, e := range doc.Classes {
		if e.Value != nil && e.Value.Round != nil {
			rounds = append(rounds, e.Value.Round)
		}
	}
	for _, r := range rounds {
		switch {
		case r == nil && minor != 2:
			c.list.Warnf(doc.Currency.Pos, "%s has %s, but plan %s does not say how amounts are rounded, so a record's amount has up "+
				"to 12; write `round: { scale: %d }`, or a larger scale where amounts are rounded on the invoice",
				code, decimals, doc.Name.Value, minor)
		case r == nil:
		case r.Scale == 2 && minor != 2:
			c.list.Warnf(r.pos, "%s has %s, but amounts are rounded to 2; write `scale: %d`, or a larger scale than 2 where amounts "+
				"are rounded on the invoice", code, decimals, minor)
		case r.Scale < minor:
			c.list.Warnf(r.pos, "%s has %s, but the amount of each record is rounded to %d; write `scale: %d`, or a larger scale "+
				"where amounts are rounded on the invoice", code, decimals, r.Scale, minor)
		}
	}
}
