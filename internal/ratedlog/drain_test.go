package ratedlog_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/internal/broker"
	"ratemill/internal/ratedlog"
)

// ends are topics by their ends; Drain asks for nothing else.
type ends struct {
	broker.Broker
	of map[string]int64
}

func (e ends) Bounds(_ context.Context, topic string, _ int) (first, end int64, err error) {
	return 0, e.of[topic], nil
}

type still struct{}

func (still) Now() time.Time                             { return time.Time{} }
func (still) Sleep(context.Context, time.Duration) error { return nil }

// TestUsageHasComeOutWhenItCountedOrNothingComesOfIt: the messages of an owner that was replaced do not count, however far
// they have come.
func TestUsageHasComeOutWhenItCountedOrNothingComesOfIt(t *testing.T) {
	const usage = 9
	for _, c := range []struct {
		what          string
		rated, stored int64 // ends of the rated log, and of the warehouse in it
		input         int64 // that counted last in the warehouse
		passed        int64 // of usage, by the checkpoints
		behind        string
	}{
		{"all counted", 20, 20, 8, -1, ""},
		{"all counted, and more followed", 25, 20, 8, -1, ""},
		{"the last two were sent again", 20, 20, 6, 9, ""},
		{"the last two were sent again, and the warehouse does not have what came before", 20, 18, 4, 9,
			"the warehouse has not yet reached the end of partition 0"},
		{"an owner that was replaced appended as far as the end", 20, 20, 6, 7, "rating has not yet reached the end of partition 0"},
		{"nothing is rated", 1, 1, -1, -1, "rating has not yet reached the end of partition 0"},
	} {
		t.Run(c.what, func(t *testing.T) {
			topics := broker.TopicsUnder("test")
			d := ratedlog.Drain{Broker: ends{of: map[string]int64{topics.Usage: usage, topics.Rated: c.rated}}, Topics: topics, Clock: still{},
				Passed: func(context.Context, int) int64 { return c.passed },
				Stored: func(context.Context, int) (int64, ratedlog.Fold, error) {
					return c.stored, ratedlog.Fold{Epoch: 3, Input: c.input}, nil
				},
			}
			err := d.Wait(t.Context(), 0)
			if c.behind == "" {
				require.NoError(t, err)
				return
			}
			require.EqualError(t, err, c.behind)
		})
	}
}
