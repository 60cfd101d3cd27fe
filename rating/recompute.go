package rating

import (
	"fmt"
	"math/big"

	"ratemill/decimal"
)

// RecomputeError says where a charge contradicts itself.
type RecomputeError struct{ What string }

func (e *RecomputeError) Error() string {
	return "the charge does not follow from its explanation: " + e.What
}

// Recompute computes the charge's total from the charge alone and in rational numbers, unlike the engine. It returns a
// *RecomputeError if a step does not follow from the previous one.
func (c *Charge) Recompute() (decimal.D, error) {
	wrong := func(format string, args ...any) (decimal.D, error) {
		return decimal.Zero, &RecomputeError{fmt.Sprintf(format, args...)}
	}
	if c.Initial < 1 || c.Then < 1 || c.Quantity < 0 {
		return wrong("increments %d and %d of quantity %d", c.Initial, c.Then, c.Quantity)
	}
	before := &c.Before
	if before.check() != nil {
		return wrong("parts before it have %d units of %d, rounded to %d", before.Priced, before.Quantity, before.Rounded)
	}
	if rounded, ok := c.roundedAgain(); !ok || rounded != c.Rounded {
		return wrong("%d rounds to %d, not to %d", c.Quantity, rounded, c.Rounded)
	}
	if before.Rounded > 0 && !c.Fee.IsZero() {
		return wrong("a part before it paid the fee")
	}
	at := before.Rounded - before.Quantity
	for i := range c.Draws {
		d := &c.Draws[i]
		if d.Drawn < 0 || d.Drawn > max(0, d.Size-d.Before) {
			return wrong("bucket %s gave %d with %d of %d used", d.Bucket, d.Drawn, d.Before, d.Size)
		}
		at += d.Drawn
	}
	start := new(big.Rat).Add(rational(before.Sum), belowRational(before.Below))
	sum := new(big.Rat).Add(rational(c.Fee), start)
	for i := range c.Steps {
		s := &c.Steps[i]
		if s.At != at || s.Quantity <= 0 || s.Per < 1 {
			return wrong("step %d begins at %d, not at %d", i+1, s.At, at)
		}
		at += s.Quantity
		exact := new(big.Rat).Mul(rational(s.Price), big.NewRat(s.Quantity, s.Per))
		stated := rational(s.Amount)
		if s.Below != 0 {
			stated.Add(stated, belowRational(decimal.Fraction{Num: s.Below, Den: uint64(s.Per)}))
		}
		if exact.Cmp(stated) != 0 {
			return wrong("%d at %s / %d is %s, not %s", s.Quantity, s.Price, s.Per, exact.FloatString(14), s.Amount)
		}
		sum.Add(sum, exact)
	}
	if at -= before.Rounded - before.Quantity; at != c.Rounded {
		return wrong("buckets and steps have %d units of %d", at, c.Rounded)
	}
	if c.Caps && sum.Cmp(rational(c.Cap)) > 0 {
		if sum = rational(c.Cap); sum.Cmp(start) < 0 {
			sum = start // a former version had a higher cap
		}
	}
	total, err := decimal.Parse(roundRational(sum, int(c.Scale), c.Mode).FloatString(decimal.Scale))
	if err == nil && total.Less(before.Charged) {
		total = before.Charged
	}
	if err == nil {
		total, err = total.Sub(before.Charged)
	}
	if err != nil {
		return wrong("%v", err)
	}
	sum = new(big.Rat).Sub(sum, start)
	rest := new(big.Rat).Add(rational(c.Total), rational(c.Rest))
	if c.Below.Num != 0 {
		if c.Below.Den == 0 {
			return wrong("the rest has no denominator")
		}
		rest.Add(rest, belowRational(c.Below))
	}
	switch {
	case total != c.Total:
		return wrong("the steps give %s, not %s", total, c.Total)
	case rest.Cmp(sum) != 0:
		return wrong("total and rest are %s, not %s", rest.FloatString(14), sum.FloatString(14))
	}
	return total, nil
}

func rational(d decimal.D) *big.Rat {
	hi, lo := d.Parts()
	n := new(big.Int).Lsh(big.NewInt(hi), 64)
	n.Add(n, new(big.Int).SetUint64(lo))
	return new(big.Rat).SetFrac(n, big.NewInt(1e12))
}

func belowRational(f decimal.Fraction) *big.Rat {
	if f.Num == 0 {
		return new(big.Rat)
	}
	den := new(big.Int).Mul(new(big.Int).SetUint64(f.Den), big.NewInt(1e12))
	return new(big.Rat).SetFrac(big.NewInt(f.Num), den)
}

// roundRational rounds an amount of 0 or more.
func roundRational(r *big.Rat, scale int, mode decimal.Mode) *big.Rat {
	unit := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(min(max(scale, 0), decimal.Scale))), nil)
	scaled := new(big.Rat).Mul(r, new(big.Rat).SetInt(unit))
	whole, rest := new(big.Int).QuoRem(scaled.Num(), scaled.Denom(), new(big.Int))
	if rest.Sign() != 0 {
		half := rest.Lsh(rest, 1).Cmp(scaled.Denom())
		up := false
		switch mode {
		case decimal.Up:
			up = true
		case decimal.HalfUp:
			up = half >= 0
		case decimal.HalfDown:
			up = half > 0
		case decimal.HalfEven:
			up = half > 0 || half == 0 && whole.Bit(0) == 1
		}
		if up {
			whole.Add(whole, big.NewInt(1))
		}
	}
	return new(big.Rat).SetFrac(whole, unit)
}
