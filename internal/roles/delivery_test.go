package roles

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/account"
	"ratemill/decimal"
	"ratemill/diag"
	"ratemill/internal/backoffice"
	"ratemill/internal/proof/testengine"
	"ratemill/internal/store"
	"ratemill/invoicing"
	"ratemill/invoicing/delivery"
	"ratemill/invoicing/document"
	"ratemill/invoicing/payment"
	"ratemill/invoicing/terms"
	"ratemill/registry"
)

// The role makes the files of a final document, puts them where its terms say, and folds payments that an import of the registry stated.
func TestTheRoleDeliveryDeliversDocumentsAndFoldsPayments(t *testing.T) {
	w := newWorld(t, "delivery")
	w.docs["catalogue/seller.yaml"] = "seller: operator\ncompany: { name: Globex IoT S.L., street: Calle Mayor 1, city: Madrid, country: " +
		"ES, vat: ESB12345674, endpoint: '9920:ESB12345674', email: billing@globex.example, phone: '+34 912 345 678' }\n" +
		"accounting_groups: [eu]\n" +
		"bank: { iban: ES91 2100 0418 4502 0005 1332 }\n"
	w.docs["catalogue/eu.yaml"] = "accounting_group: eu\ncurrency: EUR\nnumbers: { invoice: \"INV-{n:4}\", credit_note: \"CN-{n:4}\" }\n" +
		"tax: spain\n"
	w.docs["catalogue/spain.yaml"] = "tax: spain\nrules: [{ category: S, rate: 21 }]\n"
	dir := t.TempDir()
	w.config.Listen, w.known = testengine.FreeAddress(t), append(Roles[:len(Roles):len(Roles)], Delivery)
	w.config.Invoicing.Documents, w.config.Invoicing.Print = filepath.Join(dir, "documents"), filepath.Join(dir, "print")
	w.config.Invoicing.EInvoices, w.config.Invoicing.PDF.Timeout = filepath.Join(dir, "peppol"), time.Minute
	w.start(Delivery)
	w.imports(w.docs["registry.yaml"])
	w.ready(http.StatusOK)
	view := w.reference.reg.View()
	acme, ok := view.AccountNumber("acme")
	view.Close()
	require.True(t, ok)
	require.NoError(t, w.Store.Change(t.Context(), "test", func(tx *store.Tx) error {
		for n, by := range []string{"hardcopy", "e_invoice"} {
			if err := finalDocument(t, tx, acme, n+1, by); err != nil {
				return err
			}
		}
		return nil
	}))
	for _, file := range []string{"print/operator/INV-0001.pdf", "peppol/operator/INV-0002.xml"} {
		var text []byte
		require.Eventually(t, func() (there bool) {
			var err error
			text, err = os.ReadFile(filepath.Join(dir, file))
			return err == nil
		}, 30*time.Second, 50*time.Millisecond, file)
		require.True(t, bytes.HasPrefix(text, []byte("%PDF-")) || bytes.Contains(text, []byte("<cbc:ID>INV-0002</cbc:ID>")), file)
	}
	kept, err := filepath.Glob(filepath.Join(dir, "documents", "*", "*", "INV-*"))
	require.NoError(t, err)
	require.Len(t, kept, 6, "PDF, UBL and CSV of two documents")
	w.tells(map[string]float64{"delivery_waiting": 0, "delivery_failed": 0, `delivery_sent_total{channel="hardcopy"}`: 1})

	office, err := backoffice.New(backoffice.Options{Store: w.Store, Catalogue: w.loaded().Catalogue,
		Documents: w.config.Invoicing.Documents})
	require.NoError(t, err)
	issued, err := office.InvoiceFile(t.Context(), "INV-0001", "", backoffice.InvoicePDF)
	require.NoError(t, err)
	printed, err := os.ReadFile(filepath.Join(dir, "print/operator/INV-0001.pdf"))
	require.NoError(t, err)
	require.Equal(t, printed, issued, "invoice show gives what was issued")
	elsewhere, err := backoffice.New(backoffice.Options{Store: w.Store, Catalogue: w.loaded().Catalogue, Documents: t.TempDir()})
	require.NoError(t, err)
	_, err = elsewhere.InvoiceFile(t.Context(), "INV-0001", "", backoffice.InvoicePDF)
	require.ErrorContains(t, err, "restore it from the backup")
	text, err := office.InvoiceFile(t.Context(), "INV-0002", "acme", backoffice.InvoiceJSON)
	require.NoError(t, err)
	require.Contains(t, string(text), `"number": "INV-0002"`)

	w.imports("payments:\n  BANK-1: { document: INV-0001, amount: \"21.00\", currency: EUR, date: 2026-05-02, since: 2026-05-02 }\n")
	require.Eventually(t, func() bool {
		all, err := payment.List(t.Context(), w.Store.DB, payment.Question{Name: "INV-0001"})
		require.NoError(t, err)
		return all[0].State() == payment.Partly
	}, 30*time.Second, 50*time.Millisecond)
	owes, err := account.CreditOf(t.Context(), w.Store.DB, &acme)
	require.NoError(t, err)
	require.Equal(t, "-21", owes[0].Documents.String())
}

// finalDocument makes a document of a payer final, as a bill run does.
func finalDocument(t *testing.T, tx *store.Tx, payer uint32, n int, by string) error {
	var from registry.Date
	require.NoError(t, from.UnmarshalText([]byte("2026-04-01")))
	s := &invoicing.Stored{PayerNumber: payer, Seq: n, Document: document.Document{
		Form: document.Regular, Currency: "EUR", Scale: 2, Cycle: document.Period{From: from, To: from + 30},
		Periods: []document.Period{{From: from, To: from + 30}},
		Payer: document.Party{Account: "acme", Name: "Acme GmbH", Street: "Hauptstr. 1", City: "Berlin", Postcode: "10115", Country: "DE",
			VAT: "DE123456789", Endpoint: "0204:991-1234512345-06", Email: "a@acme.example"},
		Seller: document.Party{Name: "Globex IoT S.L.", Street: "Calle Mayor 1", City: "Madrid", Country: "ES", VAT: "ESB12345674",
			Endpoint: "9920:ESB12345674", Email: "billing@globex.example", Phone: "+34 912 345 678"},
		Terms: document.Terms{AccountingGroup: "eu", Language: "en", Delivery: by, Payment: "slip", Target: 30, Billable: true},
	}}
	sums, err := document.SumsOf([]document.Item{{Kind: document.OneOff, Account: "acme", Product: "installation", Cycle: from,
		Period: s.Cycle, Quantity: decimal.FromInt(1), Unit: "1", Price: decimal.FromInt(100), Per: 1, Exact: decimal.FromInt(100), Cause: "x"}})
	require.NoError(t, err)
	require.NoError(t, s.Make(sums, func(*document.Line) (document.Taxed, error) {
		return document.Taxed{Category: "S", Rate: decimal.FromInt(21)}, nil
	}))
	who := invoicing.By{Who: "maria", Why: "a test", At: time.Unix(1_777_000_000, 0)}
	group := &terms.Group{Numbers: terms.Numbers{Invoice: diag.Text{Value: "INV-{n:4}"}}, Review: "none"}
	table := invoicing.Table{Tx: tx}
	if err := table.Put(t.Context(), s, who); err != nil {
		return err
	}
	done, err := table.Finalise(t.Context(), s.ID, group, from+31, who)
	if err != nil {
		return err
	}
	_, err = delivery.Enqueue(t.Context(), tx, payer, &done.Document, time.Now())
	return err
}
