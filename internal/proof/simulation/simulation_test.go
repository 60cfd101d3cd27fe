package simulation_test

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/internal/proof/seeds"
	"ratemill/internal/proof/simulation"
)

var (
	seed      = flag.Uint64("seed", 0, "the schedule to replay, or the first of many")
	faults    = flag.String("faults", "all", "its faults")
	length    = flag.Int("steps", simulation.Defaults().Steps, "its steps with faults")
	files     = flag.Int("files", 0, "its files, 0 as the seed says")
	senders   = flag.Bool("senders", false, "its records come from senders, whatever the seed says")
	sinks     = flag.Bool("sinks", false, "its records come from senders and its sinks run all the time, whatever the seed says")
	mediators = flag.Bool("mediators", false, "its records come from mediators and its sinks run all the time, whatever the seed says")
	lives     = flag.Bool("lives", false, "SIMs have life cycles, whatever the seed says")
	lines     = flag.Int("lines", 0, "lines of its trace to be printed")
	schedules = flag.Uint64("schedules", 10_000, "how many schedules TestSchedules runs")
	fresh     = flag.Uint64("fresh", 3_000, "how many schedules TestFreshSchedules runs, from the seed SEED in the environment on")
	progress  = flag.Bool("progress", false, "tell how far many schedules are")
)

// TestMain lets garbage grow: a schedule is a few milliseconds and as many megabytes, and a third of its time went to
// collecting them. With 400 % instead of 1600 % a schedule took 16 % longer.
func TestMain(m *testing.M) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(1600)
	}
	os.Exit(m.Run())
}

// TestReplay replays one schedule, by the command that a failing TestSchedules prints.
func TestReplay(t *testing.T) {
	set, err := simulation.ParseFaults(*faults)
	require.NoError(t, err)
	r := simulation.Run(*seed, simulation.Options{Faults: set, Steps: *length, Files: *files, Senders: *senders, Sinks: *sinks,
		Mediators: *mediators, Lives: *lives, Trace: *lines})
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
	s := simulation.RunMany(context.Background(), *seed, n, simulation.Options{Faults: set, Steps: *length, Files: *files, Lives: *lives},
		teller(n))
	if len(s.Failed) > 0 {
		t.Fatal(simulation.Shrink(s.Failed[0], 60))
	}
	t.Log(s.String())
	if n < 5000 || set != simulation.AllFaults {
		return
	}
	for f, times := range s.Met {
		require.NotZero(t, times, "no schedule met %s", simulation.Fault(f))
	}
	for _, what := range []string{
		// Everything that a rater does, including the sweep of checkpoints.
		"owner: begin taking an epoch", "owner: committed taking an epoch", "owner: append sim.rated", "owner: await append",
		"owner: fetch sim.checkpoint",
		"owner: fetch sim.rated", "owner: fetch sim.usage", "owner: bounds sim.checkpoint", "owner: bounds sim.usage",
		"owner: append sim.checkpoint", "owner: no answer",
		"owner: catalogue", "owner: registry", "owner: sleep",
		"sink: begin reading a sink's position", "sink: begin recording a sink's intent", "sink: committed recording a sink's intent",
		"sink: insert rated_usage",
		"sink: inserted rated_usage", "sink: begin recording a sink's position", "sink: committed recording a sink's position",
		"simstate: begin settling SIMs by usage", "simstate: committed settling SIMs by usage",
		"keeper: begin settling SIMs after changes of facts", "keeper: committed settling SIMs after changes of facts",
		"mediator: begin leasing a file", "mediator: fetch file", "mediator: begin recording a file's identity", "mediator: begin pinning a file",
		"mediator: append sim.usage", "mediator: await append", "mediator: begin recording progress", "mediator: committed recording progress",
		"mediator: begin closing a file", "mediator: committed closing a file",
	} {
		require.NotZero(t, s.Zombies[what], "no schedule had a zombie at %q", what)
	}
}

// TestFreshSchedules runs schedules that nobody has run before, and prints the first seed.
func TestFreshSchedules(t *testing.T) {
	n := *fresh
	if testing.Short() {
		n = min(n, 500)
	}
	set, err := simulation.ParseFaults(*faults)
	require.NoError(t, err)
	s := simulation.RunMany(context.Background(), seeds.Fresh(t), n, simulation.Options{Faults: set, Steps: *length, Files: *files,
		Lives: *lives}, teller(n))
	if len(s.Failed) > 0 {
		t.Fatal(simulation.Shrink(s.Failed[0], 60))
	}
	t.Log(s.String())
}

// teller prints the number of schedules every few seconds.
func teller(n uint64) func(simulation.Summary) {
	if !*progress {
		return nil
	}
	began := time.Now()
	said := began
	return func(s simulation.Summary) {
		if time.Since(said) < 5*time.Second && uint64(s.Schedules) < n {
			return
		}
		said = time.Now()
		rate := float64(s.Schedules) / time.Since(began).Seconds()
		fmt.Fprintf(os.Stderr, "%d of %d schedules, %.0f/s, %s left, %d failed\n", s.Schedules, n, rate,
			time.Duration(float64(n-uint64(s.Schedules))/rate*float64(time.Second)).Round(time.Second), len(s.Failed))
	}
}

// TestFormerFailures replays the schedules that once failed; testdata/seeds.txt describes what each of them found.
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

// TestSameSeedSameSchedule runs schedules twice: every step must be the same.
func TestSameSeedSameSchedule(t *testing.T) {
	o := simulation.Defaults()
	o.Trace = 1 << 20
	for seed := range seeds.Each(t, 15, 15) {
		require.Equal(t, simulation.Run(seed, o), simulation.Run(seed, o))
	}
}

func parse(t *testing.T, number string) uint64 {
	n, err := strconv.ParseUint(number, 10, 64)
	require.NoError(t, err)
	return n
}
