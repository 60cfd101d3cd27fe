package roles

import (
	"context"
	"fmt"
	"time"

	"ratemill/internal/broker"
	"ratemill/mediation"
)

// comesOutFor is how long to wait until the messages of the usage topic are processed: rating and the warehouse take a
// second or two if they are not behind, and the lease of a file lasts for at least five.
const comesOutFor = 3 * time.Second

// comesOut waits until the present messages of a partition of usage are rated and in the warehouse. It returns a
// *mediation.AwayError if that takes long: rating or the warehouse is behind, stopped or away.
func (n *Node) comesOut(ctx context.Context, partition int) error {
	b, groups := &backlog{n: n}, broker.StoredUnder(n.Config.Kafka.Prefix)
	_, usage, err := n.Kafka.Bounds(ctx, n.Topics.Usage, partition)
	if err != nil {
		return err
	}
	var rated int64
	for began, isRated := time.Now(), false; ; {
		if !isRated {
			firstUsage, _, err := n.Kafka.Bounds(ctx, n.Topics.Usage, partition)
			if err != nil {
				return err
			}
			first, end, err := n.Kafka.Bounds(ctx, n.Topics.Rated, partition)
			if err != nil {
				return err
			}
			input, err := b.input(ctx, partition, first, end)
			if err != nil {
				return err
			}
			// If the last messages were sent again, they leave no trace in the rated log; then a checkpoint shows that
			// they were passed. A Kafka user without the right to read that waits until other messages come.
			stored, _ := n.Kafka.Committed(ctx, groups.Rating, n.Topics.Usage, partition)
			rated, isRated = end, max(input+1, firstUsage, stored) >= usage
		}
		at, err := n.Store.SinkGet(ctx, n.SinkName, partition)
		if err != nil {
			return err
		}
		if isRated && at.Next >= rated {
			return nil
		}
		if time.Since(began) >= comesOutFor {
			what := "the warehouse"
			if !isRated {
				what = "rating"
			}
			return &mediation.AwayError{Err: fmt.Errorf("%s has not come to the end of partition %d yet, and only then is it known whether the file's end is out", what, partition)}
		}
		if err := (clock{}).Sleep(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
}
