package rules

import (
	"slices"
	"strings"

	"ratemill/diag"
)

// Plan describes how an expression runs, for `check -v`.
type Plan struct {
	Pos  diag.Pos
	What string // drop, when, set at, …
	Text string
	Type string
	Way  string // constant, slot, direct call, dispatch, closure, or expr's virtual machine with the reason
}

// Explain describes how each expression runs.
func (p *Program) Explain() []Plan {
	tables := map[*expression]*dispatch{}
	for _, s := range p.steps {
		if s.table == nil {
			continue
		}
		for _, a := range s.chain {
			if _, ok := leading(a.cond.top, !p.scope.typed)[s.table.dispatch]; ok {
				tables[a.cond] = s.table.dispatch
			}
		}
	}
	var plans []Plan
	for _, e := range p.exprs {
		plans = append(plans, Plan{Pos: e.text.Pos, What: e.what, Text: oneLine(e.text.Value), Type: e.top.typ.String(), Way: e.way(tables[e])})
	}
	return plans
}

// way returns how an expression runs. In a chain with a dispatch table, the table has already answered the question
// about the subject.
func (e *expression) way(table *dispatch) string {
	var w ways
	if table != nil {
		w.add("dispatch table by " + table.name)
		for _, c := range flatten(e.top) {
			if c.dispatch != table {
				w.term(c)
			}
		}
		return w.join(", then ")
	}
	switch top := e.top; {
	case top.constant():
		return "constant"
	case top.op == opField, top.op == opText && top.args[0].op == opField:
		return "slot"
	case top.op == opLet:
		return "slot of a variable"
	}
	w.term(e.top)
	return w.join("")
}

// ways collects how the terms of an expression run, each way once.
type ways struct {
	list            []string
	calls, machined []string
	closure         bool
}

func (w *ways) add(way string) {
	if !slices.Contains(w.list, way) {
		w.list = append(w.list, way)
	}
}

func (w *ways) term(t *term) {
	switch {
	case t.dispatch != nil:
		w.add("dispatch by " + t.dispatch.name)
		return
	case t.op == opPredicate:
		if !slices.Contains(w.machined, t.name) {
			w.machined = append(w.machined, t.name)
		}
		return
	case t.op == opCall:
		call := t.name
		if t.shared > 0 {
			call += " (once a record)"
		}
		if !slices.Contains(w.calls, call) {
			w.calls = append(w.calls, call)
		}
	case t.op == opConst, t.op == opField, t.op == opText, t.op == opLet, t.op == opElement, t.op == opFileName, t.op == opPromote,
		t.op == opList:
	default:
		w.closure = true
	}
	for _, a := range t.args {
		w.term(a)
	}
}

// join lists all ways in words, with after between the way of the table and the others.
func (w *ways) join(after string) string {
	rest := w.list
	var first string
	if after != "" {
		first, rest = w.list[0], w.list[1:]
	}
	if len(w.calls) > 0 {
		rest = append(rest, "direct call of "+strings.Join(w.calls, ", "))
	}
	if len(w.machined) > 0 {
		verb := " walk lists)"
		if len(w.machined) == 1 {
			verb = " walks a list)"
		}
		rest = append(rest, "expr's virtual machine ("+strings.Join(w.machined, ", ")+verb)
	}
	if w.closure || len(rest) == 0 && first == "" {
		rest = append(rest, "closure over slots")
	}
	if first != "" && len(rest) > 0 {
		return first + after + strings.Join(rest, "; ")
	}
	return first + strings.Join(rest, "; ")
}
