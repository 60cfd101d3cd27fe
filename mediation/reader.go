package mediation

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"math/bits"
	"slices"
	"strings"
	"time"

	"ratemill/internal/control"
	"ratemill/internal/safeguard"
	"ratemill/mediation/decode"
	"ratemill/registry"
	"ratemill/rules"
	"ratemill/rules/record"
	"ratemill/udr"
)

// reader reads a file record by record and counts the outcome of each.
//
// Sequence numbers: a filtered or suspended record takes one, and a mapped record takes one for
// each usage record.
type reader struct {
	t        *taken
	id       udr.FileID
	registry *registry.Registry
	revision registry.Revision
	body     io.Closer
	decoder  decode.Decoder
	runner   *rules.Runner
	out      *outgoing

	progress control.Progress // number of records read, acknowledged or not
	units    map[string]int64 // quantity sent to rating, by class; under noteKey, the number of records with a note
	failure  string           // reason why the file could not be read to its end
	unread   bool             // nothing of the file was sent, not even its end

	chunkUnits []udr.UnitTotal  // quantity in the current chunk; added to units at its end
	chunkNotes [64]int64        // number of records of the chunk with each note
	unrouted   int64            // number of the chunk's usage records without a known owner
	copied     int              // number of bytes of the current raw record that were sent with its parts
	told       control.Progress // the progress reported to the metrics

	outcome rules.Outcome
	record  record.Record
	size    int64  // size of the record in bytes of the content
	decoded int64  // number of bytes of all decoded records, including those of earlier files
	before  uint64 // number of records in those files
	plain   bool   // the content is not packed
	cut     bool   // the current record is the first and began in the previous file
	ahead   bool   // the first record is already decoded, with its error
	said    error
	entry   *RetryRecord      // in a retry batch, the current record
	origins []udr.ID          // in a retry batch, the ids of its records in suspense
	ordered bool              // the records of a retry batch are rated even if copies were rated
	copies  map[string]string // in a retry batch: ids of rated records, by their keys
	seen    func(*udr.Usage)  // called with the usage of a retry batch whose records are only examined; nil: they are processed
	scratch []byte
}

const (
	chunkBytes   = 768 << 10 // size of the messages, over all partitions
	chunkRecords = 8192
	recordEvery  = 2 * time.Second
)

// open prepares to read the file from its recorded progress on.
func (t *taken) open(ctx context.Context, content Content) (*reader, error) {
	reg, err := t.m.Reference.Registry(ctx, t.pins.Registry)
	if err != nil {
		return nil, err
	}
	body, err := t.opened(content)
	if err != nil {
		return nil, err
	}
	r := &reader{
		t: t, id: content.ID, registry: reg, revision: t.pins.Registry, body: body,
		progress: t.file.Progress, told: t.file.Progress, units: map[string]int64{},
		runner: t.m.runner(t.src, t.file.Path, t.file.Time()),
		out:    newOutgoing(t, content.ID, t.file.Progress.LastSeqs),
	}
	if t.src.DuplicateWithin > 0 {
		if err := t.m.know(ctx, t.pins.Registry); err != nil {
			body.Close()
			return nil, err
		}
	}
	if len(r.progress.State) > 0 {
		if err := json.Unmarshal(r.progress.State, &r.units); err != nil {
			return nil, fmt.Errorf("the recorded progress of %s cannot be read: %w", t.file.Path, err)
		}
	}
	if r.decoder, err = r.decode(ctx, body); err != nil {
		r.decoder = nil
		if err := r.broken(err); err != nil {
			body.Close()
			return nil, err
		}
	}
	return r, nil
}

func (r *reader) decode(ctx context.Context, body io.Reader) (decode.Decoder, error) {
	t := r.t
	if k := t.prefix; k != nil {
		r.before, r.record.Seq, r.decoded = k.Decoder.Records, k.Decoder.Records, k.Decoder.Spans
		return t.src.Resume(&k.Decoder, &interruptible{ctx, io.LimitReader(body, t.pins.Part.Size-k.Size)})
	}
	content, packed, err := decode.Unpack(body, t.src.Decode.Limits)
	if err != nil {
		return nil, err
	}
	r.plain = packed == decode.Plain
	if size := t.pins.Part.Size; size > 0 {
		content = io.LimitReader(content, size) // the rest belongs to another file
	}
	return t.src.Open(&interruptible{ctx, content})
}

func (r *reader) close() { r.body.Close() }

// home returns the partition of a file's totals, and of records whose account has no known partition.
func (r *reader) home() int {
	return int(binary.BigEndian.Uint64(r.id[:8]) % uint64(len(r.out.parts)))
}

// run reads the file to its end: it decodes and maps a chunk while the previous one is being sent.
func (r *reader) run(ctx context.Context) (err error) {
	more := r.decoder != nil
	if more {
		var err error
		if more, err = r.begin(); err != nil {
			return err
		}
		if more {
			if more, err = r.skip(r.before + uint64(r.progress.Read.Records)); err != nil {
				return err
			}
		}
	}
	recorded := r.t.m.Clock.Now()
	for more {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := r.t.held(ctx); err != nil {
			return err
		}
		if more, err = r.chunk(); err != nil {
			return err
		}
		if err := r.out.acknowledged(ctx); err != nil {
			return err
		}
		if !safeguard.On(safeguard.ProgressAfter) {
			if err := r.recordProgress(ctx); err != nil {
				return err
			}
		}
		r.out.send(ctx)
		now := r.t.m.Clock.Now()
		if since := now.Sub(recorded); (since < 0 || since >= cmp.Or(r.t.m.RecordEvery, recordEvery)) && more &&
			safeguard.On(safeguard.ProgressAfter) {
			if err := r.out.acknowledged(ctx); err != nil {
				return err
			}
			if err := r.recordProgress(ctx); err != nil {
				return err
			}
			recorded = now
		}
	}
	if r.decoder != nil {
		if r.progress.Expected = r.decoder.Expected(); r.progress.Expected >= 0 {
			r.progress.Expected -= int64(r.before)
		}
	}
	if r.progress.State, err = json.Marshal(r.units); err != nil {
		return err
	}
	return r.out.acknowledged(ctx)
}

// end sends the ends of a file after all its records are acknowledged. The ledger receives them first: if this mediator
// dies before it closes the file, another one sends them again without the content, however long the server is away. If
// the file were read again after kafka.usage_for, when raters have forgotten it, its records would be rated twice.
func (r *reader) end(ctx context.Context) error {
	if r.unread || !safeguard.On(safeguard.EndsBeforeDone) {
		return nil
	}
	totals := r.totals()
	if n := r.t.pins.Part.Continues; n > 0 {
		before, err := r.t.m.Files.File(ctx, n)
		if err != nil {
			return err
		}
		totals.Continues = before.FileID
	}
	if safeguard.On(safeguard.EndingFirst) {
		r.progress.Ending = &control.Ending{Totals: appendEnding(nil, &ending{totals}), Why: r.failure, Since: r.t.m.now()}
		if err := r.recordProgress(ctx); err != nil {
			return err
		}
	}
	return r.sendEnds(ctx, totals)
}

// ending returns control.Ending.Totals.
type ending struct{ totals *udr.FileEnd }

func (e *ending) parseTotals(data []byte) (err error) {
	e.totals, err = udr.ParseFileEnd(data)
	return err
}

func parseTotals(data []byte) (*udr.FileEnd, error) {
	var e ending
	err := e.parse(data)
	if err == nil && e.totals == nil {
		err = errors.New("there are none")
	}
	return e.totals, err
}

func (r *reader) sendEnds(ctx context.Context, totals *udr.FileEnd) error {
	r.out.ends(r.home(), totals)
	return r.flush(ctx)
}

// flush sends the collected records, and waits until they are in the topic.
func (r *reader) flush(ctx context.Context) error {
	r.out.send(ctx)
	return r.out.acknowledged(ctx)
}

// recordProgress records the progress of the file; everything up to that point is acknowledged.
func (r *reader) recordProgress(ctx context.Context) (err error) {
	r.progress.LastSeqs = r.out.lasts()
	if r.progress.State, err = json.Marshal(r.units); err != nil {
		return err
	}
	r.t.lease, err = r.t.m.Files.RecordProgress(ctx, r.t.lease, r.progress, r.t.m.now(), r.t.m.Lease)
	return err
}

// next decodes a record.
func (r *reader) next() error {
	if r.ahead {
		r.ahead = false
		return r.said
	}
	err := r.decoder.Next(&r.record)
	if bad := (*decode.RecordError)(nil); err == nil || errors.As(err, &bad) {
		r.decoded += r.decoder.Span()
	}
	return err
}

// begin skips the records of the files that this file continues. If their last record was cut, the rest of it
// is this file's first record; the earlier file counted the part that it contained.
func (r *reader) begin() (more bool, err error) {
	from := r.t.pins.Part.From // the position of a resumed decoder
	for from > 0 && r.decoder.Framing()+r.decoded < from {
		err := r.next()
		if bad := (*decode.RecordError)(nil); err == nil || errors.As(err, &bad) {
			if r.record.Offset >= from {
				r.ahead, r.said = true, err
				break
			}
			if rest := r.record.Offset + r.decoder.Span() - from; rest > 0 &&
				(r.t.src.Decode.Octets() || len(bytes.Trim(tail(r.record.Raw, rest), "\r\n")) > 0) {
				r.cut = true
				break
			}
			r.before = r.record.Seq
			continue
		}
		more, err := r.odd(err)
		if !more || err != nil {
			return more, err
		}
	}
	return true, nil
}

// tail returns the last bytes of a record; nothing else is kept if the record is not kept whole.
func tail(raw []byte, n int64) []byte { return raw[max(0, len(raw)-int(n)):] }

// rest counts a record whose beginning was in the previous file, and suspends it.
func (r *reader) rest() {
	r.cut = false
	from := r.t.pins.Part.From
	r.read(r.record.Offset + r.decoder.Span() - from)
	r.suspend(udr.SuspendError{Code: "cut", Reason: fmt.Sprintf("this record was incomplete when file %d, which this "+
		"file continues, was read to byte %d: its beginning was rated or suspended there."+
		" Look at that record (`ratemill files` shows the file), "+
		"correct what was rated, then drop or retry this one",
		r.t.pins.Part.Continues, from)}, nil)
}

// skip decodes records that were sent before.
func (r *reader) skip(n uint64) (more bool, err error) {
	if n > r.before {
		r.cut, r.ahead = false, false
	}
	for r.record.Seq < n {
		err := r.next()
		var bad *decode.RecordError
		var broken *decode.FileError
		if errors.As(err, &broken) && broken.Fault != decode.Unread && !broken.Alarm {
			r.failure = broken.Error() // it was counted before the crash
			return false, nil
		}
		if err != nil && !errors.As(err, &bad) && !(broken != nil && broken.Alarm) {
			return false, fmt.Errorf("%s had %d records when it was first read, but now ends after %d: %w", r.t.file.Path, n,
				r.record.Seq, err)
		}
	}
	return true, nil
}

// chunk decodes and maps records until there are enough to send; more is false at the end of the file.
func (r *reader) chunk() (more bool, err error) {
	view := r.registry.View()
	defer view.Close()
	defer r.chunkEnds()
	if r.cut {
		r.rest()
	}
	for n := 0; n < cmp.Or(r.t.m.ChunkRecords, chunkRecords) && r.out.bytes < chunkBytes; n++ {
		if err := r.next(); err != nil {
			if more, err := r.odd(err); !more || err != nil {
				return more, err
			}
			continue
		}
		r.read(r.decoder.Span())
		r.runner.Run(&r.record, &r.outcome)
		r.decide(view)
	}
	return true, nil
}

// odd handles an error of the decoder: a bad record, or the end of the file.
func (r *reader) odd(err error) (more bool, _ error) {
	var bad *decode.RecordError
	switch {
	case errors.As(err, &bad):
		r.read(r.decoder.Span())
		r.suspend(udr.SuspendError{Code: "decode", Reason: bad.Error()}, nil)
		return true, nil
	case errors.Is(err, io.EOF):
		return false, nil
	}
	if err := r.broken(err); err != nil {
		return false, err
	}
	return r.failure == "", nil
}

// read counts a record. The size of a record is at most 4 GiB; the rest of a longer line counts as framing.
func (r *reader) read(size int64) {
	size = min(size, math.MaxUint32)
	r.size = size
	r.progress.Read.Records++
	r.progress.Read.Bytes += size
}

// chunkEnds updates sums by class and the metrics once per chunk, because counting per record would make two readers
// compete for a cache line.
func (r *reader) chunkEnds() {
	for _, u := range r.chunkUnits {
		r.units[u.Class] += u.Quantity
	}
	r.chunkUnits = r.chunkUnits[:0]
	now, told, all := &r.progress, &r.told, r.t.counts()
	all.Records.Add(now.Read.Records - told.Read.Records)
	all.Bytes.Add(now.Read.Bytes - told.Read.Bytes)
	all.Filtered.Add(now.Filtered.Records - told.Filtered.Records)
	all.Suspended.Add(now.Suspended.Records - told.Suspended.Records)
	all.Mapped.Add(now.Usages - told.Usages - r.unrouted)
	all.Unrouted.Add(r.unrouted)
	for note, n := range &r.chunkNotes {
		if n > 0 {
			word := r.t.src.Program.Notes()[note]
			r.units[noteKey+word] += n
			all.noted(word).Add(n)
		}
	}
	r.chunkNotes = [len(r.chunkNotes)]int64{}
	r.told, r.unrouted = r.progress, 0
}

// sent adds to the quantity sent to rating.
func (r *reader) sent(class string, quantity int64) {
	for i := range r.chunkUnits {
		if u := &r.chunkUnits[i]; u.Class == class {
			u.Quantity += quantity
			return
		}
	}
	r.chunkUnits = append(r.chunkUnits, udr.UnitTotal{Class: strings.Clone(class), Quantity: quantity})
}

// broken handles a file that cannot be read further. The records before that point count; the rest waits in suspense as
// one record with the reason, so that the balance shows it. A file without a single record is left unread, so that it
// can be read after its source's document is corrected. Errors of this machine are returned, and the file is read
// again.
func (r *reader) broken(err error) error {
	var bad *decode.FileError
	if !errors.As(err, &bad) || bad.Fault == decode.Unread {
		return err
	}
	if bad.Alarm {
		r.t.m.Log.Error("a file's trailer disagrees", "source", r.t.file.Source, "file", r.t.file.Path, "err", bad)
		return nil
	}
	r.failure = bad.Error()
	if r.progress.Read.Records == 0 {
		r.unread = true
		return nil
	}
	if r.decoder == nil {
		return nil // it was counted before a crash
	}
	r.progress.Read.Records++
	r.record = record.Record{Line: bad.Line}
	r.size = 0 // the rest has no size of its own
	r.suspend(udr.SuspendError{Code: "file", Reason: r.failure}, nil)
	return nil
}

// decide sends each usage record of a mapped record to its account's partition, and counts the others.
func (r *reader) decide(view *registry.View) {
	p := &r.progress
	switch r.outcome.Kind {
	case rules.Filtered:
		p.Seq++
		p.Filtered.Records++
		p.Filtered.Bytes += r.size
	case rules.Suspended:
		r.suspend(*r.outcome.Err, nil)
	case rules.Mapped:
		if why := tooLarge(r.outcome.Usages); why != nil {
			r.suspend(*why, nil)
			return
		}
		p.Mapped.Records++
		p.Mapped.Bytes += r.size
		r.countNotes()
		r.copied = 0
		for i := range r.outcome.Usages {
			r.route(view, &r.outcome.Usages[i], i, len(r.outcome.Usages))
		}
	}
}

func (r *reader) countNotes() {
	for n := r.outcome.Notes; n != 0; n &= n - 1 {
		r.chunkNotes[bits.TrailingZeros64(uint64(n))]++
	}
}

// tooLarge reports that the usage of a raw record exceeds a Kafka message, because its rules copied long
// texts into the usage.
func tooLarge(usages []udr.Usage) *udr.SuspendError {
	size := 0
	for i := range usages {
		u := &usages[i]
		size += len(u.Identifier.Value) + len(u.Peer) + len(u.APN) + len(u.IMEI) + len(u.Cell) + len(u.Session) + len(u.Direction) +
			256 // 256 for all short fields
		for _, a := range u.Attributes {
			size += len(a.Name) + len(a.Value)
		}
	}
	if size <= recordBytes {
		return nil
	}
	return &udr.SuspendError{Code: "size", Values: fmt.Sprintf("%d usage records", len(usages)),
		Reason: fmt.Sprintf("the usage records that this record becomes have about %d bytes, but the limit is %d; do its rules copy a "+
			"long text into session, peer or an attribute?", size, recordBytes)}
}

// route adds the SIM's owner to one of several usage records of the raw record, and sends it to the account's
// partition.
func (r *reader) route(view *registry.View, u *udr.Usage, i, of int) {
	p := &r.progress
	p.Seq++
	p.Usages++
	u.Seq, u.Line, u.Bytes = p.Seq, r.record.Line, 0
	if i == 0 {
		u.Bytes = uint32(r.size)
	}
	partition, several, why := route(view, r.revision, u)
	if why == nil {
		if why = Yours(view, r.revision, r.t.src, u); why == nil && r.entry != nil {
			why = r.copyOf(u)
		} else if why == nil && several && u.Duplicate != (udr.DuplicateKey{}) && len(r.t.m.revisions) > 0 {
			why = r.corrected(view, u)
		}
		if why != nil {
			u.SIM, u.Account, u.Root = 0, 0, 0
		}
	}
	if why != nil {
		r.unrouted++
		r.scratch = udr.AppendUsage(r.scratch[:0], u)
		s := r.suspended(*why, u, r.scratch)
		if s.Parts == 0 {
			s.Part, s.Parts = uint32(i+1), uint32(of)
		}
		// A long record whose parts all wait would otherwise be sent once per part. Parts without
		// the raw record return as they were mapped.
		size := len(s.Raw) + len(s.Preamble)
		if r.copied > 0 && r.copied+size > rawBytes {
			s.Raw, s.Preamble = nil, nil
		} else {
			r.copied += size
		}
		r.out.suspended(r.home(), s)
		return
	}
	r.sent(u.Class, u.Quantity)
	r.out.usage(partition, u)
}

func (r *reader) suspend(why udr.SuspendError, usage []byte) {
	p := &r.progress
	p.Seq++
	p.Suspended.Records++
	u := udr.Usage{Seq: p.Seq, Line: r.record.Line, Bytes: uint32(r.size)}
	p.Suspended.Bytes += int64(u.Bytes)
	r.out.suspended(r.home(), r.suspended(why, &u, usage))
}

func (r *reader) suspended(why udr.SuspendError, u *udr.Usage, usage []byte) *udr.Suspended {
	s := &udr.Suspended{Seq: u.Seq, Line: u.Line, Bytes: u.Bytes, Raw: r.record.Raw, Why: why, Usage: usage}
	switch {
	case r.entry != nil:
		s.Preamble = r.entry.Preamble
		if r.entry.Parts > 1 {
			s.Part, s.Parts = r.entry.Part, r.entry.Parts
		}
	case r.decoder != nil:
		s.Preamble = r.decoder.Preamble()
	}
	return s
}

// totals contains the counts that the file's home partition receives at the file's end.
func (r *reader) totals() *udr.FileEnd {
	p := &r.progress
	e := &udr.FileEnd{
		Name: r.t.file.Path, Taken: udr.InstantOf(r.t.file.FirstSeen),
		Records: uint64(p.Read.Records), Added: uint64(p.Usages - p.Mapped.Records),
		Filtered: uint64(p.Filtered.Records), FilteredBytes: uint64(p.Filtered.Bytes),
		Mapped: uint64(p.Usages), Suspended: uint64(p.Suspended.Records),
		Bytes: uint64(p.Read.Bytes),
	}
	if safeguard.On(safeguard.RetryNamesOrigin) {
		e.Retried = r.origins
	}
	if r.decoder != nil {
		e.FramingBytes = uint64(r.decoder.Framing() + r.decoded - r.t.pins.Part.From - p.Read.Bytes)
		e.Bytes += e.FramingBytes
	}
	for _, class := range slices.Sorted(maps.Keys(r.units)) {
		if strings.HasPrefix(class, noteKey) {
			continue
		}
		e.Units = append(e.Units, udr.UnitTotal{Class: class, Quantity: r.units[class]})
	}
	return e
}
