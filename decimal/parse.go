package decimal

import (
	"fmt"
	"math/bits"
	"unicode/utf8"
)

// ParseError describes a text that is not a valid decimal.
type ParseError struct {
	Text   string // at most 40 characters of the text
	Reason string
}

func (e *ParseError) Error() string { return fmt.Sprintf("%q is not a decimal: %s", e.Text, e.Reason) }

func parseError[T string | []byte](text T, reason string) error {
	if len(text) > 40 {
		return &ParseError{string(text[:37]) + "…", reason}
	}
	return &ParseError{string(text), reason}
}

// Parse reads digits with an optional sign and an optional point, such as -12.50. Exponents, separators and blanks are
// errors, and so are more than 12 decimals, unless the additional ones are zeros. A result out of range is an error
// too.
func Parse[T string | []byte](text T) (D, error) {
	i, negative := 0, false
	if len(text) > 0 && (text[0] == '-' || text[0] == '+') {
		negative = text[0] == '-'
		i = 1
	}
	var m magnitude
	digits, decimals, point := 0, 0, false
	for ; i < len(text); i++ {
		c := text[i]
		switch {
		case c >= '0' && c <= '9':
			digits++
			if point {
				if decimals == Scale {
					if c != '0' {
						return D{}, parseError(text, "more than 12 decimals")
					}
					continue
				}
				decimals++
			}
			if m.hi > 1<<59 {
				return D{}, parseError(text, ErrRange.Error())
			}
			m = m.times10(c - '0')
		case c == '.' && !point:
			point = true
		default:
			r, _ := utf8.DecodeRuneInString(string(text[i:]))
			return D{}, parseError(text, fmt.Sprintf("unexpected %q at position %d", r, i+1))
		}
	}
	if digits == 0 {
		return D{}, parseError(text, "no digits")
	}
	for ; decimals < Scale; decimals++ {
		if m.hi > 1<<59 {
			return D{}, parseError(text, ErrRange.Error())
		}
		m = m.times10(0)
	}
	if !m.fits() {
		return D{}, parseError(text, ErrRange.Error())
	}
	return m.signed(negative), nil
}

// MustParse is like Parse, for constants in the code; it panics on an error.
func MustParse(text string) D {
	d, err := Parse(text)
	if err != nil {
		panic(err)
	}
	return d
}

func (m magnitude) times10(digit byte) magnitude {
	hi, lo := bits.Mul64(m.lo, 10)
	r := magnitude{hi + m.hi*10, lo}
	return r.add(uint64(digit))
}

// String returns d with the fewest decimals that are exact: 0.001584, -3, 0.
func (d D) String() string { return string(d.Append(nil)) }

// Append appends the text that String returns.
func (d D) Append(dst []byte) []byte { return d.AppendFixed(dst, d.Decimals()) }

// AppendFixed appends d with at least scale decimals, or more if d needs them: it never rounds.
func (d D) AppendFixed(dst []byte, scale int) []byte {
	scale = min(max(scale, d.Decimals()), Scale)
	if d.hi < 0 {
		dst = append(dst, '-')
	}
	var buf [48]byte
	i := len(buf)
	m := d.magnitude()
	m, _ = m.div64(pow10[Scale-scale])
	for n := 0; n <= scale || m != (magnitude{}); n++ {
		if n == scale && scale > 0 {
			i--
			buf[i] = '.'
		}
		var r uint64
		m, r = m.div64(10)
		i--
		buf[i] = byte('0' + r)
	}
	return append(dst, buf[i:]...)
}

// Fixed returns the text of AppendFixed, for amounts of money in a currency's minor units.
func (d D) Fixed(scale int) string { return string(d.AppendFixed(nil, scale)) }

// MarshalText returns the text of String, so that JSON and YAML contain decimals as text and no reader
// converts them to floats.
func (d D) MarshalText() ([]byte, error) { return d.Append(nil), nil }

// UnmarshalText does the same as Parse.
func (d *D) UnmarshalText(text []byte) (err error) {
	*d, err = Parse(text)
	return err
}
