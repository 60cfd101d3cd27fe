package ratedlog

import (
	"context"

	"ratemill/internal/broker"
	"ratemill/internal/control"
	"ratemill/internal/safeguard"
)

// AskOrigin queries the control store for the origin of a message's epoch. If stop is nil, the answer is not
// stored.
type AskOrigin func(ctx context.Context, epoch int64, stop *control.Stop) (control.EpochOrigin, error)

// stopAt identifies a message for the control store.
func stopAt(topic string, partition int, m *broker.Message) *control.Stop {
	return &control.Stop{Topic: topic, Partition: partition, Offset: m.Offset, Kind: control.StopEpoch, Hash: control.HashOf(m.Value),
		Message: m.Value}
}

// Foreign reports whether a message of the rated log has an epoch that the control store never gave out, so that
// readers ignore it. The epoch is later than any before it. If ask is nil, no message is foreign.
func Foreign(ctx context.Context, ask AskOrigin, topic string, partition int, m *broker.Message, epoch int64) (bool, error) {
	if ask == nil || !safeguard.On(safeguard.ForeignEpochs) {
		return false, nil
	}
	origin, err := ask(ctx, epoch, stopAt(topic, partition, m))
	return origin == control.EpochForeign, err
}
