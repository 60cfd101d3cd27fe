package roles

import (
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/internal/proof/testengine"
)

// TestTheRegistrysFactsComeToTheWarehouse once, in the process that has partition 0.
func TestTheRegistrysFactsComeToTheWarehouse(t *testing.T) {
	w := newWorld(t, "facts")
	w.config.Listen = testengine.FreeAddress(t)
	w.start(Warehouse)
	w.imports(w.docs["registry.yaml"])
	w.tells(map[string]float64{"warehouse_facts_revision": 1, "warehouse_facts_lag_revisions": 0, "warehouse_facts_failing": 0,
		"warehouse_documents_failing": 0, "warehouse_documents_lag": 0, "warehouse_documents_wait_seconds": 0})
	first := w.rows("SELECT concat(account, ' ', toString(sim)) FROM sims ORDER BY sim")
	require.NotEmpty(t, first)
	w.stop()

	w.start(Warehouse)
	w.imports(secondSIM)
	w.tells(map[string]float64{"warehouse_facts_revision": 2, "warehouse_facts_lag_revisions": 0})
	require.Len(t, w.rows("SELECT concat(account, ' ', toString(sim)) FROM sims ORDER BY sim"), len(first)+1)
	require.Equal(t, []string{"0"}, w.rows("SELECT toString(count() - uniqExact(known, n)) FROM sim_facts"))
	w.stop()
}
