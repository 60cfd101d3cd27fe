package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"ratemill/internal/broker"
	"ratemill/internal/control"
)

// A log that became shorter is one of which Kafka lost the end: a power cut took what the operating system had not written
// yet, or somebody made the topic anew. What is appended then gets offsets that were had before, and whoever remembers how
// far it came would pass it by. So everybody who comes back with an offset makes sure that the log still reaches it.

// A replica that has just become the leader, or is asked in its place, may say less for a moment.
const (
	shortFor   = 5 * time.Second // so long it must stay so
	shortAgain = 500 * time.Millisecond
)

// Reaches makes sure that a topic's partition ends at next or later, by its bounds; done says what happened to the messages
// before next. It answers *StoppedError when the partition is, and stays, shorter.
func Reaches(ctx context.Context, clock Clock, topic string, partition int, next int64, done string, bounds func() (first, end int64, err error)) (first int64, err error) {
	began := clock.Now()
	for {
		first, end, err := bounds()
		if err != nil || end >= next {
			return first, err
		}
		if clock.Now().Sub(began) >= shortFor {
			return first, Shorter(topic, partition, end, next, done)
		}
		if err := clock.Sleep(ctx, shortAgain); err != nil {
			return first, err
		}
	}
}

// Shorter is the error of a topic's partition whose messages from end on were others when what is before next was done.
func Shorter(topic string, partition int, end, next int64, done string) *StoppedError {
	lost := fmt.Sprintf("messages %d to %d", end, next-1)
	if end == next-1 {
		lost = fmt.Sprintf("message %d", end)
	}
	return &StoppedError{Topic: topic, Partition: partition, Offset: next, Kind: control.StopOther,
		Reason: fmt.Sprintf("%s/%d ends at %d, but %d was already %s: Kafka has lost %s, and new messages at these offsets would be skipped; what to do: docs/runbooks/partition-stopped.md, \"Kafka lost messages\"",
			topic, partition, end, next-1, done, lost)}
}

// reaches makes sure that a topic's partition ends at next or later.
func (o *Owner) reaches(ctx context.Context, topic string, next int64) (first int64, err error) {
	return Reaches(ctx, o.Clock, topic, o.Partition, next, "decided", func() (first, end int64, err error) { return o.bounds(ctx, topic) })
}

// statement is the newest of the checkpoints' entries: up to where the rated log is folded in it, and by which epoch.
type statement struct{ at, epoch int64 }

func (s *statement) take(at, epoch int64) {
	if at > s.at || at == s.at && epoch < s.epoch {
		*s = statement{at, epoch}
	}
}

// keeps makes sure that the rated log is the one of which the checkpoints speak: it was longer than they say when our mark
// was appended, and what stands there is of no epoch later than the one that says so. A log that lost its end gets marks of
// new epochs there.
func (o *Owner) keeps(ctx context.Context, first, mark int64) error {
	s := o.stated
	if s.at >= mark {
		return Shorter(o.Topics.Rated, o.Partition, mark, s.at+1, "in a checkpoint")
	}
	if s.at < first {
		return nil
	}
	err := o.refetch(ctx, o.Topics.Rated, s.at)
	if gone := (*broker.OffsetGoneError)(nil); errors.As(err, &gone) {
		return nil // just now; it was not there for long
	}
	if err != nil || len(o.fetched) == 0 {
		return err
	}
	epoch, _, _, err := ParseHeader(o.fetched[0].Value)
	if err != nil || o.fetched[0].Offset != s.at || epoch <= s.epoch {
		return nil
	}
	if foreign, err := o.foreign(ctx, &o.fetched[0], epoch); foreign || err != nil {
		return err
	}
	return Replaced(o.Topics.Rated, o.Partition, s.at, epoch, s.epoch, "in a checkpoint")
}

// Replaced is the error of a message of the rated log that is of a later epoch than it can be.
func Replaced(topic string, partition int, offset, epoch, was int64, done string) *StoppedError {
	return &StoppedError{Topic: topic, Partition: partition, Offset: offset + 1, Kind: control.StopOther,
		Reason: fmt.Sprintf("message %d of %s/%d was already %s when epoch %d was the latest, and is of epoch %d now: Kafka has lost messages, and others came in their place; what to do: docs/runbooks/partition-stopped.md, \"Kafka lost messages\"",
			offset, topic, partition, done, was, epoch)}
}
