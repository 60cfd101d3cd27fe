package decode

import (
	"bytes"
	"fmt"

	"ratemill/rules/record"
)

// extent is the range of a field in the window.
type extent struct {
	begin, end int
	escaped    bool // holds escapes
}

// reading is the result of reading one record with quotes.
type reading struct {
	next    int // position at which the next record begins
	lines   int
	columns int
	reason  string // reason for refusing the record, which then consists of its first line only, so that a lost quote costs one line
	column  int    // its position, from 1
	broken  bool   // reading failed within the record
}

// readAny reads the record whose first line ends at text into the slots, as strictly as the options require.
func (d *csvDecoder) readAny(text, next int) reading {
	r := d.read(text, next)
	if r.reason != "" && d.options.Quotes == "lenient" && !r.broken {
		if l, ok := d.readLenient(text, next); ok {
			r = l
		}
	}
	if r.reason != "" {
		return r
	}
	r.columns = len(d.found)
	content := d.w.buf[d.w.start:d.w.end]
	d.scratch = d.scratch[:0]
	for i, f := range d.found {
		if i == len(d.slots) {
			break
		}
		if s := d.slots[i]; s >= 0 {
			d.fields[s] = record.Value{Kind: record.Text, Text: d.text(content, f)}
		}
	}
	return r
}

// text returns the characters of a field. If the scratch buffer grows, earlier fields keep the old buffer.
func (d *csvDecoder) text(content []byte, f extent) []byte {
	b := content[f.begin:f.end:f.end]
	if !f.escaped {
		return b
	}
	begin := len(d.scratch)
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case d.escape == 0 && c == d.quote && i+1 < len(b) && b[i+1] == d.quote:
			i++
		case d.escape != 0 && c == d.escape && i+1 < len(b):
			i++
			switch b[i] {
			case 'n':
				d.scratch = append(d.scratch, '\n')
				continue
			case 'r':
				d.scratch = append(d.scratch, '\r')
				continue
			case 't':
				d.scratch = append(d.scratch, '\t')
				continue
			case d.quote, d.escape, d.delimiter[0], '\n', '\r':
			default:
				d.scratch = append(d.scratch, c)
			}
		}
		d.scratch = append(d.scratch, b[i])
	}
	return d.scratch[begin:len(d.scratch):len(d.scratch)]
}

// read finds the fields of the record whose first line ends at text, by RFC 4180. Quotes may span lines.
func (d *csvDecoder) read(text, next int) reading {
	d.found = d.found[:0]
	r := reading{next: next, lines: 1}
	firstLine := next
	fail := func(format string, args ...any) reading {
		return reading{next: firstLine, lines: 1, column: len(d.found) + 1, reason: fmt.Sprintf(format, args...)}
	}
	content := d.w.buf[d.w.start:d.w.end]
	for pos := 0; ; {
		pos = d.blank(content, pos, text)
		if d.quote == 0 || pos == text || content[pos] != d.quote {
			end, quoted, escaped := d.bare(content, pos, text)
			if quoted {
				return fail("a quote inside a field without quotes%s", d.lenientReads("it as text"))
			}
			last := end == text
			after := end + len(d.delimiter)
			d.found = append(d.found, extent{pos, d.unblank(content, pos, end), escaped})
			if last {
				return r
			}
			pos = after
		} else {
			pos++
			f := extent{begin: pos}
			for {
				at := d.special(content[pos:text])
				if at < 0 {
					// The quote is still open at the end of the line, so the next line belongs to the field.
					switch {
					case d.lines == 1:
						return fail("a quote does not close in its line (if fields contain line breaks, write csv.multiline: true)")
					case r.lines == d.lines:
						return fail("a quote does not close within the lines that limits.lines allows (%d)", d.lines)
					}
					from := r.next
					end, after, state := d.w.lineFrom(from)
					content = d.w.buf[d.w.start:d.w.end]
					switch {
					case state == broken:
						return reading{broken: true, reason: "broken"}
					case state == nothing:
						d.open = true
						return fail("a quote does not close before the end of the file")
					case state == tooLong || after > d.limit:
						return fail("a quote does not close within %d bytes", d.limit)
					case d.begins != nil && d.begins.Match(content[from:end]):
						return fail("a quote does not close before the next record, %s", lineAfter(r.lines))
					}
					pos, text, r.next = from, end, after
					r.lines++
					continue
				}
				pos += at
				if d.escape != 0 && content[pos] == d.escape {
					f.escaped = true
					pos = min(pos+2, text)
					continue
				}
				if d.escape == 0 && pos+1 < text && content[pos+1] == d.quote {
					f.escaped = true
					pos += 2
					continue
				}
				break
			}
			f.end = pos
			pos = d.blank(content, pos+1, text)
			if pos < text && !bytes.HasPrefix(content[pos:text], d.delimiter) {
				return fail("text after the closing quote%s", d.lenientReads("it"))
			}
			d.found = append(d.found, f)
			if pos == text {
				return r
			}
			pos += len(d.delimiter)
		}
		if len(d.found) > d.most {
			return fail("more than %d columns", d.most)
		}
	}
}

// lineAfter returns the number of the line after a record with this many lines.
func lineAfter(lines int) string {
	if lines == 1 {
		return "in the next line"
	}
	return fmt.Sprintf("%d lines on", lines)
}

// special finds the next quote or escape character.
func (d *csvDecoder) special(b []byte) int {
	at := bytes.IndexByte(b, d.quote)
	if d.escape != 0 {
		rest := b
		if at >= 0 {
			rest = b[:at]
		}
		if e := bytes.IndexByte(rest, d.escape); e >= 0 {
			return e
		}
	}
	return at
}

// bare finds the end of an unquoted field, and whether the field contains a quote or escapes.
func (d *csvDecoder) bare(content []byte, pos, text int) (end int, quoted, escaped bool) {
	if d.escape != 0 {
		for end = pos; end < text && !bytes.HasPrefix(content[end:text], d.delimiter); end++ {
			switch {
			case content[end] == d.escape && end+1 < text:
				escaped = true
				end++
			case d.quote != 0 && content[end] == d.quote:
				quoted = true
			}
		}
		return end, quoted, escaped
	}
	end = text
	if i := bytes.Index(content[pos:text], d.delimiter); i >= 0 {
		end = pos + i
	}
	return end, d.quote != 0 && bytes.IndexByte(content[pos:end], d.quote) >= 0, false
}

func (d *csvDecoder) blank(content []byte, pos, text int) int {
	if d.options.Trim {
		for pos < text && (content[pos] == ' ' || content[pos] == '\t') {
			pos++
		}
	}
	return pos
}

func (d *csvDecoder) unblank(content []byte, pos, end int) int {
	if d.options.Trim {
		for end > pos && (content[end-1] == ' ' || content[end-1] == '\t') {
			end--
		}
	}
	return end
}

// readLenient reads a line that violates RFC 4180, without looking at further lines. It tries the following two
// readings in order. The first one with the right number of columns is used, or the first one if any number is
// allowed:
//
//	closing  a quoted field ends at a quote before a delimiter or the end of the line; other quotes are text:
//	         ""User 1" <1115>","1115"   →   "User 1" <1115>   1115
//	literal  a field that begins with a quote and goes on after the closing one is text with all its quotes:
//	         "User 10" <114>,1115       →   "User 10" <114>   1115
//
// Both treat quotes inside an unquoted field as text.
func (d *csvDecoder) readLenient(text, next int) (reading, bool) {
	content := d.w.buf[d.w.start:d.w.end]
	for _, field := range []func([]byte, int, int) (extent, int){d.closing, d.literal} {
		d.found = d.found[:0]
		for pos := 0; pos >= 0 && len(d.found) <= d.most; {
			pos = d.blank(content, pos, text)
			var f extent
			if pos < text && content[pos] == d.quote {
				f, pos = field(content, pos, text)
				if pos < 0 {
					break
				}
			} else {
				end, _, escaped := d.bare(content, pos, text)
				f, pos = extent{pos, d.unblank(content, pos, end), escaped}, end
			}
			d.found = append(d.found, f)
			if pos == text {
				n := len(d.found)
				if d.width == 0 || n == d.width || d.atLeast && n > d.width {
					return reading{next: next, lines: 1}, true
				}
				break
			}
			pos += len(d.delimiter)
		}
	}
	return reading{}, false
}

func (d *csvDecoder) closing(content []byte, pos, text int) (extent, int) {
	f := extent{begin: pos + 1}
	for pos++; pos < text; pos++ {
		switch {
		case d.escape != 0 && content[pos] == d.escape:
			f.escaped = true
			pos++
		case content[pos] != d.quote:
		default:
			after := d.blank(content, pos+1, text)
			if after == text || bytes.HasPrefix(content[after:text], d.delimiter) {
				f.end = pos
				return f, after
			}
			if d.escape == 0 && content[pos+1] == d.quote {
				f.escaped = true
				pos++
			}
		}
	}
	return f, -1
}

func (d *csvDecoder) literal(content []byte, pos, text int) (extent, int) {
	f := extent{begin: pos + 1}
	at := pos + 1
	for at < text && content[at] != d.quote || at+1 < text && d.escape == 0 && content[at] == d.quote && content[at+1] == d.quote {
		if content[at] == d.quote {
			f.escaped = true
			at++
		} else if d.escape != 0 && content[at] == d.escape {
			f.escaped = true
			at++
		}
		at++
	}
	if at >= text {
		return f, -1
	}
	f.end = at
	after := d.blank(content, at+1, text)
	if after == text || bytes.HasPrefix(content[after:text], d.delimiter) {
		return f, after
	}
	end := text
	if i := bytes.Index(content[at:text], d.delimiter); i >= 0 {
		end = at + i
	}
	return extent{begin: pos, end: d.unblank(content, pos, end)}, end
}

// lenientReads suggests lenient quotes if the source does not use them yet.
func (d *csvDecoder) lenientReads(what string) string {
	if d.options.Quotes == "lenient" {
		return ""
	}
	return " (csv.quotes: lenient reads " + what + ")"
}
