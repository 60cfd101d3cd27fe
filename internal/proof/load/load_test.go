package load

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/internal/demo/generate"
	"ratemill/internal/proof/installation"
	"ratemill/internal/proof/testengine"
)

func TestMain(m *testing.M) { testengine.Main(m) }

// number is a number from the environment, or the usual one.
func number(b *testing.B, name string, usual int) int {
	text := os.Getenv(name)
	if text == "" {
		return usual
	}
	n, err := strconv.Atoi(text)
	require.NoError(b, err, name)
	return n
}

// out is where results go: OUT, or bin/bench.
func out(b *testing.B, name string) string {
	dir := os.Getenv("OUT")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "bin", "bench")
	}
	require.NoError(b, os.MkdirAll(dir, 0o755))
	return filepath.Join(dir, name)
}

// carriers are the files of a mobile operator's carriers: 100,000 SIMs of 2,000 accounts, 2 % duplicates, 1 % suspense.
func carriers(records, perFile int) generate.Options {
	return generate.Options{Seed: 1, Records: records, RecordsPerFile: perFile, SIMs: 100_000, Accounts: 2000, Resend: -1}
}

// BenchmarkSoak runs for MINUTES, with RATE records a second. Duplicates are recognised for WITHIN minutes: a rater's
// memory grows by their keys for so long.
func BenchmarkSoak(b *testing.B) {
	minutes, rate, within := number(b, "MINUTES", 60), number(b, "RATE", 15_000), number(b, "WITHIN", 10)
	o := carriers(minutes*60*rate, 20_000)
	p := defaults(o)
	p.Within = time.Duration(within) * time.Minute
	in := raise(b, p, 1)
	s, err := in.soak(o, float64(rate), time.Duration(minutes)*time.Minute, out(b, "soak.csv"))
	require.NoError(b, err)
	require.NoError(b, s.print())
}

// month is the n-th month of usage of the same SIMs, in its own files, some of which have the day in their names.
func month(o generate.Options, n int) generate.Options {
	o.From = generate.DefaultFrom.AddDate(0, 0, n*generate.DefaultDays)
	o.FirstFile = 1 + n*100_000
	return o
}

// BenchmarkLatency measures what the installation does at most (RECORDS at once, unless TOP says it in records/s), and
// then how long files of 5,000 records take at 10, 50 and 90 % of it, for SECONDS each.
func BenchmarkLatency(b *testing.B) {
	const perFile = 5000
	records, top, length := number(b, "RECORDS", 1_500_000), float64(number(b, "TOP", 0)), number(b, "SECONDS", 60)
	o := carriers(records, perFile)
	in := raise(b, defaults(o), 1)
	warm := o
	warm.Records = 200_000
	_, err := in.cost("", 0, month(warm, 0))
	require.NoError(b, err)
	if top == 0 {
		c, err := in.cost("at once", 0, month(o, 1))
		require.NoError(b, err)
		require.NoError(b, printCosts("", []*Cost{c}))
		top = c.Rate
	}
	var delays []*Delay
	for i, share := range []int{10, 50, 90} {
		rate := top * float64(share) / 100
		o.Records = int(rate) * length
		d, err := in.delay(strconv.Itoa(share)+" %", month(o, 2+i), rate)
		require.NoError(b, err)
		delays = append(delays, d)
	}
	require.NoError(b, printDelays(delays))
	require.NoError(b, save(out(b, "latency.json"), delays))
}

// BenchmarkWhole is the whole of make bench: RECORDS of one month, after others have warmed the installation up. They land
// in loads of STEP records, each at once, and each costs what ClickHouse merges after it too. The times of the carriers
// overlap in every load, and some files come a load later than their neighbours.
func BenchmarkWhole(b *testing.B) {
	o := carriers(number(b, "RECORDS", 1_000_000), 20_000)
	in := raise(b, defaults(o), 1)
	warm := o
	warm.Records = 200_000
	_, err := in.cost("", 0, month(warm, 0))
	require.NoError(b, err)
	_, err = in.afterMerges(b.Context())
	require.NoError(b, err)
	files, err := allFiles(month(o, 1))
	require.NoError(b, err)
	var costs []*Cost
	for i, load := range Steps(Late(Schedule(files, 0), lateEvery, lateBy), number(b, "STEP", 1_000_000)) {
		c, err := in.costOf(strconv.Itoa(i+1), float64(i+1), load, in.afterMerges)
		require.NoError(b, err)
		costs = append(costs, c)
		require.NoError(b, save(out(b, "whole.json"), costs)) // what was measured, if a later load fails
	}
}

// BenchmarkScale has one mediator and one rater, and then two of each, on Apache Kafka and PostgreSQL with eight
// partitions: RECORDS at once. Files of a source are read at the same time, or the three sources would be two for the one
// mediator and one for the other.
func BenchmarkScale(b *testing.B) {
	var costs []*Cost
	for _, n := range []int{1, 2} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			o := carriers(number(b, "RECORDS", 2_500_000), 20_000)
			p := defaults(o)
			p.Broker, p.Store, p.Partitions, p.Parallel = installation.Apache, installation.Postgres, 8, true
			in := raise(b, p, n)
			warm := o
			warm.Records = 200_000
			_, err := in.cost("", 0, month(warm, 0))
			require.NoError(b, err)
			c, err := in.cost(strconv.Itoa(n)+" of each", float64(n), month(o, 1))
			require.NoError(b, err)
			costs = append(costs, c)
		})
	}
	if len(costs) < 2 {
		b.Fatal("not both ran")
	}
	require.NoError(b, printCosts("mediators and raters", costs))
	require.NoError(b, printWork(costs))
	require.NoError(b, save(out(b, "scale.json"), costs))
}

// BenchmarkPartitions and BenchmarkFiles measure the whole as it grows.
func BenchmarkPartitions(b *testing.B) {
	var costs []*Cost
	for _, n := range []int{1, 2, 4, 8, 16, 32, 64} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			o := carriers(number(b, "RECORDS", 500_000), 20_000)
			p := defaults(o)
			p.Partitions = n
			in := raise(b, p, 1)
			c, err := in.cost(strconv.Itoa(n), float64(n), o)
			require.NoError(b, err)
			costs = append(costs, c)
		})
	}
	require.NoError(b, printCosts("partitions", costs))
}

func BenchmarkFiles(b *testing.B) {
	var costs []*Cost
	for _, perFile := range []int{50_000, 20_000, 5000, 1000, 250} {
		b.Run(strconv.Itoa(perFile), func(b *testing.B) {
			o := carriers(number(b, "RECORDS", 500_000), perFile)
			in := raise(b, defaults(o), 1)
			c, err := in.cost(strconv.Itoa(perFile), float64(o.Records/perFile), o)
			require.NoError(b, err)
			costs = append(costs, c)
		})
	}
	require.NoError(b, printCosts("records a file", costs))
}
