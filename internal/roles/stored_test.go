package roles

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"

	"ratemill/internal/broker"
	"ratemill/internal/proof/testengine"
)

// client speaks to the broker as anybody who has the password may.
func (w *world) client() *kafka.Client {
	return &kafka.Client{Addr: kafka.TCP(w.KafkaAddress), Transport: &kafka.Transport{SASL: w.Dialer().SASLMechanism}}
}

// committed waits until a group has committed the end of a topic's partition.
func (w *world) committed(group, topic string, partition int) {
	for {
		_, end, err := w.Kafka.Bounds(w.Context(), topic, partition)
		require.NoError(w, err)
		res, err := w.client().OffsetFetch(w.Context(), &kafka.OffsetFetchRequest{GroupID: group,
			Topics: map[string][]int{topic: {partition}}})
		require.NoError(w, err)
		if got := res.Topics[topic]; len(got) == 1 && got[0].CommittedOffset == end {
			return
		}
		require.NoError(w, clock.Sleep(clock{}, w.Context(), 100*time.Millisecond))
	}
}

// pastRetention makes all messages of a topic past their retention, as by a clock that is far ahead.
func (w *world) pastRetention(topics ...string) {
	for _, topic := range topics {
		res, err := w.client().IncrementalAlterConfigs(w.Context(),
			&kafka.IncrementalAlterConfigsRequest{Resources: []kafka.IncrementalAlterConfigsRequestResource{
				{ResourceType: kafka.ResourceTypeTopic, ResourceName: topic,
					Configs: []kafka.IncrementalAlterConfigsRequestConfig{{Name: "retention.ms", Value: "1"}}}}})
		require.NoError(w, err)
		require.NoError(w, res.Resources[0].Error)
	}
}

// isDue makes the log so large that it is cleaned at the next start.
func (w *world) isDue() {
	dir := filepath.Join(w.config.Data, "kafka")
	require.NoError(w, os.WriteFile(filepath.Join(dir, "log", "big.idx"), nil, 0o600))
	require.NoError(w, os.Truncate(filepath.Join(dir, "log", "big.idx"), 64<<20))
	require.NoError(w, os.RemoveAll(filepath.Join(dir, "cleaned")))
}

func TestTheEmbeddedKafkaDeletesWhatIsStoredElsewhereAndNothingElse(t *testing.T) {
	w := newWorld(t, "stored")
	w.config.Kafka.Addresses, w.config.Kafka.Listen, w.config.Kafka.Partitions = nil, testengine.FreeAddress(t), 1
	w.config.Rating.Checkpoint = time.Second
	groups := broker.StoredUnder("stored")
	w.start(Roles...)
	w.imports(w.docs["registry.yaml"])
	w.drop("sky/rated.csv", header+record(1, 1, 1000))
	w.settled(1)
	w.committed(groups.Rating, w.Topics.Usage, 0)
	w.committed(groups.Rating, w.Topics.Rated, 0)
	w.committed(groups.Warehouse, w.Topics.Rated, 0)
	_, rated, err := w.Kafka.Bounds(t.Context(), w.Topics.Usage, 0)
	require.NoError(t, err)

	w.start(Mediation) // nobody rates
	for i := range 3 {
		w.drop(fmt.Sprintf("sky/waits-%d.csv", i), header+record(1, 10+i, 2000))
	}
	w.unrated(rated, 6) // each has a batch and an end
	w.pastRetention(w.Topics.Usage, w.Topics.Rated)
	w.stop()
	w.isDue()

	w.start(Rating) // and nobody stores: the log is cleaned by the start
	first, _, err := w.Kafka.Bounds(t.Context(), w.Topics.Usage, 0)
	require.NoError(t, err)
	require.Equal(t, rated, first, "what is rated and in a checkpoint has gone, and nothing else")
	w.committed(groups.Rating, w.Topics.Usage, 0)
	w.committed(groups.Rating, w.Topics.Rated, 0)
	w.pastRetention(w.Topics.Usage, w.Topics.Rated)
	w.stop()
	w.isDue()

	w.start(Roles...)
	balances := w.settled(4)
	for _, name := range []string{"rated.csv", "waits-0.csv", "waits-1.csv", "waits-2.csv"} {
		require.EqualValues(t, 1, balances[name].Rated, name)
	}
	w.noneStopped()
}

// unrated waits until so many messages of usage wait from an offset on.
func (w *world) unrated(from, messages int64) {
	for {
		_, end, err := w.Kafka.Bounds(w.Context(), w.Topics.Usage, 0)
		require.NoError(w, err)
		if end >= from+messages {
			return
		}
		require.NoError(w, clock.Sleep(clock{}, w.Context(), 20*time.Millisecond))
	}
}

func TestUsageThatWaitsForHalfOfItsRetentionIsTold(t *testing.T) {
	w := newWorld(t, "expiring")
	w.config.Listen, w.config.Kafka.Partitions = testengine.FreeAddress(t), 1
	w.config.Kafka.UsageFor, w.config.Kafka.RatedFor = 2*time.Second, 2*time.Hour
	w.start(Mediation) // nobody rates
	w.imports(w.docs["registry.yaml"])
	w.drop("sky/a.csv", header+record(1, 1, 1000))
	w.unrated(0, 2)
	w.tells(map[string]float64{`mediation_expiring_batches{partition="0",stage="rating"}`: 2,
		`mediation_expiring_batches{partition="0",stage="warehouse"}`: 0})
	w.start(Roles...)
	w.settled(1)
	w.tells(map[string]float64{`mediation_expiring_batches{partition="0",stage="rating"}`: 0})
}
