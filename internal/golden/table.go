package golden

import (
	"strings"
	"unicode/utf8"

	"ratemill/printable"
)

// table is text in aligned columns, two blanks apart. A column without any value is left out, unless it is kept.
type table struct {
	columns []column
	rows    [][]string
}

type column struct {
	name  string
	keep  bool // also when it is empty
	right bool // numbers
}

func (t *table) row(cells ...string) { t.rows = append(t.rows, cells) }

// String is the table, or nothing without rows.
func (t *table) String() string {
	if len(t.rows) == 0 {
		return ""
	}
	shown := make([]bool, len(t.columns))
	widths := make([]int, len(t.columns))
	for i, c := range t.columns {
		shown[i] = c.keep
		for _, r := range t.rows {
			if r[i] != "" {
				shown[i] = true
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(r[i]))
		}
		widths[i] = max(widths[i], utf8.RuneCountInString(c.name))
	}
	var b strings.Builder
	line := func(cell func(i int) string) {
		var l strings.Builder
		for i, c := range t.columns {
			if !shown[i] {
				continue
			}
			if l.Len() > 0 {
				l.WriteString("  ")
			}
			text := cell(i)
			pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(text))
			if c.right {
				l.WriteString(pad + text)
			} else {
				l.WriteString(text + pad)
			}
		}
		b.WriteString(strings.TrimRight(l.String(), " "))
		b.WriteByte('\n')
	}
	line(func(i int) string { return t.columns[i].name })
	for _, r := range t.rows {
		line(func(i int) string { return printable.Line(r[i]) })
	}
	return b.String()
}
