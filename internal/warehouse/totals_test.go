package warehouse_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/internal/proof/testengine"
	"ratemill/internal/warehouse"
)

func TestTotalsAndExtremesAreSetApart(t *testing.T) {
	w := open(t, testengine.SharedClickHouse(t), "totals")
	show := func(format warehouse.Format, query string) string {
		var out strings.Builder
		n, err := w.Print(t.Context(), &out, format, query)
		require.NoError(t, err, query)
		require.Equal(t, 2, n, "rows, without those set apart")
		return out.String()
	}
	const question = `SELECT class, sum(n) AS records, sum(toDecimal64(n, 3) / 8) AS amount FROM
		(SELECT ['data', 'sms "mo"'][number % 2 + 1] AS class, number AS n FROM numbers(5)) GROUP BY class WITH /* all */ TOTALS ORDER BY class`
	require.Equal(t, `class     records  amount
data            6  0.75
sms "mo"        4  0.5

totals:
               10  1.25
`, show(warehouse.AsTable, question))
	require.Equal(t, `{"class":"data","records":6,"amount":"0.75"}
{"class":"sms \"mo\"","records":4,"amount":"0.5"}
{"totals":{"class":"","records":10,"amount":"1.25"}}
`, show(warehouse.AsJSON, question))
	require.Equal(t, "class,records,amount\ndata,6,0.75\n\"sms \"\"mo\"\"\",4,0.5\n", show(warehouse.AsCSV, question))
	require.Equal(t, "n\n0\n1\n\nminimum:\n0\n\nmaximum:\n1\n", show(warehouse.AsTable,
		"SELECT number AS n FROM numbers(2) SETTINGS extremes = 1"))
	require.True(t, warehouse.AsksApart("select 1 with\ntotals"))
	require.False(t, warehouse.AsksApart("select 1 -- with totals"))

	var out strings.Builder
	var refused *warehouse.RefusedError
	_, err := w.Print(t.Context(), &out, warehouse.AsTable, "SELECT nothing FROM rated_usage GROUP BY nothing WITH TOTALS")
	require.ErrorAs(t, err, &refused)
	require.Contains(t, err.Error(), "nothing")
	_, err = w.Print(t.Context(), &out, warehouse.AsTable, "INSERT INTO rated_usage (seq) SELECT 1 GROUP BY 1 WITH TOTALS")
	require.ErrorAs(t, err, &refused)
	require.Contains(t, err.Error(), "a query may only read")
	_, err = w.Print(t.Context(), &out, warehouse.AsTable, "SELECT unhex('ff')::FixedString(1) AS x, count() GROUP BY x WITH TOTALS")
	require.ErrorContains(t, err, "write hex(x)")
	require.Empty(t, out.String())
}

// TestValuesAreTheSameWhicheverWayTheyCome: by the driver, or in the format that has totals.
func TestValuesAreTheSameWhicheverWayTheyCome(t *testing.T) {
	w := open(t, testengine.SharedClickHouse(t), "totals_values")
	for _, expression := range []string{
		"toUInt8(7)", "toInt64(-9223372036854775808)", "toUInt64(18446744073709551615)", "toDecimal128('0.001584000000', 12)",
		"toDecimal64(100, 2)", "1.25", "true",
		"toDate('2026-03-28')", "toDateTime('2026-03-28 15:46:24', 'UTC')", "toDateTime64('2026-03-28 15:46:24.120', 9, 'UTC')",
		"toDateTime('2026-07-28 15:46:24', 'Europe/Madrid')",
		"'a\\tb\\n\"ñ\\'移'", "toLowCardinality('x')", "CAST(NULL, 'Nullable(String)')", "CAST(3, 'Nullable(UInt32)')",
		"toFixedString('abc', 3)", "[1, 2]", "['a']", "toUUID('61f0c404-5cb3-11e7-907b-a6006ad3dba0')",
		"toIPv4('10.0.0.1')", "CAST('b', 'Enum8(\\'a\\' = 1, \\'b\\' = 2)')",
	} {
		for _, format := range []warehouse.Format{warehouse.AsTable, warehouse.AsJSON, warehouse.AsCSV} {
			var driver, apart strings.Builder
			_, err := w.Print(t.Context(), &driver, format, "SELECT "+expression+" AS v")
			require.NoError(t, err, expression)
			_, err = w.Print(t.Context(), &apart, format, "SELECT "+expression+" AS v WHERE 'with totals' != ''")
			require.NoError(t, err, expression)
			require.Equal(t, driver.String(), apart.String(), "%s as %s", expression, format)
		}
	}
}

// A terminal would obey an escape sequence in the name of a column, like one in a value.
func TestNamesOfColumnsHoldNoControlCharacters(t *testing.T) {
	w := open(t, testengine.SharedClickHouse(t), "names")
	for _, format := range []warehouse.Format{warehouse.AsTable, warehouse.AsJSON} {
		for _, query := range []string{"SELECT 1 AS `\x1b[31m`", "SELECT 1 AS `\x1b[31m`, count() GROUP BY 1 WITH TOTALS"} {
			var out strings.Builder
			_, err := w.Print(t.Context(), &out, format, query)
			require.NoError(t, err)
			require.NotContains(t, out.String(), "\x1b")
			require.Contains(t, out.String(), "[31m")
		}
	}
}
