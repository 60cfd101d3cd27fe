package backoff

import (
	"context"
	"log/slog"
	"time"
)

// Clock is real or simulated time.
type Clock interface {
	Now() time.Time
	// Sleep waits; it returns early with ctx's error when ctx ends.
	Sleep(ctx context.Context, d time.Duration) error
}

// Default limits of the pauses between two attempts.
const (
	first = 50 * time.Millisecond
	most  = 5 * time.Second
)

// sayEvery is the time between two reports of the same absence.
const sayEvery = time.Minute

// Absence tracks an engine that is or was unreachable: the pause before the next attempt, and whether to report
// it. A repeated short absence is reported no more often than a long one. The zero Absence waits from 50 ms up
// to 5 s.
type Absence struct {
	Backoff
	since    time.Time // of this absence
	said     time.Time
	silent   int // failures since then
	speaking bool
}

// Failed records a failure, reports it if that is due, and returns the pause before the next attempt.
func (a *Absence) Failed(now time.Time, log *slog.Logger, what string, err error, args ...any) time.Duration {
	if a.First == 0 {
		a.First = first
	}
	if a.Most == 0 {
		a.Most = most
	}
	if a.failures == 0 {
		a.since = now
	}
	a.silent++
	if !a.said.IsZero() && now.Sub(a.said) < sayEvery {
		log.Debug(what, append(args, "err", err, "failures", a.failures+1, "away_for", now.Sub(a.since).Round(time.Millisecond))...)
	}
	if a.said.IsZero() || now.Sub(a.said) >= sayEvery {
		args = append(args, "err", err)
		if a.silent > 1 {
			args = append(args, "failures", a.silent, "away_for", now.Sub(a.since).Round(time.Millisecond))
		}
		log.Warn(what, args...)
		a.said, a.silent, a.speaking = now, 0, true
	}
	return a.Backoff.Failed()
}

// Worked records success, and reports it if the absence was reported.
func (a *Absence) Worked(now time.Time, log *slog.Logger, what string, args ...any) {
	if a.failures == 0 {
		return
	}
	if a.speaking {
		log.Info(what, append(args, "failures", a.failures, "was_away_for", now.Sub(a.since).Round(time.Millisecond))...)
	}
	a.speaking = false
	a.Backoff.Worked()
}

// Away reports whether the last attempt failed.
func (a *Absence) Away() bool { return a.failures > 0 }

// Patience repeats operations until they succeed. It belongs to one goroutine.
type Patience struct {
	Clock   Clock
	Log     *slog.Logger
	Random  func() float64       // see Backoff
	Passing func(err error) bool // reports whether this error is temporary
	// First and Most limit the pauses; 0 means 50 ms and 5 s.
	First, Most time.Duration
	// Waits is called after each failed attempt with the operation's name and the error. When the waiting is over,
	// it is called with a nil error, whatever the result. Nil: not called.
	Waits func(what string, err error)

	said map[string]time.Time // by the name of the operation
}

// StoppedError reports what an interrupted operation was waiting for.
type StoppedError struct {
	What string // after "waiting to"
	Err  error  // the context's error
}

func (e *StoppedError) Error() string { return "stopped waiting to " + e.What }
func (e *StoppedError) Unwrap() error { return e.Err }

// Until repeats an operation until it succeeds, fails with a permanent error, or ctx ends (a *StoppedError). The
// operation's name is one of a few. After a pause, it calls each function of between. These keep something alive in
// the meantime, such as a lease, and may end the waiting.
func (p *Patience) Until(ctx context.Context, what string, do func() error, between ...func(context.Context) error) error {
	a := Absence{Backoff: Backoff{First: p.First, Most: p.Most, Random: p.Random}}
	for {
		err := do()
		if err == nil {
			a.Worked(p.Clock.Now(), p.Log, "no more waiting to "+what)
			return nil
		}
		if !p.Passing(err) {
			return err
		}
		if ctx.Err() != nil {
			return &StoppedError{what, ctx.Err()}
		}
		a.said = p.said[what]
		pause := a.Failed(p.Clock.Now(), p.Log, "waiting to "+what, err)
		if p.said == nil {
			p.said = map[string]time.Time{}
		}
		p.said[what] = a.said
		if p.Waits != nil {
			if a.failures == 1 {
				defer p.Waits(what, nil)
			}
			p.Waits(what, err)
		}
		if err := p.Clock.Sleep(ctx, pause); err != nil {
			return &StoppedError{what, err}
		}
		for _, keep := range between {
			if err := keep(ctx); err != nil {
				return err
			}
		}
	}
}
