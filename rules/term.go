package rules

import (
	"regexp"

	"ratemill/internal/diag"
)

// op is what a term does.
type op uint8

const (
	opConst   op = iota
	opField      // a field of the record
	opElement    // the element of a fan-out
	opLet
	opOut // a field of the usage record that an entry before has set
	opFileName
	opMember // of a map: args[0]
	opIndex  // of a list by number: args[0], args[1]
	opLookup // of a table by text: args[0]
	opCall
	opAnd
	opOr
	opNot
	opChoose // args[0] ? args[1] : args[2]
	opEqual
	opUnequal
	opLess
	opLessEqual
	opGreater
	opGreaterEqual
	opAdd
	opSubtract
	opMultiply
	opDivide
	opRemainder
	opNegate
	opIn // args[0] in a constant set, or in the list args[1]
	opContains
	opStartsWith
	opEndsWith
	opMatches
	opSlice     // args[0] from args[1] to args[2]
	opText      // a Field as text
	opList      // a Field as list
	opPromote   // an Int as Decimal
	opCoalesce  // the first of args that is there
	opTry       // args[0], or args[1] where that fails; index is its note
	opPredicate // any, all, … over the list args[0]; args[1] is the body
	opPointer   // the element of the innermost predicate
)

// term is a node of a checked expression: its names are resolved, its types are known, and every conversion is a node.
// From it come the closures (closure.go), the reference program for expr's VM (vm.go) and explanations.
type term struct {
	op      op
	typ     Type
	at      span
	args    []*term
	root    *expression
	id      int    // index in root.terms
	name    string // of what it names
	index   int    // slot, let, level, output
	set     map[string]bool
	ints    map[int64]bool
	regexp  *regexp.Regexp
	table   map[string]string
	fn      *Function
	bound   bound
	needed  int   // of the arguments of a call, those that are not optional; they come first
	value   value // of opConst
	shared  int   // where the result is kept for the same call elsewhere, from 1; 0: nowhere
	literal bool  // a number written in the rules: it takes the unit that its neighbour has
	level   int   // the deepest fan-out that it depends on

	dispatch *dispatch // of a condition that only asks for a subject's symbol: whose,
	symbols  []int32   // which,
	except   bool      // or all but which
}

func (t *term) constant() bool { return t.op == opConst }

// expression is a piece of rule text, checked and compiled.
type expression struct {
	text  diag.Text
	what  string // where it stands, for messages: drop, when, set at, let volume
	top   *term
	terms []*term
	reads []*term // the fields and variables that it mentions, each once
	level int
	named map[int]bool // where an argument by name has its colon

	eval eval
	test test // when top is a Bool
}

func (e *expression) add(t *term) *term {
	t.root, t.id = e, len(e.terms)
	for _, a := range t.args {
		t.level = max(t.level, a.level)
	}
	e.terms = append(e.terms, t)
	e.level = max(e.level, t.level)
	return t
}

// pos is where the term stands in the document.
func (t *term) pos() diag.Pos { return t.root.text.Sub(t.at.from, t.at.to-t.at.from) }

// source is the term's text.
func (t *term) source() string {
	r := []rune(t.root.text.Value)
	if t.at.from < 0 || t.at.to > len(r) || t.at.from >= t.at.to {
		return t.root.text.Value
	}
	return string(r[t.at.from:t.at.to])
}
