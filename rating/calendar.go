package rating

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"ratemill/diag"
	"ratemill/udr"
)

// A calendar names holidays, which time slices of plans may contain: days of each year, days counted from Easter,
// dates, and movable feasts, whose dates are in a table. Usage in a year that the table lacks is suspended.

type calendarDoc struct {
	Name   diag.Text             `yaml:"calendar,required" doc:"Name of the calendar; time slices refer to it." example:"spain"`
	Days   []diag.Text           `yaml:"days" doc:"Holidays: MM-DD for a day of each year, or a date." example:"[01-06, 12-25, 2026-05-04]"`
	Easter []int                 `yaml:"easter" doc:"Holidays as days from Easter Sunday of the western churches: -2 is Good Friday, 1 Easter Monday, 39 Ascension Day, 60 Corpus Christi." example:"[-2, 1]"`
	Moving diag.Map[[]diag.Text] `yaml:"moving" doc:"Movable feasts that follow other rules, with a table of their dates. Each feast needs a date in each year in which the calendar is used; usage of another year is suspended." example:"eid-al-fitr: [2026-03-20, 2027-03-10]"`
}

// calendar is the compiled document.
type calendar struct {
	name   string
	yearly [13][32]bool // by month and day
	dates  map[int32]bool
	easter []int32
	// lacks has, for each year from first to last (the years of the tables), the feast without a date; nil if there are no
	// movable feasts.
	lacks map[int32]string
	first int32
	last  int32
}

// holidays is a part of a time slice: hours on the days of a calendar. Holidays take precedence over
// days of the week.
type holidays struct {
	calendar *calendar
	from, to int32 // seconds since midnight; to may be on the next day
	slice    int16
}

func (c *compiler) compileCalendars() {
	c.calendars = map[string]*calendar{}
	for _, doc := range c.calendarDocs {
		k := &calendar{name: doc.Name.Value, dates: map[int32]bool{}}
		switch {
		case k.name == "":
			c.list.Errorf(doc.Name.Pos, "a calendar needs a name")
			continue
		case c.calendars[k.name] != nil:
			c.list.Errorf(doc.Name.Pos, "calendar %s has two documents; write all holidays into one document", k.name)
		case len(doc.Days)+len(doc.Easter)+len(doc.Moving) == 0:
			c.list.Errorf(doc.Name.Pos, "calendar %s has no holidays; list days", k.name)
		}
		c.calendars[k.name] = k
		for _, d := range doc.Days {
			c.calendarDay(k, d)
		}
		for _, n := range doc.Easter {
			if n < -100 || n > 250 {
				c.list.Errorf(doc.Name.Pos, "%d days from Easter may be in another year; list dates", n)
			}
			k.easter = append(k.easter, int32(n))
		}
		c.moving(k, doc)
	}
}

func (c *compiler) calendarDay(k *calendar, d diag.Text) {
	if len(d.Value) == 5 {
		// 2024 was a leap year, so it has every day that a year can have.
		if t, err := time.Parse(time.DateOnly, "2024-"+d.Value); err == nil {
			k.yearly[t.Month()][t.Day()] = true
			return
		}
	}
	if date, ok := c.dateOf(d); ok {
		k.dates[date] = true
	}
}

// dateOf returns a date as days since 1970-01-01.
func (c *compiler) dateOf(d diag.Text) (int32, bool) {
	t, err := time.Parse(time.DateOnly, d.Value)
	if err != nil {
		c.list.Errorf(d.Pos, "%q is not a day: write MM-DD for a day of each year, or YYYY-MM-DD", d.Value)
		return 0, false
	}
	return int32(t.Unix() / daySeconds), true
}

// moving reads the tables of movable feasts, and warns of years that only some of the tables have.
func (c *compiler) moving(k *calendar, doc *calendarDoc) {
	years := map[int32]int{}
	for _, feast := range doc.Moving {
		seen := map[int32]bool{}
		for _, d := range feast.Value {
			if date, ok := c.dateOf(d); ok {
				k.dates[date] = true
				if year := calendarYear(date); !seen[year] {
					seen[year] = true
					years[year]++
				}
			}
		}
		if len(seen) == 0 {
			c.list.Errorf(feast.Key.Pos, "feast %s has no date", feast.Key.Value)
		}
	}
	if len(doc.Moving) == 0 {
		return
	}
	k.lacks = map[int32]string{}
	k.first, k.last = 1<<30, -1<<30
	for year := range years {
		k.first, k.last = min(k.first, year), max(k.last, year)
	}
	for year := k.first; year <= k.last && k.last-k.first < 1000; year++ {
		for _, feast := range doc.Moving {
			has := slices.ContainsFunc(feast.Value, func(d diag.Text) bool { return strings.HasPrefix(d.Value, strconv.Itoa(int(year))+"-") })
			if !has && k.lacks[year] == "" {
				k.lacks[year] = feast.Key.Value
				c.list.Warnf(feast.Key.Pos, "feast %s has no date in %d, but feasts of the calendar have dates from %d to %d: usage of %d is "+
					"suspended where slices use calendar %s; add the date", feast.Key.Value, year, k.first, k.last, year, k.name)
			}
		}
	}
}

// knows reports whether the calendar has all holidays of a year; what names the missing feast.
func (k *calendar) knows(year int32) (what string, ok bool) {
	if k.lacks == nil {
		return "", true
	}
	if year < k.first || year > k.last {
		return fmt.Sprintf("its feasts that move have dates from %d to %d", k.first, k.last), false
	}
	if feast := k.lacks[year]; feast != "" {
		return "it has no date of " + feast + " for that year", false
	}
	return "", true
}

// has reports whether a local date is a holiday.
func (k *calendar) has(date int32) bool {
	year, month, day := civil(date)
	if k.yearly[month][day] || k.dates[date] {
		return true
	}
	if len(k.easter) > 0 {
		after := date - easterOf(year)
		return slices.Contains(k.easter, after)
	}
	return false
}

// civil returns the year, month and day of a date in days since 1970-01-01.
func civil(date int32) (year int32, month, day int) {
	// Years are counted from 0000-03-01, so that the leap day is the last day of a year; eras have 400 years.
	z := int64(date) + 719468
	era := floorDiv(z, 146097)
	of := z - era*146097
	years := (of - of/1460 + of/36524 - of/146096) / 365
	days := of - (365*years + years/4 - years/100)
	m := (5*days + 2) / 153
	day = int(days - (153*m+2)/5 + 1)
	if month = int(m) + 3; month > 12 {
		month -= 12
	}
	year = int32(years + era*400)
	if month <= 2 {
		year++
	}
	return year, month, day
}

func calendarYear(date int32) int32 {
	year, _, _ := civil(date)
	return year
}

// easterOf returns the date of Easter Sunday in the Gregorian calendar, by the algorithm of Meeus,
// Jones and Butcher.
func easterOf(year int32) int32 {
	a, b, c := year%19, year/100, year%100
	h := (19*a + b - b/4 - (b-(b+8)/25+1)/3 + 15) % 30
	l := (32 + 2*(b%4) + 2*(c/4) - h - c%4) % 7
	m := (a + 11*h + 22*l) / 451
	n := h + l - 7*m + 114
	return int32(time.Date(int(year), time.Month(n/31), int(n%31+1), 0, 0, 0, 0, time.UTC).Unix() / daySeconds)
}

// holidayHours adds the holidays of slices to a week. Hours of two slices must not overlap.
func (w *week) holidayHours(slices_ diag.Map[weekDoc], calendars map[string]*calendar, l *diag.List) {
	known := make([]string, 0, len(calendars))
	for name := range calendars {
		known = append(known, name)
	}
	slices.Sort(known)
	for i, s := range slices_ {
		for _, d := range s.Value.holidays {
			k := calendars[d.calendar.Value]
			if k == nil {
				l.Errorf(d.calendar.Pos, "unknown calendar %s%s", d.calendar.Value, orKnown(d.calendar.Value, known))
				continue
			}
			for _, o := range w.holidays {
				if o.slice != int16(i+1) && meet(o.from, o.to, d.from, d.to) {
					l.Errorf(d.calendar.Pos, "slices %s and %s both contain these hours of holidays, so a day that both calendars "+
						"have would be in both slices; remove the hours from one", slices_[o.slice-1].Key.Value, s.Key.Value)
				}
			}
			w.holidays = append(w.holidays, holidays{k, d.from, d.to, int16(i + 1)})
		}
	}
}

// meet reports whether the hours of two slices can overlap on one holiday or on two consecutive holidays.
func meet(aFrom, aTo, bFrom, bTo int32) bool {
	for _, shift := range []int32{-daySeconds, 0, daySeconds} {
		if aFrom < bTo+shift && bFrom+shift < aTo {
			return true
		}
	}
	return false
}

// at returns the slice at a local time, and for how many seconds it lasts at least.
func (w *week) at(local int64) (slice int16, left int32) {
	second := secondOfWeek(local)
	slice, end := w.inWeek(second)
	left = end - second
	if w.holidays == nil {
		return slice, left
	}
	date := int32(floorDiv(local, daySeconds))
	of := int32(local - int64(date)*daySeconds)
	left = min(left, daySeconds-of)
	for i := range w.holidays {
		h := &w.holidays[i]
		for _, day := range [2]int32{0, -1} { // today, and yesterday's hours after midnight
			from, to := h.from+day*daySeconds, h.to+day*daySeconds
			if to <= of || from >= daySeconds || !h.calendar.has(date+day) {
				continue
			}
			if from > of {
				left = min(left, from-of)
				continue
			}
			slice, left = h.slice, min(left, to-of)
		}
	}
	return slice, left
}

// holiday returns the hours of a holiday that contain a local time, nil if none do, and the date of the holiday.
func (w *week) holiday(local int64) (h *holidays, date int32) {
	today := int32(floorDiv(local, daySeconds))
	of := int32(local - int64(today)*daySeconds)
	for i := range w.holidays {
		for _, day := range [2]int32{0, -1} {
			if h := &w.holidays[i]; h.from+day*daySeconds <= of && of < h.to+day*daySeconds && h.calendar.has(today+day) {
				return h, today + day
			}
		}
	}
	return nil, 0
}

// sliceClock finds the clock that the tier's time slices follow, and checks that the calendars know the holidays.
func (e *Engine) sliceClock(t *tier, u *udr.Usage) error {
	if t.plan.visited {
		if err := e.visit(t, u); err != nil {
			return err
		}
	}
	if t.plan.week.holidays != nil {
		return t.calendarsKnow(u)
	}
	return nil
}

// calendarsKnow suspends a record if a calendar lacks the dates of feasts for its year.
func (t *tier) calendarsKnow(u *udr.Usage) error {
	last := u.At
	if u.Unit == udr.Second && u.Quantity <= maxTimed {
		last += udr.Instant(max(u.Quantity-1, 0)) * udr.Instant(time.Second)
	}
	today := int32(floorDiv(t.wall.local(u.At), daySeconds))
	first, to := calendarYear(today), calendarYear(int32(floorDiv(t.wall.local(last), daySeconds)))
	for i := range t.plan.week.holidays {
		h := &t.plan.week.holidays[i]
		from := first
		if h.to > daySeconds { // yesterday's hours may run past midnight
			from = calendarYear(today - 1)
		}
		for year := from; year <= to; year++ {
			if what, ok := h.calendar.knows(year); !ok {
				return suspend("calendar", "calendar %s of plan %s does not know the holidays of %d: %s; add the dates and retry",
					h.calendar.name, t.plan.name, year, what)
			}
		}
	}
	return nil
}
