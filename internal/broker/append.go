package broker

import "context"

// Append is an append that is made again while its outcome is unknown. Its messages may then be in the topic several
// times: readers recognise repetitions by their content, and whichever comes first counts.
type Append struct {
	Messages []Message

	broker    Broker
	topic     string
	partition int
	pending   Pending
	again     bool
}

// Begin begins an append.
func Begin(ctx context.Context, b Broker, topic string, partition int, messages []Message) Append {
	return Append{Messages: messages, broker: b, topic: topic, partition: partition, pending: b.Append(ctx, topic, partition, messages)}
}

// Wait returns the offset of the first message. After a temporary error (Unavailable) the append was begun again: wait
// again.
func (a *Append) Wait(ctx context.Context) (base int64, err error) {
	base, err = a.pending.Wait(ctx)
	if Unavailable(err) {
		a.again = true
		a.pending = a.broker.Append(ctx, a.topic, a.partition, a.Messages)
	}
	return base, err
}

// Again reports whether the messages were appended more than once: an earlier attempt may still arrive, so their memory
// must not be reused.
func (a *Append) Again() bool { return a.again }
