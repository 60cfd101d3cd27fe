package output

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"ratemill/printable"
)

// The formats of output.
const (
	Table = "table"
	JSON  = "json" // one object per line
	CSV   = "csv"  // RFC 4180
)

// Formats lists all formats.
var Formats = []string{Table, JSON, CSV}

// Grid is the content to be printed.
type Grid struct {
	columns  []string
	right    map[string]bool
	integers map[string]bool
	rows     [][]string
	apart    []string // names of the last rows, which tables set apart
	sparse   map[string]bool
}

// New returns a Grid with named columns.
func New(columns ...string) *Grid {
	return &Grid{columns: columns, right: map[string]bool{}, integers: map[string]bool{}}
}

// Numbers marks columns that contain integers: they are aligned to the right, and are numbers in JSON, which
// leaves out empty ones.
func (g *Grid) Numbers(columns ...string) *Grid {
	for _, c := range columns {
		g.right[c], g.integers[c] = true, true
	}
	return g
}

// Amounts marks columns that contain decimals: they are aligned to the right, and are strings in JSON, because its
// readers convert numbers to floats.
func (g *Grid) Amounts(columns ...string) *Grid {
	for _, c := range columns {
		g.right[c] = true
	}
	return g
}

// Sparse marks columns that tables leave out if no row has a value in them.
func (g *Grid) Sparse(columns ...string) *Grid {
	g.sparse = map[string]bool{}
	for _, c := range columns {
		g.sparse[c] = true
	}
	return g
}

// Add appends a row, with a cell for each column.
func (g *Grid) Add(cells ...string) { g.rows = append(g.rows, cells) }

// Apart appends a special row, such as totals, after all others. Only tables have such a row.
func (g *Grid) Apart(name string, cells ...string) {
	g.rows, g.apart = append(g.rows, cells), append(g.apart, name)
}

// Len returns the number of rows.
func (g *Grid) Len() int { return len(g.rows) - len(g.apart) }

// Text returns the table, of any width, or an empty text if there are no rows.
func (g *Grid) Text() string {
	if g.Len() == 0 {
		return ""
	}
	var b strings.Builder
	_ = g.table(&b, 0) // to memory
	return b.String()
}

// Print prints all rows.
func (g *Grid) Print(to io.Writer, format string) error {
	switch format {
	case Table:
		return g.table(to, Width(to))
	case JSON:
		return g.json(to)
	case CSV:
		return g.csv(to)
	}
	return fmt.Errorf("there is no format %q; there are %s", format, strings.Join(Formats, ", "))
}

// table aligns texts to the left and numbers to the right, two blanks apart. If the table is wider than most (0: any
// width), texts are broken at blanks. If that is not enough, each row becomes a block of lines.
func (g *Grid) table(to io.Writer, most int) error {
	if g.sparse != nil {
		g = g.dense()
	}
	all := make([][]string, 0, len(g.rows)+1)
	all = append(all, g.columns)
	widths := make([]int, len(g.columns))
	for _, r := range g.rows {
		shown := make([]string, len(r))
		for i, cell := range r {
			shown[i] = printable.Line(cell)
		}
		all = append(all, shown)
	}
	for _, r := range all {
		for i, cell := range r {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	if most > 0 && !g.narrowed(all, widths, most) && len(g.rows) > 0 {
		return g.records(to, all, most)
	}
	for i, r := range all {
		if name := g.nameOf(i - 1); name != "" {
			if _, err := fmt.Fprintf(to, "\n%s:\n", name); err != nil {
				return err
			}
		}
		if err := g.row(to, r, widths); err != nil {
			return err
		}
	}
	return nil
}

// dense returns the Grid without sparse columns that are empty.
func (g *Grid) dense() *Grid {
	d := &Grid{right: g.right, integers: g.integers, rows: make([][]string, len(g.rows)), apart: g.apart}
	for i, c := range g.columns {
		if g.sparse[c] && !slices.ContainsFunc(g.rows, func(r []string) bool { return r[i] != "" }) {
			continue
		}
		d.columns = append(d.columns, c)
		for n, r := range g.rows {
			d.rows[n] = append(d.rows[n], r[i])
		}
	}
	return d
}

// nameOf returns the name of a row that is set apart, "" for other rows.
func (g *Grid) nameOf(row int) string {
	if n := row - g.Len(); n >= 0 {
		return g.apart[n]
	}
	return ""
}

// row prints a row, on several lines if a cell is wider than its column.
func (g *Grid) row(to io.Writer, cells []string, widths []int) error {
	broken, tallest := make([][]string, len(cells)), 1
	for i, cell := range cells {
		broken[i] = wrapped(cell, widths[i])
		tallest = max(tallest, len(broken[i]))
	}
	var line strings.Builder
	for k := range tallest {
		line.Reset()
		for i, lines := range broken {
			cell := ""
			if k < len(lines) {
				cell = lines[k]
			}
			pad := strings.Repeat(" ", max(0, widths[i]-utf8.RuneCountInString(cell)))
			if i > 0 {
				line.WriteString("  ")
			}
			if g.right[g.columns[i]] {
				line.WriteString(pad + cell)
			} else {
				line.WriteString(cell + pad)
			}
		}
		if _, err := fmt.Fprintln(to, strings.TrimRight(line.String(), " ")); err != nil {
			return err
		}
	}
	return nil
}

func (g *Grid) json(to io.Writer) error {
	for _, r := range g.rows[:g.Len()] {
		line := []byte{'{'}
		for i, cell := range r {
			if cell == "" && g.integers[g.columns[i]] {
				continue // a field is a number or missing
			}
			if len(line) > 1 {
				line = append(line, ',')
			}
			line = append(appendText(line, g.columns[i]), ':')
			if g.integers[g.columns[i]] && json.Valid([]byte(cell)) {
				line = append(line, cell...)
			} else {
				line = appendText(line, cell)
			}
		}
		if _, err := to.Write(append(line, '}', '\n')); err != nil {
			return err
		}
	}
	return nil
}

func (g *Grid) csv(to io.Writer) error {
	c, seen := csv.NewWriter(to), Width(to) > 0
	if err := c.Write(g.columns); err != nil {
		return err
	}
	for _, r := range g.rows[:g.Len()] {
		cells := make([]string, len(r))
		for i, cell := range r {
			if cells[i] = printable.Spreadsheet(cell); seen {
				cells[i] = printable.Text(cells[i])
			}
		}
		if err := c.Write(cells); err != nil {
			return err
		}
	}
	c.Flush()
	return c.Error()
}
