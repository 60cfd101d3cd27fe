package invoicing

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The sums of the warehouse are compared with the running balances only where all of them were read, however long ago the first cycle was.
func TestACycleIsHeldByAMissingChargeAndByNoOlderOne(t *testing.T) {
	for _, c := range []struct {
		name    string
		missing int // the place of a charge that the warehouse lacks, -1 for none
		held    int
	}{
		{"nothing is missing", -1, 0},
		{"a charge of the newest cycle is missing", 2, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			k, _ := readCase(t, "testdata/cases/a-payer-that-was-not-billed-for-two-years-is-billed-whole.txtar")
			balances := balancesOf(k.charges)
			if c.missing >= 0 {
				k.charges = append(k.charges[:c.missing:c.missing], k.charges[c.missing+1:]...)
			}
			view := k.registry.View()
			defer view.Close()
			at := time.Date(2026, 5, 2, 8, 0, 0, 0, time.UTC)
			closing := func(until string) (held int) {
				run := &Run{DB: k.db, Basis: k.basis(view, at, k.registry.Revision(), 1<<40), By: By{Who: "maria", At: at}}
				run.Basis.Balances = balances
				require.NoError(t, run.Compute(t.Context(), date(t, until), nil, func(c *Computed) error {
					if len(c.Closed.Reasons) > 0 {
						t.Log(c.Closed.Cycle, c.Closed.Reasons)
						held++
					}
					return nil
				}))
				return held
			}
			require.Zero(t, closing("2026-03-31"))
			require.Equal(t, c.held, closing("2026-04-30"), "its cycles of two years ago are closed, and their usage is not read again")
		})
	}
}

// balancesOf are the running balances of charges.
func balancesOf(charges []charged) func([]uint32, func(AccountCycle, *Balance) error) error {
	all := map[uint32][]accountBalance{}
	for _, c := range charges {
		all[c.Account] = append(all[c.Account], accountBalance{AccountCycle{c.Account, c.Cycle}, Balance{Tier: c.Tier, Class: c.Class,
			Unit: c.Unit, Currency: c.Currency, Records: c.Records, Quantity: c.Quantity, Amount: c.Amount}})
	}
	return func(accounts []uint32, each func(AccountCycle, *Balance) error) error {
		for _, account := range accounts {
			for i := range all[account] {
				b := &all[account][i]
				if err := each(b.AccountCycle, &b.Balance); err != nil {
					return err
				}
			}
		}
		return nil
	}
}
