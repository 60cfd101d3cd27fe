package warehouse_test

import (
	"bytes"
	"math/rand"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/internal/proof/testengine"
	"ratemill/internal/warehouse"
	"ratemill/rating"
	"ratemill/udr"
)

// TestAnAnomalyIsARowWithItsSeverity: also in a warehouse that a version without severities made and wrote.
func TestAnAnomalyIsARowWithItsSeverity(t *testing.T) {
	w := newWorld(t, testengine.SharedClickHouse(t), "anomalies")
	do := func(statement string) { require.NoError(t, w.warehouse.Conn().Exec(t.Context(), statement), statement) }
	ask := func(sql string) string {
		var out bytes.Buffer
		_, err := w.warehouse.Print(t.Context(), &out, warehouse.AsCSV, sql)
		require.NoError(t, err)
		return out.String()
	}
	do("ALTER TABLE usage_events DROP COLUMN severity")
	do("INSERT INTO usage_events (file, seq, event, name, sim) VALUES ('a', 1, 'pool.exhausted', 'fleet/data', 7)")
	do("TRUNCATE TABLE ratemill_migrations")
	do("INSERT INTO ratemill_migrations (version) VALUES (11)")
	require.NoError(t, w.warehouse.Migrate(t.Context(), warehouse.Layout{}))
	do("INSERT INTO usage_events (file, seq, event, name, sim) VALUES ('a', 2, 'pool.exhausted', 'fleet/data', 7)")

	u := random(rand.New(rand.NewSource(7)), 1)
	u.SIM, u.At = 42, udr.Instant(1773741600_000000000)
	watched := rating.CounterKey{ID: 5, Owner: 42, Kind: rating.SIMWatch}
	hopping := rating.Event{Kind: rating.ManyNetworks, Name: "hopping", Account: 2, SIM: 42, At: u.At, Counter: watched,
		Threshold: rating.UnitsValue(3), Before: rating.UnitsValue(2), After: rating.UnitsValue(3), Severity: 3}
	swapped := rating.Event{Kind: rating.DeviceChanged, Name: "swapped", Account: 2, SIM: 42, At: u.At, Counter: watched,
		Before: rating.UnitsValue(35140731000002), After: rating.UnitsValue(35391805555555), Severity: 2}
	var l log
	l.mark()
	l.batch(udr.FileID{0xcc}, nil, record{usage: u, tiers: []string{"1"}, also: []rating.Event{hopping, swapped}})
	w.append(0, l.messages)
	require.NoError(t, w.run(w.sink(0), int64(len(l.messages))))

	require.Equal(t, "event,severity\npool.exhausted,0\npool.exhausted,0\nanomaly.imei,2\nanomaly.networks,3\n",
		ask("SELECT event, severity FROM usage_events ORDER BY severity, seq"))
	page, err := os.ReadFile("../../docs/anomalies.md")
	require.NoError(t, err)
	require.Equal(t, `at,sim,account,event,name,severity,before,after
2026-03-17T10:00:00Z,42,acme/2,anomaly.imei,swapped,2,35140731000002,35391805555555
2026-03-17T10:00:00Z,42,acme/2,anomaly.networks,hopping,3,2,3
`, ask(firstSQL(t, string(page))))
}
