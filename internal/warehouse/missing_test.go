package warehouse_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/internal/proof/testengine"
	"ratemill/internal/warehouse"
)

func TestADroppedTableIsMadeAgainByAnOrderAlone(t *testing.T) {
	w := open(t, testengine.SharedClickHouse(t), "dropped")
	exec := func(statement string) { require.NoError(t, w.Conn().Exec(t.Context(), statement)) }
	exec("INSERT INTO rated_usage (file) VALUES ('01')")
	for _, table := range warehouse.TableNames() {
		exec("RENAME TABLE " + table + " TO elsewhere")
		var missing *warehouse.MissingTablesError
		require.ErrorAs(t, w.Migrate(t.Context(), warehouse.Layout{}), &missing)
		require.Equal(t, []string{table}, missing.Tables)
		require.ErrorContains(t, missing, "ratemill stores remake "+table+" --why")
		require.ErrorContains(t, missing, "docs/runbooks/table-missing.md")
		if table == "files" { // by an order
			before := warehouse.Creates(warehouse.Layout{})[table]
			require.NoError(t, w.Migrate(t.Context(), warehouse.Layout{Remake: []string{table}}))
			require.Equal(t, before, warehouse.Creates(warehouse.Layout{})[table])
			exec("DROP TABLE elsewhere")
		} else {
			exec("RENAME TABLE elsewhere TO " + table)
		}
		require.NoError(t, w.Migrate(t.Context(), warehouse.Layout{}))
	}
	exec("DROP TABLE usage_events")
	exec("DROP TABLE tier_charges")
	require.ErrorContains(t, w.Migrate(t.Context(), warehouse.Layout{Remake: []string{"usage_events"}}), "the table tier_charges is missing")
	require.ErrorContains(t, w.Migrate(t.Context(), warehouse.Layout{}), "the table tier_charges is missing")
	require.NoError(t, w.Migrate(t.Context(), warehouse.Layout{Remake: []string{"tier_charges"}}))

	exec("DROP TABLE ratemill_migrations")
	exec("RENAME TABLE suspense TO elsewhere")
	require.ErrorContains(t, w.Migrate(t.Context(), warehouse.Layout{}), "the table suspense is missing")
	exec("RENAME TABLE elsewhere TO suspense")
	require.NoError(t, w.Migrate(t.Context(), warehouse.Layout{}))
}

func TestDroppedViewsComeBack(t *testing.T) {
	w := open(t, testengine.SharedClickHouse(t), "dropped_view")
	var dropped []string
	for _, v := range warehouse.Views() {
		if len(v.Takes) > 0 {
			continue
		}
		require.NoError(t, w.Conn().Exec(t.Context(), "DROP VIEW "+v.Name))
		dropped = append(dropped, v.Name)
	}
	require.NotEmpty(t, dropped)
	require.NoError(t, w.Migrate(t.Context(), warehouse.Layout{}))
	for _, name := range dropped {
		require.NoError(t, w.Conn().Exec(t.Context(), "SELECT * FROM "+name+" LIMIT 0"))
	}
}
