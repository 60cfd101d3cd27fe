package rules

import "ratemill/normalize"

// neverEqual warns of a comparison of a country, a network or a number with a constant that no record
// contains: without any error, the condition would be false for all records, or true with !=.
func (c *checker) neverEqual(t *term, constant string, at span) {
	if t.constant() || constant == "" {
		return
	}
	switch t.typ.Kind {
	case Country:
		if hint := normalize.NeverCountry(constant); hint != "" {
			c.warnf(at, "%s is never %q, which is not a country of ISO 3166-1%s", t.source(), constant, hint)
		}
	case Network:
		if !normalize.NetworkForm(constant) {
			c.warnf(at, "%s is never %q; write MCC-MNC with the MNC's own number of digits, as in 208-10", t.source(), constant)
		} else if hint, respelled := normalize.NeverNetwork(constant); respelled {
			c.warnf(at, "%s is never %q, which is not a network%s", t.source(), constant, hint)
		} else if hint != "" {
			c.warnf(at, "the list of networks does not contain %s%s", constant, hint)
		}
	case Phone:
		c.neverBegins(t, constant, at)
	}
}

// neverBegins warns of a prefix with which no phone number in a record begins.
func (c *checker) neverBegins(t *term, beginning string, at span) {
	if t.constant() || t.typ.Kind != Phone {
		return
	}
	if why := normalize.NeverBegins(beginning); why != "" {
		c.warnf(at, "%s never begins with %s: %s", t.source(), beginning, why)
	}
}

func (c *checker) warnf(at span, format string, args ...any) {
	c.list.Warnf(c.expr.text.Sub(at.from, at.to-at.from), format, args...)
}
