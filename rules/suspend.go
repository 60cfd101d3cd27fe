package rules

import (
	"fmt"
	"strings"
	"time"

	"ratemill/udr"
)

// suspendError describes the failure of the current record.
func (r *Runner) suspendError() *udr.SuspendError {
	t := r.failed.term
	return r.suspended("rule", t.root, t, r.failed.reason)
}

func (r *Runner) suspended(code string, e *expression, t *term, reason string) *udr.SuspendError {
	return &udr.SuspendError{
		Code: code, Rule: e.what + ": " + bounded(oneLine(e.text.Value), 160), Position: t.pos().String(),
		Values: r.reads(e), Reason: bounded(reason, 512),
	}
}

// unmatched reports that no condition of a chain holds.
func (r *Runner) unmatched(s *mapStep) *udr.SuspendError {
	var reads []string
	for _, a := range s.chain {
		for _, w := range strings.Split(r.reads(a.cond), ", ") {
			if w != "" && !contains(reads, w) {
				reads = append(reads, w)
			}
		}
	}
	return &udr.SuspendError{
		Code: "unmatched", Rule: "map", Position: s.at.String(), Values: bounded(strings.Join(reads, ", "), longestValues),
		Reason: "none of the " + plural(len(s.chain), "condition") + " here holds; add a when for such records, or an otherwise",
	}
}

func contains(list []string, s string) bool {
	for _, l := range list {
		if l == s {
			return true
		}
	}
	return false
}

// missing reports that a required field has no value.
func (r *Runner) missing(field int) *udr.SuspendError {
	name := udr.Fields()[field].Name
	if err := r.aboutField(field, "required", name+" has no value, and a usage record needs one"); err != nil {
		return err
	}
	return &udr.SuspendError{Code: "required", Reason: name + " has no value; no rule set it for this record"}
}

// outOfTime reports that the time of use is too far from the file's time.
func (r *Runner) outOfTime(at int64) *udr.SuspendError {
	distance := udr.Instant(at).Time().Sub(udr.Instant(r.state.Modified).Time()) // the difference of two Times is at most 292 years
	bound, word, setting := r.p.times.Ahead, "after", "ahead"
	if distance < 0 {
		distance, bound, word, setting = -distance, r.p.times.Back, "before", "back"
	}
	const day = 24 * time.Hour
	if distance/day != bound/day {
		distance = distance.Truncate(day)
	}
	reason := fmt.Sprintf("at is %s, %s %s its file was last changed (%s), and times.%s allows %s; correct the rule that reads it or, "+
		"if the carrier sends such usage, raise times.%s",
		udr.Instant(at), inDays(distance), word, udr.Instant(r.state.Modified).Time().Truncate(time.Second).Format(time.RFC3339), setting,
		inDays(bound), setting)
	field, _ := udr.FieldByName("at")
	return r.aboutField(field, "time", reason)
}

// inDays formats 36 hours as 1 day 12h.
func inDays(d time.Duration) string {
	days, rest := d/(24*time.Hour), (d % (24 * time.Hour)).Round(time.Second)
	words := rest.String()
	for _, nothing := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(words, nothing) {
			words = words[:len(words)-2]
		}
	}
	switch {
	case days == 0:
		return words
	case rest == 0:
		return plural(int(days), "day")
	}
	return plural(int(days), "day") + " " + words
}

// aboutField reports an error about a field, with the rule that sets the field, or nil if none does.
func (r *Runner) aboutField(field int, code, reason string) *udr.SuspendError {
	for _, s := range r.p.steps {
		for _, a := range append(append([]*action{s.always}, s.chain...), s.otherwise) {
			if a == nil {
				continue
			}
			for _, set := range a.sets {
				if set.field == field {
					e := set.expr
					return &udr.SuspendError{Code: code, Rule: e.what + ": " + bounded(oneLine(e.text.Value), 160), Position: e.top.pos().String(),
						Values: r.reads(e), Reason: reason}
				}
			}
		}
	}
	return nil
}

// longestValues limits the values shown in an error.
const longestValues = 256

// reads returns the values that an expression reads, as text: up "1200", down "".
func (r *Runner) reads(e *expression) string {
	if e == nil {
		return ""
	}
	failed := r.failed
	var b strings.Builder
	for _, t := range e.reads {
		var v value
		switch t.op {
		case opField:
			v = value{kind: Field, raw: &r.fields[t.index]}
		case opElement:
			v = value{kind: Field, raw: r.elements[t.index]}
		case opLet:
			if r.lets[t.index].age != r.ages[t.level] {
				continue
			}
			v = r.lets[t.index].value
		case opOut:
			v = r.outs[t.index]
		case opFileName:
			v = textValue(r.fileName)
		case opMember:
			if t.args[0].op != opElement || r.elements[t.args[0].index] == nil {
				continue
			}
			v = value{kind: Field, raw: r.elements[t.args[0].index].Get(t.name)}
		}
		if t.op == opElement && e.mentions(t) {
			continue
		}
		if b.Len() > 0 {
			b.WriteString(", ")
		}
		b.WriteString(t.source() + " " + v.String())
		if b.Len() > longestValues {
			break
		}
	}
	r.failed = failed
	return bounded(b.String(), longestValues)
}

// mentions reports whether an element is read only through its members, whose values are shown themselves.
func (e *expression) mentions(element *term) bool {
	for _, t := range e.reads {
		if t.op == opMember && t.args[0].op == opElement && t.args[0].index == element.index {
			return true
		}
	}
	return false
}
