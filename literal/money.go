package literal

import (
	"strings"

	"ratemill/decimal"
	"ratemill/diag"
	"ratemill/normalize"
)

// Money is an amount with its currency: 100 EUR.
type Money struct {
	Amount   decimal.D
	Currency string
	Pos      diag.Pos
}

// UnmarshalNode implements diag.Unmarshaler. It does not check that the currency exists; see KnownCurrency.
func (m *Money) UnmarshalNode(n *diag.Node, d *diag.Decoder) {
	m.Pos = n.Pos
	if !d.Want(n, diag.Scalar, "an amount") {
		return
	}
	amount, currency, ok := strings.Cut(n.Text, " ")
	if !ok || currency == "" {
		d.Errorf(n.Pos, "%q is not an amount with a currency; write it as 100 EUR", n.Text)
		return
	}
	m.Amount, m.Currency = Amount(amount, n.Pos, &d.List), currency
}

// JSONSchema returns the schema of a single value, such as 100 EUR.
func (Money) JSONSchema() map[string]any { return Single() }

// Amount reads an amount of 0 or more. It also refuses -0, because a minus sign means that a value other than 0
// was intended.
func Amount(text string, at diag.Pos, l *diag.List) decimal.D {
	d, err := decimal.Parse(strings.ReplaceAll(strings.TrimLeft(text, minuses), "_", ""))
	if err != nil {
		l.Errorf(at, "%v; write an amount such as 0.02, or 0.02 / 1 MB for a price", err)
		return decimal.Zero
	}
	if Minus(text) {
		l.Errorf(at, "%s is negative; amounts in the catalogue must be 0 or more", text)
		return decimal.Zero
	}
	return d
}

// minuses contains the minus signs that keyboards and word processors produce.
const minuses = "-\u2212\u2013\u2014"

// Minus reports whether a text begins with a minus sign.
func Minus(text string) bool { return strings.TrimLeft(text, minuses) != text }

// KnownCurrency reports whether code is a currency of ISO 4217, in capitals. Lower-case letters are refused, because a
// charge shows the currency as the document spells it.
func KnownCurrency(code string) bool {
	known, err := normalize.ParseCurrency([]byte(code))
	return err == nil && known.String() == code
}
