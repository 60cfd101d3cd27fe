package consumer

import (
	"context"
	"errors"
	"fmt"

	"ratemill/internal/control"
	"ratemill/internal/options"
	"ratemill/internal/ratedlog"
	"ratemill/internal/safeguard"
)

// ErrConflict means that the row has changed since the caller read it.
var ErrConflict = control.ErrConflict

// Transactions stores the position of a consumer together with its effect. T is a transaction.
type Transactions[T any] interface {
	SinkGet(ctx context.Context, consumer string, partition int) (control.SinkPosition, error)
	// InTransaction runs do in one transaction, which takes effect as a whole or not at all.
	InTransaction(ctx context.Context, what string, do func(tx T) error) error
	// SinkMove moves a position in a transaction. It returns ErrConflict if the version or offset is not the
	// known one.
	SinkMove(ctx context.Context, tx T, consumer string, partition int, from control.SinkPosition, next int64, fold []byte) error
}

// Span is the range of offsets of the rated log from which a block was built, inclusive.
type Span struct {
	Partition int
	From, To  int64
	First     bool // the consumer has applied nothing before
}

// Effect applies blocks in a transaction. A consumer may call it several times for one block; only one transaction
// commits.
type Effect[T any] interface {
	Block
	Apply(ctx context.Context, tx T, span Span) error
}

// TransactionOptions are the options of a consumer in a transaction.
type TransactionOptions[T any] struct {
	Options
	Store  Transactions[T]
	Effect Effect[T]
	Done   string // where the messages before the position are, for errors: "in the balances"
	Gone   string // advice if the log no longer has the next message: the runbook
	// Start returns the position at which a consumer without a position begins if the log has lost its beginning.
	// It is the position of another consumer, because the fold at the first remaining message is unknown. If
	// Start is nil or returns offset 0, the consumer begins at the first remaining message.
	Start func(ctx context.Context) (next int64, fold ratedlog.Fold, err error)
}

// InTransaction applies each message that counts in one partition of the rated log exactly once to an effect that
// commits together with the position. If two consumers have a partition, one of them fails to move the position, and
// its effect is rolled back with the move.
type InTransaction[T any] struct {
	blocks
	TransactionOptions[T]

	at    control.SinkPosition
	known bool // the store's last answer is current
}

// NewInTransaction reports all mistakes of the options.
func NewInTransaction[T any](o TransactionOptions[T]) (*InTransaction[T], error) {
	m := options.Of("consumer: ")
	o.check(m)
	m.Need(o.Store != nil, "it needs a store of positions")
	m.Need(o.Effect != nil, "it needs an effect")
	m.Need(o.Done != "", "it needs to say what became of messages that it applied")
	m.Need(o.Gone != "", "it needs to say what to do about messages that are gone")
	if err := m.Err(); err != nil {
		return nil, err
	}
	if !safeguard.On(safeguard.OwnPosition) {
		o.Name = ""
	}
	c := &InTransaction[T]{TransactionOptions: o}
	c.blocks = blocks{o: &c.Options, block: o.Effect, gone: o.Gone}
	return c, nil
}

// Run applies messages until ctx ends (it then finishes the current block and returns nil) or an error stops it.
// The error is *StoppedError if an operator must look into it; any other error may be temporary, so call Run
// again.
func (s *InTransaction[T]) Run(ctx context.Context) error {
	s.known, s.at = false, control.SinkPosition{}
	if err := s.begin(ctx, s.Done); err != nil {
		return ended(ctx, err)
	}
	for ctx.Err() == nil {
		if err := s.step(ctx); err != nil {
			return ended(ctx, err)
		}
	}
	return nil
}

// step applies one block.
func (s *InTransaction[T]) step(ctx context.Context) error {
	if err := s.where(ctx); err != nil {
		return err
	}
	fold, err := ratedlog.ParseFold(s.at.Fold)
	if err != nil {
		return s.reader.Stop(s.at.Next, control.StopOther, nil, err.Error())
	}
	if !safeguard.On(safeguard.FoldKept) {
		fold = ratedlog.NewFold()
	}
	span := Span{Partition: s.Partition, From: s.at.Next, First: s.at.Version == 0}
	span.To, err = s.gather(ctx, s.at.Next, fold)
	if err != nil || span.To < span.From {
		return err
	}
	_, fold = s.reader.Position()
	err = s.apply(ctx, span, fold.Append(nil))
	if errors.Is(err, ErrConflict) {
		// Another consumer also has the partition, or the answer to one of this consumer's commits was
		// lost. The present state of the store decides.
		s.known = false
		s.Log.Info("another consumer changed the position, or an answer was lost; reading it again", "consumer", s.Name, "partition",
			s.Partition)
		return s.Clock.Sleep(ctx, s.linger())
	}
	return err
}

// apply commits a block and the position after it. When ctx ends, it continues, because the next consumer would
// only repeat the work; but it does not wait for an unreachable engine, and does not wait long for one that hangs.
func (s *InTransaction[T]) apply(ctx context.Context, span Span, fold []byte) error {
	began := s.Clock.Now()
	err := s.until(ctx, "apply a block of the rated log", func() error {
		finishing, end := outlast(ctx)
		defer end()
		what := "applying a block for " + s.Name
		// The position is moved first: PostgreSQL locks its row, so that another consumer waits, and then finds
		// it moved.
		move := func(tx T) error {
			err := s.Store.SinkMove(finishing, tx, s.Name, s.Partition, s.at, span.To+1, fold)
			if errors.Is(err, ErrConflict) && !safeguard.On(safeguard.MovedFrom) {
				return nil
			}
			return err
		}
		apply := func(tx T) error { return s.Effect.Apply(finishing, tx, span) }
		if !safeguard.On(safeguard.OneTransaction) {
			if err := s.Store.InTransaction(finishing, what, apply); err != nil {
				return err
			}
			return s.Store.InTransaction(finishing, what, move)
		}
		return s.Store.InTransaction(finishing, what, func(tx T) error {
			if err := move(tx); err != nil {
				return err
			}
			return apply(tx)
		})
	})
	if err != nil {
		return err
	}
	s.took = s.Clock.Now().Sub(began)
	s.at = control.SinkPosition{Version: s.at.Version + 1, Next: span.To + 1, Fold: fold}
	s.Progress.Rows.Add(int64(s.Effect.Size()))
	s.Progress.Blocks.Add(1)
	s.Progress.Next.Store(s.at.Next)
	return nil
}

// where reads the position, unless it is known.
func (s *InTransaction[T]) where(ctx context.Context) error {
	if s.known {
		return nil
	}
	before := s.at
	err := s.until(ctx, "read the position", func() (err error) {
		s.at, err = s.Store.SinkGet(ctx, s.Name, s.Partition)
		return err
	})
	if err != nil {
		return err
	}
	if s.at.Version < before.Version || s.at.Next < before.Next {
		// A backup was restored, or a standby lacked the last transactions. The effect was set back together with the
		// position.
		s.Log.Warn("the control store went back while this process was running, and what was applied after the position went with it; "+
			"it is applied again",
			"consumer", s.Name, "partition", s.Partition, "position", s.at.Next, "was", before.Next)
	}
	if err := s.start(ctx); err != nil {
		return err
	}
	fold, err := ratedlog.ParseFold(s.at.Fold)
	if err == nil { // otherwise reading for a block stops at it
		err = s.reader.Begin(ctx, s.at.Next, fold, -1)
		if err != nil {
			return err
		}
	}
	s.Progress.Next.Store(s.at.Next)
	s.known = true
	return nil
}

// start returns the position at which a consumer without a position begins.
func (s *InTransaction[T]) start(ctx context.Context) error {
	if s.at.Version > 0 {
		return nil
	}
	first, _, err := s.reader.Bounds(ctx)
	if err != nil || first == 0 {
		return err
	}
	next, fold := int64(0), ratedlog.NewFold()
	if s.Start != nil {
		err = s.until(ctx, "find where to begin", func() (err error) {
			next, fold, err = s.Start(ctx)
			return err
		})
		if err != nil {
			return err
		}
	}
	if next < first {
		next, fold = first, ratedlog.NewFold()
	}
	s.at.Next, s.at.Fold = next, fold.Append(nil)
	s.Log.Warn(fmt.Sprintf("the rated log has lost its beginning; usage that was rated before offset %d is not "+
		"%s", next, s.Done), "consumer",
		s.Name, "partition", s.Partition, "first", first)
	return nil
}
