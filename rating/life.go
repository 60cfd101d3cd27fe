package rating

import (
	"slices"

	"ratemill/diag"
	"ratemill/literal"
	"ratemill/registry/life"
	"ratemill/udr"
)

// Life returns the catalogue's state models and lifecycles.
func (c *Catalogue) Life() *life.Book { return c.life }

// compileLife compiles the state models and lifecycles.
func (c *compiler) compileLife() {
	var list diag.List
	c.life, list = life.Compile(c.lifeDocs, c.unitOf)
	for _, d := range list {
		if c.stored {
			d.Severity = diag.Warning // as in refuse
		}
		c.list = append(c.list, d)
	}
}

// unitOf returns the unit of a usage class, and false if no record can have the class.
func (c *compiler) unitOf(class string) (udr.Unit, bool) {
	if n, ok := c.classes[class]; ok {
		return c.units[n], true
	}
	if c.declared == nil || c.declared.Others {
		return literal.AnyUnit, true
	}
	if !slices.Contains(c.declared.Names, class) {
		return 0, false
	}
	unit, ok := c.declared.Units[class]
	if !ok {
		unit = literal.AnyUnit
	}
	return unit, true
}
