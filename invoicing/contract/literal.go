package contract

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"

	"ratemill/decimal"
	"ratemill/diag"
	"ratemill/literal"
	"ratemill/udr"
)

// Literal is an amount, a number, a quantity or a price, depending on the kind of the commitment.
type Literal struct {
	Text string
	Pos  diag.Pos
}

// UnmarshalNode implements diag.Unmarshaler.
func (v *Literal) UnmarshalNode(n *diag.Node, d *diag.Decoder) {
	v.Pos = n.Pos
	if d.Want(n, diag.Scalar, "an amount or a quantity") {
		v.Text = n.Text
	}
}

// JSONSchema describes a single value.
func (Literal) JSONSchema() map[string]any { return literal.Single() }

// IsZero reports whether the document omits it.
func (v Literal) IsZero() bool { return v.Pos.File == nil && v.Text == "" }

// price is an amount for a number of units.
type price struct {
	amount decimal.D
	per    int64
	unit   udr.Unit
}

// rat returns the price of one unit.
func (p *price) rat() *big.Rat {
	return new(big.Rat).Quo(ratOf(p.amount), new(big.Rat).SetInt64(p.per))
}

// String returns the price as documents write it.
func (p *price) String() string {
	if p.per <= 1 {
		return p.amount.String()
	}
	return fmt.Sprintf("%s / %d %s", p.amount, p.per, p.unit)
}

// priceOf reads an amount, or an amount for a number of units such as 1.50 / 1 GB.
func priceOf(v Literal, c *diag.Decoder) price {
	amount, per, has := strings.Cut(v.Text, "/")
	p := price{amount: literal.Amount(strings.TrimSpace(amount), v.Pos, &c.List), per: 1, unit: udr.Count}
	if !has {
		return p
	}
	if per = strings.TrimSpace(per); per != "" && per[0] != '-' && (per[0] < '0' || per[0] > '9') {
		per = "1 " + per
	}
	before := c.Errors()
	p.per, p.unit = literal.ParseQuantity(per, v.Pos, &c.List)
	if p.per <= 0 || p.per > 1<<50 {
		if c.Errors() == before {
			c.Errorf(v.Pos, "price %q is per %d units; it must be per 1 to %d", v.Text, p.per, int64(1)<<50)
		}
		p.per = 1
	}
	return p
}

// Percent is a percentage, such as 50 %.
type Percent struct {
	Value decimal.D
	Pos   diag.Pos
}

// UnmarshalNode implements diag.Unmarshaler.
func (v *Percent) UnmarshalNode(n *diag.Node, d *diag.Decoder) {
	v.Pos = n.Pos
	if !d.Want(n, diag.Scalar, "a percentage") {
		return
	}
	text, ok := strings.CutSuffix(n.Text, "%")
	value, err := decimal.Parse(strings.TrimSpace(text))
	if !ok || err != nil || value.Sign() < 0 || strings.HasPrefix(text, "-") || decimal.FromInt(100).Less(value) {
		d.Errorf(n.Pos, "%q is not a percentage from 0 to 100; write it as 50 %%", n.Text)
		return
	}
	v.Value = value
}

// JSONSchema implements diag.Schemed.
func (Percent) JSONSchema() map[string]any {
	return map[string]any{"type": "string", "pattern": `^[0-9.]+ *%$`}
}

func (v *Percent) rat() *big.Rat {
	if v == nil {
		return big.NewRat(1, 1)
	}
	return new(big.Rat).Quo(ratOf(v.Value), big.NewRat(100, 1))
}

// Cycles is a number of months, written as 24 cycles.
type Cycles int

const mostCycles = 600

// UnmarshalNode implements diag.Unmarshaler.
func (v *Cycles) UnmarshalNode(n *diag.Node, d *diag.Decoder) {
	number, unit, _ := strings.Cut(n.Text, " ")
	count, err := strconv.Atoi(number)
	if unit = strings.TrimSpace(unit); err != nil || unit != "cycle" && unit != "cycles" || count < 1 || count > mostCycles {
		d.Errorf(n.Pos, "%q is not a number of cycles from 1 to %d; write it as 24 cycles", n.Text, mostCycles)
		count = 1
	}
	*v = Cycles(count)
}

// JSONSchema implements diag.Schemed.
func (Cycles) JSONSchema() map[string]any {
	return map[string]any{"type": "string", "pattern": `^[0-9]+ *cycles?$`}
}

// MarshalText writes the text that UnmarshalNode reads.
func (v Cycles) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// UnmarshalText reads a stored value.
func (v *Cycles) UnmarshalText(text []byte) error {
	number, _, _ := strings.Cut(string(text), " ")
	count, err := strconv.Atoi(number)
	if err != nil || count < 1 || count > mostCycles {
		return fmt.Errorf("%q is not a number of cycles from 1 to %d; write it as 24 cycles", text, mostCycles)
	}
	*v = Cycles(count)
	return nil
}

// String returns the text, such as 1 cycle or 24 cycles.
func (v Cycles) String() string {
	if v == 1 {
		return "1 cycle"
	}
	return strconv.Itoa(int(v)) + " cycles"
}

// Count is a whole number from 1.
type Count int

// UnmarshalNode implements diag.Unmarshaler.
func (v *Count) UnmarshalNode(n *diag.Node, d *diag.Decoder) {
	count, err := strconv.Atoi(n.Text)
	if err != nil || count < 1 || count > mostCycles {
		d.Errorf(n.Pos, "%q is not a number from 1 to %d", n.Text, mostCycles)
		count = 1
	}
	*v = Count(count)
}

// JSONSchema implements diag.Schemed.
func (Count) JSONSchema() map[string]any {
	return map[string]any{"type": "integer", "minimum": 1, "maximum": mostCycles}
}

// Months is a range of months of a contract: 1-12, 13, or the open range 25-.
type Months struct {
	First, Last int // Last is 0 for an open range
	Text        string
	Pos         diag.Pos
}

// UnmarshalNode implements diag.Unmarshaler.
func (v *Months) UnmarshalNode(n *diag.Node, d *diag.Decoder) {
	v.Pos, v.Text = n.Pos, n.Text
	first, last, ranged := strings.Cut(n.Text, "-")
	var err, err2 error
	v.First, err = strconv.Atoi(first)
	switch {
	case !ranged:
		v.Last = v.First
	case last != "":
		v.Last, err2 = strconv.Atoi(last)
	}
	bounded := last != "" || !ranged
	if err != nil || err2 != nil || v.First < 1 || v.First > mostCycles || v.Last > mostCycles || bounded && v.Last < v.First {
		d.Errorf(n.Pos, "%q is not a range of months; write it as 1-12, 13, or 25- for all from the 25th on", n.Text)
		*v = Months{Pos: n.Pos, Text: n.Text}
	}
}

// JSONSchema implements diag.Schemed.
func (Months) JSONSchema() map[string]any {
	return map[string]any{"type": []any{"string", "integer"}, "pattern": `^[0-9]+(-[0-9]*)?$`}
}

func (v Months) end() int {
	if v.Last == 0 && v.First > 0 {
		return mostCycles * mostCycles
	}
	return v.Last
}
