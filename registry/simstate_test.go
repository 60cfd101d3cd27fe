package registry_test

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/internal/proof/seeds"
	"ratemill/registry"
	"ratemill/udr"
)

// naiveState is the state of a SIM by its definition: of the facts known at a revision, the one with the latest
// beginning counts; of equal beginnings the one known later; one that was withdrawn does not count.
func naiveState(facts []registry.KnownState, sim uint32, at udr.Instant, rev registry.Revision) string {
	for from := at; from >= 0; from-- {
		var last *registry.KnownState
		for i := range facts {
			if f := &facts[i]; f.SIM == sim && f.From == from && f.Known <= rev && (last == nil || f.Known >= last.Known) {
				last = f
			}
		}
		switch {
		case last == nil || last.State == registry.Withdrawn:
		case last.State == registry.Ended:
			return ""
		default:
			return last.Name
		}
	}
	return ""
}

func TestTheStateOfASIMIsTheOneOfTheLatestFactThatCounts(t *testing.T) {
	for seed := range seeds.Each(t, 300, 50) {
		r := rand.New(rand.NewPCG(seed, 11))
		reg := registry.New()
		var all []registry.KnownState
		var rev registry.Revision
		for rev < 8 {
			rev++
			c := &registry.Changes{Revision: rev}
			for range r.IntN(4) {
				f := registry.StateFact{SIM: uint32(1 + r.IntN(2)), From: udr.Instant(r.IntN(6)), StateValue: registry.StateValue{
					State: registry.State(r.IntN(4)), Name: []string{"inventory", "in_billing", "retired"}[r.IntN(3)]}}
				c.States = append(c.States, f)
				all = append(all, registry.KnownState{StateFact: f, Known: rev})
			}
			require.NoError(t, reg.Apply(c))
		}
		v := reg.View()
		for sim := uint32(1); sim <= 2; sim++ {
			told := v.States(sim, nil)
			for asked := registry.Revision(0); asked <= rev; asked++ {
				held := registry.Held(append([]registry.KnownState(nil), told...), asked)
				for at := udr.Instant(0); at < 7; at++ {
					want := naiveState(all, sim, at, asked)
					got := ""
					if state, ok := v.State(sim, at, asked); ok {
						got = v.StateValue(state.Value).Name
					}
					require.Equal(t, want, got, "seed %d, SIM %d at %d, revision %d: %v", seed, sim, at, asked, told)
					last := ""
					for _, f := range held {
						if f.From <= at && f.State != registry.Ended {
							last = f.Name
						} else if f.From <= at {
							last = ""
						}
					}
					require.Equal(t, want, last, "seed %d: those that are held", seed)
				}
			}
		}
		v.Close()
	}
}

func TestTheStateOfASIMMayChangeAtTheNextFact(t *testing.T) {
	reg := registry.New()
	state := func(from udr.Instant) registry.StateFact {
		return registry.StateFact{SIM: 1, From: from, StateValue: registry.StateValue{Name: "in_billing"}}
	}
	require.NoError(t, reg.Apply(&registry.Changes{Revision: 1, States: []registry.StateFact{state(10), state(30)}}))
	require.NoError(t, reg.Apply(&registry.Changes{Revision: 2, States: []registry.StateFact{state(20)}}))
	v := reg.View()
	until, ends := v.StateUntil(1, 10, 1)
	require.Equal(t, []any{udr.Instant(30), true}, []any{until, ends})
	until, ends = v.StateUntil(1, 10, 2)
	require.Equal(t, []any{udr.Instant(20), true}, []any{until, ends})
	_, ends = v.StateUntil(1, 30, 2)
	require.False(t, ends)
	_, ok := v.State(2, 10, 2)
	require.False(t, ok)
	v.Close()
	require.Error(t, reg.Load(&registry.Changes{Revision: 3, States: []registry.StateFact{{SIM: 0}}}))
}

func TestASubjectNamesASIM(t *testing.T) {
	require.Equal(t, "sim:17", registry.SubjectOf(17))
	sim, ok := registry.SIMOf("sim:17")
	require.Equal(t, []any{uint32(17), true}, []any{sim, ok})
	for _, text := range []string{"", "sim:", "sim:0", "sim:017", "sim:99999999999", "acme", "sim:1x"} {
		_, ok := registry.SIMOf(text)
		require.False(t, ok, text)
	}
}

func TestEqualValuesHaveOneForm(t *testing.T) {
	a, err := registry.CanonicalJSON([]byte(` {"b": 5.00, "a": ["x & y"]} `))
	require.NoError(t, err)
	require.Equal(t, `{"a":["x & y"],"b":5.00}`, string(a))
	for _, wrong := range []string{"", "{", "1 2", `{"a":1}}`} {
		_, err := registry.CanonicalJSON([]byte(wrong))
		require.Error(t, err, wrong)
	}
}
