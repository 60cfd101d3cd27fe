package rater

import (
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/internal/broker"
	"ratemill/internal/ratedlog"
	"ratemill/rating"
	"ratemill/rules"
)

// Usage that a source accepts by default finds its counters, whatever late_until says.
func TestCountersAreKeptLongerThanUsageIsTaken(t *testing.T) {
	back := reflect.TypeOf(rules.Times{})
	field, ok := back.FieldByName("Back")
	require.True(t, ok)
	days, err := strconv.Atoi(strings.TrimSuffix(field.Tag.Get("default"), "d"))
	require.NoError(t, err)
	require.GreaterOrEqual(t, int(rating.DaysKept(1)), days+31+61)
	require.EqualValues(t, 500, rating.DaysKept(12), "as former ratemills kept them")
	require.EqualValues(t, 25*31+93, rating.DaysKept(24))
}

// No owner starts a cycle at zero whose counters were forgotten: neither one that restores them from checkpoints, nor
// one that runs after somebody set a longer late_until.
func TestWhatWasForgottenIsRememberedAsForgotten(t *testing.T) {
	l := logs{}
	o := ownerOf(l, 1)
	o.DaysKept = 500
	require.NoError(t, o.take(t.Context()))
	today := int32(testNow / 86400)
	count := func(o *Owner, cycle int32) {
		o.state.counters.ApplyAt(rating.Delta{Key: rating.CounterKey{ID: 1, Owner: 7, Cycle: cycle, Kind: rating.AccountUnits},
			Value: rating.UnitsValue(5)}, o.known)
		l.Append(t.Context(), broker.TopicsUnder("test").Rated, 0, []broker.Message{{Value: ratedlog.AppendMark(nil, o.epoch)}})
		o.known++
	}
	count(o, today)
	count(o, today-499)
	count(o, today-501)
	o.sweepNow(t)
	require.Equal(t, today-500, o.state.counters.Forgotten())
	o.Clock.(*still).at += 86400
	count(o, today+1)
	o.sweepNow(t)
	require.Equal(t, today-499, o.state.counters.Forgotten())
	require.Equal(t, 3, o.state.counters.Len())

	next := ownerOf(l, o.epoch+1)
	next.DaysKept = 0
	require.NoError(t, next.take(t.Context()))
	require.Equal(t, today-499, next.state.counters.Forgotten(), "the low-water mark says it")
	count(next, today+2)
	next.sweepNow(t)
	third := ownerOf(l, next.epoch+1)
	require.NoError(t, third.take(t.Context()))
	require.Equal(t, today-499, third.state.counters.Forgotten(), "an owner that forgets nothing goes on saying it")
}

// The units of SIMs in cycles that are no longer counted stay as long as a catalogue lets them roll over. An owner that has not rated
// yet keeps them, and no owner takes those for unused that an earlier one, perhaps of an earlier version, has forgotten.
func TestUnitsThatMayRollOverAreKeptLonger(t *testing.T) {
	l := logs{}
	o := ownerOf(l, 1)
	require.NoError(t, o.take(t.Context()))
	today := int32(testNow / 86400)
	units := func(cycle int32) rating.CounterKey {
		return rating.CounterKey{ID: 1, Owner: 7, Cycle: cycle, Kind: rating.SIMUnits | 64}
	}
	for _, day := range []int32{today, today - 501, today - 500 - 2*31, today - 501 - 2*31} {
		o.state.counters.Restore(units(day), rating.UnitsValue(5), 0)
	}
	sweepAgain := func() {
		o.state.counters.ApplyAt(rating.Delta{Key: units(today), Value: rating.UnitsValue(1)}, o.known)
		l.Append(t.Context(), broker.TopicsUnder("test").Rated, 0, []broker.Message{{Value: ratedlog.AppendMark(nil, o.epoch)}})
		o.known++
		o.lookedAt = 0
		o.sweepNow(t)
	}
	sweepAgain()
	require.Equal(t, 4, o.state.counters.Len(), "no catalogue is known yet")
	require.Equal(t, today-500-rating.MostDaysRolled, o.state.counters.Unrolled())

	o.rolled, o.engines = 2*31, map[string]*rating.Engine{"rolls": nil}
	sweepAgain()
	require.Equal(t, 3, o.state.counters.Len())
	require.Equal(t, []int32{today - 500, today - 500 - 2*31}, []int32{o.state.counters.Forgotten(), o.state.counters.Unrolled()})

	o.rolled = 0
	sweepAgain()
	require.Equal(t, 1, o.state.counters.Len(), "without rollover nothing is kept longer")
	o.rolled = 2 * 31
	sweepAgain()
	require.Equal(t, today-500, o.state.counters.Unrolled(), "what is gone does not come back")

	next := ownerOf(l, o.epoch+1)
	require.NoError(t, next.take(t.Context()))
	require.Equal(t, today-500, next.state.counters.Unrolled(), "the low-water mark says it")
	entry := func(fields ...int64) *broker.Message {
		return &broker.Message{Key: keyOf([]byte{lowEntry}, 1), Value: value(fields[0], fields[1:]...)}
	}
	require.NoError(t, next.restoreEntry(t.Context(), entry(0, 0, 1, int64(today-400)), &lowWater{}))
	require.Equal(t, today-400, next.state.counters.Unrolled(), "an earlier version forgot them all")
	require.NoError(t, next.restoreEntry(t.Context(), entry(0, 0, 1, int64(today-300), int64(today-350)), &lowWater{}))
	require.Equal(t, []int32{today - 300, today - 350}, []int32{next.state.counters.Forgotten(), next.state.counters.Unrolled()})
}
