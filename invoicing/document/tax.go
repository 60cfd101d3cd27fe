package document

import (
	"cmp"
	"slices"

	"ratemill/decimal"
)

// TaxGroup is a category and rate of tax on a document: EN 16931 BG-23.
type TaxGroup struct {
	Category string    `json:"category"` // of EN 16931 (UNCL 5305): S, Z, E, AE, K, G, O, L, M
	Rate     decimal.D `json:"rate"`     // per cent
	Reason   string    `json:"reason,omitempty"`
	Basis    decimal.D `json:"basis"` // sum of the net amounts of its lines
	Tax      decimal.D `json:"tax"`
}

// Taxed is the result of the tax rules for a line.
type Taxed struct {
	Category string
	Rate     decimal.D
	Reason   string
}

var hundred = decimal.FromInt(100)

// tax computes the tax groups and totals of a document from its lines (rule R5). The tax of each group is rounded once,
// and the document's tax is exactly the sum of its groups (EN 16931 BR-CO-14).
func (d *Document) tax() error {
	d.Taxes = nil
	type group struct {
		category string
		rate     decimal.D
	}
	at := map[group]int{}
	for _, l := range d.Lines {
		g := group{l.Category, l.Rate}
		k, ok := at[g]
		if !ok {
			k = len(d.Taxes)
			at[g] = k
			d.Taxes = append(d.Taxes, TaxGroup{Category: l.Category, Rate: l.Rate, Reason: l.Reason})
		}
		var err error
		if d.Taxes[k].Basis, err = d.Taxes[k].Basis.Add(l.Amount); err != nil {
			return err
		}
	}
	for k := range d.Taxes {
		if err := d.Taxes[k].round(d.Scale, d.Gross); err != nil {
			return err
		}
	}
	if d.Gross {
		if err := d.spread(); err != nil {
			return err
		}
	}
	slices.SortFunc(d.Taxes, func(a, b TaxGroup) int { return cmp.Or(b.Rate.Cmp(a.Rate), cmp.Compare(a.Category, b.Category)) })
	return d.total()
}

// round computes the tax of a group. With gross prices, Basis is the gross sum before the call, and the net
// sum after it.
func (g *TaxGroup) round(scale int, gross bool) (err error) {
	if !gross {
		product, err := g.Basis.Mul(g.Rate)
		if err != nil {
			return err
		}
		g.Tax, err = product.DivRound(hundred, scale, decimal.HalfUp)
		return err
	}
	product, err := g.Basis.Mul(g.Rate)
	if err != nil {
		return err
	}
	whole, err := hundred.Add(g.Rate)
	if err != nil {
		return err
	}
	if g.Tax, err = product.DivRound(whole, scale, decimal.HalfUp); err != nil {
		return err
	}
	g.Basis, err = g.Basis.Sub(g.Tax)
	return err
}

func (d *Document) total() (err error) {
	d.Net, d.Tax = decimal.Zero, decimal.Zero
	for _, g := range d.Taxes {
		if d.Net, err = d.Net.Add(g.Basis); err != nil {
			return err
		}
		if d.Tax, err = d.Tax.Add(g.Tax); err != nil {
			return err
		}
	}
	d.Total, err = d.Net.Add(d.Tax)
	return err
}

// spread divides the net amount of each tax group among its lines when prices are gross. Each line gets its net
// amount, rounded towards zero to the minor unit. The remaining minor units go to the lines with the largest
// remainders; among equal remainders, the first line gets it.
func (d *Document) spread() error {
	for _, g := range d.Taxes {
		whole, err := hundred.Add(g.Rate)
		if err != nil {
			return err
		}
		var lines []int
		rests := map[int]decimal.D{}
		left := g.Basis
		for n := range d.Lines {
			if d.Lines[n].Category != g.Category || d.Lines[n].Rate != g.Rate {
				continue
			}
			product, err := d.Lines[n].Amount.Mul(hundred)
			if err != nil {
				return err
			}
			exact, err := product.DivRound(whole, decimal.Scale, decimal.HalfUp)
			if err != nil {
				return err
			}
			net, rest, err := exact.Round(decimal.Rounding{Scale: d.Scale, Mode: decimal.Down})
			if err != nil {
				return err
			}
			d.Lines[n].Net, rests[n] = net, rest
			if left, err = left.Sub(net); err != nil {
				return err
			}
			lines = append(lines, n)
		}
		step, sign := minorUnit(d.Scale), left.Sign()
		if sign < 0 {
			step = step.Neg()
		}
		slices.SortStableFunc(lines, func(a, b int) int { return sign * rests[b].Cmp(rests[a]) })
		for at := 0; !left.IsZero() && len(lines) > 0; at = (at + 1) % len(lines) {
			l := &d.Lines[lines[at]]
			if l.Net, err = l.Net.Add(step); err != nil {
				return err
			}
			if left, err = left.Sub(step); err != nil {
				return err
			}
		}
	}
	return nil
}

// minorUnit is 10^-scale.
func minorUnit(scale int) decimal.D {
	unit := decimal.FromInt(1)
	for range scale {
		unit, _ = unit.Div(decimal.FromInt(10))
	}
	return unit
}
