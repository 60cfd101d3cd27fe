package golden

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/aymanbagabas/go-udiff/lcs"

	"ratemill/printable"
)

// DiffOptions control how differences are shown.
type DiffOptions struct {
	Width   int  // width of the terminal; 0: unified, for a pipe
	Color   bool // missing lines in red, unexpected lines in green
	Context int  // lines shown around a difference in a unified diff; 0: all
}

const (
	red, green, dim, plain = "\x1b[31m", "\x1b[32m", "\x1b[2m", "\x1b[0m"
)

// change is a line of both sides, or of only one.
type change struct {
	kind rune // ' ', '-', '+'
	line string
}

// Diff shows where a section differs from the expected text.
func (s *Section) Diff(w io.Writer, file string, o DiffOptions) {
	Diff(w, s.Want, s.Got, [2]string{s.Name + ", expected in " + file, s.Name + ", came out"}, o)
}

// Diff shows where two texts differ; labels are the names of the texts.
func Diff(w io.Writer, want, got string, labels [2]string, o DiffOptions) {
	labels[0], labels[1] = printable.Line(labels[0]), printable.Line(labels[1])
	a, b := lines(printable.Text(want)), lines(printable.Text(got))
	changes := differences(a, b)
	widest := utf8.RuneCountInString(labels[0])
	for _, l := range append(append([]string(nil), a...), b...) {
		widest = max(widest, utf8.RuneCountInString(l))
	}
	if o.Width >= 2*widest+3 && o.Context == 0 {
		sideBySide(w, labels, changes, widest, o.Color)
		return
	}
	fmt.Fprintf(w, "--- %s\n+++ %s\n", labels[0], labels[1])
	last := -1
	for i, c := range changes {
		if o.Context > 0 && !near(changes, i, o.Context) {
			continue
		}
		if i != last+1 {
			fmt.Fprintln(w, paint(' ', "…", o.Color))
		}
		last = i
		fmt.Fprintln(w, paint(c.kind, string(c.kind)+c.line, o.Color))
	}
}

// near reports whether a line is at most the given number of lines from a difference.
func near(changes []change, i, lines int) bool {
	for k := max(0, i-lines); k <= min(len(changes)-1, i+lines); k++ {
		if changes[k].kind != ' ' {
			return true
		}
	}
	return false
}

func sideBySide(w io.Writer, labels [2]string, changes []change, width int, color bool) {
	pad := func(text string) string { return text + strings.Repeat(" ", width-utf8.RuneCountInString(text)) }
	fmt.Fprintf(w, "%s   %s\n", pad(labels[0]), labels[1])
	for i := 0; i < len(changes); {
		if c := changes[i]; c.kind == ' ' {
			fmt.Fprintf(w, "%s   %s\n", pad(c.line), c.line)
			i++
			continue
		}
		var left, right []string
		for ; i < len(changes) && changes[i].kind != ' '; i++ {
			if changes[i].kind == '-' {
				left = append(left, changes[i].line)
			} else {
				right = append(right, changes[i].line)
			}
		}
		for k := range max(len(left), len(right)) {
			l, r := "", ""
			if k < len(left) {
				l = left[k]
			}
			if k < len(right) {
				r = right[k]
			}
			fmt.Fprintf(w, "%s | %s\n", paint('-', pad(l), color), paint('+', r, color))
		}
	}
}

func paint(kind rune, text string, color bool) string {
	switch {
	case !color:
		return text
	case kind == '-':
		return red + text + plain
	case kind == '+':
		return green + text + plain
	}
	return dim + text + plain
}

func lines(text string) []string {
	text = normal(text)
	if text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}

// differences is a sequence of changes from a to b that keeps their common lines in order. Myers' algorithm needs
// memory in proportion to the differences, not to the product of the lines: 4,000 lines with one difference take 1
// MB, where a table took 674 MB.
func differences(a, b []string) []change {
	var out []change
	at := 0
	for _, d := range lcs.DiffLines(a, b) {
		for ; at < d.Start; at++ {
			out = append(out, change{' ', a[at]})
		}
		for ; at < d.End; at++ {
			out = append(out, change{'-', a[at]})
		}
		for _, line := range b[d.ReplStart:d.ReplEnd] {
			out = append(out, change{'+', line})
		}
	}
	for ; at < len(a); at++ {
		out = append(out, change{' ', a[at]})
	}
	return out
}
