package rating_test

import (
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"ratemill/rating"
	"ratemill/registry"
)

// A SIM that was registered too late has 2 MB included in the cycle, before and after its since is corrected. The same
// holds if a correction says that its account was below the root earlier than known.
func TestWhatBecomesKnownLaterBeginsNoCountAnew(t *testing.T) {
	catalogue, list := rating.LoadCatalogue(fstest.MapFS{"plan.yaml": {Data: []byte(`
plan: data
currency: EUR
classes: { data: { prices: [{ price: 1 / 1 MB }] } }
included: [{ bucket: included, units: 2 MB, classes: [data] }]
`)}})
	require.NoError(t, list.Err())
	account := func(number, parent uint32, from string) registry.AccountFact {
		partition := registry.NoPartition
		if parent == 0 {
			partition = 0
		}
		return registry.AccountFact{Number: number, ID: string(rune('a' + number)), From: instant(from), Parent: parent, Currency: "EUR",
			Zone: "UTC", CycleDay: 1, Partition: partition}
	}
	for name, later := range map[string]registry.Changes{
		"its since is earlier":     {SIMs: []registry.OwnershipFact{{SIM: 1, From: instant("2026-02-01T00:00:00Z"), Account: 2, Plan: "data"}}},
		"it was another's before":  {SIMs: []registry.OwnershipFact{{SIM: 1, From: instant("2026-02-01T00:00:00Z"), Account: 3, Plan: "data"}}},
		"its account's is earlier": {Accounts: []registry.AccountFact{account(2, 1, "2026-01-01T00:00:00Z")}},
		"nothing that concerns it": {Accounts: []registry.AccountFact{account(3, 0, "2026-01-01T00:00:00Z")}},
		"its account came to below": {Accounts: []registry.AccountFact{account(2, 0, "2026-01-01T00:00:00Z"),
			account(2, 1, "2026-03-02T00:00:00Z")}},
	} {
		t.Run(name, func(t *testing.T) {
			r := registry.New()
			require.NoError(t, r.Apply(&registry.Changes{Revision: 1,
				Accounts: []registry.AccountFact{account(1, 0, ""), account(2, 1, "2026-03-05T00:00:00Z"), account(3, 0, "")},
				SIMs:     []registry.OwnershipFact{{SIM: 1, From: instant("2026-03-10T00:00:00Z"), Account: 2, Plan: "data"}}}))
			later.Revision = 2
			require.NoError(t, r.Apply(&later))
			v := r.View()
			defer v.Close()
			engine, counters, res := rating.NewEngine(catalogue), rating.NewCounters(), &rating.Result{}
			res.Begin(counters)
			for i, rev := range []registry.Revision{1, 2} {
				u, err := usageLine("1 data 2000000B 2026-03-20T12:00:00Z")
				require.NoError(t, err)
				require.NoError(t, engine.Rate(v, rev, counters, &u, res))
				require.Equal(t, []string{"0", "2"}[i], res.Charges[i].Total.String())
			}
		})
	}
}
