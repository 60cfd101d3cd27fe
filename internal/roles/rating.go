package roles

import (
	"context"
	"math/rand/v2"
	"strconv"
	"sync"

	"ratemill/internal/control"
	"ratemill/internal/metric"
	"ratemill/internal/rater"
)

// Rating rates usage.
var Rating = Role{Name: roleRating, Metrics: []*metric.Section{ratingMetrics}, Begin: beginRating,
	Work: Work{Title: "rating", Done: ratingRecords, Waits: ratingLag, Records: true}}

const roleRating = "rating"

var ratingMetrics = metric.Of("Rating", "One series for each partition that this process owns.")

var (
	ratingRecords = ratingMetrics.Counter("rating_records_total", "Usage records by outcome: rated, duplicate, suspended.",
		"partition", "outcome")
	ratingMessages   = ratingMetrics.Counter("rating_batches_total", "Batches of usage processed.", "partition")
	ratingPosition   = ratingMetrics.Gauge("rating_position", "Offset of the usage topic to be processed next.", "partition")
	ratingLag        = ratingMetrics.Gauge("rating_lag_batches", "Batches of usage waiting to be processed.", "partition")
	ratingEpoch      = ratingMetrics.Gauge("rating_epoch", "Epoch of this owner of the partition.", "partition")
	ratingCheckpoint = ratingMetrics.Gauge("rating_checkpoint_timestamp_seconds",
		"When this owner last wrote a checkpoint of the partition; 0 before its first. No checkpoint is due while nothing "+
			"changes.", "partition")
)

// ratingRole owns partitions of the usage topic.
type ratingRole struct {
	partitions
	n        *Node
	mu       sync.Mutex
	progress map[int]*rater.Progress
}

func beginRating(_ context.Context, n *Node) (*Running, error) {
	r := &ratingRole{n: n, progress: map[int]*rater.Progress{}}
	r.partitions = partitions{
		topic: n.Topics.Usage,
		group: n.group("rating", n.Topics.Usage),
		log:   n.Log,
		role:  roleRating, process: n.Owner, stops: n.Store, topics: []string{n.Topics.Usage, n.Topics.Rated},
		position: func(topic string, partition int) int64 {
			if topic == n.Topics.Usage {
				return r.of(partition).Next.Load()
			}
			return r.of(partition).Known.Load()
		},
		run: func(ctx context.Context, partition int) error {
			o, err := rater.NewOwner(rater.Options{
				Partition: partition, Topics: n.Topics, Broker: n.Kafka, Reference: n.reference, Clock: storeClock{store: n.LedgerTime},
				Log: n.Log, Random: rand.Float64, Waits: n.waits(roleRating, partition), Progress: r.of(partition),
				SweepEvery: n.Config.Rating.Checkpoint, DaysKept: n.Config.LateUntil.DaysKept(),
				Skips: func(ctx context.Context, topic string) ([]control.Stop, error) {
					return n.Store.Skips(ctx, topic, partition)
				},
				NextEpoch: func(ctx context.Context, seen int64) (int64, error) {
					return n.Store.NextEpoch(ctx, n.Topics.Rated, partition, seen)
				},
				Origin: n.origin(roleRating, partition),
			})
			if err != nil {
				return err
			}
			return o.Run(ctx)
		},
	}
	return &Running{Run: r.serve, Metrics: r.metrics, stored: r.stored, partitions: &r.partitions}, nil
}

func (r *ratingRole) metrics(ctx context.Context, s metric.Scrape) {
	for _, partition := range r.measure(s) {
		p, label := r.of(partition), strconv.Itoa(partition)
		s.Put(ratingRecords, float64(p.Rated.Load()), label, "rated")
		s.Put(ratingRecords, float64(p.Duplicate.Load()), label, "duplicate")
		s.Put(ratingRecords, float64(p.Suspended.Load()), label, "suspended")
		s.Put(ratingMessages, float64(p.Messages.Load()), label)
		s.Put(ratingPosition, float64(p.Next.Load()), label)
		s.Put(ratingEpoch, float64(p.Epoch.Load()), label)
		s.Put(ratingCheckpoint, float64(p.Swept.Load()), label)
		r.n.lag(ctx, s, ratingLag, r.n.Topics.Usage, partition, p.Next.Load(), label)
	}
}

func (r *ratingRole) of(partition int) *rater.Progress {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.progress[partition] == nil {
		r.progress[partition] = &rater.Progress{}
	}
	return r.progress[partition]
}
