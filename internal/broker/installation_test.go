package broker_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/internal/broker"
)

func TestTheFirstClaimNamesTheInstallationForGood(t *testing.T) {
	each(t, func(t *testing.T, k *broker.Kafka, addr string, topics broker.Topics) {
		name, err := k.Installation(t.Context(), topics.Installation)
		require.NoError(t, err)
		require.Empty(t, name, "there is no such topic")
		written, err := k.Written(t.Context(), topics.Rated)
		require.NoError(t, err)
		require.False(t, written)

		ensure(t, k, topics)
		name, err = k.Installation(t.Context(), topics.Installation)
		require.NoError(t, err)
		require.Empty(t, name, "nobody has claimed it")
		written, err = k.Written(t.Context(), topics.Rated)
		require.NoError(t, err)
		require.False(t, written)

		type claim struct {
			holder string
			err    error
		}
		claims := make(chan claim)
		for _, name := range []string{"AAAA", "BBBB", "CCCC"} {
			go func() {
				holder, err := k.Claim(t.Context(), topics.Installation, name)
				claims <- claim{holder, err}
			}()
		}
		first := <-claims
		require.NoError(t, first.err)
		require.Contains(t, []string{"AAAA", "BBBB", "CCCC"}, first.holder)
		require.Equal(t, first, <-claims, "all are told the same")
		require.Equal(t, first, <-claims)

		add(t, k, topics.Installation, broker.Message{Key: []byte("later"), Value: []byte("DDDD")})
		add(t, k, topics.Rated, broker.Message{Value: []byte("something")})
		name, err = k.Installation(t.Context(), topics.Installation)
		require.NoError(t, err)
		require.Equal(t, first.holder, name)
		name, err = k.Claim(t.Context(), topics.Installation, "EEEE")
		require.NoError(t, err)
		require.Equal(t, first.holder, name)
		written, err = k.Written(t.Context(), topics.Rated)
		require.NoError(t, err)
		require.True(t, written)
	})
}

func TestABrokerThatIsAwayIsNobodysInstallation(t *testing.T) {
	k := broker.NewKafka(broker.KafkaOptions{Addresses: []string{"127.0.0.1:1"}})
	defer k.Close()
	_, err := k.Installation(t.Context(), "ratemill.installation")
	require.True(t, broker.Unavailable(err), "%v", err)
}
