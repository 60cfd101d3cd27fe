package rules

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/expr-lang/expr/ast"

	"ratemill/decimal"
	"ratemill/udr"
)

var operators = map[string]op{
	"==": opEqual, "!=": opUnequal, "<": opLess, "<=": opLessEqual, ">": opGreater, ">=": opGreaterEqual,
	"+": opAdd, "-": opSubtract, "*": opMultiply, "/": opDivide, "%": opRemainder,
	"contains": opContains, "startsWith": opStartsWith, "endsWith": opEndsWith,
}

func (c *checker) unary(n *ast.UnaryNode, at span) *term {
	t := c.term(n.Node)
	if t == nil {
		return nil
	}
	switch n.Operator {
	case "not", "!":
		if t.typ.Kind != Bool {
			return c.errorf(t.at, "not needs a condition, not %s", article(t.typ))
		}
		return c.add(&term{op: opNot, typ: t.typ, at: at, args: []*term{t}})
	case "-":
		switch t.typ.Kind {
		case Int, Decimal, Quantity:
			if t.constant() && t.literal {
				v := t.value
				v.n, v.d = -v.n, v.d.Neg()
				return c.add(&term{op: opConst, typ: t.typ, at: at, value: v, literal: true})
			}
			return c.add(&term{op: opNegate, typ: t.typ, at: at, args: []*term{t}})
		}
		return c.errorf(t.at, "- needs a number, not %s", article(t.typ))
	}
	return c.errorf(at, "%s is not used in rules", n.Operator)
}

func (c *checker) choose(n *ast.ConditionalNode, at span) *term {
	cond, one, two := c.term(n.Cond), c.term(n.Exp1), c.term(n.Exp2)
	if cond == nil || one == nil || two == nil {
		return nil
	}
	if cond.typ.Kind != Bool {
		return c.errorf(cond.at, "? needs a condition before it, not %s", article(cond.typ))
	}
	both, typ := c.unify([]*term{one, two})
	if both == nil {
		return nil
	}
	return c.add(&term{op: opChoose, typ: typ, at: at, args: []*term{cond, both[0], both[1]}})
}

// unify gives terms a common type: ints become decimals next to decimals, literals take the unit of the other term,
// fields become texts.
func (c *checker) unify(terms []*term) ([]*term, Type) {
	typ := terms[0].typ
	for _, t := range terms[1:] {
		typ = c.common(typ, t.typ)
	}
	if typ.Kind == Field || c.mixes(terms, typ) {
		typ = Type{Kind: Text}
	}
	out := make([]*term, len(terms))
	for i, t := range terms {
		if typ.Kind == Text && t.typ.Kind == Identifier {
			t = c.spelling(t)
		}
		if t = c.constantAs(t, typ); t == nil {
			return nil, typ
		}
		if out[i] = c.as(t, typ); out[i] == nil {
			c.errorf(t.at, "%s is %s, but %s beside it", t.source(), article(t.typ), article(typ))
			return nil, typ
		}
	}
	return out, typ
}

// mixes reports whether a network, country or identifier may also be any text, as in network(x) ?? y: then the result
// is a text, and arguments of type network need network(…) around it. A peer may be a number or any text.
func (c *checker) mixes(terms []*term, typ Type) bool {
	if typ.Kind != Network && typ.Kind != Country && typ.Kind != Identifier {
		return false
	}
	return slices.ContainsFunc(terms, func(t *term) bool {
		return t.typ.Kind == Field || t.typ.Kind == Text && (!t.constant() || typ.Kind == Identifier)
	})
}

// constantAs returns a text literal converted to the network or country next to it.
func (c *checker) constantAs(t *term, typ Type) *term {
	if t.typ.Kind != Text || !t.constant() || typ.Kind != Network && typ.Kind != Country || t.value.s == "" {
		return t
	}
	s, err := canonical(typ.Kind, t.value.s)
	if err != nil {
		return c.errorf(t.at, "%v", err)
	}
	return c.add(&term{op: opConst, typ: typ, at: t.at, value: value{kind: typ.Kind, s: s}})
}

// spelling returns an identifier as text.
func (c *checker) spelling(t *term) *term {
	fn := functions["text"][0]
	bound, typ, _ := fn.bind(&binding{args: []*term{t}})
	return c.add(&term{op: opCall, typ: typ, at: t.at, args: []*term{t}, name: fn.Name, fn: fn, bound: bound, needed: 1})
}

func (c *checker) common(a, b Type) Type {
	switch {
	case a == b:
		return a
	case a.Kind == Int && (b.Kind == Decimal || b.Kind == Quantity), a.Kind == Field && b.Kind != Field, a.Kind == Text && b.Kind.worded():
		return b
	}
	return a
}

// as converts t to a term of the type, or returns nil.
func (c *checker) as(t *term, typ Type) *term {
	switch {
	case t.typ == typ:
		return t
	case t.typ.Kind == Field && typ.Kind == Text:
		return c.asText(t)
	case t.typ.Kind == Int && typ.Kind == Decimal:
		return c.promote(t)
	case t.typ.Kind == Int && typ.Kind == Quantity && t.constant() && t.literal:
		return c.add(&term{op: opConst, typ: typ, at: t.at, value: quantityValue(t.value.n, typ.Unit), literal: true})
	case t.typ.Kind == Int && typ == Type{Quantity, udr.Count}:
		return t // a count has no unit that could be wrong
	case t.typ.Kind == Text && typ.Kind.worded():
		return t
	case t.typ.Kind.worded() && typ.Kind == Text:
		return t
	}
	return nil
}

func (c *checker) binary(n *ast.BinaryNode, at span) *term {
	switch n.Operator {
	case "and", "&&", "or", "||":
		return c.logic(n, at)
	case "in":
		return c.in(n, at)
	case "matches":
		return c.matches(n, at)
	case "??":
		a, b := c.term(n.Left), c.term(n.Right)
		if a == nil || b == nil {
			return nil
		}
		return c.coalesce([]*term{a, b}, at)
	}
	o, ok := operators[n.Operator]
	if !ok {
		where := span{n.Location().From, n.Location().From + len(n.Operator)}
		return c.errorf(where, "%s is not used in rules", n.Operator)
	}
	if name := c.dashed(at); o == opSubtract && name != "" && slices.Contains(c.columns, c.source(at)) {
		return c.errorf(at, "%s is a subtraction here; for the column of that name write %s", c.source(at), name)
	}
	a, b := c.term(n.Left), c.term(n.Right)
	if a == nil || b == nil {
		return nil
	}
	switch o {
	case opContains, opStartsWith, opEndsWith:
		a, b = c.asText(a), c.asText(b)
		if !a.typ.Kind.worded() || !b.typ.Kind.worded() {
			return c.errorf(at, "%s is about texts, not %s and %s", n.Operator, article(a.typ), article(b.typ))
		}
		if o == opStartsWith && b.constant() {
			c.neverBegins(a, b.value.s, b.at)
		}
		return c.add(&term{op: o, typ: Type{Kind: Bool}, at: at, args: []*term{a, b}})
	case opEqual, opUnequal, opLess, opLessEqual, opGreater, opGreaterEqual:
		return c.compare(o, n.Operator, a, b, at)
	}
	return c.computable(c.arithmetic(o, n.Operator, a, b, at))
}

func (c *checker) logic(n *ast.BinaryNode, at span) *term {
	a, b := c.term(n.Left), c.term(n.Right)
	if a == nil || b == nil {
		return nil
	}
	for _, t := range []*term{a, b} {
		if t.typ.Kind != Bool {
			return c.errorf(t.at, "%s joins conditions, and %s is %s", n.Operator, t.source(), article(t.typ))
		}
	}
	o := opAnd
	if n.Operator == "or" || n.Operator == "||" {
		o = opOr
	}
	return c.add(&term{op: o, typ: Type{Kind: Bool}, at: at, args: []*term{a, b}})
}

func (c *checker) compare(o op, sign string, a, b *term, at span) *term {
	boolean := Type{Kind: Bool}
	if o != opEqual && o != opUnequal && a.typ.Kind.spelled() && b.typ.Kind.spelled() && !c.ordered(a, b) {
		return c.betweenTexts(o, sign, a, b, at)
	}
	if a.typ.Kind == Field || b.typ.Kind == Field {
		other := b
		if a.typ.Kind != Field {
			other = a
		}
		switch other.typ.Kind {
		case Int, Decimal, Quantity, Time, Bool:
			field := a
			if other == a {
				field = b
			}
			return c.errorf(field.at, "%s may be a text or a number; say which by %s", field.source(), suggestConversion(field.source(), other.typ))
		}
		a, b = c.asText(a), c.asText(b)
	}
	both := [2]*term{a, b}
	if a.typ.Kind == Text && !a.constant() && !b.typ.Kind.worded() || b.typ.Kind == Text && !b.constant() && !a.typ.Kind.worded() {
		text, other := a, b
		if b.typ.Kind == Text {
			text, other = b, a
		}
		return c.errorf(text.at, "%s is a text and %s is %s; write %s", text.source(), other.source(), article(other.typ),
			suggestConversion(text.source(), other.typ))
	}
	typ := c.common(a.typ, b.typ)
	for i, t := range both {
		if both[i] = c.as(t, typ); both[i] == nil {
			if a.typ.Kind == Quantity && b.typ.Kind == Quantity {
				return c.errorf(at, "%s cannot be compared with %s", a.typ, b.typ)
			}
			return c.errorf(at, "%s is %s and %s is %s; they cannot be compared", a.source(), article(a.typ), b.source(), article(b.typ))
		}
	}
	switch typ.Kind {
	case Identifier, List, Field:
		if o != opEqual && o != opUnequal || typ.Kind != Identifier {
			return c.errorf(at, "%s cannot be compared by %s", article(typ), sign)
		}
	case Bool:
		if o != opEqual && o != opUnequal {
			return c.errorf(at, "conditions cannot be compared by %s", sign)
		}
	case Quantity:
		if both[0].typ != both[1].typ && (both[0].typ.Kind == Quantity) != (both[1].typ.Kind == Quantity) {
			return c.errorf(at, "%s is %s and %s is %s; they cannot be compared", a.source(), article(a.typ), b.source(), article(b.typ))
		}
	}
	for i, t := range both {
		if other := both[1-i]; (o == opEqual || o == opUnequal) && t.constant() {
			c.neverEqual(other, t.value.s, t.at)
		}
	}
	return c.add(&term{op: o, typ: boolean, at: at, args: both[:]})
}

// betweenTexts refuses arithmetic and ordering between texts: + would join "120" and "880" to "120880", and "9" would
// come after "10". The error suggests what to write instead.
func (c *checker) betweenTexts(o op, sign string, a, b *term, at span) *term {
	if name := c.dashed(at); name != "" {
		return c.errorf(at, "%s subtracts texts; for a field of that name write %s, to subtract int(%s) - int(%s)", c.source(at), name,
			a.source(), b.source())
	}
	x, y := a.source(), b.source()
	if o != opAdd && (c.timeForm(a) != nil || c.timeForm(b) != nil) {
		return c.errorf(at, "%s cannot order %s and %s; date(…) is compared with \"2026-03-31\" or another date, clock(…) with "+
			"\"22:00:00\" or another time of day", sign, x, y)
	}
	join := fmt.Sprintf("concat(%s, %s)", x, y)
	if a.typ.Kind.converted() || b.typ.Kind.converted() {
		if o == opAdd {
			return c.errorf(at, "+ adds numbers, and %s is %s and %s %s; to join them write %s", x, article(a.typ), y, article(b.typ), join)
		}
		return c.errorf(at, "%s is for numbers and times, and %s is %s and %s %s", sign, x, article(a.typ), y, article(b.typ))
	}
	m, isNumber := numberIn(a)
	n, isToo := numberIn(b)
	asNumbers := m + " " + sign + " " + n
	switch {
	case !isNumber || !isToo:
		if o == opAdd {
			return c.errorf(at, "+ adds numbers, but %s and %s are texts; to join them write %s", x, y, join)
		}
		return c.errorf(at, "%s is for numbers and times, but %s and %s are texts; convert them with int(…), or with time(…, layout)",
			sign, x, y)
	case o == opAdd:
		return c.errorf(at, "+ adds numbers, but %s and %s are texts; to add them write %s, to join them %s", x, y, asNumbers, join)
	case o == opLess, o == opLessEqual, o == opGreater, o == opGreaterEqual:
		return c.errorf(at, "%s is for numbers and times, but %s and %s are texts, and as texts \"10\" comes before \"9\"; write %s, "+
			"or convert them with time(…, layout)",
			sign, x, y, asNumbers)
	}
	return c.errorf(at, "%s and %s are texts, not numbers; write %s", x, y, asNumbers)
}

// numberIn returns the expression for the number in a text, and false for a constant that is not a number.
func numberIn(t *term) (string, bool) {
	if !t.constant() {
		return "int(" + t.source() + ")", true
	}
	_, err := decimal.Parse(t.value.s)
	return t.value.s, err == nil
}

// dashed returns the correct notation of a name with dashes, if a-b without blanks may be meant as a name:
// core-uuid is record["core-uuid"]. It returns "" for everything else.
func (c *checker) dashed(at span) string {
	text := c.source(at)
	if !dashedName.MatchString(text) {
		return ""
	}
	dot := strings.LastIndexByte(text[:strings.IndexByte(text, '-')], '.')
	if dot < 0 {
		return "record[" + strconv.Quote(text) + "]"
	}
	return text[:dot] + "[" + strconv.Quote(text[dot+1:]) + "]"
}

var dashedName = regexp.MustCompile(`^[A-Za-z_][\w.]*(-[A-Za-z_]\w*)+$`)

// source returns the text of a part of the expression.
func (c *checker) source(at span) string {
	r := []rune(c.expr.text.Value)
	return string(r[at.from:min(at.to, len(r))])
}

// ordered reports whether two texts may be ordered: date(…) and clock(…) have a fixed width, so their texts have the
// same order as the times. The other operand must have the same form: another call or a constant.
func (c *checker) ordered(a, b *term) bool {
	x, y := c.timeForm(a), c.timeForm(b)
	return x != nil && y == nil && b.constant() && x.MatchString(b.value.s) ||
		y != nil && x == nil && a.constant() && y.MatchString(a.value.s) || x != nil && x == y
}

// timeForm returns the form of the result of date(…) or clock(…), nil for everything else.
func (c *checker) timeForm(t *term) *regexp.Regexp {
	if t.op == opLet {
		t = c.lets[t.index].expr.top
	}
	if t.op == opCall {
		return timeForms[t.name]
	}
	return nil
}

var timeForms = map[string]*regexp.Regexp{
	"date":  regexp.MustCompile(`^[0-9]{4}-[0-9]{2}-[0-9]{2}$`),
	"clock": regexp.MustCompile(`^[0-9]{2}:[0-9]{2}:[0-9]{2}$`),
}

func suggestConversion(source string, t Type) string {
	switch t.Kind {
	case Decimal:
		return "decimal(" + source + ")"
	case Quantity:
		switch t.Unit {
		case udr.Octet:
			return "octets(" + source + ")"
		case udr.Second:
			return "seconds(" + source + ")"
		}
	case Time:
		return "time(" + source + ", …)"
	case Bool:
		return "bool(" + source + ")"
	}
	return "int(" + source + ")"
}

func (c *checker) arithmetic(o op, sign string, a, b *term, at span) *term {
	make := func(typ Type, a, b *term) *term {
		return c.add(&term{op: o, typ: typ, at: at, args: []*term{a, b}})
	}
	x, y := a.typ, b.typ
	if x.Kind.spelled() && y.Kind.spelled() {
		return c.betweenTexts(o, sign, a, b, at)
	}
	for _, t := range []*term{a, b} {
		if t.typ.Kind == Field || t.typ.Kind == Text {
			other := a
			if t == a {
				other = b
			}
			want := other.typ
			if want.Kind.worded() {
				want = Type{Kind: Int}
			}
			return c.errorf(t.at, "%s is not a number yet; write %s", t.source(), suggestConversion(t.source(), want))
		}
	}
	switch {
	case x.Kind == Time && y == Type{Quantity, udr.Second} && (o == opAdd || o == opSubtract),
		y.Kind == Time && x == Type{Quantity, udr.Second} && o == opAdd:
		return make(Type{Kind: Time}, a, b)
	case x.Kind == Time && y.Kind == Time && o == opSubtract:
		return make(Type{Quantity, udr.Second}, a, b)
	case x.Kind == Time && y.Kind == Int && b.literal && (o == opAdd || o == opSubtract):
		return make(Type{Kind: Time}, a, c.as(b, Type{Quantity, udr.Second}))
	case x.Kind == Quantity && y.Kind == Quantity:
		switch {
		case x != y:
			return c.errorf(at, "%s %s %s mixes units; both must be %s or both %s", x, sign, y, x.Unit, y.Unit)
		case o == opMultiply:
			return c.errorf(at, "the product of two quantities has no unit; multiply by a number")
		case o == opDivide:
			return make(Type{Kind: Decimal}, a, b)
		}
		return make(x, a, b)
	case x.Kind == Quantity && y.Kind == Int, x.Kind == Int && y.Kind == Quantity, x.Kind == Quantity && y.Kind == Decimal,
		x.Kind == Decimal && y.Kind == Quantity:
		return c.scale(o, a, b, at)
	case x.Kind == Int && y.Kind == Int && o == opDivide:
		return make(Type{Kind: Decimal}, c.promote(a), c.promote(b))
	case x.Kind == Int && y.Kind == Int:
		return make(x, a, b)
	case (x.Kind == Decimal || x.Kind == Int) && (y.Kind == Decimal || y.Kind == Int):
		if o == opRemainder {
			return c.errorf(at, "%% needs ints")
		}
		return make(Type{Kind: Decimal}, c.as(a, Type{Kind: Decimal}), c.as(b, Type{Kind: Decimal}))
	}
	return c.errorf(at, "%s %s %s makes no sense: %s is %s and %s is %s", a.source(), sign, b.source(), a.source(), article(x), b.source(),
		article(y))
}

// scale multiplies or divides a quantity and a number.
func (c *checker) scale(o op, a, b *term, at span) *term {
	q, number := a, b
	if b.typ.Kind == Quantity {
		q, number = b, a
	}
	switch o {
	case opMultiply, opDivide:
		if o == opDivide && q == b {
			return c.errorf(at, "a number cannot be divided by a quantity")
		}
		if number.typ.Kind == Int {
			number = c.promote(number)
		}
		return c.add(&term{op: o, typ: q.typ, at: at, args: []*term{q, number}})
	}
	if number.typ.Kind == Int && (number.literal || q.typ.Unit == udr.Count) {
		as := c.as(number, q.typ)
		if q == a {
			return c.add(&term{op: o, typ: q.typ, at: at, args: []*term{q, as}})
		}
		return c.add(&term{op: o, typ: q.typ, at: at, args: []*term{as, q}})
	}
	return c.errorf(number.at, "%s has no unit, and %s is in %s; as_octets(x) and as_seconds(x) give an int its unit", number.source(),
		q.source(), q.typ.Unit)
}

func (c *checker) in(n *ast.BinaryNode, at span) *term {
	a := c.term(n.Left)
	if a == nil {
		return nil
	}
	boolean := Type{Kind: Bool}
	list, ok := n.Right.(*ast.ArrayNode)
	if !ok {
		if name, isName := n.Right.(*ast.IdentifierNode); isName && c.tables[name.Value] != nil && !c.shadowed(name.Value) {
			if a = c.asText(a); !a.typ.Kind.worded() {
				return c.errorf(a.at, "the key of a table is a text, not %s", article(a.typ))
			}
			set := map[string]bool{}
			for k := range c.tables[name.Value] {
				set[k] = true
			}
			return c.add(&term{op: opIn, typ: boolean, at: at, args: []*term{a}, set: set, name: name.Value})
		}
		b := c.term(n.Right)
		if b == nil {
			return nil
		}
		if b = c.asList(b); b == nil {
			return nil
		}
		if a = c.asText(a); !a.typ.Kind.worded() {
			return c.errorf(a.at, "in looks for a text in a list, not for %s", article(a.typ))
		}
		return c.add(&term{op: opIn, typ: boolean, at: at, args: []*term{a, b}})
	}
	if a.typ.Kind == Field {
		a = c.asText(a)
	}
	t := &term{op: opIn, typ: boolean, at: at, args: []*term{a}}
	if len(list.Nodes) == 0 {
		return c.errorf(spanOf(list), "the list is empty, so nothing is in it")
	}
	for _, item := range list.Nodes {
		i := c.term(item)
		switch {
		case i == nil:
			return nil
		case !i.constant():
			return c.errorf(i.at, "the list after in must hold constants; compare other values with ==")
		case a.typ.Kind.worded() && i.typ.Kind == Text:
			if t.set == nil {
				t.set = map[string]bool{}
			}
			t.set[i.value.s] = true
			c.neverEqual(a, i.value.s, i.at)
		case (a.typ.Kind == Int || a.typ.Kind == Quantity) && i.typ.Kind == Int:
			if t.ints == nil {
				t.ints = map[int64]bool{}
			}
			t.ints[i.value.n] = true
		default:
			return c.errorf(i.at, "%s is %s, so %s can never be in this list", a.source(), article(a.typ), i.source())
		}
	}
	return c.add(t)
}

func (c *checker) matches(n *ast.BinaryNode, at span) *term {
	a := c.text(n.Left)
	pattern, ok := n.Right.(*ast.StringNode)
	if !ok {
		return c.errorf(spanOf(n.Right), "the pattern after matches must be a constant, since it is read when the rules are loaded")
	}
	re, err := compileRegexp(pattern.Value)
	if err != nil {
		return c.errorf(spanOf(pattern), "%v", err)
	}
	if a == nil {
		return nil
	}
	return c.add(&term{op: opMatches, typ: Type{Kind: Bool}, at: at, args: []*term{a}, regexp: re})
}

// decimals computes a o b exactly.
func decimals(o op, a, b decimal.D) (decimal.D, error) {
	switch o {
	case opAdd:
		return a.Add(b)
	case opSubtract:
		return a.Sub(b)
	case opMultiply:
		return a.Mul(b)
	}
	return a.Div(b)
}
