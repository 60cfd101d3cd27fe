package normalize

import (
	"iter"
	"strings"
)

// rows yields the lines of an embedded table; missing fields at the end of a line are empty.
func rows(table string, fields int) iter.Seq[[]string] {
	return func(yield func([]string) bool) {
		row := make([]string, fields)
		for line := range strings.Lines(table) {
			line = strings.TrimSuffix(line, "\n")
			if line == "" || line[0] == '#' {
				continue
			}
			for i := range row {
				row[i], line, _ = strings.Cut(line, "\t")
			}
			if !yield(row) {
				return
			}
		}
	}
}
