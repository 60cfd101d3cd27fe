package warehouse_test

import (
	"context"
	"math/rand"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/internal/broker"
	"ratemill/internal/control"
	"ratemill/internal/proof/testengine"
	"ratemill/internal/ratedlog"
	"ratemill/internal/warehouse"
)

// shortened is a broker whose rated log lost its end, or whose answers are those of a replica that is behind, a few times.
type shortened struct {
	broker.Broker
	rated string
	by    int64
	times int
}

func (s *shortened) cut(topic string) int64 {
	if topic != s.rated || s.times == 0 {
		return 0
	}
	s.times--
	return s.by
}

func (s *shortened) Bounds(ctx context.Context, topic string, partition int) (first, end int64, err error) {
	first, end, err = s.Broker.Bounds(ctx, topic, partition)
	return first, end - s.cut(topic), err
}

func TestARatedLogThatEndsBeforeThePositionStopsTheSink(t *testing.T) {
	w := newWorld(t, testengine.SharedClickHouse(t), "shorter")
	l, want := traffic(rand.New(rand.NewSource(19)))
	w.append(0, l.messages)
	end := int64(len(l.messages))
	require.NoError(t, w.run(w.sink(0), end))

	s := w.sink(0)
	s.Broker = &shortened{w.kafka, w.topics.Rated, 3, 3}
	run := func(o *warehouse.SinkOptions, d time.Duration) error {
		s, err := warehouse.NewSink(*o)
		require.NoError(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), d)
		defer cancel()
		return s.Run(ctx)
	}
	require.NoError(t, run(s, 4*time.Second), "a replica that is behind for a moment, and then an end at which nothing comes")
	s.Broker = &shortened{w.kafka, w.topics.Rated, 3, 1000}
	var stopped *ratedlog.StoppedError
	require.ErrorAs(t, run(s, time.Minute), &stopped)
	require.Equal(t, control.StopOther, stopped.Kind)
	require.EqualValues(t, end, stopped.Offset)
	require.Regexp(t,
		`shorter.rated/0 ends at \d+, but \d+ was already in the warehouse: Kafka has lost messages \d+ to \d+, .*partition-stopped.md`,
		stopped.Reason)
	require.Equal(t, want, w.totals())
}

// TestARatedLogThatIsAnotherStopsTheSink though it is as long as it was: a rater came first, and left its mark.
func TestARatedLogThatIsAnotherStopsTheSink(t *testing.T) {
	w := newWorld(t, testengine.SharedClickHouse(t), "another")
	var l log
	l.mark()
	l.batch([16]byte{1}, nil, record{usage: random(rand.New(rand.NewSource(1)), 1)})
	w.append(0, l.messages)
	require.NoError(t, w.run(w.sink(0), 2))
	another := w.sink(0)
	topics := broker.TopicsUnder("another2")
	another.Topic = topics.Rated
	_, err := w.kafka.EnsureTopics(t.Context(), 1, topics.All(2, 0, 0))
	require.NoError(t, err)
	l.mark()
	_, err = w.kafka.Append(t.Context(), topics.Rated, 0, []broker.Message{l.messages[0], l.messages[2]}).Wait(t.Context())
	require.NoError(t, err)
	var stopped *ratedlog.StoppedError
	require.ErrorAs(t, w.run(another, 99), &stopped)
	require.Contains(t, stopped.Reason, "message 1 of another2.rated/0 was already in the warehouse when epoch 1 was "+
		"the latest, but is now of epoch 2: Kafka has lost messages")
}
