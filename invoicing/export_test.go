package invoicing

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/decimal"
	"ratemill/invoicing/document"
	"ratemill/registry"
)

func (k *kase) exporter() *Exporter {
	basis := func(view *registry.View, facts registry.Revision) *Basis {
		return k.basis(view, time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC), max(facts, view.Revision()), 1<<40)
	}
	view := k.registry.View()
	defer view.Close()
	return &Exporter{DB: k.db, Prices: basis(view, 0).Prices,
		Basis: func(_ context.Context, _ []string, facts registry.Revision) (*Basis, func(), error) {
			view := k.registry.View()
			return basis(view, facts), view.Close, nil
		}}
}

// TestItemsOfDocumentsAddUpToTheirLines: what is copied of a document is what it was made of, in each of the cases.
func TestItemsOfDocumentsAddUpToTheirLines(t *testing.T) {
	files, err := filepath.Glob("testdata/cases/*.txtar")
	require.NoError(t, err)
	items := 0
	for _, file := range files {
		k := played(t, strings.TrimSuffix(filepath.Base(file), ".txtar"))
		e := k.exporter()
		all, err := e.Exports(t.Context(), 0, 1000)
		require.NoError(t, err)
		of, end, err := e.Items(t.Context(), all)
		require.NoError(t, err)
		for i, x := range all {
			require.EqualValues(t, i+1, x.N, "places have no gaps")
			if x.Document == nil {
				require.True(t, x.Closed.State.Fixed())
				continue
			}
			sums := make([]decimal.D, len(x.Document.Lines))
			require.NoError(t, of(x.Document, func(line int, item *document.Item) (err error) {
				items++
				sums[line-1], err = sums[line-1].Add(item.Exact)
				return err
			}))
			for n, l := range x.Document.Lines {
				if l.Kind != document.Usage && x.Document.Form != document.CreditNote {
					require.Equal(t, l.Exact.String(), sums[n].String(), "%s: %s line %d", file, x.Document.Number, n+1)
				}
			}
			require.Contains(t, x.Document.Number, fmt.Sprint(x.Numbered.N))
		}
		end()
		require.Equal(t, k.count(`SELECT count(*) FROM invoice_documents WHERE state = 'final'`)+
			k.count(`SELECT count(*) FROM invoice_closes WHERE state IN ('open', 'billed', 'pro_forma')`), len(all), file)
	}
	require.Greater(t, items, 20)
}

func (k *kase) count(query string) (n int) {
	require.NoError(k.t, k.change(func(t Table) error { return t.Tx.Row(k.t.Context(), query).Scan(&n) }))
	return n
}

// TestWhatWasFinalBeforeThereWereExportsIsExported when the store is migrated.
func TestWhatWasFinalBeforeThereWereExportsIsExported(t *testing.T) {
	k := played(t, "usage-that-comes-after-the-document")
	e := k.exporter()
	before, err := e.Exports(t.Context(), 0, 1000)
	require.NoError(t, err)
	k.exec(`DROP TABLE invoice_exports`)
	k.exec(`DROP TABLE invoice_exports_counter`)
	k.exec(`DROP TABLE invoice_number_skips`)
	for _, index := range []string{"number_text", "cycle", "state"} { // of the migrations behind it
		k.exec(`DROP INDEX invoice_documents_` + index)
	}
	k.exec(`DELETE FROM invoicing_version WHERE version_id >= 4`)
	require.NoError(t, Migrate(t.Context(), k.db))
	after, err := e.Exports(t.Context(), 0, 1000)
	require.NoError(t, err)
	require.Len(t, after, len(before))
	newest, err := e.Newest(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, len(after), newest)
	waits, err := e.Waits(t.Context(), 0, time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC))
	require.NoError(t, err)
	require.Positive(t, waits)
	waits, err = e.Waits(t.Context(), newest, time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC))
	require.NoError(t, err)
	require.Zero(t, waits)
}
