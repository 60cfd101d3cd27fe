package roles

import (
	"context"
	"math/rand/v2"
	"time"

	"ratemill/internal/consumer"
	"ratemill/internal/control"
)

// ratedPartitions are the partitions of the rated log that a role takes. next is the offset that it reads next of one.
func (n *Node) ratedPartitions(role Role, group string, next func(partition int) int64,
	run func(ctx context.Context, partition int) error) partitions {
	return partitions{
		topic: n.Topics.Rated, group: n.group(group, n.Topics.Rated), log: n.Log,
		role: role, process: n.Owner, stops: n.Store, topics: []string{n.Topics.Rated},
		position: func(topic string, partition int) int64 {
			if topic == n.Topics.Rated {
				return next(partition)
			}
			return 0
		},
		run: run,
	}
}

// consumes are the options of a role's consumer of a partition of the rated log.
func (n *Node) consumes(role Role, name string, partition int, progress *consumer.Progress, linger func() time.Duration) consumer.Options {
	return consumer.Options{
		Name: name, Partition: partition, Topic: n.Topics.Rated, Broker: n.Kafka,
		Skips: func(ctx context.Context) ([]control.Stop, error) {
			return n.Store.Skips(ctx, n.Topics.Rated, partition)
		},
		Origin: n.origin(role, partition), Clock: clock{}, Log: n.Log, Random: rand.Float64, Waits: n.waits(role, partition),
		Progress: progress, Linger: linger,
	}
}
