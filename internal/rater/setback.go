package rater

import (
	"context"
	"errors"

	"ratemill/internal/broker"
	"ratemill/internal/control"
	"ratemill/internal/ratedlog"
	"ratemill/internal/safeguard"
)

// A control store that was restored from a backup, or whose standby took over without the last transactions, gives out
// epochs a second time. Two owners with one epoch do not fence each other, so an owner reads the end of the rated log
// before it requests an epoch: the store must have given out every epoch there.

// lookBack is the number of messages at the end of the rated log that newestEpoch reads. The last message alone
// may come from a stalled owner of an older epoch.
const lookBack = 8

// newestEpoch returns the greatest epoch at the end of the rated log, 0 if there is none, and where the log ends.
func (o *Owner) newestEpoch(ctx context.Context) (newest, end int64, err error) {
	first, end, err := o.bounds(ctx, o.Topics.Rated)
	if err != nil || !safeguard.On(safeguard.EpochsGiven) {
		return 0, end, err
	}
	for next := max(first, end-lookBack); next < end; {
		err := o.refetch(ctx, o.Topics.Rated, next)
		if gone := (*broker.OffsetGoneError)(nil); errors.As(err, &gone) {
			next = gone.First // just now
			continue
		}
		if err != nil {
			return 0, end, err
		}
		for i := range o.fetched {
			m := &o.fetched[i]
			next = m.Offset + 1
			epoch, _, _, err := ratedlog.ParseHeader(m.Value)
			if err != nil || epoch <= newest {
				continue
			}
			foreign, err := o.foreign(ctx, m, epoch)
			if err != nil {
				return 0, end, err
			}
			if !foreign {
				newest = epoch
			}
		}
		if ctx.Err() != nil {
			return 0, end, ctx.Err()
		}
	}
	return newest, end, nil
}

// setBack returns the error for a partition whose rated log is newer than the control store.
func (o *Owner) setBack(end int64, err *control.SetBackError) error {
	return &ratedlog.StoppedError{Topic: o.Topics.Rated, Partition: o.Partition, Offset: end, Kind: control.StopOther,
		Reason: err.Error() + " in " + o.Topics.Rated + "; " + control.OlderStore}
}
