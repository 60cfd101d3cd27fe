package rating_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/internal/proof/bench"
	"ratemill/rating"
	"ratemill/registry"
	"ratemill/udr"
)

// The memory of a process that knows and counts every SIM: REGISTRY_SIMS (a million by default) with three identifiers
// each in the registry, and two counters for each. The benchmark measures the time to find a SIM and its counter.
func BenchmarkRegisteredAndCounted(b *testing.B) {
	sims := 1_000_000
	if text := os.Getenv("REGISTRY_SIMS"); text != "" {
		var err error
		sims, err = strconv.Atoi(text)
		require.NoError(b, err)
	}
	identifiers := func(i int) []udr.Identifier {
		return []udr.Identifier{{Kind: udr.IMSI, Value: fmt.Sprintf("21407%010d", i)}, {Kind: udr.ICCID, Value: fmt.Sprintf("89340100%011d", i)},
			{Kind: udr.MSISDN, Value: fmt.Sprintf("3460%09d", i)}}
	}
	held := func() float64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return float64(m.HeapAlloc)
	}
	before := held()
	reg, counters := registry.New(), rating.NewCounters()
	c := registry.Changes{Revision: 1}
	for a := range uint32(10_000) {
		c.Accounts = append(c.Accounts, registry.AccountFact{Number: a + 1, ID: fmt.Sprint("a", a+1), Zone: "Europe/Madrid", Currency: "EUR",
			CycleDay: 1})
	}
	require.NoError(b, reg.Load(&c))
	key := func(sim int, kind rating.CounterKind) rating.CounterKey {
		return rating.CounterKey{ID: 77 + uint64(kind), Owner: uint32(sim + 1), Cycle: 20513, Kind: kind}
	}
	const part = 100_000
	for first := 0; first < sims; first += part {
		c := registry.Changes{Revision: 1}
		for i := first; i < min(sims, first+part); i++ {
			c.SIMs = append(c.SIMs, registry.OwnershipFact{SIM: uint32(i + 1), Account: uint32(1 + i%10_000), Plan: "fleet"})
			for _, id := range identifiers(i) {
				c.Identifiers = append(c.Identifiers, registry.IdentifierFact{Identifier: id, SIM: uint32(i + 1)})
			}
			counters.Restore(key(i, rating.SIMUnits), rating.UnitsValue(int64(i)), 1)
			counters.Restore(key(i, rating.SIMCost), rating.UnitsValue(int64(i)), 1)
		}
		require.NoError(b, reg.Load(&c))
	}
	reg.Publish(1)
	after := held()
	v := reg.View()
	defer v.Close()
	random := rand.New(rand.NewPCG(1, 1))
	known := make([]udr.Identifier, 1<<16)
	for i := range known {
		known[i] = identifiers(random.IntN(sims))[0]
	}
	b.ReportAllocs()
	report := bench.CPU(b, 1)
	for i := 0; b.Loop(); i++ {
		sim, ok := v.SIM(known[i&(1<<16-1)], 1, 1)
		if !ok {
			b.Fatal("not found")
		}
		counters.Get(key(int(sim)-1, rating.SIMUnits))
	}
	report()
	b.ReportMetric((after-before)/1e6, "MB")
	b.ReportMetric((after-before)/float64(sims), "B/SIM")
	runtime.KeepAlive(reg)
}
