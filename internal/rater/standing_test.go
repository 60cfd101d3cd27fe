package rater

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/internal/broker"
	"ratemill/internal/control"
	"ratemill/internal/ratedlog"
)

// cut removes the end of a topic, as a power cut does.
func (l logs) cut(topic string, end int64) {
	t := l.of(topic)
	for len(t.kept) > 0 && t.kept[len(t.kept)-1].Offset >= end {
		t.kept = t.kept[:len(t.kept)-1]
	}
	t.end = end
}

func threeRated(t *testing.T) (*feed, *Owner) {
	f := &feed{t, logs{}, oneSIM(t)}
	for seq := range uint64(3) {
		f.send(seq, seq+1, false)
	}
	o := f.owner(1)
	f.rateAll(o)
	return f, o
}

func TestUsageThatEndsBeforeWhatWasDecidedStopsThePartition(t *testing.T) {
	f, o := threeRated(t)
	f.owner(2) // the log continues at its end
	f.l.cut(o.Topics.Usage, 1)
	next := ownerOf(f.l, 3)
	var stopped *ratedlog.StoppedError
	require.ErrorAs(t, next.take(t.Context()), &stopped)
	require.Equal(t, o.Topics.Usage, stopped.Topic)
	require.EqualValues(t, 3, stopped.Offset)
	require.Contains(t, stopped.Reason, "test.usage/0 ends at 1, but 2 was already decided: Kafka has lost messages 1 to 2")
	require.Contains(t, stopped.Reason, "docs/runbooks/partition-stopped.md")
}

// behind is a broker that answers for some time from a replica that is one message behind.
type behind struct {
	logs
	topic string
	times int
}

func (b *behind) Bounds(ctx context.Context, topic string, partition int) (first, end int64, err error) {
	first, end, err = b.logs.Bounds(ctx, topic, partition)
	if topic == b.topic && b.times > 0 {
		b.times--
		end--
	}
	return first, end, err
}

func (b *behind) Fetch(ctx context.Context, topic string, partition int, from int64, wait time.Duration,
	dst []broker.Message) ([]broker.Message, error) {
	if end := b.of(topic).end - 1; topic == b.topic && b.times > 0 && from > end {
		return dst, broker.Away("read", &broker.EndedError{Wanted: from, End: end})
	}
	return b.logs.Fetch(ctx, topic, partition, from, wait, dst)
}

func TestAReplicaThatIsBehindForAMomentStopsNothing(t *testing.T) {
	f, o := threeRated(t)
	b := &behind{f.l, o.Topics.Usage, 3}
	next := ownerOf(b, 2)
	next.Reference = f.w
	require.NoError(t, next.take(t.Context()))
	require.Zero(t, b.times, "it was asked again")
	for range 3 {
		b.times = 3
		require.NoError(t, next.step(t.Context()))
	}
	b.times = 1000
	var stopped *ratedlog.StoppedError
	require.ErrorAs(t, next.step(t.Context()), &stopped)
	require.Contains(t, stopped.Reason, "test.usage/0 ends at 2, but 2 was already decided: Kafka has lost message 2")
}

func TestARatedLogThatIsNotThatOfTheCheckpointsStopsThePartition(t *testing.T) {
	f, o := threeRated(t)
	o.sweepNow(t)
	f.l.cut(o.Topics.Rated, 2)
	for epoch := range int64(4) { // each leaves a mark, until the log is as long as before
		var stopped *ratedlog.StoppedError
		require.ErrorAs(t, ownerOf(f.l, epoch+2).take(t.Context()), &stopped)
		require.Equal(t, o.Topics.Rated, stopped.Topic)
		require.EqualValues(t, 4, stopped.Offset)
		if epoch == 0 {
			require.Contains(t, stopped.Reason, "test.rated/0 ends at 2, but 3 was already in a checkpoint: Kafka has lost messages 2 to 3")
		}
		if epoch == 3 {
			require.Contains(t, stopped.Reason, "message 3 of test.rated/0 was already in a checkpoint when epoch 1 was the latest, but is now of "+
				"epoch 3")
		}
	}
}

func TestAnOwnerNoticesThatTheRatedLogLostItsEnd(t *testing.T) {
	f, o := threeRated(t)
	f.l.cut(o.Topics.Rated, 2)
	f.send(3, 4, false)
	var stopped *ratedlog.StoppedError
	require.ErrorAs(t, o.untilItFails(t), &stopped)
	require.EqualValues(t, 4, stopped.Offset)
	require.Contains(t, stopped.Reason, "test.rated/0 ends at 2, but 3 was already decided")
}

// untilItFails repeats a step until it fails.
func (o *Owner) untilItFails(t *testing.T) error {
	for {
		if err := o.step(t.Context()); err != nil {
			return err
		}
	}
}

// The control store was restored from a backup, or a standby took over that is behind: it gives out epochs a second
// time.
func TestAnEpochThatTheControlStoreNeverGaveStopsThePartition(t *testing.T) {
	f, o := threeRated(t)
	f.owner(7)
	end := f.l.of(o.Topics.Rated).end
	store, err := control.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "control.db"))
	require.NoError(t, err)
	defer store.Close()
	for range 3 { // nor the next time
		next := ownerOf(f.l, 0)
		next.NextEpoch = func(ctx context.Context, seen int64) (int64, error) {
			return store.NextEpoch(ctx, next.Topics.Rated, 0, seen)
		}
		var stopped *ratedlog.StoppedError
		require.ErrorAs(t, next.take(t.Context()), &stopped)
		require.Equal(t, o.Topics.Rated, stopped.Topic)
		require.Contains(t, stopped.Reason, "the control store is older than Kafka: the latest epoch that it assigned is 0, but 7 is in use "+
			"in test.rated")
		require.Contains(t, stopped.Reason, "docs/runbooks/stores-of-different-days.md")
	}
	require.Equal(t, end, f.l.of(o.Topics.Rated).end, "nothing was appended")
}
