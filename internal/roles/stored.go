package roles

import (
	"context"
	"time"

	"ratemill/internal/broker"
)

const commitEvery = 5 * time.Second

// commitStored repeatedly commits to Kafka the positions that the partitions of this process have stored. They cover
// usage that is rated and in a checkpoint, and messages of the rated log that are in a checkpoint and in the
// warehouse. The embedded Kafka deletes only these messages, even if its clock is wrong. A sink's position comes from
// the control store, so that after a restore from a backup the messages from that position on are kept. With Apache
// Kafka, tools show lag from these offsets, and they show that rating has passed messages without a result
// (comesOut).
func (n *Node) commitStored(ctx context.Context) error {
	for ctx.Err() == nil {
		n.each(func(_ string, r *Running) {
			if r.stored == nil {
				return
			}
			for _, c := range r.stored(ctx) {
				if len(c.offsets) == 0 {
					continue
				}
				if err := n.Kafka.Commit(ctx, c.group, c.topic, c.offsets); err != nil && ctx.Err() == nil {
					n.Log.Debug("cannot commit stored positions to Kafka", "group", c.group, "err", err)
				}
			}
		})
		_ = clock{}.Sleep(ctx, commitEvery)
	}
	return nil
}

// commitment is the stored position of a group in a topic.
type commitment struct {
	group, topic string
	offsets      map[int]int64
}

// stored returns the positions up to which everything is in a checkpoint.
func (r *ratingRole) stored(context.Context) []commitment {
	group := broker.StoredUnder(r.n.Config.Kafka.Prefix).Rating
	usage, rated := commitment{group, r.n.Topics.Usage, map[int]int64{}}, commitment{group, r.n.Topics.Rated, map[int]int64{}}
	for partition := range r.n.Partitions {
		if r.assigned(partition) {
			p := r.of(partition)
			usage.offsets[partition], rated.offsets[partition] = max(p.StoredUsage.Load(), 0), max(p.StoredRated.Load(), 0)
		}
	}
	return []commitment{usage, rated}
}

// stored returns the positions that all consumers of the rated log have reached.
func (r *sinkRole) stored(ctx context.Context) []commitment {
	written := commitment{broker.StoredUnder(r.n.Config.Kafka.Prefix).Warehouse, r.n.Topics.Rated, map[int]int64{}}
	for partition := range r.n.Partitions {
		if r.assigned(partition) {
			if next, err := r.n.consumed(ctx, partition); err == nil {
				written.offsets[partition] = next
			}
		}
	}
	return []commitment{written}
}

// consumed returns the offset up to which the warehouse and every other role of this binary have read a partition of
// the rated log. It ignores a role that never began the partition.
func (n *Node) consumed(ctx context.Context, partition int) (next int64, err error) {
	at, err := n.Store.SinkGet(ctx, n.SinkName, partition)
	if err != nil {
		return 0, err
	}
	next = at.Next
	for _, role := range n.Known {
		if role.Consumer == nil {
			continue
		}
		at, err := n.Store.SinkGet(ctx, role.Consumer(n.Installation), partition)
		if err != nil {
			return 0, err
		}
		if at.Version > 0 {
			next = min(next, at.Next)
		}
	}
	return next, nil
}
