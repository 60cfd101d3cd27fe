package kafka_test

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"

	"ratemill/internal/embedded"
	"ratemill/internal/embedded/kafka"
)

func TestMain(m *testing.M) {
	embedded.RunIfChild()
	os.Exit(m.Run())
}

// both runs the test against a broker in this process and one in a child.
func both(t *testing.T, test func(t *testing.T, start func(kafka.Options) *kafka.Broker)) {
	for name, start := range map[string]func(context.Context, kafka.Options) (*kafka.Broker, error){"here": kafka.Start,
		"child": kafka.StartChild} {
		t.Run(name, func(t *testing.T) {
			test(t, func(o kafka.Options) *kafka.Broker {
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				b, err := start(ctx, o)
				require.NoError(t, err)
				t.Cleanup(b.Kill)
				return b
			})
		})
	}
}

func create(t testing.TB, addr string, topics ...kafkago.TopicConfig) {
	client := &kafkago.Client{Addr: kafkago.TCP(addr)}
	res, err := client.CreateTopics(t.Context(), &kafkago.CreateTopicsRequest{Topics: topics})
	require.NoError(t, err)
	for topic, err := range res.Errors {
		require.NoError(t, err, topic)
	}
}

func produce(t testing.TB, addr, topic string, from, to int) {
	w := &kafkago.Writer{Addr: kafkago.TCP(addr), Topic: topic, Balancer: &kafkago.Hash{}, RequiredAcks: kafkago.RequireAll,
		BatchTimeout: time.Millisecond}
	var messages []kafkago.Message
	for i := from; i < to; i++ {
		messages = append(messages, kafkago.Message{Key: fmt.Append(nil, i), Value: fmt.Append(nil, i)})
	}
	require.NoError(t, w.WriteMessages(t.Context(), messages...))
	require.NoError(t, w.Close())
}

// consume reads until it has n of the numbers that wanted reports, with a group of the given number of members, each of
// which must have got some.
func consume(t testing.TB, addr, topic, group string, members, n int, wanted func(int) bool) []int {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var mu sync.Mutex
	got := map[int]bool{}
	had := make([]int, members)
	var wg sync.WaitGroup
	for m := range members {
		wg.Go(func() {
			r := kafkago.NewReader(kafkago.ReaderConfig{Brokers: []string{addr}, GroupID: group, Topic: topic, MaxWait: 50 * time.Millisecond,
				StartOffset: kafkago.FirstOffset})
			defer r.Close()
			for {
				message, err := r.FetchMessage(ctx)
				if err != nil {
					return
				}
				if err := r.CommitMessages(ctx, message); err != nil {
					return
				}
				var i int
				fmt.Sscan(string(message.Value), &i)
				mu.Lock()
				had[m]++
				if wanted(i) {
					got[i] = true
				}
				if len(got) == n && !slices.Contains(had, 0) {
					cancel()
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	require.NotErrorIs(t, ctx.Err(), context.DeadlineExceeded, "read %d of %d, members had %v", len(got), n, had)
	return slices.Sorted(maps.Keys(got))
}

func all(int) bool { return true }

func numbers(n int) (all []int) {
	for i := range n {
		all = append(all, i)
	}
	return all
}

func TestAGroupOfTwoSharesATopic(t *testing.T) {
	both(t, func(t *testing.T, start func(kafka.Options) *kafka.Broker) {
		b := start(kafka.Options{Dir: t.TempDir()})
		create(t, b.Addr(), kafkago.TopicConfig{Topic: "usage", NumPartitions: 4, ReplicationFactor: 1})
		produce(t, b.Addr(), "usage", 0, 400)
		// The second member may join when the first has read all, so there is more to read until both had some.
		enough, stopped := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(stopped)
			for i := 400; ; i++ {
				select {
				case <-enough:
					return
				default:
					produce(t, b.Addr(), "usage", i, i+1)
				}
			}
		}()
		got := consume(t, b.Addr(), "usage", "rating", 2, 400, func(i int) bool { return i < 400 })
		close(enough)
		<-stopped
		require.Equal(t, numbers(400), got)
	})
}

func TestACompactedTopicIsAccepted(t *testing.T) {
	both(t, func(t *testing.T, start func(kafka.Options) *kafka.Broker) {
		b := start(kafka.Options{Dir: t.TempDir()})
		create(t, b.Addr(), kafkago.TopicConfig{Topic: "counters", NumPartitions: 1, ReplicationFactor: 1, ConfigEntries: []kafkago.ConfigEntry{
			{ConfigName: "cleanup.policy", ConfigValue: "compact"}, {ConfigName: "max.message.bytes", ConfigValue: "4194304"}}})
		client := &kafkago.Client{Addr: kafkago.TCP(b.Addr())}
		res, err := client.DescribeConfigs(t.Context(), &kafkago.DescribeConfigsRequest{Resources: []kafkago.DescribeConfigRequestResource{
			{ResourceType: kafkago.ResourceTypeTopic, ResourceName: "counters", ConfigNames: []string{"cleanup.policy", "max.message.bytes"}}}})
		require.NoError(t, err)
		got := map[string]string{}
		for _, e := range res.Resources[0].ConfigEntries {
			got[e.ConfigName] = e.ConfigValue
		}
		require.Equal(t, map[string]string{"cleanup.policy": "compact", "max.message.bytes": "4194304"}, got)
	})
}

func TestABigMessageFits(t *testing.T) {
	b, err := kafka.Start(t.Context(), kafka.Options{Dir: t.TempDir()})
	require.NoError(t, err)
	defer b.Stop(t.Context())
	create(t, b.Addr(), kafkago.TopicConfig{Topic: "rated", NumPartitions: 1, ReplicationFactor: 1})
	w := &kafkago.Writer{Addr: kafkago.TCP(b.Addr()), Topic: "rated", RequiredAcks: kafkago.RequireAll, BatchBytes: kafka.MaxMessageBytes,
		BatchTimeout: time.Millisecond}
	defer w.Close()
	require.NoError(t, w.WriteMessages(t.Context(), kafkago.Message{Value: []byte(strings.Repeat("r", 7<<20))}))
	r := kafkago.NewReader(kafkago.ReaderConfig{Brokers: []string{b.Addr()}, Topic: "rated", MaxBytes: kafka.MaxMessageBytes})
	defer r.Close()
	m, err := r.ReadMessage(t.Context())
	require.NoError(t, err)
	require.Len(t, m.Value, 7<<20)
}

func TestKillLosesNothingAcknowledged(t *testing.T) {
	dir := t.TempDir()
	open := func() *kafka.Broker {
		b, err := kafka.StartChild(t.Context(), kafka.Options{Dir: dir})
		require.NoError(t, err)
		t.Cleanup(b.Kill)
		return b
	}
	b := open()
	create(t, b.Addr(), kafkago.TopicConfig{Topic: "usage", NumPartitions: 4, ReplicationFactor: 1})
	for round := range 4 {
		produce(t, b.Addr(), "usage", round*500, round*500+500)
		if round == 1 {
			require.Equal(t, numbers(1000), consume(t, b.Addr(), "usage", "rating", 1, 1000, all))
		}
		b.Kill()
		require.Error(t, <-b.Wait())
		b = open()
	}
	require.Equal(t, numbers(2000), consume(t, b.Addr(), "usage", "another", 1, 2000, all))
	require.Equal(t, numbers(2000)[1000:], consume(t, b.Addr(), "usage", "rating", 1, 1000, all), "the group's offsets are kept too")
}

func TestTwoBrokersCannotShareAFolder(t *testing.T) {
	both(t, func(t *testing.T, start func(kafka.Options) *kafka.Broker) {
		dir := t.TempDir()
		start(kafka.Options{Dir: dir})
		_, err := kafka.StartChild(t.Context(), kafka.Options{Dir: dir})
		require.ErrorContains(t, err, "of a running `ratemill run` or `ratemill demo`; stop that process first")
	})
}

func TestAnAddressThatIsTakenSaysSo(t *testing.T) {
	b, err := kafka.Start(t.Context(), kafka.Options{Dir: t.TempDir()})
	require.NoError(t, err)
	defer b.Stop(t.Context())
	_, err = kafka.StartChild(t.Context(), kafka.Options{Dir: t.TempDir(), Listen: b.Addr()})
	require.EqualError(t, err, b.Addr()+" is in use by another program; choose another address with kafka.listen, or port 0 for any")
	_, err = kafka.Start(t.Context(), kafka.Options{Dir: t.TempDir(), Listen: "0.0.0.0:0"})
	require.ErrorContains(t, err, "loopback only")
}
