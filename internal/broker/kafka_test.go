package broker_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"ratemill/internal/broker"
	embedded "ratemill/internal/embedded/kafka"
	"ratemill/internal/proof/testengine"
)

// each runs a test against the embedded broker and against Apache Kafka, with topics of one partition for it alone.
func each(t *testing.T, test func(t *testing.T, k *broker.Kafka, addr string, topics broker.Topics)) {
	for name, addr := range map[string]func(testing.TB) string{
		"embedded": func(t testing.TB) string { return testengine.SharedEmbeddedKafka(t).Addr() },
		"apache":   func(t testing.TB) string { return testengine.SharedKafka(t).Addr },
	} {
		t.Run(name, func(t *testing.T) {
			addr := addr(t)
			k := broker.NewKafka(broker.KafkaOptions{Addresses: []string{addr}, ClientID: "test"})
			t.Cleanup(k.Close)
			topics := broker.TopicsUnder(strings.ReplaceAll(t.Name(), "/", "-"))
			test(t, k, addr, topics)
		})
	}
}

// ensure makes the topics.
func ensure(t *testing.T, k *broker.Kafka, topics broker.Topics) {
	notes, err := k.EnsureTopics(t.Context(), 1, topics.All(1, time.Hour, 2*time.Hour))
	require.NoError(t, err)
	require.Empty(t, notes)
	require.Eventually(t, func() bool { // a topic is there some time after it was made
		for _, topic := range []string{topics.Usage, topics.Rated, topics.Checkpoint, topics.Installation} {
			if _, _, err := k.Bounds(t.Context(), topic, 0); err != nil {
				return false
			}
		}
		return true
	}, 30*time.Second, 20*time.Millisecond)
}

func add(t *testing.T, k *broker.Kafka, topic string, messages ...broker.Message) int64 {
	base, err := k.Append(t.Context(), topic, 0, messages).Wait(t.Context())
	require.NoError(t, err)
	return base
}

// all reads a topic as owners and sinks do.
func all(t *testing.T, k *broker.Kafka, topic string, from int64) (got []broker.Message) {
	_, end, err := k.Bounds(t.Context(), topic, 0)
	require.NoError(t, err)
	for from < end {
		messages, err := k.Fetch(t.Context(), topic, 0, from, time.Second, nil)
		require.NoError(t, err)
		for _, m := range messages {
			require.GreaterOrEqual(t, m.Offset, from)
			got, from = append(got, m), m.Offset+1
		}
	}
	return got
}

func TestWhatIsAppendedIsFetched(t *testing.T) {
	each(t, func(t *testing.T, k *broker.Kafka, _ string, topics broker.Topics) {
		ensure(t, k, topics)
		first, end, err := k.Bounds(t.Context(), topics.Checkpoint, 0)
		require.NoError(t, err)
		require.Equal(t, [2]int64{0, 0}, [2]int64{first, end})
		messages := []broker.Message{
			{Key: []byte("a"), Value: []byte("1"), Offset: 0},
			{Key: []byte("a"), Offset: 1}, // a tombstone stays one
			{Key: []byte("b"), Value: []byte{}, Offset: 2},
		}
		require.EqualValues(t, 0, add(t, k, topics.Checkpoint, messages[:2]...))
		require.EqualValues(t, 2, add(t, k, topics.Checkpoint, messages[2]))
		got := all(t, k, topics.Checkpoint, 0)
		require.Equal(t, messages, got)
		require.Nil(t, got[1].Value)
		require.NotNil(t, got[2].Value)
		require.Equal(t, messages[1:], all(t, k, topics.Checkpoint, 1), "from the middle of a batch")
		none, err := k.Fetch(t.Context(), topics.Checkpoint, 0, 3, 10*time.Millisecond, nil)
		require.NoError(t, err)
		require.Empty(t, none)
		_, err = k.Fetch(t.Context(), topics.Checkpoint, 0, 9, 10*time.Millisecond, nil)
		require.True(t, broker.Unavailable(err), "what is beyond the end may come: %v", err)
		var ended *broker.EndedError
		require.ErrorAs(t, err, &ended)
	})
}

// TestABatchThatAFetchCutsIsReadWhole: a fetch has room for 4 MiB.
func TestABatchThatAFetchCutsIsReadWhole(t *testing.T) {
	each(t, func(t *testing.T, k *broker.Kafka, _ string, topics broker.Topics) {
		ensure(t, k, topics)
		var want []int
		for batch := range 3 {
			var messages []broker.Message
			for i := range 6 {
				size := 400_000 + 10_000*batch + i
				want = append(want, size)
				messages = append(messages, broker.Message{Value: bytes.Repeat([]byte{byte(size)}, size)})
			}
			add(t, k, topics.Rated, messages...)
		}
		add(t, k, topics.Rated, broker.Message{Value: make([]byte, 7<<20)}) // larger than a fetch
		for i, m := range all(t, k, topics.Rated, 0) {
			require.EqualValues(t, i, m.Offset)
			if i == len(want) {
				require.Len(t, m.Value, 7<<20)
				continue
			}
			require.Equal(t, bytes.Repeat([]byte{byte(want[i])}, want[i]), m.Value)
		}
	})
}

func TestAMessageThatIsTooLargeSaysSo(t *testing.T) {
	each(t, func(t *testing.T, k *broker.Kafka, _ string, topics broker.Topics) {
		ensure(t, k, topics)
		_, err := k.Append(t.Context(), topics.Rated, 0, []broker.Message{{Value: make([]byte, broker.MaxMessageBytes)}}).Wait(t.Context())
		require.ErrorIs(t, err, broker.ErrTooLarge)
		require.False(t, broker.Unavailable(err), "waiting does not help")
		require.EqualValues(t, 0, add(t, k, topics.Rated, broker.Message{Value: []byte("small")}))
	})
}

func TestAnOffsetThatIsGoneSaysSo(t *testing.T) {
	each(t, func(t *testing.T, k *broker.Kafka, addr string, topics broker.Topics) {
		ensure(t, k, topics)
		for i := range 5 {
			add(t, k, topics.Usage, broker.Message{Value: fmt.Append(nil, i)})
		}
		client, err := kgo.NewClient(kgo.SeedBrokers(addr))
		require.NoError(t, err)
		defer client.Close()
		req := kmsg.NewPtrDeleteRecordsRequest()
		req.Topics = []kmsg.DeleteRecordsRequestTopic{{Topic: topics.Usage, Partitions: []kmsg.DeleteRecordsRequestTopicPartition{{Offset: 3}}}}
		res, err := req.RequestWith(t.Context(), client)
		require.NoError(t, err)
		require.Zero(t, res.Topics[0].Partitions[0].ErrorCode)
		_, err = k.Fetch(t.Context(), topics.Usage, 0, 1, time.Second, nil)
		var gone *broker.OffsetGoneError
		require.ErrorAs(t, err, &gone)
		require.Equal(t, broker.OffsetGoneError{Topic: topics.Usage, Wanted: 1, First: 3}, *gone)
		first, end, err := k.Bounds(t.Context(), topics.Usage, 0)
		require.NoError(t, err)
		require.Equal(t, [2]int64{3, 5}, [2]int64{first, end})
		require.Len(t, all(t, k, topics.Usage, 3), 2)
	})
}

// TestACompactedTopicIsReadOverItsGaps, on Apache Kafka: what is left of it has the offsets that it had.
func TestACompactedTopicIsReadOverItsGaps(t *testing.T) {
	addr := testengine.SharedKafka(t).Addr
	k := broker.NewKafka(broker.KafkaOptions{Addresses: []string{addr}})
	defer k.Close()
	topics := broker.TopicsUnder(t.Name())
	ensure(t, k, topics)
	alter(t, addr, topics.Checkpoint, map[string]string{"segment.ms": "50", "min.cleanable.dirty.ratio": "0.001", "delete.retention.ms": "1",
		"min.compaction.lag.ms": "0"})
	for i := range 3 {
		add(t, k, topics.Checkpoint, broker.Message{Key: []byte("gone")}, broker.Message{Key: []byte("kept"), Value: fmt.Append(nil, i)})
	}
	var got []broker.Message
	require.Eventually(t, func() bool {
		add(t, k, topics.Checkpoint, broker.Message{Key: []byte("last"), Value: []byte("rolls the segment")})
		got = all(t, k, topics.Checkpoint, 0)
		return string(got[0].Value) == "2"
	}, 60*time.Second, 200*time.Millisecond, "the cleaner came")
	require.EqualValues(t, 5, got[0].Offset)
}

func alter(t *testing.T, addr, topic string, settings map[string]string) {
	client := &kafkago.Client{Addr: kafkago.TCP(addr)}
	var configs []kafkago.IncrementalAlterConfigsRequestConfig
	for name, value := range settings {
		configs = append(configs, kafkago.IncrementalAlterConfigsRequestConfig{Name: name, Value: value})
	}
	res, err := client.IncrementalAlterConfigs(t.Context(),
		&kafkago.IncrementalAlterConfigsRequest{Resources: []kafkago.IncrementalAlterConfigsRequestResource{
			{ResourceType: kafkago.ResourceTypeTopic, ResourceName: topic, Configs: configs},
		}})
	require.NoError(t, err)
	require.NoError(t, res.Resources[0].Error)
}

func TestTopicsThatWouldLoseSomethingAreMendedOrRefused(t *testing.T) {
	each(t, func(t *testing.T, k *broker.Kafka, addr string, topics broker.Topics) {
		ensure(t, k, topics)
		wanted := topics.All(1, time.Hour, 2*time.Hour)
		again, err := k.EnsureTopics(t.Context(), 1, wanted)
		require.NoError(t, err)
		require.Empty(t, again, "as ratemill made them")

		alter(t, addr, topics.Usage, map[string]string{"retention.ms": "60000", "max.message.bytes": "1000"})
		alter(t, addr, topics.Rated, map[string]string{"retention.ms": "864000000"})
		var notes []string
		require.Eventually(t, func() bool {
			notes, err = k.EnsureTopics(t.Context(), 1, wanted)
			return err != nil || len(notes) == 3
		}, 30*time.Second, 50*time.Millisecond)
		require.NoError(t, err)
		require.Contains(t, notes[0], "from max.message.bytes=1000 to 8388608")
		require.Contains(t, notes[1], "from retention.ms=60000 to 3600000")
		require.Contains(t, notes[2], "keeps messages longer than configured")
		require.Eventually(t, func() bool {
			notes, err = k.EnsureTopics(t.Context(), 1, wanted)
			return err == nil && len(notes) == 1
		}, 30*time.Second, 50*time.Millisecond, "mended once")

		_, err = k.EnsureTopics(t.Context(), 1, topics.All(2, time.Hour, 2*time.Hour))
		require.ErrorContains(t, err, "has 1 partitions, but ratemill was set up with 2")

		alter(t, addr, topics.Checkpoint, map[string]string{"cleanup.policy": "compact,delete"})
		require.Eventually(t, func() bool {
			_, err = k.EnsureTopics(t.Context(), 1, wanted)
			return err != nil
		}, 30*time.Second, 50*time.Millisecond)
		require.ErrorContains(t, err, topics.Checkpoint+
			" has cleanup.policy=compact,delete, but ratemill needs compact: checkpoints must be compacted and never deleted, or counters are lost")
		require.False(t, broker.Unavailable(err), "nobody waits for that")
	})
}

func TestABrokerThatIsAwayIsUnavailableUntilItIsBack(t *testing.T) {
	dir := t.TempDir()
	start := func(listen string) *embedded.Broker {
		b, err := embedded.StartChild(t.Context(), embedded.Options{Dir: dir, Listen: listen})
		require.NoError(t, err)
		t.Cleanup(b.Kill)
		return b
	}
	b := start("")
	k := broker.NewKafka(broker.KafkaOptions{Addresses: []string{b.Addr()}})
	defer k.Close()
	topics := broker.TopicsUnder("away")
	ensure(t, k, topics)
	add(t, k, topics.Usage, broker.Message{Value: []byte("before")})
	b.Kill()
	<-b.Wait()
	_, err := k.Append(t.Context(), topics.Usage, 0, []broker.Message{{Value: []byte("lost")}}).Wait(t.Context())
	require.True(t, broker.Unavailable(err), "%v", err)
	_, err = k.Fetch(t.Context(), topics.Usage, 0, 0, time.Second, nil)
	require.True(t, broker.Unavailable(err), "%v", err)
	_, _, err = k.Bounds(t.Context(), topics.Usage, 0)
	require.True(t, broker.Unavailable(err), "%v", err)
	start(b.Addr())
	require.Eventually(t, func() bool {
		_, err := k.Append(t.Context(), topics.Usage, 0, []broker.Message{{Value: []byte("after")}}).Wait(t.Context())
		return err == nil
	}, 30*time.Second, 50*time.Millisecond)
	got := all(t, k, topics.Usage, 0)
	require.Equal(t, "before", string(got[0].Value))
	require.Equal(t, "after", string(got[len(got)-1].Value))

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = k.Append(ctx, topics.Usage, 0, []broker.Message{{Value: []byte("x")}}).Wait(ctx)
	require.ErrorIs(t, err, context.Canceled)
}
