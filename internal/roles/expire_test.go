package roles

import (
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/internal/proof/testengine"
)

func TestRowsThatExpiredByTheClocksAloneStayAndAreTold(t *testing.T) {
	w := newWorld(t, "expiry")
	w.config.Listen, w.config.Warehouse.Keep = testengine.FreeAddress(t), 2
	w.start(Warehouse)
	w.tells(map[string]float64{"warehouse_expiry_held": 0})
	do := func(statement string) { require.NoError(t, w.Warehouse.Conn().Exec(t.Context(), statement)) }
	do("INSERT INTO rated_usage (file, seq, at, stored) SELECT 'old', 1, now64(9) - toIntervalMonth(9), now64(3) - toIntervalMonth(9)")
	w.stop()

	w.start(Warehouse)
	w.tells(map[string]float64{"warehouse_expiry_held": 1})
	require.Equal(t, []string{"old"}, w.rows("SELECT file FROM rated_usage"))
	do("INSERT INTO rated_usage (file, seq, at) SELECT 'new', 1, now64(9)")
	w.stop()

	w.start(Warehouse)
	w.tells(map[string]float64{"warehouse_expiry_held": 0})
	require.Equal(t, []string{"new"}, w.rows("SELECT file FROM rated_usage"))
}
