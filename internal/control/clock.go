package control

import (
	"context"
	"sync"
	"time"

	"ratemill/internal/store"
)

// Now returns the store's time: the time of PostgreSQL's server or, for SQLite, of the machine. If one process writes a
// time and another compares it with "now", both use the store's time, because the clocks of two machines may differ by
// days.
func (s *Store) Now(ctx context.Context) (time.Time, error) {
	if !s.Postgres() {
		return time.Now(), nil
	}
	var now time.Time
	err := s.Failed("reading its clock", store.Ended(ctx, s.Read().QueryRowContext(ctx, `SELECT clock_timestamp()`).Scan(&now)))
	return now, err
}

// Clock provides the store's time without a query each time. It continues while the store is unreachable, and a
// step of this machine's clock does not affect it.
type Clock struct {
	store *Store

	mu    sync.Mutex
	told  time.Time // the store's time,
	at    time.Time // and the local time of that query
	ahead time.Duration
}

// Clock queries the store's time once and returns a clock that continues from it.
func (s *Store) Clock(ctx context.Context) (*Clock, error) {
	c := &Clock{store: s}
	return c, c.Set(ctx)
}

// Set queries the store's time again.
func (c *Clock) Set(ctx context.Context) error {
	asked := time.Now()
	told, err := c.store.Now(ctx)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.told, c.at = told.Round(0), time.Now()
	c.ahead = asked.Round(0).Sub(c.told)
	return nil
}

// Now returns the store's time, as far as this process knows it.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.told.Add(time.Since(c.at))
}

// Ahead returns how far this machine's clock was ahead of the store's at the last query.
func (c *Clock) Ahead() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ahead
}
