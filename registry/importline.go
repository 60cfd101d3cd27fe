package registry

import (
	"slices"

	"ratemill/diag"
)

// Place is a line in a file.
type Place struct {
	File string
	Line int
}

// Line is a line of an import with its result.
type Line struct {
	Place
	Result LineResult
	Why    string // reason, if the line is refused
}

// LineResult is the result of a line of an import.
type LineResult uint8

// The results.
const (
	Unchanged LineResult = iota // the registry already contains everything in the line
	Changed                     // the line created or withdrew facts
	Refused
	LeftOut // by ImportOptions
)

var lineResults = [...]string{"unchanged", "changed", "refused", "left out"}

// String describes the result for display.
func (r LineResult) String() string { return lineResults[r] }

// report collects the results of lines.
type report struct {
	asked    bool
	leaveOut map[Place]bool
	portion  Portion
	seen     int // lines about SIMs

	places  []Place
	changed map[Place]bool
	current Place
}

// take processes a row unless it is left out.
func (im *importer) take(s *section, r *row) {
	if s.only != 0 && namesSIM(r) != (s.only == ofSIM) {
		return
	}
	p := Place{r.file, r.line}
	if r.whole.File != nil {
		p = Place{r.whole.File.Name, r.whole.Line}
	}
	rep := &im.report
	if s.aboutSIMs() {
		at := rep.seen
		rep.seen++
		if rep.portion != (Portion{}) && (at < rep.portion.First || at >= rep.portion.Last) {
			return
		}
	} else if rep.portion.First > 0 && s.file != accountsFile && s.file != companiesFile {
		return // the line belonged to the first portion
	}
	if rep.current = p; rep.asked {
		rep.places = append(rep.places, p)
	}
	if !rep.leaveOut[p] {
		r.section = s
		s.row(im, r)
	}
}

// touch records that the current row creates a fact.
func (im *importer) touch() {
	if rep := &im.report; rep.asked {
		if rep.changed == nil {
			rep.changed = map[Place]bool{}
		}
		rep.changed[rep.current] = true
	}
}

// lines returns the results of the lines, in the order in which they were read.
func (rep *report) lines(list diag.List) []Line {
	if !rep.asked {
		return nil
	}
	refused := map[Place]string{}
	for _, d := range list {
		if d.Severity != diag.Error || d.Pos.File == nil {
			continue
		}
		p := Place{d.Pos.File.Name, d.Pos.Line}
		if refused[p] != "" {
			refused[p] += "; "
		}
		refused[p] += d.Message + d.Hint
	}
	all := make([]Line, 0, len(rep.places))
	for _, p := range rep.places {
		line := Line{Place: p, Why: refused[p]}
		switch {
		case line.Why != "":
			line.Result = Refused
		case rep.leaveOut[p]:
			line.Result = LeftOut
		case rep.changed[p]:
			line.Result = Changed
		}
		all = append(all, line)
	}
	return slices.Clip(all)
}

// Wrong returns the lines that have errors in a list, and false if an error belongs to no line.
func Wrong(list diag.List) (lines map[Place]bool, all bool) {
	lines, all = map[Place]bool{}, true
	for _, d := range list {
		switch {
		case d.Severity != diag.Error:
		case d.Pos.File == nil || d.Pos.Line == 0:
			all = false
		default:
			lines[Place{d.Pos.File.Name, d.Pos.Line}] = true
		}
	}
	return lines, all
}
