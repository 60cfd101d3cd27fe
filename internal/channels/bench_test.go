package channels

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/decimal"
	"ratemill/diag"
	"ratemill/internal/project"
	"ratemill/internal/store"
	"ratemill/invoicing"
	"ratemill/invoicing/delivery"
	"ratemill/invoicing/document"
	"ratemill/invoicing/form"
	"ratemill/invoicing/terms"
)

var sellers = map[string]string{
	"seller.yaml": "seller: operator\ncompany: { name: Globex IoT S.L., street: Calle Mayor 1, city: Madrid, country: ES, vat: ESB12345674, " +
		"endpoint: '9920:ESB12345674', email: billing@globex.example, phone: '+34 912 345 678' }\naccounting_groups: [eu]\n" +
		"bank: { iban: ES91 2100 0418 4502 0005 1332 }\nmail_from: billing@globex.example\n",
	"eu.yaml":    "accounting_group: eu\ncurrency: EUR\nnumbers: { invoice: \"INV-{n:6}\", credit_note: \"CN-{n:6}\" }\ntax: spain\n",
	"spain.yaml": "tax: spain\nrules: [{ category: S, rate: 21 }]\n",
}

// BenchmarkDelivery delivers final documents from the control store, SQLite, as the role does: it makes PDF, UBL and CSV of each, keeps
// them, and brings a third of them to a mail server on this machine by STARTTLS, a third into the folder of print files and a third into
// that of e-invoices. `make bench-invoices` has more of them.
func BenchmarkDelivery(b *testing.B) {
	documents := 60
	if n, err := strconv.Atoi(os.Getenv("DOCUMENTS")); err == nil {
		documents = n
	}
	b.Run(fmt.Sprintf("documents=%d", documents), func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			d, sent := delivering(b, documents)
			b.StartTimer()
			began := time.Now()
			for {
				tried, err := d.Deliver(b.Context())
				require.NoError(b, err)
				if tried == 0 {
					break
				}
			}
			b.ReportMetric(float64(documents)/time.Since(began).Seconds(), "documents/s")
			require.EqualValues(b, documents, sent.Load())
		}
	})
}

// delivering is a deliverer with so many documents that are due.
func delivering(b *testing.B, documents int) (*delivery.Deliverer, *atomic.Int64) {
	dir := b.TempDir()
	for name, text := range sellers {
		require.NoError(b, os.MkdirAll(filepath.Join(dir, "catalogue"), 0o750))
		require.NoError(b, os.WriteFile(filepath.Join(dir, "catalogue", name), []byte(text), 0o640))
	}
	p, list := project.LoadDir(dir)
	require.NoError(b, list.Err())
	printer, err := form.New(form.Options{})
	require.NoError(b, err)
	forms := &project.Forms{Project: p, Printer: printer,
		Names: func(context.Context, *document.Document) (map[string]string, error) { return nil, nil }}
	db, err := store.Open("sqlite:" + filepath.Join(dir, "control.db"))
	require.NoError(b, err)
	b.Cleanup(func() { _ = db.Close() })
	require.NoError(b, invoicing.Migrate(b.Context(), db))
	require.NoError(b, delivery.Migrate(b.Context(), db))
	require.NoError(b, db.Change(b.Context(), "issuing documents", func(tx *store.Tx) error {
		for n := range documents {
			if err := issue(b, tx, uint32(n+1), []string{"email", "hardcopy", "e_invoice"}[n%3]); err != nil {
				return err
			}
		}
		return nil
	}))
	_, mail := postOffice(b, false)
	sent := &atomic.Int64{}
	return &delivery.Deliverer{
		Table: delivery.Table{DB: db}, Now: time.Now, Log: slog.Default(), Sent: func(delivery.Channel) { sent.Add(1) },
		Files: &delivery.Files{DB: db, Dir: filepath.Join(dir, "documents"), Make: forms.Make, Now: time.Now},
		Senders: map[delivery.Channel]delivery.Sender{delivery.Email: mail,
			delivery.Hardcopy: &Folder{Dir: filepath.Join(dir, "print"), Kind: delivery.PDF},
			delivery.EInvoice: &Folder{Dir: filepath.Join(dir, "e-invoices"), Kind: delivery.UBL}},
		Documents: func(ctx context.Context, id string) (of *document.Document, err error) {
			return of, db.Change(ctx, "reading a document", func(tx *store.Tx) error {
				s, err := invoicing.Table{Tx: tx}.Get(ctx, id)
				if err == nil {
					of = &s.Document
				}
				return err
			})
		},
	}, sent
}

// issue makes a document of five lines final, as a bill run does.
func issue(b *testing.B, tx *store.Tx, payer uint32, by string) error {
	from := date(b, "2026-04-01")
	period := document.Period{From: from, To: from + 30}
	s := &invoicing.Stored{PayerNumber: payer, Document: document.Document{
		Form: document.Regular, Currency: "EUR", Scale: 2, Cycle: period, Periods: []document.Period{period},
		Payer: document.Party{Account: fmt.Sprint("p", payer), Name: "Acme GmbH", Street: "Hauptstr. 1", City: "Berlin", Postcode: "10115",
			Country: "DE", VAT: "DE123456789", Endpoint: "0204:991-1234512345-06", Email: "a@acme.example"},
		Seller: document.Party{Name: "Globex IoT S.L.", Street: "Calle Mayor 1", City: "Madrid", Country: "ES", VAT: "ESB12345674",
			Endpoint: "9920:ESB12345674", Email: "billing@globex.example", Phone: "+34 912 345 678"},
		Terms: document.Terms{AccountingGroup: "eu", Language: "en", Delivery: by, Emails: []string{"a@acme.example"}, Payment: "slip",
			Target: 30, Billable: true},
	}}
	var items []document.Item
	for n := range 5 {
		items = append(items, document.Item{Kind: document.OneOff, Account: s.Payer.Account, Product: "installation", Cycle: from,
			Period: period, Quantity: decimal.FromInt(1), Unit: "1", Price: decimal.FromInt(100), Per: 1, Exact: decimal.FromInt(100),
			Cause: fmt.Sprint(n), Text: "Installation of a tracker"})
	}
	sums, err := document.SumsOf(items)
	if err != nil {
		return err
	}
	if err := s.Make(sums, func(*document.Line) (document.Taxed, error) {
		return document.Taxed{Category: "S", Rate: decimal.FromInt(21)}, nil
	}); err != nil {
		return err
	}
	who := invoicing.By{Who: "maria", Why: "the month is over", At: time.Unix(1_777_000_000, 0)}
	group := &terms.Group{Numbers: terms.Numbers{Invoice: diag.Text{Value: "INV-{n:6}"}}, Review: "none"}
	table := invoicing.Table{Tx: tx}
	if err := table.Put(b.Context(), s, who); err != nil {
		return err
	}
	done, err := table.Finalise(b.Context(), s.ID, group, from+31, who)
	if err == nil {
		_, err = delivery.Enqueue(b.Context(), tx, payer, &done.Document, time.Now().Add(-time.Minute))
	}
	return err
}
