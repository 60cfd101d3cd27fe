package invoicing

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/internal/store"
)

func TestADocumentThatCannotBeReadIsNamed(t *testing.T) {
	m := newMarket(t, 1, 1, 1)
	view := m.registry.View()
	defer view.Close()
	at := time.Date(2026, 5, 2, 8, 0, 0, 0, time.UTC)
	run := &Run{DB: m.db, Basis: m.basis(view, at, m.registry.Revision(), 1<<40), By: By{Who: "maria", At: at}}
	require.NoError(t, run.Compute(t.Context(), date(t, "2026-04-30"), nil, func(*Computed) error { return nil }))
	const want = "document 1-regular-2026-04-01-1 is not what ratemill stored"
	var listed []*Listed
	require.NoError(t, m.db.Change(t.Context(), "a test", func(tx *store.Tx) error {
		if _, err := tx.Exec(t.Context(), `UPDATE invoice_documents SET document = '{'`); err != nil {
			return err
		}
		_, err := Table{tx}.Of(t.Context(), 1)
		require.ErrorContains(t, err, want)
		return Table{tx}.Each(t.Context(), 0, date(t, "2026-04-30"), nil, func(l *Listed) error {
			listed = append(listed, l)
			return nil
		})
	}))
	require.Len(t, listed, 1)
	require.ErrorContains(t, listed[0].Broken, want)
	require.Equal(t, "p000001", listed[0].Payer, "as its close says")
}

func TestAPreviewWithoutNamesIsOneOfAllPayers(t *testing.T) {
	m := newMarket(t, 5, 5, 5)
	view := m.registry.View()
	defer view.Close()
	at := time.Date(2026, 5, 2, 8, 0, 0, 0, time.UTC)
	run := &Run{DB: m.db, Basis: m.basis(view, at, m.registry.Revision(), 1<<40), portion: 2}
	var payers []string
	require.NoError(t, run.Preview(t.Context(), date(t, "2026-04-30"), nil, func(c *Computed) error {
		payers = append(payers, c.Closed.Payer)
		require.Len(t, c.Documents, 1)
		return nil
	}))
	require.Equal(t, []string{"p000001", "p000002", "p000003", "p000004", "p000005"}, payers)
}

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
