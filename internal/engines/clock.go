package engines

import (
	"context"
	"time"

	"ratemill/internal/backoff"
)

// A process reads the control store's time once a minute. It reports if its machine's clock differs by a minute or more,
// because files, leases and alerts use the store's time, but logs use the machine's.
const (
	setClockEvery   = time.Minute
	clockDifference = time.Minute
)

// FollowClock updates the store's time until ctx ends. While the store is unreachable, its time continues here.
func (e *Engines) FollowClock(ctx context.Context) error {
	told := false
	for ctx.Err() == nil {
		if off := e.LedgerTime.Ahead(); (off.Abs() >= clockDifference) != told {
			if told = !told; told {
				e.Log.Warn("this machine's clock differs from the control store's; synchronise both by NTP", "ahead", off.Round(time.Second))
			} else {
				e.Log.Info("this machine's clock agrees with the control store's again")
			}
		}
		_ = backoff.RealTime{}.Sleep(ctx, setClockEvery)
		_ = e.LedgerTime.Set(ctx)
	}
	return nil
}
