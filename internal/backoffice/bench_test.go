package backoffice_test

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/decimal"
	"ratemill/internal/backoffice"
	"ratemill/internal/control"
	"ratemill/internal/project"
	"ratemill/invoicing"
	"ratemill/invoicing/contract"
	"ratemill/invoicing/document"
	"ratemill/invoicing/product"
	"ratemill/invoicing/terms"
	"ratemill/registry"
	"ratemill/udr"
)

// BenchmarkFinalise makes the documents of a month reviewed and final, and lists them, as the commands do on SQLite: with what payers owe,
// and deliveries. `make bench-invoices` has the sizes of an operator.
func BenchmarkFinalise(b *testing.B) {
	payers := 300
	if n, err := strconv.Atoi(os.Getenv("PAYERS")); err == nil {
		payers = n
	}
	b.Run(fmt.Sprintf("payers=%d", payers), func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			o := billed(b, payers)
			order := backoffice.InvoiceOrder{Cycle: "2026-04", Who: "ada", Why: "the month is over"}
			each := func(what string, began time.Time) {
				b.ReportMetric(float64(time.Since(began).Microseconds())/float64(payers), what+"-µs/payer")
			}
			b.StartTimer()
			began := time.Now()
			reviewed, err := o.InvoiceStep(b.Context(), backoffice.ReviewInvoice, nil, order)
			require.NoError(b, err)
			require.Len(b, reviewed, payers)
			each("review", began)
			began = time.Now()
			done, refused, err := o.FinaliseInvoices(b.Context(), nil, order)
			require.NoError(b, err)
			require.Empty(b, refused)
			require.Len(b, done, payers)
			each("final", began)
			began = time.Now()
			all, err := o.Invoices(b.Context(), order)
			require.NoError(b, err)
			require.Len(b, all, payers)
			each("list", began)
			var heap runtime.MemStats
			runtime.ReadMemStats(&heap)
			b.ReportMetric(float64(heap.HeapAlloc>>20), "heap-MB")
		}
	})
}

// billed has payers with a draft of April each, of two lines of usage.
func billed(b *testing.B, payers int) *backoffice.Office {
	o := withDocuments(b)
	p, list := project.LoadDir(o.Project)
	require.NoError(b, list.Err())
	reg, statements := registry.New(), registry.NewStatements()
	revision, err := o.Store.LoadAccounts(b.Context(), reg, statements)
	require.NoError(b, err)
	view := reg.View()
	first := view.Accounts() + 1
	view.Close()
	c := &registry.Changes{Revision: revision + 1}
	profile := []byte(`{"accounting_group":"eu","mrc":"in_retrospect","rating_type":"prorated","delivery":"hardcopy"}`)
	for n := range uint32(payers) {
		f := registry.AccountFact{Number: first + n, ID: fmt.Sprintf("p%06d", n), Currency: "EUR", Zone: "Europe/Madrid", CycleDay: 1}
		c.Accounts = append(c.Accounts, f)
		c.Statements = append(c.Statements, registry.Statement{Kind: registry.KindProfile, Subject: f.ID, Value: profile})
	}
	require.NoError(b, o.Store.ImportRegistry(b.Context(), c, control.ImportOptions{Who: "ada", Now: time.Now(), Partitions: 1}))
	_, err = o.Store.LoadAccounts(b.Context(), reg, statements)
	require.NoError(b, err)
	view = reg.View()
	defer view.Close()
	require.NoError(b, o.Store.PutDocument(b.Context(), "catalogue", p.Catalogue.Version(), p.Catalogue.Bundle(), time.Now()))
	at := time.Date(2026, 5, 2, 8, 0, 0, 0, time.UTC)
	prices := &invoicing.Prices{Version: p.Catalogue.Version(), PlanFrom: p.Catalogue.PlanFrom}
	prices.Products, _ = product.DocumentsOf(p.Catalogue)
	prices.Contracts, _ = contract.DocumentsOf(p.Catalogue)
	prices.Terms, _ = terms.DocumentsOf(p.Catalogue)
	april := registry.Date(time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC).Unix() / (24 * 60 * 60))
	basis := &invoicing.Basis{View: view, Statements: statements, Facts: view.Revision(), Cut: document.Cut{Log: 1, Offsets: []int64{100}},
		Catalogue: prices.Version, Now: at, Begin: april,
		Prices: func(string) (*invoicing.Prices, error) { return prices, nil },
		Payer: func(id string, _ udr.Instant) (*invoicing.Payer, error) {
			return &invoicing.Payer{Profiled: true, Party: document.Party{Account: id, Name: "Payer " + id, Country: "ES"},
				Seller: document.Party{Name: "Globex IoT S.L.", Country: "ES"},
				Terms:  document.Terms{AccountingGroup: "eu", Language: "en", Delivery: "hardcopy", Payment: "slip", Target: 30, Billable: true}}, nil
		},
		Usage: func(_ context.Context, q invoicing.UsageQuestion, each func(*invoicing.Charged) error) error {
			for n := range uint32(payers) {
				for _, zone := range []string{"eu", "world"} {
					if err := each(&invoicing.Charged{Account: first + n, Class: "data", Unit: udr.Octet, Plan: "retail", PlanVersion: 1, Zone: zone,
						Tariff: "1", Currency: "EUR", Cycle: april, Records: 100, Quantity: 1e9, Amount: decimal.FromInt(20)}); err != nil {
						return err
					}
				}
			}
			return nil
		}}
	run := &invoicing.Run{DB: o.Store.DB, Basis: basis, By: invoicing.By{Who: "ada", Why: "the month is over", At: at}}
	var numbers []uint32
	for n := range uint32(payers) {
		numbers = append(numbers, first+n)
	}
	require.NoError(b, run.Compute(b.Context(), april, numbers, func(c *invoicing.Computed) error {
		if c.Skipped != "" || len(c.Closed.Reasons) > 0 {
			return fmt.Errorf("%s: %s %q", c.Closed.Payer, c.Skipped, c.Closed.Reasons)
		}
		return nil
	}))
	return o
}
