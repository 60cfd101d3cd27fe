package control_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/internal/control"
)

func TestAStopIsOrderedOnceAndForWhatWasLookedAt(t *testing.T) {
	onBoth(t, func(t *testing.T, s, other *control.Store) {
		ctx, partition := t.Context(), 3
		stop := &control.Stop{Topic: "usage", Partition: partition, Offset: 5_000_000_000, Kind: control.StopMessage, Hash: control.HashOf([]byte("poison")),
			Role: "rating", Process: "p1", Reason: "damaged", Message: []byte("poison")}
		require.NoError(t, s.RecordStop(ctx, stop, at(0)))
		require.NoError(t, other.RecordStop(ctx, stop, at(1))) // the next owner meets it too
		open, err := s.Stops(ctx, control.StopFilter{Topic: "usage", Partition: &partition, Offset: &stop.Offset, Open: true})
		require.NoError(t, err)
		require.Len(t, open, 1)
		require.Equal(t, []any{at(0), at(1), "poison", false}, []any{open[0].First, open[0].Last, string(open[0].Message), open[0].Skip})
		none, err := s.Skips(ctx, "usage", partition)
		require.NoError(t, err)
		require.Empty(t, none)
		orders, err := s.StopOrders(ctx, partition, "usage", "rated")
		require.NoError(t, err)
		require.Zero(t, orders)

		another := open[0]
		another.Hash = control.HashOf([]byte("another"))
		require.ErrorIs(t, s.OrderStop(ctx, &another, true, "ana", "test", at(2)), control.ErrConflict)
		require.NoError(t, s.OrderStop(ctx, &open[0], false, "ana", "look again", at(2)))
		require.ErrorIs(t, other.OrderStop(ctx, &open[0], true, "bob", "not as I read it", at(2)), control.ErrConflict)
		open, err = other.Stops(ctx, control.StopFilter{Open: true})
		require.NoError(t, err)
		require.NoError(t, other.OrderStop(ctx, &open[0], true, "bob", "broken test message", at(3)))
		skips, err := s.Skips(ctx, "usage", partition)
		require.NoError(t, err)
		require.Len(t, skips, 1)
		require.Equal(t, []any{"bob", "broken test message", at(3), int64(2)}, []any{skips[0].Who, skips[0].Why, skips[0].Ordered, skips[0].Version})
		require.ErrorIs(t, s.OrderStop(ctx, &skips[0], true, "ana", "again", at(4)), control.ErrSkipped)
		orders, err = s.StopOrders(ctx, partition, "usage", "rated")
		require.NoError(t, err)
		require.EqualValues(t, 2, orders)

		require.NoError(t, s.RecordStop(ctx, stop, at(5))) // an owner that began before the order
		require.NoError(t, s.CloseStops(ctx, "usage", partition, stop.Offset, at(6)))
		open, err = s.Stops(ctx, control.StopFilter{Open: true})
		require.NoError(t, err)
		require.Len(t, open, 1)
		require.NoError(t, s.CloseStops(ctx, "usage", partition, stop.Offset+1, at(7)))
		open, err = s.Stops(ctx, control.StopFilter{Open: true})
		require.NoError(t, err)
		require.Empty(t, open)
		skips, err = s.Skips(ctx, "usage", partition) // who restores from before it meets it again
		require.NoError(t, err)
		require.Len(t, skips, 1)
	})
}
