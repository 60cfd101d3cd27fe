package simstate

import (
	"context"
	"fmt"
	"strings"

	"ratemill/internal/consumer"
	"ratemill/internal/ratedlog"
	"ratemill/rating"
	"ratemill/registry/life"
	"ratemill/udr"
)

// Consumer is the name of the role, and the prefix of its consumers' names.
const Consumer = "simstate"

// ConsumerOf returns the name of the consumer in an installation's control store.
func ConsumerOf(installation string) string { return Consumer + "/" + installation }

// Usage is an effect of a record on the state of a SIM, as reported by a rater.
type Usage struct {
	SIM   uint32
	At    udr.Instant
	Kind  life.EventKind // Used, Emptied or LimitPassed
	Cause string         // usage:<file>:<seq>, followed by the kind
	Bar   *Bar           // set instead of the kind: a reached limit
}

// Effect settles the SIMs for which raters reported events. It implements consumer.Effect. T is a transaction.
type Effect[T any] struct {
	write func(ctx context.Context, tx T, fresh []Usage) error
	fresh []Usage

	batch ratedlog.Batch
	usage udr.Usage
}

// NewEffect returns an effect that writes states in the transaction that moves the position. write is called with
// the new events of a block, in the order of the log.
func NewEffect[T any](write func(ctx context.Context, tx T, fresh []Usage) error) *Effect[T] {
	return &Effect[T]{write: write}
}

// Reset implements consumer.Block.
func (e *Effect[T]) Reset() { e.fresh = e.fresh[:0] }

// Size implements consumer.Block. It returns the number of SIMs to settle.
func (e *Effect[T]) Size() int { return len(e.fresh) }

// usageKinds lists the events of rating on which states depend.
var usageKinds = map[rating.EventKind]life.EventKind{
	rating.FirstUse: life.Used, rating.LifeExhausted: life.Emptied, rating.LimitSuspends: life.LimitPassed,
}

// Add implements consumer.Block.
func (e *Effect[T]) Add(_ context.Context, _ int64, message []byte) error {
	if err := ratedlog.ParseBatch(message, &e.batch); err != nil {
		return err
	}
	for i := range e.batch.Rated {
		r := &e.batch.Rated[i]
		for _, m := range r.Events {
			event, err := rating.ParseEvent(m)
			if err != nil {
				return err
			}
			kind, ok := usageKinds[event.Kind]
			bars := event.Kind == rating.LimitThrottles || event.Kind == rating.LimitBlocks
			if !ok && !bars {
				continue
			}
			if err := udr.ParseRatable(r.Usage, &e.usage); err != nil {
				return err
			}
			if bars {
				event.Name = strings.Clone(event.Name) // it points into the message
				e.fresh = append(e.fresh, Usage{SIM: event.SIM, At: event.At, Bar: barOf(&event, e.batch.File, e.usage.Seq)})
				continue
			}
			e.fresh = append(e.fresh, Usage{SIM: event.SIM, At: event.At, Kind: kind,
				Cause: fmt.Sprintf("usage:%s:%d:%s", e.batch.File, e.usage.Seq, kind)})
		}
	}
	return nil
}

// Apply implements consumer.Effect.
func (e *Effect[T]) Apply(ctx context.Context, tx T, _ consumer.Span) error {
	if len(e.fresh) == 0 {
		return nil
	}
	return e.write(ctx, tx, e.fresh)
}
