package document

import (
	"fmt"
	"slices"
	"strings"
)

// Difference is a row that differs between the canonical texts of a stored document and a computed one.
type Difference struct {
	Part     string `json:"part"`     // for example line 4, tax S 21, total, close 2026-03-01..2026-04-01
	Stored   string `json:"stored"`   // empty if the stored document has no such part
	Computed string `json:"computed"` // empty if the computed document has no such part
}

// part is an entry of the canonical text: a row together with its detail rows.
type part struct {
	name, key string
	rows      []string
}

// Compare returns the parts that differ between the canonical texts of a stored document and a computed one. Two
// lines are the same line if all values before quantities and amounts are equal; their line numbers may differ.
func Compare(stored, computed *Document) (all []Difference) {
	was, is := parts(stored.Canonical()), parts(computed.Canonical())
	find := func(list []part, key string) *part {
		if i := slices.IndexFunc(list, func(p part) bool { return p.key == key }); i >= 0 {
			return &list[i]
		}
		return nil
	}
	for i := range was {
		p := &was[i]
		other := find(is, p.key)
		if other == nil {
			all = append(all, Difference{p.name, strings.Join(p.rows, " "), ""})
			continue
		}
		for n, row := range p.rows {
			if n >= len(other.rows) || row != other.rows[n] {
				d := Difference{Part: p.name, Stored: row}
				if n < len(other.rows) {
					d.Computed = other.rows[n]
				}
				all = append(all, d)
			}
		}
	}
	for i := range is {
		if p := &is[i]; find(was, p.key) == nil {
			all = append(all, Difference{p.name, "", strings.Join(p.rows, " ")})
		}
	}
	return all
}

func parts(text string) (all []part) {
	seen := map[string]int{}
	for row := range strings.Lines(text) {
		row = strings.TrimSuffix(row, "\n")
		if more, ok := strings.CutPrefix(row, " "); ok {
			last := &all[len(all)-1]
			last.rows = append(last.rows, more)
			continue
		}
		words := strings.SplitN(row, " ", 4)
		p := part{name: words[0], key: words[0], rows: []string{row}}
		switch words[0] {
		case "line": // the number of a line depends on the other lines
			p.name, p.key = strings.Join(words[:2], " "), "line "+strings.Join(words[2:], " ")
		case "tax":
			p.name = strings.Join(words[:3], " ")
			p.key = p.name
		case "close", "credit", "printed":
			p.name = strings.Join(words[:2], " ")
			p.key = p.name
		case "net":
			p.name = "totals"
		}
		if seen[p.key]++; seen[p.key] > 1 {
			p.key += fmt.Sprintf(" (%d)", seen[p.key])
		}
		all = append(all, p)
	}
	return all
}
