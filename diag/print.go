package diag

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"ratemill/printable"
)

// Options control how diagnostics are printed.
type Options struct {
	Color bool // with ANSI colours, for a terminal
}

const (
	red, yellow, blue, bold, plain = "\x1b[31;1m", "\x1b[33;1m", "\x1b[34m", "\x1b[1m", "\x1b[0m"

	// widest limits how much of a long line is repeated.
	widest = 160
)

// Print writes each diagnostic as
//
//	file:line:column: error: message
//	   17 |   volume: octet(up) + octets(down)
//	      |           ^^^^^
//	      = hint
//
// If many rows of a CSV file have the same kind of diagnostic, it writes the first few and the number of
// the others.
func Print(w io.Writer, l List, o Options) {
	paint := func(colour, text string) string {
		if !o.Color || text == "" {
			return text
		}
		return colour + text + plain
	}
	for _, d := range l.summed() {
		colour := red
		if d.Severity == Warning {
			colour = yellow
		}
		if at := d.Pos.String(); at != "" {
			fmt.Fprint(w, paint(bold, printable.Line(at)+":"), " ")
		}
		fmt.Fprintf(w, "%s %s\n", paint(colour, d.Severity.String()+":"), printable.Text(d.Message))
		if source, from, length := excerpt(d.Pos); source != "" {
			gutter := fmt.Sprintf("%5d |", d.Pos.Line)
			blank := strings.Repeat(" ", len(gutter)-1) + "|"
			fmt.Fprintf(w, "%s %s\n", paint(blue, gutter), source)
			fmt.Fprintf(w, "%s %s%s\n", paint(blue, blank), strings.Repeat(" ", from), paint(colour, strings.Repeat("^", length)))
			if d.Hint != "" {
				fmt.Fprintf(w, "%s %s\n", paint(blue, blank[:len(blank)-1]+"="), printable.Text(d.Hint))
			}
		} else if d.Hint != "" {
			fmt.Fprintf(w, "      %s %s\n", paint(blue, "="), printable.Text(d.Hint))
		}
	}
}

// excerpt returns the source line of p in printable form, and the position of the carets.
func excerpt(p Pos) (source string, from, length int) {
	text := []rune(masked(p.File.Line(p.Line)))
	if len(text) == 0 {
		return "", 0, 0
	}
	from = min(max(p.Column-1, 0), len(text))
	length = max(min(p.Length, len(text)-from), 1)
	start := 0
	if from+min(length, 40) > widest {
		start = from - widest/2
	}
	end := min(len(text), start+widest)
	shown, lead, tail := text[start:end], "", ""
	if start > 0 {
		lead = "…"
	}
	if end < len(text) {
		tail = "…"
	}
	from -= start - utf8.RuneCountInString(lead)
	length = max(min(length, len(shown)-(from-utf8.RuneCountInString(lead))), 1)
	return lead + printable.Text(strings.ReplaceAll(string(shown), "\t", " ")) + tail, from, length
}

// Summary returns a text such as "3 files, 2 errors, 1 warning".
func Summary(files int, l List) string {
	return plural(files, "file") + ", " + plural(l.Errors(), "error") + ", " + plural(l.Warnings(), "warning")
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}
