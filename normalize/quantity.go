package normalize

import (
	"errors"
	"math"
	"math/bits"
	"strconv"
	"strings"
)

// Rounding defines how to treat a remainder smaller than the base unit.
type Rounding uint8

const (
	Exact  Rounding = iota // an error
	Up                     // up
	Down                   // dropped
	HalfUp                 // to the nearest, halves up
)

// ParseRounding reads exact, up, down and half_up, the names in rules.
func ParseRounding(name string) (Rounding, error) {
	switch name {
	case "exact":
		return Exact, nil
	case "up":
		return Up, nil
	case "down":
		return Down, nil
	case "half_up":
		return HalfUp, nil
	}
	return 0, fail("round", []byte(name), "rounding is exact, up, down or half_up")
}

// DataUnit is a unit of data in octets.
type DataUnit int64

const (
	Octet    DataUnit = 1
	Kilobyte DataUnit = 1000
	Megabyte DataUnit = 1000 * Kilobyte
	Gigabyte DataUnit = 1000 * Megabyte
	Terabyte DataUnit = 1000 * Gigabyte
	Kibibyte DataUnit = 1024
	Mebibyte DataUnit = 1024 * Kibibyte
	Gibibyte DataUnit = 1024 * Mebibyte
	Tebibyte DataUnit = 1024 * Gibibyte
)

// ParseDataUnit reads B, kB or KB (1000 octets), KiB (1024), MB, MiB, GB, GiB, TB and TiB, octets and bytes. Case
// matters only where it changes the meaning: kb and Mb would be bits, and are refused.
func ParseDataUnit(name string) (DataUnit, error) {
	switch name {
	case "", "B", "octet", "octets", "byte", "bytes", "Bytes", "Byte", "BYTES":
		return Octet, nil
	case "kB", "KB":
		return Kilobyte, nil
	case "KiB", "kiB":
		return Kibibyte, nil
	case "MB":
		return Megabyte, nil
	case "MiB":
		return Mebibyte, nil
	case "GB":
		return Gigabyte, nil
	case "GiB":
		return Gibibyte, nil
	case "TB":
		return Terabyte, nil
	case "TiB":
		return Tebibyte, nil
	}
	reason := "a unit of data is B, kB, MB, GB, TB (thousands) or KiB, MiB, GiB, TiB (1024s)"
	if len(name) == 2 && name[1] == 'b' {
		reason += "; a small b would mean bits"
	}
	return 0, fail("octets", []byte(name), reason)
}

// Octets reads a volume: a number with or without decimals, in the given unit, or with its own unit ("1.5 MB"). The
// result is exact, or rounded on request; negative volumes are refused (see Unsigned32).
func Octets(text []byte, unit DataUnit, round Rounding) (int64, error) {
	if n, ok := shortCount(text, int64(unit)); ok {
		return n, nil
	}
	in, factor := trim(text), int64(unit)
	if end := len(in); end > 0 && letter(in[end-1]) {
		for end > 0 && letter(in[end-1]) {
			end--
		}
		own, err := ParseDataUnit(string(in[end:min(len(in), end+8)]))
		if err != nil {
			return 0, fail("octets", text, err.(*Error).Reason)
		}
		in, factor = trim(in[:end]), int64(own)
	}
	n, reason := scaled(in, factor, 1, round)
	if reason != "" {
		return 0, fail("octets", text, reason)
	}
	return n, nil
}

var (
	dataUnit = choice("unit", "B", "unit of a text without one; kB are 1000, KiB 1024", ParseDataUnit,
		"B", "kB", "KB", "MB", "GB", "TB", "KiB", "MiB", "GiB", "TiB")
	octetRounding = rounding("exact", "an octet")
)

func rounding(otherwise, of string) *option[Rounding] {
	return choice("round", otherwise, "how to round a fraction of "+of, ParseRounding, "exact", "up", "down", "half_up")
}

var _ = declareWith(Function{
	Name: "octets", Family: "unit", Unit: "B",
	Params: []Param{amount("a volume, with decimals and a unit behind it or without"), dataUnit.Param, octetRounding.Param, signed.Param},
	Doc:    "A volume in octets. An empty text is an error (see absent), and so is a negative volume without signed: true.",
	Suspends: "the text is not a number, is negative without signed: true, is too large, or is not a whole number of " +
		"octets although round is exact",
	Examples: []Example{
		ex(`octets("1200")`, "1200 B"), ex(`octets("0.219933", unit: "MB")`, "219933 B"), ex(`octets("1.5 KiB")`, "1536 B"),
		ex(`octets("0.0000001", unit: "MB", round: "up")`, "1 B"),
		exFails(`octets("0.2199331", unit: "MB")`, "not a whole number"), exFails(`octets("-2")`, "unsigned32"),
		ex(`octets("-1.5 MB", signed: true)`, "-1500000 B")},
}, func(o *Options) func([]byte) (int64, error) {
	unit, round := dataUnit.in(o), octetRounding.in(o)
	return withSign(signed.in(o), func(text []byte) (int64, error) { return Octets(text, unit, round) })
})

// signed is the option of functions that accept negative amounts, for credits.
var signed = yes("signed", "true: a negative amount, as in a record that takes usage back, is read too; it is rounded "+
	"as it would be without its sign")

// withSign returns a function that reads an amount; if wanted is true, the amount may begin with a minus sign.
func withSign(wanted bool, read func([]byte) (int64, error)) func([]byte) (int64, error) {
	if !wanted {
		return read
	}
	return func(text []byte) (int64, error) {
		in := trim(text)
		if len(in) < 2 || in[0] != '-' || !digit(in[1]) && !letter(in[1]) {
			return read(text)
		}
		n, err := read(in[1:])
		var wrong *Error
		if errors.As(err, &wrong) {
			return 0, fail(wrong.Function, text, wrong.Reason)
		}
		return -n, err
	}
}

// Count reads an integer count of messages, segments or records. "3.0" is 3; "3.5" is an error.
func Count(text []byte) (int64, error) {
	if n, ok := shortCount(text, 1); ok {
		return n, nil
	}
	n, reason := scaled(trim(text), 1, 1, Exact)
	if reason != "" {
		return 0, fail("count", text, reason)
	}
	return n, nil
}

var _ = declareWith(Function{
	Name: "count", Family: "unit", Unit: "1", Params: []Param{amount("a whole number"), signed.Param},
	Doc:      "A count of items, such as messages or segments.",
	Suspends: "the text is not a whole number, or is negative without signed: true",
	Examples: []Example{ex(`count("3")`, "3"), exFails(`count("3.5")`, "not a whole number"), ex(`count("-3", signed: true)`, "-3")},
}, func(o *Options) func([]byte) (int64, error) { return withSign(signed.in(o), Count) })

// shortCount reads up to nine digits and nothing else, which is the form of most fields.
func shortCount(text []byte, factor int64) (int64, bool) {
	if len(text) == 0 || len(text) > 9 || factor > int64(Gigabyte) {
		return 0, false
	}
	n := int64(0)
	for _, c := range text {
		if !digit(c) {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n * factor, true
}

// DurationUnit is the notation of a duration.
type DurationUnit uint8

const (
	InSeconds      DurationUnit = iota
	InMilliseconds              // ms
	InCentis                    // units of 10 ms, as SoftX3000 counts
	InDecis                     // 100 ms
	InMinutes
	InHours
	InClock        // hh:mm:ss, where hours may exceed 23
	InMinutesClock // mm:ss, where minutes may exceed 59
)

// ParseDurationUnit reads s, ms, 10ms, 100ms, min, h, hh:mm:ss and mm:ss, the names in rules.
func ParseDurationUnit(name string) (DurationUnit, error) {
	switch strings.ReplaceAll(name, " ", "") {
	case "", "s", "sec", "seconds":
		return InSeconds, nil
	case "ms", "milliseconds":
		return InMilliseconds, nil
	case "10ms":
		return InCentis, nil
	case "100ms":
		return InDecis, nil
	case "min", "minutes":
		return InMinutes, nil
	case "h", "hours":
		return InHours, nil
	case "hh:mm:ss":
		return InClock, nil
	case "mm:ss":
		return InMinutesClock, nil
	}
	return 0, fail("seconds", []byte(name), "a unit of duration is s, ms, 10ms, 100ms, min, h, hh:mm:ss or mm:ss")
}

// milliseconds returns the unit's length in milliseconds.
func (u DurationUnit) milliseconds() int64 {
	switch u {
	case InMilliseconds:
		return 1
	case InCentis:
		return 10
	case InDecis:
		return 100
	case InMinutes:
		return 60_000
	case InHours:
		return 3_600_000
	}
	return 1000
}

// DurationSeconds reads a duration in whole seconds, rounded on request (carriers bill begun seconds: Up), in the given
// unit, or with its own units (10s, 1h2m3s, PT5M). Negative durations are refused.
func DurationSeconds(text []byte, unit DurationUnit, round Rounding) (int64, error) {
	if unit == InSeconds {
		if n, ok := shortCount(text, 1); ok {
			return n, nil
		}
	}
	return duration("seconds", text, unit, 1000, round)
}

var (
	secondsUnit         = durationUnit("s")
	secondsRounding     = rounding("up", "a second")
	millisecondUnit     = durationUnit("ms")
	millisecondRounding = rounding("up", "a millisecond")
)

func durationUnit(otherwise string) *option[DurationUnit] {
	return choice("unit", otherwise, "the unit of a text without one", ParseDurationUnit, "s", "ms", "10ms", "100ms", "min", "h",
		"hh:mm:ss", "mm:ss")
}

var _ = declareWith(Function{
	Name: "seconds", Family: "unit", Unit: "s", Params: []Param{amount("a duration"), secondsUnit.Param, secondsRounding.Param, signed.Param},
	Doc: "A duration in whole seconds; a started second counts as a whole one unless round is set. A text may contain " +
		"its units: 10s, 5 min, 1h2m3s, or PT5M (ISO 8601).",
	Suspends: "the text is not a duration of fixed length, is negative without signed: true, is too large, or is not a " +
		"whole number of seconds although round is exact",
	Examples: []Example{
		ex(`seconds("81")`, "81 s"), ex(`seconds("299", unit: "10ms")`, "3 s"), ex(`seconds("1.5", unit: "min")`, "90 s"),
		ex(`seconds("01:02:03", unit: "hh:mm:ss")`, "3723 s"), ex(`seconds("75:30", unit: "mm:ss")`, "4530 s"),
		ex(`seconds("1h2m3s")`, "3723 s"), ex(`seconds("PT5M")`, "300 s"), exFails(`seconds("P1M")`, "no fixed length"),
		exFails(`seconds("2.5", round: "exact")`, "not a whole number"),
		ex(`seconds("-59.5", signed: true)`, "-60 s")},
}, func(o *Options) func([]byte) (int64, error) {
	unit, round := secondsUnit.in(o), secondsRounding.in(o)
	return withSign(signed.in(o), func(text []byte) (int64, error) { return DurationSeconds(text, unit, round) })
})

// DurationMilliseconds reads a duration in whole milliseconds, for prices per part of a second.
func DurationMilliseconds(text []byte, unit DurationUnit, round Rounding) (int64, error) {
	return duration("milliseconds", text, unit, 1, round)
}

var _ = declareWith(Function{
	Name: "milliseconds", Family: "unit", Unit: "ms", Params: []Param{amount("a duration"), millisecondUnit.Param,
		millisecondRounding.Param},
	Doc: "A duration in milliseconds.",
	Suspends: "the text is not a duration of fixed length, is negative, is too large, or is not a whole number of " +
		"milliseconds although round is exact",
	Examples: []Example{ex(`milliseconds("299", unit: "10ms")`, "2990 ms"), exFails(`milliseconds("-1")`, "milliseconds")},
}, func(o *Options) func([]byte) (int64, error) {
	unit, round := millisecondUnit.in(o), millisecondRounding.in(o)
	return func(text []byte) (int64, error) { return DurationMilliseconds(text, unit, round) }
})

func duration(function string, text []byte, unit DurationUnit, base int64, round Rounding) (int64, error) {
	in := trim(text)
	var n int64
	var reason string
	switch {
	case unit == InClock:
		n, reason = clock(in, base, round)
	case unit == InMinutesClock:
		n, reason = minutes(in, base, round)
	case !wordedDuration(in):
		n, reason = scaled(in, unit.milliseconds(), base, round)
	case in[0] == 'P':
		n, reason = iso(in, base, round)
	default:
		n, reason = words(in, base, round)
	}
	if reason != "" {
		return 0, fail(function, text, reason)
	}
	return n, nil
}

// clock reads hh:mm:ss with or without decimals.
func clock(in []byte, base int64, round Rounding) (int64, string) {
	const form = "not of the form hh:mm:ss"
	var parts [2]uint64
	for i := range parts {
		end := 0
		for end < len(in) && digit(in[end]) {
			end++
		}
		n, ok := decimal(in[:end])
		if !ok || end > 9 || end == len(in) || in[end] != ':' {
			return 0, form
		}
		parts[i], in = n, in[end+1:]
	}
	if len(in) < 2 || !digit(in[0]) || !digit(in[1]) || len(in) > 2 && in[2] != '.' {
		return 0, form
	}
	if parts[1] > 59 || in[0] > '5' {
		return 0, "minutes and seconds go to 59"
	}
	rest, reason := scaled(in, 1000, base, round)
	if reason != "" {
		return 0, reason
	}
	return int64(parts[0]*3600+parts[1]*60)*(1000/base) + rest, ""
}

// longestDecimals limits the digits after the point, so that a thousand times their scale fits into 64 bits.
const longestDecimals = 16

// scaled reads a decimal number, multiplies it by times and divides it by by (a divisor of a power of ten), and
// rounds once at the end. It returns a reason if the text is not a number, is negative, or exceeds an int64.
func scaled(in []byte, times, by int64, round Rounding) (int64, string) {
	if len(in) == 0 {
		return 0, "empty; test absent(…) first if the field may be empty"
	}
	if in[0] == '-' {
		return 0, "negative; if a system wrote an unsigned 32-bit counter as a signed one, use unsigned32(…)"
	}
	if in[0] == '+' {
		in = in[1:]
	}
	whole, part := in, []byte(nil)
	for i, c := range in {
		switch {
		case c == '.' && len(whole) == len(in):
			whole, part = in[:i], in[i+1:]
			if len(part) == 0 || len(whole) == 0 {
				return 0, "not a number: there are no digits beside the point"
			}
		case c == ',':
			return 0, "contains a comma; comma(x) reads it as a decimal comma, replace(x, \",\", \"\") removes thousands separators"
		case c|0x20 == 'e' && i > 0 && digit(in[i-1]):
			return 0, "in scientific notation, which has lost digits; use a file that no spreadsheet has changed"
		}
	}
	for len(whole) > 1 && whole[0] == '0' {
		whole = whole[1:]
	}
	for len(part) > 0 && part[len(part)-1] == '0' {
		part = part[:len(part)-1]
	}
	if len(whole) > 19 {
		return 0, tooGreat(whole)
	}
	if len(part) > longestDecimals {
		return 0, "more than " + strconv.Itoa(longestDecimals) + " decimals"
	}
	n, ok := epochDigits(whole)
	if !ok {
		return 0, "not a number"
	}
	decimals, ok := uint64(0), true
	if len(part) > 0 {
		if decimals, ok = decimal(part); !ok {
			return 0, "not a number"
		}
	}
	// It computes (n + decimals/10^k) × times / by, as quotient and remainder of a 128-bit number over 10^k × by.
	scale := uint64(1)
	for range part {
		scale *= 10
	}
	if high, _ := bits.Mul64(n, uint64(times)); high != 0 {
		return 0, "too large for a quantity"
	}
	upper := n * uint64(times)
	quotient, remainder := upper/uint64(by), upper%uint64(by)
	// decimals < scale and remainder < by ≤ 1000, so the sum stays below divisor × (times + 1), as Div64 requires.
	high, low := bits.Mul64(decimals, uint64(times))
	restHigh, restLow := bits.Mul64(remainder, scale)
	low, carry := bits.Add64(low, restLow, 0)
	high += restHigh + carry
	divisor := scale * uint64(by)
	more, left := bits.Div64(high, low, divisor)
	total, carry := bits.Add64(quotient, more, 0)
	if left != 0 {
		switch round {
		case Exact:
			return 0, "not a whole number of the base unit; set round: up, down or half_up if that is right"
		case Up:
			total++
		case HalfUp:
			if left >= divisor-left {
				total++
			}
		}
	}
	if carry != 0 || total > math.MaxInt64 {
		return 0, "too large for a quantity"
	}
	return int64(total), ""
}

func tooGreat(whole []byte) string {
	for _, c := range whole {
		if !digit(c) {
			return "not a number"
		}
	}
	return "too large for a quantity"
}

// Unsigned32 reads a 32-bit counter that a system wrote as a signed number: -2 is 4294967294. Numbers from 0 to
// 4294967295 are unchanged.
func Unsigned32(text []byte) (int64, error) {
	in := trim(text)
	negative := len(in) > 0 && in[0] == '-'
	if negative {
		in = in[1:]
	}
	n, ok := decimal(in)
	switch {
	case !ok:
		return 0, fail("unsigned32", text, "not a whole number")
	case negative && n > 1<<31 || n > math.MaxUint32:
		return 0, fail("unsigned32", text, "does not fit 32 bits")
	case negative && n > 0:
		return 1<<32 - int64(n), nil
	}
	return int64(n), nil
}

var _ = declare(Function{
	Name: "unsigned32", Family: "unit", Params: []Param{amount("a 32-bit number")},
	Doc:      "A 32-bit counter that a system wrote as a signed number.",
	Suspends: "the text is not a number of 32 bits",
	Examples: []Example{ex(`unsigned32("-2")`, "4294967294"), ex(`unsigned32("7")`, "7"), exFails(`unsigned32("4294967296")`, "32")},
}, Unsigned32)
