package warehouse_test

import (
	"fmt"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/internal/control"
	"ratemill/internal/proof/testengine"
	"ratemill/registry"
	"ratemill/udr"
)

// BenchmarkAnImportOfSIMsArrives as one revision: how long it takes, the memory that it takes at most here, and how long
// questions about it take.
func BenchmarkAnImportOfSIMsArrives(b *testing.B) {
	for _, sims := range []uint32{100_000, 1_000_000} {
		b.Run(fmt.Sprint(sims), func(b *testing.B) {
			store, err := control.Open(b.Context(), "sqlite:"+filepath.Join(b.TempDir(), "control.db"))
			require.NoError(b, err)
			b.Cleanup(func() { store.Close() })
			w := &factWorld{TB: b, store: store, warehouse: open(b, testengine.SharedClickHouse(b), fmt.Sprint("import", sims))}
			importSIMs(w, sims)
			s := w.sink(nil)
			most := watchMemory(b)
			b.ResetTimer()
			began := time.Now()
			w.arrive(s)
			b.ReportMetric(float64(time.Since(began).Nanoseconds())/float64(s.Written.Load()), "ns/fact")
			b.ReportMetric(float64(most())/(1<<20), "MiB")
			b.ReportMetric(0, "ns/op")
			b.StopTimer()
			for _, q := range []struct{ name, sql string }{{"sims", "SELECT count(), max(imsi) FROM sims"},
				{"account", "SELECT account, core, count() FROM sims_at(at = '2026-04-01 00:00:00') GROUP BY ALL"},
				{"sim", "SELECT * FROM sims WHERE sim = 77"}, {"states", "SELECT state, count() FROM sim_states GROUP BY state"}} {
				began := time.Now()
				w.rows(q.sql)
				b.ReportMetric(float64(time.Since(began).Milliseconds()), q.name+"-ms")
			}
		})
	}
}

// importSIMs makes a revision with so many SIMs, each with two identifiers and a state.
func importSIMs(w *factWorld, sims uint32) {
	c := &registry.Changes{}
	for n := uint32(1); n <= 100; n++ {
		c.Accounts = append(c.Accounts, registry.AccountFact{Number: n, ID: accountName(n), Currency: "EUR", Zone: "UTC", CycleDay: 1})
	}
	for sim := uint32(1); sim <= sims; sim++ {
		c.SIMs = append(c.SIMs, registry.OwnershipFact{SIM: sim, From: factDay(1), Account: 1 + sim%100, Plan: "fleet"})
		c.Identifiers = append(c.Identifiers,
			registry.IdentifierFact{Identifier: udr.Identifier{Kind: udr.IMSI, Value: fmt.Sprintf("21407%010d", sim)}, From: factDay(1), SIM: sim},
			registry.IdentifierFact{Identifier: udr.Identifier{Kind: udr.ICCID, Value: fmt.Sprintf("8934%015d", sim)}, From: factDay(1), SIM: sim})
		c.States = append(c.States, registry.StateFact{SIM: sim, From: factDay(1), StateValue: registry.StateValue{Name: "live", Core: 2,
			Lifecycle: "jasper@1"}})
	}
	w.state(c)
}

// watchMemory returns a function that says how far the heap grew at most.
func watchMemory(b *testing.B) (most func() uint64) {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	before, peak := m.HeapAlloc, uint64(0)
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			case <-time.After(50 * time.Millisecond):
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				peak = max(peak, m.HeapAlloc-min(before, m.HeapAlloc))
			}
		}
	}()
	return func() uint64 { close(stop); <-done; return peak }
}
