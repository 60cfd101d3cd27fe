package roles

import (
	"context"
	"errors"
	"fmt"
	"time"

	"ratemill/internal/broker"
	"ratemill/internal/ratedlog"
	"ratemill/mediation"
)

// comesOutFor is how long to wait at most until the messages of the usage topic are processed. Rating and the
// warehouse take a second or two if they are not behind, and the lease of a file lasts for at least five.
const comesOutFor = 3 * time.Second

// comesOut waits until the present messages of a partition of usage are rated and in the warehouse. It returns a
// *mediation.AwayError if that takes too long; then describes the check that needs the complete warehouse.
func (n *Node) comesOut(ctx context.Context, partition int, then string) error {
	groups := broker.StoredUnder(n.Config.Kafka.Prefix)
	d := ratedlog.Drain{Broker: n.Kafka, Topics: n.Topics, Clock: clock{}, Within: comesOutFor,
		Passed: func(ctx context.Context, partition int) int64 {
			// If the Kafka user may not read the offset, Drain waits until other messages arrive.
			passed, _ := n.Kafka.Committed(ctx, groups.Rating, n.Topics.Usage, partition)
			return passed
		},
		Stored: func(ctx context.Context, partition int) (int64, ratedlog.Fold, error) {
			at, err := n.Store.SinkGet(ctx, n.SinkName, partition)
			if err != nil {
				return 0, ratedlog.Fold{}, err
			}
			fold, err := ratedlog.ParseFold(at.Fold)
			return at.Next, fold, err
		},
	}
	err := d.Wait(ctx, partition)
	if behind := (*ratedlog.BehindError)(nil); errors.As(err, &behind) {
		return &mediation.AwayError{Err: fmt.Errorf("%w, and only then is it known whether %s", err, then)}
	}
	return err
}
