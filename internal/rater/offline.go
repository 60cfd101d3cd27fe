package rater

import (
	"context"
	"log/slog"

	"ratemill/internal/backoff"
	"ratemill/internal/broker"
	"ratemill/rating"
)

// Offline decides the usage of a partition without a log: it returns what an Owner would append, as if the append had
// been acknowledged at once. It is for offline work, which can be repeated after a crash.
type Offline struct {
	owner  Owner
	offset int64
}

// NewOffline returns an Offline with an empty state.
func NewOffline(reference Reference, clock Clock) *Offline {
	return &Offline{owner: Owner{
		Options: Options{Reference: reference, Clock: clock, Log: slog.New(slog.DiscardHandler), Progress: &Progress{}},
		epoch:   1, state: newState(0), patience: backoff.Patience{Clock: clock, Log: slog.New(slog.DiscardHandler),
			Passing: backoff.Unavailable},
	}}
}

// Counters returns the counters so far. Set them before the first message to begin in the middle of a cycle.
func (a *Offline) Counters() *rating.Counters { return a.owner.state.counters }

// Rate decides the next message of the usage topic and returns the message of the rated log, or nil for a repeated one.
func (a *Offline) Rate(ctx context.Context, usage []byte) (rated []byte, err error) {
	o := &a.owner
	r := &request{}
	o.ahead = r
	if err := o.rate(ctx, &broker.Message{Value: usage, Offset: a.offset}); err != nil {
		return nil, err
	}
	for _, res := range r.results {
		o.state.counters.FoldAll(res.Deltas, a.offset)
		o.state.counters.Sessions.Fold(res.Sessions)
	}
	o.recycle(r.results)
	a.offset++
	if len(r.messages) == 0 {
		return nil, nil
	}
	return r.messages[0].Value, nil
}
