package rules

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/vm"

	"ratemill/normalize"
	"ratemill/rules/record"
)

// vmProgram is a term compiled to a program of expr's virtual machine. The machine runs control flow (and, or, not,
// ?:, loops over lists); everything else is a call of Runner.apply. It runs terms that closures cannot run, and is
// the reference for those that they can.
type vmProgram struct {
	term    *term
	program *vm.Program
}

type vmEnv struct{ R *Runner }

func newProgram(t *term) *vmProgram {
	var b strings.Builder
	write(&b, t)
	root := t.root
	p, err := expr.Compile(b.String(), expr.Env(vmEnv{}), expr.Optimize(false), expr.DisableAllBuiltins(),
		expr.EnableBuiltin("any"), expr.EnableBuiltin("all"), expr.EnableBuiltin("none"), expr.EnableBuiltin("one"),
		expr.EnableBuiltin("count"), expr.EnableBuiltin("filter"), expr.EnableBuiltin("map"), expr.EnableBuiltin("find"),
		expr.Function("op", func(params ...any) (any, error) {
			r, t := params[0].(*Runner), root.terms[params[1].(int)]
			args := make([]value, len(params)-2)
			for i, p := range params[2:] {
				args[i] = unboxed(p)
			}
			v := r.apply(t, args)
			return v, r.stops()
		}),
		expr.Function("truth", func(params ...any) (any, error) {
			r, t := params[0].(*Runner), root.terms[params[1].(int)]
			return r.truth(t, unboxed(params[2])), r.stops()
		}, new(func(*Runner, int, any) bool)),
		expr.Function("list", func(params ...any) (any, error) {
			v := unboxed(params[0])
			if v.kind != List { // the argument failed, within a try
				return []any{}, nil
			}
			items := v.raw.Items
			list := make([]any, len(items))
			for i := range items {
				list[i] = value{kind: Field, raw: &items[i]}
			}
			return list, nil
		}, new(func(any) []any)),
		expr.Function("missing", func(params ...any) (any, error) { return unboxed(params[0]).missing(), nil }, new(func(any) bool)),
		expr.Function("total", func(params ...any) (any, error) {
			r := params[0].(*Runner)
			return total(r, root.terms[params[1].(int)], params[2].([]any)), r.stops()
		}),
		expr.Function("begun", func(params ...any) (any, error) {
			r := params[0].(*Runner)
			r.trying++
			return r.failed.term == nil, nil
		}),
		expr.Function("held", func(params ...any) (any, error) {
			r, t := params[0].(*Runner), root.terms[params[1].(int)]
			r.trying--
			if r.held = unboxed(params[3]); r.failed.term != nil && params[2].(bool) {
				r.fellBack(t.level, t.index)
				return false, nil
			}
			return true, nil
		}, new(func(*Runner, int, any, any) bool)),
		expr.Function("taken", func(params ...any) (any, error) { return params[0].(*Runner).held, nil }),
	)
	if err != nil {
		panic(fmt.Sprintf("rules: %s does not compile: %v", b.String(), err))
	}
	return &vmProgram{t, p}
}

// errFailed stops the machine; the reason is in Runner.failed.
var errFailed = errors.New("failed")

// stops returns the error that stops the machine after a failure, unless the failure is within a try.
func (r *Runner) stops() error {
	if r.failed.term != nil && r.trying == 0 {
		return errFailed
	}
	return nil
}

// missing makes coalesce continue with the next value, because this one is absent or a text that means absent.
func (v value) missing() bool {
	switch {
	case v.kind == Text:
		return normalize.Absent(octetsOf(v.s))
	case v.kind == Field && v.raw.Kind == record.Text:
		return normalize.Absent(v.raw.Text)
	}
	return v.absent()
}

// truth returns the value of a condition; a missing value is a failure.
func (r *Runner) truth(t *term, v value) bool {
	if v.kind == Nothing {
		r.fail(t, t.source()+" has no value; give a default: "+t.source()+" ?? false")
	}
	return v.n != 0
}

func (p *vmProgram) run(r *Runner) value {
	if r.running == len(r.machines) {
		r.machines = append(r.machines, &vm.VM{})
	}
	r.running++
	trying := r.trying
	r.trying = 0
	out, err := r.machines[r.running-1].Run(p.program, vmEnv{r})
	r.running, r.trying = r.running-1, trying
	if r.failed.term != nil {
		return value{}
	}
	if err != nil {
		reason := "the lists of the record are too long for this rule"
		if i := strings.IndexByte(err.Error(), '\n'); i > 0 && !errors.Is(err, errFailed) {
			reason += " (" + err.Error()[:i] + ")"
		}
		return r.fail(p.term, reason)
	}
	v := unboxed(out)
	if v.kind == Nothing && p.term.typ.Kind == Field {
		v = value{kind: Field, raw: &nothing}
	}
	return v
}

// total returns the sum of a list's values.
func total(r *Runner, t *term, list []any) value {
	sum := value{kind: t.typ.Kind, aux: uint8(t.typ.Unit)}
	for _, p := range list {
		v := unboxed(p)
		if v.kind == Nothing {
			source := t.args[1].source()
			return r.fail(t.args[1], source+" has no value; give a default: "+source+" ?? …")
		}
		if v.kind == Decimal {
			d, err := sum.d.Add(v.d)
			if err != nil {
				return r.fail(t, err.Error())
			}
			sum.d = d
			continue
		}
		n, ok := integers(opAdd, sum.n, v.n)
		if !ok {
			return r.fail(t, errOverflow.Error())
		}
		sum.n = n
	}
	return sum
}

func unboxed(p any) value {
	switch p := p.(type) {
	case value:
		return p
	case bool:
		return boolValue(p)
	case int:
		return intValue(int64(p))
	case []any:
		raw := &record.Value{Kind: record.List, Items: make([]record.Value, len(p))}
		for i, v := range p {
			raw.Items[i] = *unboxed(v).raw
		}
		return listValue(raw)
	}
	return value{}
}

// write translates a term to expr's language.
func write(b *strings.Builder, t *term) {
	infix := func(sign string) {
		b.WriteByte('(')
		writeTruth(b, t.args[0])
		b.WriteString(sign)
		writeTruth(b, t.args[1])
		b.WriteByte(')')
	}
	switch t.op {
	case opAnd:
		infix(" and ")
	case opOr:
		infix(" or ")
	case opNot:
		b.WriteString("(not ")
		writeTruth(b, t.args[0])
		b.WriteByte(')')
	case opChoose:
		b.WriteByte('(')
		writeTruth(b, t.args[0])
		b.WriteString(" ? ")
		write(b, t.args[1])
		b.WriteString(" : ")
		write(b, t.args[2])
		b.WriteByte(')')
	case opCoalesce:
		for _, a := range t.args[:len(t.args)-1] {
			b.WriteString("(missing(")
			write(b, a)
			b.WriteString(") ? ")
		}
		write(b, t.args[len(t.args)-1])
		for i := len(t.args) - 2; i >= 0; i-- {
			b.WriteString(" : ")
			write(b, t.args[i])
			b.WriteByte(')')
		}
	case opTry:
		number := "R, " + strconv.Itoa(t.id)
		b.WriteString("(held(" + number + ", begun(R), ")
		write(b, t.args[0])
		b.WriteString(") ? taken(R) : ")
		write(b, t.args[1])
		b.WriteByte(')')
	case opPointer:
		b.WriteByte('#')
	case opPredicate:
		writePredicate(b, t)
	default:
		b.WriteString("op(R, " + strconv.Itoa(t.id))
		for _, a := range t.args {
			b.WriteString(", ")
			write(b, a)
		}
		b.WriteByte(')')
	}
}

// writeTruth translates a condition, so that the machine sees a bool.
func writeTruth(b *strings.Builder, t *term) {
	switch t.op {
	case opAnd, opOr, opNot, opPredicate:
		write(b, t)
		return
	}
	b.WriteString("truth(R, " + strconv.Itoa(t.id) + ", ")
	write(b, t)
	b.WriteByte(')')
}

func writePredicate(b *strings.Builder, t *term) {
	name := t.name
	if name == "sum" {
		b.WriteString("total(R, " + strconv.Itoa(t.id) + ", ")
		name = "map"
	}
	b.WriteString(name + "(list(")
	write(b, t.args[0])
	b.WriteString("), {")
	if t.name == "sum" {
		write(b, t.args[1])
	} else {
		writeTruth(b, t.args[1])
	}
	b.WriteString("})")
	if t.name == "sum" {
		b.WriteByte(')')
	}
}
