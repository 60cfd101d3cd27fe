package warehouse_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/internal/proof/testengine"
	"ratemill/internal/warehouse"
)

// expiring is a warehouse with records of file a, whose usage began months ago and came as many months ago, and of what
// else a test puts in.
type expiring struct {
	t *testing.T
	*warehouse.Warehouse
}

func (w expiring) do(statement string) {
	require.NoError(w.t, w.Conn().Exec(w.t.Context(), statement), statement)
}

func (w expiring) count(from string) (n int) {
	var rows uint64
	require.NoError(w.t, w.Conn().QueryRow(w.t.Context(), "SELECT count() FROM "+from).Scan(&rows))
	return int(rows)
}

// came inserts two rows of a file into each table, at months ago.
func (w expiring) came(file, at, stored string) {
	w.do("INSERT INTO files (file, source, records, mapped, suspended, bytes, stored) SELECT '" + file + "', 's', 5, 4, 1, 30, now64(3) - " +
		stored)
	w.do("INSERT INTO suspense (file, seq, source, bytes, stored) SELECT '" + file + "', 1, 's', 10, now64(3) - " + stored)
	for _, table := range []string{"rated_usage", "tier_charges", "duplicates", "usage_events"} {
		w.do("INSERT INTO " + table + " (file, seq, at, stored) SELECT '" + file + "', number + 2, now64(9) - " + at + ", now64(3) - " + stored +
			" FROM numbers(2)")
	}
	w.do("ALTER TABLE rated_usage UPDATE bytes = 10, source = 's' WHERE file = '" + file + "' SETTINGS mutations_sync = 2")
}

// left are how many rows of a file are there, once what was ordered is done.
func (w expiring) left(file string) (n [4]int) {
	require.Eventually(w.t, func() bool {
		return w.count("system.mutations WHERE database = currentDatabase() AND NOT is_done") == 0
	}, time.Minute, 20*time.Millisecond)
	for i, table := range []string{"rated_usage", "tier_charges", "duplicates", "usage_events"} {
		n[i] = w.count(table + " WHERE file = '" + file + "'")
	}
	return n
}

func clocks(local, store time.Duration) []warehouse.Clock {
	now := time.Now()
	return []warehouse.Clock{{Whose: "this machine's", Says: now.Add(local)}, {Whose: "the control store's", Says: now.Add(store)}}
}

var (
	all     = [4]int{2, 2, 2, 2}
	keepTwo = warehouse.Layout{Keep: 2}
	year    = 365 * 24 * time.Hour
)

// TestWhatWasRatedIsKeptForATime, and nothing else goes; the balance is that of files whose records are all kept.
func TestWhatWasRatedIsKeptForATime(t *testing.T) {
	w := expiring{t, open(t, testengine.SharedClickHouse(t), "keep")}
	require.NoError(t, w.Migrate(t.Context(), keepTwo))
	w.came("old", "toIntervalMonth(9)", "toIntervalMonth(4)")
	w.came("late", "toIntervalMonth(9)", "toIntervalMonth(0)") // is kept as long as other usage
	w.came("new", "toIntervalHour(1)", "toIntervalHour(0)")

	e, err := w.Expire(t.Context(), warehouse.Layout{}, clocks(0, 0)...)
	require.NoError(t, err)
	require.Zero(t, e, "for ever")
	e, err = w.Expire(t.Context(), keepTwo, clocks(0, 0)...)
	require.NoError(t, err)
	require.Empty(t, e.Held)
	require.Positive(t, e.Parts)
	require.Equal(t, []string{"duplicates", "usage_events"}, e.Tables)
	require.Equal(t, [4]int{}, w.left("old"))
	require.Equal(t, all, w.left("late"))
	require.Equal(t, all, w.left("new"))
	require.Equal(t, 3, w.count("files"))
	require.Equal(t, 3, w.count("suspense_open"))
	require.Equal(t, 2, w.count("file_balance"))
	require.Equal(t, 0, w.count("file_ends_missing"))
	totals, err := w.Totals(t.Context(), 0)
	require.NoError(t, err)
	require.Equal(t, warehouse.Totals{Suspense: 3}, totals)

	e, err = w.Expire(t.Context(), keepTwo, clocks(0, 0)...)
	require.NoError(t, err)
	require.Equal(t, warehouse.Expiry{Before: e.Before}, e, "nothing is left to do")
}

func TestNothingExpiresByAClockThatDiffersFromTheOthers(t *testing.T) {
	w := expiring{t, open(t, testengine.SharedClickHouse(t), "keep_clocks")}
	w.came("old", "toIntervalMonth(9)", "toIntervalMonth(4)")
	w.came("new", "toIntervalHour(1)", "toIntervalHour(0)")
	for _, c := range [][]warehouse.Clock{clocks(year, 0), clocks(0, year), clocks(year, year), clocks(-year, 0)} {
		e, err := w.Expire(t.Context(), keepTwo, c...)
		require.NoError(t, err)
		require.Regexp(t,
			`^the clocks differ by more than a day: this machine's says \S+ \S+Z, the control store's says \S+ \S+Z, ClickHouse's says `, e.Held)
		require.Zero(t, e.Parts)
		require.Empty(t, e.Tables)
		require.Equal(t, all, w.left("old"))
	}
}

// Where all clocks are that of one machine, they are wrong together; what the carriers send is not.
func TestNothingExpiresThatNewerUsageDoesNotProveToBeOld(t *testing.T) {
	w := expiring{t, open(t, testengine.SharedClickHouse(t), "keep_usage")}
	w.came("first", "toIntervalMonth(13)", "toIntervalMonth(13)")  // a month before the newest, on the last day of a month too
	w.came("second", "toIntervalMonth(12)", "toIntervalMonth(12)") // the newest: our clocks say that it is a year old
	e, err := w.Expire(t.Context(), keepTwo, clocks(0, 0)...)
	require.NoError(t, err)
	require.Regexp(t,
		`^rows of rated_usage, tier_charges, duplicates, usage_events have expired by the clocks, which show \S+ \S+Z, `+
			`but the newest rated usage is of \S+ \S+Z; `, e.Held)
	require.Zero(t, e.Parts)
	require.Equal(t, all, w.left("first"))
	require.Equal(t, all, w.left("second"))

	w.came("new", "toIntervalHour(1)", "toIntervalHour(0)") // they were right
	e, err = w.Expire(t.Context(), keepTwo, clocks(0, 0)...)
	require.NoError(t, err)
	require.Empty(t, e.Held)
	require.Equal(t, [4]int{}, w.left("first"))
	require.Equal(t, [4]int{}, w.left("second"))
	require.Equal(t, all, w.left("new"))
}

func TestAWarehouseOfAFormerVersionKeepsRowsUntilTheyAreDeletedOnPurpose(t *testing.T) {
	w := expiring{t, open(t, testengine.SharedClickHouse(t), "keep_ttl")}
	tables := "system.tables WHERE database = currentDatabase() AND position(create_table_query, ' TTL ') > 0"
	for _, table := range []string{"rated_usage", "tier_charges", "duplicates", "usage_events"} {
		w.do("ALTER TABLE " + table + " MODIFY TTL toDateTime(stored) + toIntervalMonth(26)")
	}
	require.Equal(t, 4, w.count(tables))
	for range 2 {
		require.NoError(t, w.Migrate(t.Context(), warehouse.Layout{Keep: 26}))
		require.Zero(t, w.count(tables))
	}
	w.came("old", "toIntervalMonth(40)", "toIntervalMonth(40)")
	w.do("OPTIMIZE TABLE rated_usage FINAL")
	require.Equal(t, all, w.left("old"))
}
