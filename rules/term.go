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
	opCoalesce  // the first present one of args
	opTry       // args[0], or args[1] if that fails; index is its note
	opPredicate // any, all, … over the list args[0]; args[1] is the body
	opPointer   // the element of the innermost predicate
)

// term is a node of a checked expression: names are resolved, types are known, and every conversion is a node. Closures
// (closure.go), the reference program for expr's VM (vm.go) and explanations are made from it.
type term struct {
	op      op
	typ     Type
	at      span
	args    []*term
	root    *expression
	id      int    // index in root.terms
	name    string // of the name
	index   int    // slot, let, level, output
	set     map[string]bool
	ints    map[int64]bool
	regexp  *regexp.Regexp
	table   map[string]string
	fn      *Function
	bound   bound
	needed  int   // of a call's arguments, the required ones; they come first
	value   value // of opConst
	shared  int   // where the result is cached for the same call elsewhere, from 1; 0: nowhere
	literal bool  // a number literal: it takes the unit of its neighbour
	level   int   // the deepest fan-out on which it depends

	dispatch *dispatch // for a condition that only tests a subject's symbol: the subject
	symbols  []int32   // which,
	except   bool      // or all except these
}

func (t *term) constant() bool { return t.op == opConst }

// expression is a part of a rule, checked and compiled.
type expression struct {
	text  diag.Text
	what  string // its position, for messages: drop, when, set at, let volume
	top   *term
	terms []*term
	reads []*term // the fields and variables in it, each once
	level int
	named map[int]bool // positions of the colons of named arguments

	eval eval
	test test // if top is a Bool
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

// pos is the term's position in the document.
func (t *term) pos() diag.Pos { return t.root.text.Sub(t.at.from, t.at.to-t.at.from) }

// source is the term's text.
func (t *term) source() string {
	r := []rune(t.root.text.Value)
	if t.at.from < 0 || t.at.to > len(r) || t.at.from >= t.at.to {
		return t.root.text.Value
	}
	return string(r[t.at.from:t.at.to])
}
