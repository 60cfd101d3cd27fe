package life

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"ratemill/diag"
)

type settingsDoc struct {
	Lifecycle diag.Text  `yaml:"lifecycle,required" doc:"The lifecycle of the account's SIMs." example:"standard"`
	Overrides *diag.Node `yaml:"overrides" doc:"Keys that the account overrides; each replaces that key of the lifecycle, and null removes it." example:"{ suspend: { max: 30 d } }"`
}

// Settings contains the rules for the SIMs of an account: a lifecycle, and the overrides of its values.
type Settings struct {
	Lifecycle string
	Overrides string // canonical JSON, a merge patch (RFC 7396) of the lifecycle's document; "" for none
}

// Value returns the settings as canonical JSON.
func (s Settings) Value() []byte {
	v := map[string]any{"lifecycle": s.Lifecycle}
	if s.Overrides != "" {
		v["overrides"] = json.RawMessage(s.Overrides)
	}
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // Overrides is JSON
	}
	return text
}

// Ref is the reference in a state fact to the rules of the state: the version of a lifecycle that was in force
// when the state began, the account's overrides, and changes that result from how the SIM got into the state.
// Rating needs no other settings of accounts.
type Ref struct {
	Lifecycle string
	Version   string // `from` of the version as written; "" if it has none
	Way       Way
	Since     int32  // local date from which time limits count, in days since 1970-01-01; 0 for the date on which the state began
	Overrides string // as in Settings
}

// Way tells how the SIM got into a state, if that affects when the state ends.
type Way uint8

// The ways.
const (
	Plainly      Way = iota
	WithAccount      // suspended with its account: only the account ends the suspension
	AfterBilling     // from a billed state into one that waits for usage (soft suspend): any usage ends it, and it has no time limit
	Kept             // kept when the SIM moved to another payer, which is not a transition
)

var ways = [...]string{"", "with_account", "after_billing", "kept"}

func (w Way) String() string { return ways[w] }

// String returns the reference as stored in a fact: standard@2026-02-01 since 2026-03-05
// {"suspend":{"max":"30 d"}}.
func (r Ref) String() string {
	var b strings.Builder
	b.WriteString(r.Lifecycle)
	if r.Version != "" {
		b.WriteString("@" + r.Version)
	}
	if r.Way != Plainly {
		b.WriteString(" " + r.Way.String())
	}
	if r.Since != 0 {
		b.WriteString(" since " + dateText(r.Since))
	}
	if r.Overrides != "" {
		b.WriteString(" " + r.Overrides)
	}
	return b.String()
}

// ParseRef parses the output of String.
func ParseRef(text string) (r Ref, err error) {
	head, overrides, has := strings.Cut(text, "{")
	if has {
		r.Overrides = "{" + overrides
		if !json.Valid([]byte(r.Overrides)) {
			return Ref{}, fmt.Errorf("the rules %q of a state have overrides that are not JSON", text)
		}
	}
	words := strings.Fields(head)
	if len(words) == 0 {
		return Ref{}, fmt.Errorf("%q names no lifecycle", text)
	}
	r.Lifecycle, r.Version, _ = strings.Cut(words[0], "@")
	for words = words[1:]; len(words) > 0; words = words[1:] {
		way := slices.Index(ways[1:], words[0]) + 1
		switch {
		case way > 0:
			r.Way = Way(way)
		case words[0] == "since" && len(words) > 1:
			day, err := time.Parse(time.DateOnly, words[1])
			if err != nil {
				return Ref{}, fmt.Errorf("the rules %q of a state count from %q, which is not a date", text, words[1])
			}
			r.Since = int32(day.Unix() / 86400)
			words = words[1:]
		default:
			return Ref{}, fmt.Errorf("the rules %q of a state have the unknown word %s", text, words[0])
		}
	}
	return r, nil
}

// Plain returns the reference that settings produce, without changes that result from how the SIM
// got into the state.
func (r Ref) Plain() Ref {
	r.Way, r.Since = Plainly, 0
	return r
}

func dateText(day int32) string { return time.Unix(int64(day)*86400, 0).UTC().Format(time.DateOnly) }

// patched applies a merge patch to a document (RFC 7396): mappings are merged, null removes a key, and any other
// value replaces the old one. Each value keeps its position in its own text.
func patched(n, patch *diag.Node) *diag.Node {
	if patch.Kind != diag.Mapping {
		return patch
	}
	result := &diag.Node{Kind: diag.Mapping, Pos: patch.Pos}
	if n != nil && n.Kind == diag.Mapping {
		result.Pos = n.Pos
		for _, p := range n.Members {
			if patch.Member(p.Key.Text) == nil {
				result.Members = append(result.Members, p)
			}
		}
	}
	for _, p := range patch.Members {
		if p.Value.Kind == diag.Null {
			continue
		}
		var before *diag.Node
		if n != nil && n.Kind == diag.Mapping {
			before = n.Member(p.Key.Text)
		}
		result.Members = append(result.Members, diag.Pair{Key: p.Key, Value: patched(before, p.Value)})
	}
	return result
}

// canonical returns a mapping as JSON with sorted keys; "" for an empty one.
func canonical(n *diag.Node) string {
	if n == nil || n.Kind != diag.Mapping || len(n.Members) == 0 {
		return ""
	}
	text, err := json.Marshal(plainValue(n))
	if err != nil {
		panic(err) // maps and texts can always be marshalled
	}
	return string(text)
}

func plainValue(n *diag.Node) any {
	switch n.Kind {
	case diag.Mapping:
		m := map[string]any{}
		for _, p := range n.Members {
			m[p.Key.Text] = plainValue(p.Value)
		}
		return m
	case diag.Sequence:
		list := []any{}
		for _, item := range n.Items {
			list = append(list, plainValue(item))
		}
		return list
	case diag.Null:
		return nil
	}
	if !n.Quoted && (n.Text == "true" || n.Text == "false") {
		return n.Text == "true"
	}
	return n.Text
}
