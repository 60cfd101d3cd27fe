package normalize

import (
	"math"
	"unicode/utf8"
)

// wordedDuration reports whether a duration contains its units: 1h2m3s, PT5M.
func wordedDuration(in []byte) bool {
	return len(in) > 1 && (letter(in[len(in)-1]) || in[0] == 'P')
}

// wordedUnits contains the units of 1d2h3m4.5s, the largest first.
var wordedUnits = [...]struct {
	names        [4]string
	milliseconds int64
}{
	{[4]string{"d", "day", "days"}, 86_400_000},
	{[4]string{"h", "hr", "hour", "hours"}, 3_600_000},
	{[4]string{"m", "min", "mins", "minutes"}, 60_000},
	{[4]string{"s", "sec", "secs", "seconds"}, 1000},
	{[4]string{"ms", "msec", "milliseconds"}, 1},
}

// words reads numbers with their units, the largest unit first and each unit once, with optional blanks: 10s, 5
// min, 1h2m3.5s. Only the last number may have decimals, and only its fraction is rounded.
func words(in []byte, base int64, round Rounding) (int64, string) {
	const form = "not a duration such as 10s, 5m or 1h2m3s"
	total, next := int64(0), 0
	for len(in) > 0 {
		figures := 0
		for figures < len(in) && (digit(in[figures]) || in[figures] == '.') {
			figures++
		}
		number := in[:figures]
		in = trim(in[figures:])
		letters := 0
		for letters < len(in) && letter(in[letters]) {
			letters++
		}
		unit := next
		for unit < len(wordedUnits) && !named(in[:letters], wordedUnits[unit].names[:]) {
			unit++
		}
		in = trim(in[letters:])
		if figures == 0 || letters == 0 || unit == len(wordedUnits) {
			return 0, form
		}
		next = unit + 1
		n, reason := part(number, wordedUnits[unit].milliseconds, base, round, len(in) == 0)
		if reason != "" {
			return 0, reason
		}
		if total += n; total < 0 {
			return 0, "too large for a quantity"
		}
	}
	return total, ""
}

func named(word []byte, names []string) bool {
	for _, n := range names {
		if n != "" && equalFold(word, n) {
			return true
		}
	}
	return false
}

// iso reads a duration of ISO 8601-1 5.5.2: PT1H2M3.5S, P1DT2H, P2W. Years and months are refused: they have no fixed
// length.
func iso(in []byte, base int64, round Rounding) (int64, string) {
	const form = "not a duration of ISO 8601 such as PT1H2M3S"
	in = in[1:]
	total, clock, after, read := int64(0), false, 0, false
	for len(in) > 0 {
		if in[0] == 'T' && !clock {
			in, clock, after = in[1:], true, 1
			if len(in) == 0 {
				return 0, form
			}
			continue
		}
		figures := 0
		for figures < len(in) && (digit(in[figures]) || in[figures] == '.') {
			figures++
		}
		if figures == 0 || figures == len(in) {
			return 0, form
		}
		unit, order := int64(0), 0
		switch c := in[figures]; {
		case !clock && (c == 'Y' || c == 'M'):
			return 0, "years and months have no fixed length"
		case !clock && c == 'W' && !read && figures+1 == len(in):
			unit, order = 7*86_400_000, 1
		case !clock && c == 'D':
			unit, order = 86_400_000, 1
		case clock && c == 'H':
			unit, order = 3_600_000, 2
		case clock && c == 'M':
			unit, order = 60_000, 3
		case clock && c == 'S':
			unit, order = 1000, 4
		}
		if unit == 0 || order <= after {
			return 0, form
		}
		number := in[:figures]
		in, after, read = in[figures+1:], order, true
		n, reason := part(number, unit, base, round, len(in) == 0)
		if reason != "" {
			return 0, reason
		}
		if total += n; total < 0 {
			return 0, "too large for a quantity"
		}
	}
	if !read {
		return 0, form
	}
	return total, ""
}

// part returns one number of a duration in units of base milliseconds.
func part(number []byte, milliseconds, base int64, round Rounding, last bool) (int64, string) {
	if last {
		return scaled(number, milliseconds, base, round)
	}
	n, ok := decimal(number)
	if !ok || len(number) > 9 || n > math.MaxInt64/uint64(milliseconds) {
		return 0, "only the last number of a duration has decimals"
	}
	return int64(n) * milliseconds / base, ""
}

// minutes reads mm:ss, with or without decimals; minutes may exceed 59.
func minutes(in []byte, base int64, round Rounding) (int64, string) {
	const form = "not of the form mm:ss"
	end := 0
	for end < len(in) && digit(in[end]) {
		end++
	}
	n, ok := decimal(in[:end])
	if !ok || end > 9 || end == len(in) || in[end] != ':' {
		return 0, form
	}
	in = in[end+1:]
	if len(in) < 2 || !digit(in[0]) || !digit(in[1]) || len(in) > 2 && in[2] != '.' {
		return 0, form
	}
	if in[0] > '5' {
		return 0, "seconds go to 59"
	}
	rest, reason := scaled(in, 1000, base, round)
	if reason != "" {
		return 0, reason
	}
	return int64(n*60)*(1000/base) + rest, ""
}

// DecimalComma rewrites a number with a decimal comma, with or without points or blanks between its thousands, to one
// with a decimal point: 1.234,56 is 1234.56. A sign stays. A point that is not followed by three digits is refused,
// because the number may already have a decimal point.
func DecimalComma(dst, text []byte) ([]byte, error) {
	in := trim(text)
	if len(in) == 0 {
		return dst, fail("comma", text, "empty; test absent(…) first if the field may be empty")
	}
	if in[0] == '-' || in[0] == '+' {
		if in[0] == '-' {
			dst = append(dst, '-')
		}
		in = in[1:]
	}
	group, figures, separator := 0, 0, byte(0)
	for i, c := range in {
		switch {
		case digit(c):
			dst = append(dst, c)
			group++
			figures++
		case c == ',' && group > 0 && i+1 < len(in) && onlyDigits(in[i+1:]) && (separator == 0 || group == 3):
			return append(append(dst, '.'), in[i+1:]...), nil
		case (c == '.' || c == ' ' || c == '\'') && group > 0 && (separator == 0 && group <= 3 || separator == c && group == 3):
			separator, group = c, 0
		default:
			return dst, fail("comma", text, "not a number with a decimal comma, such as 1.234,56")
		}
	}
	if figures == 0 || separator != 0 && group != 3 {
		return dst, fail("comma", text, "not a number with a decimal comma, such as 1.234,56")
	}
	return dst, nil
}

var _ = declare(Function{
	Name: "comma", Family: "encoding", Params: []Param{text("a number")},
	Doc: "A number with a decimal comma, read as if it had a decimal point: octets(comma(mb), unit: \"MB\"). Points, blanks or " +
		"apostrophes between thousands are dropped.",
	Suspends: "the text is not a number with a decimal comma",
	Examples: []Example{ex(`comma("0,219933")`, "0.219933"), ex(`comma("1.234,5")`, "1234.5"), exFails(`comma("0.5")`, "decimal comma")},
}, Appender(DecimalComma))

// Hexadecimal reads up to 15 hexadecimal digits, with or without 0x before them, or 16 digits if the first is
// below 8.
func Hexadecimal(text []byte) (int64, error) {
	in := trim(text)
	if len(in) > 2 && in[0] == '0' && in[1]|0x20 == 'x' {
		in = in[2:]
	}
	n := uint64(0)
	for _, c := range in {
		v := nibble(c)
		if v > 15 {
			return 0, fail("hex", text, "not a hexadecimal number such as 1F or 0x1f")
		}
		if n>>59 != 0 {
			return 0, fail("hex", text, "the number is out of range: an int has at most 64 bits")
		}
		n = n<<4 | uint64(v)
	}
	if len(in) == 0 {
		return 0, fail("hex", text, "not a hexadecimal number such as 1F or 0x1f")
	}
	return int64(n), nil
}

var _ = declare(Function{
	Name: "hex", Family: "encoding", Params: []Param{text("hexadecimal digits")},
	Doc:      "A whole number written in hexadecimal, with 0x or without.",
	Suspends: "the text has other characters, or the number has more than 63 bits",
	Examples: []Example{ex(`hex("0x1f")`, "31"), exFails(`hex("12G")`, "hexadecimal")},
}, Hexadecimal)

// URLDecoded appends the text without its percent-encoding (RFC 3986 2.1): sip%3A%2B34600 is sip:+34600. In a form
// (application/x-www-form-urlencoded, WHATWG URL 5) a plus sign is a blank. A result that is not UTF-8 or contains a
// zero byte is refused.
func URLDecoded(dst, text []byte, form bool) ([]byte, error) {
	from := len(dst)
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c == '+' && form:
			c = ' '
		case c == '%':
			if i+2 >= len(text) || nibble(text[i+1]) > 15 || nibble(text[i+2]) > 15 {
				return dst, fail("url_decode", text, "a % is not followed by two hexadecimal digits")
			}
			c = nibble(text[i+1])<<4 | nibble(text[i+2])
			i += 2
		}
		if c == 0 {
			return dst, fail("url_decode", text, "contains a zero byte")
		}
		dst = append(dst, c)
	}
	if !utf8.Valid(dst[from:]) {
		return dst, fail("url_decode", text, "is not UTF-8 after decoding")
	}
	return dst, nil
}

var formParam = yes("form", "a plus sign is a blank, as in data sent by forms")

var _ = declareWith(Function{
	Name: "url_decode", Family: "encoding", Params: []Param{text("percent-encoded text"), formParam.Param},
	Doc:      "A text without its percent-encoding (RFC 3986 2.1).",
	Suspends: "two hexadecimal digits do not follow a percent sign",
	Examples: []Example{
		ex(`url_decode("sip%3A%2B34600")`, "sip:+34600"), ex(`url_decode("a+b%21", form: true)`, "a b!"),
		exFails(`url_decode("50%")`, "two hexadecimal digits")},
}, func(o *Options) Appender {
	form := formParam.in(o)
	return func(dst, text []byte) ([]byte, error) { return URLDecoded(dst, text, form) }
})
