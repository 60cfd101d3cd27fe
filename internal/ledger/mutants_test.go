//go:build mutants

package ledger

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/internal/steps"
)

// TestMutants switches off the step that renews duplicate keys: some course of arrivals finds it.
func TestMutants(t *testing.T) {
	defer steps.Without(steps.None)
	steps.Without(steps.KeysRenewed)
	for seed := range uint64(1000) {
		if wrong := keysCome(seed); wrong != "" {
			fmt.Printf("without %-18s caught after %5d courses: %s\n", steps.KeysRenewed, seed, wrong)
			return
		}
	}
	require.Fail(t, "nothing goes wrong without "+steps.KeysRenewed.String())
}
