package broker_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"ratemill/internal/broker"
	"ratemill/internal/proof/testengine"
)

// Retention uses the time of messages. Messages of a mediator whose clock is a month behind would be too old at once.
func TestMessagesBearTheTimeOfTheBrokerAndNotOfTheProducer(t *testing.T) {
	addr := testengine.SharedKafka(t).Addr
	k := broker.NewKafka(broker.KafkaOptions{Addresses: []string{addr}})
	defer k.Close()
	topics := broker.TopicsUnder(t.Name())
	ensure(t, k, topics)
	alter(t, addr, topics.Usage, map[string]string{"message.timestamp.type": "CreateTime"}) // as older versions made it
	require.Eventually(t, func() bool {
		notes, err := k.EnsureTopics(t.Context(), 1, topics.All(1, time.Hour, 2*time.Hour))
		require.NoError(t, err)
		if len(notes) == 1 {
			require.Contains(t, notes[0], "from message.timestamp.type=CreateTime to LogAppendTime: with timestamps from a producer "+
				"whose clock is behind, usage would be deleted before it is rated")
		}
		return len(notes) == 1
	}, 30*time.Second, 50*time.Millisecond)

	client, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.ConsumeTopics(topics.Usage), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	require.NoError(t, err)
	defer client.Close()
	require.Eventually(t, func() bool { // the broker knows it some time after
		_, err := client.ProduceSync(t.Context(), &kgo.Record{Topic: topics.Usage, Timestamp: time.Now().AddDate(0, -1, 0),
			Value: []byte("usage")}).First()
		require.NoError(t, err)
		var last *kgo.Record
		client.PollFetches(t.Context()).EachRecord(func(r *kgo.Record) { last = r })
		return last != nil && last.Timestamp.After(time.Now().Add(-24*time.Hour))
	}, time.Minute, 50*time.Millisecond)
}
