package mediation

import (
	"context"
	"errors"
	"io"
	"time"

	"ratemill/internal/control"
)

// renewals is the number of times that a lease is renewed within its duration.
const renewals = 3

// Ticker wakes its receiver at an interval, until stop is called.
type Ticker func(every time.Duration) (ticks <-chan time.Time, stop func())

// RealTime is the Ticker of a running process.
func RealTime(every time.Duration) (<-chan time.Time, func()) {
	t := time.NewTicker(every)
	return t.C, t.Stop
}

// keeping runs work on a file, and renews the file's lease meanwhile. So no lease expires because a decoder skips a
// gigabyte of blank lines, a resume skips millions of records, or an engine answers late. Work whose lease is lost is
// interrupted.
func (t *taken) keeping(ctx context.Context, work func(context.Context) error) error {
	if t.m.Ticker == nil {
		return work(ctx)
	}
	ctx, interrupt := context.WithCancelCause(ctx)
	ended := make(chan struct{})
	lease := t.lease // the work has its own copy, which is the same lease for the ledger
	ticks, stop := t.m.Ticker(t.m.Lease / renewals)
	go func() {
		defer close(ended)
		defer stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticks:
			}
			// If the control store is away, the work continues: its next step shows whether the lease was lost
			// meanwhile.
			_, err := t.m.Files.Renew(ctx, lease, t.m.now(), t.m.Lease)
			if lost := (*control.LeaseLostError)(nil); errors.As(err, &lost) {
				interrupt(err)
				return
			}
		}
	}()
	err := work(ctx)
	interrupt(nil)
	<-ended
	if lost := (*control.LeaseLostError)(nil); err != nil && errors.As(context.Cause(ctx), &lost) {
		return lost
	}
	return err
}

// interruptible is content whose reads fail after ctx has ended. It is needed because a decoder may search for the next
// record for a long time.
type interruptible struct {
	ctx context.Context
	io.Reader
}

func (r *interruptible) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(p)
}
