package decode

import (
	"bytes"
	"fmt"
	"io"
	"regexp"
	"sort"
	"strings"
	"unicode/utf8"

	"ratemill/internal/diag"
	"ratemill/record"
)

// Options say how the files of a source are read: one format, and what holds for all formats.
type Options struct {
	CSV      *CSV     `yaml:"csv" doc:"Delimited text: CSV and its relatives."`
	JSON     *JSON    `yaml:"jsonl" doc:"JSON: one object a line, one array of objects, or objects one after the other."`
	Encoding string   `yaml:"encoding" enum:"utf-8|utf-16le|utf-16be|latin-1|windows-1252|auto" default:"utf-8" doc:"Text encoding: utf-8, utf-16le, utf-16be, latin-1, windows-1252, or auto. A byte order mark wins over utf-8 and auto; auto also recognises UTF-16 without mark, and takes what is not UTF-8 for windows-1252."`
	Trailer  *Trailer `yaml:"trailer" doc:"The record at the end that gives the number of the others. It is not usage."`
	Limits   Limits   `yaml:"limits" doc:"Limits for broken or hostile files."`
}

// CSV describes delimited text.
type CSV struct {
	Delimiter string            `yaml:"delimiter" default:"," example:";" doc:"The text that separates columns, without quote or line break; tab stands for the tab character."`
	Quote     string            `yaml:"quote" default:"\"" doc:"The character around fields that hold delimiters or line breaks, or none."`
	Quotes    string            `yaml:"quotes" enum:"strict|lenient" default:"strict" doc:"strict: RFC 4180, anything else suspends the record. lenient: a record that breaks RFC 4180 is read again within its line, first with quotes that end a field only before a delimiter, then with all quotes of the field as plain text; the first reading with the right number of columns counts."`
	Escape    string            `yaml:"escape" enum:"double|backslash" default:"double" doc:"How a quote stands in a quoted field: double (\"\") or backslash (\\\")."`
	Trim      bool              `yaml:"trim" default:"false" doc:"Remove spaces and tabs around fields, as in \"a, b, c\"."`
	Skip      int               `yaml:"skip" default:"0" doc:"Number of lines before the header or the first record that are not records (metadata, a row of types)."`
	Header    bool              `yaml:"header" default:"false" doc:"The first row names the columns."`
	SkipAfter int               `yaml:"skip_after" default:"0" doc:"Number of lines after the header that are not records, such as the row of types in Cisco CUCM files."`
	Columns   Columns           `yaml:"columns" example:"[type, started, imsi]" doc:"Without header: names by order, as a list (_ for an unused column), or by position, as a map from name to number (1 is the first). Without any, columns are c1, c2, …"`
	Rename    map[string]string `yaml:"rename" example:"{ imsi: \"SIM IMSI (15)\" }" doc:"With header: the name in the rules for a column whose name in the file is not a word. Characters other than letters, digits and _ can also be written as _."`
	Optional  []string          `yaml:"optional" doc:"With header: columns that some files lack, and that are then absent. Any other column that a rule reads and the header lacks fails the file."`
	Width     string            `yaml:"width" enum:"exact|at_least|any" doc:"Number of columns of a record: exact (as header or list say), at_least, or any. Default: exact with header or list, else any."`
	Multiline bool              `yaml:"multiline" default:"false" doc:"Quoted fields may hold line breaks, as RFC 4180 has it; a record spans limits.lines lines at most, and its usage records have the note spans_lines. Without it a quote ends within its line, so that two stray quotes cannot swallow the lines between them."`
	Begins    string            `yaml:"begins" example:"^[0-9]+," doc:"With multiline: a regular expression that the first line of each record matches. A line that matches it ends a quoted field that is still open, and the record with the open quote is suspended."`
	Comment   string            `yaml:"comment" example:"#" doc:"Lines that begin with this text are comments."`
}

// JSON describes JSON content.
type JSON struct {
	Framing string `yaml:"framing" enum:"auto|lines|array|objects" default:"auto" doc:"lines (one object a line), array (one array of objects), objects (one after the other, over any number of lines), or auto, which looks at the first line."`
	Depth   int    `yaml:"depth" default:"64" doc:"Deepest allowed nesting of values."`
}

// Trailer describes the record that ends a file. When and Records are expressions, compiled elsewhere into a Frame; First
// and Count say the same without expressions for CSV.
type Trailer struct {
	When     diag.Text `yaml:"when" example:"type == \"T\"" doc:"Expression: this record is the trailer."`
	Records  diag.Text `yaml:"records" example:"int(started)" doc:"Expression over the trailer: how many records stand before it."`
	First    string    `yaml:"first" example:"T" doc:"CSV, instead of when: the trailer's first column is this text."`
	Count    int       `yaml:"count" example:"2" doc:"CSV, instead of records: the trailer's column (1 is the first) with the number of records."`
	Mismatch string    `yaml:"mismatch" enum:"fail|alarm" default:"fail" doc:"What to do when the count disagrees, the trailer is missing or records follow it: fail the file, or raise an alarm and go on."`
	Optional bool      `yaml:"optional" default:"false" doc:"Accept files without a trailer as complete."`
}

// Limits bound what a file can make ratemill do. Zero is the default.
type Limits struct {
	Record   int   `yaml:"record" default:"1048576" doc:"Longest record in bytes, at most 4 MiB, because a suspended record goes through Kafka as a whole."`
	Usages   int   `yaml:"usages" default:"1000" doc:"Largest number of usage records that one record may become by fan-out, at most 65536."`
	Lines    int   `yaml:"lines" default:"64" doc:"Most lines that one record's quotes may span, with csv.multiline."`
	Columns  int   `yaml:"columns" default:"4096" doc:"Most columns of a record."`
	Expanded int64 `yaml:"expanded" default:"68719476736" doc:"Largest content of a compressed file in bytes."`
	Ratio    int64 `yaml:"ratio" default:"1000" doc:"Largest number of bytes that one compressed byte may become, counted after the first 64 MiB."`
}

// Columns names columns by order (Names) or by position (Positions, 1 is the first).
type Columns struct {
	Names     []string
	Positions map[string]int
}

// UnmarshalNode reads a list or a map.
func (c *Columns) UnmarshalNode(n *diag.Node, d *diag.Decoder) {
	switch n.Kind {
	case diag.Sequence:
		d.Decode(n, &c.Names)
	case diag.Mapping:
		d.Decode(n, &c.Positions)
	default:
		d.Errorf(n.Pos, "columns is a list of names, or a map from name to position, not %s", n.Kind)
	}
}

// Check reports all that is wrong with the options of a document.
func (o *Options) Check(n *diag.Node, d *diag.Decoder) {
	for _, p := range o.problems() {
		at := n
		for _, key := range strings.Split(p.path, ".") {
			if m := at.Member(key); m != nil {
				at = m
			}
		}
		d.Errorf(at.Pos, "%s %s", p.path, p.message)
	}
}

type problem struct{ path, message string }

func (o *Options) problems() []problem {
	var ps []problem
	bad := func(path, format string, args ...any) {
		ps = append(ps, problem{path, fmt.Sprintf(format, args...)})
	}
	if (o.CSV == nil) == (o.JSON == nil) {
		bad("decode", "needs one format: csv or jsonl")
	}
	for _, l := range []struct {
		path  string
		value int64
	}{{"limits.record", int64(o.Limits.Record)}, {"limits.usages", int64(o.Limits.Usages)}, {"limits.lines", int64(o.Limits.Lines)}, {"limits.columns", int64(o.Limits.Columns)}, {"limits.expanded", o.Limits.Expanded}, {"limits.ratio", o.Limits.Ratio}} {
		if l.value < 0 {
			bad(l.path, "is negative")
		}
	}
	if o.Limits.Record > mostRecord {
		bad("limits.record", "is over 4 MiB: a record that is suspended goes through Kafka as a whole, whose messages have at most 8 MiB")
	}
	if o.Limits.Usages > maxValues {
		bad("limits.usages", "is over %d, which is how many values a record may have", maxValues)
	}
	if c := o.CSV; c != nil {
		d, q := c.delimiter(), c.quote()
		switch {
		case strings.ContainsAny(d, "\r\n"):
			bad("csv.delimiter", "holds a line break")
		case len(c.Quote) > 1 && c.Quote != "none":
			bad("csv.quote", "is one ASCII character or none, not %q", c.Quote)
		case q != 0 && strings.IndexByte(d, q) >= 0:
			bad("csv.delimiter", "holds the quote")
		case c.Escape == "backslash" && strings.Contains(d, `\`):
			bad("csv.delimiter", "holds the escape")
		case !utf8.ValidString(d):
			bad("csv.delimiter", "is not valid UTF-8")
		}
		if c.Quote == "\n" || c.Quote == "\r" || c.Quote == `\` && c.Escape == "backslash" {
			bad("csv.quote", "cannot be %q", c.Quote)
		}
		if c.Begins != "" {
			if _, err := regexp.Compile(c.Begins); err != nil {
				bad("csv.begins", "is no regular expression: %v", err)
			} else if !o.multiline() {
				bad("csv.begins", "goes with multiline: true")
			}
		}
		if c.Multiline && o.Limits.Lines == 1 {
			bad("limits.lines", "is 1, and csv.multiline: true lets records span lines; leave one of them out")
		}
		if c.Skip < 0 {
			bad("csv.skip", "is negative")
		}
		if c.SkipAfter < 0 {
			bad("csv.skip_after", "is negative")
		}
		if c.SkipAfter > 0 && !c.Header {
			bad("csv.skip_after", "goes with header: true; without header, use skip")
		}
		if c.Header && (len(c.Columns.Names) > 0 || len(c.Columns.Positions) > 0) {
			bad("csv.columns", "goes without header; use rename to give columns of the header other names, or skip: %d to ignore the header", c.Skip+1)
		}
		if !c.Header && len(c.Rename) > 0 {
			bad("csv.rename", "goes with header: true")
		}
		if !c.Header && len(c.Optional) > 0 {
			bad("csv.optional", "goes with header: true")
		}
		seen := map[string]bool{}
		for _, n := range c.Columns.Names {
			if n != "_" && seen[n] {
				bad("csv.columns", "name %q stands twice", n)
			}
			seen[n] = true
		}
		for n, p := range c.Columns.Positions {
			if p < 1 || p > o.Limits.columns() {
				bad("csv.columns", "position of %q is %d, not between 1 and %d", n, p, o.Limits.columns())
			}
		}
	}
	if j := o.JSON; j != nil && (j.Depth < 0 || j.Depth > 10000) {
		bad("jsonl.depth", "is not between 1 and 10000")
	}
	if t := o.Trailer; t != nil {
		if t.When.IsZero() == (t.First == "") {
			bad("trailer", "needs either when (an expression) or first (the text of the first column)")
		}
		if t.First != "" && o.CSV == nil {
			bad("trailer.first", "is for csv; use when")
		}
		if t.Count < 0 || t.Count > 0 && t.First == "" {
			bad("trailer.count", "is a column of a trailer known by first; use records with when")
		}
		if !t.Records.IsZero() && t.When.IsZero() {
			bad("trailer.records", "goes with when; use count with first")
		}
	}
	return ps
}

// Columns are the names that rules may use, when the options alone tell (CSV without header); ok is false when only the
// file does.
func (o *Options) Columns() (names []string, ok bool) {
	if o.CSV == nil || o.CSV.Header {
		return nil, false
	}
	c := o.CSV.Columns
	for _, n := range c.Names {
		if n != "_" {
			names = append(names, n)
		}
	}
	for n := range c.Positions {
		names = append(names, n)
	}
	sort.Strings(names)
	return names, len(names) > 0
}

// Decoder yields the records of one file. It belongs to one goroutine.
type Decoder interface {
	// Next decodes the next record into rec. io.EOF ends the file; after a *RecordError rec has Seq, Line, Offset and up
	// to 64 KiB of Raw, no fields, and the next call goes on; after a *FileError there is nothing more, unless it is an
	// Alarm.
	Next(rec *record.Record) error
	// Span is the size of the last record in bytes of the content. It is len(Raw), unless Raw was cut or the text
	// converted from another encoding.
	Span() int64
	// Framing is the size of all so far that belongs to no record.
	Framing() int64
	// Expected is how many records the trailer counts, once it was read; -1 when there is none, or it counts nothing.
	Expected() int64
	// Trailer is the trailer as it stands in the file, in UTF-8 and up to 64 KiB of it, once it was read.
	Trailer() []byte
	// State is where the decoder stands at the end of the content, once Next has answered io.EOF. Resume goes on from there
	// in a content that begins with this one; nil when that one may have to be read from its beginning.
	State() *State
	// Preamble is the text before the first record that gives it meaning (skipped lines and header), in UTF-8. Preamble
	// and Raw of any records make a file that Options.Again reads.
	Preamble() []byte
}

// Frame recognises framing among the records: whether rec is framing and, if it counts records, how many (else -1). An
// error makes rec a bad record. One Frame serves one decoder.
type Frame func(rec *record.Record) (framing bool, records int64, err error)

// Open starts decoding content (after Unpack). The layout must not grow any more.
func (o *Options) Open(r io.Reader, layout *record.Layout) (Decoder, error) {
	return o.OpenFramed(r, layout, nil)
}

// OpenFramed is Open with the compiled Trailer.When and Trailer.Records.
func (o *Options) OpenFramed(r io.Reader, layout *record.Layout, frame Frame) (Decoder, error) {
	if ps := o.problems(); len(ps) > 0 {
		return nil, fmt.Errorf("decode: %s %s", ps[0].path, ps[0].message)
	}
	w := newWindow(r, o.Limits.record())
	if err := w.begin(o.Encoding); err != nil {
		return nil, err
	}
	f := framing{frame: frame, options: o.Trailer}
	if o.JSON != nil {
		return openJSON(o, w, layout, f)
	}
	return openCSV(o, w, layout, f)
}

// Again are the options for a file made of a Preamble and Raws: UTF-8, and no trailer.
func (o *Options) Again() *Options {
	again := *o
	again.Encoding, again.Trailer = "utf-8", nil
	if o.JSON != nil {
		again.JSON = &JSON{Framing: "objects", Depth: o.JSON.Depth}
	}
	return &again
}

// OpenAgain starts decoding what is kept of a record: the Preamble of its file and its Raw.
func (o *Options) OpenAgain(preamble, raw []byte, layout *record.Layout) (Decoder, error) {
	again := o.Again()
	// A window as large as for a file would cost more than all else, 256 KiB a record.
	again.Limits.Record = min(o.Limits.record(), len(preamble)+len(raw)+1)
	return again.Open(io.MultiReader(bytes.NewReader(preamble), bytes.NewReader(raw)), layout)
}

// Names reads the header of a file: the names that rules may use for its columns. Without header, they are as the
// options say.
func (o *Options) Names(r io.Reader) ([]string, error) {
	if o.CSV == nil || !o.CSV.Header {
		names, _ := o.Columns()
		return names, nil
	}
	d, err := o.Open(r, &record.Layout{})
	if err != nil {
		return nil, err
	}
	return d.(*csvDecoder).names, nil
}

const mostRecord = 4 << 20

// MostUsages is how many usage records one record may become.
func (l *Limits) MostUsages() int { return orDefault(l.Usages, 1000) }

// multiline reports whether quoted fields may hold line breaks.
func (o *Options) multiline() bool { return o.CSV != nil && o.CSV.Multiline }

func (l *Limits) record() int     { return orDefault(l.Record, 1<<20) }
func (l *Limits) lines() int      { return orDefault(l.Lines, 64) }
func (l *Limits) columns() int    { return orDefault(l.Columns, 4096) }
func (l *Limits) expanded() int64 { return orDefault(l.Expanded, 64<<30) }
func (l *Limits) ratio() int64    { return orDefault(l.Ratio, 1000) }

func orDefault[T int | int64](v, d T) T {
	if v == 0 {
		return d
	}
	return v
}
