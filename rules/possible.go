package rules

import (
	"math"
	"slices"
	"strings"

	"ratemill/diag"
)

// This file finds the possible combinations of conditions by trying the values that make a difference: the constants
// with which the conditions compare a word, a value next to each constant, and any other value. A comparison that is
// not between a word and a constant, such as lower(apn) == "x", may be true or false. A combination that it finds
// impossible is therefore always impossible, but one that it finds possible may still be impossible.

// mostCases is the largest number of combinations to try.
const mostCases = 4096

// unlike is a part of a text that does not occur in any constant.
const unlike = "\x00"

// Possible reports whether a combination of conditions is possible. is gets the truth of each condition and returns
// true for the combinations that the caller looks for. known contains the words that have a fixed value. sure is
// false if there are too many cases to try.
func (l *Language) Possible(known map[string]string, is func(held []bool) bool, conditions ...*Condition) (can, sure bool) {
	x := &cases{language: l, known: known, values: l.Values().r, subjects: map[int]*differing{}, opaque: map[string]int{},
		leaves: map[*term]*leaf{}}
	for _, c := range conditions {
		x.collect(c.e.top)
	}
	if !x.count() {
		return true, false
	}
	held := make([]bool, len(conditions))
	for {
		for i, c := range conditions {
			held[i] = x.holds(c.e.top)
		}
		if is(held) {
			return true, true
		}
		if !x.next() {
			return false, true
		}
	}
}

// cases contains the combinations of values that make a difference to the conditions.
type cases struct {
	language *Language
	known    map[string]string
	values   *Runner
	subjects map[int]*differing
	order    []int // of subjects
	opaque   map[string]int
	truths   []bool // of opaque parts
	leaves   map[*term]*leaf
}

// differing is a word with the values of it that make a difference.
type differing struct {
	candidates []value
	at         int
}

// leaf is a part of a condition that contains no and, or, not.
type leaf struct {
	ask    test // nil if the part is opaque
	opaque int
}

func (x *cases) collect(t *term) {
	switch t.op {
	case opAnd, opOr, opNot:
		for _, a := range t.args {
			x.collect(a)
		}
		return
	case opChoose:
		if t.typ.Kind == Bool {
			for _, a := range t.args {
				x.collect(a)
			}
			return
		}
	case opConst:
		return
	}
	word, constants, prefix, ok := t.comparison()
	if !ok {
		id := t.identity()
		n, known := x.opaque[id]
		if !known {
			n = len(x.truths)
			x.opaque[id], x.truths = n, append(x.truths, false)
		}
		x.leaves[t] = &leaf{opaque: n}
		return
	}
	x.leaves[t] = &leaf{ask: compileCondition(t)}
	s := x.subjects[word]
	if s == nil {
		s = &differing{candidates: x.usual(word)}
		x.subjects[word], x.order = s, append(x.order, word)
	}
	if in := &x.language.inputs[word]; in.Values != nil || x.known[in.Full()] != "" {
		return
	}
	for _, c := range constants {
		s.add(c)
		switch c.kind {
		case Int, Quantity, Time:
			for _, n := range []int64{c.n - 1, c.n + 1} {
				if near := c; (n < c.n) == (n == c.n-1) && (n >= 0 || c.kind == Time) {
					near.n = n
					s.add(near)
				}
			}
		default:
			if prefix {
				c.s += unlike
				s.add(c)
			}
		}
	}
}

// usual returns the values of a word that make a difference to any comparison.
func (x *cases) usual(word int) (all []value) {
	in := &x.language.inputs[word]
	kind := in.Type.Kind
	if one := x.known[in.Full()]; one != "" && kind.worded() {
		return []value{{kind: kind, s: one}}
	}
	if in.Values != nil {
		for _, v := range in.Values {
			all = append(all, value{kind: kind, s: v})
		}
		return all
	}
	switch kind {
	case Bool:
		return []value{boolValue(false), boolValue(true)}
	case Int, Quantity, Time:
		return []value{{kind: kind, aux: uint8(in.Type.Unit), n: math.MaxInt64 - 1}}
	}
	return []value{{kind: kind}, {kind: kind, s: unlike}}
}

func (s *differing) add(v value) {
	if !slices.Contains(s.candidates, v) {
		s.candidates = append(s.candidates, v)
	}
}

// comparison returns the word that a term compares with constants; prefix means that only the beginning is
// compared.
func (t *term) comparison() (word int, constants []value, prefix, ok bool) {
	if t.op == opOut {
		return t.index, nil, false, t.typ.Kind == Bool
	}
	if len(t.args) == 0 {
		return 0, nil, false, false
	}
	a := t.args[0]
	switch t.op {
	case opEqual, opUnequal, opLess, opLessEqual, opGreater, opGreaterEqual:
		b := t.args[1]
		if a.constant() {
			a, b = b, a
		}
		if !b.constant() || a.op != opOut || a.typ.Kind == Decimal || a.typ.Kind == Identifier {
			return 0, nil, false, false
		}
		v := b.value
		v.kind, v.aux = a.typ.Kind, uint8(a.typ.Unit)
		return a.index, []value{v}, false, true
	case opStartsWith:
		if b := t.args[1]; a.op == opOut && b.constant() {
			return a.index, []value{{kind: a.typ.Kind, s: b.value.s}}, true, true
		}
	case opIn:
		if a.op != opOut || len(t.args) > 1 {
			return 0, nil, false, false
		}
		for s := range t.set {
			constants = append(constants, value{kind: a.typ.Kind, s: s})
		}
		for n := range t.ints {
			constants = append(constants, value{kind: a.typ.Kind, aux: uint8(a.typ.Unit), n: n})
		}
		slices.SortFunc(constants, func(a, b value) int { return strings.Compare(a.plain(), b.plain()) })
		return a.index, constants, false, true
	}
	return 0, nil, false, false
}

// count starts with the first case, and reports whether there are few enough cases.
func (x *cases) count() bool {
	n := 1
	for _, word := range x.order {
		s := x.subjects[word]
		if n *= len(s.candidates); n > mostCases || n == 0 {
			return false
		}
		x.values.outs[word] = s.candidates[0]
	}
	return len(x.truths) < 12 && n<<len(x.truths) <= mostCases
}

// next moves to the next case, and returns false after the last one.
func (x *cases) next() bool {
	for i := range x.truths {
		if x.truths[i] = !x.truths[i]; x.truths[i] {
			return true
		}
	}
	for _, word := range x.order {
		s := x.subjects[word]
		s.at = (s.at + 1) % len(s.candidates)
		if x.values.outs[word] = s.candidates[s.at]; s.at > 0 {
			return true
		}
	}
	return false
}

func (x *cases) holds(t *term) bool {
	switch t.op {
	case opAnd:
		return x.holds(t.args[0]) && x.holds(t.args[1])
	case opOr:
		return x.holds(t.args[0]) || x.holds(t.args[1])
	case opNot:
		return !x.holds(t.args[0])
	case opChoose:
		if t.typ.Kind == Bool {
			if x.holds(t.args[0]) {
				return x.holds(t.args[1])
			}
			return x.holds(t.args[2])
		}
	case opConst:
		return t.value.true()
	}
	if l := x.leaves[t]; l.ask != nil {
		return l.ask(x.values)
	}
	return x.truths[x.leaves[t].opaque]
}

// inWords returns values as they are written in a list, with an empty value in quotes.
func inWords(values []string) string {
	list := slices.Clone(values)
	for i := range list {
		if list[i] == "" {
			list[i] = `""`
		}
	}
	return strings.Join(list, ", ")
}

// Compares calls found for each text with which a condition compares a word; begins means that only the beginning of
// the word is compared.
func (l *Language) Compares(c *Condition, found func(word string, text diag.Text, begins bool)) {
	for _, t := range c.e.terms {
		word, constants, begins, ok := t.comparison()
		if !ok || l.inputs[word].Type.Kind != Text {
			continue
		}
		for _, v := range constants {
			found(l.inputs[word].Full(), diag.Text{Value: v.s, Pos: t.pos()}, begins)
		}
	}
}

// allowed reports comparisons of a word with a value that it never has.
func (l *Language) allowed(c *Condition, list *diag.List) bool {
	before := list.Errors()
	for _, t := range c.e.terms {
		word, constants, prefix, ok := t.comparison()
		if !ok || prefix || l.inputs[word].Values == nil {
			continue
		}
		in := &l.inputs[word]
		for _, v := range constants {
			if slices.Contains(in.Values, v.s) {
				continue
			}
			hint := diag.Suggest(v.s, in.Values)
			if hint == "" && len(in.Values) <= 12 {
				hint = "; it is one of " + inWords(in.Values)
			}
			list.Errorf(t.pos(), "%s is never %q%s", in.Full(), v.s, hint)
		}
	}
	return list.Errors() == before
}
