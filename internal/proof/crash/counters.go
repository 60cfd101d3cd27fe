package crash

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"ratemill/internal/backoff"
	"ratemill/internal/broker"
	"ratemill/internal/ratedlog"
	"ratemill/internal/rater"
	"ratemill/rating"
	"ratemill/registry"
)

// sums holds the expected values of every counter.
type sums map[rating.CounterKey]rating.Value

// add adds the deltas of a batch.
func (s sums) add(b *ratedlog.Batch) error {
	for _, m := range b.Deltas {
		d, err := rating.ParseDelta(m)
		if err != nil {
			return err
		}
		s[d.Key] = s[d.Key].Plus(d.Value)
	}
	return nil
}

// compareCounters compares the offline pipeline's counters with two others: the sums of the counting messages in the
// rated log, and the state that a new owner restores from its checkpoint and the rest of the log.
func (r *run) compareCounters(ctx context.Context, ought sums) error {
	logged, restored := sums{}, sums{}
	for partition := range partitions {
		if err := r.foldLog(ctx, partition, logged); err != nil {
			return fmt.Errorf("reading the rated log of partition %d: %w", partition, err)
		}
		if err := r.countCompacted(ctx, partition); err != nil {
			return fmt.Errorf("reading the checkpoints of partition %d: %w", partition, err)
		}
		if err := r.restore(ctx, partition, restored); err != nil {
			return fmt.Errorf("taking partition %d: %w", partition, err)
		}
	}
	for name, found := range map[string]sums{"the rated log": logged, "a restored owner": restored} {
		for k, v := range ought {
			if found[k] != v {
				r.report.differs("counter %+v is %v by %s, and ought to be %v", k, found[k], name, v)
			}
			delete(found, k)
		}
		for k, v := range found {
			// The offline pipeline leaves out SIMs with life cycles, which are compared separately, and so also what
			// anomaly rules count for them.
			if v != (rating.Value{}) && !k.Kind.Watches() {
				r.report.differs("counter %+v is %v by %s, and ought not to be", k, v, name)
			}
		}
	}
	r.report.Compared["counters"] = len(ought)
	return nil
}

func (r *run) foldLog(ctx context.Context, partition int, into sums) error {
	next, end, err := r.bounds(ctx, r.Access.Topics.Rated, partition)
	if err != nil {
		return err
	}
	fold := ratedlog.NewFold()
	var b ratedlog.Batch
	for next < end {
		messages, err := r.fetch(ctx, r.Access.Topics.Rated, partition, next)
		if err != nil {
			return err
		}
		for _, m := range messages {
			next = m.Offset + 1
			epoch, input, mark, err := ratedlog.ParseHeader(m.Value)
			if err != nil {
				return err
			}
			if !fold.Take(epoch, input, mark) {
				continue
			}
			if err := ratedlog.ParseBatch(m.Value, &b); err != nil {
				return err
			}
			if err := into.add(&b); err != nil {
				return err
			}
		}
	}
	return nil
}

// bounds and fetch wait for Kafka while it is unreachable, for example while the embedded Kafka cleans its log.
func (r *run) bounds(ctx context.Context, topic string, partition int) (first, end int64, err error) {
	err = r.waiting().Until(ctx, "read the bounds of "+topic, func() (err error) {
		first, end, err = r.Access.Kafka.Bounds(ctx, topic, partition)
		return err
	})
	return first, end, err
}

func (r *run) fetch(ctx context.Context, topic string, partition int, from int64) (messages []broker.Message, err error) {
	err = r.waiting().Until(ctx, "read "+topic, func() (err error) {
		messages, err = r.Access.Kafka.Fetch(ctx, topic, partition, from, time.Second, nil)
		return err
	})
	return messages, err
}

func (r *run) waiting() *backoff.Patience {
	return &backoff.Patience{Clock: backoff.RealTime{}, Log: r.Access.Log, Passing: broker.Unavailable}
}

// countCompacted counts the checkpoint entries that compaction has removed so far.
func (r *run) countCompacted(ctx context.Context, partition int) error {
	first, end, err := r.bounds(ctx, r.Access.Topics.Checkpoint, partition)
	if err != nil {
		return err
	}
	left := int64(0)
	for next := first; next < end; {
		messages, err := r.fetch(ctx, r.Access.Topics.Checkpoint, partition, next)
		if err != nil {
			return err
		}
		if len(messages) == 0 {
			break
		}
		left += int64(len(messages))
		next = messages[len(messages)-1].Offset + 1
	}
	r.report.Checkpoints += int(left)
	r.report.Compacted += int(end - left)
	return nil
}

// restore takes over a partition as a rater does at its start.
func (r *run) restore(ctx context.Context, partition int, into sums) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	progress := &rater.Progress{}
	progress.Next.Store(-1)
	o, err := rater.NewOwner(rater.Options{
		Partition: partition, Topics: r.Access.Topics, Broker: r.Access.Kafka, Reference: nothing{}, Clock: backoff.RealTime{},
		Progress: progress,
		Log:      slog.New(slog.DiscardHandler), SweepEvery: time.Hour,
		NextEpoch: func(ctx context.Context, seen int64) (int64, error) {
			return r.Access.Store.NextEpoch(ctx, r.Access.Topics.Rated, partition, seen)
		},
	})
	if err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- o.Run(ctx) }()
	for progress.Next.Load() < 0 {
		select {
		case err := <-ended:
			return errors.Join(errors.New("the owner ended before it had restored"), err)
		case <-time.After(10 * time.Millisecond):
		}
	}
	cancel()
	if err := <-ended; err != nil {
		return err
	}
	o.Counters().Range(func(k rating.CounterKey, v rating.Value, _ int64) bool {
		into[k] = v
		return true
	})
	return nil
}

// nothing is a reference for an owner that rates no usage.
type nothing struct{}

var errNothing = errors.New("everything was rated before, and yet something is left to rate")

func (nothing) Catalogue(context.Context, string) (*rating.Catalogue, error) {
	return nil, errNothing
}

func (nothing) Registry(context.Context, registry.Revision) (*registry.Registry, error) {
	return nil, errNothing
}
