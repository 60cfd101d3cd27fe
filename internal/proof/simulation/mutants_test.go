//go:build mutants

package simulation_test

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/internal/proof/simulation"
	"ratemill/internal/safeguard"
)

// budget is how many schedules a mutant may survive.
const budget = 10_000

// focus is the faults for steps that few schedules need: with every fault at once, what they protect from is too rare.
// Those of owners and of sinks get records from senders alone, and schedules with no sinks, or with sinks in all of them;
// those of mediators get records from mediators, and sinks in all schedules. A step without faults here has all of them.
var focus = map[safeguard.Step]struct {
	faults string
	on     part
}{
	safeguard.FreshKeys:        {"crash,rebalance,old-append,late-append,partial-read,compaction", ofOwners},
	safeguard.StandingEnd:      {"crash,rebalance,partial-read,compaction,late-append", ofOwners},
	safeguard.NewerEntries:     {"crash,rebalance,pause,partial-read,lost-answer,retention", ofOwners},
	safeguard.IntentTaken:      {"crash,rebalance,pause,stop,token-alone", ofSinks},
	safeguard.EpochsGiven:      {"crash,rebalance,stop,set-back", ofAnyone},
	safeguard.FirstIsAsked:     {"crash,rebalance,stop,set-back", ofAnyone},
	safeguard.EndingFirst:      {"crash,retention,server-away", ofMediators},
	safeguard.CheckpointEpochs: {"", ofOwners},
	safeguard.HomeAlone:        {"crash,retention,ends-late", ofMediators},
	safeguard.CopiesAsked:      {"change,retry", ofMediators},
	safeguard.CopiesKept:       {"crash,takeover,change,retry", ofMediators},
	safeguard.DrainFirst:       {"change,retry,pause", ofMediators},
	safeguard.BegunFirst:       {"change,retry,partial-read,server-away", ofMediators},

	safeguard.CauseOnce:       {"crash,pause,lost-commit,change", ofLives},
	safeguard.CauseAgain:      {"crash,pause,change", ofLives},
	safeguard.SettledTogether: {"crash,pause,store-fails", ofLives},
	safeguard.NewestSettles:   {"not-known-yet,change,pause", ofLives},
	safeguard.DatedByDue:      {"crash,pause,change", ofLives},
	safeguard.LaterWithdrawn:  {"crash,pause,change", ofLives},
	safeguard.OriginStated:    {"crash,pause", ofLives},
	safeguard.BarEnds:         {"crash,pause", ofLives},
}

// caught is the seed of the first schedule that needed a step, where thousands of schedules or hundreds do not. It is tried
// before the others, which follow if the code has changed so that it needs the step no longer.
var caught = map[safeguard.Step]uint64{
	safeguard.KeysByUsage:      2356,
	safeguard.FormerName:       101,
	safeguard.EpochsGiven:      4942,
	safeguard.FirstIsAsked:     1702,
	safeguard.DrainFirst:       1022,
	safeguard.IntentTaken:      870,
	safeguard.NewestSettles:    1575,
	safeguard.HomeAlone:        337,
	safeguard.BarEnds:          328,
	safeguard.CheckpointEpochs: 249,
	safeguard.FreshKeys:        180,
	safeguard.BegunFirst:       4035,
	safeguard.StandingEnd:      755,
	safeguard.CopiesAsked:      150,
	safeguard.RetryNamesOrigin: 155,
	safeguard.CopiesKept:       138,
}

// part is what a step belongs to.
type part int

const (
	ofAnyone part = iota
	ofOwners
	ofSinks
	ofMediators
	ofLives
)

// TestMutants switches the protective steps off, one at a time: each time the simulation must find a schedule that goes
// wrong, which goes right with the step. It shows that the simulation finds bugs, and that the steps are needed. It prints the
// seed, which is the number of schedules that the mutant survived before.
func TestMutants(t *testing.T) {
	defer safeguard.Without(safeguard.None)
	for step := safeguard.None + 1; step < safeguard.EndAwaited; step++ {
		t.Run(step.String(), func(t *testing.T) {
			safeguard.Without(step)
			set, err := simulation.ParseFaults(cmp.Or(focus[step].faults, *faults))
			require.NoError(t, err)
			on := focus[step].on
			o := simulation.Options{Faults: set, Steps: *length, Senders: on == ofOwners, Sinks: on == ofSinks,
				Mediators: on == ofMediators, Lives: on == ofLives}
			var s simulation.Summary
			if first, known := caught[step]; known && *seed == 0 {
				s = simulation.RunMany(context.Background(), first, 1, o, nil)
			}
			if len(s.Failed) == 0 {
				s = simulation.RunMany(context.Background(), *seed, budget, o, nil)
				require.NotEmpty(t, s.Failed, "without %s nothing goes wrong in %d schedules", step, s.Schedules)
				if first := s.Failed[0].Seed; first >= 100 && *seed == 0 {
					fmt.Printf("seed %d finds %s and saves the time of the schedules before it: write it into caught in mutants_test.go\n", first, step)
				}
			}
			failed := s.Failed[0]
			failure, _, _ := strings.Cut(failed.Failure, "\n")
			safeguard.Without(safeguard.None)
			require.Empty(t, simulation.Run(failed.Seed, failed.Options).Failure,
				"seed %d goes wrong with %s too: it shows nothing about the step", failed.Seed, step)
			fmt.Printf("without %-18s seed %5d fails: %.150s\n", step, failed.Seed, failure)
		})
	}
}

// TestAFailureIsReplayedAndShrunk, of a step that is left out: what it prints to type fails in the same way, with fewer
// faults, steps or files.
func TestAFailureIsReplayedAndShrunk(t *testing.T) {
	defer safeguard.Without(safeguard.None)
	safeguard.Without(safeguard.Positions)
	s := simulation.RunMany(context.Background(), 0, budget, simulation.Defaults(), nil)
	require.NotEmpty(t, s.Failed)
	failed := s.Failed[0]
	small := simulation.Shrink(failed, 40)
	require.NotEmpty(t, small.Failure)
	require.NotEmpty(t, small.Trace)
	require.Less(t, small.Options.Steps, failed.Options.Steps)
	require.Less(t, strings.Count(small.Options.Faults.String(), ","), strings.Count(simulation.Faults(1<<simulation.FaultCount-2).String(),
		","))

	words := strings.Fields(small.Replay())
	require.Contains(t, small.String(), small.Replay())
	set := flag.NewFlagSet("replay", flag.ContinueOnError)
	seed, faults := set.Uint64("seed", 0, ""), set.String("faults", "", "")
	length, files, lines := set.Int("steps", 0, ""), set.Int("files", 0, ""), set.Int("lines", 0, "")
	require.NoError(t, set.Parse(words[slices.Index(words, "-seed"):]))
	named, err := simulation.ParseFaults(*faults)
	require.NoError(t, err)
	again := simulation.Run(*seed, simulation.Options{Faults: named, Steps: *length, Files: *files, Trace: *lines})
	require.Equal(t, small.Failure, again.Failure)
	require.Equal(t, small.Steps, again.Steps)
}
