package rating

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/registry"
	"ratemill/udr"
)

func TestPeriodsFollowTheLocalClockAlsoWhenItChanges(t *testing.T) {
	madrid, err := time.LoadLocation("Europe/Madrid")
	require.NoError(t, err)
	e := &Engine{}
	contracted := int32(time.Date(2024, 2, 29, 0, 0, 0, 0, time.UTC).Unix() / daySeconds)
	for _, x := range []struct {
		per       period
		at        string
		date, end string // of the local date of its beginning, and of its end
		length    time.Duration
	}{
		{perDay, "2026-03-29T12:00:00+02:00", "2026-03-29", "2026-03-30T00:00:00+02:00", 23 * time.Hour},
		{perDay, "2026-10-25T02:30:00+01:00", "2026-10-25", "2026-10-26T00:00:00+01:00", 25 * time.Hour},
		{perWeek, "2026-03-29T23:59:59+02:00", "2026-03-23", "2026-03-30T00:00:00+02:00", 7*24*time.Hour - time.Hour},
		{perWeek, "2026-03-30T00:00:00+02:00", "2026-03-30", "2026-04-06T00:00:00+02:00", 7 * 24 * time.Hour},
		{perMonth, "2026-10-31T23:00:00+01:00", "2026-10-01", "2026-11-01T00:00:00+01:00", 31*24*time.Hour + time.Hour},
		{perYear, "2026-02-27T23:00:00+01:00", "2025-02-28", "2026-02-28T00:00:00+01:00", 365 * 24 * time.Hour},
		{perYear, "2028-02-29T00:00:00+01:00", "2028-02-29", "2029-02-28T00:00:00+01:00", 365 * 24 * time.Hour},
		{perHour, "2026-10-25T02:30:00+02:00", "2026-10-25", "2026-10-25T02:00:00+01:00", time.Hour},
		{perHour, "2026-10-25T02:30:00+01:00", "2026-10-25", "2026-10-25T03:00:00+01:00", time.Hour},
	} {
		moment, err := time.Parse(time.RFC3339, x.at)
		require.NoError(t, err)
		at := udr.InstantOf(moment)
		clock := newZoneClock(madrid, nil)
		day, _ := clock.date(x.per, at, contracted)
		require.Equal(t, x.date, date(day), "%s at %s", x.per, x.at)
		var start, end udr.Instant
		if x.per == perHour {
			start, end = e.span(&payer{clock: clock}, x.per, at)
		} else {
			start, end = clock.midnight(day), clock.midnight(x.per.next(day, contracted))
		}
		require.Equal(t, x.end, end.Time().In(madrid).Format(time.RFC3339), "%s at %s", x.per, x.at)
		require.Equal(t, x.length, time.Duration(end-start), "%s at %s", x.per, x.at)
	}
}

// Counters of two periods that begin on the same date are two, an hour that the clock repeats as well, and those of cycles
// have the keys that they had before there were other periods.
func TestEachPeriodHasItsCounter(t *testing.T) {
	clock := newZoneClock(time.FixedZone("", 3600), nil)
	p := &payer{number: 7, clock: clock, cycle: 20454, facts: &registry.Account{}}
	w := tally{id: 5, kind: AccountUnits, payer: p}
	e := &Engine{}
	require.Equal(t, CounterKey{ID: mixID(5, 3), Owner: 7, Cycle: 20454, Kind: AccountUnits | ofRoot}, w.key(3, 0))
	at := udr.InstantOf(time.Date(2026, 6, 1, 0, 0, 0, 0, clock.zone)) // a Monday
	seen := map[CounterKey]period{}
	for per := perCycle; per <= perMonth; per++ {
		in := w
		e.during(&in, per, at)
		k := in.key(3, 0)
		require.NotContains(t, seen, k)
		require.NoError(t, k.check())
		require.Equal(t, AccountUnits, k.Kind.plain())
		seen[k] = per
	}
	first, again := w, w
	e.during(&first, perHour, at)
	e.during(&again, perHour, at+udr.Instant(time.Hour))
	require.NotEqual(t, first.key(3, 0), again.key(3, 0))
}

func TestACounterIsKeptWhileUsageOfItsPeriodMayCome(t *testing.T) {
	c := NewCounters()
	for _, k := range []CounterKey{{1, 1, 20000, AccountUnits}, {2, 1, 19994, AccountUnits | ofWeek}, {3, 1, 19970, AccountUnits | ofMonth},
		{4, 1, 19635, AccountUnits | ofYear}} {
		c.Restore(k, UnitsValue(1), 0)
	}
	c.Forget(20000, 0, func(k CounterKey) { require.Fail(t, "usage of that day still needs it", "%v", k) })
	gone := 0
	c.Forget(20400, 0, func(CounterKey) { gone++ })
	require.Equal(t, 4, gone)
}
