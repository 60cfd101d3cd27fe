package mediation

import (
	"context"
	"log/slog"
	"time"

	"ratemill/internal/backoff"
	"ratemill/internal/broker"
	"ratemill/internal/options"
	"ratemill/mediation/source"
	"ratemill/udr"
)

// MediatorOptions contains the inputs of a Mediator.
type MediatorOptions struct {
	Owner      string // name in leases, unique among all mediators that run at the same time
	Files      Files
	Spool      Spool
	Reference  Reference
	Broker     broker.Broker
	Topics     broker.Topics
	Partitions int
	Clock      backoff.Clock
	Ledger     func() time.Time // the time for the ledger, which is shared with others; nil: Clock
	Log        *slog.Logger
	Progress   *Progress
	Lease      time.Duration // duration of a lease
	Ticker     Ticker        // renews leases while the work continues; nil: only the work's own steps renew them
	Idle       time.Duration // pause when there is no file to take; 0 means 250 ms
	// ChunkRecords is the largest number of records that are sent together. RecordEvery is the interval at which
	// progress is recorded; a crash repeats the work done since then. 0 means 8,192 records and 2 s.
	ChunkRecords int
	RecordEvery  time.Duration
	// Window is the number of bytes before the new part of a file that are fetched and compared; 0 means 64 KiB.
	// Only the new bytes of a file are read if the part read before is at least four times as long as Window.
	Window int64
	Random func() float64               // spreads attempts to reach a server over time; may be nil
	Waits  func(what string, err error) // see backoff.Patience; may be nil
	// Hold returns *HeldError while mediation must not read more because its consumers are behind; it is called
	// before a file is taken and before each chunk. Nil: never.
	Hold func(ctx context.Context) error

	// Arrived reports whether rating has processed the end of a file in its home partition. It is called for a file
	// whose mediator died more than EndsKnown ago while it was sending the end, because raters remember closed files
	// only for some time. It returns an *AwayError while rating has not processed everything that was sent. Nil:
	// raters remember closed files for ever.
	Arrived   func(ctx context.Context, file udr.FileID, home int) (bool, error)
	EndsKnown time.Duration

	Share Share
	// LateUntil is the number of billing cycles by which usage may be late and still be rated; 0: any number.
	LateUntil uint32
	// Revisions returns the times at which the registry's revisions became known. Nil: records are not checked for
	// corrected owners.
	Revisions Revisions
}

const defaultIdle = 250 * time.Millisecond

func (o *MediatorOptions) check() error {
	c := options.Of("mediation: a mediator needs ")
	c.Need(o.Owner != "", "a name for its leases")
	c.Need(o.Files != nil, "a ledger of files")
	c.Need(o.Spool != nil, "a spool")
	c.Need(o.Reference != nil, "a reference for sources and the registry")
	c.Need(o.Broker != nil, "a broker")
	c.Need(o.Topics.Usage != "", "the name of the usage topic")
	c.Need(o.Partitions > 0, "the number of partitions, from 1 on")
	c.Need(o.Clock != nil, "a clock")
	c.Need(o.Log != nil, "a log")
	c.Need(o.Progress != nil, "a place for its progress")
	c.Need(o.Lease > 0, "the duration of a lease")
	c.Need(o.Idle >= 0, "a pause without files that is 0, for the default, or longer")
	c.Need(o.ChunkRecords >= 0, "a number of records sent together that is 0, for the default, or more")
	c.Need(o.RecordEvery >= 0, "a time between two records of progress that is 0, for the default, or longer")
	c.Need(o.Window >= 0, "a number of compared bytes that is 0, for the default, or more")
	c.Need(o.EndsKnown >= 0, "a non-negative time for raters to remember closed files")
	return c.Err()
}

// WatcherOptions are the inputs of a Watcher.
type WatcherOptions struct {
	Source *source.Source
	Site   Site
	Files  Files
	Clock  backoff.Clock
	Ledger func() time.Time // the time for the ledger, which others share; nil: Clock
	Log    *slog.Logger
	Every  time.Duration // between two listings
	Status *WatcherStatus
	Random func() float64 // spreads attempts after failures over time; may be nil
	// Waits is called with the error when an engine that a listing needs is away, and with nil when it is back; may be
	// nil.
	Waits func(what string, err error)
}

func (o *WatcherOptions) check() error {
	c := options.Of("mediation: a watcher needs ")
	c.Need(o.Source != nil, "a source")
	c.Need(o.Site != nil, "the place of the source's files")
	c.Need(o.Files != nil, "a ledger of files")
	c.Need(o.Clock != nil, "a clock")
	c.Need(o.Log != nil, "a log")
	c.Need(o.Every > 0, "a time between two listings")
	c.Need(o.Status != nil, "a place for its status")
	return c.Err()
}
