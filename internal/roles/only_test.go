package roles

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A source is bound to accounts, to home networks, or to SIMs; what it brings of others is not billed.
func TestASourceBringsUsageOfItsOwnSIMsOnly(t *testing.T) {
	w := newWorld(t, "only")
	before, after, found := strings.Cut(w.docs["sources/sky.yaml"], "\n")
	require.True(t, found)
	w.docs["sources/sky.yaml"] = before + "\nonly: { sims: ['21407000000000'], networks: [214-08] }\n" + after
	w.start(Roles...)
	w.imports(w.docs["registry.yaml"])
	w.drop("sky/a.csv", content(1))
	b := w.settled(1)["a.csv"]
	require.EqualValues(t, []uint64{0, perFile}, []uint64{b.Rated, b.Suspended})
	rows := w.rows("SELECT DISTINCT concat(code, ': ', reason) FROM suspense_open")
	require.Len(t, rows, 1)
	require.Contains(t, rows[0], "not_yours: source sky may not bring usage of the SIM with imsi 214070000000001, which belonged to account ")
}
