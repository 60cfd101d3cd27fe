package rating

import (
	"fmt"
	"math/rand"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/registry"
	"ratemill/udr"
)

// poolWorld is an account with SIMs that contribute to its pool, and changes in the cycle of April 2026, each known with a revision of its
// own.
func poolWorld(tb testing.TB, document string, sims, changes int) (*Engine, *registry.Registry, *pooled) {
	c, list := LoadCatalogue(fstest.MapFS{
		"plan.yaml": {Data: []byte("plan: tracker\ncurrency: EUR\nclasses: { data: { prices: [{ price: 0.02 / 1 MB }] } }\n")},
		"pool.yaml": {Data: []byte(document)},
	})
	require.NoError(tb, list.Err())
	r := registry.New()
	first := registry.Changes{Revision: 1, Accounts: []registry.AccountFact{{Number: 1, ID: "acme", Currency: "EUR", Zone: "Europe/Madrid",
		CycleDay: 1, SharePlans: []string{"together"}}}}
	for i := range sims {
		first.SIMs = append(first.SIMs, registry.OwnershipFact{SIM: uint32(i + 1), Account: 1, Plan: "tracker"})
	}
	require.NoError(tb, r.Apply(&first))
	followed := r.View()
	followed.Members(1) // from then on the registry notes what becomes known of them
	followed.Close()
	random := rand.New(rand.NewSource(1))
	april := time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC)
	for i := range changes {
		at := udr.InstantOf(april.Add(time.Duration(random.Int63n(int64(30 * 24 * time.Hour)))))
		f := registry.OwnershipFact{SIM: uint32(1 + random.Intn(sims)), From: at, State: registry.Ended}
		if i%2 == 0 {
			f = registry.OwnershipFact{SIM: uint32(sims + 1 + i), From: at, Account: 1, Plan: "tracker"}
		}
		require.NoError(tb, r.Apply(&registry.Changes{Revision: registry.Revision(i + 2), SIMs: []registry.OwnershipFact{f}}))
	}
	e := NewEngine(c)
	v := r.View()
	defer v.Close()
	facts, _ := v.Account(1, udr.InstantOf(april), 1)
	p := e.payer(1, facts)
	p.cycle, p.start, p.end = p.clock.cycle(udr.InstantOf(april.AddDate(0, 0, 9)), facts)
	e.path, e.view, e.rev = []*payer{p}, v, v.Revision()
	w := &pooled{share: c.shares.list[0].versions[0], owner: p}
	e.dated(w, udr.InstantOf(april.AddDate(0, 0, 9)))
	return e, r, w
}

const growing = "share_plan: together\ngrowth: %s\ncontributions: [{ plan: tracker, units: 50 MB }]\n" +
	"buckets: [{ bucket: data, classes: [data] }]\n"

// BenchmarkPoolSize asks for the size of a pool with 100,000 SIMs and 10,000 changes in the cycle, on any day as of any revision.
func BenchmarkPoolSize(b *testing.B) {
	for _, kind := range []string{"variable", "peak"} {
		e, r, w := poolWorld(b, fmt.Sprintf(growing, kind), 100_000, 10_000)
		v := r.View()
		e.view, e.rev = v, v.Revision()
		random := rand.New(rand.NewSource(2))
		type question struct {
			rev registry.Revision
			day int
		}
		asked := make([]question, 4096)
		for i := range asked {
			asked[i] = question{registry.Revision(1 + random.Intn(10_000)), random.Intn(30)}
		}
		p := e.pool(w)
		b.Run(kind, func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				q := &asked[i%len(asked)]
				e.sizes.at(p, q.rev, q.day, 0)
			}
		})
		b.Run("made/"+kind, func(b *testing.B) {
			for b.Loop() {
				e.pools = map[poolKey][]*pool{}
				e.pool(w)
			}
		})
		v.Close()
	}
}

// BenchmarkPoolFollows makes a pool of 100,000 SIMs know one more change.
func BenchmarkPoolFollows(b *testing.B) {
	e, r, w := poolWorld(b, fmt.Sprintf(growing, "variable"), 100_000, 0)
	random := rand.New(rand.NewSource(3))
	v := r.View()
	e.view, e.rev = v, v.Revision()
	e.pool(w)
	v.Close()
	for b.Loop() {
		b.StopTimer()
		at := w.owner.start + udr.Instant(random.Int63n(int64(20*24*time.Hour)))
		rev := r.Revision() + 1
		require.NoError(b, r.Apply(&registry.Changes{Revision: rev, SIMs: []registry.OwnershipFact{{SIM: uint32(1 + random.Intn(100_000)),
			From: at, State: registry.Ended}}}))
		v := r.View()
		e.view, e.rev = v, rev
		b.StartTimer()
		e.pool(w)
		b.StopTimer()
		v.Close()
		b.StartTimer()
	}
}

// TestAPoolKnowsTheSameInWhateverStepsItLearns compares a pool that follows the registry, revision by revision, with one that is made at
// the end, for each revision and day.
func TestAPoolKnowsTheSameInWhateverStepsItLearns(t *testing.T) {
	for _, kind := range []string{"variable", "peak", "variable\njoin: whole"} {
		document := fmt.Sprintf(growing, kind)
		late, r, w := poolWorld(t, document, 40, 300)
		v := r.View()
		defer v.Close()
		early := NewEngine(late.catalogue)
		early.path, early.view = late.path, v
		late.view, late.rev = v, v.Revision()
		at := func(e *Engine, rev registry.Revision, day int) string {
			e.rev = rev
			days, sums := e.sizes.at(e.pool(w), rev, day, 0)
			return fmt.Sprint(days, sums)
		}
		late.pool(w)
		early.sizes, early.pools = &pools{Engine: early}, map[poolKey][]*pool{}
		p := newPool(w.share, 1, w.owner.clock, w.first, 20_574)
		early.pools[poolKey{w.share, 1}] = []*pool{p}
		early.sizes.learn(p, v, 1)
		for rev := registry.Revision(2); rev <= v.Revision(); rev++ {
			early.sizes.learn(p, v, rev)
		}
		for rev := registry.Revision(1); rev <= v.Revision(); rev += 7 {
			for day := range 30 {
				require.Equal(t, at(late, rev, day), at(early, rev, day), "%s: revision %d, day %d", kind, rev, day)
			}
		}
	}
}
