package kafka_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/internal/broker"
	"ratemill/internal/embedded/kafka"
)

// TestAKilledBrokerComesBackInBoundedMemory: however long its log is.
func TestAKilledBrokerComesBackInBoundedMemory(t *testing.T) {
	const partitions, messages, size = 4, 240, 1 << 20
	options := kafka.Options{Dir: t.TempDir()}
	b, err := kafka.StartChild(t.Context(), options)
	require.NoError(t, err)
	options.Listen = b.Addr()
	k := broker.NewKafka(broker.KafkaOptions{Addresses: []string{b.Addr()}})
	defer k.Close()
	topics := broker.TopicsUnder("memory")
	_, err = k.EnsureTopics(t.Context(), 1, topics.All(partitions, time.Hour, time.Hour))
	require.NoError(t, err)
	message := bytes.Repeat([]byte("usage "), size/6)
	for i := range messages {
		_, err := k.Append(t.Context(), topics.Rated, i%partitions, []broker.Message{{Value: message}, {Value: message}}).Wait(t.Context())
		require.NoError(t, err)
	}
	b.Kill()

	b, err = kafka.StartChild(t.Context(), options)
	require.NoError(t, err)
	defer b.Kill()
	k = broker.NewKafka(broker.KafkaOptions{Addresses: []string{b.Addr()}}) // the other's connections are broken
	defer k.Close()
	for p := range partitions {
		_, end, err := k.Bounds(t.Context(), topics.Rated, p)
		require.NoError(t, err)
		require.EqualValues(t, 2*messages/partitions, end)
		var got []broker.Message
		for next := int64(0); next < end; next = got[len(got)-1].Offset + 1 {
			got, err = k.Fetch(t.Context(), topics.Rated, p, next, time.Second, got[:0])
			require.NoError(t, err)
			for _, m := range got {
				require.Equal(t, len(message), len(m.Value))
			}
		}
	}
	peak := most(t, b.PID())
	t.Logf("%d MB", peak>>20)
	require.Less(t, peak, 300<<20, "of a log of %d MB", 2*messages*size>>20)
}

// most is the most memory that a process had, in bytes.
func most(t *testing.T, pid int) int {
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "status"))
	require.NoError(t, err)
	_, after, found := strings.Cut(string(text), "VmHWM:")
	require.True(t, found)
	kib, err := strconv.Atoi(strings.Fields(after)[0])
	require.NoError(t, err)
	return kib << 10
}
