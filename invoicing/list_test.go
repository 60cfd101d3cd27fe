package invoicing

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAListSaysOfADocumentWhatTheDocumentSays(t *testing.T) {
	k := played(t, "a-volume-price-that-was-reached-is-the-price-of-the-line")
	require.NoError(t, k.change(func(table Table) error {
		whole, err := table.list(t.Context(), `1 = 1`)
		require.NoError(t, err)
		require.Len(t, whole, 4)
		n := 0
		give := func(l *Listed) error {
			require.Equal(t, whole[n].Listed(), l)
			n++
			return nil
		}
		require.NoError(t, table.Each(t.Context(), 0, 1<<30, nil, give))
		require.Equal(t, 4, n)
		n = 1
		require.NoError(t, table.Each(t.Context(), date(t, "2026-04-01"), date(t, "2026-04-30"), []uint32{whole[0].PayerNumber}, give))
		require.Equal(t, 3, n)
		return table.Each(t.Context(), 0, 1<<30, []uint32{}, give)
	}))
}
