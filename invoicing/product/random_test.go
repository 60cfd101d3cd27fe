package product_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/tools/txtar"

	"ratemill/decimal"
	"ratemill/invoicing/document"
	"ratemill/invoicing/product"
	"ratemill/registry"
	"ratemill/udr"
)

// history is the random histories of some SIMs with two payers, told in random revisions.
type history struct {
	registry   *registry.Registry
	statements *registry.Statements
	owners     map[uint32][]owned // by SIM
	states     map[uint32][]stated
	newest     registry.Revision
}

type owned struct {
	registry.OwnershipFact
	known registry.Revision
}

type stated struct {
	registry.StateFact
	known registry.Revision
}

var madrid, _ = time.LoadLocation("Europe/Madrid")

func day(text string) product.Date {
	var d product.Date
	if err := d.UnmarshalText([]byte(text)); err != nil {
		panic(err)
	}
	return d
}

// Each SIM has its own history; what the accounts need is made once for all of them.
const randomSIMs = 50

var randomStates = []registry.StateValue{
	{Name: "in_billing", Core: registry.Active, Lifecycle: "standard"}, {Name: "suspended", Core: registry.Suspended, Lifecycle: "standard"},
	{Name: "in_testing", Core: registry.Prospect, Lifecycle: "standard"}, {Name: "retired", Core: registry.Cancelled, Lifecycle: "standard"},
}

// randomly tells facts; the same seed tells the same facts for any mode.
func randomly(t testing.TB, seed uint64, mrc, rating string) *history {
	r := rand.New(rand.NewPCG(seed, 7))
	h := &history{registry: registry.New(), statements: registry.NewStatements(), owners: map[uint32][]owned{}, states: map[uint32][]stated{}}
	c := &registry.Changes{Revision: 1}
	for n, id := range []string{"acme", "bolt"} {
		c.Accounts = append(c.Accounts, registry.AccountFact{Number: uint32(n + 1), ID: id, Currency: "EUR", Zone: "Europe/Madrid", CycleDay: 1,
			Partition: 0})
		c.Statements = append(c.Statements, registry.Statement{Kind: registry.KindProfile, Subject: id,
			Value: fmt.Appendf(nil, `{"mrc":%q,"rating_type":%q}`, mrc, rating)})
	}
	first, last := day("2026-01-05"), day("2026-06-20")
	for {
		require.NoError(t, h.registry.Apply(c))
		require.NoError(t, h.statements.Apply(c))
		for _, f := range c.SIMs {
			h.owners[f.SIM] = append(h.owners[f.SIM], owned{f, c.Revision})
		}
		for _, f := range c.States {
			h.states[f.SIM] = append(h.states[f.SIM], stated{f, c.Revision})
		}
		if h.newest = c.Revision; h.newest == 9 {
			return h
		}
		c = &registry.Changes{Revision: c.Revision + 1}
		for range randomSIMs/2 + r.IntN(randomSIMs+1) {
			sim := uint32(1 + r.IntN(randomSIMs))
			date := first + product.Date(r.IntN(int(last-first)))
			at := registry.Midnight(madrid, int32(date)) + udr.Instant(r.IntN(24))*udr.Instant(time.Hour)
			if told := h.states[sim]; r.IntN(4) == 0 && len(told) > 0 {
				at = told[r.IntN(len(told))].From // a correction
			}
			how := registry.Holds
			if r.IntN(6) == 0 {
				how = registry.Withdrawn
			}
			if r.IntN(2) == 0 {
				f := registry.OwnershipFact{SIM: sim, From: at, State: how, Account: uint32(1 + r.IntN(2)),
					Plan: []string{"tracker-s", "basic"}[r.IntN(2)]}
				if how == registry.Withdrawn {
					f.Account, f.Plan = 0, ""
				} else if r.IntN(6) == 0 {
					f.State, f.Account, f.Plan = registry.Ended, 0, ""
				}
				c.SIMs = append(c.SIMs, f)
				continue
			}
			v := randomStates[r.IntN(len(randomStates))]
			v.State = how
			if how == registry.Withdrawn {
				v = registry.StateValue{State: how}
			}
			c.States = append(c.States, registry.StateFact{SIM: sim, From: at, StateValue: v})
		}
	}
}

// fact is what both kinds of facts have in common.
type fact interface {
	begins() (from udr.Instant, how registry.State)
}

func (f *owned) begins() (udr.Instant, registry.State)  { return f.From, f.State }
func (f *stated) begins() (udr.Instant, registry.State) { return f.From, f.State }

// standing are the facts that stand by what is known at last: of those for one time the one known last, unless it is withdrawn.
func standing[F any, P interface {
	*F
	fact
}](facts []F) (all []P) {
	for i := range facts {
		from, how := P(&facts[i]).begins()
		if how != registry.Withdrawn && !slices.ContainsFunc(facts[i+1:], func(f F) bool { later, _ := P(&f).begins(); return later == from }) {
			all = append(all, &facts[i])
		}
	}
	return all
}

// holds is the fact that holds at a time: the one with the latest beginning.
func holds[P fact](facts []P, at udr.Instant) (found P, ok bool) {
	best := udr.Instant(-1)
	for _, f := range facts {
		if from, how := f.begins(); from <= at && from > best {
			found, best, ok = f, from, how != registry.Ended
		}
	}
	return found, ok
}

var randomPrices = map[[2]string]string{
	{"tracker-s", "in_billing"}: "3", {"tracker-s", "suspended"}: "0.5", {"basic", "in_billing"}: "3",
}

// naive asks for the end of each day who owns a SIM with which plan and in which state.
func (h *history) naive(sums map[string]decimal.D, from, to product.Date) {
	type due struct {
		account     uint32
		plan, state string
		sim         uint32
	}
	counted := map[due]int64{}
	for sim := uint32(1); sim <= randomSIMs; sim++ {
		owners, states := standing(h.owners[sim]), standing(h.states[sim])
		for d := from; d < to; d++ {
			end := registry.Midnight(madrid, int32(d)+1) - 1
			o, owned := holds(owners, end)
			s, stated := holds(states, end)
			if !owned || !stated {
				continue
			}
			if _, priced := randomPrices[[2]string{o.Plan, s.Name}]; priced {
				counted[due{o.Account, o.Plan, s.Name, sim}]++
			}
		}
	}
	for k, n := range counted {
		key := fmt.Sprintf("%d %s %s %s %d", k.account, from, k.plan, k.state, k.sim)
		sums[key], _, _, _ = decimal.MustParse(randomPrices[[2]string{k.plan, k.state}]).Price(n, uint64(to-from), decimal.Exact)
	}
}

var randomCycles = []string{"2026-01-01", "2026-02-01", "2026-03-01", "2026-04-01", "2026-05-01", "2026-06-01", "2026-07-01"}

// billed adds up the items of all documents, closed at random revisions; the last one knows everything.
func (h *history) billed(t testing.TB, seed uint64, docs *product.Documents) map[string]decimal.D {
	view := h.registry.View()
	defer view.Close()
	e := product.New(product.Facts{View: view, Statements: h.statements},
		func(string, product.Date) (*product.Documents, error) { return docs, nil })
	sums := map[string]decimal.D{}
	for payer := uint32(1); payer <= 2; payer++ {
		r := rand.New(rand.NewPCG(seed, uint64(payer)))
		before := registry.Revision(1)
		for n, cycle := range randomCycles {
			now := min(h.newest, before+registry.Revision(r.IntN(4)))
			if n+1 == len(randomCycles) {
				now = h.newest
			}
			items, err := e.Items(product.Close{Payer: payer, Cycle: day(cycle), First: day(randomCycles[0]), Before: before, Facts: now})
			require.NoError(t, err, "seed %d", seed)
			for _, i := range items {
				if i.Cycle > day("2026-06-01") || i.Kind != document.Recurring {
					continue // July and August
				}
				key := fmt.Sprintf("%d %s %s %s %d", payer, i.Cycle, i.Product, i.State, i.SIM)
				if sums[key], err = sums[key].Add(i.Exact); sums[key].IsZero() {
					delete(sums, key)
				}
				require.NoError(t, err)
			}
			before = now
		}
	}
	return sums
}

// What is due follows from the facts, whatever the mode, the time at which they became known and the documents in between: the engine and a
// count of days agree for random histories, and every SIM-day has one payer.
func TestTheSumOfAllDocumentsIsWhatADayByDayCountGives(t *testing.T) {
	base, err := txtar.ParseFile("testdata/base.txtar")
	require.NoError(t, err)
	_, docs := documents(t, base)
	histories, _ := strconv.ParseUint(os.Getenv("RATEMILL_SIM_HISTORIES"), 10, 64)
	if histories == 0 {
		histories = 10_000
	}
	modes := [][2]string{{"in_retrospect", "retrorated"}, {"in_advance", "prorated"}, {"in_advance", "retrorated"}}
	for seed := range max(3, histories/randomSIMs) {
		mode := modes[seed%3]
		h := randomly(t, seed, mode[0], mode[1])
		want := map[string]decimal.D{}
		for i, cycle := range randomCycles[:6] {
			h.naive(want, day(cycle), day(randomCycles[i+1]))
		}
		if got := h.billed(t, seed, docs); !maps.Equal(want, got) {
			require.Equal(t, want, got, "seed %d, %s", seed, mode)
		}
	}
}

// A million SIMs with one product are due in seconds: 10 s is what a close may take.
func BenchmarkClose(b *testing.B) {
	const sims = 100_000
	base, err := txtar.ParseFile("testdata/base.txtar")
	require.NoError(b, err)
	_, docs := documents(b, base)
	reg, statements := registry.New(), registry.NewStatements()
	c := &registry.Changes{Revision: 1, Accounts: []registry.AccountFact{{Number: 1, ID: "acme", Currency: "EUR", Zone: "Europe/Madrid",
		CycleDay: 1}}}
	for sim := uint32(1); sim <= sims; sim++ {
		c.SIMs = append(c.SIMs, registry.OwnershipFact{SIM: sim, From: 1, Account: 1, Plan: "basic"})
		c.States = append(c.States, registry.StateFact{SIM: sim, From: udr.Instant(sim), StateValue: randomStates[0]})
	}
	require.NoError(b, reg.Apply(c))
	require.NoError(b, statements.Apply(c))
	view := reg.View()
	defer view.Close()
	b.ReportAllocs()
	for b.Loop() {
		e := product.New(product.Facts{View: view, Statements: statements}, func(string, product.Date) (*product.Documents, error) {
			return docs, nil
		})
		n := 0
		err := e.Close(product.Close{Payer: 1, Cycle: day("2026-04-01"), First: day("2026-03-01"), Before: 1, Facts: 1},
			func(*document.Item) error { n++; return nil })
		require.NoError(b, err)
		require.Equal(b, sims, n)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/sims, "ns/SIM")
}
