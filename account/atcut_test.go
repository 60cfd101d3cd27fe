package account_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/account"
	"ratemill/decimal"
	"ratemill/internal/control"
	"ratemill/internal/store"
	"ratemill/udr"
)

func TestBalancesAtACutAreThoseOfItsPositionWhileTheConsumerGoesOn(t *testing.T) {
	onBoth(t, func(t *testing.T, s *control.Store) {
		l := &log{}
		for i := range int64(300) {
			l.rate(1, i, "data", udr.Octet, 1, charge{uint32(i%7) + 1, 0, march, "0.01"})
		}
		o := options(s, l, 0)
		o.MaxBytes = 300
		done := make(chan error, 1)
		go func() { done <- run(t, o, len(l.messages)) }()
		for at := int64(0); at < int64(len(l.messages)); {
			c, err := account.TakeCut(t.Context(), s.DB, name, march, nil)
			require.NoError(t, err)
			records := int64(0)
			require.NoError(t, c.Of([]uint32{1, 2, 3, 4, 5, 6, 7, 8}, func(r *account.Row) error { records += r.Records; return nil }))
			require.NoError(t, c.Close())
			if len(c.Offsets) > 0 {
				at = c.Offsets[0]
			}
			require.Equal(t, at, records, "each message has a record")
		}
		require.NoError(t, <-done)
	})
}

func TestBalancesAtACutStayAsTheyWere(t *testing.T) {
	s := open(t, "sqlite:"+filepath.Join(t.TempDir(), "control.db"))
	before, err := account.TakeCut(t.Context(), s.DB, name, march, nil)
	require.NoError(t, err)
	defer before.Close()
	l := someLog()
	require.NoError(t, run(t, options(s, l, 0), len(l.messages)))
	c, err := account.TakeCut(t.Context(), s.DB, name, march, nil)
	require.NoError(t, err)
	defer c.Close()
	later, err := account.TakeCut(t.Context(), s.DB, name, april, nil)
	require.NoError(t, err)
	defer later.Close()
	two, err := account.TakeCut(t.Context(), s.DB, name, march, []uint32{2, 3})
	require.NoError(t, err)
	defer two.Close()
	require.NoError(t, account.Discard(t.Context(), s.DB, name))
	of := func(c *account.AtCut, accounts ...uint32) (lines []string) {
		require.NoError(t, c.Of(accounts, func(r *account.Row) error {
			lines = append(lines, fmt.Sprintf("%d %s tier %d %s: %d records, %d %s, %s %s", r.Account, r.CycleStart().Format(time.DateOnly),
				r.Tier, r.Class, r.Records, r.Quantity, r.Unit, r.Amount, r.Currency))
			return nil
		}))
		return lines
	}
	require.Empty(t, of(before, 1, 2))
	require.Empty(t, before.Offsets)
	require.Equal(t, []int64{int64(len(l.messages))}, c.Offsets)
	require.Equal(t, ofSomeLog, of(c, 1, 2, 3))
	require.Equal(t, ofSomeLog[2:], of(c, 2))
	require.Equal(t, ofSomeLog[2:], of(two, 1, 2, 3))
	require.Equal(t, []string{ofSomeLog[1], ofSomeLog[4]}, of(later, 1, 2))
}

// BenchmarkTakeCut takes the balances of 13 cycles of accounts, in three classes, and reads them by 5,000 accounts.
func BenchmarkTakeCut(b *testing.B) {
	accounts := 1000
	if n, err := strconv.Atoi(os.Getenv("ACCOUNTS")); err == nil {
		accounts = n
	}
	s := open(b, "sqlite:"+filepath.Join(b.TempDir(), "control.db"))
	all := make([]uint32, accounts)
	for i := range all {
		all[i] = uint32(i + 1)
	}
	for some := range slices.Chunk(all, 1000) {
		require.NoError(b, s.Change(b.Context(), "writing balances", func(tx *store.Tx) error {
			var rows []account.Row
			for _, n := range some {
				for cycle := range int32(13) {
					for _, class := range []string{"data", "sms_mo", "sms_mt"} {
						rows = append(rows, account.Row{Key: account.Key{Account: n, Cycle: march + 31*cycle, Currency: "EUR", Class: class},
							Balance: account.Balance{Records: 300, Quantity: 1e9, Amount: decimal.MustParse("12.345678901234")}, Version: 1})
					}
				}
			}
			return account.Table{}.Save(b.Context(), tx, 0, rows)
		}))
	}
	for b.Loop() {
		c, err := account.TakeCut(b.Context(), s.DB, name, march, nil)
		require.NoError(b, err)
		most := uint64(0)
		for some := range slices.Chunk(all, 5000) {
			var kept []account.Row
			require.NoError(b, c.Of(some, func(r *account.Row) error { kept = append(kept, *r); return nil }))
			var heap runtime.MemStats
			runtime.ReadMemStats(&heap)
			most = max(most, heap.HeapInuse)
			require.Len(b, kept, 39*len(some))
		}
		require.NoError(b, c.Close())
		b.ReportMetric(float64(most>>20), "heap-MB")
		b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/float64(accounts), "µs/account")
	}
}
