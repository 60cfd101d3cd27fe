package rater

import (
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/decimal"
	"ratemill/internal/broker"
	"ratemill/rating"
)

func sessionOf(last, quantity int64) rating.Session {
	return rating.Session{Quantity: quantity, Rounded: quantity, Priced: quantity, Sum: decimal.FromInt(quantity),
		Charged: decimal.FromInt(quantity), Last: last, Within: 3600}
}

// known is the list of sessions that an owner knows.
func known(o *Owner) map[rating.SessionKey]rating.Session {
	all := map[rating.SessionKey]rating.Session{}
	o.state.counters.Sessions.Range(func(k rating.SessionKey, s *rating.Session) bool { all[k] = *s; return true })
	return all
}

// A new owner knows the sessions that the former owner wrote, however a compaction left their entries. It forgets a
// session, with its entry, if both the clock and the usage that has come say that it is over, and keeps it if only one
// of them does.
func TestSessionsOutliveTheirOwnerUntilTheyAreOver(t *testing.T) {
	l := logs{}
	o := ownerOf(l, 1)
	require.NoError(t, o.take(t.Context()))
	old, late, open := rating.SessionKey{ID: 1, SIM: 7}, rating.SessionKey{ID: 2, SIM: 7}, rating.SessionKey{ID: 1, SIM: 8}
	apply := func(o *Owner, k rating.SessionKey, s rating.Session) {
		o.state.counters.Sessions.Apply(&rating.SessionState{Key: k, Session: s})
	}
	apply(o, old, sessionOf(testNow-20_000, 5))
	apply(o, late, sessionOf(testNow-9_000, 6))
	o.sweepNow(t)
	require.Len(t, known(o), 2, "both are over by the clock, and no usage says so")

	next := ownerOf(l, 2)
	require.NoError(t, next.take(t.Context()))
	require.Equal(t, known(o), known(next))
	apply(next, late, sessionOf(testNow-8_000, 9))
	next.sweepNow(t)
	require.Equal(t, map[rating.SessionKey]rating.Session{late: sessionOf(testNow-8_000, 9)}, known(next),
		"the other is over by what has come")
	apply(next, open, sessionOf(testNow+50_000, 1)) // a carrier's clock that runs ahead
	next.sweepNow(t)
	require.Len(t, known(next), 2, "the hour was looked at")
	next.Clock.(*still).at += 3600
	apply(next, open, sessionOf(testNow+50_001, 2))
	next.sweepNow(t)
	require.Equal(t, map[rating.SessionKey]rating.Session{open: sessionOf(testNow+50_001, 2)}, known(next))
	next.Clock.(*still).at += 3600
	apply(next, open, sessionOf(testNow+50_002, 3))
	next.sweepNow(t)

	l.compact(next.Topics.Checkpoint)
	last := ownerOf(l, 3)
	require.NoError(t, last.take(t.Context()))
	require.Equal(t, known(next), known(last))
}

func TestASessionsEntryThatNobodyWroteStopsTheRestore(t *testing.T) {
	o := &Owner{epoch: 4, state: newState(0)}
	low := lowWater{input: -1}
	k := rating.SessionKey{ID: 0x0102, SIM: 42}
	s := sessionOf(testNow, 5)
	good := rating.AppendSession(value(100), &s)
	key := keyOf(partsPart(k), 3)
	require.NoError(t, o.restoreEntry(t.Context(), &broker.Message{Key: key, Value: good}, &low))
	require.Equal(t, map[rating.SessionKey]rating.Session{k: s}, known(o))
	for _, m := range []broker.Message{
		{Key: key, Value: good[:8]}, {Key: key, Value: good[:len(good)-1]}, {Key: key[:len(key)-1], Value: good},
		{Key: key, Value: append(value(100), 8, 5)}, // a quantity that is not rounded
	} {
		require.Error(t, o.restoreEntry(t.Context(), &m, &low), "%x %x", m.Key, m.Value)
	}
}
