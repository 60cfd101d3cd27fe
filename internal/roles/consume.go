package roles

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/segmentio/kafka-go"

	"ratemill/internal/consumer"
	"ratemill/internal/control"
)

// ratedPartitions returns the partitions of the rated log that a role consumes. next returns the next offset
// of a partition.
func (n *Node) ratedPartitions(role string, next func(partition int) int64,
	run func(ctx context.Context, partition int) error) partitions {
	return partitions{
		topic: n.Topics.Rated, group: n.group(role, n.Topics.Rated), log: n.Log,
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

// consumes returns the options of a role's consumer of a partition of the rated log.
func (n *Node) consumes(role string, name string, partition int, progress *consumer.Progress,
	linger func() time.Duration) consumer.Options {
	return consumer.Options{
		Name: name, Partition: partition, Topic: n.Topics.Rated, Broker: n.Kafka,
		Skips: func(ctx context.Context) ([]control.Stop, error) {
			return n.Store.Skips(ctx, n.Topics.Rated, partition)
		},
		Origin: n.origin(role, partition), Clock: clock{}, Log: n.Log, Random: rand.Float64, Waits: n.waits(role, partition),
		Progress: progress, Linger: linger,
	}
}

// waits reports when a role waits for an engine in a partition.
func (n *Node) waits(role string, partition int) func(what string, err error) {
	return n.Waits(fmt.Sprintf("%s, partition %d", role, partition))
}

// group returns a consumer group that distributes a topic's partitions over the processes of a role.
func (n *Node) group(role, topic string) kafka.ConsumerGroupConfig {
	session := n.Config.Rating.Session
	return kafka.ConsumerGroupConfig{
		ID: n.Config.Kafka.Prefix + "." + role, Brokers: n.Brokers, Topics: []string{topic}, Dialer: n.Dialer(),
		GroupBalancers: []kafka.GroupBalancer{kafka.RoundRobinGroupBalancer{}},
		SessionTimeout: session, HeartbeatInterval: session / 5, RebalanceTimeout: session, JoinGroupBackoff: time.Second,
		ErrorLogger: kafka.LoggerFunc(func(format string, args ...any) {
			n.Log.Debug("consumer group", "role", role, "says", fmt.Sprintf(format, args...))
		}),
	}
}
