package roles

import (
	"time"

	"ratemill/internal/backoff"
	"ratemill/internal/control"
)

type clock = backoff.RealTime

// storeClock is the control store's time. Decisions that depend on time use it, because the clock of one of several
// machines may be wrong.
type storeClock struct {
	clock
	store *control.Clock
}

func (c storeClock) Now() time.Time { return c.store.Now() }
