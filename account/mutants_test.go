//go:build mutants

package account_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/internal/safeguard"
)

// TestMutants has the status that a credit limit changes move after the alert; some end of a process must then lose it.
func TestMutants(t *testing.T) {
	defer safeguard.Without(safeguard.None)
	safeguard.Without(safeguard.SuspendedTogether)
	for seed := range uint64(100) {
		if wrong := courseOfCredit(t, seed); wrong != "" {
			fmt.Printf("without %-18s caught after %5d courses: %s\n", safeguard.SuspendedTogether, seed, wrong)
			return
		}
	}
	require.Fail(t, "nothing goes wrong without "+safeguard.SuspendedTogether.String())
}
