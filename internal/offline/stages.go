package offline

import (
	"context"
	"time"

	"ratemill/internal/broker"
	"ratemill/internal/ratedlog"
	"ratemill/internal/rater"
	"ratemill/mediation"
)

// stages is the broker for mediation's messages, and the stages after it: it processes each message appended to the
// usage topic in its own goroutine, so that the next records are read at the same time.
type stages struct {
	p       *Pipeline
	read    *mediation.Progress
	raters  []*rater.Offline
	queue   chan *appended
	ended   chan struct{}
	err     error // error of the goroutine, valid when it waits or has ended
	decided decided
	batch   ratedlog.Batch
	file    *File // the current file; it changes only when nothing is in progress
}

// decided counts the records of the current file.
type decided struct{ rated, duplicate, suspended int64 }

// appended is an append in progress.
type appended struct {
	partition int
	messages  []broker.Message
	done      chan struct{}
	err       error
}

func newStages(ctx context.Context, p *Pipeline, ref rater.Reference, clock rater.Clock) (*stages, error) {
	r := &stages{p: p, queue: make(chan *appended, 4), ended: make(chan struct{})}
	for i := range max(p.Partitions, 1) {
		a := rater.NewOffline(ref, clock)
		if p.Before != nil {
			if err := p.Before(i, a.Counters()); err != nil {
				return nil, err
			}
		}
		r.raters = append(r.raters, a)
	}
	go r.run(ctx)
	return r, nil
}

func (r *stages) run(ctx context.Context) {
	defer close(r.ended)
	for a := range r.queue {
		for i := range a.messages {
			if r.err != nil {
				break
			}
			r.err = r.decide(ctx, a.partition, a.messages[i].Value)
		}
		a.err = r.err
		close(a.done)
	}
}

func (r *stages) decide(ctx context.Context, partition int, usage []byte) error {
	value, err := r.raters[partition].Rate(ctx, usage)
	if err != nil || value == nil {
		return err
	}
	if err := ratedlog.ParseBatch(value, &r.batch); err != nil {
		return err
	}
	r.decided.rated += int64(len(r.batch.Rated))
	r.decided.duplicate += int64(len(r.batch.Duplicate))
	r.decided.suspended += int64(len(r.batch.Suspended))
	if r.p.Batch != nil {
		return r.p.Batch(r.file, partition, &r.batch, value)
	}
	return nil
}

// drain waits until all appended messages are processed.
func (r *stages) drain() error {
	a := &appended{done: make(chan struct{})}
	r.queue <- a
	_, err := a.Wait(context.Background())
	return err
}

// stop ends the goroutine.
func (r *stages) stop() error {
	close(r.queue)
	<-r.ended
	return r.err
}

// Append implements broker.Broker.
func (r *stages) Append(_ context.Context, _ string, partition int, messages []broker.Message) broker.Pending {
	a := &appended{partition: partition, messages: messages, done: make(chan struct{})}
	r.queue <- a
	if r.p.Progress != nil {
		bytes, records := r.read.Sum(func(c *mediation.Counts) int64 {
			return c.Bytes.Load()
		}), r.read.Sum(func(c *mediation.Counts) int64 { return c.Records.Load() })
		r.p.Progress(bytes, records)
	}
	return a
}

// Wait implements broker.Pending.
func (a *appended) Wait(context.Context) (int64, error) {
	<-a.done
	return 0, a.err
}

// Fetch implements broker.Broker; it is never called.
func (r *stages) Fetch(_ context.Context, _ string, _ int, _ int64, _ time.Duration, dst []broker.Message) ([]broker.Message, error) {
	return dst, nil
}

// Bounds implements broker.Broker; nothing is kept.
func (r *stages) Bounds(context.Context, string, int) (first, end int64, err error) { return 0, 0, nil }
