package product_test

import (
	"fmt"
	"math/rand/v2"
	"os"
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

// history is a random history of a few SIMs with two payers, told in random revisions.
type history struct {
	registry   *registry.Registry
	statements *registry.Statements
	owners     []owned
	states     []stated
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

const randomSIMs = 2

var randomStates = []registry.StateValue{
	{Name: "in_billing", Core: registry.Active, Lifecycle: "standard"}, {Name: "suspended", Core: registry.Suspended, Lifecycle: "standard"},
	{Name: "in_testing", Core: registry.Prospect, Lifecycle: "standard"}, {Name: "retired", Core: registry.Cancelled, Lifecycle: "standard"},
}

// randomly tells facts; the same seed tells the same facts for any mode.
func randomly(t testing.TB, seed uint64, mrc, rating string) *history {
	r := rand.New(rand.NewPCG(seed, 7))
	h := &history{registry: registry.New(), statements: registry.NewStatements()}
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
			h.owners = append(h.owners, owned{f, c.Revision})
		}
		for _, f := range c.States {
			h.states = append(h.states, stated{f, c.Revision})
		}
		if h.newest = c.Revision; h.newest == 9 {
			return h
		}
		c = &registry.Changes{Revision: c.Revision + 1}
		for range 1 + r.IntN(3) {
			date := first + product.Date(r.IntN(int(last-first)))
			at := registry.Midnight(madrid, int32(date)) + udr.Instant(r.IntN(24))*udr.Instant(time.Hour)
			if r.IntN(4) == 0 && len(h.states) > 0 {
				at = h.states[r.IntN(len(h.states))].From // a correction
			}
			sim, how := uint32(1+r.IntN(randomSIMs)), registry.State(0)
			if how = registry.Holds; r.IntN(6) == 0 {
				how = registry.Withdrawn
			}
			if r.IntN(2) == 0 {
				f := registry.OwnershipFact{SIM: sim, From: at, State: how, Account: uint32(1 + r.IntN(2)), Plan: []string{"tracker-s", "basic"}[r.IntN(2)]}
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

// holds is the fact that holds at a time by the facts known at last: the one with the latest beginning, of these the one known
// last, unless it is withdrawn.
func holds[F any](facts []F, at udr.Instant, of func(F) (sim uint32, from udr.Instant, how registry.State), sim uint32) (found F, ok bool) {
	latest := map[udr.Instant]F{}
	for _, f := range facts {
		if s, from, _ := of(f); s == sim && from <= at {
			latest[from] = f
		}
	}
	best := udr.Instant(-1)
	for from, f := range latest {
		if _, _, how := of(f); how != registry.Withdrawn && from > best {
			found, best = f, from
		}
	}
	if best < 0 {
		return found, false
	}
	_, _, how := of(found)
	return found, how != registry.Ended
}

var randomPrices = map[[2]string]string{
	{"tracker-s", "in_billing"}: "3", {"tracker-s", "suspended"}: "0.5", {"basic", "in_billing"}: "3",
}

// naive asks for the end of each day who owns a SIM with which plan and in which state.
func (h *history) naive(sums map[string]decimal.D, from, to product.Date) {
	counted := map[string]int64{}
	for d := from; d < to; d++ {
		end := registry.Midnight(madrid, int32(d)+1) - 1
		for sim := uint32(1); sim <= randomSIMs; sim++ {
			o, owned := holds(h.owners, end, func(f owned) (uint32, udr.Instant, registry.State) { return f.SIM, f.From, f.State }, sim)
			s, stated := holds(h.states, end, func(f stated) (uint32, udr.Instant, registry.State) { return f.SIM, f.From, f.State }, sim)
			if _, priced := randomPrices[[2]string{o.Plan, s.Name}]; owned && stated && priced {
				counted[fmt.Sprintf("%d %s %s %s %d", o.Account, from, o.Plan, s.Name, sim)]++
			}
		}
	}
	for key, n := range counted {
		var account, sim int
		var cycle, plan, state string
		_, _ = fmt.Sscan(key, &account, &cycle, &plan, &state, &sim)
		sums[key], _, _, _ = decimal.MustParse(randomPrices[[2]string{plan, state}]).Price(n, uint64(to-from), decimal.Exact)
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
	histories, _ := strconv.ParseUint(os.Getenv("RATEMILL_HISTORIES"), 10, 64)
	if histories == 0 {
		histories = 300
	}
	for seed := range histories {
		for _, mode := range [][2]string{{"in_retrospect", "retrorated"}, {"in_advance", "prorated"}, {"in_advance", "retrorated"}} {
			h := randomly(t, seed, mode[0], mode[1])
			want := map[string]decimal.D{}
			for i, cycle := range randomCycles[:6] {
				h.naive(want, day(cycle), day(randomCycles[i+1]))
			}
			require.Equal(t, want, h.billed(t, seed, docs), "seed %d, %s", seed, mode)
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
	c := &registry.Changes{Revision: 1, Accounts: []registry.AccountFact{{Number: 1, ID: "acme", Currency: "EUR", Zone: "Europe/Madrid", CycleDay: 1}}}
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
		e := product.New(product.Facts{View: view, Statements: statements}, func(string, product.Date) (*product.Documents, error) { return docs, nil })
		n := 0
		err := e.Close(product.Close{Payer: 1, Cycle: day("2026-04-01"), First: day("2026-03-01"), Before: 1, Facts: 1},
			func(*document.Item) error { n++; return nil })
		require.NoError(b, err)
		require.Equal(b, sims, n)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/sims, "ns/SIM")
}
