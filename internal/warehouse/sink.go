package warehouse

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"ratemill/internal/broker"
	"ratemill/internal/control"
	"ratemill/internal/histogram"
	"ratemill/internal/ledger"
	"ratemill/internal/patience"
	"ratemill/internal/ratedlog"
	"ratemill/internal/steps"
	"ratemill/udr"
)

// Positions keep how far a sink is, by compare-and-set. control.Store does.
type Positions interface {
	SinkGet(ctx context.Context, sink string, partition int) (control.SinkPosition, error)
	SinkIntent(ctx context.Context, sink string, partition int, version int64, intent control.Intent) (int64, error)
	SinkTakeOver(ctx context.Context, sink string, partition int, version int64) (int64, error)
	SinkCommit(ctx context.Context, sink string, partition int, version, next int64, fold []byte) (int64, error)
}

// Inserter writes a block into its table, once for a token however often it is asked, as long as the table remembers the
// token: Warehouse does.
type Inserter interface {
	Insert(ctx context.Context, b *Block, token string) error
	// Stored is how many rows of b, by what they were made of, are in its table already.
	Stored(ctx context.Context, b *Block) (int, error)
	// Replicated says that a token is remembered in the same step in which its rows become part of the table.
	Replicated() bool
}

// Sink brings one partition of the rated log into the warehouse, each message that counts exactly once. Fill the
// exported fields, then Run.
type Sink struct {
	Partition int
	// Name is the sink's in the control store, and begins the tokens. It ought to name the Kafka cluster too: the same
	// offsets of another cluster are other records.
	Name      string
	Topics    broker.Topics
	Broker    broker.Broker
	Positions Positions
	Warehouse Inserter
	// Account is the id of an account by its number, as known at a revision of the registry; it waits until that is known
	// here. An error that is not Unavailable stops the partition.
	Account func(ctx context.Context, number uint32, revision uint64) (string, error)
	// Offset is an account's local time, as known at a revision of the registry, from which its days follow; it waits and
	// fails as Account does. Nil: all accounts are in UTC.
	Offset func(ctx context.Context, number uint32, at udr.Instant, revision uint64) (Offset, error)
	// Skips are the orders to go on without something in this partition of the rated log; nil: there are none. They are
	// asked for when the sink begins.
	Skips func(ctx context.Context) ([]control.Stop, error)
	// Origin asks where the epoch of a message comes from; nil: each was given.
	Origin   ratedlog.AskOrigin
	Clock    ledger.Clock
	Log      *slog.Logger
	Random   func() float64               // spreads attempts to reach what is away; may be nil
	Waits    func(what string, err error) // see patience.Patience; may be nil
	Progress *Progress
	// MaxRows and MaxBytes (of messages) bound a block; 0 is 200,000 and 64 MiB. Linger is how long a block waits for
	// more once it has something, unless nothing comes for a fifth of that; nil is 700 ms. ClickHouse's cost for a row is
	// halved from blocks of 20,000 rows to those of 100,000, since small parts are merged more often. So a block waits
	// longer when writing the one before took long: four times that, up to ten times Linger.
	MaxRows  int
	MaxBytes int
	Linger   func() time.Duration
	// Simulated keeps the identities of a block's rows for Block.Records.
	Simulated bool

	at      control.SinkPosition
	known   bool      // at is what the control store said last
	learned time.Time // when it was asked, or given the change that it took
	rows    *rows
	fetch   []broker.Message
	took    time.Duration // to write the last block into the warehouse
	proven  bool          // the warehouse has nothing from at on: it was asked, or we wrote what is before

	patient patience.Patience
	skips   ratedlog.Skips
}

// Progress counts what a sink has done, for metrics; it may be shared with the partition's former sinks.
type Progress struct {
	Rated, Suspended, Duplicate, Files, Events atomic.Int64 // rows written
	Blocks                                     atomic.Int64
	Repeated                                   atomic.Int64 // blocks that were completed for somebody
	Next                                       atomic.Int64 // offset of the rated log that is read next
	Writes                                     histogram.Histogram
	Arrivals                                   *histogram.Set // by source; may be nil
}

// WriteBounds are those of Progress.Writes: how long a block took to get into its tables, with all attempts.
var WriteBounds = histogram.Bounds{20 * time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond, time.Second,
	2500 * time.Millisecond, 5 * time.Second, 10 * time.Second, 30 * time.Second, time.Minute, 5 * time.Minute}

// ArrivalBounds are those of Progress.Arrivals: how long after a file was taken from its source its end is in the warehouse.
var ArrivalBounds = histogram.Bounds{time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 30 * time.Second, time.Minute,
	5 * time.Minute, 15 * time.Minute, time.Hour, 3 * time.Hour, 12 * time.Hour, 48 * time.Hour}

// arrived counts how long the files whose ends are in a block took.
func (p *Progress) arrived(files []arrival, now time.Time) {
	if p.Arrivals == nil {
		return
	}
	for _, f := range files {
		p.Arrivals.Of(f.source).Observe(&ArrivalBounds, now.Sub(f.taken.Time()))
	}
}

func (p *Progress) of(table string) *atomic.Int64 {
	switch table {
	case ratedTable:
		return &p.Rated
	case suspenseTable:
		return &p.Suspended
	case duplicateTable:
		return &p.Duplicate
	case eventTable:
		return &p.Events
	case fileTable:
		return &p.Files
	}
	return nil
}

const (
	defaultRows   = 200_000
	defaultBytes  = 64 << 20
	defaultLinger = 700 * time.Millisecond
)

// StoppedError says that a partition cannot go on without somebody looking at it. What was before Offset is in the
// warehouse or will be, nothing from Offset on.
type StoppedError = ratedlog.StoppedError

// Run brings messages into the warehouse until ctx ends (it then finishes the block in flight and answers nil) or an
// error stops it: *StoppedError when a person must look; anything else may pass with time, and Run again is right.
func (s *Sink) Run(ctx context.Context) error {
	if s.rows == nil {
		s.rows = newRows(s.Partition, s.Account, s.Simulated)
		s.rows.offset = s.Offset
	}
	s.known, s.took, s.proven, s.at = false, 0, false, control.SinkPosition{}
	s.skips = nil
	s.patient = patience.Patience{Clock: s.Clock, Log: s.Log.With("partition", s.Partition), Random: s.Random, Passing: passing, Waits: s.Waits}
	if err := s.orders(ctx); err != nil {
		return err
	}
	for ctx.Err() == nil {
		if err := s.step(ctx); err != nil {
			if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
				return nil
			}
			return err
		}
	}
	return nil
}

// step writes one block: the one that somebody intended, or the next.
func (s *Sink) step(ctx context.Context) error {
	if err := s.where(ctx); err != nil {
		return err
	}
	fold, err := ratedlog.ParseFold(s.at.Fold)
	if err != nil {
		return s.stop(s.at.Next, control.StopOther, nil, err.Error())
	}
	intent := control.Intent{From: s.at.Next}
	found := s.at.Intent != nil && steps.On(steps.IntentCompleted)
	if found {
		intent = *s.at.Intent
		err = s.collect(ctx, &fold, intent.From, intent.To)
		s.Progress.Repeated.Add(1)
	} else {
		intent.To, err = s.gather(ctx, &fold, intent.From)
	}
	if err != nil || intent.To < intent.From {
		return err
	}
	err = s.write(ctx, intent, fold.Append(nil), found)
	if errors.Is(err, control.ErrConflict) {
		// Another sink has the partition too, or the answer to one of ours was lost. What the store says now decides.
		s.known = false
		// If another sink is writing the block, taking it over at once would only fail that sink's commit in turn.
		s.Log.Info("another sink changed the position, or an answer was lost; reading it again", "partition", s.Partition)
		return s.Clock.Sleep(ctx, s.patience())
	}
	return err
}

// write takes a block through its three states: intended, in the warehouse, and left behind. When ctx ends it goes on,
// since the next owner would only do the same again, but it waits for nothing that is away, and not long for what hangs.
func (s *Sink) write(ctx context.Context, intent control.Intent, fold []byte, found bool) error {
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
func (s *Sink) insert(ctx context.Context, intent control.Intent, found bool) error {
	began := s.Clock.Now()
	for _, b := range s.rows.blocks {
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
		b.from, b.to = intent.From, intent.To
		token := fmt.Sprintf("%s/%s/%s/%d/%d-%d", s.Name, b.Table, s.Topics.Rated, s.Partition, intent.From, intent.To)
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
				rows, err := s.Warehouse.Stored(finishing, b)
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
			if err := s.Warehouse.Insert(finishing, b, token); err != nil || !repeated {
				return err
			}
			return s.landed(finishing, intent, b, token)
		})
		if refused := (*RefusedError)(nil); errors.As(err, &refused) {
			return s.refused(ctx, intent, b, err)
		}
		if err != nil {
			return err
		}
	}
	now := s.Clock.Now()
	s.took = now.Sub(began)
	p := s.Progress
	p.Writes.Observe(&WriteBounds, s.took)
	p.arrived(s.rows.ended, now)
	for _, b := range s.rows.blocks {
		if n := p.of(b.Table); n != nil {
			n.Add(int64(b.Rows()))
		}
	}
	p.Blocks.Add(1)
	return nil
}

// landed makes sure that a block is there which the warehouse took, or said to have. A table that is not replicated notes
// the token before the rows: with its disk full, or killed, in between, it takes for there what never came. The rows then
// go under another token.
func (s *Sink) landed(ctx context.Context, intent control.Intent, b *Block, token string) error {
	if s.Warehouse.Replicated() || !steps.On(steps.RepeatedIsAsked) {
		return nil
	}
	for n := 2; ; n++ {
		rows, err := s.Warehouse.Stored(ctx, b)
		switch {
		case err != nil || rows == b.Rows():
			return err
		case rows > 0 || n > mostTokens:
			return s.unequal(intent, b, rows, "ClickHouse says that it has them all")
		}
		s.Log.Warn("ClickHouse took a new block for a repeated one but has none of its rows; writing it again", "partition", s.Partition, "table", b.Table, "from", intent.From, "to", intent.To)
		if err := s.Warehouse.Insert(ctx, b, fmt.Sprintf("%s/%d", token, n)); err != nil {
			return err
		}
	}
}

const mostTokens = 9 // each but the last one was noted without its rows

// unequal is the error of a block of which the warehouse has other rows than it is made of.
func (s *Sink) unequal(intent control.Intent, b *Block, rows int, why string) error {
	return s.stop(intent.From, control.StopOther, nil, fmt.Sprintf("%s holds %d rows for offsets %d to %d, but these offsets made %d rows: %s; "+
		"what to do: docs/runbooks/partition-stopped.md", b.Table, rows, intent.From, intent.To, b.Rows(), why))
}

// stillOurs makes sure that nobody has completed the block since the control store spoke last, should that be a while ago.
// A process that was stopped in between (SIGSTOP, a machine that sleeps) would otherwise write a block that the warehouse
// has forgotten to have.
func (s *Sink) stillOurs(ctx context.Context) error {
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

func (s *Sink) commit(ctx context.Context, intent control.Intent, fold []byte) error {
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
func (s *Sink) swap(ctx context.Context, what string, change func(ctx context.Context, version int64) (int64, error)) error {
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

// outlast is a context that ends a while after ctx: who is asked to end finishes what is under way, but does not wait for
// an engine that hangs.
func outlast(ctx context.Context) (context.Context, context.CancelFunc) {
	finishing, end := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		timer := time.AfterFunc(finishWithin, end)
		context.AfterFunc(finishing, func() { timer.Stop() })
	})
	return finishing, func() { stop(); end() }
}

const finishWithin = 4 * time.Second

// where learns the position, unless it is known.
func (s *Sink) where(ctx context.Context) error {
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

func (s *Sink) linger() time.Duration {
	if s.Linger == nil {
		return defaultLinger
	}
	return s.Linger()
}

// patience is how long a block waits for more: the slower the warehouse is, the larger the blocks that it gets, so that
// it spends most of its time on rows and not on blocks.
func (s *Sink) patience() time.Duration {
	return max(s.linger(), min(4*s.took, 10*s.linger()))
}

// gather makes the next block of what has come: until it is full, or has waited long enough for more. It answers the
// last offset of it, or one before from when nothing came. What cannot be taken ends the block: what stood before it is
// written, and the next block stops at it.
func (s *Sink) gather(ctx context.Context, fold *ratedlog.Fold, from int64) (to int64, err error) {
	begun := *fold
	to, err = s.fill(ctx, fold, from)
	if stopped := (*StoppedError)(nil); errors.As(err, &stopped) && stopped.Offset > from {
		*fold = begun // and the rows of the message that could be read in part are in the block
		return stopped.Offset - 1, s.collect(ctx, fold, from, stopped.Offset-1)
	}
	return to, err
}

func (s *Sink) fill(ctx context.Context, fold *ratedlog.Fold, from int64) (to int64, err error) {
	maxRows, maxBytes := s.MaxRows, s.MaxBytes
	if maxRows == 0 {
		maxRows = defaultRows
	}
	if maxBytes == 0 {
		maxBytes = defaultBytes
	}
	s.rows.reset()
	patience := s.patience()
	next, bytes, wait := from, 0, time.Second
	var flush time.Time
	for s.rows.count() < maxRows && bytes < maxBytes {
		if next > from {
			if wait = min(patience/5, flush.Sub(s.Clock.Now())); wait <= 0 {
				break
			}
		}
		messages, err := s.read(ctx, next, wait)
		if err != nil {
			return from - 1, err
		}
		if len(messages) == 0 {
			break
		}
		if next == from {
			flush = s.Clock.Now().Add(patience)
		}
		for i := range messages {
			if s.rows.count() >= maxRows || bytes >= maxBytes {
				break
			}
			if err := s.take(ctx, fold, &messages[i]); err != nil {
				return from - 1, err
			}
			bytes += len(messages[i].Value)
			next = messages[i].Offset + 1
		}
	}
	return next - 1, nil
}

// collect makes the block that an intent names: the same, whoever makes it.
func (s *Sink) collect(ctx context.Context, fold *ratedlog.Fold, from, to int64) error {
	s.rows.reset()
	for next := from; next <= to; {
		messages, err := s.read(ctx, next, time.Second)
		if err != nil {
			return err
		}
		if len(messages) == 0 {
			if _, err := s.reaches(ctx, to+1); err != nil {
				return err
			}
		}
		for i := range messages {
			if messages[i].Offset > to {
				return nil
			}
			if err := s.take(ctx, fold, &messages[i]); err != nil {
				return err
			}
			next = messages[i].Offset + 1
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return nil
}

// read fetches messages, waiting for the broker when it is away.
func (s *Sink) read(ctx context.Context, from int64, wait time.Duration) ([]broker.Message, error) {
	err := s.until(ctx, "read the rated log", func() (err error) {
		s.fetch, err = s.Broker.Fetch(ctx, s.Topics.Rated, s.Partition, from, wait, s.fetch[:0])
		if short := (*broker.EndedError)(nil); errors.As(err, &short) {
			return short
		}
		return err
	})
	if short := (*broker.EndedError)(nil); errors.As(err, &short) {
		_, err = s.reaches(ctx, from)
	}
	if gone := (*broker.OffsetGoneError)(nil); errors.As(err, &gone) {
		return nil, s.stop(from, control.StopOther, nil, err.Error())
	}
	return s.fetch, err
}

// take folds a message, and makes rows of it if it counts.
func (s *Sink) take(ctx context.Context, fold *ratedlog.Fold, m *broker.Message) error {
	epoch, input, mark, err := ratedlog.ParseHeader(m.Value)
	if err == nil && epoch > fold.Epoch {
		if foreign, err := s.foreign(ctx, m, epoch); err != nil || foreign {
			return err
		}
	}
	counts := err == nil && fold.Take(epoch, input, mark)
	if s.skips.Order(m, control.StopMessage) != nil {
		return nil // no rows are made of it; were there records in it, the balance of their files stays off by them
	}
	if counts {
		err = s.rows.add(ctx, m.Offset, m.Value)
	}
	if err == nil || passing(err) || ctx.Err() != nil {
		return err
	}
	return s.stop(m.Offset, control.StopMessage, m.Value, err.Error()+"; was it written by a newer version of ratemill? Then start that one")
}

func (s *Sink) stop(offset int64, kind control.StopKind, message []byte, reason string) *StoppedError {
	return &StoppedError{Topic: s.Topics.Rated, Partition: s.Partition, Offset: offset, Kind: kind, Reason: reason, Message: bytes.Clone(message)}
}

// until does something again while what it needs is away.
func (s *Sink) until(ctx context.Context, what string, do func() error) error {
	return s.patient.Until(ctx, what, do)
}

// passing says that an error passes with time.
func passing(err error) bool {
	var store *control.UnavailableError
	var warehouse *UnavailableError
	return broker.Unavailable(err) || errors.As(err, &store) || errors.As(err, &warehouse)
}
