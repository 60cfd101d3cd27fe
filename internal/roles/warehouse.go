package roles

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"ratemill/internal/control"
	"ratemill/internal/warehouse"
)

// sinkRole writes partitions of the rated log to ClickHouse.
type sinkRole struct {
	partitions
	mu       sync.Mutex
	progress map[int]*warehouse.Progress
	balance  warehouse.Totals
	added    time.Time // when balance was
}

func (n *Node) newSink() *sinkRole {
	r := &sinkRole{progress: map[int]*warehouse.Progress{}}
	r.partitions = partitions{
		topic: n.Topics.Rated,
		group: n.group("warehouse", n.Topics.Rated),
		log:   n.Log,
		role:  Sink, process: n.Owner, stops: n.Store, topics: []string{n.Topics.Rated},
		position: func(topic string, partition int) int64 {
			if topic == n.Topics.Rated {
				return r.of(partition).Next.Load()
			}
			return 0
		},
		run: func(ctx context.Context, partition int) error {
			s := &warehouse.Sink{
				Partition: partition, Topics: n.Topics, Broker: n.Kafka, Positions: n.Store, Warehouse: n.Warehouse,
				Clock: clock{}, Log: n.Log, Random: rand.Float64, Progress: r.of(partition), Account: n.reference.account, Name: n.sinkName,
				Skips: func(ctx context.Context) ([]control.Stop, error) {
					return n.Store.Skips(ctx, n.Topics.Rated, partition)
				},
				MaxRows: n.Config.Warehouse.BlockRows, Linger: n.Config.Warehouse.Flush,
			}
			return s.Run(ctx)
		},
	}
	return r
}

// totals are the balance of all files, at most a minute old: adding it up reads every file's rows.
func (r *sinkRole) totals(ctx context.Context, w *warehouse.Warehouse) (warehouse.Totals, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if time.Since(r.added) < time.Minute {
		return r.balance, nil
	}
	balance, err := w.Totals(ctx)
	if err == nil {
		r.balance, r.added = balance, time.Now()
	}
	return balance, err
}

func (r *sinkRole) of(partition int) *warehouse.Progress {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.progress[partition] == nil {
		r.progress[partition] = &warehouse.Progress{}
	}
	return r.progress[partition]
}
