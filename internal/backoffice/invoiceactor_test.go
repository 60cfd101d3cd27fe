package backoffice_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/decimal"
	"ratemill/internal/backoffice"
	"ratemill/internal/store"
	"ratemill/invoicing"
	"ratemill/invoicing/document"
	"ratemill/registry"
)

// A reseller sees the documents of its customers and changes them; an account sees its own and changes none; nobody sees those of others.
func TestAnAccountSeesItsDocumentsAndAResellerChangesThoseBelowIt(t *testing.T) {
	o := onboarded(t)
	ctx := t.Context()
	require.NoError(t, invoicing.Migrate(ctx, o.Store.DB))
	var from registry.Date
	require.NoError(t, from.UnmarshalText([]byte("2026-04-01")))
	require.NoError(t, o.Store.Change(ctx, "test", func(tx *store.Tx) error {
		for n, payer := range []string{"globex", "initech"} {
			s := &invoicing.Stored{PayerNumber: uint32(n + 1), Document: document.Document{Form: document.Regular, Currency: "EUR",
				Scale: 2,
				Cycle: document.Period{From: from, To: from + 30}, Payer: document.Party{Account: payer}}}
			sums, err := document.SumsOf([]document.Item{{Kind: document.OneOff, Account: payer, Product: "installation", Cycle: from,
				Period: s.Cycle, Quantity: decimal.FromInt(1), Unit: "1", Price: decimal.FromInt(5), Per: 1, Exact: decimal.FromInt(5)}})
			require.NoError(t, err)
			require.NoError(t, s.Make(sums, func(*document.Line) (document.Taxed, error) { return document.Taxed{Category: "Z"}, nil }))
			if err := (invoicing.Table{Tx: tx}).Put(ctx, s, invoicing.By{Who: "maria", Why: "a test", At: time.Unix(1_777_000_000,
				0)}); err != nil {
				return err
			}
		}
		return nil
	}))
	sees := func(as string) (payers []string) {
		all, err := o.Invoices(ctx, backoffice.InvoiceOrder{As: as})
		require.NoError(t, err)
		for _, s := range all {
			payers = append(payers, s.Payer)
		}
		return payers
	}
	require.Equal(t, []string{"globex", "initech"}, sees(""))
	require.Equal(t, []string{"globex", "initech"}, sees("globex"))
	require.Equal(t, []string{"initech"}, sees("initech"))

	all, err := o.Invoices(ctx, backoffice.InvoiceOrder{})
	require.NoError(t, err)
	upper, lower := all[0].ID, all[1].ID
	_, err = o.Invoice(ctx, upper, "initech")
	require.ErrorContains(t, err, "account initech may see and change only itself and the accounts below it")
	for _, format := range []string{backoffice.InvoiceCSV, backoffice.InvoiceJSON} {
		_, err = o.InvoiceFile(ctx, upper, "initech", format)
		require.ErrorContains(t, err, "account initech may see")
		text, err := o.InvoiceFile(ctx, lower, "initech", format)
		require.NoError(t, err)
		require.Contains(t, string(text), "installation")
	}

	review := func(as string, names ...string) error {
		_, err := o.InvoiceStep(ctx, backoffice.ReviewInvoice, names, backoffice.InvoiceOrder{As: as, Why: "a test"})
		return err
	}
	require.ErrorContains(t, review("initech", lower), "account initech may see documents of account initech but not change them")
	require.ErrorContains(t, review("globex", upper), "account globex may see documents of account globex but not change them")
	require.ErrorContains(t, review("nobody", upper), "--as")
	require.NoError(t, review("globex", lower))
	_, _, err = o.FinaliseInvoices(ctx, []string{lower}, backoffice.InvoiceOrder{As: "initech"})
	require.ErrorContains(t, err, "not change them")
	_, err = o.CreditInvoice(ctx, lower, nil, backoffice.InvoiceOrder{As: "initech", Why: "a test"})
	require.ErrorContains(t, err, "not change them")
	done, err := o.InvoiceStep(ctx, invoicing.Reopen, nil, backoffice.InvoiceOrder{As: "globex", Cycle: "2026-04", Why: "a test"})
	require.NoError(t, err)
	require.Len(t, done, 1)
	require.Equal(t, "initech", done[0].Payer)
}
