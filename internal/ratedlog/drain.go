package ratedlog

import (
	"context"
	"fmt"
	"time"

	"ratemill/internal/backoff"
	"ratemill/internal/broker"
	"ratemill/internal/safeguard"
)

// Drain waits until the usage that is now in a partition is rated, and its results are in the warehouse. Only then can
// a query of the warehouse show that something was not rated.
type Drain struct {
	Broker broker.Broker
	Topics broker.Topics
	Clock  backoff.Clock
	Within time.Duration // time after which Wait returns a *BehindError

	// Passed returns the offset in a partition of usage before which a checkpoint of raters covers
	// everything; -1 if unknown. Messages that were sent again have no result, so the rated log alone does
	// not show the progress of rating.
	Passed func(ctx context.Context, partition int) int64
	// Stored returns the offset in a partition of the rated log before which the warehouse has everything, and
	// the fold at that offset.
	Stored func(ctx context.Context, partition int) (next int64, fold Fold, err error)
}

// BehindError reports that rating or the warehouse has not processed a partition yet.
type BehindError struct {
	Partition int
	Rating    bool // rating is behind, otherwise the warehouse
}

func (e *BehindError) Error() string {
	what := "the warehouse"
	if e.Rating {
		what = "rating"
	}
	return fmt.Sprintf("%s has not yet reached the end of partition %d", what, e.Partition)
}

const lookAgain = 100 * time.Millisecond

// Wait waits for a partition. It returns a *BehindError if that takes too long, because rating or the warehouse is
// behind, stopped or unreachable.
func (d *Drain) Wait(ctx context.Context, partition int) error {
	if !safeguard.On(safeguard.DrainFirst) {
		return nil
	}
	_, usage, err := d.Broker.Bounds(ctx, d.Topics.Usage, partition)
	if err != nil {
		return err
	}
	for began := d.Clock.Now(); ; {
		// The warehouse's fold decides which usage counted; a message of a replaced owner did not count.
		stored, fold, err := d.Stored(ctx, partition)
		if err != nil || fold.Input+1 >= usage {
			return err
		}
		firstUsage, _, err := d.Broker.Bounds(ctx, d.Topics.Usage, partition)
		if err != nil {
			return err
		}
		isRated := max(firstUsage, d.Passed(ctx, partition)) >= usage
		_, rated, err := d.Broker.Bounds(ctx, d.Topics.Rated, partition)
		if err != nil || isRated && stored >= rated {
			return err
		}
		if d.Clock.Now().Sub(began) >= d.Within {
			return &BehindError{partition, !isRated && stored >= rated}
		}
		if err := d.Clock.Sleep(ctx, lookAgain); err != nil {
			return err
		}
	}
}
