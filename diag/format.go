package diag

import (
	"strings"
	"unicode/utf8"
)

// Format writes a YAML document in ratemill's canonical format: two blanks for each level, lists indented below their
// key, one blank after : and -, { a: b } and [a, b], no blanks at the end of lines, at most one empty line in a row.
// Comments and the notation of values are kept. The result has the same meaning as src, and formatting it again does
// not change it.
func Format(name string, src []byte) ([]byte, error) {
	n, l := Parse(name, src)
	if n == nil {
		return nil, l.Err()
	}
	text := string(src)
	for range 4 {
		next := formatted(name, n, text)
		if next == text {
			return []byte(text), nil
		}
		text = next
		if n, _ = Parse(name, []byte(text)); n == nil {
			break
		}
	}
	return src, nil // no stable format was found, so the original is kept
}

// formatted returns the formatted document, as far as its parsed node n allows.
func formatted(name string, n *Node, text string) string {
	lines := strings.Split(strings.ReplaceAll(strings.TrimPrefix(text, "\ufeff"), "\r\n", "\n"), "\n")
	f := &formatter{lines: lines, want: map[int]int{}, frozen: map[int]bool{}}
	f.walk(n, 0)
	for _, next := range []string{f.rewritten(true), f.rewritten(false), tidy(lines, func(int) bool { return false })} {
		if again, l := Parse(name, []byte(next)); !l.HasErrors() && Same(n, again) {
			return next
		}
	}
	return text
}

// formatter knows the indentation of each line that begins a key or an item.
type formatter struct {
	lines  []string
	want   map[int]int // line → indentation
	edits  []edit
	frozen map[int]bool // lines of block texts, in which blanks are significant
}

// edit replaces a range of a line with a text.
type edit struct {
	line, from, to int
	text           string
}

// walk plans the edits of a block collection; flow collections keep their lines.
func (f *formatter) walk(n *Node, indent int) {
	switch {
	case n.Kind == Scalar && n.style == '|':
		f.freeze(n)
	case n.Flow:
		f.flow(n)
	case n.Kind == Mapping:
		for _, m := range n.Members {
			if before := f.before(m.Key.Pos); strings.TrimSpace(before) == "" {
				f.want[m.Key.Pos.Line] = indent
			}
			f.colon(m)
			f.walk(m.Value, indent+2)
		}
	case n.Kind == Sequence:
		for _, item := range n.Items {
			if strings.TrimSpace(f.before(item.Pos)) == "-" {
				f.want[item.Pos.Line] = indent
				if before := f.before(item.Pos); len(strings.TrimLeft(before, " ")) > 2 {
					f.edits = append(f.edits, edit{item.Pos.Line, strings.IndexByte(before, '-') + 1, utf8.RuneCountInString(before), " "})
				}
			}
			f.walk(item, indent+2)
		}
	}
}

func (f *formatter) line(n int) []rune {
	if n < 1 || n > len(f.lines) {
		return nil
	}
	return []rune(f.lines[n-1])
}

// before returns the text before a position on its line.
func (f *formatter) before(p Pos) string {
	r := f.line(p.Line)
	if r == nil {
		return "?"
	}
	return string(r[:min(max(p.Column-1, 0), len(r))])
}

// colon leaves one blank between a key and a value on the same line.
func (f *formatter) colon(m Pair) {
	k, v := m.Key.Pos, m.Value.Pos
	if m.Value.Kind == Mapping && !m.Value.Flow || m.Value.Kind == Sequence && !m.Value.Flow || k.Line != v.Line || v.Column <= k.Column {
		return
	}
	r := f.line(k.Line)
	if v.Column-1 > len(r) {
		return
	}
	start := v.Column - 1
	for start > 0 && r[start-1] == ' ' {
		start--
	}
	if start > 0 && r[start-1] == ':' && v.Column-1-start > 1 {
		f.edits = append(f.edits, edit{k.Line, start, v.Column - 1, " "})
	}
}

func (f *formatter) freeze(n *Node) {
	for i := range strings.Split(strings.TrimRight(n.Text, "\n"), "\n") {
		f.frozen[n.Pos.Line+1+i] = true
	}
}

// flow puts blanks inside the brackets of a collection on one line.
func (f *formatter) flow(n *Node) {
	text, end, ok := f.flowText(n)
	if ok {
		f.edits = append(f.edits, edit{n.Pos.Line, n.Pos.Column - 1, end, text})
	}
}

// flowText returns the formatted collection and the column after it, and false if the collection takes several lines or
// contains a comment.
func (f *formatter) flowText(n *Node) (text string, end int, ok bool) {
	line := n.Pos.Line
	r := f.line(line)
	end = n.Pos.Column
	value := func(v *Node) (string, bool) {
		if v.Pos.Line != line {
			return "", false
		}
		if v.Flow {
			t, e, ok := f.flowText(v)
			end = e
			return t, ok
		}
		if v.Kind != Scalar || v.style == '|' || v.Pos.Column < 1 || v.Pos.Column-1+v.Pos.Length > len(r) {
			return "", false
		}
		end = v.Pos.Column - 1 + v.Pos.Length
		return string(r[v.Pos.Column-1 : end]), true
	}
	var parts []string
	for _, item := range n.Items {
		t, ok := value(item)
		if !ok {
			return "", 0, false
		}
		parts = append(parts, t)
	}
	for _, m := range n.Members {
		k, ok1 := value(m.Key)
		v, ok2 := value(m.Value)
		if !ok1 || !ok2 {
			return "", 0, false
		}
		parts = append(parts, strings.TrimSuffix(k, ":")+": "+v)
	}
	closing, open := ']', "["
	if n.Kind == Mapping {
		closing, open = '}', "{"
	}
	for end < len(r) && (r[end] == ' ' || r[end] == ',') {
		end++
	}
	if end >= len(r) || r[end] != closing {
		return "", 0, false
	}
	inner := strings.Join(parts, ", ")
	if n.Kind == Mapping && inner != "" {
		inner = " " + inner + " "
	}
	return open + inner + string(closing), end + 1, true
}

// rewritten returns the document after the planned edits.
func (f *formatter) rewritten(edits bool) string {
	lines := append([]string(nil), f.lines...)
	if edits {
		for i := len(f.edits) - 1; i >= 0; i-- {
			last := true
			for _, other := range f.edits[i+1:] {
				last = last && !(other.line == f.edits[i].line && other.from < f.edits[i].to && f.edits[i].from < other.to)
			}
			e := f.edits[i]
			if r := []rune(lines[e.line-1]); last && e.to <= len(r) && laterEditsAreRight(f.edits, i) {
				lines[e.line-1] = string(r[:e.from]) + e.text + string(r[e.to:])
			}
		}
	}
	shift := 0
	for i, line := range lines {
		trimmed := strings.TrimLeft(line, " ")
		have := len(line) - len(trimmed)
		if want, ok := f.want[i+1]; ok {
			shift = want - have
		}
		if trimmed == "" {
			continue
		}
		if have+shift < 0 {
			continue
		}
		lines[i] = strings.Repeat(" ", have+shift) + trimmed
	}
	f.comments(lines)
	return tidy(lines, func(i int) bool { return f.frozen[i+1] })
}

// laterEditsAreRight reports whether all edits already made in the line are to the right of edit i, so that its columns
// are still valid.
func laterEditsAreRight(edits []edit, i int) bool {
	for _, e := range edits[i+1:] {
		if e.line == edits[i].line && e.from < edits[i].to {
			return false
		}
	}
	return true
}

// comments indents comment lines like the next line that is not a comment or, at the end of the
// document, like the line before.
func (f *formatter) comments(lines []string) {
	below := 0
	for i := len(lines) - 1; i >= 0; i-- {
		trimmed := strings.TrimLeft(lines[i], " ")
		switch {
		case f.frozen[i+1] || trimmed == "":
		case strings.HasPrefix(trimmed, "#"):
			lines[i] = strings.Repeat(" ", below) + trimmed
		default:
			if _, structural := f.want[i+1]; structural {
				below = len(lines[i]) - len(trimmed)
			}
		}
	}
}

// tidy removes blanks at line ends and repeated empty lines.
func tidy(lines []string, frozen func(int) bool) string {
	var b strings.Builder
	empty := true // so that there are no empty lines at the beginning
	pending := false
	for i, line := range lines {
		if !frozen(i) {
			line = strings.TrimRight(line, " \t")
		}
		if line == "" && !frozen(i) {
			pending = !empty
			continue
		}
		if pending {
			b.WriteByte('\n')
		}
		pending, empty = false, false
		b.WriteString(line + "\n")
	}
	return b.String()
}
