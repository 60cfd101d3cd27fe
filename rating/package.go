package rating

import (
	"fmt"
	"math/big"

	"ratemill/decimal"
	"ratemill/udr"
)

// priceModel is the way in which the price of units depends on a count.
type priceModel uint8

const (
	byStep    priceModel = iota // one price, or steps: units that were counted before keep their price
	byPackage                   // a price for each started package of counted units
	byVolume                    // all counted units have the price that their total number reaches
)

// String returns the model's name in files; it is empty for prices and steps, the usual model.
func (m priceModel) String() string { return [...]string{"", "package", "volume"}[m] }

// The record that begins a package pays for the whole package.

func compilePackage(s *saying) {
	d := s.priceDoc.Package
	s.price.model, s.price.steps = byPackage, []priceStep{{0, d.price, d.per}}
}

// packages returns how many packages n units start after others were counted. size is the units in a package.
func packages(before, n, size int64) int64 { return begun(before+n, size) - begun(before, size) }

func begun(units, size int64) int64 { return units/size + min(1, units%size) }

// packages prices the units from at to stop, given the number of units counted before.
func (e *Engine) packages(t *tier, ch *Charge, p *price, at, stop, from int64, u *udr.Usage, sum *amount) error {
	s := &p.steps[0]
	line := Line{Slice: p.slice, Model: byPackage, At: at, From: from, Quantity: stop - at, Price: s.price, Per: s.per}
	cost, _, _, err := s.price.Price(packages(from, stop-at, s.per), 1, truncate)
	if err == nil {
		err = sum.add(cost, decimal.Fraction{})
	}
	if err != nil {
		return tooMuch(t, u)
	}
	line.Amount = cost
	ch.Lines = append(ch.Lines, line)
	return nil
}

func (l *Line) packagesAgain() *big.Rat {
	n := packages(l.From, l.Quantity, l.Per)
	return new(big.Rat).Mul(rational(l.Price), new(big.Rat).SetInt64(n))
}

func (x *explanation) packageWords(l *Line) string {
	n, unit := packages(l.From, l.Quantity, l.Per), x.u.Unit
	first, size := begun(l.From, l.Per)+1, Units(l.Per, unit)
	var text string
	switch {
	case n == 0:
		text = fmt.Sprintf("%s in package %s of %s, which was begun before: %s", Units(l.Quantity, unit), Grouped(first-1), size,
			x.money(l.Amount))
	case n == 1:
		text = fmt.Sprintf("%s begin package %s of %s: %s", Units(l.Quantity, unit), Grouped(first), size, x.money(l.Amount))
	default:
		text = fmt.Sprintf("%s begin packages %s to %s of %s: %d × %s = %s", Units(l.Quantity, unit), Grouped(first), Grouped(first+n-1), size, n,
			x.money(l.Price), x.money(l.Amount))
	}
	if l.Slice != "" {
		text += " (" + l.Slice + ")"
	}
	return text + fmt.Sprintf(", after %s counted before", Units(l.From, unit))
}
