package diag

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// File is a document: its name for people and its lines.
type File struct {
	Name  string
	lines []string
	above int  // lines before the first of lines
	plain bool // all of it is ASCII
}

// NewFile makes a File of a document's text.
func NewFile(name string, text []byte) *File {
	return &File{Name: name, lines: strings.Split(strings.ReplaceAll(string(text), "\r\n", "\n"), "\n"),
		plain: !slices.ContainsFunc(text, func(b byte) bool { return b >= utf8.RuneSelf })}
}

// Excerpt makes a File with one known line, for documents too long to be kept.
func Excerpt(name string, line int, text string) *File {
	return &File{Name: name, lines: []string{text}, above: line - 1}
}

// Line is the text of a line, 1 for the first, or "".
func (f *File) Line(n int) string {
	if f == nil || n <= f.above || n > f.above+len(f.lines) {
		return ""
	}
	return f.lines[n-f.above-1]
}

// Pos is a range in a File. Line and Column count from 1, Column and Length in characters. The zero Pos is nowhere.
type Pos struct {
	File                 *File
	Line, Column, Length int
}

// String is file:line:column.
func (p Pos) String() string {
	switch {
	case p.File == nil:
		return ""
	case p.Line == 0:
		return p.File.Name
	}
	return fmt.Sprintf("%s:%d:%d", p.File.Name, p.Line, p.Column)
}

// Severity is the severity of a Diagnostic.
type Severity uint8

// An Error prevents the use of the document, a Warning does not.
const (
	Error Severity = iota
	Warning
)

func (s Severity) String() string {
	if s == Warning {
		return "warning"
	}
	return "error"
}

// Diagnostic is one error or warning.
type Diagnostic struct {
	Pos      Pos
	Severity Severity
	Message  string // the error and, in the same sentence, its remedy
	Hint     string // a second line, if useful

	format string // common part of the message and those of other rows
}

func (d Diagnostic) Error() string {
	if at := d.Pos.String(); at != "" {
		return at + ": " + d.Message
	}
	return d.Message
}

// List is the diagnostics of one or several documents. The zero List is ready to use; add with Errorf and Warnf.
type List []Diagnostic

// Errorf adds an error and returns it, so that a hint can be added.
func (l *List) Errorf(at Pos, format string, args ...any) *Diagnostic {
	return l.add(Diagnostic{Pos: at, Message: fmt.Sprintf(format, args...), format: format})
}

// Warnf adds a warning.
func (l *List) Warnf(at Pos, format string, args ...any) *Diagnostic {
	return l.add(Diagnostic{Pos: at, Severity: Warning, Message: fmt.Sprintf(format, args...), format: format})
}

func (l *List) add(d Diagnostic) *Diagnostic {
	d.Message = maskedURLs(d.Message)
	*l = append(*l, d)
	return &(*l)[len(*l)-1]
}

// Errors is the number of errors, Warnings of warnings.
func (l List) Errors() int { return len(l) - l.Warnings() }

// Warnings is the number of warnings.
func (l List) Warnings() int {
	n := 0
	for _, d := range l {
		if d.Severity == Warning {
			n++
		}
	}
	return n
}

// HasErrors reports whether there is at least one error.
func (l List) HasErrors() bool { return l.Errors() > 0 }

// ErrorAt reports whether there is an error at a position. What a reader could not read has no value, so findings about that value
// would repeat the mistake in other words.
func (l List) ErrorAt(at Pos) bool {
	return slices.ContainsFunc(l, func(d Diagnostic) bool { return d.Severity == Error && d.Pos == at })
}

// Sort orders by file, line and column, and removes repetitions.
func (l *List) Sort() {
	slices.SortStableFunc(*l, func(a, b Diagnostic) int {
		return cmp.Or(cmp.Compare(a.Pos.name(), b.Pos.name()), cmp.Compare(a.Pos.Line, b.Pos.Line),
			cmp.Compare(a.Pos.Column, b.Pos.Column), cmp.Compare(a.Severity, b.Severity))
	})
	*l = slices.CompactFunc(*l, func(a, b Diagnostic) bool {
		return a.Pos == b.Pos && a.Severity == b.Severity && a.Message == b.Message
	})
}

func (p Pos) name() string {
	if p.File == nil {
		return ""
	}
	return p.File.Name
}

// Err is the errors of the list as one printed error, or nil.
func (l List) Err() error {
	if !l.HasErrors() {
		return nil
	}
	var b strings.Builder
	Print(&b, l, Options{})
	return errors.New(strings.TrimRight(b.String(), "\n"))
}

// News returns the diagnostics of more for places at which l has none.
func (l List) News(more List) (news List) {
	for _, d := range more {
		if !slices.ContainsFunc(l, func(o Diagnostic) bool { return o.Pos == d.Pos }) {
			news = append(news, d)
		}
	}
	return news
}
