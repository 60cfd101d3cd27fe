package rules

// table finds a chain's action by the symbol of a subject: a condition that begins with a question about the subject is
// only in the rows of the question's constants, in the original order.
type table struct {
	dispatch *dispatch
	rows     [][]candidate // by symbol; the first row is for values that no condition mentions
}

// candidate is a possible action in a row; rest is the remaining condition, nil for none.
type candidate struct {
	action *action
	rest   test
}

// newTable builds a table for a chain; it returns nil if no subject occurs in two of its conditions. untyped
// means that the format has only texts.
func newTable(chain []*action, untyped bool) *table {
	counts := map[*dispatch]int{}
	var best *dispatch
	for i, a := range chain {
		for d := range leading(a.cond.top, untyped) {
			// A variable or call may fail when it is evaluated, and the first condition that uses it
			// evaluates it, so it must come first in the chain.
			if d.slot < 0 && (counts[d] < i || flatten(a.cond.top)[0].dispatch != d) {
				continue
			}
			if counts[d]++; best == nil || counts[d] > counts[best] || counts[d] == counts[best] && d.index < best.index {
				best = d
			}
		}
	}
	if best == nil || counts[best] < fewestAsked {
		return nil
	}
	size := len(best.ints) + len(best.words.texts) + 1
	t := &table{dispatch: best, rows: make([][]candidate, size)}
	for _, a := range chain {
		conjuncts := flatten(a.cond.top)
		at, ok := leading(a.cond.top, untyped)[best]
		if !ok {
			for i := range t.rows {
				t.rows[i] = append(t.rows[i], candidate{a, a.cond.test})
			}
			continue
		}
		c := candidate{action: a}
		for i, conjunct := range conjuncts {
			if i != at {
				c.rest = both(c.rest, compileTest(conjunct))
			}
		}
		q := conjuncts[at]
		for i := range t.rows {
			if q.holdsFor(int32(i)) {
				t.rows[i] = append(t.rows[i], c)
			}
		}
	}
	return t
}

func both(a, b test) test {
	if a == nil {
		return b
	}
	return func(r *Runner) bool { return a(r) && b(r) }
}

// holdsFor reports whether a question is true for a symbol.
func (t *term) holdsFor(symbol int32) bool {
	for _, s := range t.symbols {
		if s == symbol {
			return !t.except
		}
	}
	return t.except
}

// flatten lists the conditions joined by and, in order.
func flatten(t *term) []*term {
	if t.op == opAnd && t.dispatch == nil {
		return append(flatten(t.args[0]), flatten(t.args[1])...)
	}
	return []*term{t}
}

// leading lists the operands of `and` that may be evaluated first, because nothing before them can fail.
func leading(t *term, untyped bool) map[*dispatch]int {
	found := map[*dispatch]int{}
	for i, c := range flatten(t) {
		if c.dispatch != nil {
			if _, ok := found[c.dispatch]; !ok {
				found[c.dispatch] = i
			}
		}
		if !untyped || !c.safe() {
			break
		}
	}
	return found
}

// safe reports whether a condition on texts cannot fail.
func (t *term) safe() bool {
	switch t.op {
	case opConst, opField:
		return true
	case opCall:
		if t.fn.Name != "absent" {
			return false
		}
	case opEqual, opUnequal, opIn, opAnd, opOr, opNot, opContains, opStartsWith, opEndsWith, opMatches:
	default:
		return false
	}
	for _, a := range t.args {
		if !a.safe() {
			return false
		}
	}
	return true
}

// choose returns the first action whose condition holds, or nil. ok is false if the conditions must be evaluated one
// by one.
func (t *table) choose(r *Runner) (a *action, ok bool) {
	s := t.dispatch.symbol(r)
	if s == unclear {
		return nil, false
	}
	row := t.rows[s]
	for i := range row {
		c := &row[i]
		if c.rest == nil {
			return c.action, true
		}
		holds := c.rest(r)
		if r.failed.term != nil {
			return nil, true
		}
		if holds {
			return c.action, true
		}
	}
	return nil, true
}
