package rating

import (
	"strings"

	"ratemill/decimal"
	"ratemill/diag"
	"ratemill/literal"
	"ratemill/udr"
)

// The notation of values is defined in package literal.
type (
	quantity  = literal.Quantity
	moneyText = literal.Money
	since     = literal.Since
)

// priceText is a price for a number of units: 0.02 / 1 MB, 0.005, free.
type priceText struct {
	price decimal.D
	per   int64
	unit  udr.Unit
	text  string
	pos   diag.Pos

	origin *origin // for a price that comes from an extended plan
}

func (p *priceText) UnmarshalNode(n *diag.Node, d *diag.Decoder) {
	p.pos, p.text, p.per, p.unit = n.Pos, n.Text, 1, literal.AnyUnit
	if !d.Want(n, diag.Scalar, "a price") || n.Text == "free" {
		return
	}
	amount, per, hasPer := strings.Cut(n.Text, "/")
	p.price = literal.Amount(strings.TrimSpace(amount), n.Pos, &d.List)
	p.unit = udr.Count
	if hasPer {
		per = strings.TrimSpace(per)
		if per != "" && !literal.Minus(per) && (per[0] < '0' || per[0] > '9') {
			per = "1 " + per
		}
		before := d.Errors()
		p.per, p.unit = literal.ParseQuantity(per, n.Pos, &d.List)
		if p.per <= 0 || p.per > 1<<50 {
			if d.Errors() == before {
				d.Errorf(n.Pos, "price %q is per %d units; it must be per 1 to %d", n.Text, p.per, int64(1)<<50)
			}
			p.per = 1
		}
	} else if p.price.IsZero() {
		p.unit = literal.AnyUnit
	}
}

// currency refuses currencies that the registry would refuse for an account. It also refuses lower-case letters,
// because a charge shows the currency as the plan spells it.
func (c *compiler) currency(code string, at diag.Pos) {
	if !literal.KnownCurrency(code) {
		c.refuse(at, "currency %s is unknown: write a code of ISO 4217 such as EUR", code)
	}
}

// increments are the multiples to which a quantity is rounded up.
type increments struct {
	initial, then int64
	unit          udr.Unit
	pos           diag.Pos
	given         bool
}

// incrementsDoc is the long form of increments.
type incrementsDoc struct {
	Initial quantity `yaml:"initial,required" doc:"The first step: a smaller quantity counts as this one." example:"60 s"`
	Then    quantity `yaml:"then,required" doc:"The steps after the first." example:"1 s"`
}

func (i *increments) UnmarshalNode(n *diag.Node, d *diag.Decoder) {
	var doc incrementsDoc
	before := d.Errors()
	if n.Kind == diag.Mapping {
		d.Decode(n, &doc)
	} else {
		d.Decode(n, &doc.Initial)
		doc.Then = doc.Initial
	}
	if doc.Initial.Unit != doc.Then.Unit && d.Errors() == before {
		d.Errorf(n.Pos, "initial and then have different units")
	}
	*i = increments{doc.Initial.Value, doc.Then.Value, doc.Initial.Unit, n.Pos, true}
	if i.initial <= 0 || i.then <= 0 || i.initial > 1<<50 || i.then > 1<<50 {
		if d.Errors() == before {
			d.Errorf(n.Pos, "increments are 1 or more, and at most %d", int64(1)<<50)
		}
		i.initial, i.then = 1, 1
	}
}

// round returns q rounded up to increments.
func (i *increments) round(q int64) int64 {
	switch {
	case q <= 0:
		return 0
	case q <= i.initial:
		return i.initial
	case i.then == 1:
		return q
	}
	beyond := q - i.initial
	return i.initial + (beyond+i.then-1)/i.then*i.then
}
