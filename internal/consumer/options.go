package consumer

import (
	"cmp"
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"ratemill/internal/backoff"
	"ratemill/internal/broker"
	"ratemill/internal/control"
	"ratemill/internal/options"
	"ratemill/internal/ratedlog"
)

// Options are the inputs of both kinds of consumers.
type Options struct {
	// Name is the consumer's name in the control store. It should also identify the Kafka cluster, because the
	// same offsets in another cluster are other records.
	Name      string
	Partition int
	Topic     string // of the rated log
	Broker    broker.Broker
	// Skips returns the orders to skip something in this partition of the rated log; nil means that there are
	// none. The consumer calls it at its start.
	Skips func(ctx context.Context) ([]control.Stop, error)
	// Origin determines the origin of a message's epoch; nil means that every epoch is genuine.
	Origin   ratedlog.AskOrigin
	Clock    backoff.Clock
	Log      *slog.Logger
	Random   func() float64               // spreads attempts to reach an unavailable engine; may be nil
	Waits    func(what string, err error) // see backoff.Patience; may be nil
	Progress *Progress
	// MaxRows and MaxBytes (of messages) limit a block; 0 means 200,000 and 64 MiB. Linger is how long a
	// block waits for more messages after its first, unless none arrives for a fifth of that time; nil means
	// 700 ms. If applying the previous block took long, a block waits longer: four times that duration, up to
	// ten times Linger.
	MaxRows  int
	MaxBytes int
	Linger   func() time.Duration
}

// Progress counts a consumer's work, for metrics; it may be shared with the partition's former consumers.
type Progress struct {
	Rows     atomic.Int64 // in applied blocks
	Blocks   atomic.Int64
	Repeated atomic.Int64 // blocks completed for another owner
	Next     atomic.Int64 // offset of the rated log to be read next
}

const (
	defaultRows   = 200_000
	defaultBytes  = 64 << 20
	defaultLinger = 700 * time.Millisecond
)

// StoppedError reports that a partition cannot continue until an operator looks into it. Everything before Offset is
// or will be applied, and nothing from Offset on.
type StoppedError = ratedlog.StoppedError

func (o *Options) check(m *options.Check) {
	m.Need(o.Name != "", "it needs a name, under which its position is kept")
	m.Need(o.Partition >= 0, "a partition must be 0 or more")
	m.Need(o.Topic != "", "it needs the topic of the rated log")
	m.Need(o.Broker != nil, "it needs a broker")
	m.Need(o.Clock != nil, "it needs a clock")
	m.Need(o.Log != nil, "it needs a log")
	m.Need(o.Progress != nil, "it needs a place for its progress")
	m.Need(o.MaxRows >= 0 && o.MaxBytes >= 0, "a block has at most so many rows and bytes: 0 for the default, or more")
}

func (o *Options) linger() time.Duration {
	if o.Linger == nil {
		return defaultLinger
	}
	return o.Linger()
}

// bounds are the limits of a block.
func (o *Options) bounds() (rows, bytes int) {
	return cmp.Or(o.MaxRows, defaultRows), cmp.Or(o.MaxBytes, defaultBytes)
}
