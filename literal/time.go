package literal

import (
	"math"
	"strconv"
	"strings"
	"time"

	"ratemill/diag"
	"ratemill/registry"
	"ratemill/udr"
)

// Since is the beginning of a version of a document: a local date, an instant, or always.
type Since struct {
	Kind SinceKind
	Day  int32 // local date, in days since 1970-01-01
	At   udr.Instant
	Pos  diag.Pos
	Text string // as written; empty for always
}

// SinceKind is the form of a version's beginning.
type SinceKind uint8

// The kinds of beginnings.
const (
	Always SinceKind = iota
	OnDay
	AtInstant
)

// UnmarshalNode implements diag.Unmarshaler.
func (s *Since) UnmarshalNode(n *diag.Node, d *diag.Decoder) {
	s.Pos, s.Text = n.Pos, n.Text
	if day, err := time.Parse(time.DateOnly, n.Text); err == nil && registry.InYears(day) {
		s.Kind, s.Day = OnDay, int32(day.Unix()/86400)
	} else if at, err := time.Parse(time.RFC3339, n.Text); err == nil && registry.InYears(at) {
		s.Kind, s.At = AtInstant, udr.InstantOf(at)
	} else {
		d.Errorf(n.Pos, "%q is not a date from 1970 to 2199; write 2026-02-01 for midnight in the account's zone, or "+
			"2026-02-01T00:00:00Z", n.Text)
	}
}

// JSONSchema returns the schema of a single value, a date or an instant.
func (Since) JSONSchema() map[string]any { return Single() }

// Order returns a value by which versions are sorted: a date counts as an instant in UTC, which is
// precise enough for this order.
func (s *Since) Order() int64 {
	switch s.Kind {
	case OnDay:
		return int64(s.Day) * int64(24*time.Hour)
	case AtInstant:
		return int64(s.At)
	}
	return math.MinInt64
}

// Begins returns the instant at which the version begins in a zone; 0 for always.
func (s *Since) Begins(zone *time.Location) udr.Instant {
	switch s.Kind {
	case OnDay:
		return registry.Midnight(zone, s.Day)
	case AtInstant:
		return s.At
	}
	return 0
}

// Days is a number of local dates, such as 30 d.
type Days struct {
	N   int32 // 0 if the document omits it
	Pos diag.Pos
}

// maxDays is ten years, because a larger number is a typing error.
const maxDays = 3660

// UnmarshalNode implements diag.Unmarshaler.
func (t *Days) UnmarshalNode(n *diag.Node, d *diag.Decoder) {
	t.Pos = n.Pos
	if !d.Want(n, diag.Scalar, "a number of days") {
		return
	}
	number, ok := strings.CutSuffix(n.Text, "d")
	days, err := strconv.ParseUint(strings.TrimSpace(number), 10, 31)
	switch {
	case !ok || err != nil:
		d.Errorf(n.Pos, "%q is not a number of days; write 30 d", n.Text)
	case days == 0 || days > maxDays:
		d.Errorf(n.Pos, "%s is out of range: 1 d to %d d; leave the key out if there is no time limit", n.Text, maxDays)
	default:
		t.N = int32(days)
	}
}

// JSONSchema returns the schema of a number of days, such as 30 d.
func (Days) JSONSchema() map[string]any {
	return map[string]any{"type": "string", "pattern": `^\d+ ?d$`}
}
