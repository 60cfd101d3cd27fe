package decimal

import (
	"math/big"
	"math/bits"
)

// Add returns d + e, or ErrRange.
func (d D) Add(e D) (D, error) {
	lo, carry := bits.Add64(d.lo, e.lo, 0)
	hi := d.hi + e.hi + int64(carry)
	sum := D{hi, lo}
	wrapped := (d.hi < 0) == (e.hi < 0) && (hi < 0) != (d.hi < 0)
	if wrapped || !sum.magnitude().fits() {
		return D{}, ErrRange
	}
	return sum, nil
}

// Sub returns d - e, or ErrRange.
func (d D) Sub(e D) (D, error) { return d.Add(e.Neg()) }

// Mul returns d × e. It returns ErrInexact if the product needs more than 12 decimals, and ErrRange if it is too large.
func (d D) Mul(e D) (D, error) {
	p, r, err := d.mul(e)
	if err == nil && r != 0 {
		err = ErrInexact
	}
	if err != nil {
		return D{}, err
	}
	return p.signed((d.hi < 0) != (e.hi < 0)), nil
}

// MulRound returns d × e rounded to scale decimals.
func (d D) MulRound(e D, scale int, mode Mode) (D, error) {
	p, r, err := d.mul(e)
	if err != nil {
		return D{}, err
	}
	negative := (d.hi < 0) != (e.hi < 0)
	q := p
	if scale < Scale {
		q, _ = p.round(scale, mode, r != 0)
	} else if r != 0 && mode.away(p.lo&1 == 1, compareTwice(r, one)) {
		q = p.add(1)
	}
	if !q.fits() {
		return D{}, ErrRange
	}
	return q.signed(negative), nil
}

func (d D) mul(e D) (magnitude, uint64, error) {
	a, b := d.magnitude(), e.magnitude()
	h1, l1 := bits.Mul64(a.lo, b.lo)
	h2, l2 := bits.Mul64(a.lo, b.hi)
	h3, l3 := bits.Mul64(a.hi, b.lo)
	h4, l4 := bits.Mul64(a.hi, b.hi)
	w1, c := bits.Add64(h1, l2, 0)
	w2, c2 := bits.Add64(h2, h3, c)
	w1, c = bits.Add64(w1, l3, 0)
	w2, c3 := bits.Add64(w2, l4, c)
	w3 := h4 + c2 + c3
	if w3 != 0 || w2 >= one {
		return magnitude{}, 0, ErrRange
	}
	hi, r := bits.Div64(w2, w1, one)
	lo, r := bits.Div64(r, l1, one)
	m := magnitude{hi, lo}
	if !m.fits() {
		return magnitude{}, 0, ErrRange
	}
	return m, r, nil
}

// Div is d / e, exactly. It returns ErrInexact if the quotient needs more than 12 decimals.
func (d D) Div(e D) (D, error) {
	q, rest, err := d.quotient(e)
	if err == nil && rest {
		err = ErrInexact
	}
	if err != nil {
		return D{}, err
	}
	return q.signed((d.hi < 0) != (e.hi < 0)), nil
}

// DivRound returns d / e rounded to scale decimals.
func (d D) DivRound(e D, scale int, mode Mode) (D, error) {
	if e.IsZero() {
		return D{}, ErrDivideByZero
	}
	// A tie must be distinguished from slightly more than a tie, so the whole quotient is computed before rounding.
	negative := (d.hi < 0) != (e.hi < 0)
	num, den := d.magnitude().big(), e.magnitude().big()
	num.Mul(num, pow10Big(min(max(scale, 0), Scale)))
	quo, rem := num.QuoRem(num, den, new(big.Int))
	if rem.Sign() != 0 && mode.away(quo.Bit(0) == 1, rem.Lsh(rem, 1).Cmp(den)) {
		quo.Add(quo, big.NewInt(1))
	}
	quo.Mul(quo, pow10Big(Scale-min(max(scale, 0), Scale)))
	return fromBig(quo, negative)
}

func (d D) quotient(e D) (magnitude, bool, error) {
	if e.IsZero() {
		return magnitude{}, false, ErrDivideByZero
	}
	num := d.magnitude().big()
	num.Mul(num, big.NewInt(one))
	quo, rem := num.QuoRem(num, e.magnitude().big(), new(big.Int))
	q, err := fromBig(quo, false)
	return q.magnitude(), rem.Sign() != 0, err
}

// Fraction is the part below 10^-12 that rounding removed or added: Num/Den of 10^-12, with the sign of the difference
// from the rounded amount. The zero value means no difference.
type Fraction struct {
	Num int64
	Den uint64
}

// Price returns quantity × d / per, rounded by r: the price of quantity units at a price of d for per units. The
// part that rounding removed (true value minus result) is returned as rest, a D, and the part below that as a
// Fraction, so that result + rest + below is exactly the true value. per must be positive.
//
//	decimal.MustParse("0.02").Price(79_200, 1_000_000, r) = 0.001584
func (d D) Price(quantity int64, per uint64, r Rounding) (result, rest D, below Fraction, err error) {
	if per == 0 {
		return D{}, D{}, Fraction{}, ErrDivideByZero
	}
	negative := (d.hi < 0) != (quantity < 0)
	a, n := d.magnitude(), absolute(quantity)
	h1, l1 := bits.Mul64(a.lo, n)
	h2, l2 := bits.Mul64(a.hi, n)
	w1, c := bits.Add64(h1, l2, 0)
	w2 := h2 + c
	if w2 >= per {
		return D{}, D{}, Fraction{}, ErrRange
	}
	hi, rem := bits.Div64(w2, w1, per)
	lo, rem := bits.Div64(rem, l1, per)
	exact := magnitude{hi, lo}
	if !exact.fits() {
		return D{}, D{}, Fraction{}, ErrRange
	}
	if rem == 0 && r.Scale >= Scale {
		return exact.signed(negative), D{}, Fraction{}, nil
	}
	var rounded magnitude
	if r.Scale >= Scale {
		rounded = exact
		if tie := compareTwice(rem, per); r.Mode.away(exact.lo&1 == 1, tie) {
			rounded = exact.add(1)
		}
	} else {
		rounded, _ = exact.round(r.Scale, r.Mode, rem != 0)
	}
	if !rounded.fits() {
		return D{}, D{}, Fraction{}, ErrRange
	}
	result = rounded.signed(negative)
	rest, err = exact.signed(negative).Sub(result)
	if rem != 0 {
		below = Fraction{int64(rem), per}
		if negative {
			below.Num = -below.Num
		}
	}
	return result, rest, below, err
}

// RoundFraction returns d + f rounded by r; it rounds a sum of Price results once. f is less than one part of 10^-12
// and has the sign of d, unless one of them is zero. As with Price, result + rest + below is d + f.
func (d D) RoundFraction(f Fraction, r Rounding) (result, rest D, below Fraction, err error) {
	if f.Num == 0 {
		result, rest, err = d.Round(r)
		return result, rest, Fraction{}, err
	}
	negative := d.hi < 0 || f.Num < 0
	m, num := d.magnitude(), absolute(f.Num)
	var rounded magnitude
	if r.Scale >= Scale {
		rounded = m
		if r.Mode.away(m.lo&1 == 1, compareTwice(num, f.Den)) {
			rounded = m.add(1)
		}
	} else {
		rounded, _ = m.round(r.Scale, r.Mode, true)
	}
	if !rounded.fits() {
		return D{}, D{}, Fraction{}, ErrRange
	}
	result = rounded.signed(negative)
	rest, err = d.Sub(result)
	return result, rest, f, err
}

// compareTwice compares 2×rem with per, where rem < per.
func compareTwice(rem, per uint64) int {
	switch half := per - rem; {
	case rem > half:
		return 1
	case rem == half:
		return 0
	}
	return -1
}

func (m magnitude) big() *big.Int {
	b := new(big.Int).SetUint64(m.hi)
	return b.Lsh(b, 64).Or(b, new(big.Int).SetUint64(m.lo))
}

func fromBig(b *big.Int, negative bool) (D, error) {
	if b.BitLen() > 127 {
		return D{}, ErrRange
	}
	var lo, hi big.Int
	lo.And(b, new(big.Int).SetUint64(1<<64-1))
	hi.Rsh(b, 64)
	m := magnitude{hi.Uint64(), lo.Uint64()}
	if !m.fits() {
		return D{}, ErrRange
	}
	return m.signed(negative), nil
}

func pow10Big(n int) *big.Int { return new(big.Int).SetUint64(pow10[n]) }
