package rating

import (
	"fmt"
	"math/big"

	"ratemill/decimal"
	"ratemill/literal"
)

// RecomputeError describes the step at which a charge contradicts itself.
type RecomputeError struct{ What string }

func (e *RecomputeError) Error() string {
	return "the charge does not follow from its explanation: " + e.What
}

func wrong(format string, args ...any) error { return &RecomputeError{fmt.Sprintf(format, args...)} }

// Recompute recomputes the charge's total from the charge alone and, unlike the engine, in rational numbers. It
// returns a *RecomputeError if a step does not follow from the step before.
func (c *Charge) Recompute() (decimal.D, error) {
	credit := c.Quantity < 0
	if credit {
		if c.Part {
			return decimal.Zero, wrong("a credit is no part of a session")
		}
		c = c.turned()
	}
	if err := c.recount(credit); err != nil {
		return decimal.Zero, err
	}
	if err := c.recheck(); err != nil {
		return decimal.Zero, err
	}
	r := recomputation{Charge: c, credit: credit, start: new(big.Rat).Add(rational(c.Before.Sum), belowRational(c.Before.Below))}
	r.sum, r.exact, r.settled = new(big.Rat).Set(r.start), new(big.Rat), new(big.Rat)
	if c.Corrects() {
		if err := r.correctionAgain(); err != nil {
			return decimal.Zero, err
		}
	}
	for i := range adjustments {
		if again := adjustments[i].recompute; again != nil {
			if err := again(&r); err != nil {
				return decimal.Zero, err
			}
		}
	}
	if credit {
		return r.total.Neg(), nil
	}
	return r.total, nil
}

// recount checks that increments and buckets produce the charged quantity.
func (c *Charge) recount(credit bool) error {
	if c.Initial < 1 || c.Then < 1 || c.Quantity < 0 {
		return wrong("increments %d and %d of quantity %d", c.Initial, c.Then, c.Quantity)
	}
	if before := &c.Before; before.check() != nil {
		return wrong("parts before it have %d units of %d, rounded to %d", before.Priced, before.Quantity, before.Rounded)
	}
	rounded, ok := c.roundedAgain()
	if !ok {
		return wrong("%d does not round to %d", c.Quantity, c.Rounded)
	}
	rounded, err := c.redraw(rounded, credit)
	if err != nil {
		return err
	}
	if rounded != c.Rounded && !(credit && c.Rounded >= 0 && c.Rounded < rounded) { // fewer units may be left to give back
		return wrong("%d rounds to %d, not to %d", c.Quantity, rounded, c.Rounded)
	}
	for i := range c.Draws {
		if err := c.resize(i); err != nil {
			return err
		}
	}
	for i := range c.Growth {
		if x := &c.Growth[i]; int(x.Draw) >= len(c.Draws) || x.Units < 0 || x.SIMs < 0 {
			return wrong("a part of a pool's size is of bucket %d, of %d: %d × %d units", x.Draw, len(c.Draws), x.SIMs, x.Units)
		}
	}
	for i := range c.Lines {
		if kind := c.Lines[i].Kind; kind >= lineKinds {
			return wrong("it has a line of kind %d, which this version of ratemill does not know; use the newest one", kind)
		}
	}
	return nil
}

// resize checks that the days and the contributing SIMs produce the size of a bucket.
func (c *Charge) resize(i int) error {
	d := &c.Draws[i]
	size, grows := new(big.Rat), false
	for _, x := range c.Growth {
		if int(x.Draw) != i {
			continue
		}
		grows = true
		units := new(big.Rat).SetInt(new(big.Int).Mul(big.NewInt(x.Units), big.NewInt(x.SIMs)))
		if x.Of > 0 {
			units.Mul(units, big.NewRat(1, int64(x.Of)))
		}
		size.Add(size, units)
	}
	added := new(big.Int).Quo(size.Num(), size.Denom())
	most := big.NewInt(literal.MaxQuantity)
	switch {
	case d.Of == 0 && grows:
		return wrong("SIMs add %s to bucket %s, which does not grow", added, d.Bucket)
	case d.Of == 0:
		return nil
	}
	share := new(big.Int).Mul(big.NewInt(d.Whole), big.NewInt(int64(d.Days)))
	share.Quo(share, big.NewInt(int64(d.Of)))
	if share.Add(share, added); grows && share.Cmp(most) > 0 {
		share = most
	}
	if d.Days > d.Of || !share.IsInt64() || share.Int64() != d.Size {
		return wrong("bucket %s has %d units, which are not %d for %d of %d days and %s that SIMs add", d.Bucket, d.Size, d.Whole, d.Days,
			d.Of, added)
	}
	return nil
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
