package broker_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/internal/broker"
)

func TestWhatIsStoredIsCommittedWithoutAMember(t *testing.T) {
	each(t, func(t *testing.T, k *broker.Kafka, _ string, topics broker.Topics) {
		ensure(t, k, topics)
		groups := broker.StoredUnder(topics.Usage)
		committed, err := k.Committed(t.Context(), groups.Rating, topics.Usage, 0)
		if !broker.Unavailable(err) {
			require.NoError(t, err)
		}
		require.EqualValues(t, -1, committed)
		for _, offset := range []int64{7, 3} { // a position that goes back is taken as well
			require.Eventually(t, func() bool { // a broker that has just started has no coordinator yet
				err := k.Commit(t.Context(), groups.Rating, topics.Usage, map[int]int64{0: offset})
				require.True(t, err == nil || broker.Unavailable(err), "%v", err)
				return err == nil
			}, 30*time.Second, 50*time.Millisecond)
			committed, err := k.Committed(t.Context(), groups.Rating, topics.Usage, 0)
			require.NoError(t, err)
			require.Equal(t, offset, committed)
		}
	})
}

func TestTheFirstMessageSinceATimeIsFound(t *testing.T) {
	each(t, func(t *testing.T, k *broker.Kafka, _ string, topics broker.Topics) {
		ensure(t, k, topics)
		since := func(at time.Time) int64 {
			_, end, err := k.Bounds(t.Context(), topics.Usage, 0)
			require.NoError(t, err)
			offset, err := k.Since(t.Context(), topics.Usage, 0, at, end)
			require.NoError(t, err)
			return offset
		}
		require.EqualValues(t, 0, since(time.Now().Add(-time.Hour)), "nothing came")
		for range 3 {
			add(t, k, topics.Usage, broker.Message{Value: []byte("usage")})
		}
		require.EqualValues(t, 0, since(time.Now().Add(-time.Hour)))
		require.EqualValues(t, 3, since(time.Now().Add(time.Hour)), "all came before")
	})
}
