package broker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"ratemill/internal/backoff"
)

// Message is one message of a partition. Only compacted topics use Key; there a nil Value is a tombstone for the key.
type Message struct {
	Key, Value []byte
	Offset     int64
}

// Broker appends to partitions and reads them.
type Broker interface {
	// Append starts to append messages to a partition, all or none of them, in this order, acknowledged by all in-sync
	// replicas. The messages must not change until Wait returns.
	Append(ctx context.Context, topic string, partition int, messages []Message) Pending
	// Fetch appends messages from an offset on to dst: at least one, unless none arrived within wait. They are
	// valid until the next fetch into dst: the memory of values beyond its length may be reused.
	Fetch(ctx context.Context, topic string, partition int, from int64, wait time.Duration, dst []Message) ([]Message, error)
	// Bounds returns the offset of the first message kept, and the offset that the next message will get.
	Bounds(ctx context.Context, topic string, partition int) (first, end int64, err error)
}

// Pending is an append in progress.
type Pending interface {
	// Wait returns the offset of the first message. After an error it is unknown whether the messages are or will be
	// there. The caller appends them again, and readers recognise repetitions by the messages' content.
	Wait(ctx context.Context) (base int64, err error)
}

// Away returns the error for a broker that did not answer. what completes "not available to".
func Away(what string, err error) error {
	return &backoff.UnavailableError{Engine: backoff.Kafka, Says: fmt.Sprintf("Kafka is not available to %s: %v", what, err), Err: err}
}

// OffsetGoneError reports that the partition no longer has the messages from this offset on.
type OffsetGoneError struct {
	Topic     string
	Partition int
	Wanted    int64
	First     int64
}

func (e *OffsetGoneError) Error() string {
	return fmt.Sprintf("%s/%d no longer has offset %d; its first offset is %d: messages were deleted before they were "+
		"read. Raise the topic's retention, and restore the missing part from the warehouse before you "+
		"continue", e.Topic, e.Partition, e.Wanted, e.First)
}

// EndedError reports that the partition ends before this offset: it lost its end, or an outdated replica answered. It
// is therefore wrapped in a *backoff.UnavailableError.
type EndedError struct{ Wanted, End int64 }

func (e *EndedError) Error() string { return fmt.Sprintf("the partition ends at %d", e.End) }

// ErrTooLarge reports that a message is larger than the broker accepts.
var ErrTooLarge = errors.New("message is larger than the broker's message.max.bytes")

// Unavailable reports whether the broker is unreachable, so that the caller waits and tries again.
func Unavailable(err error) bool { return backoff.From(err) == backoff.Kafka }
