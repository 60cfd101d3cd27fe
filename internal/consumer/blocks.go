package consumer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"ratemill/internal/backoff"
	"ratemill/internal/broker"
	"ratemill/internal/control"
	"ratemill/internal/ratedlog"
)

// Block is the result of an effect for the messages that count.
type Block interface {
	// Reset begins an empty block.
	Reset()
	// Add adds a message of the rated log. It must not keep anything that points into the message. A permanent error
	// stops the partition at the message.
	Add(ctx context.Context, offset int64, message []byte) error
	// Size returns the number of rows or records so far, which limits the block.
	Size() int
}

// blocks builds blocks from the messages of a partition of the rated log.
type blocks struct {
	o       *Options
	block   Block
	gone    string // advice if the log no longer has the next message; empty: the broker's error contains it
	reader  *ratedlog.Reader
	patient backoff.Patience
	took    time.Duration // time to apply the last block
}

// begin discards all messages read so far. done describes the state of messages before the position.
func (b *blocks) begin(ctx context.Context, done string) (err error) {
	o := b.o
	b.took = 0
	b.patient = backoff.Patience{Clock: o.Clock, Log: o.Log.With("partition", o.Partition), Random: o.Random, Passing: backoff.Unavailable,
		Waits: o.Waits}
	b.reader, err = ratedlog.NewReader(ratedlog.Source{Broker: o.Broker, Topic: o.Topic, Partition: o.Partition, Done: done,
		Skips: o.Skips, Origin: o.Origin, Clock: o.Clock, Patience: &b.patient})
	if err != nil {
		return err
	}
	return b.reader.Learn(ctx)
}

// until repeats an operation while an engine that it needs is unreachable.
func (b *blocks) until(ctx context.Context, what string, do func() error) error {
	return b.patient.Until(ctx, what, do)
}

// linger returns how long a block waits for more messages. A slower effect gets larger blocks, so that it spends
// most of its time on rows instead of on blocks.
func (b *blocks) linger() time.Duration {
	return max(b.o.linger(), min(4*b.took, 10*b.o.linger()))
}

// gather builds the next block from the available messages: until it is full, or has waited long enough for more.
// It returns the block's last offset, or from-1 if no message arrived. A message that stops the partition ends
// the block: the block before it is applied, and the next block stops at the message.
func (b *blocks) gather(ctx context.Context, from int64, fold ratedlog.Fold) (to int64, err error) {
	b.reader.Resume(from, fold)
	to, err = b.fill(ctx, from)
	if stopped := (*StoppedError)(nil); errors.As(err, &stopped) && stopped.Offset > from {
		// The block contains the rows of a message that could be read in part.
		return stopped.Offset - 1, b.collect(ctx, from, stopped.Offset-1, fold)
	}
	return to, err
}

func (b *blocks) fill(ctx context.Context, from int64) (to int64, err error) {
	b.block.Reset()
	maxRows, maxBytes := b.o.bounds()
	linger := b.linger()
	next, bytes, wait := from, 0, time.Second
	var flush time.Time
	for b.block.Size() < maxRows && bytes < maxBytes {
		if next > from && !b.reader.Buffered() {
			if wait = min(linger/5, flush.Sub(b.o.Clock.Now())); wait <= 0 {
				break
			}
		}
		m, err := b.read(ctx, ratedlog.NoEnd, wait)
		if err != nil {
			return from - 1, err
		}
		if m == nil {
			break
		}
		if next == from {
			flush = b.o.Clock.Now().Add(linger)
		}
		if err := b.add(ctx, m); err != nil {
			return from - 1, err
		}
		bytes += len(m.Value)
		next = m.Offset + 1
	}
	return next - 1, nil
}

// collect builds a block up to a given offset; the block is the same for every caller.
func (b *blocks) collect(ctx context.Context, from, to int64, fold ratedlog.Fold) error {
	b.reader.Resume(from, fold)
	b.block.Reset()
	for next := from; next <= to; next, _ = b.reader.Position() {
		m, err := b.read(ctx, to+1, time.Second)
		if err != nil {
			return err
		}
		if m != nil {
			if err := b.add(ctx, m); err != nil {
				return err
			}
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return nil
}

// read returns the next message. A message that the log no longer has stops the partition.
func (b *blocks) read(ctx context.Context, to int64, wait time.Duration) (*ratedlog.Message, error) {
	m, err := b.reader.Read(ctx, to, wait)
	if gone := (*broker.OffsetGoneError)(nil); errors.As(err, &gone) {
		reason := gone.Error()
		if b.gone != "" {
			reason = fmt.Sprintf("%s/%d no longer has offset %d; its first offset is %d: messages were deleted before they were read; %s",
				gone.Topic, gone.Partition, gone.Wanted, gone.First, b.gone)
		}
		return nil, b.reader.Stop(gone.Wanted, control.StopOther, nil, reason)
	}
	return m, err
}

// add adds a message to the block if it counts, unless there is an order to skip it. If a skipped message
// contains records, they remain as a difference in the balance of their files.
func (b *blocks) add(ctx context.Context, m *ratedlog.Message) error {
	if !m.Counts || m.Order != nil {
		return nil
	}
	err := b.block.Add(ctx, m.Offset, m.Value)
	if err == nil || backoff.Unavailable(err) || ctx.Err() != nil {
		return err
	}
	return b.reader.Unreadable(m.Message, err)
}

// outlast returns a context that ends some time after ctx, so that an ending process finishes its current work, but
// does not wait for an engine that hangs.
func outlast(ctx context.Context) (context.Context, context.CancelFunc) {
	finishing, end := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		timer := time.AfterFunc(finishWithin, end)
		context.AfterFunc(finishing, func() { timer.Stop() })
	})
	return finishing, func() { stop(); end() }
}

const finishWithin = 4 * time.Second
