package registry_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/registry"
	"ratemill/udr"
)

func TestMembersFollowWhatBecomesKnown(t *testing.T) {
	r := registry.New()
	apply := func(c registry.Changes) {
		c.Revision = r.Revision() + 1
		require.NoError(t, r.Apply(&c))
	}
	account := func(n uint32, parent uint32) registry.AccountFact {
		f := registry.AccountFact{Number: n, ID: string(rune('a' + n)), Parent: parent, Partition: registry.NoPartition}
		if parent == 0 {
			f.Currency, f.Zone, f.CycleDay, f.Partition = "EUR", "UTC", 1, 0
		}
		return f
	}
	owns := func(sim, account uint32, from udr.Instant) registry.OwnershipFact {
		return registry.OwnershipFact{SIM: sim, From: from, Account: account}
	}
	apply(registry.Changes{Accounts: []registry.AccountFact{account(1, 0), account(2, 1), account(3, 2)},
		SIMs: []registry.OwnershipFact{owns(1, 2, 0), owns(2, 2, 0), owns(3, 3, 0)}})

	// A change set that is half there when somebody first asks is news.
	half := registry.Changes{Revision: 2, SIMs: []registry.OwnershipFact{owns(2, 3, 50)}}
	require.NoError(t, r.Load(&half))
	v := r.View()
	require.Equal(t, []uint32{1, 2}, v.Members(2))
	require.Equal(t, []uint32{2, 3}, v.Members(3))
	require.Nil(t, v.Members(9))
	v.Close()
	r.Publish(2)

	apply(registry.Changes{States: []registry.StateFact{{SIM: 1, StateValue: registry.StateValue{Name: "in_billing"}}},
		SIMs: []registry.OwnershipFact{owns(4, 2, 0)}})
	moved := account(3, 1)
	moved.From = 70
	apply(registry.Changes{Accounts: []registry.AccountFact{moved}})
	v = r.View()
	defer v.Close()
	require.Equal(t, []uint32{1, 2, 4}, v.Members(2))
	require.Equal(t, []uint32{2, 4, 1}, v.MembersTold([]uint32{2}, 1, 3, nil))
	require.Equal(t, []uint32{4, 1}, v.MembersTold([]uint32{2}, 2, 3, nil))
	require.Empty(t, v.MembersTold([]uint32{2}, 1, 1, nil))
	require.Equal(t, []uint32{2}, v.MembersTold([]uint32{3}, 1, 4, nil))
	require.Equal(t, []uint32{2, 1}, v.EverAbove(3, nil))
	require.Equal(t, registry.Revision(4), v.AccountTold(3, 4))
	require.Equal(t, registry.Revision(1), v.AccountTold(3, 3))
	require.Equal(t, []registry.Revision{1, 4}, v.AccountRevisions(3, 4, nil))
	require.Equal(t, registry.Revision(4), v.AccountsTold())
}
