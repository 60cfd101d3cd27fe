package decode

import (
	"fmt"
	"io"

	"ratemill/rules/record"
)

// Octets is binary content. A decoder of a binary format embeds it, and implements Next. For each record Next calls
// Begin, looks at the octets with Peek, takes those of the record with Take, sets Fields by slot, and ends with
// Record:
//
//	for {
//		d.Begin(rec)
//		head, err := d.Peek(2)
//		if err != nil {
//			return err
//		}
//		raw, err := d.Take(2 + length(head))
//		if err != nil {
//			return err
//		}
//		if framing, err := d.Record(rec, d.parse(raw)); !framing {
//			return err
//		}
//	}
//
// A record that cannot be understood does not affect other records. If its end cannot be determined either,
// Broken ends the file.
type Octets struct {
	framing
	Fields []record.Value // fields of the current record, by slot of the layout

	limit int
	rec   *record.Record
	n     int // number of octets in the current record
}

// Octets returns the content as octets. Archives are refused.
func (in *Input) Octets(layout *record.Layout) (*Octets, error) {
	limit := in.options.Limits.record()
	w := newWindow(in.r, limit)
	w.encoding, w.plain = asUTF8, true // so that widths are lengths
	if w.want(512); archive(w.buf[w.start:w.end]) {
		return nil, notText(w.buf[w.start:w.end])
	}
	if w.end == w.start && w.err != nil && w.err != io.EOF {
		return nil, w.err
	}
	f := framing{w: w, frame: in.frame, options: in.options.Trailer}
	return &Octets{framing: f, limit: limit, Fields: make([]record.Value, len(layout.Paths()))}, nil
}

// Begin must be called before each record; it invalidates the record before.
func (o *Octets) Begin(rec *record.Record) {
	o.release()
	clear(o.Fields)
	rec.Fields, rec.Raw = o.Fields, nil
	o.rec, o.n = rec, 0
}

// Peek returns the next n octets without taking them. It returns fewer if the content ends within a record. If the
// content ends before a record, the error is io.EOF or the trailer's error.
func (o *Octets) Peek(n int) ([]byte, error) {
	o.w.want(n)
	there := o.w.buf[o.w.start:min(o.w.end, o.w.start+n)]
	switch {
	case len(there) == n:
		return there, nil
	case o.w.err != io.EOF:
		return nil, o.w.ending()
	case len(there) == 0:
		return nil, o.finish()
	}
	return there, nil
}

// Take takes the n octets of the next record and returns them. If they are more than a record may have, it is a
// bad record; if the content ends before them, the file is truncated.
func (o *Octets) Take(n int) ([]byte, error) {
	if n > o.limit {
		return nil, o.passOver(n)
	}
	raw, err := o.Peek(n)
	if err == nil && len(raw) < n {
		err = &FileError{Fault: Truncated, Offset: o.w.offset, Hint: "it is probably cut off",
			Reason: fmt.Sprintf("the file ends within record %d, after %d of %d octets", o.seq+1, len(raw), n)}
	}
	o.n = n
	return raw, err
}

// passOver creates a bad record from n octets, and keeps the first of them.
func (o *Octets) passOver(n int) error {
	o.seq++
	rec := o.rec
	rec.Seq, rec.Line, rec.Offset = o.seq, o.seq, o.w.offset
	o.raw, o.span = o.raw[:0], 0
	for left := n; left > 0; {
		o.w.want(1)
		there := min(left, o.w.end-o.w.start)
		if there == 0 {
			break
		}
		if room := RawKept - len(o.raw); room > 0 {
			o.raw = append(o.raw, o.w.buf[o.w.start:o.w.start+min(room, there)]...)
		}
		o.span += o.w.take(there)
		left -= there
	}
	rec.Raw = o.raw
	o.spans += o.span
	return &RecordError{Line: o.seq, Octets: true, Offset: rec.Offset, Reason: fmt.Sprintf("longer than %d bytes (it has %d)", o.limit, n)}
}

// Pass takes n octets that belong to no record, as Peek returned them. Octets that give the records their meaning
// are kept with records that are suspended.
func (o *Octets) Pass(n int, keep bool) {
	if keep {
		o.keepPreamble(o.w.buf[o.w.start : o.w.start+n])
	}
	o.w.take(n)
}

// Record turns the taken octets into a record: a bad one if there is a reason, and none if the source's trailer
// marks them as framing.
func (o *Octets) Record(rec *record.Record, reason string) (framing bool, err error) {
	o.w.line = o.seq + 1
	if o.frame != nil && reason == "" {
		rec.Seq, rec.Line, rec.Offset, rec.Raw = o.seq+1, o.seq+1, o.w.offset, o.w.buf[o.w.start:o.w.start+o.n]
		framed, claimed, err := o.frame(rec)
		switch {
		case err != nil:
			reason = err.Error()
		case framed:
			o.trailer(claimed, o.n)
			o.w.take(o.n)
			return true, nil
		}
	}
	if reason == "" {
		o.number(rec, o.n)
		return false, nil
	}
	clear(o.Fields)
	err = o.bad(rec, o.n, 0, reason)
	err.(*RecordError).Octets = true
	return false, err
}

// Broken returns the error of a file that cannot be read further.
func (o *Octets) Broken(reason, hint string) error {
	reason = fmt.Sprintf("record %d, at octet %d: %s", o.seq+1, o.w.offset, reason)
	return &FileError{Fault: Foreign, Offset: o.w.offset, Reason: reason, Hint: hint}
}

// State implements Decoder. A growing file of octets is read from its beginning.
func (o *Octets) State() *State { return nil }
