package registry_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/registry"
	"ratemill/udr"
)

// An account may be 32 levels below its billing root, which its path must still have.
func TestTheDeepestTreeKeepsItsRoot(t *testing.T) {
	const levels = 32
	reg := registry.New()
	changes := &registry.Changes{Revision: 1}
	for n := range uint32(levels + 1) {
		f := registry.AccountFact{Number: n + 1, ID: fmt.Sprint("a", n), Parent: n, Partition: registry.NoPartition}
		if n == 0 {
			f.Currency, f.Zone, f.CycleDay, f.Partition = "EUR", "UTC", 1, 0
		}
		changes.Accounts = append(changes.Accounts, f)
	}
	require.NoError(t, reg.Apply(changes))
	v := reg.View()
	defer v.Close()
	deepest, ok := v.Account(levels+1, udr.Instant(10), 1)
	require.True(t, ok)
	require.EqualValues(t, 1, deepest.Root)
	path := v.Path(levels+1, udr.Instant(10), 1, nil)
	require.Len(t, path, levels+1)
	require.EqualValues(t, 1, path[levels])
}
