package rating

import (
	"math/big"
	"math/bits"

	"ratemill/decimal"
)

// amount is an exact sum: whole, plus num/den parts of 10^-12.
type amount struct {
	whole decimal.D
	num   uint64
	den   uint64
	least decimal.D // lower bound of the final amount
}

func (a *amount) add(d decimal.D, f decimal.Fraction) (err error) {
	if f.Num != 0 {
		// den is a multiple of the per of every price, below 2^61.
		a.num += uint64(f.Num) * (a.den / f.Den)
		if a.num >= a.den {
			a.num -= a.den
			if a.whole, err = a.whole.Add(smallest); err != nil {
				return err
			}
		}
	}
	a.whole, err = a.whole.Add(d)
	return err
}

// below returns the part below 12 decimals.
func (a *amount) below() (f decimal.Fraction) {
	if a.num != 0 {
		f = decimal.Fraction{Num: int64(a.num), Den: a.den}
	}
	return f
}

// resume continues from the amount of the earlier parts. It uses a denominator that fits both amounts, because
// versions of a plan may have prices for different numbers of units. It truncates fractions if no denominator
// fits.
func (a *amount) resume(before *Session) (err error) {
	if f := &before.Below; f.Num != 0 && a.den != f.Den {
		switch {
		case a.den%f.Den == 0:
		case f.Den%a.den == 0:
			a.den = f.Den
		default:
			if den := lcm(a.den, f.Den); den != 0 {
				a.den = den
			}
		}
		hi, lo := bits.Mul64(uint64(f.Num), a.den)
		num, _ := bits.Div64(hi, lo, f.Den)
		*f = decimal.Fraction{Num: int64(num), Den: a.den}
	}
	a.num = uint64(before.Below.Num)
	a.least = before.Minimum
	a.whole, err = a.whole.Add(before.Sum)
	return err
}

// less reports whether the sum is less than that of a session.
func (a *amount) less(s *Session) bool {
	return a.whole.Less(s.Sum) || a.whole == s.Sum && a.num < uint64(s.Below.Num)
}

var smallest = decimal.MustParse("0.000000000001")

var truncate = decimal.Rounding{Scale: decimal.Scale, Mode: decimal.Down}

// lowestTerms returns the fraction in lowest terms, so that equal sums are equal states.
func lowestTerms(f decimal.Fraction) decimal.Fraction {
	if f.Num == 0 {
		return decimal.Fraction{}
	}
	a, b := uint64(f.Num), f.Den
	for b != 0 {
		a, b = b, a%b
	}
	return decimal.Fraction{Num: f.Num / int64(a), Den: f.Den / a}
}

// lcm returns the least common multiple of a and b, or 0 beyond 2^61.
func lcm(a, b uint64) uint64 {
	x, y := new(big.Int).SetUint64(a), new(big.Int).SetUint64(b)
	g := new(big.Int).GCD(nil, nil, x, y)
	x.Div(x, g).Mul(x, y)
	if x.BitLen() > 61 {
		return 0
	}
	return x.Uint64()
}
