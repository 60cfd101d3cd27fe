package roles

import (
	"context"
	"time"

	"ratemill/internal/broker"
)

const commitEvery = 5 * time.Second

// commitStored commits to Kafka, repeatedly, what the partitions of this process have stored: usage that is rated and
// in a checkpoint, and messages of the rated log that are in a checkpoint and in the warehouse. The embedded Kafka
// deletes nothing else, whatever its clock says. A sink's position comes from the control store, so that after a
// restore from a backup the messages from that position on are kept. With Apache Kafka, tools show lag from these
// offsets, and they show that rating has passed messages without a result (comesOut).
func (n *Node) commitStored(ctx context.Context) error {
	groups := broker.StoredUnder(n.Config.Kafka.Prefix)
	for ctx.Err() == nil {
		for _, c := range n.stored(ctx, groups) {
			if err := n.Kafka.Commit(ctx, c.group, c.topic, c.offsets); err != nil && ctx.Err() == nil {
				n.Log.Debug("cannot commit stored positions to Kafka", "group", c.group, "err", err)
			}
		}
		_ = clock{}.Sleep(ctx, commitEvery)
	}
	return nil
}

// commitment is the stored position of a group in a topic.
type commitment struct {
	group, topic string
	offsets      map[int]int64
}

func (n *Node) stored(ctx context.Context, groups broker.Stored) (all []commitment) {
	usage := commitment{groups.Rating, n.Topics.Usage, map[int]int64{}}
	rated := commitment{groups.Rating, n.Topics.Rated, map[int]int64{}}
	written := commitment{groups.Warehouse, n.Topics.Rated, map[int]int64{}}
	for partition := range n.Partitions {
		if n.rating != nil && n.rating.assigned(partition) {
			p := n.rating.of(partition)
			usage.offsets[partition], rated.offsets[partition] = max(p.StoredUsage.Load(), 0), max(p.StoredRated.Load(), 0)
		}
		if n.sink != nil && n.sink.assigned(partition) {
			at, err := n.Store.SinkGet(ctx, n.SinkName, partition)
			next, known, unknown := n.unbalanced(ctx, partition)
			if err == nil && unknown == nil {
				if !known { // nobody makes balances
					next = at.Next
				}
				written.offsets[partition] = min(at.Next, next)
			}
		}
	}
	for _, c := range []commitment{usage, rated, written} {
		if len(c.offsets) > 0 {
			all = append(all, c)
		}
	}
	return all
}
