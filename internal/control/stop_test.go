package control_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/internal/control"
)

func TestAStopIsOrderedOnceAndForWhatWasLookedAt(t *testing.T) {
	onBoth(t, func(t *testing.T, s, other *control.Store) {
		ctx, partition := t.Context(), 3
		stop := &control.Stop{Topic: "usage", Partition: partition, Offset: 5_000_000_000, Kind: control.StopMessage,
			Hash: control.HashOf([]byte("poison")),
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
		require.Equal(t, []any{"bob", "broken test message", at(3), int64(2)}, []any{skips[0].Who, skips[0].Why, skips[0].Ordered,
			skips[0].Version})
		require.ErrorIs(t, s.OrderStop(ctx, &skips[0], true, "ana", "again", at(4)), control.ErrSkipped)
		orders, err = s.StopOrders(ctx, partition, "usage", "rated")
		require.NoError(t, err)
		require.EqualValues(t, 2, orders)

		require.NoError(t, s.RecordStop(ctx, stop, at(5))) // an owner that began before the order
		require.NoError(t, s.CloseStop(ctx, stop, at(7)))
		open, err = s.Stops(ctx, control.StopFilter{Open: true})
		require.NoError(t, err)
		require.Empty(t, open)
		skips, err = s.Skips(ctx, "usage", partition) // who restores from before it meets it again
		require.NoError(t, err)
		require.Len(t, skips, 1)
	})
}

func TestEachReaderHasAStopOfItsOwn(t *testing.T) {
	onBoth(t, func(t *testing.T, s, other *control.Store) {
		ctx := t.Context()
		sink := &control.Stop{Topic: "rated", Partition: 3, Offset: 8, Kind: control.StopMessage, Hash: control.HashOf([]byte("poison")),
			Role: "warehouse", Process: "p1", Reason: "damaged", Message: []byte("poison")}
		rater := *sink
		rater.Role, rater.Process, rater.Reason = "rating", "p2", "cannot be folded"
		require.NoError(t, s.RecordStop(ctx, sink, at(0)))
		require.NoError(t, other.RecordStop(ctx, &rater, at(1)))
		open, err := s.Stops(ctx, control.StopFilter{Topic: "rated", Open: true})
		require.NoError(t, err)
		require.Len(t, open, 2)
		require.Equal(t, []any{"warehouse", "p1", "damaged", at(0), at(0)}, []any{open[0].Role, open[0].Process, open[0].Reason, open[0].First,
			open[0].Last})
		require.Equal(t, []any{"rating", "p2", "cannot be folded", at(1), at(1)}, []any{open[1].Role, open[1].Process, open[1].Reason,
			open[1].First, open[1].Last})

		beyond := func(string) int64 { return 9 }
		require.NoError(t, s.OrderStop(ctx, &open[1], true, "ana", "not ours", at(2)))
		passed := control.PassedStops(open, "rating", beyond)
		require.Len(t, passed, 1)
		require.NoError(t, other.CloseStop(ctx, &passed[0], at(3)))
		open, err = s.Stops(ctx, control.StopFilter{Topic: "rated", Open: true})
		require.NoError(t, err)
		require.Len(t, open, 1, "the rater has gone on, the sink has not")
		require.Equal(t, []any{"warehouse", true, "ana", "rating"}, []any{open[0].Role, open[0].Skip, open[0].Who, open[0].OrderedFor},
			"the order is about the message")
		require.Empty(t, control.PassedStops(open, "rating", beyond))
		require.Empty(t, control.PassedStops(open, "warehouse", func(string) int64 { return 8 }))
		require.NoError(t, s.CloseStop(ctx, &control.PassedStops(open, "warehouse", beyond)[0], at(4)))
		all, err := s.Stops(ctx, control.StopFilter{Topic: "rated"})
		require.NoError(t, err)
		require.Equal(t, []any{2, at(4), at(3)}, []any{len(all), all[0].Closed, all[1].Closed})
	})
}

func TestTheOriginOfAnEpochIsKept(t *testing.T) {
	onBoth(t, func(t *testing.T, s, other *control.Store) {
		ctx := t.Context()
		given, err := s.NextEpoch(ctx, "rated", 3, 0)
		require.NoError(t, err)
		stop := &control.Stop{Topic: "rated", Partition: 3, Offset: 8, Kind: control.StopEpoch, Hash: control.HashOf([]byte("mark")),
			Role: "warehouse", Process: "p1", Message: []byte("mark")}
		origin := func(s *control.Store, epoch int64, stop *control.Stop) control.EpochOrigin {
			is, err := s.EpochOrigin(ctx, "rated", 3, epoch, stop, at(1))
			require.NoError(t, err)
			return is
		}
		require.Equal(t, control.EpochGiven, origin(s, given, stop))
		require.Equal(t, control.EpochAhead, origin(s, given+1, stop))
		require.Equal(t, control.EpochAhead, origin(s, given+control.FarAhead, stop))
		require.Equal(t, control.EpochForeign, origin(s, given+control.FarAhead+1, nil))
		require.Equal(t, control.EpochAhead, origin(s, given+1, stop), "nothing was kept")
		require.Equal(t, control.EpochForeign, origin(s, 1<<62, stop))
		require.Equal(t, control.EpochForeign, origin(s, 1<<62, stop))
		require.Equal(t, control.EpochForeign, origin(other, given, stop), "the first answer is kept, though owners come to the epoch")

		all, err := s.Stops(ctx, control.StopFilter{Topic: "rated"})
		require.NoError(t, err)
		require.Len(t, all, 1)
		require.Equal(t, []any{"warehouse", true, "ratemill",
			"epoch 4611686018427387904 was never assigned: the newest that this control store assigned is 1"},
			[]any{all[0].Role, all[0].Skip, all[0].Who, all[0].Why})
		require.False(t, all[0].Closed.IsZero(), "nobody stands there")
		skips, err := other.Skips(ctx, "rated", 3)
		require.NoError(t, err)
		require.Len(t, skips, 1)
	})
}
