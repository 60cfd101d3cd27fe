package gobench

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLinesAreReadWithAllTheirMetrics(t *testing.T) {
	lines, err := Parse("goos: linux\nBenchmarkRow/sims=10/a+b-2   \t 100\t  11.5 ns/op\t 200 cpu-ns/record\n    note: BenchmarkRow said\n" +
		"BenchmarkOne-16 1 2 ns/op\nBenchmarkTop-up 1 3 ns/op\nPASS\n")
	require.NoError(t, err)
	require.Equal(t, []Line{
		{"BenchmarkRow/sims=10/a+b", map[string]float64{"ns/op": 11.5, "cpu-ns/record": 200}},
		{"BenchmarkOne", map[string]float64{"ns/op": 2}},
		{"BenchmarkTop-up", map[string]float64{"ns/op": 3}},
	}, lines)
	_, err = Parse("BenchmarkOne-2 1 many ns/op\n")
	require.ErrorContains(t, err, "line 1: parsing measurement")
}

func TestAPatternNamesOneBenchmark(t *testing.T) {
	require.Equal(t, `^BenchmarkRow$/^sims=10$/^a\+b$`, Exactly("BenchmarkRow/sims=10/a+b"))
}
