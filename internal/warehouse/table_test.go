package warehouse_test

import (
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/internal/testengine"
	"ratemill/internal/warehouse"
)

var rewrite = flag.Bool("rewrite", false, "write docs/tables.md anew")

func TestDocsAreThoseOfTheTables(t *testing.T) {
	const path = "../../docs/tables.md"
	if *rewrite {
		require.NoError(t, os.MkdirAll("../../docs", 0o755))
		require.NoError(t, os.WriteFile(path, []byte(warehouse.Docs()), 0o644))
	}
	page, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(page), warehouse.Docs(), "docs/tables.md is stale: go test ./internal/warehouse -run Docs -rewrite")
}

func TestMigratingTwiceChangesNothing(t *testing.T) {
	w := open(t, testengine.SharedClickHouse(t), "migrations")
	describe := func() (all string) {
		rows, err := w.Conn().Query(t.Context(), "SELECT create_table_query FROM system.tables WHERE database = currentDatabase() ORDER BY name")
		require.NoError(t, err)
		defer rows.Close()
		for rows.Next() {
			var q string
			require.NoError(t, rows.Scan(&q))
			all += q + "\n"
		}
		require.NoError(t, rows.Err())
		return all
	}
	before := describe()
	require.NoError(t, w.Migrate(t.Context(), warehouse.Layout{}))
	require.Equal(t, before, describe())
	for _, table := range warehouse.Tables() {
		require.Contains(t, before, table.Name)
		for _, c := range table.Columns {
			require.NotEmpty(t, c.Doc, c.Name)
			require.NotZero(t, c.Since, c.Name)
		}
	}
	require.NoError(t, w.Migrate(t.Context(), warehouse.Layout{Keep: map[string]int{"rated_usage": 24}}))
	require.Contains(t, describe(), "TTL toDateTime(at) + toIntervalMonth(24)")
	require.NoError(t, w.Conn().Exec(t.Context(), "INSERT INTO ratemill_migrations (version) VALUES (1000)"))
	require.NoError(t, w.Conn().Exec(t.Context(), "DROP VIEW suspense_open"))
	require.NoError(t, w.Migrate(t.Context(), warehouse.Layout{}), "an older version runs beside a newer one")
	require.NotContains(t, describe(), "VIEW migrations.suspense_open", "and leaves its views alone")
}

func TestEveryViewSaysWhatItsColumnsAre(t *testing.T) {
	w := open(t, testengine.SharedClickHouse(t), "views")
	for _, v := range warehouse.Views() {
		var columns []string
		err := w.Conn().QueryRow(t.Context(), "SELECT groupArray(name) FROM system.columns WHERE database = currentDatabase() AND table = ?", v.Name).Scan(&columns)
		require.NoError(t, err, v.Name)
		var documented []string
		for _, c := range v.Columns {
			documented = append(documented, strings.Split(c.Name, ", ")...)
		}
		if v.Name != "suspense_open" {
			require.ElementsMatch(t, columns, documented, v.Name)
		}
	}
}

func TestTablesOfAnOlderVersionAreKeptAsNewOnes(t *testing.T) {
	w := open(t, testengine.SharedClickHouse(t), "resettled")
	settings := func() (s string) {
		require.NoError(t, w.Conn().QueryRow(t.Context(), "SELECT arrayStringConcat(arraySort(groupArray(concat(name, ': ', extract(create_table_query, 'min_parts_to_merge_at_once = [0-9]+')))), '\n') FROM system.tables WHERE database = currentDatabase() AND engine = 'MergeTree' AND name != 'ratemill_migrations'").Scan(&s))
		return s
	}
	fresh := settings()
	require.Contains(t, fresh, "rated_usage: min_parts_to_merge_at_once = 30")
	for _, s := range []string{"ALTER TABLE rated_usage MODIFY SETTING min_parts_to_merge_at_once = 10", "ALTER TABLE files RESET SETTING min_parts_to_merge_at_once",
		"DROP TABLE ratemill_migrations", "CREATE TABLE ratemill_migrations (version UInt32, views String, done DateTime64(3, 'UTC') DEFAULT now64(3)) ENGINE = MergeTree ORDER BY version",
		"INSERT INTO ratemill_migrations (version) VALUES (2)"} {
		require.NoError(t, w.Conn().Exec(t.Context(), s), s)
	}
	require.NotEqual(t, fresh, settings())
	require.NoError(t, w.Migrate(t.Context(), warehouse.Layout{}))
	require.Equal(t, fresh, settings())
}
