package rater

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"ratemill/internal/broker"
	"ratemill/internal/control"
	"ratemill/internal/options"
	"ratemill/internal/ratedlog"
	"ratemill/rating"
	"ratemill/registry"
)

// Reference provides the catalogue and the registry that a batch was pinned to. It waits until they are known
// here.
type Reference interface {
	Catalogue(ctx context.Context, version string) (*rating.Catalogue, error)
	Registry(ctx context.Context, revision registry.Revision) (*registry.Registry, error)
}

// Options are the inputs of an Owner.
type Options struct {
	Partition int
	Topics    broker.Topics
	Broker    broker.Broker
	Reference Reference
	Clock     Clock
	Log       *slog.Logger
	Progress  *Progress // counts for metrics; may be shared with the partition's former owners
	// NextEpoch returns a number that increases with every call by any owner. seen is the greatest epoch
	// in the rated log before; NextEpoch returns *control.SetBackError if seen was never given out.
	NextEpoch  func(ctx context.Context, seen int64) (int64, error)
	SweepEvery time.Duration // time between checkpoints; a restore replays at most this much
	Portion    int           // entries of a checkpoint in one append; 0 means 4,000
	// DaysKept is the number of days after its beginning for which a billing cycle is counted (rating.DaysKept); 0:
	// forever.
	DaysKept  int32
	BlockKeys int // duplicate keys in one entry; 0 means 1,024
	// Skips returns the orders to skip something in this partition of a topic; nil means that there are none. The
	// owner reads them when it begins.
	Skips func(ctx context.Context, topic string) ([]control.Stop, error)
	// Origin determines the origin of a message's epoch; nil means that every epoch is genuine.
	Origin ratedlog.AskOrigin
	Random func() float64               // spreads attempts to reach the broker; may be nil
	Waits  func(what string, err error) // see backoff.Patience; may be nil
}

func (o *Options) check() error {
	c := options.Of("rater: an owner needs ")
	c.Need(o.Partition >= 0, "a partition, from 0 on")
	c.Need(o.Topics.Usage != "" && o.Topics.Rated != "" && o.Topics.Checkpoint != "", "the names of its topics: usage, rated, checkpoint")
	c.Need(o.Broker != nil, "a broker")
	c.Need(o.Reference != nil, "a reference for catalogues and the registry")
	c.Need(o.Clock != nil, "a clock")
	c.Need(o.Log != nil, "a log")
	c.Need(o.Progress != nil, "a place for its progress")
	c.Need(o.NextEpoch != nil, "a function that gives it the next epoch")
	c.Need(o.SweepEvery > 0, "a time between two checkpoints")
	c.Need(o.Portion >= 0, "a portion of a checkpoint that is 0, for the default, or more entries")
	c.Need(o.DaysKept >= 0, "a number of days to count cycles: 0 (for ever) or more")
	c.Need(o.BlockKeys >= 0, "a number of duplicate keys in one entry that is 0, for the default, or more")
	return c.Err()
}

// Progress counts an owner's work, for metrics.
type Progress struct {
	Rated, Duplicate, Suspended, Messages atomic.Int64
	Next                                  atomic.Int64 // offset of the usage topic to be decided next
	End                                   atomic.Int64 // end of the usage topic as last seen
	Known                                 atomic.Int64 // offset of the rated log below which everything is folded
	Swept                                 atomic.Int64 // Unix seconds of the last checkpoint
	Epoch                                 atomic.Int64
	StoredUsage, StoredRated              atomic.Int64 // offsets of both topics before which everything is in a checkpoint
}
