package rules

import (
	"fmt"
	"strings"
	"time"

	"ratemill/diag"
	"ratemill/rules/record"
	"ratemill/udr"
)

// Step is one step of a program on a record, for users who want to see the reasons.
type Step struct {
	Kind  string `json:"kind"` // drop, keep, element, let, when, class, set, note, usage, filtered, suspended
	Name  string `json:"name,omitempty"`
	Text  string `json:"text,omitempty"`  // the expression
	Value string `json:"value,omitempty"` // what came out
	Reads string `json:"reads,omitempty"` // the values that the step read
}

// Trace does the same as Run, and also returns a list of the steps.
func (r *Runner) Trace(rec *record.Record, out *Outcome, tell func(Step)) {
	r.trace = tell
	defer func() { r.trace = nil }()
	r.Run(rec, out)
	switch out.Kind {
	case Filtered:
		tell(Step{Kind: "filtered", Name: out.Rule})
	case Suspended:
		tell(Step{Kind: "suspended", Name: out.Err.Rule, Text: out.Err.Position, Value: out.Err.Reason, Reads: out.Err.Values})
	}
}

func (r *Runner) step(s Step) { r.trace(s) }

func yes(b bool) string {
	if b {
		return "true"
	}
	return "false"
}

func filterWord(drop bool) string {
	if drop {
		return "drop"
	}
	return "keep"
}

// String returns the step as a line of `try -v`.
func (s Step) String() string {
	switch s.Kind {
	case "drop", "keep", "when":
		line := fmt.Sprintf("%-44s %s", s.Kind+" "+s.Name, s.Value)
		if s.Reads != "" {
			line = fmt.Sprintf("%-50s %s", line, s.Reads)
		}
		return line
	case "set", "let":
		line := fmt.Sprintf("%-12s %-30s → %s", s.Name, oneLine(s.Text), s.Value)
		if s.Reads != "" {
			line += "   (" + s.Reads + ")"
		}
		return line
	case "class":
		return "class        " + s.Value
	case "note":
		return fmt.Sprintf("note         %s: %s", s.Name, s.Value)
	case "usage":
		return "→ usage      " + s.Value
	case "filtered":
		return "→ filtered   " + s.Name
	case "suspended":
		line := "→ suspended  " + s.Value
		if s.Name != "" {
			line += "\n             by " + s.Name + " (" + s.Text + ")"
		}
		if s.Reads != "" {
			line += "\n             with " + s.Reads
		}
		return line
	}
	return strings.TrimSpace(s.Kind + " " + s.Name + " " + s.Value)
}

// Describe returns a usage record on one line.
func Describe(u *udr.Usage) string {
	var b strings.Builder
	b.WriteString(u.Class + " " + grouped(u.Quantity))
	if u.Unit != udr.Count {
		b.WriteString(" " + u.Unit.String())
	}
	b.WriteString("  " + u.Identifier.Kind.String() + " " + u.Identifier.Value + "  " + u.At.Time().Format(time.RFC3339))
	for _, part := range [][2]string{{"network", u.Network}, {"country", u.Country}, {"peer", u.Peer}, {"apn", u.APN}} {
		if part[1] != "" {
			b.WriteString("  " + part[0] + " " + part[1])
		}
	}
	return b.String()
}

// Branch is a branch of the rules that a record can take, for coverage.
type Branch struct {
	Kind  string   `json:"kind"` // drop, keep, when, otherwise, no match
	Name  string   `json:"name"`
	Pos   diag.Pos `json:"-"`
	Count uint64   `json:"count"`
}

// String returns the branch as reports show it: drop unanswered, or otherwise alone, which has no other name.
func (b Branch) String() string {
	if b.Kind == b.Name || b.Name == "" {
		return b.Kind
	}
	return b.Kind + " " + b.Name
}

// Coverage returns how often each branch was taken since the runner was created.
func (r *Runner) Coverage() []Branch {
	all := make([]Branch, len(r.p.branches))
	for i, b := range r.p.branches {
		b.Count = r.counts[i]
		all[i] = b
	}
	return all
}
