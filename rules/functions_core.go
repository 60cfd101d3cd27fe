package rules

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"ratemill/decimal"
	"ratemill/normalize"
	"ratemill/rules/record"
	"ratemill/udr"
)

var textFunctions = []*Function{
	{Name: "lower", Group: "text", Params: []Param{text("text")}, Result: aText,
		Doc: "The text in small letters.", Example: `lower("IoT.Sky") = "iot.sky"`,
		bind: unary(aText, func(r *Runner, v value) (value, error) { return r.mapped(v, asciiLower, unicode.ToLower), nil })},
	{Name: "upper", Group: "text", Params: []Param{text("text")}, Result: aText,
		Doc: "The text in capitals.", Example: `upper("sky") = "SKY"`,
		bind: unary(aText, func(r *Runner, v value) (value, error) { return r.mapped(v, asciiUpper, unicode.ToUpper), nil })},
	{Name: "trim", Group: "text", Params: []Param{text("text")}, Result: aText,
		Doc: "The text without blanks at its ends.", Example: `trim(" a ") = "a"`,
		bind: unary(aText, func(_ *Runner, v value) (value, error) { return textValue(strings.TrimSpace(v.s)), nil })},
	{Name: "digits", Group: "text", Params: []Param{text("text")}, Result: aText,
		Doc: "The digits of the text.", Example: `digits("+34 (91)") = "3491"`,
		bind: unary(aText, func(r *Runner, v value) (value, error) {
			from := len(r.buf)
			for i := range len(v.s) {
				if c := v.s[i]; c >= '0' && c <= '9' {
					r.buf = append(r.buf, c)
				}
			}
			return textValue(r.kept(from)), nil
		})},
	{Name: "replace", Group: "text", Params: []Param{text("text"), text("old"), text("new")}, Result: aText,
		Doc: "The text with every old replaced by new.", Example: `replace("a-b", "-", "") = "ab"`,
		bind: several(aText, func(r *Runner, a []value) (value, error) {
			if a[1].s == "" || !strings.Contains(a[0].s, a[1].s) {
				return textValue(a[0].s), nil
			}
			if n := len(a[0].s) + strings.Count(a[0].s, a[1].s)*len(a[2].s); n > longestText {
				return value{}, errLong
			}
			return textValue(strings.ReplaceAll(a[0].s, a[1].s, a[2].s)), nil
		})},
	{Name: "substring", Group: "text", Params: []Param{text("text"), whole("from"), {Name: "length", Kinds: []Kind{Int}, Optional: true}},
		Result:  aText,
		Doc:     "A part of the text with the given length, after skipping the first from characters; text[from:to] is similar.",
		Example: `substring("20810", 0, 3) = "208"`,
		bind: several(aText, func(_ *Runner, a []value) (value, error) {
			to := int64(1 << 31)
			if len(a) > 2 {
				to = min(max(a[1].n, 0), to) + min(max(a[2].n, 0), to)
			}
			return textValue(cut(a[0].s, a[1].n, to)), nil
		})},
	{Name: "part", Group: "text", Params: []Param{text("text"), text("separator"), whole("number")}, Result: aText,
		Doc:     "A part of a text split at separators: number 1 is the first part, -1 the last. Empty when there is no such part.",
		Example: `part("a/b/c", "/", 2) = "b"`,
		bind:    several(aText, func(_ *Runner, a []value) (value, error) { return part(a[0].s, a[1].s, a[2].n) })},
	{Name: "before", Group: "text", Params: []Param{text("text"), text("separator")}, Result: aText,
		Doc: "The text before the first separator, or all of it if there is none.", Example: `before("user@host", "@") = "user"`,
		bind: several(aText, func(_ *Runner, a []value) (value, error) {
			s, _, _ := strings.Cut(a[0].s, a[1].s)
			return textValue(s), nil
		})},
	{Name: "after", Group: "text", Params: []Param{text("text"), text("separator")}, Result: aText,
		Doc: "The text after the first separator, or nothing if there is none.", Example: `after("user@host", "@") = "host"`,
		bind: several(aText, func(_ *Runner, a []value) (value, error) {
			_, s, _ := strings.Cut(a[0].s, a[1].s)
			return textValue(s), nil
		})},
	{Name: "pad", Group: "text", Params: []Param{text("text"), whole("length"), text("with")}, Result: aText,
		Doc: "The text, filled up on the left with the character to the given length.", Example: `pad("7", 2, "0") = "07"`,
		bind: several(aText, func(r *Runner, a []value) (value, error) {
			missing := a[1].n - int64(utf8.RuneCountInString(a[0].s))
			if a[1].n > longestText || utf8.RuneCountInString(a[2].s) != 1 {
				return value{}, errors.New("pad takes a length up to 65,536 and one character")
			}
			from := len(r.buf)
			for ; missing > 0; missing-- {
				r.buf = append(r.buf, a[2].s...)
			}
			r.buf = append(r.buf, a[0].s...)
			return textValue(r.kept(from)), nil
		})},
	{Name: "concat", Group: "text", Params: []Param{{Name: "texts", Kinds: []Kind{Text, Phone, Country, Network, Int, Decimal, Identifier,
		Time}, Variadic: true}}, Result: aText,
		Doc: "The texts joined together.", Example: `concat("a", 1) = "a1"`,
		bind: several(aText, func(r *Runner, a []value) (value, error) {
			from := len(r.buf)
			for _, v := range a {
				if r.appendPlain(v); len(r.buf)-from > longestText {
					return value{}, errLong
				}
			}
			return textValue(r.kept(from)), nil
		})},
	{Name: "text", Group: "text", Params: []Param{{Name: "value"}}, Result: aText,
		Doc: "Any value as text; for a quantity, its number without the unit.", Example: `text(5) = "5"`,
		bind: unary(aText, func(r *Runner, v value) (value, error) {
			from := len(r.buf)
			r.appendPlain(v)
			return textValue(r.kept(from)), nil
		})},
	{Name: "len", Group: "text", Params: []Param{{Name: "value", Kinds: []Kind{Text, Phone, Country, Network, List}}}, Result: anInt,
		Doc: "The number of characters of a text, or of elements of a list.", Example: `len("ab") = 2`,
		bind: unary(anInt, func(_ *Runner, v value) (value, error) {
			if v.kind == List {
				return intValue(int64(len(v.raw.Items))), nil
			}
			return intValue(int64(utf8.RuneCountInString(v.s))), nil
		})},
	{Name: "absent", Group: "absent", Params: []Param{{Name: "value"}}, Result: aBool,
		Doc: `Whether there is no value: the field is missing, empty or null, or its text says so (NULL, nil, none, n/a, unknown, -, \N, in any case).`, Example: `absent("n/a") = true`,
		bind: unary(aBool, func(_ *Runner, v value) (value, error) {
			switch {
			case v.kind == Text:
				return boolValue(normalize.Absent(octetsOf(v.s))), nil
			case v.kind == Field && v.raw.Kind == record.Text:
				return boolValue(normalize.Absent(v.raw.Text)), nil
			}
			return boolValue(v.absent()), nil
		})},
	{Name: "coalesce", Group: "absent", Params: []Param{{Name: "value"}, {Name: "otherwise", Variadic: true}},
		Doc: "The first argument that has a value; a ?? b does the same.", Example: `coalesce("", "x") = "x"`},
	{Name: "try", Group: "absent", Params: []Param{{Name: "value"}, {Name: "otherwise"}},
		Doc: "The value, or the value of otherwise if it cannot be computed, for example a malformed number or a time in another format. A " +
			"record for which otherwise was used has the note fallback:FIELD in its attribute notes, and a metric counts it.",
		Example: `try(int("12x"), 0) = 0`},
}

const longestText = 1 << 16

var errLong = errors.New("the text would have more than 65,536 characters")

var numbers = []Kind{Text, Int, Decimal, Quantity}

var numberFunctions = []*Function{
	{Name: "int", Group: "number", Params: []Param{{Name: "value", Kinds: numbers}}, Result: anInt, absorbs: true,
		Doc:     "A whole number. A text with anything but a sign and digits, or a decimal with a fraction, suspends the record.",
		Example: `int("42") = 42`,
		bind:    unary(anInt, toInt)},
	{Name: "decimal", Group: "number", Params: []Param{{Name: "value", Kinds: numbers}}, Result: aDecimal, absorbs: true,
		Doc: "An exact decimal number with up to 12 decimals.", Example: `decimal("0.5") = 0.5`,
		bind: unary(aDecimal, toDecimal)},
	{Name: "bool", Group: "number", Params: []Param{text("text")}, Result: aBool, absorbs: true,
		Doc: "A condition: true, yes, y, 1 or false, no, n, 0, in any case.", Example: `bool("yes") = true`,
		bind: unary(aBool, func(_ *Runner, v value) (value, error) {
			switch strings.ToLower(strings.TrimSpace(v.s)) {
			case "true", "yes", "y", "1":
				return boolValue(true), nil
			case "false", "no", "n", "0":
				return boolValue(false), nil
			}
			return value{}, fmt.Errorf("%s is neither true nor false", quote(v.s))
		})},
	{Name: "round", Group: "number", Params: []Param{{Name: "value", Kinds: []Kind{Decimal}},
		{Name: "scale", Kinds: []Kind{Int}, Constant: true}, fixed("mode")}, Result: aDecimal,
		Doc:     "A number with at most scale decimals. mode is half_up, half_even, half_down, up (away from zero) or down.",
		Example: `round(1.25, 1, "half_up") = 1.3`,
		bind: func(b *binding) (bound, Type, error) {
			how, err := b.rounding(1, 2)
			return bound{one: func(_ *Runner, v value) (value, error) {
				d, _, err := v.d.Round(how)
				return decimalValue(d), err
			}}, aDecimal, err
		}},
	{Name: "div", Group: "number", Params: []Param{{Name: "dividend", Kinds: []Kind{Decimal}}, {Name: "divisor", Kinds: []Kind{Decimal}},
		{Name: "scale", Kinds: []Kind{Int}, Constant: true}, fixed("mode")}, Result: aDecimal,
		Doc:     "A quotient with at most scale decimals. / divides exactly, and suspends the record when that is not possible.",
		Example: `div(10, 3, 2, "half_up") = 3.33`,
		bind: func(b *binding) (bound, Type, error) {
			how, err := b.rounding(2, 3)
			return bound{many: func(_ *Runner, a []value) (value, error) {
				d, err := a[0].d.DivRound(a[1].d, how.Scale, how.Mode)
				return decimalValue(d), err
			}}, aDecimal, err
		}},
	{Name: "abs", Group: "number", Params: []Param{{Name: "value", Kinds: []Kind{Int, Decimal}}},
		Doc: "The number without its sign.", Example: `abs(-3) = 3`,
		bind: func(b *binding) (bound, Type, error) {
			return bound{one: func(_ *Runner, v value) (value, error) {
				if v.kind == Decimal {
					return decimalValue(v.d.Abs()), nil
				}
				if v.n < 0 {
					if v.n = -v.n; v.n < 0 {
						return value{}, errOverflow
					}
				}
				return v, nil
			}}, b.args[0].typ, nil
		}},
	{Name: "min", Group: "number", Params: []Param{{Name: "values", Kinds: []Kind{Int, Quantity, Time}, Variadic: true}},
		Doc: "The least value.", Example: `min(2, 1) = 1`, bind: extreme(-1)},
	{Name: "max", Group: "number", Params: []Param{{Name: "values", Kinds: []Kind{Int, Quantity, Time}, Variadic: true}},
		Doc: "The greatest value.", Example: `max(2, 1) = 2`, bind: extreme(1)},
}

func extreme(sign int) func(*binding) (bound, Type, error) {
	return func(b *binding) (bound, Type, error) {
		typ := b.args[0].typ
		for i, a := range b.args {
			if a.typ != typ {
				b.wrong = i + 1
				return bound{}, typ, fmt.Errorf("%s is %s, but %s before it", a.source(), article(a.typ), article(typ))
			}
		}
		pick := func(_ *Runner, a []value) (value, error) {
			best := a[0]
			for _, v := range a[1:] {
				if sign > 0 && v.n > best.n || sign < 0 && v.n < best.n {
					best = v
				}
			}
			return best, nil
		}
		return bound{many: pick}, typ, nil
	}
}

func (b *binding) rounding(scale, mode int) (decimal.Rounding, error) {
	m, err := decimal.ParseMode(b.word(mode, ""))
	if err != nil {
		return decimal.Rounding{}, err
	}
	b.wrong = scale + 1
	n := b.args[scale].value.n
	if n < 0 || n > decimal.Scale {
		return decimal.Rounding{}, fmt.Errorf("scale is a number of decimals from 0 to %d", decimal.Scale)
	}
	return decimal.Rounding{Scale: int(n), Mode: m}, nil
}

func toInt(_ *Runner, v value) (value, error) {
	switch v.kind {
	case Int, Quantity:
		return intValue(v.n), nil
	case Decimal:
		n, exact := v.d.Int64()
		if !exact {
			return value{}, fmt.Errorf("%s is not an int; say how to round it: int(round(x, 0, \"half_up\"))", v.d)
		}
		return intValue(n), nil
	}
	s := strings.TrimSpace(v.s)
	n, err := strconv.ParseInt(s, 10, 64)
	switch {
	case err == nil:
		return intValue(n), nil
	case errors.Is(err, strconv.ErrRange):
		return value{}, fmt.Errorf("%s has more than 64 bits", quote(v.s))
	}
	return value{}, fmt.Errorf("%s is not a whole number", quote(v.s))
}

func toDecimal(_ *Runner, v value) (value, error) {
	switch v.kind {
	case Int, Quantity:
		return decimalValue(decimal.FromInt(v.n)), nil
	case Decimal:
		return v, nil
	}
	d, err := decimal.Parse(strings.TrimSpace(v.s))
	return decimalValue(d), err
}

var timeFunctions = []*Function{
	{Name: "date", Group: "time", Params: []Param{{Name: "time", Kinds: []Kind{Time}}, word("zone")}, Result: aText,
		Doc: "The day of a time in the source's zone, or the one named.", Example: `date(at) = "2026-03-17"`, bind: formatted("2006-01-02")},
	{Name: "clock", Group: "time", Params: []Param{{Name: "time", Kinds: []Kind{Time}}, word("zone")}, Result: aText,
		Doc: "The time of day in the source's zone, or the one named.", Example: `clock(at) = "00:10:02"`, bind: formatted("15:04:05")},
	{Name: "weekday", Group: "time", Params: []Param{{Name: "time", Kinds: []Kind{Time}}, word("zone")}, Result: aText,
		Doc: "The day of the week: mon, tue, wed, thu, fri, sat, sun.", Example: `weekday(at) = "tue"`, bind: formatted("Mon")},
	{Name: "as_seconds", Group: "time", Params: []Param{whole("number")}, Result: someSeconds,
		Doc: "A number as a quantity of seconds, to add to a time.", Example: `as_seconds(60) = 60 s`,
		bind: unary(someSeconds, func(_ *Runner, v value) (value, error) { return quantityValue(v.n, udr.Second), nil })},
	{Name: "as_octets", Group: "number", Params: []Param{whole("number")}, Result: someOctets,
		Doc: "A number as a quantity of octets.", Example: `as_octets(1500) = 1500 B`,
		bind: unary(someOctets, func(_ *Runner, v value) (value, error) { return quantityValue(v.n, udr.Octet), nil })},
}

func formatted(layout string) func(*binding) (bound, Type, error) {
	return func(b *binding) (bound, Type, error) {
		z := b.zone
		if b.has(1) {
			var err error
			if z, err = loadZone(b.word(1, "")); err != nil {
				return bound{}, aText, err
			}
		}
		if z == nil {
			return bound{}, aText, errors.New("name the zone, since the source has none (zone: Europe/Madrid)")
		}
		return bound{one: func(r *Runner, v value) (value, error) {
			from := len(r.buf)
			r.buf = time.Unix(0, v.n).In(z.location).AppendFormat(r.buf, layout)
			if layout == "Mon" {
				r.buf[from] |= 0x20
			}
			return textValue(r.kept(from)), nil
		}}, aText, nil
	}
}

// cut returns the characters of s between two positions; a position outside s is moved to the nearest end.
func cut(s string, from, to int64) string {
	ascii := true
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			ascii = false
			break
		}
	}
	length := int64(len(s))
	if !ascii {
		length = int64(utf8.RuneCountInString(s))
	}
	if from < 0 {
		from += length
	}
	if to < 0 {
		to += length
	}
	from, to = min(max(from, 0), length), min(max(to, 0), length)
	if from >= to {
		return ""
	}
	if ascii {
		return s[from:to]
	}
	start, n := 0, int64(0)
	for i := range s {
		if n == from {
			start = i
		}
		if n == to {
			return s[start:i]
		}
		n++
	}
	return s[start:]
}

func part(s, separator string, number int64) (value, error) {
	if separator == "" || number == 0 {
		return value{}, errors.New("part takes a separator and a number: 1 is the first part, -1 the last")
	}
	if number < 0 {
		number += int64(strings.Count(s, separator)) + 2
	}
	for ; number > 1; number-- {
		_, rest, found := strings.Cut(s, separator)
		if !found {
			return textValue(""), nil
		}
		s = rest
	}
	if number < 1 {
		return textValue(""), nil
	}
	s, _, _ = strings.Cut(s, separator)
	return textValue(s), nil
}

func asciiLower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c + 0x20
	}
	return c
}

func asciiUpper(c byte) byte {
	if c >= 'a' && c <= 'z' {
		return c - 0x20
	}
	return c
}
