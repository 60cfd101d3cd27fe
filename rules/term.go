package rules

import (
	"regexp"

	"ratemill/diag"
)

// op is the operation of a term.
type op uint8

const (
	opConst   op = iota
	opField      // a field of the record
	opElement    // the element of a fan-out
	opLet
	opOut // a field of the usage record set by an earlier entry
	opFileName
	opMember // member of a map: args[0]
	opIndex  // element of a list by number: args[0], args[1]
	opLookup // entry of a table by text: args[0]
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
	opSlice     // part of args[0] from args[1] to args[2]
	opText      // a Field converted to text
	opList      // a Field converted to a list
	opPromote   // an Int converted to Decimal
	opCoalesce  // the first of args that is present
	opTry       // args[0], or args[1] if the first fails; index is the number of its note
	opPredicate // any, all, … over the list args[0]; args[1] is the body
	opPointer   // the element of the innermost predicate
)

// term is a node of a checked expression: names are resolved, types are known, and every conversion is a node of its
// own. Closures (closure.go), the reference program for expr's VM (vm.go) and explanations are created from it.
type term struct {
	op      op
	typ     Type
	at      span
	args    []*term
	root    *expression
	id      int    // index in root.terms
	name    string // of the name
	index   int    // slot, let, level or output
	set     map[string]bool
	ints    map[int64]bool
	regexp  *regexp.Regexp
	table   map[string]string
	fn      *Function
	bound   bound
	needed  int   // number of a call's required arguments, which come first
	value   value // of opConst
	shared  int   // where the result of the same call elsewhere is cached, from 1; 0: nowhere
	literal bool  // the term is a number literal, which takes the unit of the other operand
	level   int   // the deepest level of the fan-out on which it depends

	dispatch *dispatch // the subject, for a condition that only tests a subject's symbol
	symbols  []int32   // which,
	except   bool      // the condition holds for all symbols except these
}

func (t *term) constant() bool { return t.op == opConst }

// expression is a checked and compiled part of a rule.
type expression struct {
	text  diag.Text
	what  string // its place in the document, for messages: drop, when, set at, let volume
	top   *term
	terms []*term
	reads []*term // the fields and variables in it, each once
	level int
	named map[int]bool // positions of the colons of named arguments

	eval eval
	test test // compiled condition, if top is a Bool
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

// pos returns the term's position in the document.
func (t *term) pos() diag.Pos { return t.root.text.Sub(t.at.from, t.at.to-t.at.from) }

// source returns the term's text.
func (t *term) source() string {
	r := []rune(t.root.text.Value)
	if t.at.from < 0 || t.at.to > len(r) || t.at.from >= t.at.to {
		return t.root.text.Value
	}
	return string(r[t.at.from:t.at.to])
}
