package roles

import (
	"context"
	"time"

	"ratemill/internal/broker"
)

const commitEvery = 5 * time.Second

// commitStored tells Kafka again and again what the partitions of this process have stored: usage that is rated
// and in a checkpoint, and messages of the rated log that are in a checkpoint and in the warehouse. The embedded Kafka deletes
// nothing else, whatever its clock says. The position of a sink is what the control store says, so that one that was restored from a
// backup gets the messages kept that it needs from then on. For Apache Kafka these
// offsets are what tools show as lag, and say that rating has passed messages of which nothing comes (comesOut).
func (n *Node) commitStored(ctx context.Context) error {
	groups := broker.StoredUnder(n.Config.Kafka.Prefix)
	for ctx.Err() == nil {
		for _, c := range n.stored(ctx, groups) {
			if err := n.Kafka.Commit(ctx, c.group, c.topic, c.offsets); err != nil && ctx.Err() == nil {
				n.Log.Debug("Kafka was not told what is stored", "group", c.group, "err", err)
			}
		}
		_ = clock{}.Sleep(ctx, commitEvery)
	}
	return nil
}

// commitment is what a group has stored of a topic.
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
			if at, err := n.Store.SinkGet(ctx, n.SinkName, partition); err == nil {
				written.offsets[partition] = at.Next
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
