//go:build mutants

package warehouse_test

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/internal/proof/testengine"
	"ratemill/internal/safeguard"
)

// verdict records whether a test would have failed.
type verdict struct {
	testing.TB
	failed bool
}

func (v *verdict) Errorf(string, ...any) { v.failed = true }
func (v *verdict) FailNow()              { v.failed = true; runtime.Goexit() }

// TestMutantsOfTheSinkOfFactsAreNoticed: without its step, no fault is outlived.
func TestMutantsOfTheSinkOfFactsAreNoticed(t *testing.T) {
	defer safeguard.Without(safeguard.None)
	for step, fault := range factFaults {
		t.Run(step.String(), func(t *testing.T) {
			w := newFactWorld(t, testengine.SharedClickHouse(t), fmt.Sprint("fact_mutant_", int(step)))
			v := &verdict{TB: t}
			w.TB = v
			safeguard.Without(step)
			done := make(chan struct{})
			go func() {
				defer close(done)
				fault(w)
			}()
			<-done
			safeguard.Without(safeguard.None)
			require.True(t, v.failed)
		})
	}
}
