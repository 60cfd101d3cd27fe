package rules

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"

	"ratemill/decimal"
	"ratemill/diag"
	"ratemill/normalize"
)

func (c *checker) call(n *ast.CallNode, at span) *term {
	callee, ok := n.Callee.(*ast.IdentifierNode)
	if !ok {
		return c.errorf(at, "only functions can be called")
	}
	return c.function(callee.Value, spanOf(callee), n.Arguments, at)
}

// function checks a call: first its positional arguments, then its named ones (from: x), and then selects among the
// functions of that name.
func (c *checker) function(name string, word span, nodes []ast.Node, at span) *term {
	var args []*term
	var names []string
	wrong := false
	for _, n := range nodes {
		argName := ""
		if b, ok := n.(*ast.BinaryNode); ok && c.expr.named[b.Location().From] {
			argName, n = b.Left.(*ast.IdentifierNode).Value, b.Right
		} else if len(names) > 0 && names[len(names)-1] != "" {
			c.errorf(spanOf(n), "positional arguments come before named ones")
			wrong = true
		}
		t := c.term(n)
		args, names, wrong = append(args, t), append(names, argName), wrong || t == nil
	}
	overloads, ok := functions[name]
	if !ok {
		return c.errorf(word, "unknown function %s%s", name, diag.Suggest(name, functionNames()))
	}
	if wrong {
		return nil
	}
	fn := overloads[0]
	for i := len(overloads) - 1; i >= 0; i-- {
		if places := overloads[i].places(names); places != nil && overloads[i].accepts(places, args) {
			fn = overloads[i]
		}
	}
	places := fn.places(names)
	if places == nil {
		for _, n := range names {
			if n != "" && !slices.ContainsFunc(fn.Params, func(p Param) bool { return p.Name == n }) {
				return c.errorf(at, "%s has no parameter %s: %s", fn.Name, n, fn.Signature())
			}
		}
		return c.errorf(at, "%s takes %s: %s", fn.Name, fn.arity(), fn.Signature())
	}
	b := &binding{args: make([]*term, max(len(fn.Params), len(args))), zone: c.zone}
	for i, place := range places {
		if b.args[place] = c.argument(fn, place, args[i]); b.args[place] == nil {
			wrong = true
		}
	}
	if wrong {
		return nil
	}
	switch fn.Name {
	case "coalesce":
		return c.coalesce(slices.DeleteFunc(b.args, func(t *term) bool { return t == nil }), at)
	case "try":
		both, typ := c.unify(b.args)
		if both == nil {
			return nil
		}
		return c.add(&term{op: opTry, typ: typ, at: at, args: both, index: c.fallback(c.expr.what)})
	}
	bound, typ, err := fn.bind(b)
	if err != nil {
		where := at
		if b.wrong > 0 {
			where = b.args[b.wrong-1].at
		}
		return c.errorf(where, "%v", err)
	}
	t := &term{op: opCall, at: at, name: fn.Name, fn: fn, bound: bound, typ: typ}
	for i, a := range b.args {
		if a != nil && !fn.param(i).Constant && !(fn.param(i).Folded && a.constant()) {
			t.args = append(t.args, a)
			if !fn.param(i).Optional {
				t.needed++
			}
		}
	}
	return c.computable(c.add(t))
}

// places assigns a parameter to each argument, or returns nil if they do not match.
func (f *Function) places(names []string) []int {
	places := make([]int, len(names))
	taken := map[int]bool{}
	for i, n := range names {
		places[i] = i
		if n != "" {
			places[i] = slices.IndexFunc(f.Params, func(p Param) bool { return p.Name == n })
		}
		if places[i] < 0 || taken[places[i]] || places[i] >= len(f.Params) && !f.variadic() {
			return nil
		}
		taken[places[i]] = true
	}
	for i, p := range f.Params {
		if !p.Optional && !taken[i] {
			return nil
		}
	}
	return places
}

func (f *Function) accepts(places []int, args []*term) bool {
	for i, place := range places {
		p := f.param(place)
		if k := args[i].typ.Kind; !p.takes(k) && !(k == Field && (p.takes(Text) || p.takes(List))) {
			return false
		}
	}
	return true
}

// argument converts an argument to the parameter's type, or reports an error.
func (c *checker) argument(fn *Function, i int, t *term) *term {
	p := fn.param(i)
	if p.Constant && !t.constant() {
		return c.errorf(t.at, "%s of %s must be a constant, since it is read when the rules are loaded", p.Name, fn.Name)
	}
	if p.Values != nil && t.typ.Kind == Text && !slices.Contains(p.Values, t.value.s) {
		return c.errorf(t.at, "%s of %s is one of %s%s", p.Name, fn.Name, strings.Join(p.Values, ", "), diag.Suggest(t.value.s, p.Values))
	}
	switch {
	case p.takes(t.typ.Kind):
		return t
	case t.typ.Kind == Field && p.takes(Text):
		return c.asText(t)
	case t.typ.Kind == Field && p.takes(List):
		return c.asList(t)
	case t.typ.Kind == Int && p.takes(Decimal):
		return c.promote(t)
	case t.typ.Kind == Text && t.constant() && p.takes(Country):
		country, err := normalize.ParseCountry([]byte(t.value.s))
		if err != nil {
			return c.errorf(t.at, "%v", err)
		}
		return c.add(&term{op: opConst, typ: aCountry, at: t.at, value: countryValue(country.String())})
	}
	return c.errorf(t.at, "%s of %s is %s, not %s%s", p.Name, fn.Name, p.kinds(), article(t.typ), c.conversion(p, t))
}

func (c *checker) conversion(p Param, t *term) string {
	if p.takes(Text) && t.typ.Kind != Text {
		return fmt.Sprintf("; write text(%s)", t.source())
	}
	return ""
}

func (c *checker) promote(t *term) *term {
	if t.constant() {
		return c.add(&term{op: opConst, typ: Type{Kind: Decimal}, at: t.at, value: decimalValue(decimal.FromInt(t.value.n)), literal: t.literal})
	}
	return c.add(&term{op: opPromote, typ: Type{Kind: Decimal}, at: t.at, args: []*term{t}})
}

func (c *checker) coalesce(args []*term, at span) *term {
	args, typ := c.unify(args)
	if args == nil {
		return nil
	}
	return c.add(&term{op: opCoalesce, typ: typ, at: at, args: args})
}

func article(t Type) string {
	s := t.String()
	if strings.ContainsRune("aeiou", rune(s[0])) {
		return "an " + s
	}
	if t.Kind == Nothing {
		return s
	}
	return "a " + s
}

func compileRegexp(text string) (*regexp.Regexp, error) {
	if len(text) > 512 {
		return nil, fmt.Errorf("the pattern has %d characters, more than 512", len(text))
	}
	re, err := regexp.Compile(text)
	if err != nil {
		return nil, fmt.Errorf("%s (patterns are RE2, as in Go)", strings.TrimPrefix(err.Error(), "error parsing regexp: "))
	}
	return re, nil
}
