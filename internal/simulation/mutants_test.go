//go:build mutants

package simulation_test

import (
	"cmp"
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/internal/simulation"
	"ratemill/internal/steps"
)

// budget is how many schedules a mutant may survive.
const budget = 10_000

// focus is the faults for steps that few schedules need: with every fault at once, what they protect from is too rare.
var focus = map[steps.Step]string{
	steps.FreshKeys:    "crash,rebalance,old-append,late-append,partial-read,compaction",
	steps.StandingEnd:  "crash,rebalance,old-append,late-append,partial-read,compaction,pause,fetch-fails,takeover,lost-answer",
	steps.NewerEntries: "crash,rebalance,pause,partial-read,lost-answer,compaction,takeover",
}

// TestMutants switches the protective steps off, one at a time: each time the simulation must find a schedule that goes
// wrong. It shows that the simulation finds bugs, and that the steps are needed.
func TestMutants(t *testing.T) {
	defer steps.Without(steps.None)
	for step := steps.None + 1; step < steps.Count; step++ {
		if step == steps.RetryNamesOrigin {
			continue // retries are not simulated yet
		}
		t.Run(step.String(), func(t *testing.T) {
			steps.Without(step)
			set, err := simulation.ParseFaults(cmp.Or(focus[step], *faults))
			require.NoError(t, err)
			s := simulation.RunMany(context.Background(), *seed, budget, simulation.Options{Faults: set, Steps: *length}, nil)
			require.NotEmpty(t, s.Failed, "without %s nothing goes wrong in %d schedules", step, s.Schedules)
			t.Logf("caught after %d schedules: seed %d: %.300s", s.Schedules, s.Failed[0].Seed, s.Failed[0].Failure)
		})
	}
}
