package decode

import (
	"fmt"
	"io"

	"ratemill/rules/record"
)

// State is the state of a decoder at the end of a file. With it, a decoder can continue in a longer file that begins
// with the same bytes, without reading these bytes. This yields the same records as decoding the whole file,
// provided that the content is longer than the part that determines encoding and line ends (SettledFrom).
type State struct {
	Version  int      `json:"version"`
	Offset   int64    `json:"offset"` // number of bytes of the content
	Line     uint64   `json:"line"`   // line at which the next record begins
	Records  uint64   `json:"records"`
	Spans    int64    `json:"spans"` // number of bytes of those records
	Encoding string   `json:"encoding"`
	Newline  byte     `json:"newline"`
	Preamble []byte   `json:"preamble,omitempty"`
	Names    []string `json:"names,omitempty"` // names of the columns, if a header contains them
}

// stateVersion increases when the meaning of a state changes.
const stateVersion = 1

// SettledFrom is the size from which more content cannot change the decision about encoding, line ends and framing:
// twice the size that UTF-16 needs for it.
const SettledFrom = 4 * sniffed

// mostPreamble is the largest text before the records that a state may contain, because the ledger stores one with
// each part of a file.
const mostPreamble = 8 << 10

// State implements Decoder.
//
// It is nil if the end of the content decided about a record: in a line without a line end, or in an open quoted
// field. It is also nil for sources with a trailer, because a trailer counts the records of the whole file.
func (f *framing) State() *State {
	w := f.w
	last := w.last
	if w.start > 0 {
		last = w.buf[w.start-1]
	}
	switch {
	case f.options != nil || f.frame != nil || f.seq == 0 || f.open || len(f.preamble) > mostPreamble:
		return nil
	case w.err != io.EOF || w.end > w.start || f.kept > 0 || w.converter != nil && w.converter.rest > 0 || last != w.newline:
		return nil
	}
	return &State{Version: stateVersion, Offset: w.offset, Line: w.line, Records: f.seq, Spans: f.spans,
		Encoding: w.encoding.name, Newline: w.newline, Preamble: f.preamble}
}

// State implements Decoder.
func (d *csvDecoder) State() *State {
	s := d.framing.State()
	if s == nil || !d.options.Header {
		return s
	}
	size := 0
	for _, n := range d.names {
		size += len(n)
	}
	if s.Names = d.names; size > mostPreamble {
		return nil
	}
	return s
}

// State implements Decoder. Only the end of a line does not depend on what follows it.
func (d *jsonDecoder) State() *State {
	if d.mode != "lines" {
		return nil
	}
	return d.framing.State()
}

// Resumable reports whether this program can continue from a state of a decoder with the same options. If not, the file
// is decoded from its beginning.
func (o *Options) Resumable(s *State) bool {
	_, known := encodingOf(s.Encoding)
	_, resumes := o.Reader.(resumer)
	return known && resumes && s.Version == stateVersion && o.Trailer == nil
}

// Resume continues where a decoder with the same options stopped. r must begin at s.Offset. It fails if the state is
// not Resumable.
func (o *Options) Resume(s *State, r io.Reader, layout *record.Layout) (Decoder, error) {
	if !o.Resumable(s) {
		return nil, fmt.Errorf("decode: this program cannot continue from a state of version %d, encoding %q",
			s.Version, s.Encoding)
	}
	e, _ := encodingOf(s.Encoding)
	w := newWindow(r, o.Limits.record())
	w.encoding, w.plain, w.newline, w.offset, w.line = e, e.convert == nil, s.Newline, s.Offset, s.Line
	w.last = s.Newline
	if !w.plain {
		w.converter = &converter{r: r, convert: e.convert}
		w.r = w.converter
	}
	f := framing{w: w, seq: s.Records, spans: s.Spans, preamble: s.Preamble}
	return o.Reader.(resumer).resume(&Input{options: o}, s, w, layout, f)
}

// resumer is a Reader whose decoders have States. The decoders of any other Reader implement State, and return nil.
type resumer interface {
	resume(in *Input, s *State, w *window, layout *record.Layout, f framing) (Decoder, error)
}

func encodingOf(name string) (encoding, bool) {
	for _, e := range []encoding{asUTF8, asLatin1, asWindows, asUTF16LE, asUTF16BE} {
		if e.name == name {
			return e, true
		}
	}
	return encoding{}, false
}

// LookOn does the same as Look for the end of content that continues after s: r may omit all but the last
// bytes before s.
func (o *Options) LookOn(s *State, r io.ReadSeeker, size int64) (Look, error) {
	e, _ := encodingOf(s.Encoding)
	_, tail, err := end(r)
	others := []byte("\n") // the content before s has line ends, because s comes after one
	if e.name == asUTF16LE.name {
		others = []byte("\n\x00")
	} else if e.name == asUTF16BE.name {
		others = []byte("\x00\n")
	}
	return Look{Packed: Plain, Size: size, Unfinished: o.unfinished(Plain, e, others, tail)}, err
}
