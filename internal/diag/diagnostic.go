package diag

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// File is a document: its name as people see it and its lines.
type File struct {
	Name  string
	lines []string
	above int // lines before the first of lines
}

// NewFile makes a File of a document's text.
func NewFile(name string, text []byte) *File {
	return &File{Name: name, lines: strings.Split(strings.ReplaceAll(string(text), "\r\n", "\n"), "\n")}
}

// Excerpt makes a File of which one line is known, for documents too long to be held.
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

// Pos is a stretch of a File. Line and Column count from 1, Column and Length in characters. The zero Pos is nowhere.
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

// Severity is how bad a Diagnostic is.
type Severity uint8

// An Error stops the document from being used, a Warning does not.
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

// Diagnostic is one thing that is wrong.
type Diagnostic struct {
	Pos      Pos
	Severity Severity
	Message  string // what is wrong and, in the same sentence, what to do
	Hint     string // a second line, where one helps
}

func (d Diagnostic) Error() string {
	if at := d.Pos.String(); at != "" {
		return at + ": " + d.Message
	}
	return d.Message
}

// List is what was found in one or several documents. The zero List is ready; add by Errorf and Warnf.
type List []Diagnostic

// Errorf adds an error and returns it, so that a hint can be added.
func (l *List) Errorf(at Pos, format string, args ...any) *Diagnostic {
	return l.add(Diagnostic{Pos: at, Message: fmt.Sprintf(format, args...)})
}

// Warnf adds a warning.
func (l *List) Warnf(at Pos, format string, args ...any) *Diagnostic {
	return l.add(Diagnostic{Pos: at, Severity: Warning, Message: fmt.Sprintf(format, args...)})
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

// HasErrors says that there is at least one error.
func (l List) HasErrors() bool { return l.Errors() > 0 }

// Sort orders by file, line and column, and drops what was said twice.
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

// Err is the errors of the list as one error, in the printed form, or nil.
func (l List) Err() error {
	if !l.HasErrors() {
		return nil
	}
	var b strings.Builder
	Print(&b, l, Options{})
	return errors.New(strings.TrimRight(b.String(), "\n"))
}
