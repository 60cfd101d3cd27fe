package ratedlog

import (
	"bytes"
	"context"
	"errors"
	"math"
	"time"

	"ratemill/internal/backoff"
	"ratemill/internal/broker"
	"ratemill/internal/control"
	"ratemill/internal/options"
)

// Source is a partition of the rated log, with its reader's options.
type Source struct {
	Broker    broker.Broker
	Topic     string
	Partition int
	// Done describes the state of messages before the reader's position, for an error about a log that lost its end:
	// "in the warehouse".
	Done string
	// Skips returns the orders to skip something in this partition; nil means that there are none.
	Skips func(ctx context.Context) ([]control.Stop, error)
	// Origin determines the origin of a message's epoch; nil means that every epoch is genuine.
	Origin AskOrigin
	// Ignored reports whether to ignore a message with a later epoch than any before it. If it is nil,
	// messages that are foreign by Origin are ignored.
	Ignored  func(ctx context.Context, m *broker.Message, epoch int64) (bool, error)
	Clock    backoff.Clock
	Patience *backoff.Patience // for a broker or a control store that is unreachable
}

// Reader reads a partition of the rated log from a position and a fold on, and reports for each message whether it
// counts. It waits for an unavailable broker or control store. It belongs to one goroutine.
//
// Call Learn to read the orders, Begin at a position, then Read.
type Reader struct {
	source  Source
	skips   Skips
	next    int64
	fold    Fold
	current Message
	// Fetched messages, and those that have not been read yet.
	fetched, queue []broker.Message
}

// Message is a message of the rated log, valid until the next Read.
type Message struct {
	*broker.Message
	Counts bool
	Order  *control.Stop // order to skip it, nil for none
}

// NoEnd makes Read return all messages that there are.
const NoEnd = math.MaxInt64

// NewReader returns a reader; it does not read yet.
func NewReader(s Source) (*Reader, error) {
	c := options.Of("ratedlog: a reader needs ")
	c.Need(s.Broker != nil, "a broker")
	c.Need(s.Topic != "", "a topic")
	c.Need(s.Partition >= 0, "a partition, from 0 on")
	c.Need(s.Done != "", "what was done with messages that it read")
	c.Need(s.Clock != nil, "a clock")
	c.Need(s.Patience != nil, "patience")
	if err := c.Err(); err != nil {
		return nil, err
	}
	return &Reader{source: s, fold: NewFold()}, nil
}

// Learn reads the orders about the partition.
func (r *Reader) Learn(ctx context.Context) error {
	r.skips = nil
	if r.source.Skips == nil {
		return nil
	}
	return r.until(ctx, "read the orders for the partition", func() error {
		orders, err := r.source.Skips(ctx)
		r.skips = NewSkips(orders)
		return err
	})
}

// Order returns the order about a message, nil for none.
func (r *Reader) Order(m *broker.Message, kind control.StopKind) *control.Stop {
	return r.skips.Order(m, kind)
}

// Orders returns the orders about the content at an offset.
func (r *Reader) Orders(offset int64) []control.Stop { return r.skips[offset] }

// Position returns the next offset to read, and the fold of all messages before it.
func (r *Reader) Position() (next int64, fold Fold) { return r.next, r.fold }

// Resume goes to a position. If the reader is already there, it keeps its fetched messages.
func (r *Reader) Resume(next int64, fold Fold) {
	if next != r.next {
		r.queue = nil
	}
	r.next, r.fold = next, fold
}

// Buffered reports whether the next message is already fetched, so that Read does not wait.
func (r *Reader) Buffered() bool { return len(r.queue) > 0 }

// Begin goes to a position, up to which messages may already have been read. It checks that the log belongs to the
// position: the log must reach the position, and the fold must contain the epoch of the message before it. A log
// that lost its end has marks of new epochs there.
func (r *Reader) Begin(ctx context.Context, next int64, fold Fold, to int64) error {
	r.Resume(next, fold)
	first, err := r.Reaches(ctx, max(next, to+1))
	if err != nil || next <= first {
		return err
	}
	before, err := r.Fetch(ctx, next-1, 0)
	r.queue = nil
	if gone := (*broker.OffsetGoneError)(nil); errors.As(err, &gone) {
		return nil // the log matches now; Read reports later problems
	}
	if err != nil || len(before) == 0 || before[0].Offset != next-1 {
		return err
	}
	m := &before[0]
	epoch, _, _, err := ParseHeader(m.Value)
	if err != nil || epoch <= fold.Epoch {
		return nil
	}
	if ignored, err := r.ignored(ctx, m, epoch); ignored || err != nil {
		return err
	}
	return Replaced(r.source.Topic, r.source.Partition, m.Offset, epoch, fold.Epoch, r.source.Done)
}

// Read returns the next message before to, or nil if there is none, or none arrived within wait. A message with an
// unreadable header stops the reader, unless there is an order to skip it; in that case, the message does not count.
// For a message that the log no longer has, it returns *broker.OffsetGoneError.
func (r *Reader) Read(ctx context.Context, to int64, wait time.Duration) (*Message, error) {
	if r.next >= to {
		return nil, nil
	}
	if len(r.queue) == 0 {
		var err error
		r.queue, err = r.Fetch(ctx, r.next, wait)
		if err != nil {
			r.queue = nil
			return nil, err
		}
		if len(r.queue) == 0 {
			if to != NoEnd {
				_, err = r.Reaches(ctx, to)
			}
			return nil, err
		}
	}
	m := &r.queue[0]
	if m.Offset >= to {
		r.next = to // the messages before it are missing: compaction, or an aborted transaction of another program
		return nil, nil
	}
	order := r.skips.Order(m, control.StopMessage)
	counts, err := r.take(ctx, m)
	if err != nil && order == nil {
		return nil, err
	}
	if stopped := (*StoppedError)(nil); err != nil && !errors.As(err, &stopped) {
		return nil, err
	}
	r.queue = r.queue[1:]
	r.next = m.Offset + 1
	r.current = Message{m, counts, order}
	return &r.current, nil
}

// take folds a message.
func (r *Reader) take(ctx context.Context, m *broker.Message) (counts bool, err error) {
	epoch, input, mark, err := ParseHeader(m.Value)
	if err != nil {
		return false, r.Unreadable(m, err)
	}
	if epoch > r.fold.Epoch {
		if ignored, err := r.ignored(ctx, m, epoch); err != nil || ignored {
			return false, err
		}
	}
	return r.fold.Take(epoch, input, mark), nil
}

func (r *Reader) ignored(ctx context.Context, m *broker.Message, epoch int64) (ignored bool, err error) {
	if r.source.Ignored != nil {
		return r.source.Ignored(ctx, m, epoch)
	}
	err = r.until(ctx, "look up the origin of an epoch", func() (err error) {
		ignored, err = Foreign(ctx, r.source.Origin, r.source.Topic, r.source.Partition, m, epoch)
		return err
	})
	return ignored, err
}

// Fetch returns messages from an offset on, none if none arrived within wait. It returns *broker.OffsetGoneError if
// the log no longer has them, and *StoppedError if the log has become shorter.
func (r *Reader) Fetch(ctx context.Context, from int64, wait time.Duration) ([]broker.Message, error) {
	s := &r.source
	err := r.until(ctx, "read the rated log", func() (err error) {
		r.fetched, err = s.Broker.Fetch(ctx, s.Topic, s.Partition, from, wait, r.fetched[:0])
		if short := (*broker.EndedError)(nil); errors.As(err, &short) {
			return short // not a temporary error: Reaches decides whether it is one
		}
		return err
	})
	if short := (*broker.EndedError)(nil); errors.As(err, &short) {
		r.fetched = r.fetched[:0]
		_, err = r.Reaches(ctx, from)
	}
	return r.fetched, err
}

// Reaches checks that the log ends at next or later, and returns its first offset.
func (r *Reader) Reaches(ctx context.Context, next int64) (first int64, err error) {
	return Reaches(ctx, r.source.Clock, r.source.Topic, r.source.Partition, next, r.source.Done,
		func() (first, end int64, err error) { return r.Bounds(ctx) })
}

// Bounds returns the first offset that the log keeps, and its end.
func (r *Reader) Bounds(ctx context.Context) (first, end int64, err error) {
	err = r.until(ctx, "read the bounds of the rated log", func() (err error) {
		first, end, err = r.source.Broker.Bounds(ctx, r.source.Topic, r.source.Partition)
		return err
	})
	return first, end, err
}

// Unreadable returns the error for a message that cannot be read.
func (r *Reader) Unreadable(m *broker.Message, err error) *StoppedError {
	return r.Stop(m.Offset, control.StopMessage, m.Value, err.Error()+"; was it written by a newer version of ratemill? Then start "+
		"that one")
}

// Stop returns the error for a partition that cannot continue at an offset.
func (r *Reader) Stop(offset int64, kind control.StopKind, message []byte, reason string) *StoppedError {
	return &StoppedError{Topic: r.source.Topic, Partition: r.source.Partition, Offset: offset, Kind: kind, Reason: reason,
		Message: bytes.Clone(message)}
}

func (r *Reader) until(ctx context.Context, what string, do func() error) error {
	return r.source.Patience.Until(ctx, what, do)
}
