//go:build mutants

package rater

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/internal/safeguard"
)

// TestMutants switches off the step that renews duplicate keys; some order of arrivals must fail then.
func TestMutants(t *testing.T) {
	defer safeguard.Without(safeguard.None)
	safeguard.Without(safeguard.KeysRenewed)
	for seed := range uint64(1000) {
		if wrong := keysCome(seed); wrong != "" {
			fmt.Printf("without %-18s caught after %5d courses: %s\n", safeguard.KeysRenewed, seed, wrong)
			return
		}
	}
	require.Fail(t, "nothing goes wrong without "+safeguard.KeysRenewed.String())
}
