package backoffice_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/decimal"
	"ratemill/internal/backoffice"
	"ratemill/internal/project"
	"ratemill/internal/store"
	"ratemill/invoicing"
	"ratemill/invoicing/document"
	"ratemill/registry"
)

// withReviewed is an office with a reviewed document of March for globex, one for initech, and a held one for hooli.
func withReviewed(t *testing.T) *backoffice.Office {
	o := withDocuments(t)
	p, list := project.LoadDir(o.Project)
	require.NoError(t, list.Err())
	march := registry.Date(time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC).Unix() / (24 * 60 * 60))
	by := invoicing.By{Who: "ada", At: time.Now()}
	for n, id := range []string{"globex", "initech", "hooli"} {
		d := document.Document{Form: document.Regular, Currency: "EUR", Scale: 2, Total: decimal.FromInt(100),
			Cycle: document.Period{From: march, To: march + 31},
			Payer: document.Party{Account: id}, Terms: document.Terms{AccountingGroup: "eu"},
			Input: document.Inputs{Catalogue: p.Catalogue.Version()}}
		s := &invoicing.Stored{PayerNumber: uint32(n + 100), Document: d}
		if id == "globex" || id == "initech" {
			s.PayerNumber = number(t, o, id)
		} else {
			s.Reasons = []string{"41 records in suspense"}
		}
		require.NoError(t, o.Store.Change(t.Context(), "test", func(tx *store.Tx) error {
			table := invoicing.Table{Tx: tx}
			err := table.Put(t.Context(), s, by)
			if err == nil && s.State == invoicing.Draft {
				_, err = table.Step(t.Context(), s.ID, invoicing.Review, by)
			}
			return err
		}))
	}
	return o
}

func TestFinaliseTakesTheDocumentsOfTheNamedPayersOnly(t *testing.T) {
	o := withReviewed(t)
	order := backoffice.InvoiceOrder{Cycle: "2026-03", Accounts: []string{"initech"}, Who: "ada"}
	order.DryRun = true
	for range 2 { // the second finds nothing changed
		done, refused, err := o.FinaliseInvoices(t.Context(), nil, order)
		require.NoError(t, err)
		require.Empty(t, refused)
		require.Len(t, done, 1)
		require.Equal(t, "initech INV-0001 final", fmt.Sprint(done[0].Payer, " ", done[0].Number, " ", done[0].State))
	}
	order.DryRun = false
	done, refused, err := o.FinaliseInvoices(t.Context(), nil, order)
	require.NoError(t, err)
	require.Empty(t, refused)
	require.Len(t, done, 1)
	require.Equal(t, "initech INV-0001", done[0].Payer+" "+done[0].Number)
	order.Accounts = nil
	done, refused, err = o.FinaliseInvoices(t.Context(), nil, order)
	require.NoError(t, err)
	require.Len(t, done, 1)
	require.Equal(t, "globex INV-0002", done[0].Payer+" "+done[0].Number)
	require.Len(t, refused, 1, "a held document is told")
	require.Equal(t, []string{"it is held: 41 records in suspense"}, refused[0].Why)
	order.Accounts = []string{"intech"}
	_, _, err = o.FinaliseInvoices(t.Context(), nil, order)
	require.ErrorContains(t, err, "no document of account intech begins its cycle in 2026-03")
	_, err = o.InvoiceStep(t.Context(), invoicing.Review, nil, order)
	require.ErrorContains(t, err, "no document of account intech begins its cycle in 2026-03")
}

func TestWithoutACatalogueNoDocumentBecomesFinalAndNoneIsVerified(t *testing.T) {
	o := withReviewed(t)
	require.NoError(t, os.RemoveAll(filepath.Join(o.Project, "catalogue")))
	_, _, err := o.FinaliseInvoices(t.Context(), nil, backoffice.InvoiceOrder{Cycle: "2026-03"})
	require.ErrorContains(t, err, "the project has no catalogue")
	err = o.VerifyInvoices(t.Context(), nil, backoffice.InvoiceOrder{}, nil)
	require.ErrorContains(t, err, "the project has no catalogue")
}
