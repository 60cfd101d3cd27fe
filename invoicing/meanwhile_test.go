package invoicing

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/tools/txtar"

	"ratemill/internal/proof/testengine"
	"ratemill/internal/store"
)

// Two bill runs compute the same month while documents become final: nobody ends with an error, and each payer has one invoice.
func TestRunsAndFinalisingAtTheSameTimeLeaveOneInvoiceForEachPayer(t *testing.T) {
	const payers = 20
	base, err := txtar.ParseFile("testdata/base.txtar")
	require.NoError(t, err)
	files := map[string]*strings.Builder{}
	for name, header := range map[string]string{"accounts": "id,currency,zone,cycle_day", "settings": "account,lifecycle",
		"profiles": "account,accounting_group,mrc,rating_type", "sims": "imsi,account,plan,since,until",
		"states": "imsi,state,lifecycle,brought,since"} {
		files[name] = &strings.Builder{}
		fmt.Fprintln(files[name], header)
	}
	for n := range payers {
		fmt.Fprintf(files["accounts"], "p%d,EUR,Europe/Madrid,1\n", n)
		fmt.Fprintf(files["settings"], "p%d,standard\n", n)
		fmt.Fprintf(files["profiles"], "p%d,plain,in_retrospect,prorated\n", n)
		fmt.Fprintf(files["sims"], "2140700000001%02d,p%d,tracker,2025-06-01,\n", n, n)
		fmt.Fprintf(files["states"], "2140700000001%02d,in_billing,standard,,2025-06-01T00:00:00+02:00\n", n)
	}
	archive := &txtar.Archive{}
	for name, text := range files {
		archive.Files = append(archive.Files, txtar.File{Name: "1/" + name + ".csv", Data: []byte(text.String())})
	}
	k := newCaseIn(t, testengine.SharedPostgres(t).NewDatabase(t), base, archive).read(base, archive)
	k.begin = date(t, "2026-04-01")
	view := k.registry.View()
	defer view.Close()
	at := time.Date(2026, 5, 1, 8, 0, 0, 0, time.UTC)
	var wait sync.WaitGroup
	errs := make(chan error, 100)
	for n := range 3 {
		wait.Go(func() {
			run := &Run{DB: k.db, Basis: k.basis(view, at, k.registry.Revision(), int64(100+n)), By: By{Who: "maria", Why: "April", At: at},
				Workers: 2}
			for range 3 {
				if n < 2 {
					errs <- run.Compute(t.Context(), date(t, "2026-04-01"), nil, func(*Computed) error { return nil })
					continue
				}
				var ids []string
				errs <- k.change(func(table Table) error {
					all, err := table.list(t.Context(), `cycle = ?`, int64(date(t, "2026-04-01")))
					for _, s := range all {
						if s.State == Draft {
							ids = append(ids, s.ID)
						}
					}
					return err
				})
				errs <- run.Finalise(t.Context(), ids, func(f Finalised) error { return f.Err })
			}
		})
	}
	wait.Wait()
	close(errs)
	for err := range errs {
		require.NoError(t, err)
	}
	out := k.play("run 2026-04 at 2026-05-01T08:00:00Z log 300\nfinalise at 2026-05-01T08:00:00Z\n")
	require.NotContains(t, out, "error", out)
	require.NoError(t, k.db.Change(t.Context(), "test", func(tx *store.Tx) error {
		var finals, numbers, closes int
		require.NoError(t, tx.Row(t.Context(), `SELECT count(*), count(DISTINCT number_text) FROM invoice_documents
			WHERE state = 'final'`).Scan(&finals,
			&numbers))
		require.NoError(t, tx.Row(t.Context(), `SELECT count(*) FROM invoice_closes WHERE state = 'billed'`).Scan(&closes))
		require.Equal(t, []int{payers, payers, payers}, []int{finals, numbers, closes})
		return nil
	}))
	require.NotContains(t, off(k.balance()), "B7")
}

// A run asks for usage behind the last close of each payer. If another run closes a cycle in between, the usage that it asked for is not
// that of the next cycle.
func TestACycleThatAnotherRunClosedAfterTheQuestionForUsageIsSkipped(t *testing.T) {
	k, _ := readCase(t, "testdata/cases/usage-that-comes-after-the-document.txtar")
	view := k.registry.View()
	defer view.Close()
	at := time.Date(2026, 6, 2, 8, 0, 0, 0, time.UTC)
	run := func(log int64) *Run {
		return &Run{DB: k.db, Basis: k.basis(view, at, k.registry.Revision(), log), By: By{Who: "maria", At: at}, Settle: k.settle}
	}
	compute := func(r *Run, until string) (all []*Computed) {
		require.NoError(t, r.Compute(t.Context(), date(t, until), nil, func(c *Computed) error {
			all = append(all, c)
			return nil
		}))
		return all
	}
	slow, once := run(1<<40), false
	slow.Basis.Usage = func(ctx context.Context, q UsageQuestion, each func(*Charged) error) error {
		if !once {
			once = true
			fast := run(9000)
			done := compute(fast, "2026-04-30")
			require.NoError(t, fast.Finalise(ctx, []string{done[0].Documents[0].ID}, func(f Finalised) error { return f.Err }))
		}
		return k.usage(ctx, q, each)
	}
	done := compute(slow, "2026-05-31")
	require.Len(t, done, 1)
	require.Contains(t, done[0].Skipped, "another run closed a cycle of it")
	done = compute(run(1<<40), "2026-05-31")
	require.Equal(t, "6.5", done[0].Documents[0].Net.String(), "late usage of April, too")
}
