package broker

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Message is one message of a partition. Key is used by compacted topics only; a nil Value there buries the key.
type Message struct {
	Key, Value []byte
	Offset     int64
}

// Broker appends to partitions and reads them.
type Broker interface {
	// Append starts to append messages to a partition, all or none of them, in this order, with the durability of all
	// in-sync replicas. The messages must stay as they are until Wait answers.
	Append(ctx context.Context, topic string, partition int, messages []Message) Pending
	// Fetch appends messages from an offset on to dst, at least one unless none came within wait. They are valid until dst is
	// fetched into again: the memory of the values that lie beyond its length may be used for the next ones.
	Fetch(ctx context.Context, topic string, partition int, from int64, wait time.Duration, dst []Message) ([]Message, error)
	// Bounds are the offset of the first message kept and that of the next one to be appended.
	Bounds(ctx context.Context, topic string, partition int) (first, end int64, err error)
}

// Pending is an append under way.
type Pending interface {
	// Wait answers the offset of the first message. After an error it is unknown whether the messages are there, or will
	// be later; the caller appends them again, and readers tell repetitions by what the messages say.
	Wait(ctx context.Context) (base int64, err error)
}

// UnavailableError says that the broker did not answer; trying again later is right.
type UnavailableError struct {
	What string
	Err  error
}

func (e *UnavailableError) Error() string {
	return fmt.Sprintf("Kafka is not available to %s: %v", e.What, e.Err)
}

func (e *UnavailableError) Unwrap() error { return e.Err }

// OffsetGoneError says that the partition does not keep the messages from this offset on any more.
type OffsetGoneError struct {
	Topic     string
	Partition int
	Wanted    int64
	First     int64
}

func (e *OffsetGoneError) Error() string {
	return fmt.Sprintf("%s/%d no longer has offset %d; its first is %d: messages were deleted before they were read. Raise the topic's retention, and restore the missing part from the warehouse before going on", e.Topic, e.Partition, e.Wanted, e.First)
}

// EndedError says that the partition ends before this offset: it lost its end, or the answer is that of a replica which
// is behind. So it comes within an UnavailableError.
type EndedError struct{ Wanted, End int64 }

func (e *EndedError) Error() string { return fmt.Sprintf("the partition ends at %d", e.End) }

// ErrTooLarge says that a message is larger than the broker accepts.
var ErrTooLarge = errors.New("message is larger than the broker's message.max.bytes")

// Unavailable says that err passes with time, so that the caller waits and tries again.
func Unavailable(err error) bool {
	var u *UnavailableError
	return errors.As(err, &u)
}
