package broker_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"github.com/prometheus/procfs"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"ratemill/internal/broker"
	"ratemill/internal/proof/bench"
	"ratemill/internal/proof/testengine"
)

func TestMain(m *testing.M) { testengine.Main(m) }

// The way of a record through the embedded broker as the roles use it: two mediators append chunks of usage for four
// partitions, a rater for each reads them and appends nearly twice their size to the rated log, and a sink reads that.
// 200,000 records/s, so that the broker is neither idle nor the bottleneck. An operation is a chunk of 8,192 records;
// what the broker's process and ours use is told per record.
func BenchmarkPath(b *testing.B) {
	server := testengine.StartEmbeddedKafka(b)
	k := broker.NewKafka(broker.KafkaOptions{Addresses: []string{server.Addr()}, ClientID: "bench"})
	defer k.Close()
	topics := broker.TopicsUnder(fmt.Sprint("path", rand.Uint32()))
	_, err := k.EnsureTopics(b.Context(), 1, topics.All(pathPartitions, time.Hour, time.Hour))
	require.NoError(b, err)
	kafka, err := procfs.NewProc(server.PID())
	require.NoError(b, err)
	theirs := func() float64 {
		stat, err := kafka.Stat()
		require.NoError(b, err)
		return stat.CPUTime() * 1e9
	}
	content := make([]byte, 1<<20)
	for i := range content {
		content[i] = byte(rand.Uint32())
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	ours, other := bench.Used(), theirs()
	b.ResetTimer()
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	g, ctx := errgroup.WithContext(ctx)
	path := path{Kafka: k, topics: topics, content: content, chunks: b.N}
	for w := range 2 {
		g.Go(func() error { return path.mediator(ctx, w) })
	}
	for p := range pathPartitions {
		g.Go(func() error { return path.rater(ctx, p) })
		g.Go(func() error { return path.sink(ctx, p) })
	}
	require.NoError(b, g.Wait())
	b.StopTimer()
	records := float64(b.N * pathChunk)
	b.ReportMetric((theirs()-other)/records, "kafka-ns/record")
	b.ReportMetric(float64(bench.Used()-ours)/records, "clients-ns/record")
	runtime.ReadMemStats(&after)
	b.ReportMetric(float64(after.TotalAlloc-before.TotalAlloc)/records, "bytes/record")
	b.ReportMetric(float64(after.Mallocs-before.Mallocs)/records, "allocs/record")
}

// The records of BenchmarkPath.
const (
	pathPartitions               = 4
	pathChunk                    = 8192
	recordsPerBatch              = 1000
	usageBytes, ratedBytes       = 175, 310
	recordsOfChunkInOnePartition = pathChunk / pathPartitions
)

// path takes chunks of records from a mediator through a rater to a sink.
type path struct {
	*broker.Kafka
	topics  broker.Topics
	content []byte
	chunks  int
}

func (p *path) messages() int {
	return (recordsOfChunkInOnePartition + recordsPerBatch - 1) / recordsPerBatch * p.chunks
}

// mediator appends every second chunk.
func (p *path) mediator(ctx context.Context, first int) error {
	tick := time.NewTicker(2 * pathChunk * time.Second / 200_000)
	defer tick.Stop()
	for i := first; i < p.chunks; i += 2 {
		<-tick.C
		var pending [pathPartitions]broker.Pending
		for n := range pathPartitions {
			var m []broker.Message
			for left := recordsOfChunkInOnePartition; left > 0; left -= recordsPerBatch {
				m = append(m, broker.Message{Value: p.content[:min(left, recordsPerBatch)*usageBytes]})
			}
			pending[n] = p.Append(ctx, p.topics.Usage, n, m)
		}
		for _, appended := range pending {
			if _, err := appended.Wait(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

func (p *path) rater(ctx context.Context, partition int) error {
	var pending broker.Pending
	for next := 0; next < p.messages(); {
		wait := 200 * time.Millisecond
		if pending != nil {
			wait = 0
		}
		in, err := p.Fetch(ctx, p.topics.Usage, partition, int64(next), wait, nil)
		if err != nil {
			return err
		}
		next += len(in)
		var out []broker.Message
		for _, m := range in {
			out = append(out, broker.Message{Value: p.content[:len(m.Value)*ratedBytes/usageBytes]})
		}
		if pending != nil {
			if _, err := pending.Wait(ctx); err != nil {
				return err
			}
			pending = nil
		}
		if len(out) > 0 {
			pending = p.Append(ctx, p.topics.Rated, partition, out)
		}
	}
	if pending != nil {
		_, err := pending.Wait(ctx)
		return err
	}
	return nil
}

func (p *path) sink(ctx context.Context, partition int) error {
	var in []broker.Message
	for next := 0; next < p.messages(); {
		var err error
		if in, err = p.Fetch(ctx, p.topics.Rated, partition, int64(next), 140*time.Millisecond, in[:0]); err != nil {
			return err
		}
		next += len(in)
	}
	return nil
}
