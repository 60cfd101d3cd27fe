package rating_test

import (
	"fmt"
	"maps"
	"math/rand"
	"slices"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"ratemill/decimal"
	"ratemill/internal/proof/seeds"
	"ratemill/rating"
	"ratemill/udr"
)

// With one price, the parts of a session together cost the same as one record, however it is split and in whatever
// order the parts come: increments, fee, cap, steps and rounding are those of the whole.
func TestThePartsOfASessionCostWhatTheWholeCosts(t *testing.T) {
	for seed := range seeds.Each(t, 300, 300) {
		r := rand.New(rand.NewSource(int64(seed)))
		class := naiveClass{Increment: &naiveIncrement{randomQuantity(r, "data", 100), randomQuantity(r, "data", 10)}}
		if r.Intn(2) == 0 {
			class.Cap = naiveDues{{Amount: randomMoney(r)}}
		}
		price := naivePrice{Fee: naiveDues{{Amount: randomMoney(r)}}}
		if price.Price = randomPrice(r, "data"); r.Intn(2) == 0 {
			price.Price, price.Steps = "", []naiveStep{{"0 B", randomPrice(r, "data")}, {randomQuantity(r, "data", 20), randomPrice(r, "data")}}
		}
		class.Prices = []naivePrice{price}
		if least := fmt.Sprint(r.Intn(3)); len(class.Cap) == 0 || naiveMoney(least).Cmp(naiveMoney(class.Cap[0].Amount)) <= 0 {
			class.Prices[0].Minimum = naiveDues{{Amount: least}}
		}
		plan := naivePlan{Name: "fleet", Currency: "EUR", Classes: map[string]naiveClass{"data": class}}
		if r.Intn(2) == 0 {
			plan.Round = &naiveRound{r.Intn(7), pick(r, "half_up", "half_even", "half_down", "up", "down")}
		}
		documents := (&scenario{Plans: []naivePlan{plan}}).documents()
		w := world{Accounts: []accountLine{{ID: "acme", Currency: "EUR", Zone: "UTC", CycleDay: 1}},
			SIMs: []simLine{{ID: 1, Account: "acme", Plan: "fleet"}, {ID: 2, Account: "acme", Plan: "fleet"}}}
		c, list := rating.LoadCatalogue(fstest.MapFS{"plan.yaml": {Data: []byte(documents[0])}})
		require.NoError(t, list.Err())
		reg, err := w.registry()
		require.NoError(t, err)
		v := reg.View()
		e, counters, res := rating.NewEngine(c), rating.NewCounters(), &rating.Result{}
		rate := func(u udr.Usage) (decimal.D, decimal.D) {
			res.Begin(counters)
			require.NoError(t, e.Rate(v, 1, counters, &u, res))
			total, err := res.Charges[0].Recompute()
			require.NoError(t, err)
			return total, res.Charges[0].Sum
		}
		add := func(a, b decimal.D) decimal.D {
			sum, err := a.Add(b)
			require.NoError(t, err)
			return sum
		}
		parts := make([]int64, 1+r.Intn(8))
		whole := int64(0)
		for i := range parts {
			parts[i] = r.Int63n(1 << uint(r.Intn(26)))
			whole += parts[i]
		}
		total, exact := decimal.Zero, decimal.Zero
		for _, i := range r.Perm(len(parts)) {
			u := udr.Usage{Class: "data", Unit: udr.Octet, SIM: 1, At: instant("2026-03-02T10:00:00Z") + udr.Instant(i)*3600e9, Quantity: parts[i],
				SessionKey: udr.SessionKey{1}, SessionWithin: 86400}
			cost, sum := rate(u)
			require.GreaterOrEqual(t, cost.Sign(), 0)
			total, exact = add(total, cost), add(exact, sum)
		}
		want, sum := rate(udr.Usage{Class: "data", Unit: udr.Octet, SIM: 2, At: instant("2026-03-02T10:00:00Z"), Quantity: whole})
		require.Equal(t, want.String(), total.String(), "seed %d: parts of %d\n%s", seed, parts, documents[0])
		require.LessOrEqual(t, difference(t, sum, exact), len(parts), "but for what lies below 12 decimals of each part")
		v.Close()
	}
}

// difference is the difference of two amounts in units of the last digit.
func difference(t *testing.T, a, b decimal.D) int {
	d, err := a.Sub(b)
	require.NoError(t, err)
	_, lo := d.Abs().Parts()
	return int(min(lo, 1000))
}

func randomSession(r *rand.Rand) rating.Session {
	s := rating.Session{Quantity: randomInt(r) >> 4, Within: uint32(r.Intn(1 << 26)), Last: r.Int63n(1 << 32)}
	s.Rounded = s.Quantity + randomInt(r)>>4
	s.Priced = s.Rounded - r.Int63n(s.Rounded+1)
	s.Sum, s.Charged = randomDecimal(r).Abs(), randomDecimal(r).Abs()
	s.FeeDue = r.Intn(2) == 0
	s.Minimum = pick(r, decimal.Zero, randomDecimal(r).Abs())
	s.Below = pick(r, decimal.Fraction{}, decimal.Fraction{Num: 2, Den: 3}, decimal.Fraction{Num: 1<<61 - 2, Den: 1<<61 - 1})
	return s
}

// The table of sessions behaves like a map, whatever is applied, restored and forgotten, with small and very large
// states.
func TestSessionsAreAMap(t *testing.T) {
	for seed := range seeds.Each(t, 20, 20) {
		r := rand.New(rand.NewSource(int64(seed)))
		var s, other rating.Sessions
		model, dirty := map[rating.SessionKey]rating.Session{}, map[rating.SessionKey]bool{}
		var log []rating.SessionState
		for range 3000 {
			state := rating.SessionState{Key: rating.SessionKey{ID: uint64(r.Intn(200)), SIM: uint32(r.Intn(5))}, Session: randomSession(r)}
			known, there := model[state.Key]
			newer := !there || slices.Compare(order(known), order(state.Session)) < 0
			switch n := r.Intn(100); {
			case n < 2:
				at := r.Int63n(1 << 32)
				gone := map[rating.SessionKey]bool{}
				s.Forget(at, func(k rating.SessionKey) { gone[k] = true })
				for k, x := range model {
					over := at > x.Last+int64(x.Within)
					require.Equal(t, over && !dirty[k], gone[k])
					if gone[k] {
						delete(model, k)
					}
				}
				log = log[:0]
				for k, x := range model { // a forgotten session is not replayed
					log = append(log, rating.SessionState{Key: k, Session: x})
				}
			case n < 5:
				s.TakeDirty(s.Dirty(), func(k rating.SessionKey, x *rating.Session) {
					require.True(t, dirty[k])
					require.Equal(t, model[k], *x)
					delete(dirty, k)
				})
				require.Empty(t, dirty)
			case n < 20:
				s.Restore(state.Key, state.Session)
				if newer {
					model[state.Key] = state.Session
				}
				log = append(log, state)
			default:
				s.Apply(&state)
				if newer {
					model[state.Key], dirty[state.Key] = state.Session, true
				}
				log = append(log, state)
			}
			require.Equal(t, len(model), s.Len())
		}
		for _, i := range r.Perm(len(log)) { // in any order, and some of them twice
			other.Apply(&log[i])
			other.Apply(&log[r.Intn(len(log))])
		}
		for _, table := range []*rating.Sessions{&s, &other} {
			got := map[rating.SessionKey]rating.Session{}
			table.Range(func(k rating.SessionKey, x *rating.Session) bool { got[k] = *x; return true })
			if table == &s {
				require.Equal(t, model, got)
			}
			require.ElementsMatch(t, keys(model), keys(got))
			for k, x := range model {
				known, ok := table.Get(k)
				require.True(t, ok)
				require.Equal(t, order(x), order(known))
			}
		}
	}
}

func order(s rating.Session) []int64 { return []int64{s.Last, s.Quantity, int64(s.Within)} }

func keys[K comparable, V any](m map[K]V) (list []K) {
	for k := range maps.Keys(m) {
		list = append(list, k)
	}
	return list
}

// A record adds nothing to a session if it is suspended after all, or if the engine was only asked for its price.
func TestASessionKnowsNothingOfWhatWasNotRated(t *testing.T) {
	c, list := rating.LoadCatalogue(fstest.MapFS{
		"plan.yaml":  {Data: []byte("plan: fleet\ncurrency: EUR\nclasses: { data: { increment: 1 MB, prices: [ { price: 0.1 / 1 MB } ] } }\n")},
		"limit.yaml": {Data: []byte("limit: dear\ncost: 1 USD\nactions: [event]\n")}})
	require.NoError(t, list.Err())
	w := world{Accounts: []accountLine{{ID: "acme", Currency: "EUR", Zone: "UTC", CycleDay: 1, Limits: []string{"dear"}},
		{ID: "other", Currency: "EUR", Zone: "UTC", CycleDay: 1}},
		SIMs: []simLine{{ID: 1, Account: "acme", Plan: "fleet"}, {ID: 2, Account: "other", Plan: "fleet"}}}
	reg, err := w.registry()
	require.NoError(t, err)
	v := reg.View()
	defer v.Close()
	e, counters, res := rating.NewEngine(c), rating.NewCounters(), &rating.Result{}
	res.Begin(counters)
	u := udr.Usage{Class: "data", Unit: udr.Octet, SIM: 1, At: instant("2026-03-02T10:00:00Z"), Quantity: 5, SessionKey: udr.SessionKey{1},
		SessionWithin: 86400}
	require.ErrorContains(t, e.Rate(v, 1, counters, &u, res), "limit dear")
	require.Empty(t, res.Sessions)

	u.SIM = 2
	quantity, cost, err := e.Grant(v, 1, counters, &u, decimal.MustParse("0.05"))
	require.NoError(t, err)
	require.Equal(t, "0 0", fmt.Sprint(quantity, " ", cost))
	require.NoError(t, e.Rate(v, 1, counters, &u, res))
	require.Len(t, res.Sessions, 1)
	quantity, cost, err = e.Grant(v, 1, counters, &u, decimal.MustParse("0.05"))
	require.NoError(t, err)
	require.Equal(t, "5 0", fmt.Sprint(quantity, " ", cost), "a megabyte is begun")
	counters.Sessions.Discard()
	quantity, _, err = e.Grant(v, 1, counters, &u, decimal.MustParse("0.05"))
	require.NoError(t, err)
	require.Zero(t, quantity, "what was not acknowledged did not happen")
}

// An earlier part without units changes nothing of a session, even if its version of the plan has prices per another
// number of units: the part of an amount below 12 decimals is written in one way by all versions.
func TestAPartWithoutUnitsLeavesTheSessionAsItIs(t *testing.T) {
	c, list := rating.LoadCatalogue(fstest.MapFS{
		"1.yaml": {Data: []byte("plan: fleet\ncurrency: EUR\nclasses: { data: { cap: 5, prices: [ { price: 1 / 3 B } ] } }\n")},
		"2.yaml": {Data: []byte("plan: fleet\nfrom: 2026-03-10\ncurrency: EUR\n" +
			"classes: { data: { cap: 5, prices: [ { price: 1 / 7 B } ] } }\n")}})
	require.NoError(t, list.Err())
	w := world{Accounts: []accountLine{{ID: "acme", Currency: "EUR", Zone: "UTC", CycleDay: 1}},
		SIMs: []simLine{{ID: 1, Account: "acme", Plan: "fleet"}}}
	reg, err := w.registry()
	require.NoError(t, err)
	v := reg.View()
	defer v.Close()
	e, counters, res := rating.NewEngine(c), rating.NewCounters(), &rating.Result{}
	u := udr.Usage{Class: "data", Unit: udr.Octet, SIM: 1, SessionKey: udr.SessionKey{1}, SessionWithin: 30 * 86400}
	var before rating.Session
	for i, part := range []struct {
		at       string
		quantity int64
	}{{"2026-03-12T00:00:00Z", 1}, {"2026-03-02T00:00:00Z", 0}, {"2026-03-02T00:00:00Z", 1}} {
		res.Begin(counters)
		u.At, u.Quantity = instant(part.at), part.quantity
		require.NoError(t, e.Rate(v, 1, counters, &u, res))
		_, err := res.Charges[0].Recompute()
		require.NoError(t, err)
		counters.Sessions.Fold(res.Sessions)
		now, _ := counters.Sessions.Folded(res.Sessions[0].Key)
		require.Equal(t, res.Sessions[0].Session, now)
		if i == 1 {
			require.Equal(t, before, now)
		}
		before = now
	}
	require.Equal(t, "0.476190476190 {10 21}", fmt.Sprint(before.Sum.Fixed(12), " ", before.Below), "1/7 + 1/3 = 10/21")
}
