package roles

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"

	"ratemill/internal/warehouse"
)

// peak samples the heap until its result is asked for: how much more was in use at a time than at the beginning, in MiB.
func peak() func() int {
	heap := func() int {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int(m.HeapAlloc >> 20)
	}
	runtime.GC()
	before, most := heap(), 0
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			most = max(most, heap()-before)
			select {
			case <-done:
				return
			case <-time.After(2 * time.Millisecond):
			}
		}
	}()
	return func() int {
		close(done)
		<-ended
		return most
	}
}

// If every part of one long line waits, suspense keeps the line as often as fits, and every part comes back.
func TestALongRecordWhosePartsAllWaitIsKeptAFewTimes(t *testing.T) {
	w := newWorld(t, "fanout_waits")
	w.start(Roles...)
	w.imports(w.docs["registry.yaml"])
	const parts, most = 600, 1000
	var b strings.Builder
	line := func(n int, pad int) {
		b.WriteString(`{"at":1773702602,"used":[`)
		for i := range n {
			if i > 0 {
				b.WriteByte(',')
			}
			fmt.Fprintf(&b, `{"imsi":"214070000000002","volume":%d,"pad":"%s"}`, i+1, strings.Repeat("x", pad))
		}
		b.WriteString("]}\n")
	}
	line(parts, 500)
	line(most+1, 0)
	heap := peak()
	w.drop("chf/a.jsonl", b.String())
	w.settled(1)
	require.Less(t, heap(), 150, "MiB")
	require.Equal(t, []string{"fan,1", "sim_unknown," + fmt.Sprint(parts)},
		w.rows("SELECT code, count() FROM suspense_open GROUP BY code ORDER BY code"))
	require.Equal(t, []string{"1"}, w.rows("SELECT countIf(raw != '') FROM suspense_open WHERE code = 'sim_unknown'"))
	require.Contains(t, w.rows("SELECT reason FROM suspense_open WHERE code = 'fan'")[0],
		"more than 1000 usage records; raise decode.limits.usages")

	w.imports(secondSIM)
	w.docs["sources/chf.yaml"] = strings.Replace(w.docs["sources/chf.yaml"], "decode: {", "decode: { limits: { usages: 2000 },", 1)
	w.start(Roles...)
	w.retry("chf", w.waiting(warehouse.SuspenseFilter{})...)
	w.settled(2)
	require.Empty(t, w.waiting(warehouse.SuspenseFilter{}))
	require.EqualValues(t, parts+most+1, w.number("SELECT count() FROM rated_usage"))
	require.EqualValues(t, parts*(parts+1)/2+(most+1)*(most+2)/2, w.number("SELECT sum(quantity) FROM rated_usage"))
}

// Rules that copy a long text into each of many usage records cost the record, not the mediator.
func TestUsageThatFitsNoMessageWaits(t *testing.T) {
	w := newWorld(t, "fanout_size")
	w.docs["sources/chf.yaml"] = strings.Replace(w.docs["sources/chf.yaml"], "quantity: octets(one.volume)",
		"quantity: octets(one.volume), session: text", 1)
	w.start(Roles...)
	w.imports(w.docs["registry.yaml"])
	one := `{"imsi":"214070000000001","volume":1}`
	long := func(text, elements int) string {
		return fmt.Sprintf(`{"at":1773702602,"text":"%s","used":[%s]}`+"\n", strings.Repeat("x", text),
			strings.TrimSuffix(strings.Repeat(one+",", elements), ","))
	}
	w.drop("chf/a.jsonl", long(500_000, 900)+long(900_000, 2)+long(1, 3))
	b := w.settled(1)["a.jsonl"]
	require.EqualValues(t, 1, b.Suspended)
	require.EqualValues(t, 5, b.Rated)
	require.Regexp(t, "have about [0-9]+ bytes, but the limit is 2097152",
		w.rows("SELECT reason FROM suspense_open WHERE code = 'size'")[0])
}

// A topic that somebody made takes less than a message has: that is said, and can be set right.
func TestAMessageThatTheTopicRefusesFailsTheFile(t *testing.T) {
	w := newWorld(t, "fanout_refused")
	w.start(Roles...)
	w.bound("fanout_refused.usage", "20000") // by somebody, after ratemill looked at it
	w.imports(w.docs["registry.yaml"])
	w.drop("sky/a.csv", "type;imsi;started;volume\n"+strings.Repeat("D;214070000000001;2026-03-17 00:10:02;1\n", 3000))
	w.drop("sky/b.csv", content(2))
	f := w.failed(1)[0]
	require.Regexp(t, `message is larger.*The topic fanout_refused.usage must accept messages of 8 MiB.*files retry`, f.Why)
	require.EqualValues(t, perFile, w.settled(1)["b.csv"].Rated, "the next one goes on")

	w.bound("fanout_refused.usage", "8388608")
	require.NoError(t, w.Store.RetryFile(t.Context(), f.Number, time.Now()))
	require.EqualValues(t, 2999, w.settled(2)["a.csv"].Duplicate)
}

// bound sets how large the messages of a topic may be.
func (w *world) bound(topic, bytes string) {
	client := &kafka.Client{Addr: kafka.TCP(w.config.Kafka.Addresses...)}
	_, err := client.IncrementalAlterConfigs(w.T.Context(),
		&kafka.IncrementalAlterConfigsRequest{Resources: []kafka.IncrementalAlterConfigsRequestResource{{
			ResourceType: kafka.ResourceTypeTopic, ResourceName: topic,
			Configs: []kafka.IncrementalAlterConfigsRequestConfig{{Name: "max.message.bytes", Value: bytes,
				ConfigOperation: kafka.ConfigOperationSet}},
		}}})
	require.NoError(w, err)
	require.Eventually(w, func() bool {
		res, err := client.DescribeConfigs(w.T.Context(), &kafka.DescribeConfigsRequest{Resources: []kafka.DescribeConfigRequestResource{
			{ResourceType: kafka.ResourceTypeTopic, ResourceName: topic, ConfigNames: []string{"max.message.bytes"}}}})
		return err == nil && len(res.Resources) == 1 && len(res.Resources[0].ConfigEntries) == 1 &&
			res.Resources[0].ConfigEntries[0].ConfigValue == bytes
	}, 30*time.Second, 20*time.Millisecond)
}
