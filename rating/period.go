package rating

import (
	"time"

	"ratemill/udr"
)

// period is the time that a counter covers before it restarts at zero: a billing cycle of its owner, or another
// length of time by the owner's clock. Days, weeks, months and years begin on local dates, so a day on which
// clocks change is one day too.
type period uint8

// The periods.
const (
	perCycle period = iota
	perHour         // an hour of the local clock
	perDay
	perWeek  // from Monday
	perMonth // of the calendar
	perYear  // a year of the account's contract
)

var periodNames = []string{"cycle", "hour", "day", "week", "month", "contract year"}

func (p period) String() string {
	if int(p) < len(periodNames) {
		return periodNames[p]
	}
	return "period"
}

// The marks of counters whose period is not a cycle. Such a period may begin before the cycle of its usage, by at
// most its own length. The mark tells how much longer rating keeps the counter.
const (
	ofWeek  CounterKind = 1 << 4 // an hour, a day or a week
	ofMonth CounterKind = 2 << 4
	ofYear  CounterKind = 3 << 4
	ofSpan              = ofYear // a mask with the bits of all these marks
)

var spanMarks = [...]CounterKind{perHour: ofWeek, perDay: ofWeek, perWeek: ofWeek, perMonth: ofMonth, perYear: ofYear}

// daysLonger returns the number of days by which the period of a counter may begin before the cycle of its usage.
func (k CounterKind) daysLonger() int32 { return [...]int32{0, 7, 31, 366}[k>>4&3] }

// during makes w count in the period that contains a time.
func (e *Engine) during(w *tally, per period, at udr.Instant) {
	if per != perCycle {
		e.inPeriod(w, per, at)
	}
}

func (e *Engine) inPeriod(w *tally, per period, at udr.Instant) {
	w.period = per
	w.date, w.hour = w.payer.clock.date(per, at, e.contracted(w.payer, per, at))
}

// contracted returns the first day of the contract from which the years of an account are counted.
func (e *Engine) contracted(p *payer, per period, at udr.Instant) int32 {
	if per != perYear {
		return 0
	}
	return e.view.Contracted(p.number, at, e.rev)
}

// date returns the local date on which the period that contains a time begins, in days since 1970-01-01. For an hour,
// it also returns a number that distinguishes the hour from the others of that date; an hour that clocks repeat
// counts as two.
func (k *zoneClock) date(per period, at udr.Instant, contracted int32) (date int32, hour uint32) {
	local := k.local(at)
	date = int32(floorDiv(local, daySeconds))
	switch per {
	case perHour:
		hour = uint32(floorMod(local, daySeconds)/3600) | uint32(k.offset+daySeconds)<<5
	case perWeek:
		date -= int32(floorMod(int64(date)+3, 7)) // 1970-01-01 was a Thursday
	case perMonth:
		date -= int32(time.Unix(local, 0).UTC().Day()) - 1
	case perYear:
		date = yearOf(date, contracted)
	}
	return date, hour
}

// yearOf returns the first date of the year that contains a date, with years counted from another date. If a
// contract began on 29 February, its later years begin on 28 February unless they are leap years, like the months
// of a contract.
func yearOf(date, from int32) int32 {
	year := time.Unix(int64(date)*daySeconds, 0).UTC().Year()
	if first := anniversary(from, year); first <= date {
		return first
	}
	return anniversary(from, year-1)
}

// anniversary returns the same day and month in another year, or the last day of the month if that
// day does not exist.
func anniversary(of int32, year int) int32 {
	_, month, day := time.Unix(int64(of)*daySeconds, 0).UTC().Date()
	last := time.Date(year, month+1, 0, 0, 0, 0, 0, time.UTC)
	return int32(last.Unix()/daySeconds) - int32(last.Day()-min(day, last.Day()))
}

// next returns the start of the period after the one that begins on a date. The end of a cycle is the end of its
// payer's cycle.
func (per period) next(date, contracted int32) int32 {
	switch per {
	case perWeek:
		return date + 7
	case perMonth:
		y, m, _ := time.Unix(int64(date)*daySeconds, 0).UTC().Date()
		return int32(time.Date(y, m+1, 1, 0, 0, 0, 0, time.UTC).Unix() / daySeconds)
	case perYear:
		return anniversary(contracted, time.Unix(int64(date)*daySeconds, 0).UTC().Year()+1)
	}
	return date + 1
}

// span returns the account's period that contains the time of the current record, or another given time.
func (e *Engine) span(p *payer, per period, at udr.Instant) (start, end udr.Instant) {
	switch {
	case per != perCycle && per != perHour:
		contracted := e.contracted(p, per, at)
		date, _ := p.clock.date(per, at, contracted)
		return p.clock.midnight(date), p.clock.midnight(per.next(date, contracted))
	case per == perHour:
		into := udr.Instant(floorMod(p.clock.local(at), 3600)) * udr.Instant(time.Second)
		start = at - udr.Instant(floorMod(int64(at), int64(time.Second))) - into
		return max(start, p.clock.from), min(start+udr.Instant(time.Hour), p.clock.to)
	case at >= p.start && at < p.end:
		return p.start, p.end
	}
	_, start, end = p.clock.cycle(at, p.facts)
	return start, end
}
