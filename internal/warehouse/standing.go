package warehouse

import (
	"context"
	"errors"

	"ratemill/internal/broker"
	"ratemill/internal/ratedlog"
)

// standing makes sure that the rated log is the one that the position is about: it reaches it, and the message before it is
// of no epoch that the position does not know. A log that lost its end gets marks of new epochs there.
func (s *Sink) standing(ctx context.Context) error {
	to := s.at.Next - 1
	if s.at.Intent != nil {
		to = s.at.Intent.To
	}
	first, err := s.reaches(ctx, to+1)
	if err != nil || s.at.Next <= first || len(s.at.Fold) == 0 {
		return err
	}
	before, err := s.read(ctx, s.at.Next-1, 0)
	if stopped := (*StoppedError)(nil); errors.As(err, &stopped) {
		return nil // it is gone just now; what is the matter after it, whoever reads on is told
	}
	if err != nil || len(before) == 0 || before[0].Offset != s.at.Next-1 {
		return err
	}
	fold, err := ratedlog.ParseFold(s.at.Fold)
	if err != nil {
		return nil // what makes a block stops at it
	}
	if epoch, _, _, err := ratedlog.ParseHeader(before[0].Value); err == nil && epoch > fold.Epoch {
		if foreign, err := s.foreign(ctx, &before[0], epoch); foreign || err != nil && passing(err) {
			return err
		}
		return ratedlog.Replaced(s.Topics.Rated, s.Partition, s.at.Next-1, epoch, fold.Epoch, inWarehouse)
	}
	return nil
}

const inWarehouse = "in the warehouse"

// reaches makes sure that the rated log ends at next or later.
func (s *Sink) reaches(ctx context.Context, next int64) (first int64, err error) {
	return ratedlog.Reaches(ctx, s.Clock, s.Topics.Rated, s.Partition, next, inWarehouse, func() (first, end int64, err error) {
		err = s.until(ctx, "read the bounds of the rated log", func() (err error) {
			first, end, err = s.Broker.Bounds(ctx, s.Topics.Rated, s.Partition)
			return err
		})
		return first, end, err
	})
}

// foreign says that a message is ignored, since nobody was given its epoch.
func (s *Sink) foreign(ctx context.Context, m *broker.Message, epoch int64) (foreign bool, err error) {
	err = s.until(ctx, "look up the origin of an epoch", func() (err error) {
		foreign, err = ratedlog.Foreign(ctx, s.Origin, s.Topics.Rated, s.Partition, m, epoch)
		return err
	})
	return foreign, err
}
