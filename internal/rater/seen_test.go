package rater

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/internal/proof/seeds"
	"ratemill/internal/ratedlog"
	"ratemill/udr"
)

const (
	keyDay  = 86400
	keyWeek = 7 * keyDay
)

// A carrier that appends to a file sends each record again and again. Owners remember its key for as long as the window
// from its last arrival, even after a restore.
func TestTheWindowOfAKeyRunsFromTheLastTimeThatItsRecordCame(t *testing.T) {
	l := logs{}
	o := ownerOf(l, 1)
	require.NoError(t, o.take(t.Context()))
	at := udr.Instant(testNow * 1e9)
	h, key := hourOf("asterisk", at), udr.DuplicateKey{1, 2, 3}
	o.state.seen.Add(h, dated(key, at), testNow, keyWeek)
	for day := int64(1); day <= 20; day++ {
		require.True(t, o.state.came(h, key, at, testNow+day*keyDay, keyWeek), "day %d", day)
		o.state.seen.forget(testNow+day*keyDay, math.MaxInt64, func(blockID) {})
	}
	o.sweepNow(t)
	next := ownerOf(l, 2)
	require.NoError(t, next.take(t.Context()))
	next.state.seen.forget(testNow+(20+7)*keyDay, math.MaxInt64, func(blockID) {})
	require.True(t, next.state.came(h, key, at, testNow+27*keyDay, keyWeek), "day 27 is within a week of day 20")
	next.state.seen.dirty, next.state.seen.hours[h].blocks[0].dirty = nil, false
	next.state.seen.forget(testNow+(27+7+2)*keyDay, math.MaxInt64, func(blockID) {})
	require.False(t, next.state.came(h, key, at, testNow+36*keyDay, keyWeek))
}

// Two records with the same id within an hour are two records if their times differ.
func TestTheTimeOfUseBelongsToAKey(t *testing.T) {
	s := newState(0)
	noon := udr.Instant(testNow * 1e9)
	h, key := hourOf("sky", noon), udr.DuplicateKey{4}
	s.seen.Add(h, dated(key, noon), testNow, keyDay)
	require.True(t, s.came(h, key, noon, testNow, keyDay))
	require.False(t, s.came(h, key, noon+1e9, testNow, keyDay))
	require.Equal(t, hourOf("sky", noon+1e9), h)

	// Keys that a former ratemill left contain only the hour of use, and are remembered unchanged.
	s.undated.restore(blockID{hour: h}, testNow, keyDay, append([]byte{5}, make([]byte, 11)...))
	require.True(t, s.came(h, udr.DuplicateKey{5}, noon+1e9, testNow, keyDay))
}

// If a machine's clock is a year ahead during a sweep, the sweep forgets no key of a record that may still come again.
func TestAClockThatRunsAheadForgetsNoKeys(t *testing.T) {
	o := ownerOf(logs{}, 1)
	require.NoError(t, o.take(t.Context()))
	at := udr.Instant(testNow * 1e9)
	h, key := hourOf("sky", at), udr.DuplicateKey{4}
	o.state.seen.Add(h, dated(key, at), testNow, keyDay)
	o.sweepNow(t)
	o.Clock.(*still).at += 365 * keyDay
	require.NoError(t, o.beginSweep(t.Context()))
	require.True(t, o.state.came(h, key, at, testNow, keyDay))
}

// An owner that restores reads in the rated log that a record came again, and remembers its key for the whole window
// from then on.
func TestARestoreReadsThatARecordCameAgain(t *testing.T) {
	at := udr.Instant(testNow * 1e9)
	u := udr.Usage{Seq: 1, Class: "data", Quantity: 1, At: at, Duplicate: udr.DuplicateKey{7}}
	message := udr.AppendUsage(nil, &u)
	s := newState(0)
	h, key := hourOf("sky", at), dated(u.Duplicate, at)
	rated := ratedlog.Batch{Pin: udr.Pin{Source: "sky", DuplicateWithin: keyWeek}, Rated: []ratedlog.RatedRecord{{Usage: message}}}
	require.NoError(t, s.apply(&rated, 1, testNow))
	again := ratedlog.Batch{Pin: udr.Pin{Source: "sky", DuplicateWithin: keyWeek}, Duplicate: [][]byte{message}}
	require.NoError(t, s.apply(&again, 2, testNow+6*keyDay))
	for _, b := range s.seen.hours {
		b.blocks[0].dirty = false
	}
	s.seen.forget(testNow+12*keyDay, math.MaxInt64, func(blockID) {})
	require.True(t, s.seen.Has(h, key), "day 12 is within a week of day 6")
	s.seen.forget(testNow+14*keyDay, math.MaxInt64, func(blockID) {})
	require.False(t, s.seen.Has(h, key))
}

// Records of one hour and source come again and again, at any time. An owner that forgets from time to time knows each
// for as long as the window from its last arrival, and none for much longer after the window of the last record of the
// hour is over.
func TestAKeyIsKnownForItsWindowHoweverItsRecordComes(t *testing.T) {
	for seed := range seeds.Each(t, 100, 100) {
		require.Empty(t, keysCome(seed), "seed %d", seed)
	}
}

func keysCome(seed uint64) (wrong string) {
	rng := rand.New(rand.NewPCG(seed, 5))
	s := newState(0)
	at := udr.Instant(testNow * 1e9)
	h, last, now := hourOf("sky", at), map[udr.DuplicateKey]int64{}, int64(testNow)
	for range 60 {
		now += rng.Int64N(keyWeek / 2)
		s.seen.dirty = nil
		for _, b := range s.seen.hours {
			for i := range b.blocks {
				b.blocks[i].dirty = false // a sweep has written it
			}
		}
		s.seen.forget(now, math.MaxInt64, func(blockID) {})
		key := udr.DuplicateKey{byte(rng.IntN(3))}
		before, came := last[key]
		known := s.came(h, key, at, now, keyWeek)
		if came && now-before <= keyWeek && !known {
			return fmt.Sprintf("a record that came %d h ago is not known", (now-before)/3600)
		}
		newest := int64(0)
		for _, at := range last {
			newest = max(newest, at)
		}
		if known && now-newest > keyWeek+keyWeek/4 {
			return fmt.Sprintf("a record is known though none has come for %d h", (now-newest)/3600)
		}
		if last[key] = now; !known {
			s.seen.Add(h, dated(key, at), now, keyWeek)
		}
	}
	return ""
}
