package decimal

import (
	"errors"
	"math"
	"math/bits"
)

// Scale is the number of decimals of every D.
const Scale = 12

const one = 1_000_000_000_000 // 10^Scale

var (
	// ErrRange reports that a result has more than 26 digits before the point.
	ErrRange = errors.New("number out of range: at most 26 digits before the decimal point")
	// ErrInexact reports that a result needs more than 12 decimals and the call did not ask for rounding.
	ErrInexact = errors.New("result is not exact with 12 decimals; say how to round it")
	// ErrDivideByZero reports that a divisor was zero.
	ErrDivideByZero = errors.New("division by zero")
)

// D is an exact decimal: a signed 128-bit count of 10^-12. The zero value is 0. Two D values are equal (==) exactly
// if the numbers are equal.
type D struct {
	hi int64
	lo uint64
}

// Zero is 0, One is 1.
var (
	Zero = D{}
	One  = D{lo: one}
)

// limit is 10^38: the values of Decimal(38,12) lie strictly between -limit and limit.
var limit = magnitude{hi: 0x4b3b4ca85a86c47a, lo: 0x098a224000000000}

// FromInt returns n as a decimal; every int64 fits.
func FromInt(n int64) D {
	m := magnitude{lo: absolute(n)}
	hi, lo := bits.Mul64(m.lo, one)
	return magnitude{hi, lo}.signed(n < 0)
}

// FromParts returns the D whose count of 10^-12 in 128-bit two's complement has the given halves, as returned by Parts
// and as stored in ClickHouse's Decimal(38,12). It returns ErrRange for a count that does not fit into Decimal(38,12).
func FromParts(hi int64, lo uint64) (D, error) {
	d := D{hi, lo}
	if !d.magnitude().fits() {
		return D{}, ErrRange
	}
	return d, nil
}

// Parts returns the two halves of d's count of 10^-12 in 128-bit two's complement.
func (d D) Parts() (hi int64, lo uint64) { return d.hi, d.lo }

// Sign is -1, 0 or 1.
func (d D) Sign() int {
	switch {
	case d.hi < 0:
		return -1
	case d.hi == 0 && d.lo == 0:
		return 0
	}
	return 1
}

// IsZero reports whether d is 0.
func (d D) IsZero() bool { return d == D{} }

// Cmp returns -1, 0 or 1 if d is less than, equal to or greater than e.
func (d D) Cmp(e D) int {
	switch {
	case d == e:
		return 0
	case d.hi < e.hi || (d.hi == e.hi && d.lo < e.lo):
		return -1
	}
	return 1
}

// Less reports whether d < e.
func (d D) Less(e D) bool { return d.Cmp(e) < 0 }

// Neg is -d.
func (d D) Neg() D { return d.magnitude().signed(d.hi >= 0) }

// Abs returns d without its sign.
func (d D) Abs() D { return d.magnitude().signed(false) }

// Int64 returns d as an integer, and whether d is an integer within range.
func (d D) Int64() (n int64, exact bool) {
	q, r := d.magnitude().div64(one)
	if r != 0 || q.hi != 0 {
		return 0, false
	}
	if d.hi < 0 {
		if q.lo > -math.MinInt64 {
			return 0, false
		}
		return -int64(q.lo), true
	}
	return int64(q.lo), q.lo <= math.MaxInt64
}

// Decimals returns the number of decimals needed to write d exactly, 0 to 12.
func (d D) Decimals() int {
	n := Scale
	for m := d.magnitude(); n > 0; n-- {
		q, r := m.div64(10)
		if r != 0 {
			break
		}
		m = q
	}
	return n
}

func absolute(n int64) uint64 {
	if n < 0 {
		return -uint64(n)
	}
	return uint64(n)
}

// magnitude is an unsigned 128-bit number.
type magnitude struct{ hi, lo uint64 }

func (d D) magnitude() magnitude {
	if d.hi >= 0 {
		return magnitude{uint64(d.hi), d.lo}
	}
	lo, borrow := bits.Sub64(0, d.lo, 0)
	hi, _ := bits.Sub64(0, uint64(d.hi), borrow)
	return magnitude{hi, lo}
}

func (m magnitude) signed(negative bool) D {
	if !negative {
		return D{int64(m.hi), m.lo}
	}
	lo, borrow := bits.Sub64(0, m.lo, 0)
	hi, _ := bits.Sub64(0, m.hi, borrow)
	return D{int64(hi), lo}
}

func (m magnitude) less(n magnitude) bool { return m.hi < n.hi || (m.hi == n.hi && m.lo < n.lo) }

func (m magnitude) fits() bool { return m.less(limit) }

func (m magnitude) div64(by uint64) (magnitude, uint64) {
	hi, r := m.hi/by, m.hi%by
	lo, r := bits.Div64(r, m.lo, by)
	return magnitude{hi, lo}, r
}

func (m magnitude) add(n uint64) magnitude {
	lo, carry := bits.Add64(m.lo, n, 0)
	return magnitude{m.hi + carry, lo}
}
