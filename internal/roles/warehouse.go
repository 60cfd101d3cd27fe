package roles

import (
	"context"
	"errors"
	"sync"

	"ratemill/internal/warehouse"
)

// sinkRole writes partitions of the rated log to ClickHouse.
type sinkRole struct {
	partitions
	mu       sync.Mutex
	progress map[int]*warehouse.Progress
}

func (n *Node) newSink() *sinkRole {
	r := &sinkRole{progress: map[int]*warehouse.Progress{}}
	r.partitions = partitions{
		topic: n.Topics.Rated,
		group: n.group("warehouse", n.Topics.Rated),
		log:   n.Log,
		stopped: func(err error) bool {
			var s *warehouse.StoppedError
			return errors.As(err, &s)
		},
		run: func(ctx context.Context, partition int) error {
			s := &warehouse.Sink{
				Partition: partition, Topics: n.Topics, Broker: n.Kafka, Positions: n.Store, Warehouse: n.Warehouse,
				Clock: clock{}, Log: n.Log, Progress: r.of(partition), Account: n.reference.account, Name: "clickhouse",
				MaxRows: n.Config.Warehouse.BlockRows, Linger: n.Config.Warehouse.Flush,
			}
			return s.Run(ctx)
		},
	}
	return r
}

func (r *sinkRole) of(partition int) *warehouse.Progress {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.progress[partition] == nil {
		r.progress[partition] = &warehouse.Progress{}
	}
	return r.progress[partition]
}
