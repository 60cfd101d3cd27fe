package decode

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"

	"ratemill/rules/record"
)

var _ = Declare(Format{
	Name: "jsonl", Doc: "JSON: one object per line, one array of objects, or consecutive objects.", Typed: true,
	Options: func() Reader { return &JSON{} },
})

// JSON describes JSON content.
type JSON struct {
	Framing string `yaml:"framing" enum:"auto|lines|array|objects" default:"auto" doc:"lines (one object per line), array (one array of objects), objects (consecutive objects, over any number of lines), or auto, which looks at the first line."`
	Depth   int    `yaml:"depth" default:"64" doc:"Deepest allowed nesting of values."`
}

// Check implements Reader.
func (j *JSON) Check(_ *Options, bad func(path, format string, args ...any)) {
	if j.Depth < 0 || j.Depth > 10000 {
		bad("jsonl.depth", "is not between 1 and 10000")
	}
}

// Columns implements Reader.
func (j *JSON) Columns() (names []string, ok bool) { return nil, false }

// Again implements Reader.
func (j *JSON) Again() Reader { return &JSON{Framing: "objects", Depth: j.Depth} }

// Open implements Reader.
func (j *JSON) Open(in *Input, layout *record.Layout) (Decoder, error) {
	w, f, err := in.text()
	if err != nil {
		return nil, err
	}
	d := newJSON(j, in.options, w, layout, f)
	if d.mode == "" || d.mode == "auto" {
		d.mode = d.guess()
	}
	return d, nil
}

func (j *JSON) resume(in *Input, _ *State, w *window, layout *record.Layout, f framing) (Decoder, error) {
	d := newJSON(j, in.options, w, layout, f)
	d.mode = "lines"
	return d, nil
}

// unfinished detects an array or object without its closing bracket.
func (j *JSON) unfinished(packed Compression, head, tail []byte) string {
	end := bytes.TrimRight(tail, " \t\r\n\x1a")
	if head = bytes.TrimLeft(head, " \t\r\n"); len(head) > 0 && head[0] == '[' {
		if packed == Plain && !bytes.HasSuffix(end, []byte("]")) {
			return "its array has no end"
		}
		return ""
	}
	if packed != Plain || len(end) == 0 || len(end) < len(tail) && bytes.ContainsAny(tail[len(end):], "\n\r\x1a") {
		return ""
	}
	last := end[bytes.LastIndexAny(end, "\n\r")+1:]
	if len(last) == len(end) || end[len(end)-1] == '}' && (last[0] != '{' || json.Valid(last)) {
		return ""
	}
	return noLineEnd
}

// jsonDecoder reads JSON objects: one per line, in one array, or in sequence.
type jsonDecoder struct {
	framing
	parser   parser
	root     *member
	mode     string
	limit    int
	started  bool // the opening bracket of the array was read
	closed   bool
	separate bool // a comma or the end of the array must come next
	indent   int  // the column at which the record begins, counted from its line or the previous record
}

func newJSON(j *JSON, o *Options, w *window, layout *record.Layout, f framing) *jsonDecoder {
	d := &jsonDecoder{framing: f, root: paths(layout), mode: j.Framing, limit: o.Limits.record()}
	d.w = w
	d.parser.fields = make([]record.Value, len(layout.Paths()))
	d.parser.maxDepth = orDefault(j.Depth, 64)
	return d
}

// guess decides by the first line: an array begins with a bracket; a line that is valid up to its end within an
// object, or that contains a second object, means objects mode.
func (d *jsonDecoder) guess() string {
	head := d.w.buf[d.w.start:min(d.w.end, d.w.start+sniffed)]
	head = bytes.TrimLeft(head, " \t\r\n")
	if len(head) > 0 && head[0] == '[' {
		return "array"
	}
	i := bytes.IndexByte(head, d.w.newline)
	if i < 0 {
		i = len(head)
		if d.w.err == nil || d.w.end-d.w.start > sniffed {
			return "lines"
		}
	}
	p := parser{maxDepth: d.parser.maxDepth}
	line := bytes.TrimRight(head[:i], " \t\r")
	reason := p.parse(line, &member{slot: -1})
	if reason != "" && (p.pos >= len(line) || p.depth == 0 && line[p.pos] == '{') {
		return "objects"
	}
	return "lines"
}

// Next implements Decoder.
func (d *jsonDecoder) Next(rec *record.Record) error {
	rec.Fields = d.parser.fields
	for {
		d.release()
		n, next, lines, reason, err := 0, 0, 0, "", error(nil)
		if d.mode == "lines" {
			text, after, state := d.w.lineFrom(0)
			switch state {
			case nothing, broken:
				rec.Raw = nil
				return d.finish()
			case tooLong:
				clear(d.parser.fields)
				return d.gone(rec, fmt.Sprintf("longer than %d bytes", d.limit))
			}
			n, next, lines = text, after, 1
			if len(bytes.Trim(d.w.buf[d.w.start:d.w.start+n], " \t\r\x1a")) == 0 {
				d.w.take(next)
				d.w.line++
				continue
			}
		} else {
			if err = d.between(); err != nil {
				rec.Raw = nil
				return err
			}
			if n, reason = d.extent(); reason == "broken" {
				rec.Raw = nil
				return d.finish()
			} else if reason != "" {
				return d.lost(rec, reason)
			}
			next, d.separate = n, true
			lines = bytes.Count(d.w.buf[d.w.start:d.w.start+n], []byte{d.w.newline})
		}
		object := d.w.buf[d.w.start : d.w.start+n]
		if reason == "" {
			if reason = badText(object); reason == "" {
				reason = d.parser.parse(object, d.root)
			}
		}
		if d.frame != nil && reason == "" {
			rec.Seq, rec.Line, rec.Offset, rec.Raw = d.seq+1, d.w.line, d.w.offset, object
			framed, claimed, err := d.frame(rec)
			switch {
			case err != nil:
				reason = err.Error()
			case framed:
				d.trailer(claimed, next)
				d.w.take(next)
				d.w.line += uint64(lines)
				continue
			}
		}
		if reason != "" {
			clear(d.parser.fields)
			err = d.bad(rec, next, 0, reason)
		} else {
			d.number(rec, next)
		}
		d.w.line += uint64(lines)
		return err
	}
}

// between consumes the bytes between records in array and objects mode.
func (d *jsonDecoder) between() error {
	for {
		if !d.w.want(1) {
			if d.mode == "array" && d.w.err == io.EOF && d.started && !d.closed {
				return &FileError{Fault: Truncated, Line: d.w.line, Offset: d.w.offset, Reason: "the file ends before the array does",
					Hint: "it is probably cut off"}
			}
			return d.finish()
		}
		c := d.w.buf[d.w.start]
		d.indent++
		switch {
		case c == d.w.newline:
			d.w.line++
			d.indent = 0
		case c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == 0x1a:
		case d.mode != "array":
			d.indent--
			return nil
		case !d.started && c == '[':
			d.started = true
		case !d.started || d.closed:
			return &FileError{Fault: Foreign, Line: d.w.line, Offset: d.w.offset, Reason: fmt.Sprintf("%q outside the array of records", c),
				Hint: "check jsonl.framing"}
		case c == ']':
			d.closed = true
		case c == ',':
			d.separate = false
		case d.separate:
			return &FileError{Fault: Foreign, Line: d.w.line, Offset: d.w.offset,
				Reason: fmt.Sprintf("%q where \",\" or \"]\" should be, after record %d", c, d.seq)}
		default:
			d.indent--
			return nil
		}
		d.w.take(1)
	}
}

// extent returns the length of the value at the window's start. It checks only what is necessary: brackets,
// quotes, and that each { follows something that may precede it, so that a lost bracket affects few records.
func (d *jsonDecoder) extent() (n int, reason string) {
	depth, inText, escape, last := 0, false, false, byte(0)
	for i := 0; ; {
		content := d.w.buf[d.w.start:d.w.end]
		for ; i < len(content); i++ {
			c := content[i]
			switch {
			case escape:
				escape = false
				continue
			case inText:
				switch c {
				case '\\':
					escape = true
				case '\n':
					return 0, "a string does not end on its line"
				case '"':
					inText, last = false, c
					if depth == 0 {
						return i + 1, ""
					}
				}
				continue
			}
			switch c {
			case ' ', '\t', '\r', '\n':
				if depth == 0 {
					return i, ""
				}
				continue
			case ',', ':':
				if depth == 0 {
					return max(i, 1), ""
				}
			case '"':
				inText = true
			case '{', '[':
				if last != 0 && last != ':' && last != ',' && last != '[' {
					return 0, fmt.Sprintf("byte %d: %q where \",\" or a closing bracket should be", i+1, c)
				}
				if depth++; depth > d.parser.maxDepth {
					return 0, fmt.Sprintf("nested more than %d deep", d.parser.maxDepth)
				}
			case '}', ']':
				if depth == 0 && i > 0 {
					return i, ""
				}
				if depth--; depth <= 0 {
					return i + 1, ""
				}
			}
			last = c
		}
		switch {
		case i > d.limit:
			return 0, fmt.Sprintf("longer than %d bytes", d.limit)
		case d.w.want(i + 1):
		case d.w.err != io.EOF:
			return 0, "broken"
		case depth == 0 && !inText:
			return i, ""
		default:
			return 0, "the file ends before the record does"
		}
	}
}

// lost does the same as bad for a record whose end cannot be found: the record extends to the next line that begins
// with { no further to the right than this record does, or in an array to its end.
func (d *jsonDecoder) lost(rec *record.Record, reason string) error {
	d.seq++
	rec.Seq, rec.Line, rec.Offset = d.seq, d.w.line, d.w.offset
	d.span, d.raw = 0, d.raw[:0]
	for begins := false; !begins; {
		d.span += d.w.discard(&d.raw)
		if !d.w.want(1) {
			break
		}
		d.w.want(min(d.indent, 1024) + 1)
		line := d.w.buf[d.w.start:min(d.w.end, d.w.start+min(d.indent, 1024)+1)]
		line = bytes.TrimLeft(line, " \t")
		begins = len(line) > 0 && (line[0] == '{' || line[0] == ']' && d.mode == "array")
	}
	d.spans += d.span
	rec.Raw = d.raw
	clear(d.parser.fields)
	d.separate = false
	return &RecordError{Line: rec.Line, Offset: rec.Offset, Reason: reason}
}
