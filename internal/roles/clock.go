package roles

import (
	"context"
	"time"

	"ratemill/internal/control"
)

// clock is the real time.
type clock struct{}

func (clock) Now() time.Time { return time.Now() }

func (clock) Sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// storeClock is the control store's time. Decisions that depend on time use it, because the clock of one of several
// machines may be wrong.
type storeClock struct {
	clock
	store *control.Clock
}

func (c storeClock) Now() time.Time { return c.store.Now() }

// It asks the control store for its time once a minute. It reports a difference of a minute between that clock and this
// machine's: files, leases and alerts show the store's time, logs show this machine's.
const (
	setClockEvery   = time.Minute
	clockDifference = time.Minute
)

// followClock updates the store's time until ctx ends. While the store is away, its time continues here.
func (n *Node) followClock(ctx context.Context) error {
	told := false
	for ctx.Err() == nil {
		if off := n.ledgerTime.Ahead(); (off.Abs() >= clockDifference) != told {
			if told = !told; told {
				n.Log.Warn("this machine's clock differs from the control store's; set both by NTP", "ahead", off.Round(time.Second))
			} else {
				n.Log.Info("this machine's clock agrees with the control store's again")
			}
		}
		_ = clock{}.Sleep(ctx, setClockEvery)
		_ = n.ledgerTime.Set(ctx)
	}
	return nil
}
