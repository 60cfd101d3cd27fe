package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/internal/proof/load"
)

const printed = `goos: linux
BenchmarkRow/plain-2   	 100	  11.0 ns/op	 200 cpu-ns/record	 40 MB	 0 B/op	 4 allocs/op
BenchmarkRow/plain-2   	 100	  12.0 ns/op	 300 cpu-ns/record	 40 MB	 0 B/op	 4 allocs/op
BenchmarkRow/plain-2   	 100	  12.0 ns/op	 100 cpu-ns/record	 40 MB	 0 B/op	 4 allocs/op
BenchmarkRow/plainer-2 	 100	  12.0 ns/op	 999 cpu-ns/record	 0 B/op	 4 allocs/op
`

func TestALineIsTheMedianOfWhatItsBenchmarkReports(t *testing.T) {
	s := stage{name: "rows", records: 2, target: 10_000_000}
	l, err := s.read(printed, "BenchmarkRow/plain", 0)
	require.NoError(t, err)
	require.Equal(t, []float64{0.2, 0.3, 0.1}, l.CPUs)
	require.EqualValues(t, 0.2, l.CPU)
	require.InDelta(t, 5e6, l.Rate, 1)
	require.InDelta(t, 0.5, l.Ratio, 1e-9)
	require.EqualValues(t, 2, *l.Allocs)
	require.EqualValues(t, 40e6, l.Held)

	_, err = s.read(printed, "BenchmarkOther", 0)
	require.ErrorContains(t, err, "no processor time")
}

func TestASecondNumberOfABenchmarkIsALineOfItsOwn(t *testing.T) {
	out := "BenchmarkInsert/block=9-2 1 5 ns/op 700 client-ns/row 2500 engine-ns/row 8 allocs/op\n"
	l, err := (&stage{records: 1, unit: "engine-ns/row"}).read(out, "BenchmarkInsert/block=9", 0)
	require.NoError(t, err)
	require.EqualValues(t, 2.5, l.CPU)
	require.Nil(t, l.Allocs)
}

func TestAReportIsWrittenAsBenchstatReadsIt(t *testing.T) {
	allocs := 0.5
	data, err := json.Marshal(report{Stages: []line{
		{Stage: "pool of 1,000 SIMs", CPU: 0.2, CPUs: []float64{0.2, 0.3}, Allocs: &allocs, Peak: 12},
		{Stage: "whole: rating", CPU: 3.5},
	}})
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "report.json")
	require.NoError(t, os.WriteFile(path, data, 0o644))
	var b bytes.Buffer
	require.NoError(t, printText(&b, path))
	require.Equal(t, `Benchmark/pool_of_1000_SIMs 1 200.0 cpu-ns/record 0.5000 allocs/record 12 peak-B
Benchmark/pool_of_1000_SIMs 1 300.0 cpu-ns/record 0.5000 allocs/record 12 peak-B
Benchmark/whole_rating 1 3500.0 cpu-ns/record
`, b.String())
}

func TestEachMillionShowsItsProcesses(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, printMillions(&out, []*load.Cost{
		{Name: "1", Records: 1_000_000, Usage: 2_000_000, CPU: map[string]float64{"rating-1": 4, "clickhouse": 6, load.Carrier: 1}},
		{Name: "2", Records: 1_000_000, Usage: 1_000_000, CPU: map[string]float64{"rating-1": 4, "clickhouse": 8, load.Carrier: 1}},
	}))
	require.Equal(t, `million  all, CPU µs/record  rating  clickhouse  sshd
1                      5.00    2.00        3.00  0.50
2                     12.00    4.00        8.00  1.00
`, out.String())
}
