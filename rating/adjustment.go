package rating

import (
	"math/big"

	"ratemill/decimal"
	"ratemill/diag"
)

// adjustment is a component of a price other than its places and times: a fee, steps, discounts, a cap or
// rounding. Each adjustment has its own file. The file reads the adjustment from documents, applies it to an
// amount, recomputes it from the charge alone, and explains it. Any of the functions may be nil.
type adjustment struct {
	class func(s *saying) // reads the plan's component for a usage class
	price func(s *saying) // reads the component for a price, and appends its effect to price.adjust

	// perSession names the component of a price that is charged once for a whole session. Rating then needs the
	// charges of the session's earlier parts.
	perSession func(p *planClass, x *price) string

	recompute func(r *recomputation) error
	explain   func(x *explanation)
}

// adjustments lists all adjustments, in the order in which they apply to an amount.
var adjustments = [...]adjustment{fee, usage, discounted, limitedByCap, minimum, rounding, perPeriod, creditClass}

// saying is an adjustment in a class or price: its text in the plan's document, and its effect.
type saying struct {
	*compiler
	doc      *planDoc
	plan     *plan
	class    diag.Text
	classDoc *classDoc
	pc       *planClass
	rounded  bool // the plan defines how amounts are rounded

	priceDoc *priceDoc
	at       diag.Pos
	price    *price
	stages   []stage // stages of the class or, while a price is being read, of the price
}

// apply changes the cost of a record that begins at price p, and adds a line for the change. It fails if the sum
// exceeds the largest possible amount.
type apply func(t *tier, p *price, ch *Charge, sum *amount) error

// recomputation recomputes the amount of a charge in rational numbers.
type recomputation struct {
	*Charge
	start *big.Rat // cost of the session's parts before the record
	sum   *big.Rat // start, plus the amounts of the lines so far
	total decimal.D

	exact   *big.Rat // cost of the units that are charged at volume prices for the first time
	settled *big.Rat // increase of the rounded cost of the portions to which these units belong
	credit  bool     // the charge is a credit with the signs reversed
}

// line returns the charge's only line of a kind, nil if it has none.
func (c *Charge) line(kind LineKind) *Line {
	for i := range c.Lines {
		if c.Lines[i].Kind == kind {
			return &c.Lines[i]
		}
	}
	return nil
}
