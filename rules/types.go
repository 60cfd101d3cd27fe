package rules

import (
	"strconv"
	"strings"
	"time"

	"ratemill/decimal"
	"ratemill/rules/record"
	"ratemill/udr"
)

// Kind is the type of an expression's value.
type Kind uint8

// The kinds. Field is a value in a format with types (JSON): text, number, list or map, which is known only at run
// time; it is converted to text implicitly, and to anything else by a function (int, decimal, octets, …).
const (
	Nothing Kind = iota
	Text
	Int
	Decimal
	Bool
	Time
	Quantity
	Phone
	Country
	Network
	Identifier
	Field
	List
	Table
)

var kindNames = [...]string{"nothing", "text", "int", "decimal", "bool", "time", "quantity", "phone", "country", "network",
	"identifier", "field", "list", "table"}

func (k Kind) String() string { return kindNames[k] }

// worded reports whether a value of the kind is stored in value.s.
func (k Kind) worded() bool { return k == Text || k == Phone || k == Country || k == Network }

// spelled reports whether a value of the kind is a sequence of characters, which can be neither added nor
// ordered.
func (k Kind) spelled() bool { return k.worded() || k == Field || k == Identifier }

// converted reports whether a value of the kind came from a normalizer and is not a number.
func (k Kind) converted() bool { return k.spelled() && k != Text && k != Field }

// Type is the static type of an expression.
type Type struct {
	Kind Kind
	Unit udr.Unit // of a Quantity
}

func (t Type) String() string {
	if t.Kind == Quantity {
		return "quantity (" + t.Unit.String() + ")"
	}
	return t.Kind.String()
}

// value is a value at run time. It has eight words, so closures return it in registers (Go's ABI has nine). The kind
// Nothing is an absent value; an absent text is an empty text.
type value struct {
	kind Kind
	aux  uint8         // the udr.IDKind of an Identifier, the unit of a Quantity
	n    int64         // value of an Int, Bool, Time or Quantity
	d    decimal.D     // Decimal
	s    string        // value of a Text, Phone, Country, Network or Identifier
	raw  *record.Value // Field, List
}

func textValue(s string) value          { return value{kind: Text, s: s} }
func intValue(n int64) value            { return value{kind: Int, n: n} }
func decimalValue(d decimal.D) value    { return value{kind: Decimal, d: d} }
func countryValue(s string) value       { return value{kind: Country, s: s} }
func networkValue(s string) value       { return value{kind: Network, s: s} }
func listValue(raw *record.Value) value { return value{kind: List, raw: raw} }

func quantityValue(n int64, u udr.Unit) value {
	return value{kind: Quantity, aux: uint8(u), n: n}
}

func identifierValue(k udr.IDKind, s string) value {
	return value{kind: Identifier, aux: uint8(k), s: s}
}

func boolValue(b bool) value {
	if b {
		return value{kind: Bool, n: 1}
	}
	return value{kind: Bool}
}

func (v value) true() bool { return v.n != 0 }

// absent reports whether there is no value: nothing, an empty text, or a null field.
func (v value) absent() bool {
	switch v.kind {
	case Nothing:
		return true
	case Text, Phone, Country, Network, Identifier:
		return v.s == ""
	case Field:
		return v.raw.Kind == record.Absent || v.raw.Kind == record.Null || v.raw.Kind == record.Text && len(v.raw.Text) == 0
	}
	return false
}

// longestShown limits the length of a value in messages and traces.
const longestShown = 48

// String returns the value for display: texts in quotes, quantities with their unit.
func (v value) String() string {
	switch v.kind {
	case Text:
		return quote(v.s)
	case Quantity:
		u := udr.Unit(v.aux)
		if u == udr.Count {
			return grouped(v.n)
		}
		return grouped(v.n) + " " + u.String()
	case Field:
		return showRaw(v.raw)
	case List:
		return plural(len(v.raw.Items), "element")
	case Nothing:
		return "absent"
	}
	return v.plain()
}

// plain returns the value as a part of a text.
func (v value) plain() string {
	switch v.kind {
	case Int, Quantity:
		return strconv.FormatInt(v.n, 10)
	case Decimal:
		return v.d.String()
	case Bool:
		return strconv.FormatBool(v.true())
	case Time:
		return udr.Instant(v.n).Time().Format(time.RFC3339Nano)
	case Field:
		switch v.raw.Kind {
		case record.Text, record.Number, record.Bool:
			return string(v.raw.Text)
		}
		return showRaw(v.raw)
	case List:
		return v.String()
	}
	return v.s
}

func showRaw(raw *record.Value) string {
	switch raw.Kind {
	case record.Text:
		return quote(string(raw.Text[:min(len(raw.Text), longestShown+1)]))
	case record.Number, record.Bool:
		text := raw.Written()
		return string(text[:min(len(text), longestShown)])
	case record.List:
		return "a list of " + plural(len(raw.Items), "element")
	case record.Map:
		return "a map of " + plural(len(raw.Items), "member")
	case record.NoObject:
		return "below " + showRaw(&raw.Items[0])
	case record.Null:
		return "null"
	}
	return "absent"
}

func quote(s string) string {
	if len(s) > longestShown {
		return strconv.Quote(strings.ToValidUTF8(s[:longestShown], "")) + "…"
	}
	return strconv.Quote(s)
}

func grouped(n int64) string {
	digits := strconv.FormatInt(n, 10)
	sign := ""
	if n < 0 {
		sign, digits = "-", digits[1:]
	}
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return sign + digits
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}
