package document

import (
	"errors"
	"fmt"

	"ratemill/decimal"
)

// Take is the amount that a credit note credits of one line of a final document. Like the prices of that line, it
// is net or gross.
type Take struct {
	Line   int       `json:"line"`
	Amount decimal.D `json:"amount"` // positive for a positive line, negative for a negative one
}

// Left returns, for each line of a document in order, the amount that no credit note has credited yet.
func Left(of *Document, credits []*Document) ([]decimal.D, error) {
	left := make([]decimal.D, len(of.Lines))
	for n := range of.Lines {
		left[n] = of.Lines[n].Amount
	}
	for _, c := range credits {
		for _, l := range c.Lines {
			var err error
			if left[l.Takes-1], err = left[l.Takes-1].Add(l.Amount); err != nil { // amounts of a credit note have the opposite sign
				return nil, err
			}
		}
	}
	return left, nil
}

// All returns takes that credit everything that is left of a document.
func All(of *Document, credits []*Document) (takes []Take, err error) {
	left, err := Left(of, credits)
	for n, amount := range left {
		if !amount.IsZero() {
			takes = append(takes, Take{Line: n + 1, Amount: amount})
		}
	}
	return takes, err
}

// Credit creates a credit note for parts of a final document. before lists the document's earlier credit notes.
// The tax of a credit note is computed for each tax group: the rounded tax of everything credited so far, less
// the tax credited before (rule R22). Credits for the whole document therefore return its tax exactly, however
// they are split. It reports all takes that exceed the remaining amounts.
func Credit(of *Document, credits []*Document, takes []Take) (*Document, error) {
	left, err := Left(of, credits)
	if err != nil {
		return nil, err
	}
	if wrong := refused(of, left, takes); len(wrong) > 0 {
		return nil, errors.Join(wrong...)
	}
	d := &Document{
		Form: CreditNote, Corrects: of.Number, Payer: of.Payer, Seller: of.Seller, Terms: of.Terms, Cycle: of.Cycle,
		Periods: of.Periods, Currency: of.Currency, Scale: of.Scale, Gross: of.Gross,
		Input: Inputs{Closes: of.Input.Closes, Rules: Rules, Catalogue: of.Input.Catalogue, Credits: takes},
	}
	for _, take := range takes {
		l := of.Lines[take.Line-1]
		l.Takes, l.No = take.Line, len(d.Lines)+1
		if take.Amount != l.Amount {
			l.Quantity, l.Price, l.Per, l.Records, l.SIMs = decimal.FromInt(1), take.Amount, 0, 0, 0
			l.Unit = ""
		}
		l.Amount = take.Amount.Neg()
		l.Exact, l.Rest, l.Net = l.Amount, decimal.Zero, l.Amount
		d.Lines = append(d.Lines, l)
	}
	err = d.creditTax(credits)
	d.Negative = d.Net.Sign() <= 0 // a credit of a negative sum is a request for payment
	return d, err
}

func refused(of *Document, left []decimal.D, takes []Take) (wrong []error) {
	if of.Number == "" {
		wrong = append(wrong, errors.New("only a final document can be credited; discard a draft instead"))
	}
	if len(takes) == 0 {
		wrong = append(wrong, fmt.Errorf("nothing is left of document %s to credit", of.Number))
	}
	seen := map[int]bool{}
	for _, take := range takes {
		if take.Line < 1 || take.Line > len(of.Lines) {
			wrong = append(wrong, NoLine(of.Number, take.Line, len(of.Lines)))
			continue
		}
		l, rest := of.Lines[take.Line-1], left[take.Line-1]
		switch {
		case seen[take.Line]:
			wrong = append(wrong, fmt.Errorf("line %d is credited twice; give one amount", take.Line))
		case take.Amount.Decimals() > of.Scale:
			wrong = append(wrong, fmt.Errorf("line %d: %s has more than the %d decimals of %s", take.Line, take.Amount, of.Scale, of.Currency))
		case take.Amount.Sign() != l.Amount.Sign() || l.Amount.IsZero() || take.Amount.Abs().Cmp(rest.Abs()) > 0 || rest.IsZero():
			wrong = append(wrong, fmt.Errorf("line %d: %s cannot be credited; of its %s, %s is left", take.Line,
				take.Amount.Fixed(of.Scale), l.Amount.Fixed(of.Scale), rest.Fixed(of.Scale)))
		}
		seen[take.Line] = true
	}
	return wrong
}

// creditTax makes the tax groups of a credit note.
func (d *Document) creditTax(credits []*Document) error {
	if err := d.tax(); err != nil {
		return err
	}
	for k := range d.Taxes {
		g := &d.Taxes[k]
		basis, tax, err := creditedBefore(credits, g)
		if err != nil {
			return err
		}
		all := *g
		if d.Gross {
			if all.Basis, err = all.Basis.Add(all.Tax); err != nil { // round expects Basis to be the gross sum
				return err
			}
			if basis, err = basis.Add(tax); err != nil {
				return err
			}
		}
		gross := all.Basis
		if all.Basis, err = all.Basis.Add(basis); err != nil {
			return err
		}
		if err := all.round(d.Scale, d.Gross); err != nil {
			return err
		}
		if g.Tax, err = all.Tax.Sub(tax); err != nil {
			return err
		}
		if d.Gross {
			if g.Basis, err = gross.Sub(g.Tax); err != nil {
				return err
			}
		}
	}
	if d.Gross {
		if err := d.spread(); err != nil {
			return err
		}
	}
	return d.total()
}

// creditedBefore returns the amounts of earlier credit notes in a tax group.
func creditedBefore(credits []*Document, g *TaxGroup) (basis, tax decimal.D, err error) {
	for _, c := range credits {
		for _, o := range c.Taxes {
			if o.Category != g.Category || o.Rate != g.Rate {
				continue
			}
			if basis, err = basis.Add(o.Basis); err != nil {
				return basis, tax, err
			}
			if tax, err = tax.Add(o.Tax); err != nil {
				return basis, tax, err
			}
		}
	}
	return basis, tax, nil
}
