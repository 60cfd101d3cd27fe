package mediation

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/internal/control"
	"ratemill/internal/proof/seeds"
	"ratemill/mediation/source"
	"ratemill/registry"
	"ratemill/udr"
)

// SIMs, accounts and identifiers move between billing roots, with effect from any time, while records come again and
// again. The owner of each root remembers the keys that the root has paid. No record is paid twice, although owners do
// not know each other's keys; without the check of former roots, some are.
func TestNoRecordIsPaidByTwoRootsHoweverSIMsMove(t *testing.T) {
	doubles, paid, suspended := 0, 0, 0
	for seed := range seeds.Each(t, 300, 200) {
		for _, looks := range []bool{true, false} {
			c := movingCourse(t, seed, looks)
			if looks {
				require.Zero(t, c.doubles, "seed %d: %v", seed, c.told)
				paid, suspended = paid+c.paid, suspended+c.suspended
			} else {
				doubles += c.doubles
			}
		}
	}
	require.NotZero(t, doubles)
	require.NotZero(t, suspended)
	require.Greater(t, paid, suspended, "the others go their way")
}

type moving struct {
	doubles, paid, suspended int
	told                     []string
}

func movingCourse(t *testing.T, seed uint64, looks bool) (c moving) {
	rng := rand.New(rand.NewPCG(seed, 4))
	hour := func(n int) time.Time { return time.Date(2026, 3, 1, n, 0, 0, 0, time.UTC) }
	reg := registry.New()
	m := &Mediator{}
	var known []control.RegistryChange
	m.Revisions = func(_ context.Context, after registry.Revision) ([]control.RegistryChange, error) {
		return known[after:], nil
	}
	id := func(n uint32) udr.Identifier {
		return udr.Identifier{Kind: udr.IMSI, Value: fmt.Sprintf("21407000000000%d", n)}
	}
	changes := &registry.Changes{Revision: 1}
	for n := uint32(1); n <= 5; n++ { // 1 to 3 are roots, 4 and 5 below one
		f := registry.AccountFact{Number: n, ID: fmt.Sprint("a", n), Currency: "EUR", Zone: "UTC", CycleDay: 1, Partition: int(n)}
		if n > 3 {
			f.Parent, f.Partition = n-3, registry.NoPartition
		}
		changes.Accounts = append(changes.Accounts, f)
	}
	for n := uint32(1); n <= 3; n++ {
		changes.SIMs = append(changes.SIMs, registry.OwnershipFact{SIM: n, Account: n + 2})
		changes.Identifiers = append(changes.Identifiers, registry.IdentifierFact{Identifier: id(n), SIM: n})
	}
	now := 0
	apply := func() {
		require.NoError(t, reg.Apply(changes))
		known = append(known, control.RegistryChange{Revision: changes.Revision, At: hour(now)})
		changes = &registry.Changes{Revision: changes.Revision + 1}
	}
	apply()
	type key struct {
		sim uint32
		at  int
	}
	payers := map[key]map[uint32]bool{}
	for now = 1; now < 40; now++ {
		if rng.IntN(4) == 0 {
			from := udr.InstantOf(hour(rng.IntN(now + 3)))
			switch n := 1 + rng.Uint32N(3); rng.IntN(3) {
			case 0:
				changes.SIMs = append(changes.SIMs, registry.OwnershipFact{SIM: n, Account: 1 + rng.Uint32N(5), From: from})
			case 1:
				changes.Accounts = append(changes.Accounts, registry.AccountFact{Number: 4, ID: "a4", Currency: "EUR", Zone: "UTC", CycleDay: 1,
					Parent: n, Partition: registry.NoPartition, From: from})
			case 2:
				changes.Identifiers = append(changes.Identifiers, registry.IdentifierFact{Identifier: id(n), SIM: 1 + rng.Uint32N(3), From: from})
			}
			apply()
			c.told = append(c.told, fmt.Sprintf("%d: revision %d", now, len(known)))
			continue
		}
		k := key{1 + rng.Uint32N(3), rng.IntN(now + 1)}
		u := udr.Usage{Identifier: id(k.sim), At: udr.InstantOf(hour(k.at)), Duplicate: udr.DuplicateKey{byte(k.sim), byte(k.at), 1}}
		r := &reader{t: &taken{m: m, src: &source.Source{}}, registry: reg, revision: reg.Revision()}
		require.NoError(t, m.know(t.Context(), r.revision))
		view := reg.View()
		_, several, why := route(view, r.revision, &u)
		if why == nil && looks && several {
			why = r.corrected(view, &u)
		}
		view.Close()
		switch {
		case why != nil && why.Code == OwnerCorrected:
			c.suspended++
		case why != nil || payers[k][u.Root]:
		default:
			c.paid++
			if payers[k] == nil {
				payers[k] = map[uint32]bool{}
			}
			if payers[k][u.Root] = true; len(payers[k]) > 1 {
				c.doubles++
			}
			c.told = append(c.told, fmt.Sprintf("%d: %v paid by %d", now, k, u.Root))
		}
	}
	return c
}
