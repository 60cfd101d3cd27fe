package csvfile

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"strings"
)

// ErrLineEnds is the error for a file whose lines end in CR alone, as old spreadsheets write them, because it would
// be read as one long line.
var ErrLineEnds = errors.New("the lines end in CR alone; let them end in LF or CR LF: save the file as CSV with the line ends of " +
	"Windows or Unix")

// beginning is the size of the part of a file from which its form is recognised.
const beginning = 64 << 10

// CheckLineEnds returns ErrLineEnds if the lines of a text end in CR alone. It needs only the beginning of the
// text.
func CheckLineEnds(text []byte) error {
	first, _, _ := bytes.Cut(text, []byte("\n"))
	if bytes.IndexByte(bytes.TrimRight(first, "\r"), '\r') >= 0 {
		return ErrLineEnds
	}
	return nil
}

// Lines returns a buffered reader of a file's text without its byte order mark. Its buffer holds size bytes.
func Lines(from io.Reader, size int) (*bufio.Reader, error) {
	r := bufio.NewReaderSize(from, max(size, beginning))
	if mark, _ := r.Peek(3); string(mark) == "\ufeff" {
		_, _ = r.Discard(3)
	}
	text, err := r.Peek(r.Size())
	if err != nil && err != io.EOF {
		return nil, err
	}
	return r, CheckLineEnds(text)
}

// NewReader returns a reader of the records of a file. The separator is the one in a first line sep=; or sep=, or
// else the one of the two that occurs more often in the header. Line numbers include the line sep=;. Records may
// have any number of fields.
func NewReader(from io.Reader) (*csv.Reader, error) {
	lines, err := Lines(from, beginning)
	if err != nil {
		return nil, err
	}
	text, _ := lines.Peek(lines.Size())
	head, _, _ := bytes.Cut(text, []byte("\n"))
	before := ""
	separator := rune(NamedSeparator(bytes.TrimRight(head, "\r")))
	if separator != 0 {
		_, _ = lines.Discard(min(len(head)+1, len(text)))
		before = "\n" // so that lines are counted from the first
	} else if separator = ','; bytes.Count(head, []byte(";")) > bytes.Count(head, []byte(",")) {
		separator = ';'
	}
	r := csv.NewReader(io.MultiReader(strings.NewReader(before), lines))
	r.Comma, r.FieldsPerRecord = separator, -1
	return r, nil
}

// NamedSeparator returns the separator in a line such as sep=; and 0 for any other line. Spreadsheets write it.
func NamedSeparator(line []byte) byte {
	if text, ok := bytes.CutPrefix(bytes.ToLower(line), []byte("sep=")); ok && len(text) == 1 && (text[0] == ',' || text[0] == ';') {
		return text[0]
	}
	return 0
}
