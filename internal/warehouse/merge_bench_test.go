package warehouse_test

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/internal/embedded/clickhouse"
	"ratemill/internal/proof/testengine"
	"ratemill/internal/warehouse"
)

// mergedParts are so many parts of so many rows, whose times overlap as those of several carriers do.
var mergedParts, mergedRows = 12, 40_000

// overlapping fills a part of a table like rated_usage: 100,000 SIMs of 2,000 accounts, three carriers, the usage of
// four hours, one of them new in each part.
const overlapping = `INSERT INTO %s (file, seq, line, bytes, source, rules, catalogue, registry, class, unit, at, quantity, identifier_kind, identifier, sim, account, account_number, root, root_number,
  network, country, peer, peer_country, apn, imei, cell, session, direction, duration, up, down, duplicate_key, amount, currency, plan, plan_version, price, zone, cycle, charged, covered, rest, charges, day, partition, offset)
SELECT lower(hex(MD5(concat('%[2]d', toString(intDiv(number, 5000)))))), number %% 5000 + 1, number %% 5000 + 2, 80 + rand(1) %% 60, ['skylink', 'northwave', 'meshnet'][1 + intDiv(number, 5000) %% 3] AS source, concat('b41c0', source), 'c0ffee00', 1200,
  ['data', 'data', 'data', 'data', 'sms_mo', 'voice_mo', 'sms_mt'][1 + rand(2) %% 7] AS k, multiIf(k = 'data', 'B', k LIKE 'sms%%', '1', 's'), toDateTime64('2026-03-02 00:00:00', 9, 'UTC') + toIntervalMillisecond(%[2]d * 3600000 %% 2000000000 + rand(3) %% 14400000) AS at, rand(4) %% 5000000,
  'imsi', concat('21407', leftPad(toString(rand(5) %% 100000 AS n), 10, '0')), n + 1, concat('account-', leftPad(toString(cityHash64(n) %% 2000 AS a), 5, '0')), a + 1, concat('root-', leftPad(toString(a %% 200), 4, '0')), a %% 200 + 1,
  ['208-10', '214-07', '262-01', '222-88', '310-410'][1 + rand(6) %% 5 AS w], ['FR', 'ES', 'DE', 'IT', 'US'][w], if(k = 'data', '', concat('+3460', toString(rand(7) %% 10000000))), if(k = 'data', '', 'ES'), if(k = 'data', ['iot.sky', 'm2m.sky', 'internet'][1 + rand(8) %% 3], ''), concat('35', leftPad(toString(n * 7), 13, '0')),
  concat('208-10-', toString(rand(9) %% 60000)), lower(hex(rand(10))), if(k = 'data', '', 'mo'), if(k = 'data', 0, rand(11) %% 600), if(k = 'data', intDiv(rand(4) %% 5000000, 4), 0), if(k = 'data', rand(4) %% 5000000, 0), toFixedString(substring(MD5(toString(rand(12))), 1, 12), 12),
  toDecimal128(rand(13) %% 1000, 12) / 1000, 'EUR', concat('plan-', toString(a %% 12)), 1 + a %% 3, ['home', 'eu', 'world'][1 + rand(6) %% 3], ['home', 'eu', 'world'][1 + rand(6) %% 3], toDate32('2026-03-01'), rand(4) %% 5000000, 0, 0,
  concat('planned-charge-of-the-tier-', toString(a), 'EUReuropehome', toString(rand(14)), toString(rand(15)), 'fleet-3gdata', toString(rand(16))), toDate32(at), %[2]d %% 4, %[2]d * 100 + intDiv(number, 500)
FROM numbers(%[3]d)`

// BenchmarkMerges measures what the engine uses for a row that it merges: MERGED_PARTS parts of MERGED_ROWS rows become
// one.
func BenchmarkMerges(b *testing.B) {
	for name, set := range map[string]*int{"MERGED_PARTS": &mergedParts, "MERGED_ROWS": &mergedRows} {
		if text := os.Getenv(name); text != "" {
			var err error
			*set, err = strconv.Atoi(text)
			require.NoError(b, err)
		}
	}
	server := testengine.SharedClickHouse(b)
	w := open(b, server, "merges")
	for _, types := range []struct {
		name string
		of   func(column, is string) string
	}{
		{"dictionaries", func(_, is string) string { return is }},
		{"texts", func(_, is string) string { return strings.Replace(is, "LowCardinality(String)", "String", 1) }},
		{"asked", func(column, is string) string { // what questions are asked by stays
			if slices.Contains([]string{"file", "account", "root", "class", "plan"}, column) {
				return is
			}
			return strings.Replace(is, "LowCardinality(String)", "String", 1)
		}},
	} {
		b.Run(types.name, func(b *testing.B) { mergeOnce(b, server, w, types.name, types.of) })
	}
}

func mergeOnce(b *testing.B, server *clickhouse.Server, w *warehouse.Warehouse, name string, of func(column, is string) string) {
	exec := func(statement string) { require.NoError(b, w.Conn().Exec(b.Context(), statement), statement) }
	for b.Loop() {
		exec("DROP TABLE IF EXISTS " + name)
		statement := strings.Replace(warehouse.CreatesAs(of)["rated_usage"], "rated_usage", name, 1)
		// Wide parts, which large ones are: columns are merged one after the other.
		statement = strings.Replace(statement, "min_rows_for_wide_part = 2000000", "min_rows_for_wide_part = 100000", 1)
		exec(statement)
		exec("SYSTEM STOP MERGES " + name)
		began := engineCPU(b, server)
		for part := range mergedParts {
			exec(fmt.Sprintf(overlapping, name, part, mergedRows))
		}
		rows := float64(mergedParts * mergedRows)
		b.ReportMetric(float64((engineCPU(b, server)-began).Nanoseconds())/rows, "fill-ns/row")
		exec("SYSTEM START MERGES " + name)
		began = engineCPU(b, server)
		exec("OPTIMIZE TABLE " + name + " FINAL")
		b.ReportMetric(float64((engineCPU(b, server)-began).Nanoseconds())/rows, "merge-ns/row")
		var n, parts, bytes uint64
		require.NoError(b, w.Conn().QueryRow(b.Context(), "SELECT sum(rows), count(), sum(bytes_on_disk) FROM system.parts WHERE "+
			"active AND database = currentDatabase() AND table = ?", name).Scan(&n, &parts, &bytes))
		require.EqualValues(b, rows, n)
		b.ReportMetric(float64(parts), "parts")
		b.ReportMetric(float64(bytes)/rows, "disk-B/row")
		for i, q := range mergeQuestions {
			began = engineCPU(b, server)
			for range 3 {
				exec(strings.ReplaceAll(q, "{table}", name) + " FORMAT Null")
			}
			b.ReportMetric(float64((engineCPU(b, server)-began).Nanoseconds())/rows/3, fmt.Sprintf("q%d-ns/row", i+1))
		}
	}
	b.ReportMetric(0, "ns/op")
}

// mergeQuestions are those of docs/sql.md that read many rows.
var mergeQuestions = []string{
	"SELECT cycle, root, account, plan, class, count() AS records, currency, sum(amount) AS amount FROM {table} GROUP BY cycle, root, " +
		"account, plan, class, currency",
	"SELECT day, root, account, class, unit, count() AS records, uniqExact(sim) AS sims, sum(quantity) AS quantity FROM {table} GROUP " +
		"BY day, root, account, class, unit",
	"SELECT toStartOfMonth(at) AS month, class, unit, country, count() AS records, uniqExact(sim) AS sims, sum(quantity) AS quantity, " +
		"currency, sum(amount) AS amount FROM {table} GROUP BY month, class, unit, country, currency",
	"SELECT cycle, root, account, sim, min(identifier) AS identifier, class, unit, count() AS records, sum(quantity) AS quantity, " +
		"currency, sum(amount) AS amount FROM {table} GROUP BY cycle, root, account, sim, class, unit, currency",
	"SELECT sum(quantity) FROM {table} WHERE account = 'account-00077' AND day = '2026-03-03'",
	"SELECT file, count(), sum(bytes) FROM {table} WHERE class = 'data' GROUP BY file",
}
