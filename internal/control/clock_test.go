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

// The clock of the store was a day ahead when files failed or were to wait, and was then set right.
func TestAPauseOfAClockThatWasADayAheadHoldsUpNobody(t *testing.T) {
	onBoth(t, func(t *testing.T, s, other *control.Store) {
		ctx := t.Context()
		ahead := func(d time.Duration) time.Time { return noon.Add(24*time.Hour + d) }
		sight(t, s, "skylink", noon, sighting("a.csv", 0), sighting("b.csv", 0), sighting("c.csv", 0))
		require.NoError(t, s.Fail(ctx, lease(t, s, "m", ahead(0)), "refused", ahead(time.Minute), ahead(0)))
		require.NoError(t, s.Postpone(ctx, lease(t, s, "m", ahead(1)), "it looks unfinished", time.Minute, ahead(1)))
		done := lease(t, s, "m", ahead(2))
		require.NoError(t, s.Finish(ctx, done, control.Progress{}, ahead(2)))
		require.NoError(t, s.AfterFailed(ctx, done.File, "permission denied", time.Minute, ahead(2)))
		queues := []control.Queue{{Source: "skylink", Parallel: true}}
		for _, at := range []time.Time{ahead(time.Second), noon.Add(24*time.Hour - 30*time.Second)} { // clocks that differ by less than a pause
			_, found, err := other.LeaseNext(ctx, queues, "early", at, time.Minute)
			require.NoError(t, err)
			require.False(t, found)
			require.Empty(t, after(t, other, at))
		}

		require.Equal(t, []string{"c.csv"}, after(t, other, noon))
		for _, number := range []int64{1, 2} {
			require.Equal(t, number, lease(t, other, "m", noon).File)
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
