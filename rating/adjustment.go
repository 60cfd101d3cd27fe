package rating

import (
	"math/big"

	"ratemill/decimal"
	"ratemill/diag"
)

// adjustment is something that a price says beside where and when it holds: a fee, steps, discounts, a cap, rounding. Each is a file:
// what documents say, what it does to an amount, how that is computed again from the charge alone, and how it is told.
// Any of the functions may be nil.
type adjustment struct {
	class func(s *saying) // reads the part of a plan about a usage class
	price func(s *saying) // reads the part about a price, and appends its effect to price.adjust

	// perSession names the part of a price that is charged for a session as a whole, so that the payments of earlier
	// parts must be known.
	perSession func(p *planClass, x *price) string

	recompute func(r *recomputation) error
	explain   func(x *explanation)
}

// adjustments are all there are, in the order in which they apply to an amount.
var adjustments = [...]adjustment{fee, usage, discounted, limitedByCap, minimum, rounding, perPeriod, creditClass}

// saying is the text of a plan's document about a class or price, and its effect.
type saying struct {
	*compiler
	doc      *planDoc
	plan     *plan
	class    diag.Text
	classDoc *classDoc
	pc       *planClass
	rounded  bool // the plan says how amounts are rounded

	priceDoc *priceDoc
	at       diag.Pos
	price    *price
	stages   []stage // of periods: of the class, while a price is read those of the price
}

// apply changes the sum of what a record costs, which begins at price p, and adds the line that says so. It fails where the
// sum exceeds the largest possible amount.
type apply func(t *tier, p *price, ch *Charge, sum *amount) error

// recomputation is a charge whose amount is computed again, in rational numbers.
type recomputation struct {
	*Charge
	start *big.Rat // what parts before the record came to
	sum   *big.Rat // that, and what the lines came to so far
	total decimal.D

	exact   *big.Rat // what units at volume prices cost, in this charge and in none before
	settled *big.Rat // what they make their shares cost more, rounded
	credit  bool     // the charge is a credit turned around
}

// line is the charge's line of a kind that a charge has at most once, nil if it has none.
func (c *Charge) line(kind LineKind) *Line {
	for i := range c.Lines {
		if c.Lines[i].Kind == kind {
			return &c.Lines[i]
		}
	}
	return nil
}
