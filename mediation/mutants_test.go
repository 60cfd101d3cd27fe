//go:build mutants

package mediation_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/internal/safeguard"
)

// TestMutants switches off the steps that protect files which continue others, one at a time: each time some course goes
// wrong.
func TestMutants(t *testing.T) {
	store, spool := courseStores(t)
	defer safeguard.Without(safeguard.None)
	seed := uint64(0)
	for step := safeguard.EndAwaited; step < safeguard.KeysRenewed; step++ {
		t.Run(step.String(), func(t *testing.T) {
			safeguard.Without(step)
			if step == safeguard.BeginningKnown {
				seed = 383 // the next is the first course that needs it: hundreds before it do not
			}
			for survived := range 2000 {
				seed++
				if c := growingCourse(t, seed, store, spool); len(c.wrong) > 0 {
					fmt.Printf("without %-18s caught after %5d courses: seed %d: %.150s\n", step, survived, seed, c.wrong[0])
					return
				}
			}
			require.Fail(t, "nothing goes wrong without "+step.String())
		})
	}
}
