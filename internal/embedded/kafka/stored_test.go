package kafka

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"
)

// commit is the commit of a role that has stored everything before an offset.
func commit(t *testing.T, addr, group string, offset int64) {
	client := &kafkago.Client{Addr: kafkago.TCP(addr)}
	res, err := client.OffsetCommit(t.Context(), &kafkago.OffsetCommitRequest{GroupID: group, GenerationID: -1,
		Topics: map[string][]kafkago.OffsetCommit{"usage": {{Partition: 0, Offset: offset}}}})
	require.NoError(t, err)
	require.NoError(t, res.Topics["usage"][0].Error)
}

// stored says who stores what of the topic whose messages are all past their retention.
var stored = map[string][]string{"usage": {"raters", "sinks"}}

func TestWhatIsNotStoredElsewhereIsKeptWhateverTheClockSays(t *testing.T) {
	dir := logs(t)
	cleans := func() { require.NoError(t, clean(dir, stored, cleanOptions)) }
	has := func(want ...string) {
		t.Helper()
		for range 2 { // and at the next start
			with(t, dir, func(addr string) { require.Equal(t, want, read(t, addr, "usage")) })
		}
	}
	cleans()
	has("0 =0", "1 =1", "2 =2", "next 3") // nobody said that it has stored anything
	with(t, dir, func(addr string) { commit(t, addr, "raters", 3) })
	cleans()
	has("0 =0", "1 =1", "2 =2", "next 3") // the others have not
	with(t, dir, func(addr string) { commit(t, addr, "sinks", 2) })
	cleans()
	has("2 =2", "next 3")
	with(t, dir, func(addr string) {
		write(t, addr, "usage", kafkago.Message{Value: []byte("3"), Time: time.UnixMilli(1)})
		write(t, addr, "usage", kafkago.Message{Value: []byte("4"), Time: time.UnixMilli(1)})
		commit(t, addr, "raters", 5)
		commit(t, addr, "sinks", 3)
	})
	cleans()
	has("3 =3", "4 =4", "next 5")
	with(t, dir, func(addr string) { commit(t, addr, "sinks", 1) }) // a store of yesterday came back
	cleans()
	has("3 =3", "4 =4", "next 5")
	with(t, dir, func(addr string) { commit(t, addr, "sinks", 5) })
	cleans()
	with(t, dir, func(addr string) {
		got := read(t, addr, "usage")
		require.Equal(t, "next 5", got[len(got)-1], "the next offset is known still")
	})
}

func TestWhatIsNotStoredElsewhereIsKeptAfterKillToo(t *testing.T) {
	dir := logs(t)
	with(t, dir, func(addr string) { commit(t, addr, "raters", 3); commit(t, addr, "sinks", 1) })
	snapshots, err := filepath.Glob(filepath.Join(logOf(dir), "partitions", "*", snapshotFile))
	require.NoError(t, err)
	require.Len(t, snapshots, 2)
	for _, s := range snapshots { // a broker that was killed leaves none
		require.NoError(t, os.Remove(s))
	}
	require.NoError(t, clean(dir, stored, cleanOptions))
	with(t, dir, func(addr string) {
		require.Equal(t, []string{"1 =1", "2 =2", "next 3"}, read(t, addr, "usage"))
		require.Equal(t, []string{"3 b=1", "4 a=2", "5 b=2", "next 6"}, read(t, addr, "counters"))
	})
}

func TestSegmentsThatAreStoredElsewhereGoAndTheOthersStay(t *testing.T) {
	dir := t.TempDir()
	with(t, dir, func(addr string) {
		client := &kafkago.Client{Addr: kafkago.TCP(addr)}
		_, err := client.CreateTopics(t.Context(), &kafkago.CreateTopicsRequest{Topics: []kafkago.TopicConfig{{Topic: "usage",
			NumPartitions: 1, ReplicationFactor: 1,
			ConfigEntries: []kafkago.ConfigEntry{{ConfigName: "retention.ms", ConfigValue: "1"},
				{ConfigName: "segment.bytes", ConfigValue: "100"}}}}})
		require.NoError(t, err)
		for i := range 10 {
			write(t, addr, "usage", kafkago.Message{Value: fmt.Append(nil, i), Time: time.UnixMilli(1)})
		}
		commit(t, addr, "raters", 9)
		commit(t, addr, "sinks", 7)
	})
	segments := func() int {
		found, err := filepath.Glob(filepath.Join(logOf(dir), "partitions", "usage-0", "*.dat"))
		require.NoError(t, err)
		return len(found)
	}
	before := segments()
	require.Greater(t, before, 4)
	require.NoError(t, clean(dir, stored, cleanOptions))
	require.Less(t, segments(), before)
	with(t, dir, func(addr string) {
		require.Equal(t, []string{"7 =7", "8 =8", "9 =9", "next 10"}, read(t, addr, "usage"))
		write(t, addr, "usage", kafkago.Message{Value: []byte("10")})
		require.Equal(t, []string{"7 =7", "8 =8", "9 =9", "10 =10", "next 11"}, read(t, addr, "usage"))
	})
}
