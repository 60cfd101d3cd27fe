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
