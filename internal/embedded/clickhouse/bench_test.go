package clickhouse_test

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/internal/embedded/clickhouse"
)

// cpu is the CPU time of a process so far.
func cpu(b *testing.B, s *clickhouse.Server) time.Duration {
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

func BenchmarkInsert(b *testing.B) {
	s := start(b, b.TempDir())
	conn := connect(b, s)
	require.NoError(b, conn.Exec(b.Context(), `CREATE TABLE t (id UInt64, imsi UInt64, account LowCardinality(String), at DateTime64(3), quantity UInt64)
		ENGINE = MergeTree ORDER BY (account, at) SETTINGS non_replicated_deduplication_window = 1000`))
	const rows = 200_000
	ids, imsis, accounts, ats := make([]uint64, rows), make([]uint64, rows), make([]string, rows), make([]time.Time, rows)
	for i := range ids {
		ids[i], imsis[i], accounts[i], ats[i] = uint64(i), 214070000000000+uint64(i*7919%1000000), fmt.Sprint("account", i/200),
			time.Unix(1773700000+int64(i), 0)
	}
	engine, own := cpu(b, s), ownCPU()
	n := uint64(0)
	for b.Loop() {
		n++
		ids[0] = n // or ClickHouse knows the block
		batch, err := conn.PrepareBatch(b.Context(), "INSERT INTO t")
		require.NoError(b, err)
		for i, column := range []any{ids, imsis, accounts, ats, ids} {
			require.NoError(b, batch.Column(i).Append(column))
		}
		require.NoError(b, batch.Send())
	}
	total := float64(rows) * float64(b.N)
	b.ReportMetric(total/b.Elapsed().Seconds(), "rows/s")
	b.ReportMetric(float64((cpu(b, s)-engine).Microseconds())/total, "engine-µs/row")
	b.ReportMetric(float64((ownCPU()-own).Microseconds())/total, "client-µs/row")
	require.Equal(b, n*rows, number(b, conn, "SELECT count() FROM t"))
}

func BenchmarkSmallSelect(b *testing.B) {
	conn := connect(b, start(b, b.TempDir()))
	for b.Loop() {
		number(b, conn, "SELECT toUInt64(1)")
	}
}
