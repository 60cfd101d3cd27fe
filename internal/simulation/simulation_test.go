package simulation_test

import (
	"bufio"
	"context"
	"flag"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/internal/simulation"
)

var (
	seed      = flag.Uint64("seed", 0, "the schedule to replay, or the first of many")
	faults    = flag.String("faults", "all", "its faults")
	length    = flag.Int("steps", simulation.Defaults().Steps, "its steps with faults")
	files     = flag.Int("files", 0, "its files, 0 as the seed says")
	lines     = flag.Int("lines", 0, "lines of its trace to be printed")
	schedules = flag.Uint64("schedules", 10_000, "how many schedules TestSchedules runs")
)

// TestReplay replays one schedule: what a failing TestSchedules tells to type.
func TestReplay(t *testing.T) {
	set, err := simulation.ParseFaults(*faults)
	require.NoError(t, err)
	r := simulation.Run(*seed, simulation.Options{Faults: set, Steps: *length, Files: *files, Trace: *lines})
	for _, line := range r.Trace {
		t.Log(line)
	}
	require.Empty(t, r.Failure)
}

// TestSchedules runs many schedules, each with faults of every kind.
func TestSchedules(t *testing.T) {
	n := *schedules
	if testing.Short() {
		n = min(n, 500)
	}
	set, err := simulation.ParseFaults(*faults)
	require.NoError(t, err)
	s := simulation.RunMany(context.Background(), *seed, n, simulation.Options{Faults: set, Steps: *length, Files: *files}, nil)
	for f, times := range s.Met {
		t.Logf("%9d times: %s", times, simulation.Fault(f).Meaning())
	}
	t.Logf("%d schedules, %d steps, %d records", s.Schedules, s.Steps, s.Records)
	if len(s.Failed) > 0 {
		t.Fatal(simulation.Shrink(s.Failed[0], 60))
	}
	for f, times := range s.Met {
		if set.Has(simulation.Fault(f)) && n > 1000 {
			require.NotZero(t, times, "no schedule met %s", simulation.Fault(f))
		}
	}
}

// TestFormerFailures replays the schedules that once failed; testdata/seeds.txt says what each of them found.
func TestFormerFailures(t *testing.T) {
	f, err := os.Open("testdata/seeds.txt")
	require.NoError(t, err)
	defer f.Close()
	for in := bufio.NewScanner(f); in.Scan(); {
		line := strings.TrimSpace(in.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		o := simulation.Defaults()
		number, found, _ := strings.Cut(line, " ")
		require.Empty(t, simulation.Run(parse(t, number), o).Failure, found)
	}
}

// TestSameSeedSameSchedule runs schedules twice: not a step may differ.
func TestSameSeedSameSchedule(t *testing.T) {
	o := simulation.Defaults()
	o.Trace = 1 << 20
	for seed := range uint64(20) {
		require.Equal(t, simulation.Run(seed, o), simulation.Run(seed, o))
	}
}

func parse(t *testing.T, number string) uint64 {
	n, err := strconv.ParseUint(number, 10, 64)
	require.NoError(t, err)
	return n
}
