package rules

import (
	"errors"
	"slices"
	"strings"

	"ratemill/udr"
)

// Function is a function of the rule language. Each function is declared once: normalizers in package normalize,
// next to their implementation, and the others in functions_core.go. check and the documentation use these
// declarations.
type Function struct {
	Name   string
	Group  string // its heading in the documentation
	Params []Param
	Result Type
	Doc    string
	// Suspends describes the arguments for which a record is suspended, if Doc does not.
	Suspends string
	Example  string

	// absorbs means that an absent required argument makes the result absent without a call.
	absorbs bool
	// bind prepares a call when the rules are loaded, with the constants known then. It is nil for functions that the
	// checker converts to terms.
	bind func(*binding) (bound, Type, error)
}

// Param is a parameter of a function.
type Param struct {
	Name     string
	Kinds    []Kind
	Optional bool
	Constant bool // the argument must be a literal, because it is interpreted when the rules are loaded
	Folded   bool // if the argument is a literal, it is interpreted when the rules are loaded
	Variadic bool // the last parameter, which may be given any number of times
	Default  string
	Values   []string // the allowed values, if restricted
	Doc      string
}

// bound is a prepared call, with one of the following functions. It gets the arguments that are not Constant, and the
// Folded ones that are not literals.
type bound struct {
	one  func(*Runner, value) (value, error)
	many func(*Runner, []value) (value, error)
}

func (b bound) call(r *Runner, args []value) (value, error) {
	if b.one != nil {
		return b.one(r, args[0])
	}
	return b.many(r, args)
}

// binding is a call in a rule; args contains the arguments by parameter, nil for omitted ones.
type binding struct {
	args  []*term
	zone  *zone
	wrong int // number of the argument with the error, from 1
}

// word returns the constant text of an argument, or otherwise if the argument was omitted.
func (b *binding) word(i int, otherwise string) string {
	if b.has(i) {
		b.wrong = i + 1
		return b.args[i].value.s
	}
	return otherwise
}

// level returns the deepest level of the fan-out on which the arguments depend.
func (b *binding) level() (deepest int) {
	for _, a := range b.args {
		if a != nil {
			deepest = max(deepest, a.level)
		}
	}
	return deepest
}

func (b *binding) has(i int) bool { return i < len(b.args) && b.args[i] != nil }

// takesNothing reports whether the function accepts absent arguments instead of failing.
func (f *Function) takesNothing() bool { return f.Group == "absent" || f.Name == "text" }

func (p Param) takes(k Kind) bool { return slices.Contains(p.Kinds, k) || len(p.Kinds) == 0 }

func (p Param) kinds() string {
	words := make([]string, len(p.Kinds))
	for i, k := range p.Kinds {
		words[i] = article(Type{Kind: k})
		if k == Quantity {
			words[i] = "a quantity"
		}
	}
	return strings.Join(words, " or ")
}

func (f *Function) required() int {
	n := 0
	for _, p := range f.Params {
		if !p.Optional {
			n++
		}
	}
	return n
}

func (f *Function) variadic() bool {
	return len(f.Params) > 0 && f.Params[len(f.Params)-1].Variadic
}

func (f *Function) param(i int) Param { return f.Params[min(i, len(f.Params)-1)] }

func (f *Function) arity() string {
	n, most := f.required(), len(f.Params)
	switch {
	case f.variadic():
		return "at least " + plural(n, "argument")
	case n == most:
		return plural(n, "argument")
	}
	return plural(n, "argument")[:1] + " to " + plural(most, "argument")
}

// Signature returns the function's form in the documentation: octets(text, [unit], [rounding]) → quantity (B).
func (f *Function) Signature() string {
	var b strings.Builder
	b.WriteString(f.Name + "(")
	for i, p := range f.Params {
		if i > 0 {
			b.WriteString(", ")
		}
		switch {
		case p.Variadic:
			b.WriteString(p.Name + "…")
		case p.Optional:
			b.WriteString("[" + p.Name + "]")
		default:
			b.WriteString(p.Name)
		}
	}
	b.WriteString(")")
	if f.Result.Kind != Nothing {
		b.WriteString(" → " + f.Result.String())
	}
	return b.String()
}

// Functions returns all functions, by group and name.
func Functions() []*Function {
	all := slices.Clone(declared)
	slices.SortStableFunc(all, func(a, b *Function) int {
		if c := strings.Compare(a.Group, b.Group); c != 0 {
			return c
		}
		return strings.Compare(a.Name, b.Name)
	})
	return all
}

var declared = slices.Concat(textFunctions, numberFunctions, timeFunctions, normalizers())

// functions contains the declarations by name; declarations with the same name differ in their parameters.
var functions = func() map[string][]*Function {
	m := make(map[string][]*Function, len(declared))
	for _, f := range declared {
		m[f.Name] = append(m[f.Name], f)
	}
	return m
}()

func functionNames() []string {
	names := make([]string, 0, len(functions)+len(predicates))
	for n := range functions {
		names = append(names, n)
	}
	for n := range predicates {
		names = append(names, n)
	}
	return names
}

// Abbreviations for the declarations.

func text(name string) Param  { return Param{Name: name, Kinds: []Kind{Text, Phone, Country, Network}} }
func whole(name string) Param { return Param{Name: name, Kinds: []Kind{Int}} }

func word(name string) Param {
	return Param{Name: name, Kinds: []Kind{Text}, Optional: true, Constant: true}
}

func fixed(name string) Param { return Param{Name: name, Kinds: []Kind{Text}, Constant: true} }

func unary(t Type, call func(*Runner, value) (value, error)) func(*binding) (bound, Type, error) {
	return func(*binding) (bound, Type, error) { return bound{one: call}, t, nil }
}

func several(t Type, call func(*Runner, []value) (value, error)) func(*binding) (bound, Type, error) {
	return func(*binding) (bound, Type, error) { return bound{many: call}, t, nil }
}

var (
	aText       = Type{Kind: Text}
	anInt       = Type{Kind: Int}
	aDecimal    = Type{Kind: Decimal}
	aBool       = Type{Kind: Bool}
	aTime       = Type{Kind: Time}
	aPhone      = Type{Kind: Phone}
	aCountry    = Type{Kind: Country}
	aNetwork    = Type{Kind: Network}
	anID        = Type{Kind: Identifier}
	someOctets  = Type{Quantity, udr.Octet}
	someSeconds = Type{Quantity, udr.Second}
)

var errOverflow = errors.New("the number is out of range: an int has at most 64 bits")
