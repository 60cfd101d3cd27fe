package warehouse_test

import (
	"context"
	"math/rand"
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/internal/proof/testengine"
	"ratemill/internal/warehouse"
)

// inVain is a warehouse that notes the token of the first block and loses its rows; its sink crashes then.
type inVain struct {
	warehouse.Inserter
	lose func(table string)
}

func (v *inVain) Insert(ctx context.Context, b *warehouse.Block, token string) error {
	if err := v.Inserter.Insert(ctx, b, token); err != nil {
		return err
	}
	v.lose(b.Table)
	return errCrash
}

// TestASinkWhoseIntentWasTakenOverCounts: another sink stored a token in the warehouse without its rows, and crashed.
// The warehouse then answers the sink that recorded the intent that the rows are there.
func TestASinkWhoseIntentWasTakenOverCounts(t *testing.T) {
	w := newWorld(t, testengine.SharedClickHouse(t), "taken_over")
	l, want := traffic(rand.New(rand.NewSource(21)))
	w.append(0, l.messages)
	s := w.sink(0)
	lost := ""
	s.Positions = &stalled{Positions: w.store, meanwhile: func() {
		other := w.sink(0)
		other.Warehouse = &inVain{w.warehouse, func(table string) {
			lost = table
			require.NoError(t, w.warehouse.Conn().Exec(t.Context(), "ALTER TABLE "+table+" DELETE WHERE true SETTINGS mutations_sync = 1"))
		}}
		require.ErrorIs(t, w.run(other, int64(len(l.messages))), errCrash)
	}}
	require.NoError(t, w.run(s, int64(len(l.messages))))
	require.Equal(t, "rated_usage", lost)
	require.Equal(t, want, w.totals())
}
