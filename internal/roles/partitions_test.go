package roles

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"

	"ratemill/internal/control"
	"ratemill/internal/rater"
)

// noStops has nothing about stopped partitions.
type noStops struct{}

func (noStops) RecordStop(context.Context, *control.Stop, time.Time) error        { return nil }
func (noStops) Stops(context.Context, control.StopFilter) ([]control.Stop, error) { return nil, nil }
func (noStops) StopOrders(context.Context, int, ...string) (int64, error)         { return 0, nil }
func (noStops) CloseStop(context.Context, *control.Stop, time.Time) error         { return nil }

// TestWhoWasFencedStaysOutUntilTheGroupAssignsAnew: were it to take the partition back at once, two members with old and
// new assignments would fence each other without end.
func TestWhoWasFencedStaysOutUntilTheGroupAssignsAnew(t *testing.T) {
	runs := make(chan struct{}, 100)
	p := &partitions{group: kafka.ConsumerGroupConfig{ID: "test", SessionTimeout: time.Hour}, stops: noStops{},
		log:      slog.New(slog.DiscardHandler),
		position: func(string, int) int64 { return 0 },
		run: func(context.Context, int) error {
			runs <- struct{}{}
			return &rater.FencedError{Partition: 3, Epoch: 1, Newer: 2}
		}}
	p.begin()
	p.assign(t.Context(), []int{3})
	<-runs
	require.Eventually(t, func() bool {
		running, _, _ := p.state()
		return len(running) == 0
	}, time.Minute, time.Millisecond, "it waits for the group, or for longer than this test")
	require.Empty(t, runs)
	p.assign(t.Context(), []int{3}) // the group says once more that it is ours
	<-runs
	p.assign(t.Context(), nil)
	p.wg.Wait()
	require.Empty(t, runs)
}
