package kafka

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
)

var cleanOptions = []kfake.Opt{kfake.NumBrokers(1)}

func with(t *testing.T, dir string, use func(addr string)) {
	b, err := Start(t.Context(), Options{Dir: dir})
	require.NoError(t, err)
	use(b.Addr())
	require.NoError(t, b.Stop(t.Context()))
}

func write(t *testing.T, addr, topic string, messages ...kafkago.Message) {
	w := &kafkago.Writer{Addr: kafkago.TCP(addr), Topic: topic, RequiredAcks: kafkago.RequireAll, BatchTimeout: time.Millisecond}
	for _, m := range messages { // a batch each
		require.NoError(t, w.WriteMessages(t.Context(), m))
	}
	require.NoError(t, w.Close())
}

func read(t *testing.T, addr, topic string) (got []string) {
	conn, err := kafkago.DialLeader(t.Context(), "tcp", addr, topic, 0)
	require.NoError(t, err)
	defer conn.Close()
	first, last, err := conn.ReadOffsets()
	require.NoError(t, err)
	for at := first; at < last; {
		_, err := conn.Seek(at, kafkago.SeekAbsolute)
		require.NoError(t, err)
		m, err := conn.ReadMessage(1 << 20)
		require.NoError(t, err)
		got = append(got, fmt.Sprintf("%d %s=%s", m.Offset, m.Key, m.Value))
		at = m.Offset + 1
	}
	return append(got, fmt.Sprintf("next %d", last))
}

// logs makes a folder with a compacted topic and one whose messages are past their retention.
func logs(t *testing.T) string {
	dir := t.TempDir()
	with(t, dir, func(addr string) {
		client := &kafkago.Client{Addr: kafkago.TCP(addr)}
		res, err := client.CreateTopics(t.Context(), &kafkago.CreateTopicsRequest{Topics: []kafkago.TopicConfig{
			{Topic: "counters", NumPartitions: 1, ReplicationFactor: 1,
				ConfigEntries: []kafkago.ConfigEntry{{ConfigName: "cleanup.policy", ConfigValue: "compact"}}},
			{Topic: "usage", NumPartitions: 1, ReplicationFactor: 1,
				ConfigEntries: []kafkago.ConfigEntry{{ConfigName: "retention.ms", ConfigValue: "1"}}},
		}})
		require.NoError(t, err)
		for _, err := range res.Errors {
			require.NoError(t, err)
		}
		for i := range 3 {
			for _, key := range []string{"a", "b"} {
				write(t, addr, "counters", kafkago.Message{Key: []byte(key), Value: fmt.Append(nil, i)})
			}
			write(t, addr, "usage", kafkago.Message{Value: fmt.Append(nil, i), Time: time.UnixMilli(1)})
		}
	})
	return dir
}

func TestCleaningKeepsTheNewestOfEachKeyAndEveryNextOffset(t *testing.T) {
	dir := logs(t)
	require.NoError(t, clean(dir, nil, cleanOptions))
	for range 2 { // the last batch is not a part of the cleaning, as in Apache Kafka the active segment is not
		with(t, dir, func(addr string) {
			require.Equal(t, []string{"3 b=1", "4 a=2", "5 b=2", "next 6"}, read(t, addr, "counters"))
			usage := read(t, addr, "usage")
			require.Equal(t, "next 3", usage[len(usage)-1])
		})
	}
	with(t, dir, func(addr string) {
		write(t, addr, "counters", kafkago.Message{Key: []byte("a"), Value: []byte("3")})
		write(t, addr, "usage", kafkago.Message{Value: []byte("3")})
		counters, usage := read(t, addr, "counters"), read(t, addr, "usage")
		require.Equal(t, []string{"3 b=1", "4 a=2", "5 b=2", "6 a=3", "next 7"}, counters)
		require.Equal(t, []string{"3 =3", "next 4"}, usage[len(usage)-2:])
	})
}

func TestACleaningThatIsCutOffAnywhereLosesNothing(t *testing.T) {
	whole := []string{"0 a=0", "1 b=0", "2 a=1", "3 b=1", "4 a=2", "5 b=2", "next 6"}
	cleaned := []string{"3 b=1", "4 a=2", "5 b=2", "next 6"}
	rename := func(t *testing.T, from, to string) { require.NoError(t, os.Rename(from, to)) }
	for name, c := range map[string]struct {
		cut  func(t *testing.T, dir string)
		want []string
	}{
		"while copying": {func(t *testing.T, dir string) {
			require.NoError(t, os.MkdirAll(filepath.Join(nextOf(dir), "partitions"), 0o755))
		}, whole},
		"between the renames": {func(t *testing.T, dir string) {
			require.NoError(t, linkTree(logOf(dir), nextOf(dir)))
			rename(t, logOf(dir), lastOf(dir))
		}, whole},
		"before the old one is removed": {func(t *testing.T, dir string) {
			require.NoError(t, linkTree(logOf(dir), filepath.Join(dir, "kept")))
			require.NoError(t, clean(dir, nil, cleanOptions))
			rename(t, filepath.Join(dir, "kept"), lastOf(dir))
		}, cleaned},
	} {
		t.Run(name, func(t *testing.T) {
			dir := logs(t)
			c.cut(t, dir)
			with(t, dir, func(addr string) { require.Equal(t, c.want, read(t, addr, "counters")) })
			require.NoDirExists(t, nextOf(dir))
			require.NoDirExists(t, lastOf(dir))
		})
	}
}

func TestARunningBrokerIsCleanedAndServesTheSameAddress(t *testing.T) {
	dir := logs(t)
	b, err := Start(t.Context(), Options{Dir: dir})
	require.NoError(t, err)
	defer b.Stop(t.Context())
	addr := b.Addr()
	w := &kafkago.Writer{Addr: kafkago.TCP(addr), Topic: "counters", RequiredAcks: kafkago.RequireAll, BatchTimeout: time.Millisecond}
	defer w.Close()
	require.NoError(t, w.WriteMessages(t.Context(), kafkago.Message{Key: []byte("a"), Value: []byte("3")}))
	require.NoError(t, b.clean())
	require.Equal(t, addr, b.Addr())
	require.NoError(t, w.WriteMessages(t.Context(), kafkago.Message{Key: []byte("b"), Value: []byte("3")}), "a client goes on")
	require.Equal(t, []string{"4 a=2", "5 b=2", "6 a=3", "7 b=3", "next 8"}, read(t, addr, "counters"))
}

func TestALogIsCleanedWhenItHasGrownByHalfAndOnceADay(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.MkdirAll(logOf(dir), 0o755))
	grow := func(size int64) {
		f, err := os.Create(filepath.Join(logOf(dir), "0.dat"))
		require.NoError(t, err)
		require.NoError(t, f.Truncate(size))
		require.NoError(t, f.Close())
	}
	stamp := func(left int64, ago time.Duration) {
		require.NoError(t, os.WriteFile(stampOf(dir), fmt.Append(nil, left), 0o600))
		require.NoError(t, os.Chtimes(stampOf(dir), time.Time{}, time.Now().Add(-ago)))
	}
	grow(cleanFrom - 1)
	require.False(t, due(dir), "it is small")
	grow(cleanFrom)
	require.True(t, due(dir), "it never was")
	stamp(cleanFrom/2, cleanEvery+time.Minute)
	require.True(t, due(dir), "it has doubled")
	stamp(cleanFrom/2, cleanEvery-time.Minute)
	require.False(t, due(dir), "it was a while ago")
	stamp(cleanFrom-1, cleanEvery+time.Minute)
	require.False(t, due(dir), "it has hardly grown")
	stamp(cleanFrom-1, cleanDaily)
	require.True(t, due(dir), "it was yesterday")
}
