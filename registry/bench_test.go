package registry_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"testing"
	"time"

	"ratemill/internal/proof/bench"
	"ratemill/registry"
	"ratemill/udr"
)

// sizes is how many SIMs the benchmarks register; REGISTRY_SIMS=10000000 takes the full size.
func sizes(b *testing.B) []int {
	if text := os.Getenv("REGISTRY_SIMS"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			b.Fatal(err)
		}
		return []int{n}
	}
	return []int{1_000_000}
}

// filled is a registry of n SIMs with three identifiers each, of 10,000 accounts, on 300 days.
func filled(b *testing.B, n int) *registry.Registry {
	reg := registry.New()
	c := &registry.Changes{Revision: 1}
	for a := range uint32(10_000) {
		f := registry.AccountFact{Number: a + 1, ID: fmt.Sprint("a", a+1), Zone: "Europe/Madrid", Currency: "EUR", CycleDay: 1}
		if a%10 > 0 {
			f.Parent, f.Partition = a-a%10+1, registry.NoPartition
		}
		c.Accounts = append(c.Accounts, f)
	}
	if err := reg.Load(c); err != nil {
		b.Fatal(err)
	}
	const part = 100_000
	for first := 0; first < n; first += part {
		c := &registry.Changes{Revision: 1}
		for i := first; i < min(n, first+part); i++ {
			from := udr.Instant(i%300) * udr.Instant(24*time.Hour)
			c.SIMs = append(c.SIMs, registry.OwnershipFact{SIM: uint32(i + 1), Account: uint32(1 + i%10_000), Plan: "fleet", From: from})
			for _, id := range []udr.Identifier{iccid(i), imsi(i), {Kind: udr.MSISDN, Value: fmt.Sprintf("3460%09d", i)}} {
				c.Identifiers = append(c.Identifiers, registry.IdentifierFact{Identifier: id, SIM: uint32(i + 1), From: from})
			}
		}
		if err := reg.Load(c); err != nil {
			b.Fatal(err)
		}
	}
	reg.Publish(1)
	return reg
}

func imsi(i int) udr.Identifier {
	return udr.Identifier{Kind: udr.IMSI, Value: fmt.Sprintf("21407%010d", i)}
}
func iccid(i int) udr.Identifier {
	return udr.Identifier{Kind: udr.ICCID, Value: fmt.Sprintf("89340100%011d", i)}
}

// withStates gives each SIM of a filled registry three states, all of them at their own instants, fact by fact as
// they are loaded.
func withStates(b *testing.B, reg *registry.Registry, n int) {
	names := []registry.StateValue{{Name: "inventory", Core: registry.Prospect, Lifecycle: "standard@1"},
		{Name: "billing_ready", Core: registry.Prospect, Lifecycle: "standard@1"}, {Name: "in_billing", Core: registry.Active,
			Lifecycle: "standard@1"}}
	const part = 100_000
	for fact, value := range names {
		for first := 0; first < n; first += part {
			c := &registry.Changes{Revision: registry.Revision(2 + fact)}
			for i := first; i < min(n, first+part); i++ {
				from := udr.Instant(i%300+10*fact)*udr.Instant(24*time.Hour) + udr.Instant(i)*1_000_003
				c.States = append(c.States, registry.StateFact{SIM: uint32(i + 1), From: from, StateValue: value})
			}
			if err := reg.Load(c); err != nil {
				b.Fatal(err)
			}
		}
	}
	reg.Publish(4)
}

func heap() float64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}

// BenchmarkLookup says what the registry needs in memory, and what look-ups cost, without and with states of SIMs.
func BenchmarkLookup(b *testing.B) {
	for _, n := range sizes(b) {
		empty, begun := heap(), time.Now()
		reg := filled(b, n)
		took, owned := time.Since(begun), heap()

		r := rand.New(rand.NewPCG(1, 1))
		ids := make([]udr.Identifier, 1<<16)
		for i := range ids {
			ids[i] = imsi(r.IntN(n))
		}
		at := udr.Instant(400 * 24 * time.Hour)
		report := func(b *testing.B) {
			b.ReportMetric((owned-empty)/1e6, "MB")
			b.ReportMetric(took.Seconds(), "fill-s")
		}
		b.Run(fmt.Sprintf("sims=%d/sim", n), func(b *testing.B) {
			b.ReportAllocs()
			v := reg.View()
			defer v.Close()
			defer bench.CPU(b, 1)()
			for i := 0; b.Loop(); i++ {
				if _, ok := v.SIM(ids[i&(1<<16-1)], at, 1); !ok {
					b.Fatal("not found")
				}
			}
			report(b)
		})
		lookUp := func(b *testing.B) {
			b.ReportAllocs()
			v := reg.View()
			defer v.Close()
			defer bench.CPU(b, 1)()
			for i := 0; b.Loop(); i++ {
				sim, _ := v.SIM(ids[i&(1<<16-1)], at, 1)
				own, _ := v.Owner(sim, at, 1)
				if _, _, ok := v.Root(own.Account, at, 1); !ok {
					b.Fatal("no root")
				}
			}
			report(b)
		}
		// The lookups of mediation for each record: the SIM, its owner, the billing root.
		b.Run(fmt.Sprintf("sims=%d/sim+owner+root", n), lookUp)

		begun = time.Now()
		withStates(b, reg, n)
		took = time.Since(begun)
		all := heap()
		report = func(b *testing.B) {
			b.ReportMetric((all-empty)/1e6, "MB")
			b.ReportMetric((all-owned)/float64(n), "B/SIM-of-states")
			b.ReportMetric(took.Seconds(), "fill-s")
		}
		b.Run(fmt.Sprintf("sims=%d/states/sim+owner+root", n), lookUp)
		b.Run(fmt.Sprintf("sims=%d/states/sim+owner+root+state", n), func(b *testing.B) {
			b.ReportAllocs()
			v := reg.View()
			defer v.Close()
			defer bench.CPU(b, 1)()
			for i := 0; b.Loop(); i++ {
				sim, _ := v.SIM(ids[i&(1<<16-1)], at, 1)
				own, _ := v.Owner(sim, at, 1)
				_, state := v.State(sim, at, 4)
				if _, _, ok := v.Root(own.Account, at, 1); !ok || !state {
					b.Fatal("no root or state")
				}
			}
			report(b)
		})
		runtime.KeepAlive(reg)
	}
}
