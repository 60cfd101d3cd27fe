package rater

import (
	"context"
	"errors"

	"ratemill/internal/broker"
	"ratemill/internal/ratedlog"
)

// reaches ensures that a topic's partition ends at next or later.
func (o *Owner) reaches(ctx context.Context, topic string, next int64) (first int64, err error) {
	return ratedlog.Reaches(ctx, o.Clock, topic, o.Partition, next, "decided",
		func() (first, end int64, err error) {
			return o.bounds(ctx, topic)
		})
}

// statement is the newest entry of the checkpoints: the position up to which the rated log is folded in it, and the
// epoch that wrote it.
type statement struct{ at, epoch int64 }

func (s *statement) take(at, epoch int64) {
	if at > s.at || at == s.at && epoch < s.epoch {
		*s = statement{at, epoch}
	}
}

// keeps checks that the rated log is the one to which the checkpoints belong: its end was beyond theirs when this
// owner's mark was appended, and the message there has no later epoch than the entry that refers to it. A log that lost
// its end gets marks of new epochs there.
func (o *Owner) keeps(ctx context.Context, first, mark int64) error {
	s := o.stated
	if s.at >= mark {
		return ratedlog.Shorter(o.Topics.Rated, o.Partition, mark, s.at+1, "in a checkpoint")
	}
	if s.at < first {
		return nil
	}
	err := o.refetch(ctx, o.Topics.Rated, s.at)
	if gone := (*broker.OffsetGoneError)(nil); errors.As(err, &gone) {
		return nil // deleted just now; it was not there for long
	}
	if err != nil || len(o.fetched) == 0 {
		return err
	}
	epoch, _, _, err := ratedlog.ParseHeader(o.fetched[0].Value)
	if err != nil || o.fetched[0].Offset != s.at || epoch <= s.epoch {
		return nil
	}
	if foreign, err := o.foreign(ctx, &o.fetched[0], epoch); foreign || err != nil {
		return err
	}
	return ratedlog.Replaced(o.Topics.Rated, o.Partition, s.at, epoch, s.epoch, "in a checkpoint")
}
