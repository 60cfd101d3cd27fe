package invoicing

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/decimal"
	"ratemill/diag"
	"ratemill/internal/proof/testengine"
	"ratemill/internal/store"
	"ratemill/invoicing/document"
	"ratemill/invoicing/terms"
	"ratemill/registry"
)

func TestMain(m *testing.M) { testengine.Main(m) }

func onBoth(t *testing.T, test func(*testing.T, *store.DB)) {
	for name, dsn := range map[string]func(t *testing.T) string{
		"sqlite":   func(t *testing.T) string { return "sqlite:" + filepath.Join(t.TempDir(), "control.db") },
		"postgres": func(t *testing.T) string { return testengine.SharedPostgres(t).NewDatabase(t) },
	} {
		t.Run(name, func(t *testing.T) {
			db, err := store.Open(dsn(t))
			require.NoError(t, err)
			defer db.Close()
			for range 2 { // the second finds the tables
				require.NoError(t, Migrate(t.Context(), db))
			}
			test(t, db)
		})
	}
}

var group = &terms.Group{Numbers: terms.Numbers{Invoice: diag.Text{Value: "INV-{year}-{n:4}"}, CreditNote: diag.Text{Value: "CN-{n}"}},
	Review: "required"}

func date(t testing.TB, text string) (d registry.Date) {
	require.NoError(t, d.UnmarshalText([]byte(text)))
	return d
}

// computed is a document of a payer with one line.
func computed(t testing.TB, payer uint32, cycle, net string) *Stored {
	from := date(t, cycle)
	s := &Stored{PayerNumber: payer, Seq: 1, Document: document.Document{Form: document.Regular, Currency: "EUR", Scale: 2,
		Cycle: document.Period{From: from, To: from + 30}, Payer: document.Party{Account: fmt.Sprint("payer", payer)},
		Terms: document.Terms{Target: 30}}}
	items, err := document.SumsOf([]document.Item{{Kind: document.Recurring, Product: "fleet", Exact: decimal.MustParse(net)}})
	require.NoError(t, err)
	require.NoError(t, s.Make(items,
		func(*document.Line) (document.Taxed, error) {
			return document.Taxed{Category: "S", Rate: decimal.FromInt(21)}, nil
		}))
	return s
}

var by = By{Who: "maria", Why: "March is over", At: time.Unix(1_777_000_000, 0)}

func change(t *testing.T, db *store.DB, do func(Table) error) error {
	return db.Change(t.Context(), "test", func(tx *store.Tx) error { return do(Table{tx}) })
}

func TestAFinalDocumentHasANumberAndNeverChanges(t *testing.T) {
	onBoth(t, func(t *testing.T, db *store.DB) {
		s := computed(t, 1, "2026-03-01", "10.00")
		issued := date(t, "2026-04-01")
		finalise := func(table Table) (err error) {
			_, err = table.Finalise(t.Context(), s.ID, group, issued, by)
			return err
		}
		require.NoError(t, change(t, db, func(table Table) error { return table.Put(t.Context(), s, by) }))
		require.ErrorContains(t, change(t, db, finalise), "is draft, so nobody can finalise it; review it first")
		held := computed(t, 1, "2026-03-01", "11.00")
		held.Reasons = []string{"skylink/SKY_000871.csv.gz: 2 records missing", "41 records in suspense"}
		require.NoError(t, change(t, db, func(table Table) error { return table.Put(t.Context(), held, by) }))
		do := func(step Step) func(Table) error {
			return func(table Table) error {
				_, err := table.Do(t.Context(), s.ID, step, by)
				return err
			}
		}
		require.ErrorContains(t, change(t, db, do(Review)), "is held, so nobody can review it; correct what holds it")
		require.NoError(t, change(t, db, do(Release)))
		require.NoError(t, change(t, db, do(Review)))
		require.ErrorContains(t, change(t, db, func(table Table) error {
			return table.Put(t.Context(), s, by)
		}), "nobody can compute it; finalise it, or reopen it")
		require.NoError(t, change(t, db, do(Reopen)))
		require.NoError(t, change(t, db, do(Review)))
		require.NoError(t, change(t, db, finalise))
		for _, step := range []Step{Review, Reopen, Release, Discard} {
			require.ErrorContains(t, change(t, db, do(step)), "document INV-2026-0001 is final")
		}
		require.ErrorContains(t, change(t, db, finalise), "it never changes; a credit note can take back its lines")
		require.NoError(t, change(t, db, func(table Table) error {
			got, err := table.Get(t.Context(), "INV-2026-0001")
			require.NoError(t, err)
			require.Equal(t, "13.31", got.Total.Fixed(2), "the one that was computed last")
			require.Equal(t, "2026-05-01", got.Due.String())
			require.Equal(t, got.Hash, got.Sum())
			return nil
		}))
	})
}

func TestADocumentWaitsForThatOfTheEarlierCycle(t *testing.T) {
	onBoth(t, func(t *testing.T, db *store.DB) {
		march, april := computed(t, 1, "2026-03-01", "1"), computed(t, 1, "2026-04-01", "1")
		for _, s := range []*Stored{march, april} {
			require.NoError(t, change(t, db, func(table Table) error {
				if err := table.Put(t.Context(), s, by); err != nil {
					return err
				}
				_, err := table.Do(t.Context(), s.ID, Review, by)
				return err
			}))
		}
		finalise := func(s *Stored, on string) error {
			return change(t, db, func(table Table) error {
				_, err := table.Finalise(t.Context(), s.ID, group, date(t, on), by)
				return err
			})
		}
		require.ErrorContains(t, finalise(april, "2026-05-01"), "waits for "+march.ID)
		require.NoError(t, finalise(march, "2026-05-02"))
		require.ErrorContains(t, finalise(april, "2026-04-30"),
			"INV-2026-0002 would have the date 2026-04-30, but the number before it has 2026-05-02")
		require.NoError(t, finalise(april, "2026-05-01"), "a day apart is a time zone's doing; it gets the later date")
	})
}

// Several people finalise, discard and compute at once, and half of the transactions fail at their end: the numbers have no gap.
func TestNumbersHaveNoGaps(t *testing.T) {
	onBoth(t, func(t *testing.T, db *store.DB) {
		const payers = 60
		for payer := range uint32(payers) {
			require.NoError(t, change(t, db, func(table Table) error {
				s := computed(t, payer+1, "2026-03-01", "1")
				if payer%5 == 0 {
					s = computed(t, payer+1, "2026-03-01", "-1")
				}
				if err := table.Put(t.Context(), s, by); err != nil {
					return err
				}
				_, err := table.Do(t.Context(), s.ID, Review, by)
				return err
			}))
		}
		lost := errors.New("the power failed")
		var all sync.WaitGroup
		for person := range uint64(4) {
			all.Go(func() {
				r := rand.New(rand.NewPCG(1, person))
				for range 150 {
					id := fmt.Sprintf("%d-regular-2026-03-01-1", 1+r.IntN(payers))
					_ = db.Change(context.Background(), "test", func(tx *store.Tx) error {
						if _, err := (Table{tx}).Finalise(context.Background(), id, group, date(t, "2026-04-01"), by); err != nil {
							return err
						}
						if r.IntN(2) == 0 {
							return lost
						}
						return nil
					})
				}
			})
		}
		all.Wait()
		found := map[string]bool{}
		require.NoError(t, change(t, db, func(table Table) error {
			documents, err := table.list(t.Context(), `state = 'final'`)
			for _, s := range documents {
				found[s.Number] = true
			}
			require.Greater(t, len(documents), payers/2)
			require.Len(t, found, len(documents))
			return err
		}))
		for kind, format := range map[string]string{"invoices": "INV-2026-%04d", "credit notes": "CN-%d"} {
			n := 1
			for ; found[fmt.Sprintf(format, n)]; n++ {
				delete(found, fmt.Sprintf(format, n))
			}
			require.Greater(t, n, 5, kind)
		}
		require.Empty(t, found, "numbers after a gap")
	})
}

func TestTheNextNumberGoesForwardWithAReason(t *testing.T) {
	onBoth(t, func(t *testing.T, db *store.DB) {
		r, err := terms.ParseRange("INV-{year}-{n:4}")
		require.NoError(t, err)
		set := func(next int64) error {
			return change(t, db, func(table Table) error {
				_, err := table.SetNext(t.Context(), "", r, 2026, next, by)
				return err
			})
		}
		give := func() (number string) {
			require.NoError(t, change(t, db, func(table Table) (err error) {
				number, _, err = take(t.Context(), table.Tx, "", r, date(t, "2026-04-01"))
				return err
			}))
			return number
		}
		require.NoError(t, set(4711))
		require.Equal(t, "INV-2026-4711", give())
		require.NoError(t, set(4712), "it is the next one already")
		require.NoError(t, set(4720))
		require.Equal(t, "INV-2026-4720", give())
		require.ErrorContains(t, set(4720), "the next number of INV-{year}-{n:4} is already INV-2026-4721, and numbers never go back: "+
			"INV-2026-4720 may be on a document that was sent")
		require.ErrorContains(t, set(47211), "is there a digit too many?")
		require.NoError(t, change(t, db, func(table Table) error {
			all, err := table.Counters(t.Context())
			require.NoError(t, err)
			require.Equal(t, []Skip{{1, 4710, by}, {4712, 4719, by}}, withoutZone(all[0].Skips))
			require.EqualValues(t, 4718, all[0].skipped(4721))
			require.EqualValues(t, 4710, all[0].skipped(4711))
			return nil
		}))
	})
}

func withoutZone(all []Skip) []Skip {
	for i := range all {
		all[i].By.At = all[i].By.At.Local()
	}
	return all
}
