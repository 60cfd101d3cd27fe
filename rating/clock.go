package rating

import (
	"math"
	"time"

	"ratemill/udr"
)

// clock reads local time in one IANA zone. It remembers the offset that holds around the last instant: a zone changes
// its offset twice a year, records come by the million. (time.Time.In and Date are 60 ns and more, this is 2.)
type clock struct {
	zone   *time.Location
	starts []udr.Instant // when each of the catalogue's dates begins here

	offset   int64 // seconds east of UTC
	from, to udr.Instant
}

func newClock(zone *time.Location, dates []int32) *clock {
	k := &clock{zone: zone, starts: make([]udr.Instant, len(dates))}
	for i, day := range dates {
		k.starts[i] = k.midnight(day)
	}
	return k
}

// local is the local time in seconds, as if it were seconds since 1970-01-01 in UTC.
func (k *clock) local(at udr.Instant) int64 {
	if at < k.from || at >= k.to {
		t := at.Time().In(k.zone)
		_, offset := t.Zone()
		start, end := t.ZoneBounds()
		k.offset, k.from, k.to = int64(offset), math.MinInt64, math.MaxInt64
		if !start.IsZero() {
			k.from = instantWithin(start)
		}
		if !end.IsZero() {
			k.to = instantWithin(end)
		}
	}
	return floorDiv(int64(at), int64(time.Second)) + k.offset
}

// instantWithin is t, or the nearest instant that can be said in nanoseconds.
func instantWithin(t time.Time) udr.Instant {
	switch seconds := t.Unix(); {
	case seconds <= math.MinInt64/int64(time.Second):
		return math.MinInt64
	case seconds >= math.MaxInt64/int64(time.Second):
		return math.MaxInt64
	}
	return udr.InstantOf(t)
}

// secondOfWeek counts from Monday 00:00 local time.
func secondOfWeek(local int64) int32 {
	return int32(floorMod(local+3*daySeconds, weekSeconds)) // 1970-01-01 was a Thursday
}

// midnight is the first instant of a local date. Where clocks go forward at midnight the date begins later than 00:00;
// where they go back over midnight the earlier of two is meant.
func (k *clock) midnight(day int32) udr.Instant {
	wanted := int64(day) * daySeconds
	// No zone is more than 15 hours from UTC, so these two offsets are those before and after a change near midnight.
	best := int64(math.MaxInt64)
	for _, probe := range [...]int64{wanted - 16*3600, wanted + 16*3600} {
		_, offset := time.Unix(probe, 0).In(k.zone).Zone()
		t := time.Unix(wanted-int64(offset), 0).In(k.zone)
		if _, actual := t.Zone(); actual == offset {
			best = min(best, t.Unix())
		}
	}
	if best == math.MaxInt64 {
		// 00:00 does not exist: the date begins where the clocks jumped.
		start, _ := time.Unix(wanted+16*3600, 0).In(k.zone).ZoneBounds()
		best = start.Unix()
	}
	return udr.Instant(best * int64(time.Second))
}

// cycle is the billing period around an instant: it begins at midnight of the account's cycle day, or of the month's
// last day in shorter months.
func (k *clock) cycle(at udr.Instant, cycleDay int) (day int32, start, end udr.Instant) {
	date := time.Unix(k.local(at), 0).UTC()
	year, month := date.Year(), date.Month()
	first := cycleStart(year, month, cycleDay)
	if int32(floorDiv(date.Unix(), daySeconds)) < first {
		month--
		first = cycleStart(year, month, cycleDay)
	}
	return first, k.midnight(first), k.midnight(cycleStart(year, month+1, cycleDay))
}

func cycleStart(year int, month time.Month, cycleDay int) int32 {
	last := time.Date(year, month+1, 0, 0, 0, 0, 0, time.UTC)
	day := min(max(cycleDay, 1), last.Day())
	return int32(floorDiv(last.Unix(), daySeconds)) - int32(last.Day()-day)
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

func floorMod(a, b int64) int64 { return a - floorDiv(a, b)*b }
