package rater

import (
	"context"

	"ratemill/internal/broker"
	"ratemill/internal/control"
	"ratemill/internal/ratedlog"
	"ratemill/internal/safeguard"
)

// The owner of a partition stops at a message of a newer epoch. So another program with write access to the topic
// could block every owner forever with one message of a huge epoch. The control store therefore records which
// epochs it gave out.

// newer interprets a message with a later epoch than this owner's: it returns *FencedError, or nil
// if the message is ignored.
func (o *Owner) newer(ctx context.Context, m *broker.Message, epoch, ours int64) error {
	foreign, err := o.foreign(ctx, m, epoch)
	if err != nil {
		return err
	}
	if !foreign {
		return &FencedError{Partition: o.Partition, Epoch: ours, Newer: epoch}
	}
	return nil
}

// foreign reports whether a message of the rated log is ignored.
func (o *Owner) foreign(ctx context.Context, m *broker.Message, epoch int64) (foreign bool, err error) {
	err = o.until(ctx, "look up the origin of an epoch", func() (err error) {
		foreign, err = ratedlog.Foreign(ctx, o.Origin, o.Topics.Rated, o.Partition, m, epoch)
		return err
	})
	if foreign {
		o.tellForeign(o.Topics.Rated, m, epoch)
	}
	return foreign, err
}

// newerEntry does the same for an entry of the checkpoints.
func (o *Owner) newerEntry(ctx context.Context, m *broker.Message, epoch int64) error {
	origin := control.EpochGiven
	if o.Origin != nil && safeguard.On(safeguard.ForeignEpochs) {
		err := o.until(ctx, "look up the origin of an epoch", func() (err error) {
			origin, err = o.Origin(ctx, epoch, nil)
			return err
		})
		if err != nil {
			return err
		}
	}
	if origin != control.EpochForeign {
		return &FencedError{Partition: o.Partition, Epoch: o.epoch, Newer: epoch}
	}
	o.tellForeign(o.Topics.Checkpoint, m, epoch)
	return nil
}

// ignored reports whether a message was found to be foreign before.
func (o *Owner) ignored(m *broker.Message) bool {
	return o.log.Order(m, control.StopEpoch) != nil
}

func (o *Owner) tellForeign(topic string, m *broker.Message, epoch int64) {
	o.Log.Error("ignoring a message whose epoch was never assigned to an owner; find out which other program writes to "+
		"the topic", "topic", topic,
		"partition", o.Partition, "offset", m.Offset, "epoch", epoch, "ours", o.epoch)
}
