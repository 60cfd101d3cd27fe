package warehouse

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"ratemill/internal/consumer"
	"ratemill/internal/control"
	"ratemill/internal/safeguard"
)

// ranges is the position of a sink that copies numbered rows of the control store, range by range: revisions of the
// registry, or final documents. It works like a sink of the rated log (consumer.ByToken): a range is fixed in the
// control store before any row is written, and the position moves when all rows are there.
type ranges struct {
	name      string // name under which the control store keeps the position
	positions consumer.Positions
	clock     interface{ Now() time.Time }
	known     control.SinkPosition
	asked     time.Time // time at which the control store last confirmed the known position
	checked   bool      // the warehouse was compared with the position

	Written  atomic.Int64 // number of rows from the control store
	Position atomic.Int64 // number of the last one that is in the warehouse
	Repeated atomic.Int64 // ranges that were found begun, or that were already in the warehouse
}

// copied has the steps of a sink that depend on its kind of rows.
type copied interface {
	// compare compares the warehouse with the position where that is necessary, and returns where the next
	// range begins. found means that a range was begun and must be completed first.
	compare(ctx context.Context, at control.SinkPosition, found bool) (next int64, err error)
	// take reads a range: the range already begun, or else the one after a number. to is 0 if there is
	// nothing to read.
	take(ctx context.Context, begun *control.Intent, from int64) (to int64, copy func() error, err error)
}

// Begin makes the next Step compare the warehouse with the position. Call it when another process may have been
// writing.
func (r *ranges) Begin() { r.checked = false }

// At returns the progress of the sink.
func (r *ranges) At() (written, position int64) { return r.Written.Load(), r.Position.Load() }

// step copies the next range into the warehouse, and reports whether there was one. After an error, call it again: it
// reads the position and continues from there.
func (r *ranges) step(ctx context.Context, rows copied) (bool, error) {
	at, err := r.where(ctx)
	if err != nil {
		return false, err
	}
	found := at.Intent != nil && safeguard.On(safeguard.IntentCompleted)
	if at.Next, err = rows.compare(ctx, at, found); err != nil {
		return false, err
	}
	r.Position.Store(at.Next - 1)
	intent, begun := control.Intent{From: at.Next}, (*control.Intent)(nil)
	if found {
		intent, begun = *at.Intent, at.Intent
		r.Repeated.Add(1)
	}
	to, copy, err := rows.take(ctx, begun, intent.From)
	if err != nil || to == 0 {
		return false, err
	}
	intent.To = to
	if err := r.write(ctx, intent, found, copy); err != nil {
		return true, err
	}
	r.Position.Store(to)
	return true, nil
}

// inserter has the operations that a sink of ranges needs from its tables.
type inserter interface {
	Insert(ctx context.Context, b *Block, token string) error
	// Replicated reports whether a table stores the token in the same step as the rows.
	Replicated() bool
}

// askAgain is how long an answer of the control store about the position is valid: much less than the time for which
// a table remembers tokens.
const askAgain = time.Minute

const mostTries = 9 // number of tokens tried for a page; all but the last were stored without the page's rows

// where reads the position.
func (r *ranges) where(ctx context.Context) (control.SinkPosition, error) {
	r.asked = r.clock.Now()
	at, err := r.positions.SinkGet(ctx, r.name, 0)
	r.known = at
	at.Next = max(at.Next, 1)
	return at, err
}

// write takes a range through its three states: intended, in the warehouse, and done.
func (r *ranges) write(ctx context.Context, intent control.Intent, found bool, copy func() error) (err error) {
	switch {
	case found && safeguard.On(safeguard.IntentTaken):
		// The process that recorded the intent may still be writing; its commit must fail.
		err = r.swap(ctx, func(at control.SinkPosition) (int64, error) { return r.positions.SinkTakeOver(ctx, r.name, 0, at) })
	case !found && safeguard.On(safeguard.IntentFirst):
		err = r.swap(ctx, func(at control.SinkPosition) (int64, error) {
			return r.positions.SinkIntent(ctx, r.name, 0, at, intent)
		})
		if err == nil {
			r.known.Intent = &intent
		}
	}
	if err != nil {
		return err
	}
	if !safeguard.On(safeguard.PositionAfter) {
		if err := r.move(ctx, intent.To+1); err != nil {
			return err
		}
		return copy()
	}
	if err := copy(); err != nil {
		return err
	}
	return r.move(ctx, intent.To+1)
}

// move records the position.
func (r *ranges) move(ctx context.Context, next int64) error {
	err := r.swap(ctx, func(at control.SinkPosition) (int64, error) {
		return r.positions.SinkCommit(ctx, r.name, 0, at, next, nil)
	})
	if err == nil {
		r.known.Next, r.known.Intent = next, nil
	}
	return err
}

// arrive writes a page to its table. A page that may already be there is counted afterwards: a table that is not
// replicated stores the token before the rows, so it can report a page as present that never arrived
// (consumer.ByToken). unequal is the error for a wrong count.
func (r *ranges) arrive(ctx context.Context, w inserter, b *Block, token string, again bool, count func() (int, error),
	unequal func(rows int) error,
	log *slog.Logger) error {
	if err := r.stillOurs(ctx); err != nil {
		return err
	}
	if err := w.Insert(ctx, b, token); err != nil {
		return err
	}
	if !again || w.Replicated() || !safeguard.On(safeguard.RepeatedIsAsked) {
		return nil
	}
	for n := 2; ; n++ {
		rows, err := count()
		switch {
		case err != nil || rows == b.Rows():
			return err
		case rows > 0 || n > mostTries:
			return unequal(rows)
		}
		log.Warn("ClickHouse discarded new rows as repeated but has none of them; writing them again", "table", b.Table, "token", token)
		if err := w.Insert(ctx, b, fmt.Sprintf("%s/%d", token, n)); err != nil {
			return err
		}
	}
}

// stillOurs checks, if the control store's last answer is some time ago, that no other process has taken over the
// range: a process that was stopped in between would write pages whose tokens the warehouse has forgotten.
func (r *ranges) stillOurs(ctx context.Context) error {
	now := r.clock.Now()
	// It also uses the wall clock, because Go's monotonic clock stops while a machine sleeps.
	if max(now.Sub(r.asked), now.Round(0).Sub(r.asked)) < askAgain || !safeguard.On(safeguard.CompareAndSet) {
		return nil
	}
	at, err := r.positions.SinkGet(ctx, r.name, 0)
	if err == nil && !at.Same(r.known) {
		err = control.ErrConflict
	}
	if err == nil {
		r.asked = now
	}
	return err
}

// swap changes the position if it is still the known one.
func (r *ranges) swap(ctx context.Context, change func(at control.SinkPosition) (int64, error)) error {
	asked := r.clock.Now()
	version, err := change(r.known)
	if errors.Is(err, control.ErrConflict) && !safeguard.On(safeguard.CompareAndSet) {
		at, err := r.positions.SinkGet(ctx, r.name, 0)
		if err != nil {
			return err
		}
		if version, err = change(at); errors.Is(err, control.ErrConflict) {
			version, err = at.Version, nil
		}
		r.known.Version = version
		return err
	}
	if err == nil {
		r.known.Version, r.asked = version, asked
	}
	return err
}
