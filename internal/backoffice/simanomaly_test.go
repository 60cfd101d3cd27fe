package backoffice_test

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/internal/backoffice"
	"ratemill/internal/proof/testengine"
	"ratemill/internal/warehouse"
	"ratemill/registry"
)

func TestAnomaliesAreListedForThoseWhoMaySeeThem(t *testing.T) {
	p := newPark(t, "sqlite:"+filepath.Join(t.TempDir(), "control.db"), 2)
	server := testengine.SharedClickHouse(t)
	plain, err := warehouse.Open(t.Context(), server.DSN("default"))
	require.NoError(t, err)
	require.NoError(t, plain.Conn().Exec(t.Context(), "CREATE DATABASE simanomalies"))
	require.NoError(t, plain.Close())
	w, err := warehouse.Open(t.Context(), server.DSN("simanomalies"))
	require.NoError(t, err)
	t.Cleanup(func() { w.Close() })
	require.NoError(t, w.Migrate(t.Context(), warehouse.Layout{}))
	p.Warehouse = func(context.Context) (*warehouse.Warehouse, error) { return w, nil }
	number := func(id string) (n uint32) {
		reg := registry.New()
		_, err := p.Store.LoadRegistry(t.Context(), reg)
		require.NoError(t, err)
		view := reg.View()
		defer view.Close()
		for n = 1; n <= view.Accounts(); n++ {
			if name, ok := view.AccountID(n); ok && name == id {
				return n
			}
		}
		return 0
	}
	const file = "cc000000000000000000000000000000"
	require.NoError(t, w.Conn().Exec(t.Context(), `INSERT INTO usage_events
		(file, seq, event, name, at, account, account_number, sim, threshold, before, after, severity) VALUES
		(?, 1, 'anomaly.networks', 'hopping', '2026-03-17 10:00:00', 'north', ?, 1, 3, 2, 3, 3),
		(?, 2, 'anomaly.imei', 'swapped', '2026-03-18 10:00:00', 'north', ?, 2, 0, 35140731000002, 35391805555555, 2),
		(?, 3, 'anomaly.registrations', 'busy', '2026-03-19 10:00:00', 'initech', ?, 2, 5, 4, 5, 4),
		(?, 4, 'pool.exhausted', 'fleet/data', '2026-03-19 10:00:00', 'north', ?, 2, 5, 4, 5, 0)`,
		file, number("north"), file, number("north"), file, number("initech"), file, number("north")))

	ask := func(as string, f backoffice.AnomalyFilter) (names []string) {
		answer, err := p.SIMAnomalies(t.Context(), backoffice.SIMQuestion{As: as}, f)
		require.NoError(t, err)
		for _, a := range answer.Anomalies {
			names = append(names, a.Name)
		}
		return names
	}
	all := backoffice.AnomalyFilter{Severity: 4, Limit: 10}
	require.Equal(t, []string{"swapped", "hopping", "busy"}, ask("", all), "the worst first")
	require.Equal(t, []string{"swapped", "hopping"}, ask("acme", all), "an account sees those of the accounts below it")
	require.Equal(t, []string{"busy"}, ask("initech", all))
	f := all
	f.Account = "north"
	require.Equal(t, []string{"swapped", "hopping"}, ask("", f))
	_, err = p.SIMAnomalies(t.Context(), backoffice.SIMQuestion{As: "initech"}, f)
	require.Error(t, err, "an account asks for none of another one")
	f = all
	f.Since = time.Date(2026, 3, 18, 0, 0, 0, 0, time.UTC)
	require.Equal(t, []string{"swapped", "busy"}, ask("", f))
	f = all
	f.Severity = 2
	require.Equal(t, []string{"swapped"}, ask("", f))
	f = backoffice.AnomalyFilter{Severity: 4, Limit: 1}
	answer, err := p.SIMAnomalies(t.Context(), backoffice.SIMQuestion{}, f)
	require.NoError(t, err)
	require.True(t, answer.More)
	_, err = p.SIMAnomalies(t.Context(), backoffice.SIMQuestion{}, backoffice.AnomalyFilter{Severity: 4, Limit: -1})
	require.EqualError(t, err, "the limit of a list of anomalies is -1; it must be 1 or more")
	swapped := backoffice.SIMAnomaly{Severity: 2, At: "2026-03-18 10:00:00Z", SIM: 2, Identifier: "214070000000002", Account: "north",
		Event: "anomaly.imei", Name: "swapped", Threshold: "0", Before: "35140731000002", After: "35391805555555", Record: file + ":2"}
	require.Equal(t, []backoffice.SIMAnomaly{swapped}, answer.Anomalies)
	short := swapped.ForPeople()
	require.Equal(t, "3514…02 3539…55 cc000000:2", short.Before+" "+short.After+" "+short.Record)
}
