package warehouse_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/internal/proof/testengine"
	"ratemill/internal/warehouse"
)

func TestTheFirstClaimNamesTheWarehouseForGood(t *testing.T) {
	w := open(t, testengine.SharedClickHouse(t), "claims")
	name, err := w.Installation(t.Context())
	require.NoError(t, err)
	require.Empty(t, name)
	written, err := w.Written(t.Context())
	require.NoError(t, err)
	require.False(t, written)

	type claim struct {
		holder string
		err    error
	}
	claims := make(chan claim)
	for _, name := range []string{"AAAA", "BBBB", "it's"} {
		go func() {
			holder, err := w.Claim(t.Context(), name)
			claims <- claim{holder, err}
		}()
	}
	first := <-claims
	require.NoError(t, first.err)
	require.Contains(t, []string{"AAAA", "BBBB", "it's"}, first.holder)
	require.Equal(t, first, <-claims, "all are told the same")
	require.Equal(t, first, <-claims)
	require.NoError(t, w.Migrate(t.Context(), warehouse.Layout{}))
	name, err = w.Installation(t.Context())
	require.NoError(t, err)
	require.Equal(t, first.holder, name)

	require.NoError(t, w.Conn().Exec(t.Context(), "INSERT INTO suspense (seq) VALUES (1)"))
	written, err = w.Written(t.Context())
	require.NoError(t, err)
	require.True(t, written)
}
