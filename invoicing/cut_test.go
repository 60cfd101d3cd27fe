package invoicing

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/invoicing/document"
)

// shift changes the cuts of the closes of some payers, as ratemill would not.
func (m *market) shift(where string) {
	m.exec(`UPDATE invoice_closes SET close = replace(close, ?, '"offsets":[1999999999999]') WHERE `+where,
		fmt.Sprintf(`"offsets":[%d]`, int64(1)<<40))
}

func TestAPayerWhoseCloseCountedUsageThatIsNotThereIsHeldAndTheOthersAreBilled(t *testing.T) {
	m := newMarket(t, 3, 30, 3)
	m.play("run 2026-04 at 2026-05-02T08:00:00Z\nreview\nfinalise at 2026-05-02T08:00:00Z\n")
	m.shift(`payer_number = 2`)
	told := m.play(againInMay)
	require.Contains(t, told, "p000002 2026-04-01..2026-05-01 skipped: its close of the cycle from 2026-04-01 counted usage up to ")
	require.Contains(t, told, "put its row of invoice_closes back from a backup")
	require.Len(t, m.ids, 2, "the others have documents of May")
	require.Contains(t, m.play("preview 2026-05 p000002 at 2026-06-02T08:00:00Z\n"), "p000002 2026-04-01..2026-05-01 skipped: its close",
		"alone too")
}

func TestARunStopsIfTheBalancesAreBehindMostCloses(t *testing.T) {
	m := newMarket(t, 3, 30, 3)
	m.play("run 2026-04 at 2026-05-02T08:00:00Z\nreview\nfinalise at 2026-05-02T08:00:00Z\n")
	m.shift(`payer_number > 1`)
	require.Contains(t, m.play(againInMay), "error: usage is counted only up to")
}

func TestCutsOfWhichNeitherIsAfterTheOtherAreOfABrokenClose(t *testing.T) {
	b := &Basis{Cut: document.Cut{Log: 1, Offsets: []int64{9, 9}}}
	last := map[uint32]*Closed{}
	for n, cut := range [][]int64{{5, 5}, {5, 5}, {4, 6}, {7, 7}, {3, 3}} {
		c := &Closed{PayerNumber: uint32(n)}
		c.Cut = document.Cut{Log: 1, Offsets: cut}
		last[uint32(n)] = c
	}
	held, err := b.shifted(last)
	require.NoError(t, err)
	require.Len(t, held, 1)
	require.Contains(t, held[2], "neither is after the other")
}
