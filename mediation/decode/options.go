package decode

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"

	"ratemill/diag"
	"ratemill/rules/record"
)

// Options describe how to read the files of a source: one format (Chosen), and options for all formats.
type Options struct {
	Chosen   `yaml:",inline"`
	Encoding string   `yaml:"encoding" enum:"utf-8|utf-16le|utf-16be|latin-1|windows-1252|auto" default:"utf-8" doc:"Text encoding: utf-8, utf-16le, utf-16be, latin-1, windows-1252, or auto. A byte order mark takes precedence over utf-8 and auto; auto also recognises UTF-16 without a mark, and treats text that is not UTF-8 as windows-1252."`
	Trailer  *Trailer `yaml:"trailer" doc:"Record at the end of the file that contains the number of the other records. It is not usage."`
	Limits   Limits   `yaml:"limits" doc:"Limits for broken or hostile files."`
}

// Trailer describes the record that ends a file. When and Records are expressions, which another package compiles
// into a Frame; First and Count express the same without expressions.
type Trailer struct {
	When     diag.Text `yaml:"when" example:"type == \"T\"" doc:"Expression that is true for the trailer."`
	Records  diag.Text `yaml:"records" example:"int(started)" doc:"Expression on the trailer: the number of records before it."`
	First    string    `yaml:"first" example:"T" doc:"csv and fixed, instead of when: the text in the trailer's first column, or its record type."`
	Count    int       `yaml:"count" example:"2" doc:"csv and fixed, instead of records: the column of the trailer (1 is the first) that contains the number of records."`
	Mismatch string    `yaml:"mismatch" enum:"fail|alarm" default:"fail" doc:"Action if the count disagrees, the trailer is missing, or records follow it: fail the file, or raise an alarm and continue."`
	Optional bool      `yaml:"optional" default:"false" doc:"Accept files without a trailer as complete."`
}

// Limits bound the resources that a file can use. Zero means the default.
type Limits struct {
	Record   int   `yaml:"record" default:"1048576" doc:"Longest record in bytes, at most 4 MiB, because a suspended record goes through Kafka as a whole."`
	Usages   int   `yaml:"usages" default:"1000" doc:"Largest number of usage records that one record may become by fan-out, at most 65536."`
	Lines    int   `yaml:"lines" default:"64" doc:"Largest number of lines that the quotes of one record may span, with csv.multiline."`
	Columns  int   `yaml:"columns" default:"4096" doc:"Largest number of columns of a record."`
	Expanded int64 `yaml:"expanded" default:"68719476736" doc:"Largest content of a compressed file, in bytes."`
	Ratio    int64 `yaml:"ratio" default:"1000" doc:"Largest number of bytes that one compressed byte may become, counted after the first 64 MiB."`
}

// Check reports all mistakes in the options of a document.
func (o *Options) Check(n *diag.Node, d *diag.Decoder) {
	for _, p := range o.problems() {
		at := n
		var names []string
		for _, key := range strings.Split(p.path, ".") {
			if i, err := strconv.Atoi(key); err == nil {
				if i < len(at.Items) {
					at = at.Items[i]
				}
				continue
			}
			names = append(names, key)
			if m := at.Member(key); m != nil {
				at = m
			}
		}
		d.Errorf(at.Pos, "%s %s", strings.Join(names, "."), p.message)
	}
}

type problem struct{ path, message string }

func (o *Options) problems() []problem {
	var ps []problem
	bad := func(path, format string, args ...any) {
		ps = append(ps, problem{path, fmt.Sprintf(format, args...)})
	}
	if o.Reader == nil || o.several {
		bad("decode", "needs one format: %s", strings.Join(formatNames(), " or "))
	}
	for _, l := range []struct {
		path  string
		value int64
	}{{"limits.record", int64(o.Limits.Record)}, {"limits.usages", int64(o.Limits.Usages)}, {"limits.lines", int64(o.Limits.Lines)},
		{"limits.columns", int64(o.Limits.Columns)}, {"limits.expanded", o.Limits.Expanded}, {"limits.ratio", o.Limits.Ratio}} {
		if l.value < 0 {
			bad(l.path, "is negative")
		}
	}
	if o.Limits.Record > mostRecord {
		bad("limits.record", "is over 4 MiB: a record that is suspended goes through Kafka as a whole, whose messages have at most 8 MiB")
	}
	if o.Limits.Usages > maxValues {
		bad("limits.usages", "is over %d, the largest number of values of a record", maxValues)
	}
	if o.Reader != nil {
		o.Reader.Check(o, bad)
	}
	if o.Octets() && o.Encoding != "" && o.Encoding != "utf-8" {
		bad("encoding", "is for text, but the format is not text")
	}
	if t := o.Trailer; t != nil {
		if t.When.IsZero() == (t.First == "") {
			bad("trailer", "needs either when (an expression) or first (the text in the first column)")
		}
		if t.First != "" && !o.firstTells() {
			bad("trailer.first", "does not apply to this format; use when")
		}
		if t.Count < 0 || t.Count > 0 && t.First == "" {
			bad("trailer.count", "is a column of a trailer that first recognises; use records with when")
		}
		if !t.Records.IsZero() && t.When.IsZero() {
			bad("trailer.records", "needs when; use count with first")
		}
	}
	return ps
}

// Decoder yields the records of one file. It belongs to one goroutine.
type Decoder interface {
	// Next decodes the next record into rec. io.EOF means the end of the file. After a *RecordError, rec
	// contains Seq, Line, Offset and up to 64 KiB of Raw, but no fields, and the next call continues. After a
	// *FileError there are no more records, unless it is an Alarm.
	Next(rec *record.Record) error
	// Span returns the size of the last record, in bytes of the content. It is len(Raw), unless Raw was cut or
	// the text converted from another encoding.
	Span() int64
	// Framing returns the number of bytes so far that belong to no record.
	Framing() int64
	// Expected returns the number of records that the trailer states, once the trailer has been read; -1 if there
	// is no trailer, or if it states no number.
	Expected() int64
	// Trailer returns the text of the trailer, in UTF-8 and up to 64 KiB, once the trailer has been read.
	Trailer() []byte
	// State returns the decoder's state at the end of the content, after Next has returned io.EOF. Resume
	// continues from it in a file that begins with this content; it is nil if that file must be read from its
	// beginning.
	State() *State
	// Preamble returns the text before the first record that gives the records their meaning (skipped lines and
	// header), in UTF-8. Preamble and the Raw of any records form a file that Options.Again reads.
	Preamble() []byte
}

// Frame recognises framing among the records: it reports whether rec is framing and, if rec states a number of
// records, that number (otherwise -1). If it returns an error, rec is a bad record. A Frame is for a single
// decoder.
type Frame func(rec *record.Record) (framing bool, records int64, err error)

// Open starts decoding content (after Unpack). The layout must be complete.
func (o *Options) Open(r io.Reader, layout *record.Layout) (Decoder, error) {
	return o.OpenFramed(r, layout, nil)
}

// OpenFramed is like Open, with the compiled Trailer.When and Trailer.Records.
func (o *Options) OpenFramed(r io.Reader, layout *record.Layout, frame Frame) (Decoder, error) {
	if ps := o.problems(); len(ps) > 0 {
		return nil, fmt.Errorf("decode: %s %s", ps[0].path, ps[0].message)
	}
	return o.Reader.Open(&Input{options: o, r: r, frame: frame}, layout)
}

// Again returns the options for a file that consists of a Preamble and Raws: UTF-8, and no trailer.
func (o *Options) Again() *Options {
	again := *o
	again.Encoding, again.Trailer = "utf-8", nil
	again.Reader = o.Reader.Again()
	return &again
}

// OpenAgain starts decoding the parts of a record that suspense stored: the Preamble of its file and its Raw.
func (o *Options) OpenAgain(preamble, raw []byte, layout *record.Layout) (Decoder, error) {
	again := o.Again()
	// The limit also bounds the window's buffer, which is allocated anew for each record.
	again.Limits.Record = min(o.Limits.record(), len(preamble)+len(raw)+1)
	return again.Open(io.MultiReader(bytes.NewReader(preamble), bytes.NewReader(raw)), layout)
}

// Columns returns the names that rules may use, if the options alone determine them (CSV without header); ok is
// false if only the file does.
func (o *Options) Columns() (names []string, ok bool) {
	if o.Reader == nil {
		return nil, false
	}
	return o.Reader.Columns()
}

// firstTells reports whether the format recognises a trailer by its first column or by the type of its record.
func (o *Options) firstTells() bool {
	_, ok := o.Reader.(interface{ trailerFirst() })
	return ok
}

const mostRecord = 4 << 20

// MostUsages is the largest number of usage records that one record may become.
func (l *Limits) MostUsages() int { return orDefault(l.Usages, 1000) }

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
