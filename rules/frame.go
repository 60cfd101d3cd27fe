package rules

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"ratemill/diag"
	"ratemill/rules/record"
)

// Trailer recognises the record at the end of a file that contains the number of the other records.
type Trailer struct {
	p             *Program
	when, records *expression
}

// CompileTrailer checks the expressions of a trailer, which read the same fields as the rules. It must be called before
// the first decoder is opened, because it may add to the Layout.
func (p *Program) CompileTrailer(when, records diag.Text, l *diag.List) *Trailer {
	c := &compiler{Program: p, list: l}
	s := *p.scope
	s.lets, s.elements, s.outputs = nil, nil, nil
	own := *p
	own.scope = &s
	c.Program = &own
	t := &Trailer{p: p, when: c.check(when, "trailer when", Bool)}
	s.layout = &p.layout
	if !records.IsZero() {
		if t.records = c.check(records, "trailer records", Nothing); t.records != nil {
			if k := t.records.top.typ.Kind; k != Int && k != Quantity {
				l.Errorf(t.records.top.pos(), "a trailer's number of records is an int, not %s; write int(%s)", article(t.records.top.typ),
					t.records.top.source())
				return nil
			}
		}
	}
	if t.when == nil {
		return nil
	}
	t.when.compile()
	if t.records != nil {
		t.records.compile()
	}
	return t
}

// TrailerRunner runs a Trailer for one decoder.
type TrailerRunner struct {
	t *Trailer
	r *Runner
}

// Runner makes one.
func (t *Trailer) Runner() *TrailerRunner { return &TrailerRunner{t, t.p.NewRunner()} }

// Run reports whether a record is the trailer, and returns the number of records that it states (-1: none).
func (t *TrailerRunner) Run(rec *record.Record) (trailer bool, records int64, err error) {
	t.r.begin(rec)
	is := t.t.when.test(t.r)
	records = -1
	if is && t.t.records != nil {
		if v := t.t.records.eval(t.r); v.kind != Nothing {
			if records = v.n; records < 0 {
				records = math.MaxInt64 // not a count, but different from a missing one
			}
		}
	}
	if t.r.failed.term != nil {
		return false, -1, t.r.suspendError()
	}
	return is, records, nil
}

// FileExpression is an expression over a file's name.
type FileExpression struct {
	p *Program
	e *expression
}

// CompileFileExpression checks and compiles a FileExpression.
func CompileFileExpression(text diag.Text, l *diag.List) *FileExpression {
	p := &Program{}
	p.scope = &scope{layout: &p.layout, fileOnly: true, used: map[string]diag.Pos{}}
	e := p.scope.check(text, "from", l)
	if e == nil {
		return nil
	}
	if k := e.top.typ.Kind; k != Text && k != Int {
		l.Errorf(e.top.pos(), "a number or its digits are needed here, not %s", article(e.top.typ))
		return nil
	}
	e.compile()
	return &FileExpression{p, e}
}

// Int returns the number in a file's name.
func (f *FileExpression) Int(name string) (int64, error) {
	r := f.p.NewRunner()
	r.File(name, time.Time{})
	r.begin(&record.Record{})
	v := f.e.eval(r)
	if r.failed.term != nil {
		return 0, errors.New(r.failed.reason)
	}
	if v.kind == Text {
		digits := strings.TrimSpace(v.s)
		if digits == "" || strings.Trim(digits, "0123456789") != "" {
			return 0, fmt.Errorf("%s is not a whole number: digits are needed, and nothing else", quote(v.s))
		}
		n, err := toInt(r, v)
		if err != nil {
			return 0, err
		}
		v = n
	}
	if v.n < 0 {
		return 0, fmt.Errorf("%d is negative; leave the character before the digits out", v.n)
	}
	return v.n, nil
}
