package warehouse_test

import (
	"fmt"
	"math/rand"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/internal/proof/testengine"
	"ratemill/internal/warehouse"
	"ratemill/udr"
)

func TestTotalsTellWhatIsOffAndWhatWaits(t *testing.T) {
	w := open(t, testengine.SharedClickHouse(t), "totals")
	do := func(statement string) { require.NoError(t, w.Conn().Exec(t.Context(), statement), statement) }
	totals := func(settled time.Duration) warehouse.Totals {
		found, err := w.Totals(t.Context(), settled)
		require.NoError(t, err)
		return found
	}
	require.Equal(t, warehouse.Totals{}, totals(0))

	do(`INSERT INTO files (file, name, source, records, filtered, mapped, suspended, bytes, units) VALUES ('a', '/a', 's', 10, 2, 7, 1, 100, {'data': 70})`)
	do(`INSERT INTO suspense (file, seq, source, bytes, stage) VALUES ('a', 1, 's', 10, 'mediation')`)
	require.Equal(t, warehouse.Totals{Suspense: 1}, totals(time.Hour), "what came this minute may be on its way")
	require.Equal(t, warehouse.Totals{Files: 1, Records: 7, Bytes: 90, Units: 70, Suspense: 1}, totals(0), "the rated ones have not come")
	do(`INSERT INTO rated_usage (file, seq, source, bytes, quantity, at) SELECT 'a', number + 2, 's', 10, 10, now64(9) - toIntervalMonth(number) FROM numbers(7)`)
	require.Equal(t, warehouse.Totals{Files: 1, Bytes: 20, Suspense: 1}, totals(0), "of the filtered ones the bytes are not told")
	do(`ALTER TABLE files UPDATE filtered_bytes = 20 WHERE 1 SETTINGS mutations_sync = 2`)
	require.Equal(t, warehouse.Totals{Suspense: 1}, totals(0))

	do(`INSERT INTO duplicates (file, seq, source, bytes, quantity) VALUES ('b', 1, 's', 10, 10)`)
	require.Equal(t, warehouse.Totals{Suspense: 1}, totals(time.Hour), "it is being read")
	require.Equal(t, warehouse.Totals{Suspense: 1, EndsMissing: 1}, totals(0))
	do(`INSERT INTO files (file, name, source, records, bytes, units) VALUES ('b', '/b', 's', 1, 10, {'data': 4, 'sms_mo': 1}), ('c', '/c', 's', 0, 0, {})`)
	do(`INSERT INTO rated_usage (file, seq, source, bytes, quantity) VALUES ('c', 1, 's', 5, 0)`)
	require.Equal(t, warehouse.Totals{Files: 2, Records: 1, Bytes: 5, Units: 5, Suspense: 1}, totals(0), "one too many")
	do(`INSERT INTO suspense_closed (file, seq, how) VALUES ('a', 1, 'dropped')`)
	require.Equal(t, warehouse.Totals{Files: 2, Records: 1, Bytes: 5, Units: 5}, totals(0))
}

// The sums that ClickHouse keeps beside the rows are those of the rows, also when a block comes again, when a table is of
// a version that had no sums, and when parts are merged.
func TestSumsByFileAreThoseOfTheRows(t *testing.T) {
	w := open(t, testengine.SharedClickHouse(t), "sums")
	do := func(statement string) { require.NoError(t, w.Conn().Exec(t.Context(), statement), statement) }
	r := rand.New(rand.NewSource(5))
	insert := func(token string) {
		var records []record
		for i := range 20 {
			u := random(r, uint64(i+1))
			u.At -= udr.Instant(r.Intn(3)) * 40 * 24 * 3600_000000000 // parts of several months
			records = append(records, record{usage: u, tiers: []string{"1"}})
		}
		b := warehouse.BlockOf(t.Context(), message(1, 0, udr.FileID{byte(r.Intn(4))}, nil, records...), accountID)
		for range 2 {
			require.NoError(t, w.Insert(t.Context(), b, token))
		}
	}
	const sums = `SELECT file, count() AS n, sum(bytes), sum(quantity), max(stored) FROM rated_usage GROUP BY file ORDER BY file`
	same := func() {
		t.Helper()
		answer := func(settings string) (all []string) {
			rows, err := w.Conn().Query(t.Context(), "SELECT toString(tuple(*)) FROM ("+sums+")"+settings)
			require.NoError(t, err)
			defer rows.Close()
			for rows.Next() {
				var line string
				require.NoError(t, rows.Scan(&line))
				all = append(all, line)
			}
			require.NoError(t, rows.Err())
			return all
		}
		kept := answer(" SETTINGS force_optimize_projection = 1")
		require.NotEmpty(t, kept)
		require.Equal(t, answer(" SETTINGS optimize_use_projections = 0"), kept)
	}
	do("ALTER TABLE rated_usage DROP PROJECTION by_file")
	for i := range 5 {
		insert(fmt.Sprint("before ", i))
	}
	do("TRUNCATE TABLE ratemill_migrations")
	do("INSERT INTO ratemill_migrations (version) VALUES (3)")
	require.NoError(t, w.Migrate(t.Context(), warehouse.Layout{}))
	for i := range 5 {
		insert(fmt.Sprint("after ", i))
	}
	insert("before 3")
	var n uint64
	require.NoError(t, w.Conn().QueryRow(t.Context(), "SELECT sum(n) FROM ("+sums+")").Scan(&n))
	require.EqualValues(t, 200, n)
	same()
	do("OPTIMIZE TABLE rated_usage FINAL")
	same()
}
