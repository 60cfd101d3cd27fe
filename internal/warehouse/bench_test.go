package warehouse_test

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"math/rand"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/internal/broker"
	"ratemill/internal/consumer"
	"ratemill/internal/control"
	"ratemill/internal/embedded/clickhouse"
	"ratemill/internal/proof/testengine"
	"ratemill/internal/warehouse"
	"ratemill/udr"
)

// engineCPU is the CPU time of the engine's process so far.
func engineCPU(b *testing.B, s *clickhouse.Server) time.Duration {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.PID()))
	require.NoError(b, err)
	_, after, _ := strings.Cut(string(stat), ") ")
	f := strings.Fields(after)
	var user, system int64
	fmt.Sscan(f[11], &user)
	fmt.Sscan(f[12], &system)
	return time.Duration(user+system) * 10 * time.Millisecond // clock ticks, 100 a second on Linux
}

func ownCPU() time.Duration {
	var r syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &r)
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// endless is a rated log that begins again when it ends, with offsets that go on.
type endless struct {
	values [][]byte
	end    int64
}

func (e *endless) Append(context.Context, string, int, []broker.Message) broker.Pending {
	panic("read only")
}
func (e *endless) Bounds(context.Context, string, int) (int64, int64, error) { return 0, e.end, nil }
func (e *endless) Fetch(ctx context.Context, _ string, _ int, from int64, wait time.Duration, dst []broker.Message) ([]broker.Message,
	error) {
	for o := from; o < min(from+64, e.end); o++ {
		dst = append(dst, broker.Message{Offset: o, Value: e.values[o%int64(len(e.values))]})
	}
	return dst, nil
}

// nowhere takes positions and blocks, and keeps neither.
type nowhere struct{}

func (nowhere) SinkGet(context.Context, string, int) (control.SinkPosition, error) {
	return control.SinkPosition{}, nil
}
func (nowhere) SinkIntent(_ context.Context, _ string, _ int, at control.SinkPosition, _ control.Intent) (int64, error) {
	return at.Version + 1, nil
}
func (nowhere) SinkTakeOver(_ context.Context, _ string, _ int, at control.SinkPosition) (int64, error) {
	return at.Version + 1, nil
}
func (nowhere) SinkCommit(_ context.Context, _ string, _ int, at control.SinkPosition, _ int64, _ []byte) (int64, error) {
	return at.Version + 1, nil
}
func (nowhere) Insert(context.Context, *warehouse.Block, string) error { return nil }

func (nowhere) Stored(context.Context, *warehouse.Block) (int, error) { return 0, nil }

func (nowhere) Replicated() bool { return false }

const recordsPerMessage = 200

// messages are n messages of a rated log.
func messages(n int) (values [][]byte, bytes int) {
	r := rand.New(rand.NewSource(1))
	for i := range n {
		var records []record
		for j := range recordsPerMessage {
			u := random(r, uint64(i*recordsPerMessage+j+1))
			records = append(records, record{usage: u, tiers: []string{"0.001584"}})
		}
		values = append(values, message(1, int64(i), udr.FileID{byte(i % 20)}, nil, records...))
		bytes += len(values[i])
	}
	return values, bytes
}

// runTo brings n messages into a warehouse; every message counts, since the position of each is new.
func runTo(b *testing.B, o *warehouse.SinkOptions, end int64) {
	s, err := warehouse.NewSink(*o)
	require.NoError(b, err)
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	for o.Progress.Next.Load() < end {
		time.Sleep(time.Millisecond)
	}
	cancel()
	require.NoError(b, <-done)
}

// hourEast is the local time of every account, as in a zone without summer time.
func hourEast(context.Context, uint32, udr.Instant, uint64) (warehouse.Offset, error) {
	return warehouse.Offset{Seconds: 3600, From: math.MinInt64, To: math.MaxInt64}, nil
}

func benchSink(from *endless) *warehouse.SinkOptions {
	return &warehouse.SinkOptions{
		Options: consumer.Options{Name: "bench", Topic: broker.TopicsUnder("bench").Rated, Broker: from, Clock: realClock{},
			Log: slog.New(slog.DiscardHandler), Progress: &consumer.Progress{}},
		Positions: nowhere{}, Warehouse: nowhere{}, Account: accountID, Offset: hourEast,
	}
}

func BenchmarkRows(b *testing.B) {
	const n = 1000
	values, bytes := messages(n)
	b.ReportAllocs()
	b.ReportMetric(float64(bytes)/(n*recordsPerMessage), "message-B/row")
	own := ownCPU()
	rounds := 0
	for b.Loop() {
		s := benchSink(&endless{values, n})
		s.MaxRows = 50_000
		runTo(b, s, n)
		rounds++
	}
	b.ReportMetric(float64((ownCPU()-own).Nanoseconds())/float64(rounds*n*recordsPerMessage), "ns/row")
}

func BenchmarkInsert(b *testing.B) {
	const n = 2500
	values, _ := messages(n)
	for _, rows := range []int{20_000, 100_000, 200_000} {
		b.Run(fmt.Sprintf("block=%d", rows), func(b *testing.B) {
			server := testengine.SharedClickHouse(b)
			w := open(b, server, fmt.Sprintf("bench_%d_%d", rows, time.Now().UnixNano()))
			engine, own, rounds := engineCPU(b, server), ownCPU(), 0
			for b.Loop() {
				s := benchSink(&endless{values, n})
				s.Name = fmt.Sprint("bench", rounds)
				s.Warehouse, s.MaxRows, s.MaxBytes = w, rows, 1<<30
				runTo(b, s, n)
				rounds++
			}
			total := float64(rounds * n * recordsPerMessage)
			b.ReportMetric(total/b.Elapsed().Seconds(), "rows/s")
			b.ReportMetric(float64((engineCPU(b, server)-engine).Nanoseconds())/total, "engine-ns/row")
			b.ReportMetric(float64((ownCPU()-own).Nanoseconds())/total, "client-ns/row")
			var perRow float64
			require.NoError(b, w.Conn().QueryRow(b.Context(), "SELECT sum(bytes_on_disk)/sum(rows) FROM system.parts WHERE active AND database = "+
				"currentDatabase() AND table = 'rated_usage'").Scan(&perRow))
			b.ReportMetric(perRow, "disk-B/row")
		})
	}
}

func BenchmarkSteadyRows(b *testing.B) {
	const n = 500
	values, bytes := messages(n)
	add := warehouse.Adder(b.Context(), values, accountID, hourEast)
	for range 2 {
		add()
	}
	b.ReportAllocs()
	own := ownCPU()
	for b.Loop() {
		add()
	}
	b.ReportMetric(float64((ownCPU()-own).Nanoseconds())/float64(b.N*n*recordsPerMessage), "ns/row")
	b.ReportMetric(float64(bytes)/(n*recordsPerMessage), "message-B/row")
}
