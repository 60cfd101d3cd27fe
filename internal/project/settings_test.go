package project_test

import (
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"ratemill/internal/project"
	"ratemill/rating"
)

// TestTheSettingsOfTheNearestAccountAboveHoldInAnImport imports the state of a SIM whose account has no settings.
func TestTheSettingsOfTheNearestAccountAboveHoldInAnImport(t *testing.T) {
	c, list := rating.LoadCatalogue(fstest.MapFS{
		"life.yaml":  {Data: []byte("lifecycle: standard\nstates: connected\ndefault: inventory\n")},
		"fleet.yaml": {Data: []byte("contract: fleet-24\nterm: 24 cycles\n")},
	}, project.Kinds()...)
	require.False(t, list.HasErrors(), list)
	wrong, _ := imported(c, "x.yaml", `
accounts: { north: { parent: acme }, depot: { parent: north } }
sims: { "214070000000031": { account: depot, state: in_billing, since: 2026-02-10 } }
`)
	require.Empty(t, wrong)
	wrong, _ = imported(c, "x.yaml", `
sims: { "214070000000031": { account: bolt, state: in_billing, since: 2026-02-10 } }
`)
	require.ErrorContains(t, wrong.Err(), "neither the row nor the settings of the SIM, of its account or of an account above name "+
		"a lifecycle")
}
