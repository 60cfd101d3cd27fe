package invoicing

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/tools/txtar"

	"ratemill/decimal"
	"ratemill/registry"
	"ratemill/udr"
)

// market is an operator's customers, who all pay for themselves, with SIMs in two states and usage in April 2026.
type market struct {
	*kase
	payers, sims int
}

// newMarket has payers below roots: every root but the last has a few of them, and the last the rest.
func newMarket(t testing.TB, payers, sims, roots int) *market {
	base, err := txtar.ParseFile("testdata/base.txtar")
	require.NoError(t, err)
	m := &market{kase: newCase(t, base), payers: payers, sims: sims}
	m.begin = date(t, "2026-04-01")
	r := rand.New(rand.NewPCG(1, 2))
	lines := asked(t, "LINES", 2) // of usage, a payer
	since, cycle := registry.Midnight(time.UTC, int32(date(t, "2026-01-01"))), date(t, "2026-04-01")
	c := &registry.Changes{Revision: 1}
	profile := []byte(`{"accounting_group":"plain","mrc":"in_retrospect","rating_type":"prorated"}`)
	for n := uint32(1); n <= uint32(payers); n++ {
		f := registry.AccountFact{Number: n, ID: fmt.Sprintf("p%06d", n), Currency: "EUR", Zone: "Europe/Madrid", CycleDay: 1}
		if n > uint32(roots) {
			f.Parent = n % uint32(roots)
			if f.Parent == 0 || payers > 10*roots && r.IntN(10) == 0 {
				f.Parent = uint32(roots)
			}
		}
		c.Accounts = append(c.Accounts, f)
		c.Statements = append(c.Statements, registry.Statement{Kind: registry.KindProfile, Subject: f.ID, Value: profile})
		for zone := range lines {
			quantity := r.Int64N(1e9)
			m.charges = append(m.charges, charged{int64(n), Charged{Account: n, Class: "data", Unit: udr.Octet, Plan: "tracker-s", PlanVersion: 1,
				Zone: fmt.Sprint("zone", zone), Tariff: "1", Currency: "EUR", Cycle: cycle, Records: 100, Quantity: quantity,
				Amount: exactly(quantity * 20_000)}})
		}
	}
	for sim := uint32(1); sim <= uint32(sims); sim++ {
		c.SIMs = append(c.SIMs, registry.OwnershipFact{SIM: sim, From: since, State: registry.Holds, Account: 1 + r.Uint32N(uint32(payers)),
			Plan: []string{"tracker-s", "fleet"}[r.IntN(2)]})
		state := func(name string, core registry.Core, from udr.Instant) {
			c.States = append(c.States, registry.StateFact{SIM: sim, From: from, StateValue: registry.StateValue{State: registry.Holds,
				Name: name, Core: core, Lifecycle: "standard"}})
		}
		state("in_billing", registry.Active, since)
		if r.IntN(5) == 0 {
			state("suspended", registry.Suspended, registry.Midnight(time.UTC, int32(cycle)+r.Int32N(30)))
		}
	}
	require.NoError(t, m.registry.Apply(c))
	require.NoError(t, m.statements.Apply(c))
	return m
}

// BenchmarkBillRun closes a month and makes all documents final, on SQLite: the time of a payer, of which each part takes, and the memory
// that is held at the end. `make bench-invoices` has the sizes of an operator.
func BenchmarkBillRun(b *testing.B) {
	payers := asked(b, "PAYERS", 1000)
	sims := asked(b, "SIMS", 10*payers)
	for _, roots := range []int{payers, max(payers/100, 1)} {
		b.Run(fmt.Sprintf("payers=%d/roots=%d/sims=%d", payers, roots, sims), func(b *testing.B) {
			for range b.N {
				b.StopTimer()
				m := newMarket(b, payers, sims, roots)
				b.StartTimer()
				m.bill(b)
			}
		})
	}
}

func (m *market) bill(b *testing.B) {
	at := time.Date(2026, 5, 2, 8, 0, 0, 0, time.UTC)
	view := m.registry.View()
	defer view.Close()
	run := &Run{DB: m.db, Basis: m.basis(view, at, m.registry.Revision(), 1<<40), By: By{Who: "maria", Why: "the month is over", At: at}}
	run.Basis.Balances = balancesOf(m.charges)
	run.portion = asked(b, "PORTION", 0)
	held := uint64(0)
	began := time.Now()
	var ids []string
	require.NoError(b, run.Compute(b.Context(), date(b, "2026-04-30"), nil, func(c *Computed) error {
		for _, d := range c.Documents {
			ids = append(ids, d.ID)
		}
		if held == 0 { // once the usage of the first portion is there
			b.StopTimer()
			stopped := time.Now()
			runtime.GC()
			var heap runtime.MemStats
			runtime.ReadMemStats(&heap)
			held, began = heap.HeapAlloc, began.Add(time.Since(stopped))
			b.StartTimer()
		}
		return nil
	}))
	computed := time.Now()
	sum, final := decimal.Zero, 0
	require.NoError(b, run.Finalise(b.Context(), ids, func(f Finalised) (err error) {
		if f.Err == nil {
			final++
			sum, err = sum.Add(f.Document.Total)
		}
		return errors.Join(f.Err, err)
	}))
	var heap runtime.MemStats
	runtime.ReadMemStats(&heap)
	each := func(d time.Duration) float64 { return float64(d.Microseconds()) / float64(m.payers) }
	b.ReportMetric(each(computed.Sub(began)), "close-µs/payer")
	b.ReportMetric(each(time.Since(computed)), "final-µs/payer")
	b.ReportMetric(float64(heap.HeapAlloc>>20), "heap-MB")
	b.ReportMetric(float64(held>>20), "held-MB")
	b.ReportMetric(float64(final), "documents")
}

// BenchmarkPreview computes the document of one payer, as invoice preview does.
func BenchmarkPreview(b *testing.B) {
	m := newMarket(b, asked(b, "PAYERS", 1000), asked(b, "SIMS", 10_000), 10)
	view := m.registry.View()
	defer view.Close()
	at := time.Date(2026, 4, 20, 8, 0, 0, 0, time.UTC)
	for b.Loop() {
		run := &Run{DB: m.db, Basis: m.basis(view, at, m.registry.Revision(), 1<<40)}
		require.NoError(b, run.Preview(b.Context(), date(b, "2026-04-30"), []uint32{7}, func(*Computed) error { return nil }))
	}
}
