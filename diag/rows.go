package diag

import (
	"fmt"
	"strings"
	"unicode"
)

// The numbers of diagnostics of one kind that Print shows for the rows of a CSV file. Each error must be found in
// its row, but thousands of errors have one cause.
const (
	shownWarnings = 3
	shownErrors   = 20
)

// kind is what diagnostics about the rows of a file have in common.
type kind struct {
	file     string
	severity Severity
	says     string // the format of the message
}

// summed returns the list with the first few of each kind of diagnostic about the rows of a CSV file; the first one
// also states the number of the others.
func (l List) summed() List {
	found := map[kind][]int{}
	for i, d := range l {
		if strings.HasSuffix(d.Pos.name(), ".csv") && d.Pos.Line > 1 {
			k := kind{d.Pos.name(), d.Severity, d.kind()}
			found[k] = append(found[k], i)
		}
	}
	out := make(List, 0, len(l))
	for i, d := range l {
		if !strings.HasSuffix(d.Pos.name(), ".csv") || d.Pos.Line <= 1 {
			out = append(out, d)
			continue
		}
		of := found[kind{d.Pos.name(), d.Severity, d.kind()}]
		shown := shownErrors
		if d.Severity == Warning {
			shown = shownWarnings
		}
		switch {
		case len(of) <= shown+1 || i < of[shown]:
			out = append(out, d)
		case i == of[shown]:
			last := l[of[len(of)-1]].Pos.Line
			out = append(out, Diagnostic{Pos: Pos{File: NewFile(d.Pos.name(), nil), Line: d.Pos.Line, Column: d.Pos.Column}, Severity: d.Severity,
				Message: fmt.Sprintf("%d more rows up to line %d have a %s like the %d before", len(of)-shown, last, d.Severity, shown)})
		}
	}
	return out
}

// kind returns the format of a message, or the message itself if the format has no words of its own.
func (d *Diagnostic) kind() string {
	words := strings.NewReplacer("%v", "", "%s", "", "%w", "", "%q", "", "%d", "").Replace(d.format)
	if strings.IndexFunc(words, unicode.IsLetter) < 0 {
		return d.Message
	}
	return d.format
}
