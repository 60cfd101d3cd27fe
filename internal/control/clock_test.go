package control_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/internal/control"
)

// A mediator whose machine is a day ahead, as one of an older program, dies with a file.
func TestALeaseOfAClockThatIsADayAheadHoldsUpNobody(t *testing.T) {
	onBoth(t, func(t *testing.T, s, other *control.Store) {
		queues := []control.Queue{{Source: "skylink"}}
		sight(t, s, "skylink", noon, sighting("a.csv", 0), sighting("b.csv", 0))
		_, found, err := s.LeaseNext(t.Context(), queues, "ahead", noon.Add(24*time.Hour), time.Minute)
		require.NoError(t, err)
		require.True(t, found)
		taken, found, err := other.LeaseNext(t.Context(), queues, "m", noon, time.Minute)
		require.NoError(t, err)
		require.True(t, found)
		require.EqualValues(t, 1, taken.File)

		// Clocks that differ by less than a lease take nothing from each other, in whichever direction.
		for _, off := range []time.Duration{-30 * time.Second, 30 * time.Second} {
			_, found, err = s.LeaseNext(t.Context(), queues, "other", noon.Add(off), time.Minute)
			require.NoError(t, err)
			require.False(t, found)
		}
	})
}

func TestTheStoresTimeGoesOnWhileTheStoreIsAway(t *testing.T) {
	onBoth(t, func(t *testing.T, s, other *control.Store) {
		before, err := other.Now(t.Context())
		require.NoError(t, err)
		clock, err := s.Clock(t.Context())
		require.NoError(t, err)
		require.NoError(t, s.Close())
		first := clock.Now()
		require.False(t, first.Before(before.Add(-time.Millisecond)), "%s %s", before, first)
		require.Eventually(t, func() bool { return clock.Now().After(first) }, time.Minute, time.Microsecond)
		after, err := other.Now(t.Context())
		require.NoError(t, err)
		require.False(t, after.Before(first), "%s %s", first, after)
	})
}

func TestATimeOfChangeOf1970AndNoneAreToldApart(t *testing.T) {
	onBoth(t, func(t *testing.T, s, _ *control.Store) {
		epoch, far := time.Unix(0, 0).UTC(), time.Unix(0, 1<<63-1).UTC()
		var entries []control.Sighting
		for _, mtime := range []time.Time{{}, epoch, far} {
			entries = append(entries, control.Sighting{Path: "a.csv", Size: 1, MTime: mtime})
		}
		require.Equal(t, 3, sight(t, s, "skylink", noon, entries...))
		require.Zero(t, sight(t, s, "skylink", noon, entries...))
		files, err := s.Files(t.Context(), control.FileFilter{})
		require.NoError(t, err)
		for i, f := range files {
			require.True(t, f.MTime.Equal(entries[i].MTime), "%s", f.MTime)
		}
	})
}
