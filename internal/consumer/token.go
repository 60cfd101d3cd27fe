package consumer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"ratemill/internal/control"
	"ratemill/internal/ratedlog"
	"ratemill/internal/steps"
)

// Positions keep how far a consumer by token is, by compare-and-set. control.Store does.
type Positions interface {
	SinkGet(ctx context.Context, sink string, partition int) (control.SinkPosition, error)
	SinkIntent(ctx context.Context, sink string, partition int, version int64, intent control.Intent) (int64, error)
	SinkTakeOver(ctx context.Context, sink string, partition int, version int64) (int64, error)
	SinkCommit(ctx context.Context, sink string, partition int, version, next int64, fold []byte) (int64, error)
}

// Rows are rows of one table, R being the type itself.
type Rows[R any] interface {
	Name() string // of the table
	Rows() int
	// Of says of which offsets the rows are made, both ends included.
	Of(from, to int64)
	// Pick is those rows for which keep says so.
	Pick(keep func(row int) bool) R
	// Only is the row of rows that are one, as people read it: table, record, offset and values.
	Only() (RefusedRow, error)
	// Balanced says that a file's balance counts them, so that somebody notices when one is left out.
	Balanced() bool
}

// TableBlock is a block of rows for several tables.
type TableBlock[R any] interface {
	Block
	// Tables are the rows of each table, in the order in which they are written.
	Tables() []R
}

// Inserter writes rows into their table, once for a token however often it is asked, as long as the table remembers the
// token.
type Inserter[R any] interface {
	Insert(ctx context.Context, rows R, token string) error
	// Stored is how many of the rows, by what they were made of, are in their table already.
	Stored(ctx context.Context, rows R) (int, error)
	// Replicated says that a token is remembered in the same step in which its rows become part of the table.
	Replicated() bool
}

// TokenOptions are what a consumer by token needs.
type TokenOptions[R Rows[R]] struct {
	Options
	Positions Positions
	Block     TableBlock[R]
	Inserter  Inserter[R]
	Engine    string // what keeps the tables, in errors: ClickHouse
	// Passing says of an error of the inserter, or of the block, that it passes with time.
	Passing func(error) bool
	// Refused says of an error of the inserter that it does not take the rows, nor will later; noTable: there is no table.
	Refused func(error) (refused, noTable bool)
	// Written is told that the block is in its tables, and how long that took, with all attempts; nil: nobody wants to know.
	Written func(took time.Duration)
}

// ByToken brings one partition of the rated log into the tables of an engine that drops a block whose token it
// remembers, each message that counts exactly once.
type ByToken[R Rows[R]] struct {
	blocks
	TokenOptions[R]

	at      control.SinkPosition
	known   bool      // at is what the control store said last
	learned time.Time // when it was asked, or given the change that it took
	proven  bool      // the engine has nothing from at on: it was asked, or we wrote what is before
}

// NewByToken tells all that is wrong with the options.
func NewByToken[R Rows[R]](o TokenOptions[R]) (*ByToken[R], error) {
	var m missing
	o.check(&m)
	m.need(o.Positions != nil, "it needs a store of positions")
	m.need(o.Block != nil, "it needs a block")
	m.need(o.Inserter != nil, "it needs an inserter")
	m.need(o.Engine != "", "it needs the name of the engine")
	m.need(o.Passing != nil, "it needs to know which errors of the engine pass")
	m.need(o.Refused != nil, "it needs to know by which errors the engine refuses rows")
	if err := errors.Join(m...); err != nil {
		return nil, err
	}
	if !steps.On(steps.OwnPosition) {
		o.Name = ""
	}
	c := &ByToken[R]{TokenOptions: o}
	c.blocks = blocks{o: &c.Options, block: o.Block, passing: o.Passing}
	return c, nil
}

// Run brings messages into the warehouse until ctx ends (it then finishes the block in flight and answers nil) or an
// error stops it: *StoppedError when a person must look; anything else may pass with time, and Run again is right.
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

// ended is nil for the error of a context that ended.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return nil
	}
	return err
}

// step writes one block: the one that somebody intended, or the next.
func (s *ByToken[R]) step(ctx context.Context) error {
	if err := s.where(ctx); err != nil {
		return err
	}
	fold, err := ratedlog.ParseFold(s.at.Fold)
	if err != nil {
		return s.stop(s.at.Next, control.StopOther, err.Error())
	}
	intent := control.Intent{From: s.at.Next}
	found := s.at.Intent != nil && steps.On(steps.IntentCompleted)
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
		// Another sink has the partition too, or the answer to one of ours was lost. What the store says now decides.
		s.known = false
		// If another sink is writing the block, taking it over at once would only fail that sink's commit in turn.
		s.Log.Info("another sink changed the position, or an answer was lost; reading it again", "partition", s.Partition)
		return s.Clock.Sleep(ctx, s.linger())
	}
	return err
}

// write takes a block through its three states: intended, in the warehouse, and left behind. When ctx ends it goes on,
// since the next owner would only do the same again, but it waits for nothing that is away, and not long for what hangs.
func (s *ByToken[R]) write(ctx context.Context, intent control.Intent, fold []byte, found bool) error {
	if !found && !s.proven {
		if err := s.unwritten(ctx, intent); err != nil {
			return err
		}
	}
	if s.at.Intent == nil && steps.On(steps.IntentFirst) {
		err := s.swap(ctx, "record the intent", func(ctx context.Context, version int64) (int64, error) {
			return s.Positions.SinkIntent(ctx, s.Name, s.Partition, version, intent)
		})
		if err != nil {
			return err
		}
	}
	if found && steps.On(steps.IntentTaken) {
		// The sink that recorded the intent may still be writing: it does not count the rows of its first inserts, and may
		// be told "there" for a token that we brought into the warehouse, and whose rows never came. So its commit must fail.
		if err := s.swap(ctx, "take over the intent", func(ctx context.Context, version int64) (int64, error) {
			return s.Positions.SinkTakeOver(ctx, s.Name, s.Partition, version)
		}); err != nil {
			return err
		}
	}
	s.at.Intent = &intent
	if !steps.On(steps.PositionAfter) {
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

// insert brings the rows of a block into their tables. Of a block that was found, nobody knows how long ago it was begun:
// each table is asked whether it has the rows, since it may have forgotten their token. So it is when the answer to our own
// insert was lost a while ago.
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
			if now := s.Clock.Now(); max(now.Sub(absent), now.Round(0).Sub(absent)) >= askAgain && steps.On(steps.FoundIsAsked) {
				rows, err := s.Inserter.Stored(finishing, b)
				switch {
				case err != nil:
					return err
				case rows > b.Rows():
					return s.unequal(intent, b, rows, "some are there twice, or another program writes there")
				case rows == b.Rows():
					return nil
				}
				absent = now // or there in part: the token is that of the parts, too
			}
			repeated := again
			again = true
			if err := s.Inserter.Insert(finishing, b, token); err != nil || !repeated {
				return err
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

// landed makes sure that a block is there which the warehouse took, or said to have. A table that is not replicated notes
// the token before the rows: with its disk full, or killed, in between, it takes for there what never came. The rows then
// go under another token.
func (s *ByToken[R]) landed(ctx context.Context, intent control.Intent, b R, token string) error {
	if s.Inserter.Replicated() || !steps.On(steps.RepeatedIsAsked) {
		return nil
	}
	for n := 2; ; n++ {
		rows, err := s.Inserter.Stored(ctx, b)
		switch {
		case err != nil || rows == b.Rows():
			return err
		case rows > 0 || n > mostTokens:
			return s.unequal(intent, b, rows, s.Engine+" says that it has them all")
		}
		s.Log.Warn(s.Engine+" took a new block for a repeated one but has none of its rows; writing it again", "partition", s.Partition, "table", b.Name(), "from", intent.From, "to", intent.To)
		if err := s.Inserter.Insert(ctx, b, fmt.Sprintf("%s/%d", token, n)); err != nil {
			return err
		}
	}
}

const mostTokens = 9 // each but the last one was noted without its rows

// unequal is the error of a block of which the warehouse has other rows than it is made of.
func (s *ByToken[R]) unequal(intent control.Intent, b R, rows int, why string) error {
	return s.stop(intent.From, control.StopOther, fmt.Sprintf("%s holds %d rows for offsets %d to %d, but these offsets made %d rows: %s; "+
		"what to do: docs/runbooks/partition-stopped.md", b.Name(), rows, intent.From, intent.To, b.Rows(), why))
}

// stillOurs makes sure that nobody has completed the block since the control store spoke last, should that be a while ago.
// A process that was stopped in between (SIGSTOP, a machine that sleeps) would otherwise write a block that the warehouse
// has forgotten to have.
func (s *ByToken[R]) stillOurs(ctx context.Context) error {
	asked := s.Clock.Now()
	// By the wall clock too: that of Go's time stands still while a machine sleeps.
	since := max(asked.Sub(s.learned), asked.Round(0).Sub(s.learned))
	if since < askAgain || !steps.On(steps.CompareAndSet) {
		return nil
	}
	now, err := s.Positions.SinkGet(ctx, s.Name, s.Partition)
	if err != nil {
		return err
	}
	if now.Version != s.at.Version {
		return control.ErrConflict
	}
	s.learned = asked
	return nil
}

// askAgain is much less than the time for which a table remembers blocks.
const askAgain = time.Minute

func (s *ByToken[R]) commit(ctx context.Context, intent control.Intent, fold []byte) error {
	err := s.swap(ctx, "record the position", func(ctx context.Context, version int64) (int64, error) {
		return s.Positions.SinkCommit(ctx, s.Name, s.Partition, version, intent.To+1, fold)
	})
	if err == nil {
		s.at.Next, s.at.Fold, s.at.Intent = intent.To+1, fold, nil
		s.Progress.Next.Store(s.at.Next)
	}
	return err
}

// swap changes the position if it still is what we know.
func (s *ByToken[R]) swap(ctx context.Context, what string, change func(ctx context.Context, version int64) (int64, error)) error {
	return s.until(ctx, what, func() error {
		finishing, end := outlast(ctx)
		defer end()
		asked := s.Clock.Now()
		version, err := change(finishing, s.at.Version)
		if errors.Is(err, control.ErrConflict) && !steps.On(steps.CompareAndSet) {
			now, err := s.Positions.SinkGet(ctx, s.Name, s.Partition)
			if err != nil {
				return err
			}
			if version, err = change(finishing, now.Version); errors.Is(err, control.ErrConflict) {
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

// where learns the position, unless it is known.
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
	if err == nil && s.at.Version < before.Version {
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

// standing makes sure that the rated log is the one that the position is about.
func (s *ByToken[R]) standing(ctx context.Context) error {
	to := s.at.Next - 1
	if s.at.Intent != nil {
		to = s.at.Intent.To
	}
	fold, err := ratedlog.ParseFold(s.at.Fold)
	if err != nil {
		return nil // what makes a block stops at it
	}
	return s.reader.Begin(ctx, s.at.Next, fold, to)
}

const inWarehouse = "in the warehouse"

func (s *ByToken[R]) stop(offset int64, kind control.StopKind, reason string) *StoppedError {
	return s.reader.Stop(offset, kind, nil, reason)
}
