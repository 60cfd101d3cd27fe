package registry

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"ratemill/csvfile"
	"ratemill/diag"
)

// longestLine is the longest line of a CSV file, which limits the memory that a file can take.
const longestLine = 64 << 10

// csvRows reads a CSV file line by line, with commas or semicolons, quotes as in RFC 4180 but only within a line,
// and a header row with the names of the columns. It skips empty lines and lines that begin with #.
func (im *importer) csvRows(in Input, s *section) {
	file, err := in.Open()
	if err != nil {
		im.errorf(diag.Pos{File: &diag.File{Name: in.Name}}, "cannot be opened: %v", err)
		return
	}
	defer file.Close()
	lines, err := csvfile.Lines(file, longestLine)
	if errors.Is(err, csvfile.ErrLineEnds) {
		im.errorf(diag.Pos{File: diag.Excerpt(in.Name, 1, ""), Line: 1, Column: 1}, "%v", err)
		return
	} else if err != nil {
		im.errorf(diag.Pos{File: &diag.File{Name: in.Name}}, "cannot be read: %v", err)
		return
	}
	var header []target
	separator, named := byte(','), byte(0)
	r := &row{file: in.Name}
	for r.line = 1; !im.full(); r.line++ {
		raw, err := lines.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			im.errorf(diag.Pos{File: diag.Excerpt(in.Name, r.line, ""), Line: r.line, Column: 1}, "the line has more than %d "+
				"bytes: this is not a registry file", longestLine)
			return
		}
		if err != nil && err != io.EOF {
			im.errorf(diag.Pos{File: &diag.File{Name: in.Name}}, "cannot read beyond line %d: %v", r.line, err)
			return
		}
		raw = bytes.TrimRight(raw, "\r\n")
		if len(raw) > 0 && raw[0] != '#' {
			switch {
			case !utf8.Valid(raw):
				im.errorf(diag.Pos{File: diag.Excerpt(in.Name, r.line, ""), Line: r.line, Column: 1}, "the line is not UTF-8 text")
				return
			case header == nil && named == 0 && csvfile.NamedSeparator(raw) != 0:
				named = csvfile.NamedSeparator(raw)
			case header == nil:
				r.text = string(raw)
				if bytes.IndexByte(raw, ',') < 0 && bytes.IndexByte(raw, ';') >= 0 {
					separator = ';'
				}
				separator = cmp.Or(named, separator)
				if header = im.csvHeader(r, s, separator); header == nil {
					return
				}
			default:
				r.text = string(raw)
				if im.csvCells(r, header, separator) {
					im.take(s, r)
				}
			}
		}
		if err == io.EOF {
			break
		}
	}
	if header == nil && !im.full() {
		im.errorf(diag.Pos{File: &diag.File{Name: in.Name}}, "the file is empty; its first line must name the columns: %s",
			strings.Join(im.fieldNames(s), ","))
	}
}

// target is the meaning of a column in a file: a column of its section, or a field of the section's value.
type target struct {
	column column
	field  *Field // nil for a column of the section
}

// csvHeader reads the columns of a file; it returns nil if the header is wrong.
func (im *importer) csvHeader(r *row, s *section, separator byte) []target {
	var header []target
	var names []string
	good := true
	rest := r.text
	for from := 0; ; {
		text, n, _ := cut(rest, separator)
		c := &r.cells[colID]
		*c = cell{from: from, to: from + n}
		name := strings.ToLower(strings.TrimSpace(text))
		t := target{column: column(max(0, slices.Index(columnNames[:], name)))}
		if columnNames[t.column] != name || !slices.Contains(s.columns, t.column) {
			field, ok := im.field(s, name)
			if t.field = &field; !ok {
				known := im.fieldNames(s)
				im.errorf(r.at(colID), "%s has no column %q; it has %s%s", s.name, shortened(name), strings.Join(known, ", "),
					diag.Suggest(name, known))
				good = false
			}
		}
		if slices.Contains(names, name) {
			im.errorf(r.at(colID), "column %s appears twice", name)
			good = false
		}
		names, header = append(names, name), append(header, t)
		if n >= len(rest) {
			break
		}
		rest, from = rest[n+1:], from+n+1
	}
	if !good {
		return nil
	}
	return header
}

// csvCells fills the cells of a row from its line.
func (im *importer) csvCells(r *row, header []target, separator byte) bool {
	r.cells = [columns]cell{}
	r.fields = r.fields[:0]
	rest, from := r.text, 0
	for i := 0; ; i++ {
		text, n, ok := cut(rest, separator)
		if !ok {
			c := &r.cells[colID]
			*c = cell{from: from, to: len(r.text)}
			im.errorf(r.at(colID), "the quotes of this field are wrong: write a quote within quotes twice, and a %q or the end "+
				"of the line after the closing quote", string(separator))
			return false
		}
		if i < len(header) {
			c := cell{text: strings.TrimSpace(text), said: true, from: from, to: from + n}
			if f := header[i].field; f != nil {
				r.fields = append(r.fields, fieldCell{*f, c})
			} else {
				r.cells[header[i].column] = c
			}
		}
		if n >= len(rest) {
			if i+1 != len(header) {
				r.cells[colID] = cell{from: 0, to: len(r.text)}
				im.errorf(r.at(colID), "the line has %d fields, the header %d", i+1, len(header))
				return false
			}
			return true
		}
		rest, from = rest[n+1:], from+n+1
	}
}

// cut returns the first field of a line and its length in bytes, including its quotes.
func cut(line string, separator byte) (text string, n int, ok bool) {
	if len(line) == 0 || line[0] != '"' {
		if n = strings.IndexByte(line, separator); n < 0 {
			n = len(line)
		}
		return line[:n], n, true
	}
	for i := 1; i < len(line); i++ {
		if line[i] != '"' {
			continue
		}
		if i+1 < len(line) && line[i+1] == '"' {
			i++
			continue
		}
		if i+1 < len(line) && line[i+1] != separator {
			return "", 0, false
		}
		return strings.ReplaceAll(line[1:i], `""`, `"`), i + 1, true
	}
	return "", 0, false
}
