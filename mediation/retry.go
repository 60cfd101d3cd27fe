package mediation

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"ratemill/mediation/collect"
	"ratemill/mediation/decode"
	"ratemill/rating"
	"ratemill/registry"
	"ratemill/rules"
	"ratemill/rules/record"
	"ratemill/udr"
	"ratemill/udr/wire"
)

// Suspended records are processed again as a separate file, a retry batch. It goes through the ledger of files like a
// carrier's file: it is leased, identified by its content, pinned to the rules and the registry that are current then,
// sent, and closed. Its content is built from rows of the warehouse that never change. A mediator that takes it after
// a crash therefore creates the same records, with the same sequence numbers for the same partitions, and the owners
// of the partitions drop the records that they already have. Its end lists the records that it brings back, and they
// leave suspense in the same message of the log.

// RetryRecord is a suspended record that is retried.
type RetryRecord struct {
	udr.Suspended
	Origin   udr.ID    // its id in suspense
	File     string    // path of its carrier's file, because rules may read the file's name
	Modified time.Time // of that file
}

// RetryAttribute is the attribute of a usage record that contains the id of the suspended record
// from which it came.
const RetryAttribute = "retry_of"

// retryFormat begins every retry batch, so that no carrier's content looks like one.
const retryFormat = "ratemill retry batch 1"

// RetryContent returns the content of a retry batch: its records in a canonical form.
func RetryContent(source, path string, number int64, records []RetryRecord) Content {
	content := appendRetryBatch(nil, &retryBatch{format: retryFormat, number: uint64(number)})
	var before *RetryRecord
	for i := range records {
		r := records[i]
		// Most records of a batch have the same file and preamble.
		if before == nil || r.File != before.File || !r.Modified.Equal(before.Modified) || !bytes.Equal(r.Preamble, before.Preamble) {
			before = &records[i]
			content = appendRetryFile(content, before)
		}
		r.Preamble = nil
		content = appendRetryRecord(content, &r)
	}
	hash := sha256.Sum256(content)
	return Content{
		ID: collect.Identity(source, path, hash), Hash: hash[:], Size: int64(len(content)), Done: func() {},
		Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content)), nil },
	}
}

// retryBatch is a retry batch that is being written or read.
type retryBatch struct {
	format  string
	number  uint64
	shared  RetryRecord // the common values of the next records
	records []RetryRecord
}

// parseRetry reads the output of RetryContent; the records point into content.
func parseRetry(content []byte) (records []RetryRecord, err error) {
	var b retryBatch
	if err = b.parse(content); err == nil && b.format != retryFormat {
		err = fmt.Errorf("its format is %q, not %q", b.format, retryFormat)
	}
	return b.records, err
}

func (b *retryBatch) parseFile(data []byte) error {
	b.shared = RetryRecord{}
	return b.shared.parseFile(data)
}

func (b *retryBatch) parseRecord(data []byte) error {
	r := b.shared
	err := r.parse(data)
	r.Preamble = b.shared.Preamble
	b.records = append(b.records, r)
	return err
}

func (r *RetryRecord) appendModified(dst []byte) []byte {
	if r.Modified.IsZero() {
		return dst
	}
	return wire.AppendFixed(dst, modifiedField, r.Modified.UnixNano())
}

func (r *RetryRecord) parseModified(v uint64) error {
	r.Modified = time.Unix(0, int64(v)).UTC()
	return nil
}

// retry reads a retry batch to its end. Its progress is not recorded before that, because a batch is small and can be
// read again from its beginning.
func (t *taken) retry(ctx context.Context, content Content, l *looked) error {
	m := t.m
	body, err := content.Open()
	if err != nil {
		return err
	}
	defer body.Close()
	all, err := io.ReadAll(body)
	if err != nil {
		return err
	}
	records, err := parseRetry(all)
	if err != nil {
		return fmt.Errorf("retry %d: its content is damaged: %w", t.file.Retry, err)
	}
	if waits, err := t.pinRetry(ctx, content, l, records); err != nil || waits {
		return err
	}
	reg, err := m.Reference.Registry(ctx, t.pins.Registry)
	if err != nil {
		return err
	}
	copies, err := t.copies(ctx, reg, content.Again, records)
	if err != nil {
		return t.unfetched(ctx, err)
	}
	r := &reader{t: t, id: content.ID, registry: reg, revision: t.pins.Registry, copies: copies, ordered: content.Again != nil &&
		content.Again.Ordered != "", units: map[string]int64{}, out: newOutgoing(t, content.ID, nil)}
	r.progress.Expected = -1
	for i := range records {
		r.origins = append(r.origins, records[i].Origin)
	}
	for next := 0; next < len(records); {
		if err := ctx.Err(); err != nil {
			return err
		}
		next = r.retryChunk(records, next)
		if err := r.out.acknowledged(ctx); err != nil {
			return err
		}
		r.out.send(ctx)
		if err := t.renew(ctx); err != nil {
			return err
		}
	}
	if err := r.out.acknowledged(ctx); err != nil {
		return err
	}
	if err := r.end(ctx); err != nil {
		return err
	}
	m.Log.Info("a retry is done", "source", t.file.Source, "retry", t.file.Retry, "records", len(records), "suspended_again",
		r.progress.Suspended.Records)
	return t.close(ctx, r)
}

// retryChunk processes the records that are sent together, starting with a given one, and returns the number
// of the record after them.
func (r *reader) retryChunk(records []RetryRecord, i int) int {
	view := r.registry.View()
	defer view.Close()
	defer r.chunkEnds()
	for to := min(i+chunkRecords, len(records)); i < to && r.out.bytes < chunkBytes; i++ {
		r.nextOf(records, i)
		r.again(view)
	}
	return i
}

// nextOf makes a record of the batch the current record.
func (r *reader) nextOf(records []RetryRecord, i int) {
	e := &records[i]
	if r.entry == nil || r.entry.File != e.File || !r.entry.Modified.Equal(e.Modified) {
		r.runner = r.t.m.runner(r.t.src, e.File, e.Modified)
	}
	r.entry = e
	// The line number is the record's number in the batch, which identifies its origin.
	r.record = record.Record{Line: uint64(i + 1), Raw: e.Raw}
}

// again processes a record a second time. A record for which the raw record was kept goes through the source's
// current rules; a record that rating suspended keeps its usage.
func (r *reader) again(view *registry.View) {
	e := r.entry
	switch {
	case len(e.Raw) > 0 && e.Why.Code == "decode" && len(e.Raw) >= decode.RawKept:
		r.read(int64(e.Bytes))
		r.suspend(udr.SuspendError{Code: "decode", Reason: fmt.Sprintf("only the first %d bytes of this record were kept, and they "+
			"cannot be read again: %s; ask the carrier for the record in a new file, then drop this one", decode.RawKept, e.Why.Reason)},
			nil)
	case len(e.Raw) > 0 && len(e.Usage) > 0 && e.Parts == 0:
		// An earlier version suspended the record without storing which part it is. Reading the raw record could
		// also bring back its other parts.
		r.record.Raw = nil
		r.usageAgain(view)
	case len(e.Raw) > 0:
		r.rawAgain(view)
	case len(e.Usage) > 0:
		r.usageAgain(view)
	default:
		// This is the rest of a file that broke off: its content was not kept.
		r.read(int64(e.Bytes))
		r.suspend(e.Why, nil)
	}
}

// usageAgain sends a usage record as it was mapped, but looks up its SIM anew.
func (r *reader) usageAgain(view *registry.View) {
	e := r.entry
	r.read(int64(e.Bytes))
	u := &udr.Usage{}
	if err := udr.ParseUsage(e.Usage, u); err != nil {
		r.suspend(udr.SuspendError{Code: "damaged", Reason: "the stored usage cannot be read: " + err.Error()}, e.Usage)
		return
	}
	if e.Why.Code == rating.SessionUnknown {
		// The beginning of its session may be forgotten. If the rules no longer set continues, they state that
		// this is a beginning.
		if _, continues := r.t.src.Program.SetsSession(); continues.File == nil {
			u.Continues = false
		}
	}
	r.mapped(view, []udr.Usage{*u})
}

// rawAgain decodes the stored raw record and applies the rules.
func (r *reader) rawAgain(view *registry.View) {
	e := r.entry
	line := r.record.Line
	decoder, err := r.t.src.OpenAgain(e.Preamble, e.Raw)
	n := 0
	for err == nil {
		var rec record.Record
		if err = decoder.Next(&rec); errors.Is(err, io.EOF) {
			break
		}
		var bad *decode.RecordError
		var broken *decode.FileError
		if errors.As(err, &broken) && broken.Alarm {
			err = nil
			continue
		}
		if err != nil && !errors.As(err, &bad) {
			break
		}
		n++
		rec.Line = line // the record's number in the batch, not its line in the stored content
		r.record = rec
		switch {
		case e.Parts > 1:
			if n == 1 {
				r.read(int64(e.Bytes))
				r.partAgain(view, bad)
			}
		case bad != nil:
			r.read(decoder.Span())
			r.suspend(udr.SuspendError{Code: "decode", Reason: bad.Reason}, nil)
		default:
			r.read(decoder.Span())
			r.runner.Run(&r.record, &r.outcome)
			r.decideAgain(view)
		}
		err = nil
	}
	if n > 0 && (errors.Is(err, io.EOF) || e.Parts > 1) {
		return
	}
	r.record = record.Record{Line: line, Raw: e.Raw}
	reason := "with the current decode options this is not a record but a header, a comment or a blank line. Were the options changed " +
		"so that they no longer fit the record's file?"
	if !errors.Is(err, io.EOF) {
		reason = err.Error()
	}
	if n == 0 {
		r.read(int64(e.Bytes))
		r.suspend(udr.SuspendError{Code: "decode", Reason: reason}, nil)
		return
	}
	r.read(0)
	r.suspend(udr.SuspendError{Code: "decode", Reason: fmt.Sprintf("after %d records: %s", n, reason)}, nil)
}

// partAgain applies the rules again to a raw record. Only one of its usage records is waiting, because the others have
// been sent already.
func (r *reader) partAgain(view *registry.View, bad *decode.RecordError) {
	e := r.entry
	if bad != nil {
		r.suspend(udr.SuspendError{Code: "decode", Reason: bad.Reason}, e.Usage)
		return
	}
	r.runner.Run(&r.record, &r.outcome)
	if r.outcome.Kind == rules.Mapped {
		i, why := waitingPart(e, r.outcome.Usages)
		if why != "" {
			r.suspend(udr.SuspendError{Code: "parts", Values: fmt.Sprintf("part %d of %d", e.Part, e.Parts),
				Reason: fmt.Sprintf("the raw record became %d usage records when it came; this one waits and the others were "+
					"sent; the current rules create %d from it, and %s."+
					" Retry with rules that give this one its former class, time and "+
					"quantity, or drop it",
					e.Parts, len(r.outcome.Usages), why)}, e.Usage)
			return
		}
		r.outcome.Usages = r.outcome.Usages[i : i+1]
	}
	r.decideAgain(view)
}

// waitingPart finds the waiting record among the usage records that the current rules create from a raw record. The
// position does not identify it, because the others were sent and must not be sent twice; its class, time and
// quantity do. The rules may now read its SIM differently: a record with another SIM matches only at the same
// position. A why that is not empty means that no record matches, or that several do.
func waitingPart(e *RetryRecord, usages []udr.Usage) (i int, why string) {
	var was udr.Usage
	if err := udr.ParseUsage(e.Usage, &was); err != nil || len(e.Usage) == 0 {
		return 0, "it is not known which of them this one was"
	}
	var same, sameSIM []int
	for i := range usages {
		u := &usages[i]
		if u.Class != was.Class || u.Unit != was.Unit || u.At != was.At || u.Quantity != was.Quantity || u.Session != was.Session {
			continue
		}
		same = append(same, i)
		if u.Identifier == was.Identifier {
			sameSIM = append(sameSIM, i)
		}
	}
	place, inPlace := int(e.Part)-1, len(usages) == int(e.Parts)
	switch {
	case len(sameSIM) == 1:
		return sameSIM[0], ""
	case len(sameSIM) > 1 && inPlace && slices.Contains(sameSIM, place):
		return place, "" // equal records differ only in their position
	case len(same) == 1 && inPlace && same[0] == place:
		return place, ""
	case len(same) == 0:
		return 0, "none of them has its class, time and quantity"
	case len(same) == 1:
		return 0, "the one with its class, time and quantity has another SIM, and may be one of the others"
	}
	return 0, fmt.Sprintf("%d of them have its class, time and quantity", len(same))
}

func (r *reader) decideAgain(view *registry.View) {
	if r.outcome.Kind != rules.Mapped {
		r.decide(view)
		return
	}
	r.countNotes()
	r.mapped(view, r.outcome.Usages)
}

// mapped routes usage records that contain the id of their origin.
func (r *reader) mapped(view *registry.View, usages []udr.Usage) {
	if r.seen != nil {
		for i := range usages {
			r.seen(&usages[i])
		}
		return
	}
	if why := tooLarge(usages); why != nil {
		r.suspend(*why, r.entry.Usage)
		return
	}
	r.copied = 0
	r.progress.Mapped.Records++
	r.progress.Mapped.Bytes += r.size
	for i := range usages {
		u := usages[i]
		u.SIM, u.Account, u.Root = 0, 0, 0
		if r.ordered {
			u.Duplicate = udr.DuplicateKey{} // otherwise the owner of its partition would drop it
		}
		u.Attributes = append(slices.DeleteFunc(slices.Clone(u.Attributes), func(a udr.Attribute) bool { return a.Name == RetryAttribute }),
			udr.Attribute{Name: RetryAttribute, Value: r.entry.Origin.String()})
		r.route(view, &u, i, len(usages))
	}
}
