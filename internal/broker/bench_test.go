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
// partitions, a rater for each reads them and appends what is nearly twice their size to the rated log, a sink reads
// that. 200,000 records/s, so that the broker is neither idle nor the bottleneck. An operation is a chunk of 8,192
// records; what the broker's process and ours use is told per record.
func BenchmarkPath(b *testing.B) {
	const partitions, chunk, batch, usageBytes, ratedBytes = 4, 8192, 1000, 175, 310
	server := testengine.StartEmbeddedKafka(b)
	k := broker.NewKafka(broker.KafkaOptions{Addresses: []string{server.Addr()}, ClientID: "bench"})
	defer k.Close()
	topics := broker.TopicsUnder(fmt.Sprint("path", rand.Uint32()))
	_, err := k.EnsureTopics(b.Context(), 1, topics.All(partitions, time.Hour, time.Hour))
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
	perChunk := chunk / partitions
	messages := (perChunk + batch - 1) / batch
	for w := range 2 {
		g.Go(func() error {
			tick := time.NewTicker(2 * chunk * time.Second / 200_000)
			defer tick.Stop()
			for i := w; i < b.N; i += 2 {
				<-tick.C
				var pending [partitions]broker.Pending
				for p := range partitions {
					var m []broker.Message
					for left := perChunk; left > 0; left -= batch {
						m = append(m, broker.Message{Value: content[:min(left, batch)*usageBytes]})
					}
					pending[p] = k.Append(ctx, topics.Usage, p, m)
				}
				for _, p := range pending {
					if _, err := p.Wait(ctx); err != nil {
						return err
					}
				}
			}
			return nil
		})
	}
	total := messages * b.N
	for p := range partitions {
		g.Go(func() error { // rater
			var pending broker.Pending
			for next := 0; next < total; {
				wait := 200 * time.Millisecond
				if pending != nil {
					wait = 0
				}
				in, err := k.Fetch(ctx, topics.Usage, p, int64(next), wait, nil)
				if err != nil {
					return err
				}
				next += len(in)
				var out []broker.Message
				for _, m := range in {
					out = append(out, broker.Message{Value: content[:len(m.Value)*ratedBytes/usageBytes]})
				}
				if pending != nil {
					if _, err := pending.Wait(ctx); err != nil {
						return err
					}
					pending = nil
				}
				if len(out) > 0 {
					pending = k.Append(ctx, topics.Rated, p, out)
				}
			}
			if pending != nil {
				_, err := pending.Wait(ctx)
				return err
			}
			return nil
		})
		g.Go(func() error { // sink
			var in []broker.Message
			for next := 0; next < total; {
				var err error
				if in, err = k.Fetch(ctx, topics.Rated, p, int64(next), 140*time.Millisecond, in[:0]); err != nil {
					return err
				}
				next += len(in)
			}
			return nil
		})
	}
	require.NoError(b, g.Wait())
	b.StopTimer()
	records := float64(b.N * chunk)
	b.ReportMetric((theirs()-other)/records, "kafka-ns/record")
	b.ReportMetric(float64(bench.Used()-ours)/records, "clients-ns/record")
	runtime.ReadMemStats(&after)
	b.ReportMetric(float64(after.TotalAlloc-before.TotalAlloc)/records, "bytes/record")
	b.ReportMetric(float64(after.Mallocs-before.Mallocs)/records, "allocs/record")
}
