package ledger

import (
	"context"
	"time"
)

// Clock is time for those who wait: the real one, or a simulated one.
type Clock interface {
	Now() time.Time
	// Sleep waits; it answers early with ctx's error when ctx ends.
	Sleep(ctx context.Context, d time.Duration) error
}
