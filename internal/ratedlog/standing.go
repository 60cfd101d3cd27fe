package ratedlog

import (
	"context"
	"fmt"
	"time"

	"ratemill/internal/backoff"
	"ratemill/internal/control"
)

// A log that became shorter has lost its end in Kafka: a power failure destroyed messages that the operating system
// had not written yet, or an operator recreated the topic. New messages then get offsets that were used before, and a
// reader that remembers its position would skip them. So every reader that resumes at an offset checks that the log
// still reaches it.

// A replica that has just become the leader, or answers in its place, may report a smaller end for a moment.
const (
	shortFor   = 5 * time.Second // the end must stay smaller for this long
	shortAgain = 500 * time.Millisecond
)

// Reaches checks that a topic's partition ends at next or later, by its bounds; done describes the state of the
// messages before next. It returns *StoppedError if the partition is shorter and stays so.
func Reaches(ctx context.Context, clock backoff.Clock, topic string, partition int, next int64, done string,
	bounds func() (first, end int64, err error)) (first int64, err error) {
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

// Shorter returns the error for a topic's partition that ends before next, although all messages before next had been
// processed.
func Shorter(topic string, partition int, end, next int64, done string) *StoppedError {
	lost := fmt.Sprintf("messages %d to %d", end, next-1)
	if end == next-1 {
		lost = fmt.Sprintf("message %d", end)
	}
	return &StoppedError{Topic: topic, Partition: partition, Offset: next, Kind: control.StopOther,
		Reason: fmt.Sprintf("%s/%d ends at %d, but %d was already %s: Kafka has lost %s, and new messages at these offsets would be "+
			"skipped; what to do: docs/runbooks/partition-stopped.md, \"Kafka lost messages\"",
			topic, partition, end, next-1, done, lost)}
}

// Replaced returns the error for a message of the rated log with a later epoch than possible.
func Replaced(topic string, partition int, offset, epoch, was int64, done string) *StoppedError {
	return &StoppedError{Topic: topic, Partition: partition, Offset: offset + 1, Kind: control.StopOther,
		Reason: fmt.Sprintf("message %d of %s/%d was already %s when epoch %d was the latest, but is now of epoch %d: Kafka "+
			"has lost messages, and others took their offsets; what to do: docs/runbooks/partition-stopped.md, \"Kafka lost messages\"",
			offset, topic, partition, done, was, epoch)}
}
