//go:build mutants

package simulation_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/internal/simulation"
	"ratemill/internal/steps"
)

// budget is how many schedules a mutant may survive.
const budget = 10_000

// TestMutants switches the protective steps off, one at a time: each time the simulation must find a schedule that goes
// wrong. It shows that the simulation finds bugs, and that the steps are needed.
func TestMutants(t *testing.T) {
	defer steps.Without(steps.None)
	for step := steps.None + 1; step < steps.Count; step++ {
		t.Run(step.String(), func(t *testing.T) {
			steps.Without(step)
			s := simulation.RunMany(context.Background(), *seed, budget, simulation.Defaults(), nil)
			require.NotEmpty(t, s.Failed, "without %s nothing goes wrong in %d schedules", step, s.Schedules)
			t.Logf("caught after %d schedules: seed %d: %.300s", s.Schedules, s.Failed[0].Seed, s.Failed[0].Failure)
		})
	}
}
