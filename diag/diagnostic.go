package diag

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// File is a document: its name for display, and its lines.
type File struct {
	Name  string
	lines []string
	above int  // number of lines before the first element of lines
	plain bool // the whole document is ASCII
}

// NewFile returns a File with a document's text.
func NewFile(name string, text []byte) *File {
	return &File{Name: name, lines: strings.Split(strings.ReplaceAll(string(text), "\r\n", "\n"), "\n"),
		plain: !slices.ContainsFunc(text, func(b byte) bool { return b >= utf8.RuneSelf })}
}

// Excerpt returns a File with a single known line, for documents too long to keep.
func Excerpt(name string, line int, text string) *File {
	return &File{Name: name, lines: []string{text}, above: line - 1}
}

// Line returns the text of a line, counted from 1, or "" if there is no such line.
func (f *File) Line(n int) string {
	if f == nil || n <= f.above || n > f.above+len(f.lines) {
		return ""
	}
	return f.lines[n-f.above-1]
}

// Pos is a range in a File. Line and Column count from 1; Column and Length are in characters. The zero Pos is
// no position.
type Pos struct {
	File                 *File
	Line, Column, Length int
}

// String returns file:line:column.
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

	format string // part of the message that messages about other rows have in common
}

func (d Diagnostic) Error() string {
	if at := d.Pos.String(); at != "" {
		return at + ": " + d.Message
	}
	return d.Message
}

// List contains the diagnostics of one or several documents. The zero List is ready to use; add with Errorf and
// Warnf.
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

// Errors returns the number of errors.
func (l List) Errors() int { return len(l) - l.Warnings() }

// Warnings returns the number of warnings.
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

// ErrorAt reports whether there is an error at a position. A value that could not be read has no meaning, so findings
// about it would repeat the mistake in other words.
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

// Err returns the errors of the list as one printed error, or nil.
func (l List) Err() error {
	if !l.HasErrors() {
		return nil
	}
	var b strings.Builder
	Print(&b, l, Options{})
	return errors.New(strings.TrimRight(b.String(), "\n"))
}

// News returns those diagnostics of more that are at places for which l has none.
func (l List) News(more List) (news List) {
	for _, d := range more {
		if !slices.ContainsFunc(l, func(o Diagnostic) bool { return o.Pos == d.Pos }) {
			news = append(news, d)
		}
	}
	return news
}
