package warehouse

import (
	"cmp"
	"context"
	"errors"
	"sync/atomic"
	"time"

	"ratemill/internal/consumer"
	"ratemill/internal/histogram"
	"ratemill/internal/options"
	"ratemill/udr"
)

// Sink writes each message that counts in one partition of the rated log into the warehouse exactly once.
type Sink = consumer.ByToken[*Block]

// Inserter writes a block to its table, once for a token: Warehouse implements it.
type Inserter = consumer.Inserter[*Block]

// SinkOptions are the options of a sink. With blocks of 100,000 rows, a row costs ClickHouse half as much as with
// blocks of 20,000, because small parts are merged more often.
type SinkOptions struct {
	consumer.Options
	Positions consumer.Positions
	Warehouse Inserter
	// Account returns the id of an account by its number, as known at a revision of the registry. It waits until that
	// revision is known here. An error other than Unavailable stops the partition.
	Account func(ctx context.Context, number uint32, revision uint64) (string, error)
	// Offset returns an account's local time offset, as known at a revision of the registry, from which its days
	// follow. It waits and fails as Account does. If Offset is nil, all accounts are in UTC.
	Offset func(ctx context.Context, number uint32, at udr.Instant, revision uint64) (Offset, error)
	// Generation is the generation of the rated log (control.LogGeneration); 0 means 1.
	Generation uint32
	// Written counts written rows; nil means that they are not counted.
	Written *Written
}

// NewSink reports all mistakes of the options.
func NewSink(o SinkOptions) (*Sink, error) {
	c := options.Of("warehouse: a sink needs ")
	c.Need(o.Account != nil, "the ids of accounts")
	rows := newRows(o.Partition, o.Account)
	rows.offset = o.Offset
	rows.log = cmp.Or(o.Generation, 1)
	t := consumer.TokenOptions[*Block]{Options: o.Options, Positions: o.Positions, Block: rows, Inserter: o.Warehouse,
		Engine: "ClickHouse", Refused: refused}
	if o.Written != nil {
		t.Written = func(took time.Duration) { o.Written.add(rows, took, o.Clock.Now()) }
	}
	s, err := consumer.NewByToken(t)
	if err := errors.Join(c.Err(), err); err != nil {
		return nil, err
	}
	return s, nil
}

// refused reports whether ClickHouse refuses its input permanently, and whether a missing table is the reason.
func refused(err error) (is, noTable bool) {
	var r *RefusedError
	is = errors.As(err, &r)
	return is, is && r.Code == unknownTable
}

// Written counts the rows that sinks have written, for metrics; it may be shared with the partition's former sinks.
type Written struct {
	Rated, Suspended, Duplicate, Files, Events atomic.Int64 // rows
	Writes                                     histogram.Histogram
	Arrivals                                   *histogram.Set // by source; may be nil
}

// WriteBounds are the bounds of Written.Writes: the time until a block was in its tables, including all attempts.
var WriteBounds = histogram.Bounds{20 * time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond, 250 * time.Millisecond,
	500 * time.Millisecond, time.Second,
	2500 * time.Millisecond, 5 * time.Second, 10 * time.Second, 30 * time.Second, time.Minute, 5 * time.Minute}

// ArrivalBounds are the bounds of Written.Arrivals: the time from the reading of a file at its source until its end
// is in the warehouse.
var ArrivalBounds = histogram.Bounds{time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 30 * time.Second, time.Minute,
	5 * time.Minute, 15 * time.Minute, time.Hour, 3 * time.Hour, 12 * time.Hour, 48 * time.Hour}

// add counts a block.
func (w *Written) add(r *rows, took time.Duration, now time.Time) {
	w.Rated.Add(int64(r.rated.Rows()))
	w.Suspended.Add(int64(r.suspended.Rows()))
	w.Duplicate.Add(int64(r.duplicate.Rows()))
	for _, b := range r.blocks {
		switch b.Table {
		case fileTable:
			w.Files.Add(int64(b.Rows()))
		case eventTable:
			w.Events.Add(int64(b.Rows()))
		}
	}
	w.Writes.Observe(&WriteBounds, took)
	if w.Arrivals == nil {
		return
	}
	for _, f := range r.ended {
		w.Arrivals.Of(f.source).Observe(&ArrivalBounds, now.Sub(f.taken.Time()))
	}
}
