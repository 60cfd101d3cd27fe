package decode

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"strconv"

	"ratemill/rules/record"
)

// framing contains what is common to all formats: the numbers of records, the bytes outside records, the trailer. A
// decoder of text lines embeds it, and implements Next:
//
//	rec.Fields = d.fields // a value for each path of the layout, in its order
//	for {
//		d.release()
//		clear(d.fields)
//		text, next, state := d.w.lineFrom(0)
//		switch state {
//		case nothing, broken:
//			rec.Raw = nil
//			return d.finish()
//		case tooLong:
//			return d.gone(rec, fmt.Sprintf("longer than %d bytes", d.limit))
//		}
//		line := d.w.buf[d.w.start : d.w.start+text]
//		if len(line) == 0 || len(line) == 1 && line[0] == 0x1a { // a single Ctrl-Z is how DOS ended files
//			d.pass(next, 1, false)
//			continue
//		}
//		reason := badText(line)
//		if reason == "" {
//			reason = d.fill(line) // the format: it sets d.fields to parts of the line, or says what is wrong
//		}
//		if d.frame != nil && reason == "" {
//			rec.Seq, rec.Line, rec.Offset, rec.Raw = d.seq+1, d.w.line, d.w.offset, line
//			framed, claimed, err := d.frame(rec)
//			if err != nil {
//				reason = err.Error()
//			} else if framed {
//				d.trailer(claimed, next)
//				d.pass(next, 1, false)
//				continue
//			}
//		}
//		var err error
//		if reason != "" {
//			clear(d.fields)
//			err = d.bad(rec, next, 0, reason)
//		} else {
//			d.number(rec, next)
//		}
//		d.w.line++ // pass and gone count lines themselves, number and bad do not
//		return err
//	}
type framing struct {
	w        *window
	options  *Trailer
	frame    Frame
	seq      uint64
	span     int64 // size of the last record
	spans    int64 // of all
	preamble []byte
	raw      []byte // of a bad record that exceeds the window
	kept     int    // number of bytes of the window that the last record still uses
	open     bool   // a record was ended only by the end of the content

	trailers  int
	ends      []byte // the first trailer
	trailerAt uint64 // line
	claimed   int64  // count in the trailer, -1 if it has none
	before    uint64 // records before it
	alarmed   bool
}

// Span implements Decoder.
func (f *framing) Span() int64 { return f.span }

// Framing implements Decoder.
func (f *framing) Framing() int64 {
	pending := int64(0)
	if f.kept > 0 {
		pending = f.span
	}
	n := f.w.offset + pending - f.spans
	if f.w.converter != nil && f.w.err == io.EOF {
		n += int64(f.w.converter.rest)
	}
	return n
}

// Expected implements Decoder.
func (f *framing) Expected() int64 {
	if f.trailers == 0 {
		return -1
	}
	return f.claimed
}

// Trailer implements Decoder.
func (f *framing) Trailer() []byte { return f.ends }

// Preamble implements Decoder.
func (f *framing) Preamble() []byte { return f.preamble }

// release consumes the last record.
func (f *framing) release() {
	if f.kept > 0 {
		f.w.take(f.kept)
		f.kept = 0
	}
}

// number makes the n bytes at the window's start the next record. They stay in the window until the next record.
func (f *framing) number(rec *record.Record, n int) {
	f.seq++
	rec.Seq, rec.Line, rec.Offset = f.seq, f.w.line, f.w.offset
	rec.Raw = f.w.buf[f.w.start : f.w.start+n : f.w.start+n]
	f.kept, f.span = n, int64(n)
	if !f.w.plain {
		f.span = f.w.encoding.width(rec.Raw)
	}
	f.spans += f.span
}

// bad does the same as number for a record that cannot be used.
func (f *framing) bad(rec *record.Record, n, column int, reason string) error {
	f.number(rec, n)
	rec.Raw = rec.Raw[:min(n, RawKept)]
	return &RecordError{Line: rec.Line, Column: column, Offset: rec.Offset, Reason: reason}
}

// gone does the same as bad for a record whose bytes up to the next line are consumed at once.
func (f *framing) gone(rec *record.Record, reason string) error {
	f.seq++
	rec.Seq, rec.Line, rec.Offset = f.seq, f.w.line, f.w.offset
	f.raw = f.raw[:0]
	f.span = f.w.discard(&f.raw)
	rec.Raw = f.raw
	f.spans += f.span
	return &RecordError{Line: rec.Line, Offset: rec.Offset, Reason: fmt.Sprintf("%s (it has %d)", reason, f.span)}
}

// trailer records that the n bytes at the window's start are the trailer, with this count.
func (f *framing) trailer(claimed int64, n int) {
	f.trailers++
	if f.trailers == 1 {
		f.trailerAt, f.claimed, f.before = f.w.line, claimed, f.seq
		f.ends = append(f.ends, f.w.buf[f.w.start:f.w.start+min(n, RawKept)]...)
	}
}

// NoNumber is the count of a trailer whose text is not a whole number; no file has this many records.
const NoNumber = math.MaxInt64

// counted returns the number of records in the text of a trailer. A text that is not a number matches no number
// of records.
func counted(text []byte) int64 {
	n, err := strconv.ParseInt(string(bytes.TrimSpace(text)), 10, 63)
	if err != nil || n < 0 {
		return NoNumber
	}
	return n
}

// finish returns the result of Next at the end of the content.
func (f *framing) finish() error {
	err := f.w.ending()
	if err != io.EOF || f.options == nil || f.alarmed {
		return err
	}
	e := &FileError{Fault: Count, Line: f.trailerAt, Offset: f.w.offset, Alarm: f.options.Mismatch == "alarm"}
	switch {
	case f.trailers == 0 && (f.options.Optional || f.w.offset == 0):
		return err
	case f.trailers == 0:
		e.Reason = fmt.Sprintf("the file has no trailer after its records (%d)", f.seq)
		e.Hint = "it may be cut off; if the carrier sends such files, write trailer: optional: true"
	case f.trailers > 1:
		e.Reason = fmt.Sprintf("the file has %d trailers", f.trailers)
		e.Hint = "check trailer.when"
	case f.seq > f.before:
		e.Reason = fmt.Sprintf("records follow the trailer (%d)", f.seq-f.before)
	case f.claimed == NoNumber:
		e.Reason = fmt.Sprintf("the trailer's count is not a whole number; the file has %d records", f.before)
		e.Hint = "check which column of the trailer has the count; trailer.mismatch: alarm accepts such files"
	case f.claimed >= 0 && uint64(f.claimed) != f.before:
		e.Reason = fmt.Sprintf("the trailer counts %d records, but the file has %d", f.claimed, f.before)
		e.Hint = "ask the carrier for the file again; trailer.mismatch: alarm accepts such files"
	default:
		return err
	}
	if e.Alarm {
		f.alarmed, e.Hint = true, ""
	}
	return e
}

// keepPreamble remembers framing that gives records their meaning (the header).
func (f *framing) keepPreamble(b []byte) {
	if f.seq == 0 && len(f.preamble)+len(b) <= 4*RawKept {
		f.preamble = append(f.preamble, b...)
	}
}

// skip consumes lines that are not records.
func (f *framing) skip(lines int) error {
	for range lines {
		_, next, state := f.w.lineFrom(0)
		switch state {
		case nothing:
			return nil
		case broken:
			return f.w.ending()
		case tooLong:
			f.raw = f.raw[:0]
			f.w.discard(&f.raw)
			continue
		}
		f.pass(next, 1, true)
	}
	return nil
}

// pass consumes framing.
func (f *framing) pass(n, lines int, keep bool) {
	if keep {
		f.keepPreamble(f.w.buf[f.w.start : f.w.start+n])
	}
	f.w.take(n)
	f.w.line += uint64(lines)
}
