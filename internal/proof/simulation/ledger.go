package simulation

import (
	"bytes"
	"context"
	"slices"
	"time"

	"ratemill/internal/control"
	"ratemill/internal/safeguard"
	"ratemill/registry"
	"ratemill/udr"
)

// fileLedger is the control store's ledger of files.
type fileLedger struct{ w *world }

func (l fileLedger) file(number int64) *file { return l.w.files[number-1] }

func (l fileLedger) LeaseNext(ctx context.Context, queues []control.Queue, owner string, now time.Time,
	ttl time.Duration) (lease control.Lease, found bool, err error) {
	w := l.w
	err = w.store.transaction(ctx, "leasing a file", func() error {
		w.current.file = nil
		for _, i := range w.rng.Perm(len(w.files)) {
			f := w.files[i]
			if f.done || w.phase == troubled && w.step < f.comes || f.row.RetryAt.After(now) {
				continue
			}
			if queues[0].Ordered && !(f.ordered && f.row.Pinned) {
				continue
			}
			if f.row.LeaseUntil.After(now) && !w.happens(Takeover, 40) {
				continue
			}
			if e := f.row.Progress.Ending; e != nil && now.Sub(e.Since) < endsKnown && w.happens(EndsLate, 3) {
				f.row.RetryAt = now.Add(3 * endsKnown)
				continue
			}
			r := &f.row
			r.Owner, r.LeaseUntil = owner, now.Add(ttl)
			r.Generation++
			r.State = control.Spooling
			if r.Pinned {
				r.State = control.Reading
			}
			lease, found = control.Lease{File: int64(i + 1), Owner: owner, Generation: r.Generation, Until: r.LeaseUntil}, true
			w.current.file = f
			break
		}
		return nil
	})
	return lease, found, err
}

// held changes a file under its lease.
func (l fileLedger) held(ctx context.Context, what string, lease control.Lease, change func(f *file)) error {
	return l.w.store.transaction(ctx, what, func() error {
		f := l.file(lease.File)
		if (f.row.Owner != lease.Owner || f.row.Generation != lease.Generation || f.done) && safeguard.On(safeguard.LeaseFence) {
			return &control.LeaseLostError{File: lease.File, Owner: lease.Owner}
		}
		change(f)
		return nil
	})
}

func (l fileLedger) Renew(ctx context.Context, lease control.Lease, now time.Time, ttl time.Duration) (control.Lease, error) {
	lease.Until = now.Add(ttl)
	return lease, l.held(ctx, "renewing a lease", lease, func(f *file) { f.row.LeaseUntil = lease.Until })
}

func (l fileLedger) Release(ctx context.Context, lease control.Lease) error {
	return l.held(ctx, "releasing a lease", lease, func(f *file) { f.row.LeaseUntil = time.Time{} })
}

func (l fileLedger) File(ctx context.Context, number int64) (row control.File, err error) {
	err = l.w.store.transaction(ctx, "reading a file", func() error {
		f := l.file(number)
		row = f.row
		row.Number, row.Source, row.Path, row.Size, row.FileID = number, "carrier", f.name, int64(len(f.text)), f.id
		if f.origins != nil {
			row.Retry = number
		}
		row.Progress.LastSeqs, row.Progress.State = slices.Clone(row.Progress.LastSeqs), bytes.Clone(row.Progress.State)
		return nil
	})
	return row, err
}

func (l fileLedger) SetIdentity(ctx context.Context, lease control.Lease, _ udr.FileID, content []byte, _ int64, now time.Time,
	_ ...control.OtherKey) (original *control.File, err error) {
	err = l.held(ctx, "recording a file's identity", lease, func(f *file) {
		f.row.Content, f.row.Spooled = content, now
		if read, ok := f.fetched[string(content)]; ok { // fetched by one of two mediators, after the other changed the file
			f.holding = read
		}
		first := l.w.contents[string(content)]
		if first == nil {
			l.w.contents[string(content)] = f
		} else if first != f {
			f.row.State, f.done = control.Duplicate, true
			original = &control.File{Sighting: control.Sighting{Path: first.name}}
		}
	})
	return original, err
}

func (l fileLedger) Pin(ctx context.Context, lease control.Lease, pins control.Pins, _ time.Time) (pinned control.Pins, err error) {
	older := false
	err = l.held(ctx, "pinning a file", lease, func(f *file) {
		older = !f.row.Pinned && slices.ContainsFunc(l.w.files, func(r *file) bool {
			return r.origins != nil && r.row.Pinned && r.row.Pins.Registry > pins.Registry
		})
		if older {
			return
		}
		if !f.row.Pinned {
			f.row.Pinned, f.row.Pins = true, pins
		}
		f.row.State, pinned = control.Reading, f.row.Pins
	})
	if err == nil && older {
		err = control.ErrConflict
	}
	return pinned, err
}

func (l fileLedger) Unfinished(ctx context.Context, _ string, number int64, before registry.Revision) (oldest control.File, found bool,
	err error) {
	err = l.w.store.transaction(ctx, "looking for unfinished files", func() error {
		for i, f := range l.w.files {
			r := &f.row
			if n := int64(i + 1); n != number && r.Pinned && !f.done && r.Pins.Registry < before &&
				(!found || r.Pins.Registry < oldest.Pins.Registry) {
				oldest, found = *r, true
				oldest.Number, oldest.Path = n, f.name
			}
		}
		return nil
	})
	return oldest, found, err
}

func (l fileLedger) RecordProgress(ctx context.Context, lease control.Lease, p control.Progress, now time.Time,
	ttl time.Duration) (control.Lease, error) {
	lease.Until = now.Add(ttl)
	p.LastSeqs, p.State = slices.Clone(p.LastSeqs), bytes.Clone(p.State)
	return lease, l.held(ctx, "recording progress", lease, func(f *file) { f.row.Progress, f.row.LeaseUntil = p, lease.Until })
}

func (l fileLedger) Finish(ctx context.Context, lease control.Lease, p control.Progress, _ time.Time) error {
	return l.held(ctx, "closing a file", lease, func(f *file) { f.row.Progress, f.row.State, f.done = p, control.Done, true })
}

func (l fileLedger) Fail(ctx context.Context, lease control.Lease, why string, retryAt, now time.Time) error {
	return l.held(ctx, "recording why a file failed", lease, func(f *file) {
		f.row.Attempts++
		f.row.Why, f.row.LeaseUntil, f.row.State = why, time.Time{}, control.Failed
		if f.row.RetryAt = retryAt; retryAt.IsZero() {
			if f.vanished {
				f.done = true
				return
			}
			f.row.RetryAt, f.row.Attempts = now.Add(time.Second), 0 // an operator looks at it and retries it
		}
	})
}

func (l fileLedger) Gone(ctx context.Context, lease control.Lease, _ bool, why string, _, now time.Time) (found int64, err error) {
	return 0, l.Fail(ctx, lease, why, time.Time{}, now)
}

func (l fileLedger) Beginnings(ctx context.Context, lease control.Lease, opening []byte, _ bool) (found []control.Beginning, known int64,
	err error) {
	return nil, 0, nil
}

func (l fileLedger) ReadFrom(ctx context.Context, number, there int64) error { return nil }

func (l fileLedger) ReadOnly(ctx context.Context, lease control.Lease, hash []byte, size int64) error {
	return nil
}

func (l fileLedger) Resumes(ctx context.Context, file *control.File) (r control.Resumption, found bool, err error) {
	return r, false, nil
}

func (l fileLedger) ReadOn(ctx context.Context, lease control.Lease, state []byte, compared time.Time) error {
	return nil
}

func (l fileLedger) Postpone(ctx context.Context, lease control.Lease, why string, pause time.Duration, now time.Time) error {
	return l.held(ctx, "recording why a file waits", lease, func(f *file) {
		f.row.State, f.row.Why, f.row.RetryAt, f.row.LeaseUntil = control.Seen, why, now.Add(pause), time.Time{}
	})
}

// The simulation has no watchers: files are in the ledger as soon as their carriers drop them.
func (fileLedger) Sight(context.Context, string, []control.Sighting, time.Time) (int, error) {
	return 0, nil
}
func (fileLedger) StillThere(context.Context, string, []control.Sighting, time.Time) error {
	return nil
}
func (fileLedger) StillBelow(context.Context, string, []string, time.Time) error { return nil }
func (fileLedger) Listed(context.Context, string, []control.Arriving, []control.Refusal, time.Time) error {
	return nil
}
func (fileLedger) MarkVanished(context.Context, string, time.Time, time.Time) (int64, error) {
	return 0, nil
}
func (fileLedger) FilesAfter(context.Context, string, int, time.Time) ([]control.File, error) {
	return nil, nil
}
func (fileLedger) MarkAfterDone(context.Context, int64, string, time.Time) error { return nil }
func (fileLedger) Replaced(context.Context, int64, string, time.Time) error      { return nil }
func (fileLedger) AfterFailed(context.Context, int64, string, time.Duration, time.Time) error {
	return nil
}
