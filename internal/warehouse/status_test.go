package warehouse_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/internal/testengine"
	"ratemill/internal/warehouse"
)

func TestTotalsTellMissingRecordsAndSuspense(t *testing.T) {
	w := open(t, testengine.SharedClickHouse(t), "totals")
	totals, err := w.Totals(t.Context())
	require.NoError(t, err)
	require.Equal(t, warehouse.Totals{}, totals)

	require.NoError(t, w.Conn().Exec(t.Context(), `INSERT INTO files (file, name, source, records, filtered, mapped, suspended) VALUES ('a', '/a', 's', 10, 2, 7, 1)`))
	require.NoError(t, w.Conn().Exec(t.Context(), `INSERT INTO suspense (file, seq, source) VALUES ('a', 1, 's')`))
	totals, err = w.Totals(t.Context())
	require.NoError(t, err)
	require.Equal(t, warehouse.Totals{Files: 1, Difference: 7, Suspense: 1}, totals, "the rated ones have not come")
}
