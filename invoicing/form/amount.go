package form

import (
	"fmt"
	"strings"

	"github.com/bojanz/currency"

	"ratemill/decimal"
	"ratemill/invoicing/document"
)

// minus is the sign of negative numbers; in the font it is as wide as a digit.
const minus = "−"

// money formats the amounts and numbers of a document in its payer's language.
type money struct {
	code    string
	scale   int
	full    *currency.Formatter // with the currency's symbol
	bare    *currency.Formatter
	price   *currency.Formatter
	plain   *currency.Formatter // of quantities
	percent *currency.Formatter
	err     error
}

func moneyOf(d *document.Document, lang string) *money {
	locale := currency.NewLocale(lang)
	if lang != "en" && d.Payer.Country != "" { // es-MX writes 1,234.56 and es-ES 1.234,56
		locale = currency.NewLocale(lang + "-" + d.Payer.Country)
	}
	formatter := func(display currency.Display, least, most int) *currency.Formatter {
		f := currency.NewFormatter(locale)
		f.CurrencyDisplay, f.MinDigits, f.MaxDigits = display, uint8(least), uint8(most)
		return f
	}
	return &money{
		code: d.Currency, scale: d.Scale, full: formatter(currency.DisplaySymbol, d.Scale, d.Scale),
		bare:  formatter(currency.DisplayNone, d.Scale, d.Scale),
		price: formatter(currency.DisplayNone, d.Scale, decimal.Scale), plain: formatter(currency.DisplayNone, 0, 3),
		percent: formatter(currency.DisplayNone, 0, 4),
	}
}

func (m *money) format(f *currency.Formatter, v decimal.D) string {
	a, err := currency.NewAmount(v.String(), m.code)
	if err != nil && m.err == nil {
		m.err = fmt.Errorf("an amount of the document cannot be written: %w", err)
	}
	return strings.ReplaceAll(f.Format(a), "-", minus)
}

// total returns an amount with the currency's symbol: € 12,480.17.
func (m *money) total(v decimal.D) string { return m.format(m.full, v) }

// amount returns an amount in the minor unit, without a symbol.
func (m *money) amount(v decimal.D) string { return m.format(m.bare, v) }

// unitPrice returns all digits of a price, at least those of the minor unit.
func (m *money) unitPrice(v decimal.D) string { return m.format(m.price, v) }

// quantity returns a quantity with at most three decimals.
func (m *money) quantity(v decimal.D) string { return m.format(m.plain, v) }

// rate returns a tax rate such as 21 %, with at most four decimals.
func (m *money) rate(v decimal.D) string { return m.format(m.percent, v) + "\u00a0%" }

func (m *money) int(n int64) string { return m.quantity(decimal.FromInt(n)) }

// octets are the units for amounts of data, largest first.
var octets = []struct {
	name string
	size int64
}{
	{"TB", 1e12}, {"TiB", 1 << 40}, {"GB", 1e9}, {"GiB", 1 << 30}, {"MB", 1e6}, {"MiB", 1 << 20}, {"kB", 1e3}, {"KiB", 1 << 10},
}

// unit returns the unit in which quantities and prices of a line are written, and its size in the line's own units.
// This is the unit of the price; if there is no price, the unit depends on the quantity.
func unit(l *document.Line) (name string, size int64) {
	switch l.Unit {
	case "B":
		for _, o := range octets {
			if l.Per == o.size {
				return o.name, o.size
			}
		}
		if l.Per > 1 || !l.Price.IsZero() {
			return "B", 1
		}
		for _, o := range octets {
			if o.size%10 == 0 && l.Quantity.Abs().Cmp(decimal.FromInt(o.size)) >= 0 {
				return o.name, o.size
			}
		}
		return "B", 1
	case "s":
		if l.Per == 3600 {
			return "h", 3600
		}
		if l.Per == 60 || l.Price.IsZero() {
			return "min", 60
		}
		return "s", 1
	case "1":
		return "", 1
	}
	return l.Unit, 1
}

// quantityOf and priceOf return the text of these columns for a line of usage.
func (m *money) quantityOf(l *document.Line) string {
	name, size := unit(l)
	quantity := l.Quantity
	if size != 1 {
		q, err := quantity.DivRound(decimal.FromInt(size), 3, decimal.HalfUp)
		if err != nil && m.err == nil {
			m.err = err
		}
		quantity = q
	}
	return join(" ", m.quantity(quantity), name)
}

func (m *money) priceOf(l *document.Line) string {
	if l.Price.IsZero() {
		return ""
	}
	name, size := unit(l)
	per := ""
	switch {
	case l.Per == size || l.Per == 0:
		per = name
	default:
		per = join(" ", m.int(l.Per), name)
	}
	text := m.unitPrice(l.Price)
	if per != "" {
		text += " / " + per
	}
	return text
}

// join puts a separator between the parts that are not empty.
func join(separator string, parts ...string) string {
	kept := parts[:0:0]
	for _, p := range parts {
		if p != "" {
			kept = append(kept, p)
		}
	}
	return strings.Join(kept, separator)
}
