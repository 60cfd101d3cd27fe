package ratedlog

import (
	"context"
	"fmt"
	"time"

	"ratemill/internal/backoff"
	"ratemill/internal/broker"
	"ratemill/internal/safeguard"
)

// Drain waits until the usage that is in a partition now is rated, and what came of it is in the warehouse. Only then does
// a look into the warehouse say that something was not rated.
type Drain struct {
	Broker broker.Broker
	Topics broker.Topics
	Clock  backoff.Clock
	Within time.Duration // how long it waits before it is a *BehindError

	// Passed is the offset in a partition of usage up to which a checkpoint of raters has everything; -1 when nobody can say.
	// Nothing comes of messages that were sent again, so the rated log alone does not say how far rating is.
	Passed func(ctx context.Context, partition int) int64
	// Stored is the offset in a partition of the rated log up to which the warehouse has everything.
	Stored func(ctx context.Context, partition int) (int64, error)

	fetched []broker.Message
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
	var rated int64
	for began, isRated := d.Clock.Now(), false; ; {
		if !isRated {
			firstUsage, _, err := d.Broker.Bounds(ctx, d.Topics.Usage, partition)
			if err != nil {
				return err
			}
			first, end, err := d.Broker.Bounds(ctx, d.Topics.Rated, partition)
			if err != nil {
				return err
			}
			input, err := LastInput(ctx, d.Broker, d.Topics.Rated, partition, first, end, &d.fetched)
			if err != nil {
				return err
			}
			rated, isRated = end, max(input+1, firstUsage, d.Passed(ctx, partition)) >= usage
		}
		stored, err := d.Stored(ctx, partition)
		if err != nil {
			return err
		}
		if isRated && stored >= rated {
			return nil
		}
		if d.Clock.Now().Sub(began) >= d.Within {
			return &BehindError{partition, !isRated}
		}
		if err := d.Clock.Sleep(ctx, lookAgain); err != nil {
			return err
		}
	}
}

// LastInput is the position in the usage topic that the last of these messages of the rated log tells, -1 when none does. The
// marks of owners who had nothing to rate tell none, and there may be many: it looks further and further back.
func LastInput(ctx context.Context, b broker.Broker, topic string, partition int, first, end int64,
	scratch *[]broker.Message) (input int64, err error) {
	input = -1
	for back := int64(1); input < 0 && end > first; back *= 4 {
		from := max(first, end-back)
		for next := from; next < end; {
			*scratch, err = b.Fetch(ctx, topic, partition, next, lookAgain, (*scratch)[:0])
			if err != nil {
				return -1, err
			}
			fetched := *scratch
			if len(fetched) == 0 {
				break
			}
			for i := range fetched {
				if _, at, mark, err := ParseHeader(fetched[i].Value); err == nil && !mark {
					input = max(input, at)
				}
			}
			next = fetched[len(fetched)-1].Offset + 1
		}
		end = from
	}
	return input, nil
}
