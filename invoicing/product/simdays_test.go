package product_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/invoicing/product"
	"ratemill/registry"
)

// Each day of each SIM is with one payer, and the days of all payers together are those on which somebody owns the SIM (balance B8).
func TestSIMDaysOfPayersAreTheDaysOnWhichSIMsAreOwned(t *testing.T) {
	from, to := day("2026-02-03"), day("2026-05-10")
	for seed := range uint64(20) {
		h := randomly(t, seed, "in_retrospect", "prorated")
		view := h.registry.View()
		e := product.New(product.Facts{View: view, Statements: h.statements}, nil)
		got := map[string]int{}
		for payer := uint32(1); payer <= 2; payer++ {
			require.NoError(t, e.SIMDays(payer, from, to, h.newest, func(d product.SIMDays) error {
				got[fmt.Sprint(d.SIM, d.Account, d.Plan, d.State)] += d.Days
				return nil
			}))
		}
		want := map[string]int{}
		for sim := uint32(1); sim <= randomSIMs; sim++ {
			for d := from; d < to; d++ {
				at := registry.Midnight(madrid, int32(d)+1) - 1
				own, ok := view.Owner(sim, at, h.newest)
				if !ok {
					continue
				}
				state := ""
				if s, ok := view.State(sim, at, h.newest); ok {
					state = view.StateValue(s.Value).Name
				}
				account, _ := view.AccountID(own.Account)
				want[fmt.Sprint(sim, account, view.PlanName(own.Plan), state)]++
			}
		}
		view.Close()
		require.Equal(t, want, got, "seed %d", seed)
	}
}
