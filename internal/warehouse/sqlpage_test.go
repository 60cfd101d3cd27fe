package warehouse_test

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/internal/proof/testengine"
	"ratemill/internal/warehouse"
)

// question is the SQL of a question of docs/sql.md.
func question(t *testing.T, heading string) string {
	page, err := os.ReadFile("../../docs/sql.md")
	require.NoError(t, err)
	_, after, ok := strings.Cut(string(page), "\n## "+heading)
	require.True(t, ok, "docs/sql.md has no question %q", heading)
	return firstSQL(t, after)
}

// firstSQL is the first SQL of a text of the documentation.
func firstSQL(t *testing.T, text string) string {
	_, after, ok := strings.Cut(text, "```sql\n")
	require.True(t, ok)
	sql, _, _ := strings.Cut(after, "```")
	return sql
}

// TestAMarginIsPerResellerTierAndCurrency: a sub-reseller has one too, and amounts of two currencies are not subtracted.
func TestAMarginIsPerResellerTierAndCurrency(t *testing.T) {
	w := open(t, testengine.SharedClickHouse(t), "margins")
	exec := func(sql string) { require.NoError(t, w.Conn().Exec(t.Context(), sql)) }
	exec(`INSERT INTO rated_usage (root, file, seq, account, plan, amount, currency) VALUES
		('skyway', 'a', 1, 'shop', 'meter', 1.5, 'EUR'), ('skyway', 'a', 2, 'shop', 'meter', 2.5, 'EUR'),
		('skyway', 'b', 1, 'farm', 'meter', 4, 'EUR'), ('skyway', 'b', 2, 'own', 'meter', 9, 'EUR'),
		('skyway', 'b', 3, 'kiosk', '', 0, 'EUR')`)
	exec(`INSERT INTO tier_charges (root, file, seq, tier, account, plan, amount, currency) VALUES
		('skyway', 'a', 1, 1, 'sub', 'w', 1, 'EUR'), ('skyway', 'a', 1, 2, 'top', 'w', 0.25, 'EUR'),
		('skyway', 'a', 2, 1, 'sub', 'w', 2, 'EUR'), ('skyway', 'a', 2, 2, 'top', 'w', 0.5, 'EUR'),
		('skyway', 'b', 1, 1, 'dollar', 'w', 3, 'USD'), ('skyway', 'b', 3, 1, 'sub', 'w', 0.125, 'EUR')`)
	var out bytes.Buffer
	_, err := w.Print(t.Context(), &out, warehouse.AsCSV, question(t, "3."))
	require.NoError(t, err)
	require.Equal(t, `reseller,tier,n,receives,received_in,pays,paid_in,margins
dollar,1,1,4,EUR,3,USD,
sub,1,2,4,EUR,3,EUR,1
sub,1,1,0,,0.125,EUR,-0.125
top,2,2,3,EUR,0.75,EUR,2.25
`, out.String())
}

// TestViewsExplainTheirColumns: BI tools show the comments of columns, and nobody should have to look into docs/tables.md.
func TestViewsExplainTheirColumns(t *testing.T) {
	w := open(t, testengine.SharedClickHouse(t), "comments")
	var silent []string
	rows, err := w.Conn().Query(t.Context(), `SELECT concat(c.table, '.', c.name) FROM system.columns AS c
		WHERE c.database = currentDatabase() AND c.comment = '' AND c.table IN (SELECT name FROM system.tables WHERE database = currentDatabase() AND engine = 'View') ORDER BY 1`)
	require.NoError(t, err)
	defer rows.Close()
	for rows.Next() {
		var name string
		require.NoError(t, rows.Scan(&name))
		silent = append(silent, name)
	}
	require.NoError(t, rows.Err())
	require.Empty(t, silent)
}
