package registry_test

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/internal/proof/seeds"
	"ratemill/registry"
	"ratemill/udr"
)

// naive is the registry that is too simple to be wrong: all facts in a slice, looked through from end to end.
type naive struct {
	accounts    []known[registry.AccountFact]
	sims        []known[registry.OwnershipFact]
	identifiers []known[registry.IdentifierFact]
}

type known[T any] struct {
	fact T
	at   registry.Revision
}

func (n *naive) apply(c *registry.Changes) {
	for _, f := range c.Accounts {
		n.accounts = append(n.accounts, known[registry.AccountFact]{f, c.Revision})
	}
	for _, f := range c.SIMs {
		n.sims = append(n.sims, known[registry.OwnershipFact]{f, c.Revision})
	}
	for _, f := range c.Identifiers {
		n.identifiers = append(n.identifiers, known[registry.IdentifierFact]{f, c.Revision})
	}
}

// holds is the fact in force: of each beginning the last said counts; of those not withdrawn the latest.
func holds[T any](facts []known[T], rev registry.Revision, at udr.Instant, about func(T) bool, from func(T) udr.Instant,
	state func(T) registry.State) (T, bool) {
	said := map[udr.Instant]T{}
	for _, k := range facts {
		if k.at <= rev && about(k.fact) && from(k.fact) <= at {
			said[from(k.fact)] = k.fact
		}
	}
	var best T
	found := false
	for _, f := range said {
		if state(f) != registry.Withdrawn && (!found || from(f) > from(best)) {
			best, found = f, true
		}
	}
	return best, found && (state(best) == registry.Holds || state(best) == registry.AfterEnd)
}

func (n *naive) sim(id udr.Identifier, at udr.Instant, rev registry.Revision) (uint32, bool) {
	f, ok := holds(n.identifiers, rev, at, func(f registry.IdentifierFact) bool { return f.Identifier == id },
		func(f registry.IdentifierFact) udr.Instant { return f.From }, func(f registry.IdentifierFact) registry.State { return f.State })
	return f.SIM, ok
}

func (n *naive) owner(sim uint32, at udr.Instant, rev registry.Revision) (registry.OwnershipFact, bool) {
	return holds(n.sims, rev, at, func(f registry.OwnershipFact) bool { return f.SIM == sim },
		func(f registry.OwnershipFact) udr.Instant { return f.From }, func(f registry.OwnershipFact) registry.State { return f.State })
}

func (n *naive) account(number uint32, at udr.Instant, rev registry.Revision) (registry.AccountFact, bool) {
	return holds(n.accounts, rev, at, func(f registry.AccountFact) bool { return f.Number == number },
		func(f registry.AccountFact) udr.Instant { return f.From }, func(f registry.AccountFact) registry.State { return f.State })
}

// path is from the account to its root; nil when any of them is not there.
func (n *naive) path(number uint32, at udr.Instant, rev registry.Revision) []uint32 {
	var path []uint32
	for number != 0 {
		f, ok := n.account(number, at, rev)
		if !ok {
			return nil
		}
		path = append(path, number)
		number = f.Parent
	}
	return path
}

// root is the billing root to which usage of an identifier belongs, 0 for none.
func (n *naive) root(id udr.Identifier, at udr.Instant, rev registry.Revision) uint32 {
	sim, ok := n.sim(id, at, rev)
	if !ok {
		return 0
	}
	owner, ok := n.owner(sim, at, rev)
	if !ok {
		return 0
	}
	path := n.path(owner.Account, at, rev)
	if path == nil {
		return 0
	}
	return path[len(path)-1]
}

const instants = 12

func randomID(r *rand.Rand) udr.Identifier {
	n := r.IntN(5)
	switch r.IntN(5) {
	case 0:
		return udr.Identifier{Kind: udr.ICCID, Value: fmt.Sprintf("893401000000000000%02d", n)}
	case 1:
		return udr.Identifier{Kind: udr.IMSI, Value: fmt.Sprintf("21407%0*d", 8+n%3, n)}
	case 2:
		return udr.Identifier{Kind: udr.MSISDN, Value: fmt.Sprintf("3460000000%d", n)}
	case 3:
		return udr.Identifier{Kind: udr.EID, Value: fmt.Sprintf("890490320000010000000000000000%02d", n)}
	}
	return udr.Identifier{Kind: udr.Name, Value: fmt.Sprintf("0%d", n)[:1+n%2]}
}

func randomState(r *rand.Rand) registry.State {
	if r.IntN(3) > 0 {
		return registry.Holds
	}
	return registry.State(1 + r.IntN(3)) // AfterEnd among them
}

func randomChanges(r *rand.Rand, rev registry.Revision) *registry.Changes {
	c := &registry.Changes{Revision: rev}
	once := map[any]bool{}
	for range r.IntN(4) {
		f := registry.AccountFact{Number: 1 + r.Uint32N(6), From: udr.Instant(r.IntN(instants)), Zone: "UTC", Currency: "EUR",
			CycleDay: 1 + r.IntN(28), Partition: registry.NoPartition}
		f.ID = fmt.Sprint("a", f.Number)
		if r.IntN(5) == 0 {
			f.State = registry.Withdrawn
		}
		// A parent of a smaller number makes no cycle.
		if f.Number > 1 && r.IntN(3) > 0 {
			f.Parent = 1 + r.Uint32N(f.Number-1)
		} else {
			f.Partition = r.IntN(4)
		}
		if key := [2]any{f.Number, f.From}; !once[key] {
			once[key] = true
			c.Accounts = append(c.Accounts, f)
		}
	}
	for range r.IntN(5) {
		f := registry.OwnershipFact{SIM: 1 + r.Uint32N(4), From: udr.Instant(r.IntN(instants)), State: randomState(r), Account: 1 + r.Uint32N(6),
			Plan: fmt.Sprint("p", r.IntN(3))}
		if key := [2]any{"sim", [2]any{f.SIM, f.From}}; !once[key] {
			once[key] = true
			c.SIMs = append(c.SIMs, f)
		}
	}
	for range r.IntN(6) {
		f := registry.IdentifierFact{Identifier: randomID(r), From: udr.Instant(r.IntN(instants)), State: randomState(r), SIM: 1 + r.Uint32N(4)}
		if key := [2]any{f.Identifier, f.From}; !once[key] {
			once[key] = true
			c.Identifiers = append(c.Identifiers, f)
		}
	}
	return c
}

func TestRandomHistoriesAgreeWithTheNaiveRegistry(t *testing.T) {
	for seed := range seeds.Each(t, 200, 200) {
		r := rand.New(rand.NewPCG(seed, 1))
		reg, model := registry.New(), &naive{}
		for rev := registry.Revision(1); rev <= 12; rev++ {
			c := randomChanges(r, rev)
			model.apply(c)
			if r.IntN(4) == 0 {
				require.NoError(t, reg.Load(c), "a part that comes twice changes nothing")
			}
			require.NoError(t, reg.Apply(c))
		}
		agree(t, r, reg, model, seed)
	}
}

func agree(t *testing.T, r *rand.Rand, reg *registry.Registry, model *naive, seed uint64) {
	v := reg.View()
	defer v.Close()
	for range 300 {
		at, rev := udr.Instant(r.IntN(instants+1)), registry.Revision(r.IntN(13))
		where := fmt.Sprintf("seed %d at %d as of %d", seed, at, rev)

		id := randomID(r)
		want, wantOK := model.sim(id, at, rev)
		got, ok := v.SIM(id, at, rev)
		require.Equal(t, wantOK, ok, "%s: %v", where, id)
		if !ok {
			require.Zero(t, got, "%s: %v is known later, and nobody may see that", where, id)
		} else {
			require.Equal(t, want, got, "%s: %v", where, id)
			require.Contains(t, v.Identifiers(got, at, rev, nil), id, where)
		}

		since := registry.Revision(r.IntN(int(rev) + 1))
		wasRoot, until, moved := v.FormerRoot(id, at, since, rev)
		wantRoot := uint32(0)
		now := model.root(id, at, rev)
		for earlier := rev; earlier > since && wantRoot == 0; earlier-- {
			if was := model.root(id, at, earlier-1); was != now {
				wantRoot = was
			}
		}
		if moved {
			require.Equal(t, []uint32{wasRoot, now}, []uint32{model.root(id, at, until-1), model.root(id, at, rev)}, where)
		}
		require.Equal(t, []any{wantRoot, wantRoot != 0}, []any{wasRoot, moved}, "%s, since %d: %v", where, since, id)
		if simThen, several, ok := v.Find(id, at, rev); moved && ok && !several {
			owner, _ := v.Owner(simThen, at, rev)
			require.True(t, v.Several(simThen, owner.Account), "%s: %v was of another root, and nothing says so", where, id)
		}

		sim := 1 + r.Uint32N(5)
		owner, wantOK := model.owner(sim, at, rev)
		own, ok := v.Owner(sim, at, rev)
		require.Equal(t, wantOK, ok, "%s: SIM %d", where, sim)
		if ok {
			require.Equal(t, registry.OwnershipFact{SIM: sim, From: own.Since, State: owner.State, Account: own.Account, Plan: v.PlanName(own.Plan)},
				owner, where)
		}
		for _, id := range v.Identifiers(sim, at, rev, nil) {
			holder, _ := model.sim(id, at, rev)
			require.Equal(t, sim, holder, where)
		}

		number := r.Uint32N(8)
		path := model.path(number, at, rev)
		a, ok := v.Account(number, at, rev)
		require.Equal(t, path != nil, ok, "%s: account %d", where, number)
		if ok {
			f, _ := model.account(number, at, rev)
			root, _ := model.account(path[len(path)-1], at, rev)
			require.Equal(t, path, v.Path(number, at, rev, nil), where)
			require.Equal(t, []any{path[len(path)-1], len(path) - 1, f.Parent, f.From, root.Partition},
				[]any{a.Root, a.Level, a.Parent, a.Since, a.Partition}, where)
			top, partition, ok := v.Root(number, at, rev)
			require.Equal(t, []any{a.Root, a.Partition, true}, []any{top, partition, ok}, where)
		}
	}
}

func TestReadersGoOnWhileChangesArrive(t *testing.T) {
	reg := registry.New()
	const sims, revisions = 2000, 20
	id := func(n int) udr.Identifier {
		return udr.Identifier{Kind: udr.IMSI, Value: fmt.Sprintf("21407%010d", n)}
	}
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for {
				v := reg.View()
				rev := v.Revision()
				// As of a revision either all SIMs are there or none, whatever is being loaded.
				count := 0
				for n := range sims {
					if sim, ok := v.SIM(id(n), 5, rev); ok {
						count++
						if own, ok := v.Owner(sim, 5, rev); !ok || own.Account != uint32(rev) {
							t.Errorf("revision %d: SIM %d is of %d", rev, sim, own.Account)
						}
					}
				}
				v.Close()
				if want := min(int(rev), 1) * sims; count != want {
					t.Errorf("revision %d: %d SIMs, not %d", rev, count, want)
				}
				if rev == revisions || t.Failed() {
					return
				}
				runtime.Gosched()
			}
		})
	}
	for rev := registry.Revision(1); rev <= revisions; rev++ {
		c := &registry.Changes{Revision: rev}
		for n := range sims {
			c.SIMs = append(c.SIMs, registry.OwnershipFact{SIM: uint32(n + 1), Account: uint32(rev)})
			if rev == 1 {
				c.Identifiers = append(c.Identifiers, registry.IdentifierFact{Identifier: id(n), SIM: uint32(n + 1)})
			}
		}
		require.NoError(t, reg.Apply(c))
	}
	wg.Wait()
}

func TestBadChangeSetsAreRefused(t *testing.T) {
	reg := registry.New()
	require.ErrorContains(t, reg.Apply(&registry.Changes{Revision: 2}), "does not follow revision 0")
	require.ErrorContains(t, reg.Apply(&registry.Changes{Revision: 1, SIMs: []registry.OwnershipFact{{SIM: 0}}}), "numbered 0")
	cycle := &registry.Changes{Revision: 1, Accounts: []registry.AccountFact{
		{Number: 1, ID: "a", Parent: 2, Zone: "UTC"}, {Number: 2, ID: "b", Parent: 1, Zone: "UTC"}}}
	require.ErrorContains(t, reg.Apply(cycle), "above itself")
	require.ErrorContains(t, registry.New().Apply(&registry.Changes{Revision: 1,
		Accounts: []registry.AccountFact{{Number: 1, ID: "a", Zone: "Europe/Madird"}}}), "Europe/Madird")
}

// FuzzIdentifiers holds the packed tables against a map, on any texts.
func FuzzIdentifiers(f *testing.F) {
	f.Add("214070000000001", "0214070000000001", "8934010000000000001")
	f.Add("", "0", "00")
	f.Add("89340100000000000012", "340100000000000012", "99999999999999999999")
	f.Fuzz(func(t *testing.T, a, b, c string) {
		reg := registry.New()
		model := map[udr.Identifier]uint32{}
		changes := &registry.Changes{Revision: 1}
		for i, value := range []string{a, b, c} {
			for _, kind := range []udr.IDKind{udr.ICCID, udr.Name} {
				id := udr.Identifier{Kind: kind, Value: value}
				sim := uint32(1 + 2*i + int(kind)%2)
				model[id] = sim
				changes.Identifiers = append(changes.Identifiers, registry.IdentifierFact{Identifier: id, SIM: sim})
			}
		}
		require.NoError(t, reg.Apply(changes))
		v := reg.View()
		defer v.Close()
		for id, want := range model {
			got, ok := v.SIM(id, 1, 1)
			require.True(t, ok)
			require.Equal(t, want, got)
			require.True(t, slices.Contains(v.Identifiers(want, 1, 1, nil), id))
		}
		_, ok := v.SIM(udr.Identifier{Kind: udr.IMSI, Value: a}, 1, 1)
		require.False(t, ok)
	})
}

// TestAnAccountIsTheSameUntilItsNextBeginning, its own or that of an account above it, as far as it was known.
func TestAnAccountIsTheSameUntilItsNextBeginning(t *testing.T) {
	r := registry.New()
	account := func(number, parent uint32, from udr.Instant, zone string) registry.AccountFact {
		return registry.AccountFact{Number: number, ID: fmt.Sprint("a", number), Company: "c", Parent: parent, From: from, Currency: "EUR",
			Zone: zone, CycleDay: 1}
	}
	require.NoError(t, r.Load(&registry.Changes{Revision: 1, Companies: []registry.Company{{ID: "c"}},
		Accounts: []registry.AccountFact{account(1, 0, 100, "UTC"), account(2, 1, 100, "UTC")}}))
	require.NoError(t, r.Load(&registry.Changes{Revision: 2, Accounts: []registry.AccountFact{account(1, 0, 200, "Europe/Paris")}}))
	require.NoError(t, r.Load(&registry.Changes{Revision: 3, Accounts: []registry.AccountFact{account(2, 1, 300, "Europe/Paris")}}))
	v := r.View()
	defer v.Close()
	paris, err := time.LoadLocation("Europe/Paris")
	require.NoError(t, err)
	february := udr.InstantOf(time.Date(1970, 2, 1, 0, 0, 0, 0, paris)) // when the cycle that runs in UTC ends
	for _, c := range []struct {
		account uint32
		at      udr.Instant
		rev     registry.Revision
		until   udr.Instant
	}{{1, 100, 1, 0}, {1, 100, 2, 200}, {1, 200, 3, february}, {1, february, 3, 0},
		{2, 150, 1, 0}, {2, 150, 2, 0}, {2, 250, 2, 0}, {2, 250, 3, 300}, {2, 300, 3, february}, {9, 100, 3, 0}} {
		until, ends := v.AccountUntil(c.account, c.at, c.rev)
		require.Equal(t, c.until, until, "%+v", c)
		require.Equal(t, c.until != 0, ends, "%+v", c)
	}
}
