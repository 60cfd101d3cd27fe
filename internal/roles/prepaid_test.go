package roles

import (
	"fmt"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/internal/backoffice"
	"ratemill/internal/warehouse"
)

// sellsTopUps adds a prepaid plan to the documents.
func (w *world) sellsTopUps() {
	w.docs["catalogue/plans/prepaid.yaml"] = "plan: prepaid\ncurrency: EUR\nclasses:\n  data: { prices: [{ price: 0.10 / 1 kB }] }\n"
	w.docs["catalogue/top-up.yaml"] = "package: top-up\nprice: 2.00 EUR\nvalid: 12 months\nthen: blocked\nrenew_at_most: 1\n" +
		"buckets: [{ bucket: data, units: 10 kB, classes: [data] }]\n"
}

// paysInAdvance lets SIM 2 of account north use up a top-up. Its usage is suspended until somebody buys another top-up, which renews once
// when it is used up. Another file was settled before.
func (w *world) paysInAdvance() {
	const sim = "imsi:214070000000002"
	w.imports(`sims: { "214070000000002": { account: north, plan: prepaid, since: 2026-01-14 } }`)
	office, err := backoffice.New(backoffice.Options{Store: w.Store, Warehouse: backoffice.Connected(w.Warehouse),
		Catalogue: w.loaded().Catalogue})
	require.NoError(w, err)
	buy := func(at, renewal string) {
		order := backoffice.PackageOrder{Account: "north", Package: "top-up", SIM: sim, Cap: -1, Tax: "standard", Renewal: renewal}
		order.Who, order.Why, order.Backdate = "ana", "she pays in advance", true
		order.At, err = time.Parse(time.RFC3339, at)
		require.NoError(w, err)
		_, err := office.BuyPackage(w.Context(), order)
		require.NoError(w, err)
		require.NoError(w, w.reference.refresh(w.Context()))
	}
	buy("2026-03-17T00:00:00Z", "never")
	w.drop("sky/b.csv", header+record(2, 10, 8000)+record(2, 11, 1000)+record(2, 12, 4000))
	require.EqualValues(w, 1, w.settled(2)["b.csv"].Suspended)
	blocked := w.waiting(warehouse.SuspenseFilter{Code: "package"})
	require.Len(w, blocked, 1, "1 kB is left, and the record has 4 kB")

	buy("2026-03-17T00:05:00Z", "on_use_up")
	w.retry("sky", blocked...)
	w.settled(3)
	w.drop("sky/c.csv", header+record(2, 20, 12_000))
	require.Zero(w, w.settled(4)["c.csv"].Suspended)
	require.Equal(w, []string{"10,8000,0", "11,1000,0", "12,4000,0", "20,12000,2"},
		w.rows("SELECT toSecond(at), charged, toFloat64(amount) FROM rated_usage WHERE sim = 2 ORDER BY at"))
	words := w.explained(2, "2026-03-17 00:10:20")
	require.Contains(w, words, "top-up/2/data: 3,000 of 10,000 B used before by SIM")
	require.Contains(w, words, "top-up/2/data, renewal 1: ")
	require.Contains(w, words, "verified recomputed")

	var shown []string
	for len(shown) == 0 {
		all, err := office.ListPackages(w.Context(), "north", backoffice.AccountQuestion{})
		require.NoError(w, err)
		for _, p := range all {
			if b := p.Buckets[0]; b.Left != nil && p.Renewed != nil {
				shown = append(shown, fmt.Sprint(p.Package, " ", *b.Used, " of ", b.Size, ", ", *b.Left, " left, renewed ", *p.Renewed))
			}
		}
		if len(shown) < 2 || *all[1].Renewed == 0 { // the role account counts a little later
			shown = nil
			require.NoError(w, clock.Sleep(clock{}, w.Context(), 20*time.Millisecond))
		}
	}
	require.Equal(w, []string{"top-up/1 10000 of 10000, 0 left, renewed 0", "top-up/2 15000 of 20000, 5000 left, renewed 1"}, shown)
}
