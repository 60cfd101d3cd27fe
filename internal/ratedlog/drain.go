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
	Within time.Duration // how long it waits before it is a *BehindError

	// Passed is the offset in a partition of usage up to which a checkpoint of raters has everything; -1 when nobody
	// can say. Messages that were sent again have no result, so the rated log alone does not say how far rating is.
	Passed func(ctx context.Context, partition int) int64
	// Stored is the offset in a partition of the rated log up to which the warehouse has everything, and the fold there.
	Stored func(ctx context.Context, partition int) (next int64, fold Fold, err error)
}

// BehindError says that a partition has not come out yet.
type BehindError struct {
	Partition int
	Rating    bool // rating is behind, otherwise the warehouse
}

func (e *BehindError) Error() string {
	what := "the warehouse"
	if e.Rating {
		what = "rating"
	}
	return fmt.Sprintf("%s has not come to the end of partition %d yet", what, e.Partition)
}

const lookAgain = 100 * time.Millisecond

// Wait waits for a partition. It is a *BehindError when that takes long: rating or the warehouse is behind, stopped or away.
func (d *Drain) Wait(ctx context.Context, partition int) error {
	if !safeguard.On(safeguard.DrainFirst) {
		return nil
	}
	_, usage, err := d.Broker.Bounds(ctx, d.Topics.Usage, partition)
	if err != nil {
		return err
	}
	for began := d.Clock.Now(); ; {
		// The warehouse's fold says what usage counted; a message of an owner that was replaced did not.
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
