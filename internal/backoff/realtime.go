package backoff

import (
	"context"
	"time"
)

// RealTime is the machine's clock.
type RealTime struct{}

// Now implements Clock.
func (RealTime) Now() time.Time { return time.Now() }

// Sleep implements Clock.
func (RealTime) Sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
