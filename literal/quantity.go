package literal

import (
	"strings"

	"ratemill/decimal"
	"ratemill/diag"
	"ratemill/udr"
)

// AnyUnit is the unit of literals that fit every class: a zero, or the price free.
const AnyUnit udr.Unit = 255

// UnitName returns the name of a unit for messages.
func UnitName(u udr.Unit) string {
	switch u {
	case udr.Count:
		return "single events"
	case AnyUnit:
		return "anything"
	}
	return u.String()
}

var units = []struct {
	name   string
	unit   udr.Unit
	factor int64
}{
	{"B", udr.Octet, 1}, {"kB", udr.Octet, 1e3}, {"MB", udr.Octet, 1e6}, {"GB", udr.Octet, 1e9}, {"TB", udr.Octet, 1e12},
	{"KiB", udr.Octet, 1 << 10}, {"MiB", udr.Octet, 1 << 20}, {"GiB", udr.Octet, 1 << 30}, {"TiB", udr.Octet, 1 << 40},
	{"s", udr.Second, 1}, {"min", udr.Second, 60}, {"h", udr.Second, 3600},
	{"message", udr.Count, 1}, {"messages", udr.Count, 1},
}

// MaxQuantity limits a record's quantity and the quantities in the catalogue: an exabyte is more than any usage, and
// sums of millions of such quantities fit into a counter.
const MaxQuantity = 1 << 60

// Quantity is a number of base units, such as 100 kB, 60 s, 1.
type Quantity struct {
	Value int64
	Unit  udr.Unit
	Pos   diag.Pos
}

// UnmarshalNode implements diag.Unmarshaler.
func (q *Quantity) UnmarshalNode(n *diag.Node, d *diag.Decoder) {
	q.Pos = n.Pos
	if !d.Want(n, diag.Scalar, "a quantity") {
		return
	}
	q.Value, q.Unit = ParseQuantity(n.Text, n.Pos, &d.List)
}

// JSONSchema returns the schema of a single value, such as 100 kB.
func (Quantity) JSONSchema() map[string]any { return Single() }

// Single returns the JSON Schema of a single value.
func Single() map[string]any { return map[string]any{"type": []any{"string", "number"}} }

// ParseQuantity reads a number and a unit; a number without a unit counts events, and 0 without a unit
// fits every unit.
func ParseQuantity(text string, at diag.Pos, l *diag.List) (int64, udr.Unit) {
	if Minus(text) {
		l.Errorf(at, "%q is negative; write a number and a unit, as in 100 kB, 60 s or 1", text)
		return 0, AnyUnit
	}
	number, name := text, ""
	if i := strings.IndexFunc(text, func(r rune) bool { return r != '_' && r != '.' && (r < '0' || r > '9') }); i >= 0 {
		number, name = text[:i], strings.TrimSpace(text[i:])
	}
	unit, factor := udr.Count, int64(1)
	if name != "" {
		var names []string
		found := false
		for _, u := range units {
			names = append(names, u.name)
			if u.name == name {
				unit, factor, found = u.unit, u.factor, true
			}
		}
		if !found {
			hint := diag.Suggest(name, names)
			if hint == "" {
				hint = "; units are " + strings.Join(names, ", ")
			}
			l.Errorf(at, "%q is not a quantity: %q is not a unit%s", text, name, hint)
			return 0, AnyUnit
		}
	}
	d, err := decimal.Parse(strings.ReplaceAll(number, "_", ""))
	if err != nil {
		l.Errorf(at, "%q is not a quantity: write a number and a unit, as in 100 kB, 60 s or 1", text)
		return 0, AnyUnit
	}
	product, err := d.Mul(decimal.FromInt(factor))
	value, whole := product.Int64()
	if err != nil || !whole || value > MaxQuantity {
		l.Errorf(at, "%q is not a whole number of base units up to %d", text, int64(MaxQuantity))
		return 0, AnyUnit
	}
	if value == 0 && name == "" {
		unit = AnyUnit
	}
	return value, unit
}
