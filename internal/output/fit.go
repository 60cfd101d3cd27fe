package output

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/term"

	"ratemill/printable"
)

// gap is the number of blanks between columns.
const gap = 2

// Width returns the number of columns of the output terminal, 0 for files and pipes.
func Width(to io.Writer) int {
	f, ok := to.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return 0
	}
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0
	}
	return width
}

// Words prints text for users. A line wider than the terminal is broken at blanks, and the rest is indented by hang
// characters, so that it lines up beside a label of that width.
func Words(to io.Writer, text string, hang int) error {
	text = printable.Text(text)
	if width := Width(to); width > hang {
		var b strings.Builder
		for line := range strings.Lines(text) {
			b.WriteString(hung(strings.TrimSuffix(line, "\n"), width, hang))
			if strings.HasSuffix(line, "\n") {
				b.WriteString("\n")
			}
		}
		text = b.String()
	}
	_, err := io.WriteString(to, text)
	return err
}

// hung returns a line broken at its last blanks before the width. A word that is wider stays whole. So do raw text and
// a command at the end of the line, because users copy them: a line break would end the command, or be part of the
// record.
func hung(line string, width, hang int) string {
	if strings.HasPrefix(line, " raw ") || strings.HasPrefix(line, " header ") {
		return line
	}
	var b strings.Builder
	if at := strings.Index(line, ": ratemill "); at > 0 && utf8.RuneCountInString(line) > width {
		words := hung(line[:at+1], width, hang)
		return words + "\n" + strings.Repeat(" ", hang) + line[at+2:]
	}
	rest := []rune(line)
	for len(rest) > width {
		at := lastBlank(rest, hang, width)
		if at < 0 {
			break
		}
		b.WriteString(strings.TrimRight(string(rest[:at]), " ") + "\n")
		rest = append([]rune(strings.Repeat(" ", hang)), []rune(strings.TrimLeft(string(rest[at:]), " "))...)
	}
	return b.String() + string(rest)
}

// lastBlank returns the position of the last blank after from and up to most, otherwise of the
// first blank beyond most, otherwise -1.
func lastBlank(line []rune, from, most int) int {
	for at := most; at > from; at-- {
		if line[at] == ' ' && line[at-1] != ' ' {
			return at
		}
	}
	if at := slices.Index(line[most:], ' '); at > 0 {
		return most + at
	}
	return -1
}

// narrowed makes the widths fit: it narrows text columns, the widest first, down to their longest word, so that ids and
// paths stay whole. It reports whether that is enough.
func (g *Grid) narrowed(cells [][]string, widths []int, most int) bool {
	total := gap * (len(widths) - 1)
	for _, w := range widths {
		total += w
	}
	least := make([]int, len(widths))
	for _, r := range cells {
		for i, cell := range r {
			if g.right[g.columns[i]] {
				least[i] = widths[i]
				continue
			}
			for word := range strings.FieldsSeq(cell) {
				least[i] = max(least[i], utf8.RuneCountInString(word))
			}
		}
	}
	for ; total > most; total-- {
		widest := -1
		for i := range widths {
			if widths[i] > least[i] && (widest < 0 || widths[i] > widths[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			return false
		}
		widths[widest]--
	}
	return true
}

// wrapped returns a cell as lines of at most width characters, broken at blanks.
func wrapped(cell string, width int) []string {
	if utf8.RuneCountInString(cell) <= width {
		return []string{cell}
	}
	var lines []string
	line, length := "", 0
	for word := range strings.FieldsSeq(cell) {
		n := utf8.RuneCountInString(word)
		if length > 0 && length+1+n > width {
			lines = append(lines, line)
			line, length = "", 0
		}
		if length > 0 {
			line, length = line+" ", length+1
		}
		line, length = line+word, length+n
	}
	return append(lines, line)
}

// records prints each row as lines with a column's name and its cell, for terminals too narrow for the table. Empty
// cells are left out.
func (g *Grid) records(to io.Writer, cells [][]string, most int) error {
	name := 0
	for _, c := range g.columns {
		name = max(name, utf8.RuneCountInString(c))
	}
	var b strings.Builder
	for n, r := range cells[1:] {
		if n > 0 {
			b.WriteString("\n")
		}
		if name := g.nameOf(n); name != "" {
			b.WriteString(name + ":\n")
		}
		for i, cell := range r {
			if cell == "" {
				continue
			}
			for k, line := range wrapped(cell, max(most-name-gap, 20)) {
				label := ""
				if k == 0 {
					label = g.columns[i]
				}
				fmt.Fprintf(&b, "%-*s%s\n", name+gap, label, line)
			}
		}
	}
	_, err := io.WriteString(to, b.String())
	return err
}
