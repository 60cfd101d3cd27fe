package consumer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"ratemill/internal/control"
	"ratemill/internal/options"
	"ratemill/internal/ratedlog"
	"ratemill/internal/safeguard"
)

// Positions stores the position of a consumer by token, by compare-and-set. control.Store implements it.
type Positions interface {
	SinkGet(ctx context.Context, sink string, partition int) (control.SinkPosition, error)
	SinkIntent(ctx context.Context, sink string, partition int, at control.SinkPosition, intent control.Intent) (version int64, err error)
	SinkTakeOver(ctx context.Context, sink string, partition int, at control.SinkPosition) (version int64, err error)
	SinkCommit(ctx context.Context, sink string, partition int, at control.SinkPosition, next int64, fold []byte) (version int64, err error)
}

// Rows are rows of one table; R is the implementing type itself.
type Rows[R any] interface {
	Name() string // of the table
	Rows() int
	// Of returns the range of offsets from which the rows are built, inclusive.
	Of(from, to int64)
	// Filter returns the rows for which keep returns true.
	Filter(keep func(row int) bool) R
	// Only describes a single row for display: table, record, offset and values.
	Only() (RefusedRow, error)
	// Balanced reports whether a file's balance counts the rows, so that a missing row is noticed.
	Balanced() bool
}

// TableBlock is a block of rows for several tables.
type TableBlock[R any] interface {
	Block
	// Tables returns the rows of each table, in writing order.
	Tables() []R
}

// Inserter writes rows to their table, once per token, as long as the table remembers the token.
type Inserter[R any] interface {
	Insert(ctx context.Context, rows R, token string) error
	// Stored returns how many of the rows, by their offsets, are already in their table.
	Stored(ctx context.Context, rows R) (int, error)
	// Replicated reports whether the table stores the token in the same step as the rows.
	Replicated() bool
}

// TokenOptions are the inputs of a consumer by token.
type TokenOptions[R Rows[R]] struct {
	Options
	Positions Positions
	Block     TableBlock[R]
	Inserter  Inserter[R]
	Engine    string // the name of the engine, in errors: ClickHouse
	// Refused reports whether an error of the inserter means that it will never accept the rows. noTable means
	// that the table does not exist.
	Refused func(error) (refused, noTable bool)
	// Written is called when the block is in its tables, with the duration of all attempts; it may be nil.
	Written func(took time.Duration)
}

// ByToken applies one partition of the rated log to the tables of an engine that drops a block whose token it
// remembers, each message that counts exactly once.
type ByToken[R Rows[R]] struct {
	blocks
	TokenOptions[R]

	at      control.SinkPosition
	known   bool      // the control store's last answer is current
	learned time.Time // time of that answer, or of this consumer's last change
	proven  bool      // the engine has nothing from `at` on: this consumer queried it, or wrote everything before
}

// NewByToken reports all mistakes of the options.
func NewByToken[R Rows[R]](o TokenOptions[R]) (*ByToken[R], error) {
	m := options.Of("consumer: ")
	o.check(m)
	m.Need(o.Positions != nil, "it needs a store of positions")
	m.Need(o.Block != nil, "it needs a block")
	m.Need(o.Inserter != nil, "it needs an inserter")
	m.Need(o.Engine != "", "it needs the name of the engine")
	m.Need(o.Refused != nil, "it needs to know by which errors the engine refuses rows")
	if err := m.Err(); err != nil {
		return nil, err
	}
	if !safeguard.On(safeguard.OwnPosition) {
		o.Name = ""
	}
	c := &ByToken[R]{TokenOptions: o}
	c.blocks = blocks{o: &c.Options, block: o.Block}
	return c, nil
}

// Run writes messages to the warehouse until ctx ends (it then finishes the current block and returns nil) or an error
// stops it. The error is *StoppedError if an operator must look into it; any other error may be temporary, so call Run
// again.
func (s *ByToken[R]) Run(ctx context.Context) error {
	s.known, s.proven, s.at = false, false, control.SinkPosition{}
	if err := s.begin(ctx, inWarehouse); err != nil {
		return ended(ctx, err)
	}
	for ctx.Err() == nil {
		if err := s.step(ctx); err != nil {
			return ended(ctx, err)
		}
	}
	return nil
}

// ended returns nil for an error caused by an ended context.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return nil
	}
	return err
}

// step writes one block: a block that has an intent, or the next one.
func (s *ByToken[R]) step(ctx context.Context) error {
	if err := s.where(ctx); err != nil {
		return err
	}
	fold, err := ratedlog.ParseFold(s.at.Fold)
	if err != nil {
		return s.stop(s.at.Next, control.StopOther, err.Error())
	}
	intent := control.Intent{From: s.at.Next}
	found := s.at.Intent != nil && safeguard.On(safeguard.IntentCompleted)
	if found {
		intent = *s.at.Intent
		err = s.collect(ctx, intent.From, intent.To, fold)
		s.Progress.Repeated.Add(1)
	} else {
		intent.To, err = s.gather(ctx, intent.From, fold)
	}
	if err != nil || intent.To < intent.From {
		return err
	}
	_, fold = s.reader.Position()
	err = s.write(ctx, intent, fold.Append(nil), found)
	if errors.Is(err, control.ErrConflict) {
		// Another sink also has the partition, or the answer to one of this sink's changes was
		// lost. The present state of the store decides.
		s.known = false
		// If another sink is writing the block, an immediate takeover would only make that sink's commit fail.
		s.Log.Info("another sink changed the position, or an answer was lost; reading it again", "partition", s.Partition)
		return s.Clock.Sleep(ctx, s.linger())
	}
	return err
}

// write takes a block through its three states: intended, in the warehouse, and done. When ctx ends, it continues,
// because the next owner would only repeat the work; but it does not wait for an unreachable engine, and does not wait
// long for one that hangs.
func (s *ByToken[R]) write(ctx context.Context, intent control.Intent, fold []byte, found bool) error {
	if !found && !s.proven {
		if err := s.unwritten(ctx, intent); err != nil {
			return err
		}
	}
	if s.at.Intent == nil && safeguard.On(safeguard.IntentFirst) {
		err := s.swap(ctx, "record the intent", func(ctx context.Context, at control.SinkPosition) (int64, error) {
			return s.Positions.SinkIntent(ctx, s.Name, s.Partition, at, intent)
		})
		if err != nil {
			return err
		}
		s.at.Intent = &intent
	}
	if found && safeguard.On(safeguard.IntentTaken) {
		// The sink that recorded the intent may still be writing. It does not count the rows of its first
		// inserts, and the engine may report as known a token that this sink used and whose rows never arrived.
		// So the other sink's commit must fail.
		if err := s.swap(ctx, "take over the intent", func(ctx context.Context, at control.SinkPosition) (int64, error) {
			return s.Positions.SinkTakeOver(ctx, s.Name, s.Partition, at)
		}); err != nil {
			return err
		}
	}
	if !safeguard.On(safeguard.PositionAfter) {
		if err := s.commit(ctx, intent, fold); err != nil {
			return err
		}
		return s.insert(ctx, intent, found)
	}
	if err := s.insert(ctx, intent, found); err != nil {
		return err
	}
	return s.commit(ctx, intent, fold)
}

// insert writes the rows of a block to their tables. The age of a found block is unknown. The table may have
// forgotten its token, so insert queries each table for the rows. The same applies if the answer to this
// consumer's own insert was lost some time ago.
func (s *ByToken[R]) insert(ctx context.Context, intent control.Intent, found bool) error {
	began := s.Clock.Now()
	for _, b := range s.Block.Tables() {
		if b.Rows() == 0 {
			continue
		}
		b, err := s.without(intent, b)
		if err != nil {
			return err
		}
		if b.Rows() == 0 {
			continue
		}
		b.Of(intent.From, intent.To)
		token := fmt.Sprintf("%s/%s/%s/%d/%d-%d", s.Name, b.Name(), s.Topic, s.Partition, intent.From, intent.To)
		absent := s.Clock.Now() // when the table did not have these rows
		if found {
			absent = time.Time{}
		}
		again := found
		err = s.until(ctx, "write into the warehouse", func() error {
			if err := s.stillOurs(ctx); err != nil {
				return err
			}
			finishing, end := outlast(ctx)
			defer end()
			if now := s.Clock.Now(); max(now.Sub(absent), now.Round(0).Sub(absent)) >= askAgain && safeguard.On(safeguard.FoundIsAsked) {
				rows, err := s.Inserter.Stored(finishing, b)
				switch {
				case err != nil:
					return err
				case rows > b.Rows():
					return s.unequal(intent, b, rows, "some rows are duplicated, or another program writes there")
				case rows == b.Rows():
					return nil
				}
				absent = now // or only in part: the token also belongs to the parts
			}
			repeated := again
			again = true
			if err := s.Inserter.Insert(finishing, b, token); err != nil {
				absent = time.Time{} // an engine that dies may have the rows without their token
				return err
			}
			if !repeated {
				return nil
			}
			return s.landed(finishing, intent, b, token)
		})
		if refused, _ := s.Refused(err); refused {
			return s.refused(ctx, intent, b, err)
		}
		if err != nil {
			return err
		}
	}
	s.took = s.Clock.Now().Sub(began)
	for _, b := range s.Block.Tables() {
		s.Progress.Rows.Add(int64(b.Rows()))
	}
	if s.Written != nil {
		s.Written(s.took)
	}
	s.Progress.Blocks.Add(1)
	return nil
}

// landed verifies that a block which the warehouse accepted, or reported as known, is there. A table that is not
// replicated stores the token before the rows. If its disk is full or it is killed in between, it takes a block as
// present that never arrived. The rows are then inserted under another token.
func (s *ByToken[R]) landed(ctx context.Context, intent control.Intent, b R, token string) error {
	if s.Inserter.Replicated() || !safeguard.On(safeguard.RepeatedIsAsked) {
		return nil
	}
	for n := 2; ; n++ {
		rows, err := s.Inserter.Stored(ctx, b)
		switch {
		case err != nil || rows == b.Rows():
			return err
		case rows > 0 || n > mostTokens:
			return s.unequal(intent, b, rows, s.Engine+" reports that it has them all")
		}
		s.Log.Warn(s.Engine+" discarded a new block as repeated but has none of its rows; writing it again", "partition", s.Partition,
			"table", b.Name(), "from", intent.From, "to", intent.To)
		if err := s.Inserter.Insert(ctx, b, fmt.Sprintf("%s/%d", token, n)); err != nil {
			return err
		}
	}
}

const mostTokens = 9 // all but the last were recorded without their rows

// unequal returns the error for a block if the warehouse has a different number of its rows than expected.
func (s *ByToken[R]) unequal(intent control.Intent, b R, rows int, why string) error {
	return s.stop(intent.From, control.StopOther, fmt.Sprintf("%s holds %d rows for offsets %d to %d, but these offsets "+
		"give %d rows: %s; what to do: docs/runbooks/partition-stopped.md", b.Name(), rows, intent.From, intent.To, b.Rows(), why))
}

// stillOurs checks, if the control store's last answer is some time ago, that no other process has completed the
// block since then. Otherwise a process that was stopped in between (SIGSTOP, a sleeping machine) would write a
// block whose token the warehouse has forgotten.
func (s *ByToken[R]) stillOurs(ctx context.Context) error {
	asked := s.Clock.Now()
	// It also uses the wall clock, because Go's monotonic clock stops while a machine sleeps.
	since := max(asked.Sub(s.learned), asked.Round(0).Sub(s.learned))
	if since < askAgain || !safeguard.On(safeguard.CompareAndSet) {
		return nil
	}
	now, err := s.Positions.SinkGet(ctx, s.Name, s.Partition)
	if err != nil {
		return err
	}
	if !now.Same(s.at) {
		return control.ErrConflict
	}
	s.learned = asked
	return nil
}

// askAgain is much less than the time for which a table remembers tokens.
const askAgain = time.Minute

func (s *ByToken[R]) commit(ctx context.Context, intent control.Intent, fold []byte) error {
	err := s.swap(ctx, "record the position", func(ctx context.Context, at control.SinkPosition) (int64, error) {
		return s.Positions.SinkCommit(ctx, s.Name, s.Partition, at, intent.To+1, fold)
	})
	if err == nil {
		s.at.Next, s.at.Fold, s.at.Intent = intent.To+1, fold, nil
		s.Progress.Next.Store(s.at.Next)
	}
	return err
}

// swap changes the position if it is still the known one.
func (s *ByToken[R]) swap(ctx context.Context, what string,
	change func(ctx context.Context, at control.SinkPosition) (int64, error)) error {
	return s.until(ctx, what, func() error {
		finishing, end := outlast(ctx)
		defer end()
		asked := s.Clock.Now()
		version, err := change(finishing, s.at)
		if errors.Is(err, control.ErrConflict) && !safeguard.On(safeguard.CompareAndSet) {
			now, err := s.Positions.SinkGet(ctx, s.Name, s.Partition)
			if err != nil {
				return err
			}
			if version, err = change(finishing, now); errors.Is(err, control.ErrConflict) {
				version, err = now.Version, nil
			}
			s.at.Version = version
			return err
		}
		if err == nil {
			s.at.Version, s.learned = version, asked
		}
		return err
	})
}

// where reads the position, unless it is known.
func (s *ByToken[R]) where(ctx context.Context) error {
	if s.known {
		return nil
	}
	before := s.at
	err := s.until(ctx, "read the position", func() (err error) {
		s.learned = s.Clock.Now()
		s.at, err = s.Positions.SinkGet(ctx, s.Name, s.Partition)
		return err
	})
	if err == nil && (s.at.Version < before.Version || s.at.Next < before.Next) {
		return s.wentBack(before)
	}
	s.proven = false
	s.Progress.Next.Store(s.at.Next)
	if err == nil {
		err = s.standing(ctx)
	}
	s.known = err == nil
	return err
}

// standing checks that the position belongs to this rated log.
func (s *ByToken[R]) standing(ctx context.Context) error {
	to := s.at.Next - 1
	if s.at.Intent != nil {
		to = s.at.Intent.To
	}
	fold, err := ratedlog.ParseFold(s.at.Fold)
	if err != nil {
		return nil // reading for a block stops at it
	}
	return s.reader.Begin(ctx, s.at.Next, fold, to)
}

const inWarehouse = "in the warehouse"

func (s *ByToken[R]) stop(offset int64, kind control.StopKind, reason string) *StoppedError {
	return s.reader.Stop(offset, kind, nil, reason)
}
