package rules

import (
	"math/bits"
	"strings"

	"ratemill/normalize"
	"ratemill/rules/record"
	"ratemill/udr"
)

// Notes is the set of guesses that the rules made about a record with incomplete data: bit i is the i-th note of
// Program.Notes. Every guess is reported: each usage record contains its notes in the attribute NotesAttribute,
// and the mediator counts them for each file.
type Notes uint64

// NotesAttribute is the name of the attribute that contains the notes of a usage record.
const NotesAttribute = "notes"

// The notes that every program has. Further notes are fallback:NAME, where NAME is the field or variable whose
// expression failed and was replaced.
const (
	timeTwice   = iota // the zone's clocks showed the time twice
	timeMissing        // the zone's clocks never showed the time
	spansLines         // the record has a quoted field with line breaks
	firstFallback
)

var standardNotes = [firstFallback]string{timeTwice: "time_twice", timeMissing: "time_missing", spansLines: "spans_lines"}

const mostNotes = 64

// Notes returns the words of all notes that the program can produce.
func (p *Program) Notes() []string { return append(standardNotes[:], p.scope.fallbacks...) }

// Each calls do with the word of each note in the set.
func (n Notes) Each(p *Program, do func(word string)) {
	for ; n != 0; n &= n - 1 {
		do(p.note(bits.TrailingZeros64(uint64(n))))
	}
}

func (p *Program) note(i int) string {
	if i < firstFallback {
		return standardNotes[i]
	}
	return p.scope.fallbacks[i-firstFallback]
}

// fallback returns the number of the note for a fallback of the named expression. All notes beyond the limit share
// the last number.
func (s *scope) fallback(what string) int {
	word := "fallback:" + strings.ReplaceAll(strings.TrimPrefix(strings.TrimPrefix(what, "set "), "let "), " ", "_")
	if len(s.fallbacks) == mostNotes-firstFallback-1 {
		word = "fallback:other"
	}
	for i, w := range s.fallbacks {
		if w == word {
			return firstFallback + i
		}
	}
	s.fallbacks = append(s.fallbacks, word)
	return firstFallback + len(s.fallbacks) - 1
}

// noted keeps a note for as long as its value: a note on a value that depends on the record alone applies to all usage
// records of a fan-out, because the value is computed only once. Evaluations after a failure record no notes.
func (r *Runner) noted(level, note int) {
	if r.failed.term == nil {
		r.notes[level] |= 1 << note
	}
}

// moment returns a time, and adds a note if its zone's clocks did not show it exactly once.
func (r *Runner) moment(level int, m normalize.Moment, err error) (value, error) {
	switch m.Note {
	case normalize.Ambiguous:
		r.noted(level, timeTwice)
	case normalize.Missing:
		r.noted(level, timeMissing)
	}
	return value{kind: Time, n: m.Nano}, err
}

// fellBack removes the current failure of an expression at a level, and records a note.
func (r *Runner) fellBack(level, note int) {
	if r.trace != nil {
		r.step(Step{Kind: "note", Name: r.p.note(note), Value: r.failed.reason})
	}
	r.failed = failure{}
	r.noted(level, note)
}

// tell stores the notes about a usage record in its attribute.
func (r *Runner) tell(u *udr.Usage, out *Outcome) {
	var notes Notes
	for _, n := range r.notes {
		notes |= n
	}
	if notes == 0 {
		return
	}
	out.Notes |= notes
	from := len(r.buf)
	for n := notes; n != 0; n &= n - 1 {
		if len(r.buf) > from {
			r.buf = append(r.buf, ' ')
		}
		r.buf = append(r.buf, r.p.note(bits.TrailingZeros64(uint64(n)))...)
	}
	u.Attributes = append(u.Attributes, udr.Attribute{Name: NotesAttribute, Value: r.kept(from)})
	if r.trace != nil {
		for i, meaning := range [...]string{timeTwice: "the clocks of the zone showed a time of this record twice; the rules choose " +
			"which one is meant (ambiguous)",
			timeMissing: "the clocks of the zone never showed a time of this record; it was read as if they had not been set (missing)",
			spansLines:  "a quoted field of the record holds line breaks (csv.multiline); check whether it is one record"} {
			if notes&(1<<i) != 0 {
				r.step(Step{Kind: "note", Name: standardNotes[i], Value: meaning})
			}
		}
	}
}

// unread returns the value of a field whose expression failed: the text that a function could not read, or else the
// first field in the expression.
func (r *Runner) unread(e *expression) value {
	if r.failed.given != "" {
		return textValue(r.failed.given)
	}
	for _, t := range e.reads {
		var raw *record.Value
		switch {
		case t.op == opField:
			raw = &r.fields[t.index]
		case t.op == opMember && t.args[0].op == opElement:
			raw = r.elements[t.args[0].index].Get(t.name)
		default:
			continue
		}
		if s, ok := scalarText(raw); ok && s != "" {
			return textValue(s)
		}
	}
	return textValue("")
}
