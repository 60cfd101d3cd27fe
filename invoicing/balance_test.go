package invoicing

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/decimal"
	"ratemill/internal/store"
	"ratemill/invoicing/terms"
)

// balance is the balance of all payers and cycles.
func (k *kase) balance() *PayerBalance {
	view := k.registry.View()
	defer view.Close()
	b := &Balancer{DB: k.db, Basis: k.basis(view, time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC), k.registry.Revision(), 1<<40), To: 1 << 20,
		Owed: func(_ context.Context, _ *store.Tx, payers []uint32) (all []Owed, err error) {
			for _, number := range payers {
				for key, e := range k.exposure {
					if currency, ok := strings.CutPrefix(key, fmt.Sprint(number)); ok && len(currency) == 3 {
						all = append(all, Owed{Payer: number, Currency: currency, Billed: e[0], Documents: e[1]})
					}
				}
			}
			return all, nil
		}}
	all, err := b.Balance(k.t.Context(), nil, nil)
	require.NoError(k.t, err)
	return all
}

// off tells where a balance is off.
func off(b *PayerBalance) string {
	var t strings.Builder
	for i := range b.Off {
		fmt.Fprintln(&t, b.Off[i].Payer, b.Off[i].Words())
	}
	return t.String()
}

func TestTheBalanceOfEveryCaseIsZero(t *testing.T) {
	files, err := filepath.Glob("testdata/cases/*.txtar")
	require.NoError(t, err)
	lines := map[string]bool{}
	for _, file := range files {
		k := played(t, strings.TrimSuffix(filepath.Base(file), ".txtar"))
		b := k.balance()
		require.Empty(t, off(b), file)
		for _, s := range b.Sums {
			require.Zero(t, s.Off)
			if !s.Left.IsZero() {
				require.Equal(t, s.Left, s.Right, "%s of %s", s.Line, file)
				lines[s.Line] = true
			}
		}
	}
	for _, l := range BalanceLines {
		require.True(t, lines[l.ID], "no case has anything in %s", l.ID)
	}
}

// Numbers that somebody left out with a reason are no hole; one that is missing beside them is.
func TestNumbersThatWereLeftOutOnPurposeAreNoHole(t *testing.T) {
	k := played(t, "quarterly-costs-move-forward")
	r, err := terms.ParseRange("Q-{n}")
	require.NoError(t, err)
	require.NoError(t, k.change(func(table Table) error {
		_, err := table.SetNext(t.Context(), "", r, 0, 9, By{Who: "maria", Why: "2 to 8 were mailed before the restore", At: time.Unix(1, 0)})
		return err
	}))
	require.Empty(t, off(k.balance()))
	k.exec(`UPDATE invoice_numbers SET next = next + 1 WHERE range_text = 'Q-{n}'`)
	require.Contains(t, off(k.balance()), "B7 numbers, Q-9 is missing: off by 1")
}

// Each mistake is found by the line that is made for it.
func TestEachMistakeIsFoundByItsLineOfTheBalance(t *testing.T) {
	const tree, late = "sub-accounts-on-their-parents-document", "usage-that-comes-after-the-document"
	for _, c := range []struct {
		mistake, of string
		do          func(*kase)
		want        string
	}{
		{"a charge is deleted", late, func(k *kase) { k.charges = k.charges[1:] }, "B1 usage, cycle from 2026-04-01: off by -"},
		{"an item is billed twice", late, func(k *kase) {
			k.alter("INV-2026-0002", func(s *Stored) { s.Lines = append(s.Lines, s.Lines[0]) })
		}, "B5 lines, cycle from 2026-05-01, INV-2026-0002: off by -"},
		{"a line is gone", tree, func(k *kase) { k.alter("T-1", func(s *Stored) { s.Lines = s.Lines[1:] }) },
			"B2 recurring, cycle from 2026-04-01: off by 36 EUR"},
		{"an amount is changed", tree, func(k *kase) {
			k.alter("T-1", func(s *Stored) { s.Lines[0].Amount = decimal.MustParse("35") })
		}, "B5 lines, cycle from 2026-04-01, T-1: off by 1 EUR"},
		{"a net is changed", tree, func(k *kase) {
			k.alter("T-1", func(s *Stored) { s.Lines[0].Net = decimal.MustParse("35") })
		}, "B6 documents, cycle from 2026-04-01, T-1: net of its lines: off by -1 EUR"},
		{"a total is changed", tree, func(k *kase) {
			k.alter("T-1", func(s *Stored) { s.Total = decimal.MustParse("100") })
		}, "B6 documents, cycle from 2026-04-01, T-1: off by 2.85 EUR"},
		{"days are changed", tree, func(k *kase) {
			k.exec(`UPDATE invoice_closes SET items = replace(items, '"quantity":"360"', '"quantity":"330"')`)
		}, "B8 SIM-days, cycle from 2026-04-01, east, part tracker: off by 30"},
		{"a number is skipped", tree, func(k *kase) {
			k.exec(`UPDATE invoice_numbers SET next = next + 1`)
		}, "B7 numbers, T-2 is missing: off by 1"},
		{"a number is from nowhere", tree, func(k *kase) { k.exec(`UPDATE invoice_documents SET number_text = 'X-1'`) },
			"B7 numbers, X-1 belongs to no range: off by -1"},
		{"a close is deleted", tree, func(k *kase) {
			k.exec(`DELETE FROM invoice_closes`)
		}, "B5 lines, cycle from 2026-04-01, T-1: off by -85 EUR"},
		{"a charge has no payer", tree, func(k *kase) {
			c := charged{offset: 1, Charged: Charged{Account: 99, Tier: 1, Currency: "EUR", Cycle: date(k.t, "2026-04-01"),
				Amount: decimal.FromInt(7)}}
			k.charges = append(k.charges, c)
		}, "B9 payers"},
		{"the exposure is not settled", tree, func(k *kase) { clear(k.exposure) }, "B10 exposure: off by 102.85 EUR"},
		{"more is credited than there is", tree, func(k *kase) {
			k.play("credit T-1 1=5.55 at 2026-05-03T08:00:00Z\n")
			k.alter("TC-1", func(s *Stored) { s.Lines[0].Amount = decimal.MustParse("-99") })
		}, "T-1: credited beyond line 1: off by 63 EUR"},
	} {
		t.Run(c.mistake, func(t *testing.T) {
			k := played(t, c.of)
			require.Empty(t, off(k.balance()))
			c.do(k)
			require.Contains(t, off(k.balance()), c.want)
		})
	}
}
