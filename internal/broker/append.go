package broker

import "context"

// Append is an append that is repeated while its outcome is unknown. Its messages may then be in the topic several
// times: readers recognise repetitions by their content, and only the first one counts.
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

// Wait returns the offset of the first message. After a temporary error (Unavailable), the append has been begun
// again, so call Wait again.
func (a *Append) Wait(ctx context.Context) (base int64, err error) {
	base, err = a.pending.Wait(ctx)
	if Unavailable(err) {
		a.again = true
		a.pending = a.broker.Append(ctx, a.topic, a.partition, a.Messages)
	}
	return base, err
}

// Again reports whether the messages were appended more than once. An earlier attempt may then still arrive, so the
// memory of the messages must not be reused.
func (a *Append) Again() bool { return a.again }
