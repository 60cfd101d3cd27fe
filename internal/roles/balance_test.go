package roles

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/internal/proof/testengine"
)

// page is the answer of the process at a path of its listen address, and its status.
func (w *world) page(path string) (string, int) {
	res, err := http.Get("http://" + w.config.Listen + path)
	require.NoError(w, err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	require.NoError(w, err)
	return string(text), res.StatusCode
}

// metric is the value of a metric as it is scraped, with its labels as they are written there.
func (w *world) metric(name string) (v float64, told bool) {
	text, _ := w.page("/metrics")
	for line := range strings.SplitSeq(text, "\n") {
		if value, ok := strings.CutPrefix(line, "ratemill_"+name+" "); ok {
			v, err := strconv.ParseFloat(value, 64)
			require.NoError(w, err)
			return v, true
		}
	}
	return 0, false
}

// tells waits until metrics have these values.
func (w *world) tells(values map[string]float64) {
	w.Helper()
	for {
		waits := ""
		for name, want := range values {
			if v, told := w.metric(name); !told || v != want {
				waits = name + " is " + strconv.FormatFloat(v, 'g', -1, 64)
			}
		}
		if waits == "" {
			return
		}
		if clock.Sleep(clock{}, w.Context(), 20*time.Millisecond) != nil {
			w.Fatal(waits)
		}
	}
}

func TestTheBalanceIsToldByTheOwnerOfTheFirstPartition(t *testing.T) {
	w := newWorld(t, "balance")
	w.config.Listen, w.due = testengine.FreeAddress(t), time.Nanosecond
	w.start(Roles...)
	w.imports(w.docs["registry.yaml"])
	w.drop("sky/a.csv", header+record(1, 1, 1000)+record(1, 2, 2000)+"X;;;\n")
	w.settled(1)
	w.tells(map[string]float64{`mediation_files_total{source="sky"}`: 1, `mediation_records_total{outcome="mapped",source="sky"}`: 2,
		`mediation_records_total{outcome="suspended",source="sky"}`: 1,
		`mediation_files_total{source="chf"}`:                       0,
		`mediation_bytes_total{source="sky"}`:                       float64(len(record(1, 1, 1000)) + len(record(1, 2, 2000)) + len("X;;;\n")),
		`mediation_failed_files_total{source="sky"}`:                0, `mediation_duplicate_files_total{source="sky"}`: 0})
	// A file that is there counts in every bucket of an hour and more, once: how long it took is not asserted.
	w.tells(map[string]float64{`mediation_fetch_seconds_count{source="sky"}`: 1, `mediation_fetch_seconds_bucket{source="sky",le="3600"}`: 1,
		`mediation_fetch_seconds_bucket{source="chf",le="+Inf"}`: 0,
		`warehouse_file_seconds_count{source="sky"}`:             1, `warehouse_file_seconds_bucket{source="sky",le="3600"}`: 1,
		`warehouse_file_seconds_bucket{source="sky",le="+Inf"}`: 1})
	written := 0.0
	for partition := range w.Partitions {
		blocks, _ := w.metric(fmt.Sprintf(`warehouse_write_seconds_count{partition="%d"}`, partition))
		written += blocks
	}
	require.Positive(t, written)
	w.drop("sky/again.csv", header+record(1, 1, 1000)+record(1, 2, 2000)+"X;;;\n")
	w.tells(map[string]float64{`mediation_duplicate_files_total{source="sky"}`: 1})
	w.tells(map[string]float64{"suspense_records": 1, "balance_files": 0, "balance_difference_records": 0, "balance_difference_bytes": 0,
		"balance_difference_units": 0, "balance_ends_missing_files": 0})
	checked, told := w.metric("balance_checked_timestamp_seconds")
	require.True(t, told)
	require.Greater(t, checked, 0.0)

	require.NoError(t, w.Warehouse.Conn().Exec(t.Context(), "TRUNCATE TABLE rated_usage"))
	bytes := float64(len(record(1, 1, 1000)) + len(record(1, 2, 2000)))
	w.tells(map[string]float64{"balance_files": 1, "balance_difference_records": 2, "balance_difference_bytes": bytes,
		"balance_difference_units": 3000, "suspense_records": 1})
	require.NoError(t, w.Warehouse.Conn().Exec(t.Context(), "TRUNCATE TABLE files"))
	w.tells(map[string]float64{"balance_files": 0, "balance_ends_missing_files": 1, "suspense_records": 1})
	w.stop()

	w.start(Rating)
	w.tells(map[string]float64{"partitions": 2})
	_, told = w.metric("balance_files")
	require.False(t, told)
}

// TestUsageIsOfTheDayInItsAccountsZone, as the registry knew the account when its file was read.
func TestUsageIsOfTheDayInItsAccountsZone(t *testing.T) {
	w := newWorld(t, "days_of_zones")
	w.docs["registry.yaml"] = `
companies: { acme: { name: Acme } }
accounts: { acme: { company: acme, currency: EUR, zone: Europe/Madrid, cycle_day: 1 }, north: { company: acme, currency: EUR, zone: America/New_York, cycle_day: 1 } }
sims: { "214070000000001": { account: acme, plan: fleet, since: 2026-01-14 }, "214070000000002": { account: north, plan: fleet, since: 2026-01-14 } }
`
	w.start(Roles...)
	w.imports(w.docs["registry.yaml"])
	w.drop("sky/a.csv", header+"D;214070000000001;2026-03-16 22:59:59;1\nD;214070000000001;2026-03-16 23:00:00;2\n"+
		"D;214070000000001;2026-03-29 22:00:00;3\n"+
		"D;214070000000002;2026-03-17 03:59:59;4\nD;214070000000002;2026-03-17 04:00:00;5\n")
	w.settled(1)
	require.Equal(t, []string{"acme,2026-03-16,1", "acme,2026-03-17,2", "acme,2026-03-30,3", "north,2026-03-16,4", "north,2026-03-17,5"},
		w.rows("SELECT account, day, quantity FROM usage_by_account_day ORDER BY account, day"))
}
