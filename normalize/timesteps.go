package normalize

// offsetForm is the notation of an offset.
type offsetForm uint8

const (
	offsetAny   offsetForm = iota // any of the other forms
	offsetHours                   // +01
	offsetPlain                   // +0100
	offsetColon                   // +01:00
)

var months = [12]string{"January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
	"December"}

var weekdays = [7]string{"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"}

func (f field) name() string {
	switch f {
	case literal:
		return "text between the numbers"
	case year4, year2:
		return "year"
	case month2, month1, monthName, monthFull:
		return "month"
	case day2, day1, yearDay:
		return "day"
	case hour24, hour24two, hour12, hour12two:
		return "hour"
	case halfDay:
		return "AM or PM"
	case minute2, minute1:
		return "minute"
	case second2, second1:
		return "second"
	case fraction, subsecond:
		return "fraction of the second"
	case offsetTime, zoneName:
		return "zone"
	}
	return "day of the week"
}

// read consumes the step's text at the start of the input.
func (s *step) read(text []byte, c *civil) ([]byte, bool) {
	var ok bool
	switch s.field {
	case literal:
		return readLiteral(text, s.text)
	case year4:
		c.year, text, ok = figures(text, 4, 4)
	case year2:
		c.year, text, ok = figures(text, 2, 2)
		c.year = century(c.year)
	case month2:
		c.month, text, ok = figures(text, 2, 2)
	case month1:
		c.month, text, ok = figures(text, 1, 2)
	case monthName, monthFull:
		for i, name := range months {
			if s.field == monthName {
				name = name[:3]
			}
			if len(text) >= len(name) && equalFold(text[:len(name)], name) {
				c.month = i + 1
				return text[len(name):], true
			}
		}
	case day2:
		c.day, text, ok = figures(text, 2, 2)
	case day1:
		if len(text) > 0 && text[0] == ' ' && s.width == 2 {
			text = text[1:]
		}
		c.day, text, ok = figures(text, 1, 2)
	case yearDay:
		c.yearDay, text, ok = figures(text, 3, 3)
		ok = ok && c.yearDay > 0
	case hour24two, hour12two:
		c.hour, text, ok = figures(text, 2, 2)
	case hour24, hour12:
		c.hour, text, ok = figures(text, 1, 2)
	case minute2:
		c.minute, text, ok = figures(text, 2, 2)
	case minute1:
		c.minute, text, ok = figures(text, 1, 2)
	case second2:
		c.second, text, ok = figures(text, 2, 2)
	case second1:
		c.second, text, ok = figures(text, 1, 2)
	case halfDay:
		if len(text) >= 2 && upper(text[1]) == 'M' && (upper(text[0]) == 'A' || upper(text[0]) == 'P') {
			c.hasHalf, c.pm = true, upper(text[0]) == 'P'
			return text[2:], true
		}
	case fraction:
		return readFraction(text, s.width, c)
	case subsecond:
		if len(text) < s.width {
			return text, false
		}
		var n uint64
		n, ok = decimal(text[:s.width])
		c.nano, text = int64(n)*power10[9-s.width], text[s.width:]
	case offsetTime:
		if s.zulu && len(text) > 0 && text[0] == 'Z' {
			c.hasOffset = true
			return text[1:], true
		}
		c.offset, text, ok = parseOffset(text, s.form)
		c.hasOffset = ok
	case zoneName:
		n := 0
		for n < len(text) && n < 5 && letter(text[n]) {
			n++
		}
		switch name := text[:n]; {
		case n == 0:
			return text, false
		case string(name) == "UTC" || string(name) == "GMT" || string(name) == "Z":
			c.hasOffset = true
		default:
			c.abbreviation = name
		}
		return text[n:], true
	case dayName:
		for _, name := range weekdays {
			if s.width == 3 {
				name = name[:3]
			}
			if len(text) >= len(name) && equalFold(text[:len(name)], name) {
				return text[len(name):], true
			}
		}
	}
	return text, ok
}

// readLiteral consumes the literal text between numbers. As in Go, blanks match any number of blanks.
func readLiteral(text []byte, words string) ([]byte, bool) {
	for i := 0; i < len(words); i++ {
		if words[i] == ' ' {
			if len(text) > 0 && text[0] != ' ' {
				return text, false
			}
			for i+1 < len(words) && words[i+1] == ' ' {
				i++
			}
			for len(text) > 0 && text[0] == ' ' {
				text = text[1:]
			}
			continue
		}
		if len(text) == 0 || text[0] != words[i] {
			return text, false
		}
		text = text[1:]
	}
	return text, true
}

// figures reads between least and most digits.
func figures(text []byte, least, most int) (n int, rest []byte, ok bool) {
	count := 0
	for count < most && count < len(text) && digit(text[count]) {
		n = n*10 + int(text[count]-'0')
		count++
	}
	return n, text[count:], count >= least
}

// readFraction reads a dot or comma and digits: exactly width digits, or, if width is 0, any number including none.
// Digits after the ninth are dropped.
func readFraction(text []byte, width int, c *civil) ([]byte, bool) {
	if len(text) < 2 || text[0] != '.' && text[0] != ',' || !digit(text[1]) {
		return text, width == 0
	}
	n := 1
	c.nano = 0
	for n < len(text) && digit(text[n]) && (width == 0 || n <= width) {
		if n <= 9 {
			c.nano += int64(text[n]-'0') * power10[9-n]
		}
		n++
	}
	return text[n:], width == 0 || n == width+1
}

// parseOffset reads a sign, hours, and minutes.
func parseOffset(text []byte, form offsetForm) (offset int32, rest []byte, ok bool) {
	if len(text) < 3 || text[0] != '+' && text[0] != '-' {
		return 0, text, false
	}
	hours, rest, ok := figures(text[1:], 2, 2)
	if !ok || hours > 24 {
		return 0, text, false
	}
	minutes := 0
	switch colon := len(rest) > 0 && rest[0] == ':'; {
	case form == offsetHours:
	case form == offsetColon || form == offsetAny && colon:
		if !colon {
			return 0, text, false
		}
		minutes, rest, ok = figures(rest[1:], 2, 2)
	case form == offsetPlain || len(rest) > 0 && digit(rest[0]):
		minutes, rest, ok = figures(rest, 2, 2)
	}
	if !ok || minutes > 59 {
		return 0, text, false
	}
	offset = int32(hours*3600 + minutes*60)
	if text[0] == '-' {
		offset = -offset
	}
	return offset, rest, true
}

// ParseRFC3339 reads 2026-03-16T23:10:02Z, with a fraction or an offset.
func ParseRFC3339(text []byte) (Moment, error) {
	return parseISO(trim(text), nil, &Layout{}, "rfc3339")
}

var _ = declare(Function{
	Name: "rfc3339", Family: "time", Params: []Param{text("a time with its offset")},
	Doc:      "An instant in the form of RFC 3339.",
	Suspends: "the text has another form, or is not a valid calendar time",
	Examples: []Example{
		ex(`rfc3339("2026-03-17T00:10:02.5+01:00")`, "2026-03-16T23:10:02.5Z"), exFails(`rfc3339("2026-03-17")`, "rfc3339")},
}, ParseRFC3339)

// ParseISO8601 reads the extended and the basic format, a blank instead of the T, and times without seconds or without
// a time of day: 2026-03-16T23:10:02.5+01:00, 20260316T231002Z, 2026-03-16 23:10, 2026-03-16. Times without an offset
// are in the layout's zone.
func ParseISO8601(text []byte, o TimeOptions) (Moment, error) {
	return parseISO(trim(text), o.Zone, &Layout{options: o}, "iso8601")
}

var _ = declareWith(Function{
	Name: "iso8601", Family: "time", Params: []Param{text("a time or a day"), zoneParam.Param, ambiguousParam.Param, missingParam.Param},
	Doc:      "An instant in the extended or basic form of ISO 8601, with a T or a blank, with or without seconds, clock and offset.",
	Suspends: "the text has another form, or is not a valid calendar time; with refuse, the clock showed the time twice or never",
	Examples: []Example{
		ex(`iso8601("20260317T001002Z")`, "2026-03-17T00:10:02Z"), ex(`iso8601("2026-03-17 00:10", zone: "Europe/Madrid")`,
			"2026-03-16T23:10:00Z"),
		exFails(`iso8601("17.03.2026")`, "iso8601")},
}, func(o *Options) func(*State, []byte, []byte) (Moment, error) {
	options, column := timeOptions(o)
	return func(s *State, text, zone []byte) (Moment, error) {
		o := options
		if column {
			var err error
			if o.Zone, err = s.zone(zone); err != nil {
				return Moment{}, err
			}
		}
		return ParseISO8601(text, o)
	}
})

func parseISO(text []byte, zone *Zone, l *Layout, function string) (Moment, error) {
	strict := function == "rfc3339"
	bad := func(reason string) (Moment, error) { return Moment{}, fail(function, text, reason) }
	if len(text) > longestTime {
		return bad("longer than any time")
	}
	var c civil
	var ok bool
	rest := text
	if c.year, rest, ok = figures(rest, 4, 4); !ok {
		return bad("does not begin with a year of four digits")
	}
	extended := len(rest) > 0 && rest[0] == '-'
	if extended {
		rest = rest[1:]
	} else if strict {
		return bad("not of the form 2026-03-16T23:10:02Z")
	}
	if c.month, rest, ok = figures(rest, 2, 2); !ok {
		return bad("the month is wrong or missing")
	}
	if extended {
		if len(rest) == 0 || rest[0] != '-' {
			return bad("the day is wrong or missing")
		}
		rest = rest[1:]
	}
	if c.day, rest, ok = figures(rest, 2, 2); !ok {
		return bad("the day is wrong or missing")
	}
	clock := len(rest) > 0
	if clock {
		if rest[0]|0x20 != 't' && (rest[0] != ' ' || strict) {
			return bad("the day is not followed by T and a time")
		}
		rest = rest[1:]
		if c.hour, rest, ok = figures(rest, 2, 2); !ok {
			return bad("the hour is wrong or missing")
		}
		for _, part := range []*int{&c.minute, &c.second} {
			colon := len(rest) > 0 && rest[0] == ':'
			if colon {
				rest = rest[1:]
			} else if strict || len(rest) == 0 || !digit(rest[0]) {
				break
			}
			if *part, rest, ok = figures(rest, 2, 2); !ok {
				return bad("the minute or second is wrong")
			}
		}
		if rest, ok = readFraction(rest, 0, &c); !ok {
			return bad("the fraction of the second is wrong")
		}
		switch {
		case len(rest) > 0 && rest[0]|0x20 == 'z':
			c.hasOffset, rest = true, rest[1:]
		case len(rest) > 0:
			form := offsetAny
			if strict {
				form = offsetColon
			}
			if c.offset, rest, c.hasOffset = parseOffset(rest, form); !c.hasOffset {
				return bad("the offset is wrong; it is written Z or +01:00")
			}
		}
	}
	switch {
	case len(rest) > 0:
		return bad("has more text behind the time")
	case strict && !c.hasOffset:
		return bad("has no offset, Z or +01:00")
	}
	if reason := c.wrong(); reason != "" {
		return bad(reason)
	}
	return l.moment(text, &c)
}
