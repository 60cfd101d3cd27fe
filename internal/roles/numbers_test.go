package roles

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/account"
	"ratemill/decimal"
	"ratemill/internal/backoffice"
	"ratemill/internal/store"
	"ratemill/internal/warehouse"
	"ratemill/invoicing"
	"ratemill/invoicing/delivery"
	"ratemill/invoicing/document"
	"ratemill/registry"
)

// A control store that was restored from a backup knows fewer documents than ClickHouse and the folder of issued files.
func TestNumbersThatSomebodyHasAreNotGivenByARestoredControlStore(t *testing.T) {
	w := newWorld(t, "numbers_again")
	w.docs["catalogue/seller.yaml"] = "seller: operator\ncompany: { name: Globex, street: Calle Mayor 1, city: Madrid, country: ES }\n" +
		"accounting_groups: [eu]\n"
	w.docs["catalogue/eu.yaml"] = "accounting_group: eu\ncurrency: EUR\nnumbers: { invoice: \"INV/{year}/{n:4}\", credit_note: \"CN-{n:4}\" " +
		"}\ntax: spain\nreview: none\n"
	w.docs["catalogue/spain.yaml"] = "tax: spain\nrules: [{ category: S, rate: 21 }]\n"
	w.start(Warehouse)
	w.imports(w.docs["registry.yaml"])
	now := time.Date(2026, 5, 4, 8, 0, 0, 0, time.UTC)
	catalogue := w.loaded().Catalogue
	options := backoffice.Options{Store: w.Store, Catalogue: catalogue, Documents: t.TempDir(), Now: func() time.Time { return now },
		Warehouse: backoffice.Connected(w.Warehouse)}
	office, err := backoffice.New(options)
	require.NoError(t, err)
	require.NoError(t, w.Store.PutDocument(t.Context(), "catalogue", catalogue.Version(), catalogue.Bundle(), now))
	require.NoError(t, errors.Join(invoicing.Migrate(t.Context(), w.Store.DB), account.Migrate(t.Context(), w.Store.DB),
		delivery.Migrate(t.Context(), w.Store.DB)))
	id := w.draft("acme", catalogue.Version(), now)
	finalise := func(o *backoffice.Office, unasked bool) (string, error) {
		done, refused, err := o.FinaliseInvoices(t.Context(), []string{id}, backoffice.InvoiceOrder{Who: "ana", DryRun: true, Unasked: unasked})
		if err != nil {
			return "", err
		}
		require.Empty(t, refused)
		require.Len(t, done, 1)
		return done[0].Number, nil
	}
	number, err := finalise(office, false)
	require.NoError(t, err)
	require.Equal(t, "INV/2026/0001", number)

	require.NoError(t, w.Warehouse.Conn().Exec(t.Context(), `INSERT INTO documents (n, id, number, number_range, number_year, number_n, issued)
		VALUES (1, 'a', 'INV/2026/0412', 'INV/{year}/{n:4}', 2026, 412, '2026-05-03'),
		(2, 'b', 'INV/2025/0900', 'INV/{year}/{n:4}', 2025, 900, '2025-12-30'),
		(3, 'c', 'OLD-7', 'OLD-{n}', 0, 7, '2020-05-03')`))
	_, err = finalise(office, false)
	require.ErrorContains(t, err, "the control store is older than the last documents")
	require.ErrorContains(t, err, "the operator: the next number would be INV/2026/0001, but ClickHouse has documents up to INV/2026/0412, "+
		"issued on 2026-05-03\n    ratemill invoice numbers set 'INV/{year}/{n:4}' --next 413 --year 2026")
	require.NotContains(t, err.Error(), "OLD-7", "no seller gives such numbers any more")
	set := func(next int64, year int) {
		_, err := office.SetNextNumber(t.Context(), backoffice.NumberOrder{Range: "INV/{year}/{n:4}", Next: next, Year: year, Who: "ana",
			Why: "restored"})
		require.NoError(t, err)
	}
	set(413, 2026)
	_, err = finalise(office, false)
	require.ErrorContains(t, err, "--next 901 --year 2025")
	set(901, 2025)
	number, err = finalise(office, false)
	require.NoError(t, err)
	require.Equal(t, "INV/2026/0413", number)

	folder := filepath.Join(options.Documents, "2026", id)
	require.NoError(t, os.MkdirAll(folder, 0o700))
	for _, name := range []string{"INV_2026_0400-0123456789ab.pdf", "INV_2026_0415-0123456789ab.pdf", "INV_2026_0415-0123456789ab.xml",
		"notes.txt"} {
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), nil, 0o600))
	}
	_, err = finalise(office, false)
	require.ErrorContains(t, err, "document "+id+" was issued before, as INV/2026/0415: the folder of issued documents has its files\n"+
		"    ratemill invoice numbers set 'INV/{year}/{n:4}' --next 416 --year 2026")
	require.NotContains(t, err.Error(), "0400", "that number is not given again")
	set(416, 2026)

	options.Warehouse = func(context.Context) (*warehouse.Warehouse, error) { return nil, errors.New("connection refused") }
	away, err := backoffice.New(options)
	require.NoError(t, err)
	_, err = finalise(away, false)
	require.ErrorContains(t, err, "ClickHouse does not answer the question which numbers documents have")
	number, err = finalise(away, true)
	require.NoError(t, err)
	require.Equal(t, "INV/2026/0416", number)
}

// draft is the id of a document that waits for its number.
func (w *world) draft(payer, catalogue string, now time.Time) string {
	view := w.reference.reg.View()
	defer view.Close()
	number, ok := view.AccountNumber(payer)
	require.True(w, ok)
	var april registry.Date
	require.NoError(w, april.UnmarshalText([]byte("2026-04-01")))
	s := &invoicing.Stored{PayerNumber: number, Document: document.Document{Form: document.Regular, Currency: "EUR", Scale: 2,
		Total: decimal.FromInt(100), Cycle: document.Period{From: april, To: april + 30}, Payer: document.Party{Account: payer},
		Terms: document.Terms{AccountingGroup: "eu"}, Input: document.Inputs{Catalogue: catalogue}}}
	require.NoError(w, w.Store.Change(w.Context(), "test", func(tx *store.Tx) error {
		return invoicing.Table{Tx: tx}.Put(w.Context(), s, invoicing.By{Who: "ana", At: now})
	}))
	return s.ID
}
