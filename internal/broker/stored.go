package broker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/segmentio/kafka-go"
)

// Stored holds the groups under a prefix in which raters and sinks commit the positions that they have stored. They
// have no members.
type Stored struct{ Rating, Warehouse string }

// StoredUnder returns the groups whose names begin with prefix.
func StoredUnder(prefix string) Stored {
	return Stored{Rating: prefix + ".stored.rating", Warehouse: prefix + ".stored.warehouse"}
}

// By lists, for each topic whose messages expire, the groups that must have stored messages before they expire.
func (s Stored) By(t Topics) map[string][]string {
	return map[string][]string{t.Usage: {s.Rating}, t.Rated: {s.Rating, s.Warehouse}}
}

// Commit records for a group without members that everything before these offsets of a topic's partitions is stored
// elsewhere.
func (k *Kafka) Commit(ctx context.Context, group, topic string, offsets map[int]int64) error {
	var commits []kafka.OffsetCommit
	for partition, offset := range offsets {
		commits = append(commits, kafka.OffsetCommit{Partition: partition, Offset: offset})
	}
	res, err := k.client.OffsetCommit(ctx, &kafka.OffsetCommitRequest{GroupID: group, GenerationID: -1,
		Topics: map[string][]kafka.OffsetCommit{topic: commits}})
	if err == nil {
		for _, p := range res.Topics[topic] {
			if p.Error != nil {
				err = p.Error
			}
		}
	}
	if err != nil {
		return k.explain(ctx, fmt.Sprintf("commit the stored position of %s", topic), err)
	}
	return nil
}

// Committed returns the offset that a group without members has committed for a partition; -1 for none.
func (k *Kafka) Committed(ctx context.Context, group, topic string, partition int) (int64, error) {
	res, err := k.client.OffsetFetch(ctx, &kafka.OffsetFetchRequest{GroupID: group, Topics: map[string][]int{topic: {partition}}})
	if err == nil {
		err = res.Error
	}
	if err == nil && len(res.Topics[topic]) == 1 {
		p := res.Topics[topic][0]
		if err = p.Error; err == nil {
			return p.CommittedOffset, nil
		}
	}
	if err != nil && !errors.Is(err, kafka.GroupIdNotFound) {
		return -1, k.explain(ctx, fmt.Sprintf("ask for the stored position of %s", topic), err)
	}
	return -1, nil
}

// Since returns the offset of the first message of a partition with a given time or a later one; if there is none, it
// returns end, the next offset.
func (k *Kafka) Since(ctx context.Context, topic string, partition int, at time.Time, end int64) (int64, error) {
	res, err := k.client.ListOffsets(ctx,
		&kafka.ListOffsetsRequest{Topics: map[string][]kafka.OffsetRequest{topic: {kafka.TimeOffsetOf(partition, at)}}})
	if err == nil && len(res.Topics[topic]) != 1 {
		err = fmt.Errorf("the answer describes %d partitions", len(res.Topics[topic]))
	}
	if err == nil {
		err = res.Topics[topic][0].Error
	}
	if err != nil {
		return 0, k.explain(ctx, fmt.Sprintf("look up the first message since %s in %s/%d", at.UTC().Format(time.RFC3339), topic,
			partition), err)
	}
	for offset := range res.Topics[topic][0].Offsets {
		if offset >= 0 {
			return offset, nil
		}
	}
	return end, nil
}
