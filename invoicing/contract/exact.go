package contract

import (
	"math/big"

	"ratemill/decimal"
)

var unit12 = new(big.Int).Exp(big.NewInt(10), big.NewInt(decimal.Scale), nil)

// ratOf returns an amount as an exact fraction.
func ratOf(d decimal.D) *big.Rat {
	hi, lo := d.Parts()
	n := new(big.Int).Lsh(big.NewInt(hi), 64)
	n.Add(n, new(big.Int).SetUint64(lo))
	return new(big.Rat).SetFrac(n, unit12)
}

// exact returns a fraction rounded half away from zero to twelve decimals, and the remainder.
func exact(r *big.Rat) (decimal.D, *big.Rat, error) {
	scaled := new(big.Rat).Mul(r, new(big.Rat).SetInt(unit12))
	num, den := new(big.Int).Abs(scaled.Num()), scaled.Denom()
	quo, rem := num.QuoRem(num, den, new(big.Int))
	if rem.Lsh(rem, 1).Cmp(den) >= 0 {
		quo.Add(quo, big.NewInt(1))
	}
	if r.Sign() < 0 {
		quo.Neg(quo)
	}
	if quo.BitLen() > 126 {
		return decimal.Zero, nil, decimal.ErrRange
	}
	low := new(big.Int).And(quo, new(big.Int).SetUint64(1<<64-1))
	d, err := decimal.FromParts(new(big.Int).Rsh(quo, 64).Int64(), low.Uint64())
	return d, scaled.Sub(scaled, new(big.Rat).SetInt(quo)), err
}

// fraction returns the remainder of the rounding in the form that items use. Its numerator and denominator are
// small, because they come from days of cycles and from prices.
func fraction(r *big.Rat) decimal.Fraction {
	if r == nil || r.Sign() == 0 || !r.Num().IsInt64() || !r.Denom().IsUint64() {
		return decimal.Fraction{}
	}
	return decimal.Fraction{Num: r.Num().Int64(), Den: r.Denom().Uint64()}
}

// share returns amount × days / of.
func share(amount *big.Rat, days, of int) *big.Rat {
	return new(big.Rat).Mul(amount, big.NewRat(int64(days), int64(of)))
}
