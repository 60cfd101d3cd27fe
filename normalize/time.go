package normalize

import (
	"math"
	"math/bits"
	"strconv"
	"time"
)

// civil is a time as written.
type civil struct {
	year, month, day, yearDay int
	hour, minute, second      int
	nano                      int64
	offset                    int32
	hasOffset, pm, hasHalf    bool
	abbreviation              []byte
}

// longestTime limits the length of texts that are parsed as times.
const longestTime = 64

// Parse reads a time in the layout's format.
func (l *Layout) Parse(text []byte) (Moment, error) {
	if l.yearless {
		return Moment{}, fail("time", text, "layout "+l.text+" has no year; read it near a known time")
	}
	if l.special != nil {
		return l.special(l, trim(text))
	}
	c := civil{month: 1, day: 1}
	if reason := l.read(trim(text), &c); reason != "" {
		return Moment{}, fail("time", text, reason)
	}
	return l.moment(text, &c)
}

// ParseNear reads a time without a year, and chooses the year that brings it nearest to a known time, which is the
// time of the file or of the previous record. A layout with a year is read normally.
func (l *Layout) ParseNear(text []byte, near int64) (Moment, error) {
	if !l.yearless {
		return l.Parse(text)
	}
	c := civil{month: 1, day: 1, year: 2000} // a leap year, so that 29 February can be read
	if reason := l.read(trim(text), &c); reason != "" {
		return Moment{}, fail("time", text, reason)
	}
	year := time.Unix(0, near).UTC().Year()
	var best Moment
	var bestDistance uint64
	var firstErr error
	found := false
	for y := year - 1; y <= year+1; y++ {
		c.year = y
		if c.yearDay == 0 && c.day > daysIn(c.month, y) {
			continue
		}
		m, err := l.moment(text, &c)
		if err != nil {
			firstErr = err
			continue
		}
		distance := uint64(m.Nano - near)
		if m.Nano < near {
			distance = uint64(near - m.Nano)
		}
		if !found || distance < bestDistance {
			best, bestDistance, found = m, distance, true
		}
	}
	if !found {
		if firstErr == nil {
			firstErr = fail("time", text, "no year near "+strconv.Itoa(year)+" has this day")
		}
		return Moment{}, firstErr
	}
	return best, nil
}

var (
	layoutParam = &option[string]{Param{Name: "layout", Type: TextType, Constant: true,
		Doc: "Go's reference time (02.01.2006 15:04:05), letters (YYYY-MM-DD hh:mm:ss), strftime (%Y%m%d%H%M%S), or rfc3339, iso8601, " +
			"epoch, epoch_ms, epoch_us, epoch_ns"},
		func(layout string) (string, error) { return layout, nil }, ""}
	zoneParam = &option[*Zone]{Param{Name: "zone", Optional: true, Folded: true, Default: "the source's zone",
		Doc: "IANA zone of times without one, or an offset (+02:00); may be a column"}, LoadZone, nil}
	ambiguousParam = choice("ambiguous", "earlier", "which time is meant if the clock was set back and showed both alike",
		among(map[string]Choice{"earlier": Earlier, "later": Later, "refuse": Refuse}), "earlier", "later", "refuse")
	missingParam = choice("missing", "shift", "how to treat a time that the clock never showed: read it as if the clock "+
		"had not been set forward, or refuse it",
		among(map[string]Choice{"shift": Shift, "refuse": Refuse}), "shift", "refuse")
)

// timeOptions interprets the options of a call about local times. If the zone comes from the record, the resulting
// function takes it as an argument.
func timeOptions(o *Options) (options TimeOptions, column bool) {
	options = TimeOptions{Zone: o.Zone, Ambiguous: ambiguousParam.in(o), Missing: missingParam.in(o)}
	if zone := zoneParam.in(o); zone != nil {
		options.Zone = zone
	}
	if column = o.Columns[zoneParam.Name]; column {
		options.Zone = UTC // until a record contains a zone
	}
	return options, column
}

var _ = declareWith(Function{
	Name: "time", Family: "time",
	Params: []Param{text("time as the carrier writes it"), layoutParam.Param, zoneParam.Param, ambiguousParam.Param,
		missingParam.Param},
	Doc: "An instant. Local times are read in the zone; times that the clock showed twice or never are flagged and resolved by " +
		"ambiguous and missing.",
	Suspends: "the text does not have the layout, or is not a valid calendar time; with refuse, the clock showed the time twice or never",
	Examples: []Example{
		ex(`time("17.03.2026 00:10:02", "02.01.2006 15:04:05", zone: "Europe/Madrid")`, "2026-03-16T23:10:02Z"),
		ex(`time("2026-03-17 00:10:02", "YYYY-MM-DD hh:mm:ss", zone: "Europe/Madrid")`, "2026-03-16T23:10:02Z"),
		ex(`time("20260317001002+0100", "%Y%m%d%H%M%S%z")`, "2026-03-16T23:10:02Z"),
		ex(`time("2020/2/10 22:41", "2006/1/2 15:04", zone: "UTC")`, "2020-02-10T22:41:00Z"),
		ex(`time("15.02.22", "YY.MM.DD", zone: "UTC")`, "2015-02-22T00:00:00Z"),
		ex(`time("2026-10-25 02:30:00", "2006-01-02 15:04:05", zone: "Europe/Madrid")`, "2026-10-25T00:30:00Z"),
		ex(`time("2026-10-25 02:30:00", "2006-01-02 15:04:05", zone: "Europe/Madrid", ambiguous: "later")`, "2026-10-25T01:30:00Z"),
		ex(`time("2026-03-29 02:30:00", "2006-01-02 15:04:05", zone: "Europe/Madrid")`, "2026-03-29T01:30:00Z"),
		exFails(`time("2026-03-29 02:30:00", "2006-01-02 15:04:05", zone: "Europe/Madrid", missing: "refuse")`, "never showed"),
		exFails(`time("2026-03-17 00:10:02", "2006-01-02 15:04:05", zone: "Europe/Madird")`, "did you mean Europe/Madrid"),
	},
}, func(o *Options) func(*State, []byte, []byte) (Moment, error) {
	options, column := timeOptions(o)
	layout, err := CompileLayout(layoutParam.in(o), options)
	o.reject(layoutParam.Name, err)
	if column {
		return func(s *State, text, zone []byte) (Moment, error) {
			l, err := s.layoutIn(layout, zone)
			if err != nil {
				return Moment{}, err
			}
			return s.moment(l, text)
		}
	}
	return func(s *State, text, _ []byte) (Moment, error) { return s.moment(layout, text) }
})

// read fills c from a text, or returns the reason why the text does not match the layout.
func (l *Layout) read(text []byte, c *civil) string {
	if l.width > 0 && len(text) == l.width {
		if l.readFixed(text, c) {
			return c.wrong()
		}
	}
	if len(text) > longestTime {
		return "longer than any time"
	}
	for i := range l.steps {
		s := &l.steps[i]
		var ok bool
		if text, ok = s.read(text, c); !ok {
			return "does not have the form " + l.text + ": the " + s.field.name() + " is wrong or missing"
		}
		// Like Go, it accepts a fraction after the seconds even if the layout has none.
		if (s.field == second2 || s.field == second1) && len(text) > 1 && (text[0] == '.' || text[0] == ',') && digit(text[1]) &&
			(i+1 == len(l.steps) || l.steps[i+1].field != fraction) {
			if i+1 < len(l.steps) && l.steps[i+1].field == literal && l.steps[i+1].text[0] == text[0] {
				continue
			}
			text, _ = readFraction(text, 0, c)
		}
	}
	if len(text) > 0 {
		return "has more text than the form " + l.text
	}
	return c.wrong()
}

// readFixed reads a text of fixed width at fixed positions; false means that the general parser must decide.
func (l *Layout) readFixed(text []byte, c *civil) bool {
	at := 0
	for i := range l.steps {
		s := &l.steps[i]
		if s.field == literal {
			if string(text[at:at+len(s.text)]) != s.text {
				return false
			}
			at += len(s.text)
			continue
		}
		if s.field == subsecond {
			n, ok := decimal(text[at : at+s.width])
			if !ok {
				return false
			}
			c.nano = int64(n) * power10[9-s.width]
			at += s.width
			continue
		}
		hi, lo := text[at]-'0', text[at+1]-'0'
		if hi > 9 || lo > 9 {
			return false
		}
		at += 2
		n := int(hi)*10 + int(lo)
		switch s.field {
		case year4:
			hi, lo := text[at]-'0', text[at+1]-'0'
			if hi > 9 || lo > 9 {
				return false
			}
			at += 2
			c.year = n*100 + int(hi)*10 + int(lo)
		case year2:
			c.year = century(n)
		case month2:
			c.month = n
		case day2:
			c.day = n
		case hour24two:
			c.hour = n
		case minute2:
			c.minute = n
		case second2:
			c.second = n
		}
	}
	return true
}

// century expands a year of two digits like Go and POSIX: 69 to 99 are in the 20th century.
func century(n int) int {
	if n >= 69 {
		return 1900 + n
	}
	return 2000 + n
}

func (c *civil) wrong() string {
	switch {
	case c.month < 1 || c.month > 12:
		return "no month has the number " + strconv.Itoa(c.month)
	case c.hour > 23:
		return "the hour is over 23"
	case c.minute > 59:
		return "the minute is over 59"
	case c.second > 59:
		return "the second is over 59"
	case c.yearDay == 0 && (c.day < 1 || c.day > daysIn(c.month, c.year)):
		return "this month has no day " + strconv.Itoa(c.day)
	case c.yearDay > 365 && c.yearDay > yearDays(c.year):
		return "this year has no day " + strconv.Itoa(c.yearDay)
	case c.hasHalf && c.hour > 12:
		return "the hour of a twelve-hour clock is over 12"
	}
	return ""
}

func leap(year int) bool { return year%4 == 0 && (year%100 != 0 || year%400 == 0) }

func yearDays(year int) int {
	if leap(year) {
		return 366
	}
	return 365
}

func daysIn(month, year int) int {
	if month == 2 {
		return yearDays(year) - 337
	}
	return 30 + (month+month>>3)&1
}

// days counts days from 1970-01-01, by Howard Hinnant's algorithm days_from_civil.
func days(year, month, day int) int64 {
	y := int64(year)
	if month <= 2 {
		y--
	}
	era := y / 400
	ofEra := y - era*400
	ofYear := int64((153*((month+9)%12)+2)/5 + day - 1)
	return era*146097 + ofEra*365 + ofEra/4 - ofEra/100 + ofYear - 719468
}

// moment converts a parsed time to an instant.
func (l *Layout) moment(text []byte, c *civil) (Moment, error) {
	if c.year < 1700 || c.year > 2261 {
		return Moment{}, fail("time", text, "year "+strconv.Itoa(c.year)+" is outside 1700 to 2261")
	}
	hour := c.hour
	if c.hasHalf {
		hour %= 12
		if c.pm {
			hour += 12
		}
	}
	var day int64
	if c.yearDay > 0 {
		day = days(c.year, 1, 1) + int64(c.yearDay) - 1
	} else {
		day = days(c.year, c.month, c.day)
	}
	local := day*86400 + int64(hour*3600+c.minute*60+c.second)
	m := Moment{Offset: c.offset}
	if !c.hasOffset {
		if l.options.Zone == nil {
			return Moment{}, fail("time", text, "has no offset, and the source states no zone")
		}
		var ok bool
		m.Offset, m.Note, ok = l.options.Zone.resolve(local, c.abbreviation, l.options.Ambiguous == Later)
		switch {
		case !ok:
			return Moment{}, fail("time", text, l.options.Zone.name+" is not called "+quoted(c.abbreviation)+" at this time")
		case m.Note == Ambiguous && l.options.Ambiguous == Refuse:
			return Moment{}, fail("time", text, "clocks in "+l.options.Zone.name+" showed this time twice; set ambiguous: earlier or later")
		case m.Note == Missing && l.options.Missing == Refuse:
			return Moment{}, fail("time", text, "clocks in "+l.options.Zone.name+" never showed this time; is the source's zone another one?")
		}
	}
	m.Nano = (local-int64(m.Offset))*1_000_000_000 + c.nano
	return m, nil
}

var power10 = [...]int64{1, 10, 100, 1000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000, 1_000_000_000}

// EpochUnit is the unit of a count since 1970.
type EpochUnit uint8

const (
	Seconds EpochUnit = iota
	Milliseconds
	Microseconds
	Nanoseconds
)

// ParseEpoch reads a count since 1970-01-01 UTC, with or without decimals. Zero is refused, because systems write it
// for a time that does not exist (of an unanswered call); so is a count that is obviously in another unit.
func ParseEpoch(text []byte, unit EpochUnit) (Moment, error) {
	in := trim(text)
	whole, part := in, []byte(nil)
	for i, c := range in {
		if c == '.' {
			whole, part = in[:i], in[i+1:]
			break
		}
	}
	scale := 9 - 3*int(unit)
	n, ok := epochDigits(whole)
	if !ok || len(part) > 18 || len(in) > len(whole) && len(part) == 0 {
		return Moment{}, fail("epoch", text, "not a count since 1970, such as 1767225600")
	}
	high, low := bits.Mul64(n, uint64(power10[scale]))
	if high != 0 || low > math.MaxInt64-1_000_000_000 {
		return Moment{}, fail("epoch", text, "after the year 2261; is it in a finer unit (epoch_ms, epoch_us, epoch_ns)?")
	}
	nano := int64(low)
	for i, c := range part {
		if !digit(c) {
			return Moment{}, fail("epoch", text, "not a count since 1970, such as 1767225600")
		}
		if i < scale {
			nano += int64(c-'0') * power10[scale-1-i]
		}
	}
	if nano == 0 {
		return Moment{}, fail("epoch", text, "0 stands for a time that never came; test absent(…) or == \"0\" first")
	}
	if unit != Seconds && nano < 86400*1_000_000_000*365 {
		return Moment{}, fail("epoch", text, "would be in 1970; is it in a coarser unit, such as seconds?")
	}
	return Moment{Nano: nano}, nil
}

var epochUnit = choice("unit", "s", "what is counted",
	among(map[string]EpochUnit{"s": Seconds, "ms": Milliseconds, "us": Microseconds, "ns": Nanoseconds}), "s", "ms", "us", "ns")

var _ = declareWith(Function{
	Name: "epoch", Family: "time", Params: []Param{text("a count since 1970, with decimals or without"), epochUnit.Param},
	Doc:      "An instant as a count since 1970. 0 is an error, since systems write it for a time that never came.",
	Suspends: "the text is not a count, is 0, or is clearly counted in another unit",
	Examples: []Example{
		ex(`epoch("1767225600")`, "2026-01-01T00:00:00Z"), ex(`epoch("1767225600250", unit: "ms")`, "2026-01-01T00:00:00.25Z"),
		exFails(`epoch("1767225600", unit: "ms")`, "coarser unit"), exFails(`epoch("0")`, "never came")},
}, func(o *Options) func([]byte) (Moment, error) {
	unit := epochUnit.in(o)
	return func(text []byte) (Moment, error) { return ParseEpoch(text, unit) }
})

func epochDigits(text []byte) (uint64, bool) {
	if len(text) <= 18 {
		return decimal(text)
	}
	if len(text) > 19 {
		return 0, false
	}
	head, ok := decimal(text[:18])
	return head*10 + uint64(text[18]-'0'), ok && digit(text[18])
}
