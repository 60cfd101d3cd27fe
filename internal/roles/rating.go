package roles

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"

	"ratemill/internal/control"
	"ratemill/internal/rater"
)

// ratingRole owns partitions of the usage topic.
type ratingRole struct {
	partitions
	mu       sync.Mutex
	progress map[int]*rater.Progress
}

func (n *Node) newRating() *ratingRole {
	r := &ratingRole{progress: map[int]*rater.Progress{}}
	r.partitions = partitions{
		topic: n.Topics.Usage,
		group: n.group("rating", n.Topics.Usage),
		log:   n.Log,
		role:  Rating, process: n.Owner, stops: n.Store, topics: []string{n.Topics.Usage, n.Topics.Rated},
		position: func(topic string, partition int) int64 {
			if topic == n.Topics.Usage {
				return r.of(partition).Next.Load()
			}
			return r.of(partition).Known.Load()
		},
		run: func(ctx context.Context, partition int) error {
			o, err := rater.NewOwner(rater.Options{
				Partition: partition, Topics: n.Topics, Broker: n.Kafka, Reference: n.reference, Clock: storeClock{store: n.ledgerTime},
				Log: n.Log, Random: rand.Float64, Waits: n.waits(Rating, partition), Progress: r.of(partition),
				SweepEvery: n.Config.Rating.Checkpoint, DaysKept: n.Config.LateUntil.DaysKept(),
				Skips: func(ctx context.Context, topic string) ([]control.Stop, error) {
					return n.Store.Skips(ctx, topic, partition)
				},
				NextEpoch: func(ctx context.Context, seen int64) (int64, error) {
					return n.Store.NextEpoch(ctx, n.Topics.Rated, partition, seen)
				},
				Origin: n.origin(Rating, partition),
			})
			if err != nil {
				return err
			}
			return o.Run(ctx)
		},
	}
	return r
}

func (r *ratingRole) of(partition int) *rater.Progress {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.progress[partition] == nil {
		r.progress[partition] = &rater.Progress{}
	}
	return r.progress[partition]
}

// group is a consumer group that distributes a topic's partitions over the processes of a role.
func (n *Node) group(role, topic string) kafka.ConsumerGroupConfig {
	session := n.Config.Rating.Session
	return kafka.ConsumerGroupConfig{
		ID: n.Config.Kafka.Prefix + "." + role, Brokers: n.addresses, Topics: []string{topic},
		Dialer:         &kafka.Dialer{ClientID: "ratemill", Timeout: 5 * time.Second, TLS: n.kafkaTLS, SASLMechanism: n.kafkaSASL},
		GroupBalancers: []kafka.GroupBalancer{kafka.RoundRobinGroupBalancer{}},
		SessionTimeout: session, HeartbeatInterval: session / 5, RebalanceTimeout: session, JoinGroupBackoff: time.Second,
		ErrorLogger: kafka.LoggerFunc(func(format string, args ...any) {
			n.Log.Debug("consumer group", "role", role, "says", fmt.Sprintf(format, args...))
		}),
	}
}
