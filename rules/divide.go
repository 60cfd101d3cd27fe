package rules

// Some arithmetic fails for every record, for example a division by zero, or the quotient 1 / 3, which has no
// exact decimal. check refuses it. A divisor that is read from the record may also be zero; then the record
// is suspended.

// computable refuses arithmetic that always fails.
func (c *checker) computable(t *term) *term {
	if t == nil {
		return nil
	}
	if divides := t.op == opDivide || t.op == opRemainder || t.op == opCall && t.name == "div"; divides && len(t.args) > 1 {
		divisor := t.args[1]
		if v, _, ok := c.fixed(divisor); ok && v.n == 0 && v.d.Sign() == 0 {
			why := "division by zero: "
			if !divisor.constant() {
				why += divisor.source() + " is always 0, and "
			}
			return c.always(t, divisor.at, why+"each record that reaches this entry would be suspended")
		}
	}
	if _, failed, ok := c.fixed(t); ok && failed != "" {
		return c.always(t, t.at, "this fails for every record: "+failed)
	}
	return t
}

// always reports arithmetic that always fails. Conditions that were stored before this was an error still compile.
func (c *checker) always(t *term, at span, why string) *term {
	if c.language != nil && c.language.stored {
		c.list.Warnf(c.expr.text.Sub(at.from, at.to-at.from), "%s", why)
		return t
	}
	return c.errorf(at, "%s", why)
}

// fixed returns the value of a number that is the same for every record, or the reason why it has no value; it
// returns false for any other term.
func (c *checker) fixed(t *term) (v value, failed string, ok bool) {
	for t.op == opLet {
		t = c.lets[t.index].expr.top
	}
	if !t.arithmetic() {
		return v, "", false
	}
	r := &Runner{p: &Program{}, stack: make([]value, 0, 16)}
	v = compile(t)(r)
	if r.failed.term != nil {
		failed = r.failed.reason
	}
	return v, failed, true
}

// arithmetic reports whether a term is a number computed from constants alone.
func (t *term) arithmetic() bool {
	switch t.op {
	case opConst:
		return t.typ.Kind == Int || t.typ.Kind == Decimal || t.typ.Kind == Quantity
	case opAdd, opSubtract, opMultiply, opDivide, opRemainder, opNegate, opPromote:
	case opCall:
		switch t.name {
		case "as_octets", "as_seconds", "abs", "div", "int", "decimal":
		default:
			return false
		}
	default:
		return false
	}
	for _, a := range t.args {
		if !a.arithmetic() {
			return false
		}
	}
	return true
}
