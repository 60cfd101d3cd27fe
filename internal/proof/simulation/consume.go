package simulation

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"ratemill/internal/broker"
	"ratemill/internal/consumer"
	"ratemill/internal/control"
	"ratemill/internal/ratedlog"
)

// consumes holds the options of a consumer of a partition of the rated log.
func (w *world) consumes(name string, p int, progress *consumer.Progress) consumer.Options {
	return consumer.Options{
		Name: name, Partition: p, Topic: w.topics.Rated, Broker: simBroker{w},
		Skips:  func(ctx context.Context) ([]control.Stop, error) { return w.skips(ctx, w.topics.Rated, p) },
		Origin: w.origin(p), Clock: clock{w}, Log: slog.New(slog.DiscardHandler), Progress: progress,
		MaxRows: 1 + w.rng.IntN(8), Linger: func() time.Duration { return 100 * time.Millisecond },
	}
}

// keepRunning runs a consumer repeatedly, as a role does, until ctx ends or the consumer stops and needs a user.
func (w *world) keepRunning(ctx context.Context, name string, k kind, progress *consumer.Progress, run func(context.Context) error,
	away func(error) bool) error {
	w.current.next = func(topic string) int64 {
		if topic == w.topics.Rated {
			return progress.Next.Load()
		}
		return 0
	}
	for {
		err := run(ctx)
		if err == nil || ctx.Err() != nil {
			return nil
		}
		w.notef(name, "%v", err)
		var stopped *ratedlog.StoppedError
		isStop := errors.As(err, &stopped)
		if isStop && w.refuses(stopped) {
			return nil
		}
		if !broker.Unavailable(err) && !away(err) && !(isStop && w.ordered(k, stopped)) {
			return err
		}
		if err := (clock{w}).Sleep(ctx, 100*time.Millisecond); err != nil {
			return nil
		}
	}
}
