package simulation_test

import (
	"flag"
	"testing"

	"ratemill/internal/simulation"
)

var (
	seed   = flag.Uint64("seed", 0, "the schedule to replay")
	faults = flag.String("faults", "all", "its faults")
	steps  = flag.Int("steps", simulation.Defaults().Steps, "its steps with faults")
	files  = flag.Int("files", 0, "its files, 0 as the seed says")
	lines  = flag.Int("lines", 0, "lines of its trace to be printed")
)

// TestReplay replays one schedule: what a failing TestSchedules tells to type.
func TestReplay(t *testing.T) {
	set, err := simulation.ParseFaults(*faults)
	if err != nil {
		t.Fatal(err)
	}
	r := simulation.Run(*seed, simulation.Options{Faults: set, Steps: *steps, Files: *files, Trace: *lines})
	for _, line := range r.Trace {
		t.Log(line)
	}
	if r.Failure != "" {
		t.Fatal(r.Failure)
	}
}

func TestMany(t *testing.T) {
	for s := *seed; s < *seed+3000; s++ {
		r := simulation.Run(s, simulation.Defaults())
		if r.Failure != "" {
			t.Fatal(s, r.Failure)
		}
	}
}
