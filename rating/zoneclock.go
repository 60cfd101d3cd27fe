package rating

import (
	"math"
	"time"

	"ratemill/registry"
	"ratemill/udr"
)

// zoneClock converts to local time in one IANA zone. It remembers the offset around the last instant, because a zone
// changes its offset twice a year while records arrive by the million. (time.Time.In and Date take 60 ns and more,
// this takes 2 ns.)
type zoneClock struct {
	zone   *time.Location
	starts []udr.Instant // beginning of each of the catalogue's dates in this zone

	offset   int64 // seconds east of UTC
	from, to udr.Instant
}

func newZoneClock(zone *time.Location, dates []int32) *zoneClock {
	k := &zoneClock{zone: zone, starts: make([]udr.Instant, len(dates))}
	for i, day := range dates {
		k.starts[i] = k.midnight(day)
	}
	return k
}

// local returns the local time in seconds since 1970-01-01, treated as if it were UTC.
func (k *zoneClock) local(at udr.Instant) int64 {
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

// localTime formats a time as the clocks of a zone show it. It adds the offset if the clocks show that time
// twice because they are set back.
func localTime(at udr.Instant, zone *time.Location, layout string) string {
	t := at.Time().In(zone)
	text := t.Format(layout)
	for _, other := range otherTimes(t) {
		if other.Format(layout) == text {
			return text + t.Format(" -07:00")
		}
	}
	return text
}

// otherTimes returns the times that differ from t by the most recent and by the next change of its zone's clocks.
func otherTimes(t time.Time) (others []time.Time) {
	_, offset := t.Zone()
	start, end := t.ZoneBounds()
	for _, beside := range []time.Time{start.Add(-1), end} {
		if _, o := beside.Zone(); !beside.IsZero() && o != offset {
			others = append(others, t.Add(time.Duration(offset-o)*time.Second))
		}
	}
	return others
}

// instantWithin returns t, or the nearest instant that can be represented in nanoseconds.
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

func (k *zoneClock) midnight(day int32) udr.Instant { return registry.Midnight(k.zone, day) }

// cycle returns the billing cycle of an account that contains an instant.
func (k *zoneClock) cycle(at udr.Instant, a *registry.Account) (day int32, start, end udr.Instant) {
	first, next := a.CycleOf(int32(floorDiv(k.local(at), daySeconds)))
	return first, k.midnight(first), k.midnight(next)
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

func floorMod(a, b int64) int64 { return a - floorDiv(a, b)*b }
