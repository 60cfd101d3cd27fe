package backoff_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/internal/backoff"
)

// clock is a time that passes by sleeping only.
type clock struct {
	now   time.Time
	slept []time.Duration
}

func (c *clock) Now() time.Time { return c.now }

func (c *clock) Sleep(ctx context.Context, d time.Duration) error {
	c.slept = append(c.slept, d)
	c.now = c.now.Add(d)
	return ctx.Err()
}

var errAway, errWrong = errors.New("away"), errors.New("wrong")

func patient(c *clock, log *bytes.Buffer, random func() float64) *backoff.Patience {
	h := slog.NewTextHandler(log, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}})
	return &backoff.Patience{Clock: c, Log: slog.New(h), Random: random, Passing: func(err error) bool { return errors.Is(err, errAway) }}
}

// An outage of ten minutes: ever longer pauses up to the bound, a line a minute, one when it is over.
func TestOutage(t *testing.T) {
	c, log := &clock{now: time.Unix(0, 0)}, &bytes.Buffer{}
	end := c.now.Add(10 * time.Minute)
	err := patient(c, log, nil).Until(context.Background(), "read", func() error {
		if c.now.Before(end) {
			return errAway
		}
		return nil
	})
	require.NoError(t, err)
	require.Equal(t, []time.Duration{50, 100, 200, 400, 800, 1600, 3200, 5000, 5000}, milliseconds(c.slept[:9]))
	lines := strings.Split(strings.TrimSpace(log.String()), "\n")
	require.Len(t, lines, 11, log.String())
	require.Equal(t, `level=WARN msg="waiting to read" err=away`, lines[0])
	require.Equal(t, `level=WARN msg="waiting to read" err=away failures=18 away_for=1m1.35s`, lines[1])
	require.Equal(t, fmt.Sprintf(`level=INFO msg="no more waiting to read" failures=%d was_away_for=10m1.35s`, len(c.slept)), lines[10])
}

func milliseconds(all []time.Duration) (ms []time.Duration) {
	for _, d := range all {
		ms = append(ms, d/time.Millisecond)
	}
	return ms
}

// A failure that goes away and comes back, again and again, is logged once a minute.
func TestFlapping(t *testing.T) {
	c, log := &clock{now: time.Unix(0, 0)}, &bytes.Buffer{}
	p := patient(c, log, nil)
	for range 1000 { // 50 s
		failed := false
		require.NoError(t, p.Until(context.Background(), "read", func() error {
			if failed {
				return nil
			}
			failed = true
			return errAway
		}))
	}
	require.Equal(t, 2, strings.Count(log.String(), "\n"), log.String())

	// A failure of another operation is logged at once.
	failed := false
	require.NoError(t, p.Until(context.Background(), "write", func() error {
		if failed {
			return nil
		}
		failed = true
		return errAway
	}))
	require.Contains(t, log.String(), `msg="waiting to write"`)
}

// The random part is at most half of the pause, and those who failed together part.
func TestJitter(t *testing.T) {
	for _, part := range []float64{0, 0.3, 0.999} {
		b := backoff.Backoff{First: time.Second, Most: 10 * time.Second, Random: func() float64 { return part }}
		for _, whole := range []time.Duration{1, 2, 4, 8, 10, 10} {
			require.Equal(t, whole*time.Second-time.Duration(part*float64(whole*time.Second)/2), b.Failed())
		}
	}
}

func TestWhatDoesNotPass(t *testing.T) {
	c, log := &clock{}, &bytes.Buffer{}
	p := patient(c, log, nil)
	require.ErrorIs(t, p.Until(context.Background(), "read", func() error { return errWrong }), errWrong)
	require.Empty(t, c.slept)
	require.ErrorIs(t, p.Until(context.Background(), "read", func() error {
		return errAway
	}, func(context.Context) error { return errWrong }), errWrong)
	require.Len(t, c.slept, 1)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	err := p.Until(ctx, "read", func() error { return errAway })
	require.ErrorIs(t, err, context.Canceled)
	require.EqualError(t, err, "stopped waiting to read")
}
