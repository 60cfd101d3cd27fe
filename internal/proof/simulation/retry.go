package simulation

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"ratemill/internal/broker"
	"ratemill/internal/ratedlog"
	"ratemill/mediation"
	"ratemill/udr"
)

// retry acts as an operator who retries a few records that the warehouse has in suspense. The control store claims
// them for a batch, and adds the batch to the ledger of files.
func (w *world) retry() {
	var waiting []udr.ID
	for p := range partitions {
		for id := range w.warehouse.rows[p]["suspense"] {
			if !w.claimed[id] {
				waiting = append(waiting, id)
			}
		}
	}
	if len(waiting) == 0 || len(w.files) >= 12 {
		return
	}
	slices.SortFunc(waiting, compareIDs)
	r := w.faults[Retry]
	r.Shuffle(len(waiting), func(i, j int) { waiting[i], waiting[j] = waiting[j], waiting[i] })
	rated := w.ratedKeys()
	if r.IntN(2) == 0 { // preferably records whose copy was rated under another id
		slices.SortStableFunc(waiting, func(a, b udr.ID) int {
			return cmp.Compare(min(1, len(rated[w.lines[b].key()])), min(1, len(rated[w.lines[a].key()])))
		})
	}
	f := &file{name: "retry", origins: waiting[:1+r.IntN(min(len(waiting), 6))]}
	slices.SortFunc(f.origins, compareIDs)
	for _, id := range f.origins {
		w.claimed[id] = true
		l := *w.lines[id]
		l.mapped = len(w.suspended(id).Raw) == 0
		f.lines = append(f.lines, l)
		f.copied = append(f.copied, len(rated[l.key()]) > 0)
	}
	w.met[Retry]++
	w.files = append(w.files, f)
	w.notef("operator", "RETRIES %d records in file %d", len(f.origins), len(w.files))
}

func compareIDs(a, b udr.ID) int {
	return cmp.Or(bytes.Compare(a.File[:], b.File[:]), cmp.Compare(a.Seq, b.Seq))
}

// retryContent returns the content of a retry batch. In production, it comes from rows that never change; here it is
// taken from the log from which they were written.
func (w *world) retryContent(f *file, number int64) mediation.Content {
	records := make([]mediation.RetryRecord, len(f.origins))
	for i, id := range f.origins {
		records[i] = mediation.RetryRecord{Origin: id, Suspended: w.suspended(id), File: f.lines[i].file}
	}
	content := mediation.RetryContent("carrier", f.name, number, records)
	content.Again = &mediation.Again{Rated: w.copies}
	f.id, f.text = content.ID, string(content.Hash)
	w.identifyLines(f)
	return content
}

// recordKey identifies equal records of the carrier.
type recordKey struct {
	same string
	at   udr.Instant
}

func (l *line) key() recordKey { return recordKey{l.same, l.u.At} }

// ratedKeys returns the rated records, by key.
func (w *world) ratedKeys() map[recordKey][]udr.ID {
	rated := map[recordKey][]udr.ID{}
	for p := range partitions {
		for i := range w.judged[p].counts {
			var u udr.Usage
			b, err := w.judged[p].batch(i)
			if err != nil {
				continue
			}
			for i := range b.Rated {
				if udr.ParseUsage(b.Rated[i].Usage, &u) != nil {
					continue
				}
				id := udr.ID{File: b.File, Seq: u.Seq}
				if l := w.lines[id]; l != nil {
					rated[l.key()] = append(rated[l.key()], id)
				}
			}
		}
	}
	return rated
}

// copies returns the rated records with the given keys that are in the warehouse, after all usage has arrived
// there.
func (w *world) copies(ctx context.Context, _ string, keys []udr.RecordKey) (map[udr.RecordKey]udr.ID, error) {
	for p := range partitions {
		if err := w.drain(ctx, p); err != nil {
			return nil, err
		}
	}
	w.point(effect{"find", "copies"}, int64(len(keys)), 0)
	found := map[udr.RecordKey]udr.ID{}
	for p := range partitions {
		for i := range w.judged[p].counts {
			var u udr.Usage
			b, err := w.judged[p].batch(i)
			if err != nil {
				continue
			}
			for i := range b.Rated {
				if udr.ParseUsage(b.Rated[i].Usage, &u) != nil {
					continue
				}
				id, key := udr.ID{File: b.File, Seq: u.Seq}, udr.RecordKey{Duplicate: u.Duplicate, At: u.At}
				if slices.Contains(keys, key) && w.warehouse.rows[p]["rated_usage"][id].times > 0 {
					found[key] = id
				}
			}
		}
	}
	return found, nil
}

// endsKnown is how long it takes at most until owners know the ends of a file after they were sent.
const endsKnown = 400 * time.Millisecond

// drain waits until the results of the usage in a partition are in the warehouse.
func (w *world) drain(ctx context.Context, p int) error {
	if w.stopped[p] != nil { // an operator will resume it at some time
		return nil
	}
	d := ratedlog.Drain{Broker: simBroker{w}, Topics: w.topics, Clock: clock{w}, Within: 300 * time.Millisecond,
		Passed: func(_ context.Context, p int) (passed int64) {
			for _, a := range w.actors {
				if a.kind == ownerKind && a.partition == p && a.passed != nil {
					passed = max(passed, a.passed())
				}
			}
			return passed
		},
		Stored: func(ctx context.Context, p int) (int64, ratedlog.Fold, error) {
			at, err := positions{&w.store}.SinkGet(ctx, "sim", p)
			if err != nil {
				return 0, ratedlog.Fold{}, err
			}
			fold, err := ratedlog.ParseFold(at.Fold)
			return at.Next, fold, err
		},
	}
	err := d.Wait(ctx, p)
	if errors.As(err, new(*ratedlog.BehindError)) || broker.Unavailable(err) || storeUnavailable(err) {
		return &mediation.AwayError{Err: err}
	}
	return err
}

// arrived reports whether the end of a file is in the warehouse, after all usage of its home partition has arrived
// there.
func (w *world) arrived(ctx context.Context, id udr.FileID, home int) (bool, error) {
	f := w.current.file
	if err := w.drain(ctx, home); err != nil {
		return false, err
	}
	w.point(effect{"find", "end"}, int64(home), 0)
	f.alone = true
	return w.warehouse.ends[home][id], nil
}

// suspended is a suspended record of the log.
func (w *world) suspended(id udr.ID) udr.Suspended {
	for p := range partitions {
		for i := range w.judged[p].counts {
			b, err := w.judged[p].batch(i)
			if err != nil || b.File != id.File {
				continue
			}
			for _, m := range b.Suspended {
				var s udr.Suspended
				if udr.ParseSuspended(m, &s) == nil && s.Seq == id.Seq {
					return s
				}
			}
		}
	}
	panic("the warehouse has a suspended record that is not in the log")
}

// bytes returns the bytes that the balance of a file counts.
func (f *file) bytes() (n int) {
	if f.origins == nil {
		return len(f.text)
	}
	for _, l := range f.lines {
		n += len(l.text)
	}
	return n
}

// broughtBack returns the records that leave suspense with an outcome: the records of a retry batch
// whose end has arrived.
func (w *world) broughtBack(p int, o *outcome) []udr.ID {
	if !o.end || w.expect[p].ends[o.file] == nil {
		return nil
	}
	for _, f := range w.files {
		if f.id == o.file {
			return f.origins
		}
	}
	return nil
}
