package contract

import (
	"math/big"
	"slices"
	"strings"

	"ratemill/diag"
	"ratemill/invoicing/document"
	"ratemill/literal"
	"ratemill/udr"
)

// step is a minimum, in the unit of the commitment, that holds from a cycle or year of the contract on.
type step struct {
	from int
	min  *big.Rat
	unit udr.Unit
}

// Check implements the checks of diag.Decode.
func (v *Commitment) Check(n *diag.Node, c *diag.Decoder) {
	if !slices.Contains([]string{spend, connections, usage, volume}, v.Of) {
		return // the decoder has already reported it
	}
	v.checkKeys(n, c)
	for _, list := range [][]diag.Text{v.Products, v.Classes, v.States} {
		twice(list, c)
	}
	v.checkMinimums(n, c)
	if v.Shortfall.IsZero() {
		return
	}
	v.price = priceOf(v.Shortfall, c)
	if v.Of == usage {
		for _, s := range v.steps {
			if s.unit != v.price.unit && s.unit != literal.AnyUnit && v.price.unit != literal.AnyUnit {
				c.Errorf(v.Shortfall.Pos, "the shortfall is priced in %s, but the minimum is in %s", literal.UnitName(v.price.unit),
					literal.UnitName(s.unit))
				break
			}
		}
	} else if v.price.unit != udr.Count {
		c.Errorf(v.Shortfall.Pos, "the shortfall of %s is priced per piece; write an amount such as 2.00", v.Of)
	}
}

// checkKeys reports keys that a kind of commitment needs or does not allow.
func (v *Commitment) checkKeys(n *diag.Node, c *diag.Decoder) {
	for _, k := range []struct {
		key        string
		for_, need []string
	}{
		{"counts", []string{spend}, nil}, {"penalty", []string{spend}, nil},
		{"classes", []string{spend, usage, volume}, []string{usage, volume}},
		{"states", []string{connections}, []string{connections}},
		{"shortfall", []string{connections, usage, volume}, []string{connections, usage, volume}},
	} {
		m := n.Member(k.key)
		switch {
		case m != nil && !slices.Contains(k.for_, v.Of):
			c.Errorf(m.Pos, "%s is for commitments of %s, not of %s; leave it out", k.key, strings.Join(k.for_, ", "), v.Of)
		case m == nil && slices.Contains(k.need, v.Of):
			c.Errorf(n.Pos, "a commitment of %s needs %s%s", v.Of, k.key, map[string]string{"classes": ", such as classes: [data]",
				"states": ", such as states: [in_billing]", "shortfall": ", the price of what is missing, such as shortfall: 2.00"}[k.key])
		}
	}
	if len(v.Classes) > 0 && v.Of == spend && len(v.Counts) > 0 && !slices.Contains(v.Counts, string(document.Usage)) {
		c.Errorf(v.Classes[0].Pos, "classes limit usage, and counts has no usage; add it, or leave classes out")
	}
}

// checkMinimums reads min or ramp.
func (v *Commitment) checkMinimums(n *diag.Node, c *diag.Decoder) {
	ramp := n.Member("ramp")
	switch {
	case v.Min.IsZero() && ramp == nil:
		c.Errorf(n.Pos, "a commitment has a min, or a ramp of several; write one of them")
		return
	case !v.Min.IsZero() && ramp != nil:
		c.Errorf(ramp.Pos, "the commitment has min and ramp; write one of them")
		return
	case ramp == nil:
		v.steps = []step{v.minimum(1, v.Min, c)}
		return
	}
	for i, s := range v.Ramp {
		switch {
		case i == 0 && s.From != 1:
			c.Errorf(s.Min.Pos, "a ramp begins with from: 1; write what holds in the first %s, or 0 if nothing does", orCycle(v.Per))
		case i > 0 && s.From <= v.Ramp[i-1].From:
			c.Errorf(s.Min.Pos, "the ramp has from: %d after from: %d; sort its steps", s.From, v.Ramp[i-1].From)
		}
		v.steps = append(v.steps, v.minimum(int(s.From), s.Min, c))
	}
	if len(v.Ramp) == 0 {
		c.Errorf(ramp.Pos, "the ramp has no steps; write [{ from: 1, min: 500 }]")
	}
}

func orCycle(per string) string {
	if per == "" {
		return "cycle"
	}
	return per
}

// minimum reads a minimum in the unit of the commitment.
func (v *Commitment) minimum(from int, text Literal, c *diag.Decoder) step {
	if v.Of == spend {
		return step{from, ratOf(literal.Amount(text.Text, text.Pos, &c.List)), udr.Count}
	}
	n, unit := literal.ParseQuantity(text.Text, text.Pos, &c.List)
	if v.Of != usage && unit != udr.Count && unit != literal.AnyUnit {
		c.Errorf(text.Pos, "%s counts pieces, not %s; write a number", v.Of, literal.UnitName(unit))
	}
	return step{from, new(big.Rat).SetInt64(n), unit}
}

// at returns the minimum in a cycle or year of the contract, counted from 1.
func (v *Commitment) at(number int) *big.Rat {
	least := new(big.Rat)
	for _, s := range v.steps {
		if s.from <= number {
			least = s.min
		}
	}
	return least
}

// worth returns the monetary value of one unit of the minimum. For spend, this is the amount itself.
func (v *Commitment) worth() *big.Rat {
	if v.Of == spend {
		return big.NewRat(1, 1)
	}
	return v.price.rat()
}

// unit returns the unit of the minimum.
func (v *Commitment) unit() udr.Unit {
	if v.Of == usage {
		for _, s := range v.steps {
			if s.unit != literal.AnyUnit {
				return s.unit
			}
		}
	}
	return udr.Count
}

// kinds lists the kinds of items that count towards a spend commitment.
func (v *Commitment) kinds() []string {
	if len(v.Counts) == 0 {
		return []string{string(document.Usage), string(document.Recurring)}
	}
	return v.Counts
}
