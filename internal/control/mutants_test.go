//go:build mutants

package control_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/internal/safeguard"
)

// TestMutants switches off the step that keeps files from an older registry than that of a retry; some schedule must fail then.
func TestMutants(t *testing.T) {
	defer safeguard.Without(safeguard.None)
	safeguard.Without(safeguard.NewestPinned)
	s := open(t, emptySQLite.sqlite(t, "control.db"))
	for seed := range uint64(1000) {
		if wrong := overtake(t, s, seed); wrong != "" {
			fmt.Printf("without %-18s caught after %5d schedules: %s\n", safeguard.NewestPinned, seed, wrong)
			return
		}
	}
	require.Fail(t, "nothing goes wrong without "+safeguard.NewestPinned.String())
}
