package simulation

import (
	"context"
	"errors"
	"slices"
	"time"

	"ratemill/internal/broker"
	"ratemill/udr"
)

// sender is the simplest possible mediator: it does only what owners of partitions rely on. With senders, the
// simulation covers only rating.
type sender struct {
	w  *world
	id int
}

var errLeaseLost = errors.New("the lease went to another")

func (s *sender) run(ctx context.Context) error {
	w := s.w
	for ctx.Err() == nil && !w.allSent() {
		f, generation, err := s.lease(ctx)
		if err == nil && f != nil {
			w.current.file = f
			err = s.send(ctx, f, generation)
			w.current.file = nil
			if err == nil || errors.Is(err, errLeaseLost) {
				continue
			}
		}
		if err != nil && ctx.Err() == nil && !storeUnavailable(err) {
			return err
		}
		_ = clock{w}.Sleep(ctx, 100*time.Millisecond)
	}
	return nil
}

func (w *world) allSent() bool {
	return !slices.ContainsFunc(w.files, func(f *file) bool { return !f.done })
}

// held reports whether an actor works on f.
func (w *world) held(f *file) bool {
	return slices.ContainsFunc(w.actors, func(a *actor) bool { return !a.ended && a.file == f })
}

func (s *sender) lease(ctx context.Context) (f *file, generation int, err error) {
	w := s.w
	err = w.store.transaction(ctx, "leasing a file", func() error {
		for _, i := range w.rng.Perm(len(w.files)) {
			c := w.files[i]
			if c.done || w.phase == troubled && w.step < c.comes || w.held(c) && !w.happens(Takeover, 12) {
				continue
			}
			f = c
			f.generation++
			generation = f.generation
			if !f.pinned {
				f.pinned, f.revision, f.catalogue = true, w.revision, w.catalogue
			}
			break
		}
		return nil
	})
	return f, generation, err
}

// send sends the rest of a file, in batches.
func (s *sender) send(ctx context.Context, f *file, generation int) error {
	w := s.w
	read, lasts := f.read, f.lasts
	for read < uint64(len(f.records)) {
		to := min(uint64(len(f.records)), read+1+w.rng.Uint64N(5))
		for p := range partitions {
			message, last := f.encode(w, f.batch(lasts[p], to), p, read, to)
			if last == 0 {
				continue
			}
			if err := s.append(ctx, p, message); err != nil {
				return err
			}
			lasts[p] = last
		}
		read = to
		if err := s.record(ctx, f, generation, func() { f.read, f.lasts = read, lasts }); err != nil {
			return err
		}
	}
	for p := range partitions {
		b := f.batch(lasts[p], lasts[p])
		b.End = &udr.FileEnd{Records: uint64(len(f.records))}
		if err := s.append(ctx, p, udr.AppendBatchHeader(nil, &b)); err != nil {
			return err
		}
	}
	return s.record(ctx, f, generation, func() { f.done = true })
}

func (f *file) batch(follows, last uint64) udr.Batch {
	return udr.Batch{File: f.id, Follows: follows, Last: last, Pin: udr.Pin{Source: "carrier", Rules: "r1", Registry: f.revision,
		Catalogue: shared().catalogues[f.catalogue].Version(), DuplicateWithin: f.within, SessionWithin: callWithin}}
}

// encode returns a batch with the records between read and to that belong to a partition. It also returns the batch's
// last record, 0 if there is none.
func (f *file) encode(w *world, b udr.Batch, p int, read, to uint64) (message []byte, last uint64) {
	var records []byte
	for _, u := range f.records[read:to] {
		u.Account = w.accountOf(u.SIM, u.At, f.revision)
		u.Root = w.rootOf(u.SIM, u.At, w.level(f.revision))
		if partitionOf[u.Root] == p {
			last = u.Seq
			if u.Seq%13 == 0 {
				records = udr.AppendBatchSuspended(records, &udr.Suspended{Seq: u.Seq, Line: u.Line, Bytes: u.Bytes, Raw: []byte("?"),
					Why: udr.SuspendError{Code: "decode", Reason: "not a record"}})
				continue
			}
			records = udr.AppendBatchUsage(records, &u)
		}
	}
	b.Last = last
	return append(udr.AppendBatchHeader(nil, &b), records...), last
}

// append appends until the message is certainly in the log.
func (s *sender) append(ctx context.Context, p int, message []byte) error {
	w := s.w
	for {
		_, err := simBroker{w}.Append(ctx, w.topics.Usage, p, []broker.Message{{Value: message}}).Wait(ctx)
		if !broker.Unavailable(err) {
			return err
		}
		if err := (clock{w}).Sleep(ctx, 50*time.Millisecond); err != nil {
			return err
		}
	}
}

// record changes a file under its lease.
func (s *sender) record(ctx context.Context, f *file, generation int, change func()) error {
	for {
		err := s.w.store.transaction(ctx, "recording progress", func() error {
			if f.generation != generation {
				return errLeaseLost
			}
			change()
			return nil
		})
		if !storeUnavailable(err) {
			return err
		}
		if err := (clock{s.w}).Sleep(ctx, 50*time.Millisecond); err != nil {
			return err
		}
	}
}

// loses reports whether the broker acknowledges a request and loses its message.
func (w *world) loses(r *request) bool {
	if !w.losing || w.phase != troubled || r.by == nil || r.by.kind != senderKind || w.faults[Loss].IntN(15) > 0 {
		return false
	}
	var b udr.Batch
	if err := udr.ParseBatch(r.messages[0].Value, &b); err != nil || b.End != nil {
		return false
	}
	w.losing, w.lost = false, true
	w.notef("broker", "LOSES a batch of file %s, partition log %s", b.File.Short(), r.log.name)
	return true
}
