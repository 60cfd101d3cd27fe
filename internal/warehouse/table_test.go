package warehouse_test

import (
	"context"
	"flag"
	"fmt"
	"math/rand"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/internal/proof/testengine"
	"ratemill/internal/warehouse"
	"ratemill/udr"
)

var rewrite = flag.Bool("rewrite", false, "write docs/tables.md and testdata anew")

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
	require.NoError(t, w.Conn().Exec(t.Context(), "INSERT INTO ratemill_migrations (version) VALUES (1000)"))
	require.NoError(t, w.Conn().Exec(t.Context(), "DROP VIEW suspense_open"))
	require.NoError(t, w.Migrate(t.Context(), warehouse.Layout{}), "an older version runs beside a newer one")
	require.NotContains(t, describe(), "VIEW migrations.suspense_open", "and leaves its views alone")
}

func TestEveryViewSaysWhatItsColumnsAre(t *testing.T) {
	w := open(t, testengine.SharedClickHouse(t), "views")
	for _, v := range warehouse.Views() {
		var columns []string
		var out strings.Builder
		_, err := w.Print(t.Context(), &out, warehouse.AsCSV, "DESCRIBE (SELECT * FROM "+asked(&v)+")")
		require.NoError(t, err, v.Name)
		for line := range strings.Lines(out.String()) {
			name, _, _ := strings.Cut(line, ",")
			columns = append(columns, name)
		}
		columns = columns[1:] // the first line is the head
		var documented []string
		for _, c := range v.Columns {
			documented = append(documented, strings.Split(c.Name, ", ")...)
		}
		if v.Name != "suspense_open" {
			require.ElementsMatch(t, columns, documented, v.Name)
		}
	}
}

// asked is how a view is written in a question.
func asked(v *warehouse.View) string {
	var values []string
	for _, p := range v.Takes {
		values = append(values, p.Name+" = "+map[string]string{"at": "'2026-04-01 00:00:00'", "revision": "1"}[p.Name])
	}
	if len(values) == 0 {
		return v.Name
	}
	return v.Name + "(" + strings.Join(values, ", ") + ")"
}

func TestTablesOfAnOlderVersionAreKeptAsNewOnes(t *testing.T) {
	w := open(t, testengine.SharedClickHouse(t), "resettled")
	settings := func() (s string) {
		require.NoError(t, w.Conn().QueryRow(t.Context(), "SELECT arrayStringConcat(arraySort(groupArray(concat(name, ': ', "+
			"extract(create_table_query, 'min_parts_to_merge_at_once = [0-9]+')))), '\n"+
			"') FROM system.tables WHERE database = currentDatabase() AND engine = 'MergeTree' AND name != 'ratemill_migrations'").Scan(&s))
		return s
	}
	fresh := settings()
	require.Contains(t, fresh, "rated_usage: min_parts_to_merge_at_once = 30")
	for _, s := range []string{"ALTER TABLE rated_usage MODIFY SETTING min_parts_to_merge_at_once = 10",
		"ALTER TABLE files RESET SETTING min_parts_to_merge_at_once",
		"DROP TABLE ratemill_migrations", "CREATE TABLE ratemill_migrations (version UInt32, views String, done DateTime64(3, 'UTC') DEFAULT " +
			"now64(3)) ENGINE = MergeTree ORDER BY version",
		"INSERT INTO ratemill_migrations (version) VALUES (2)"} {
		require.NoError(t, w.Conn().Exec(t.Context(), s), s)
	}
	require.NotEqual(t, fresh, settings())
	require.NoError(t, w.Migrate(t.Context(), warehouse.Layout{}))
	require.Equal(t, fresh, settings())
}

func TestATableRemembersMoreBlocksWhenThereAreMorePartitions(t *testing.T) {
	require.Equal(t, 200_000, warehouse.Window(4, 700*time.Millisecond))
	require.Equal(t, 1_481_142, warehouse.Window(32, 700*time.Millisecond))
	require.Equal(t, 4_000_000, warehouse.Window(1024, 10*time.Millisecond))
	w := open(t, testengine.SharedClickHouse(t), "windows")
	window := func() (n string) {
		require.NoError(t, w.Conn().QueryRow(t.Context(), "SELECT extract(create_table_query, 'non_replicated_deduplication_window = "+
			"([0-9]+)') FROM system.tables WHERE database = currentDatabase() AND name = 'rated_usage'").Scan(&n))
		return n
	}
	r := rand.New(rand.NewSource(1))
	insert := func(token string) {
		b := warehouse.BlockOf(t.Context(), message(1, 0, udr.FileID{1}, nil, record{usage: random(r, 1), tiers: []string{"1"}}), accountID)
		require.NoError(t, w.Insert(t.Context(), b, token))
	}
	insert("before")
	for _, l := range []struct {
		window int
		is     string
	}{{0, "200000"}, {300_000, "300000"}, {250_000, "300000"}} {
		require.NoError(t, w.Migrate(t.Context(), warehouse.Layout{Window: l.window}))
		require.Equal(t, l.is, window())
		insert("before")
	}
	var n uint64
	require.NoError(t, w.Conn().QueryRow(t.Context(), "SELECT count() FROM rated_usage").Scan(&n))
	require.EqualValues(t, 1, n, "what it remembered it remembers")
}

func TestTablesOfAClusterAreReplicated(t *testing.T) {
	for name, statement := range warehouse.Creates(warehouse.Layout{Cluster: "billing", Window: 370_000, Keep: 26}) {
		require.Contains(t, statement, name+" ON CLUSTER `billing` (")
		require.Contains(t, statement, ") ENGINE = ReplicatedMergeTree ")
		require.Contains(t, statement, "SETTINGS replicated_deduplication_window = 370000, replicated_deduplication_window_seconds = 604800, ")
		require.NotContains(t, statement, "non_replicated")
	}
}

func TestSeveralWarehousesAreNotTakenForOne(t *testing.T) {
	server := testengine.SharedClickHouse(t)
	_, err := warehouse.Open(t.Context(), strings.Replace(server.DSN("default"), "/default", ",127.0.0.1:1/default", 1))
	require.ErrorContains(t, err, "the DSN names 2 servers, and without clickhouse.cluster each has its own tables")

	w := open(t, server, "clusters")
	err = w.Migrate(t.Context(), warehouse.Layout{Cluster: "billing"})
	require.ErrorContains(t, err, "clickhouse.cluster is billing, but table rated_usage exists and is not replicated (MergeTree)")
	require.NoError(t, w.Conn().Exec(t.Context(), "CREATE DATABASE clusters_empty"))
	empty, err := warehouse.Open(t.Context(), server.DSN("clusters_empty"))
	require.NoError(t, err)
	defer empty.Close()
	require.ErrorContains(t, empty.Migrate(t.Context(), warehouse.Layout{Cluster: "billing"}),
		"the server knows no cluster billing; clickhouse.cluster is a name of remote_servers")
}

// TestDaysAreThoseOfTheAccountsZone, also of rows that a version without the column wrote, or writes beside this one.
func TestDaysAreThoseOfTheAccountsZone(t *testing.T) {
	w := newWorld(t, testengine.SharedClickHouse(t), "days")
	do := func(statement string) { require.NoError(t, w.warehouse.Conn().Exec(t.Context(), statement), statement) }
	do("ALTER TABLE rated_usage DROP COLUMN day")
	do("INSERT INTO rated_usage (file, seq, account, at) VALUES ('a', 1, 'former', '2026-03-28 23:30:00')")
	do("TRUNCATE TABLE ratemill_migrations")
	do("INSERT INTO ratemill_migrations (version) VALUES (4)")
	require.NoError(t, w.warehouse.Migrate(t.Context(), warehouse.Layout{}))
	do("INSERT INTO rated_usage (file, seq, account, at) VALUES ('a', 2, 'former', '2026-03-28 23:40:00')")

	zones := map[uint32]string{7: "Europe/Madrid", 8: "America/New_York", 9: "Pacific/Kiritimati"}
	var l log
	l.mark()
	want := map[string]uint64{}
	asked := 0
	r := rand.New(rand.NewSource(6))
	for file := range 3 {
		var records []record
		for i := range 50 {
			u := random(r, uint64(i+1))
			u.Account = 7 + uint32(r.Intn(3))
			// Summer time begins on the 29th.
			u.At = udr.InstantOf(time.Date(2026, 3, 27, 0, 0, 0, r.Intn(1e9), time.UTC).Add(time.Duration(r.Intn(4*24)) * time.Hour))
			location, err := time.LoadLocation(zones[u.Account])
			require.NoError(t, err)
			want[fmt.Sprintf("%s acme/%d", u.At.Time().In(location).Format(time.DateOnly), u.Account)]++
			records = append(records, record{usage: u, tiers: []string{"1"}})
		}
		l.batch(udr.FileID{byte(file)}, nil, records...)
	}
	want["2026-03-28 former"] = 2
	w.append(0, l.messages)
	s := w.sink(0)
	s.Offset = func(_ context.Context, number uint32, at udr.Instant, revision uint64) (warehouse.Offset, error) {
		require.Equal(t, pin.Registry, revision)
		asked++
		location, err := time.LoadLocation(zones[number])
		local := at.Time().In(location)
		_, seconds := local.Zone()
		from, to := local.ZoneBounds()
		o := warehouse.Offset{Seconds: int32(seconds), From: -1 << 63, To: 1<<63 - 1}
		if !from.IsZero() && from.Year() > 1700 {
			o.From = udr.InstantOf(from)
		}
		if !to.IsZero() {
			o.To = udr.InstantOf(to)
		}
		return o, err
	}
	require.NoError(t, w.run(s, int64(len(l.messages))))
	rows, err := w.warehouse.Conn().Query(t.Context(),
		"SELECT concat(toString(day), ' ', account), sum(records) FROM usage_by_account_day GROUP BY day, account")
	require.NoError(t, err)
	defer rows.Close()
	found := map[string]uint64{}
	for rows.Next() {
		var key string
		var n uint64
		require.NoError(t, rows.Scan(&key, &n))
		found[key] = n
	}
	require.NoError(t, rows.Err())
	require.Equal(t, want, found)
	require.Less(t, asked, 120, "an offset is asked for when it may have changed")
}
