package normalize

import (
	"strconv"
	"strings"
)

// field is a part of a time that a layout can contain.
type field uint8

const (
	literal field = iota
	year4
	year2
	month2     // 03
	month1     // 3 or 03
	monthName  // Mar
	monthFull  // March
	day2       // 02
	day1       // 2 or 02; a blank before it is allowed
	yearDay    // 076
	hour24     // 1 or 2 digits
	hour24two  // 2 digits
	hour12     // 3 or 03
	hour12two  // 03
	halfDay    // PM or pm
	minute2    // 04
	minute1    // 4 or 04
	second2    // 05
	second1    // 5 or 05
	fraction   // .000: exactly width digits after a dot or comma; if width is 0, any number of digits, or no fraction at all
	subsecond  // 000: width digits without a dot
	offsetTime // +0100, +01:00 or +01, according to form; also Z if zulu is set
	zoneName   // CET: an abbreviation of the zone, or UTC, GMT, Z
	dayName    // Mon or Monday
)

// step is one element of a layout.
type step struct {
	field field
	width int
	form  offsetForm
	zulu  bool
	text  string // of a literal
}

// Choice defines how to read a local time that the clock showed twice or never.
type Choice uint8

const (
	Earlier Choice = iota // the first of two possible times, which most switches mean
	Later                 // the second of two possible times
	Shift                 // a missing time is read as if the clock had not been set forward yet
	Refuse                // an error
)

// TimeOptions define how to interpret the times of a layout. The zero value has no zone, so only times with an offset
// can be read.
type TimeOptions struct {
	Zone      *Zone
	Ambiguous Choice // Earlier, Later or Refuse
	Missing   Choice // Shift or Refuse; Earlier means Shift
}

// Moment is an instant with its original offset, and with a note if the local time was ambiguous or missing.
type Moment struct {
	Nano   int64 // since 1970 UTC
	Offset int32 // seconds east of UTC
	Note   Note
}

// Layout reads times in one format. It is created when rules are loaded, and never changes.
type Layout struct {
	text     string
	steps    []step
	options  TimeOptions
	special  func(*Layout, []byte) (Moment, error)
	yearless bool
	width    int // width of every text, if all steps have a fixed width; otherwise 0
}

func (l *Layout) String() string { return l.text }

// Yearless reports whether the layout contains no year, so that ParseNear is needed.
func (l *Layout) Yearless() bool { return l.yearless }

// CompileLayout understands four notations: Go's reference time (02.01.2006 15:04:05), letters (YYYY-MM-DD hh:mm:ss),
// strftime (%Y%m%d%H%M%S), and the names rfc3339, iso8601, epoch, epoch_ms, epoch_us and epoch_ns. A layout without an
// offset needs a zone.
func CompileLayout(layout string, o TimeOptions) (*Layout, error) {
	l := &Layout{text: layout, options: o}
	if o.Ambiguous == Shift || o.Missing == Later {
		return nil, badLayout(layout, "an ambiguous time is earlier, later or refused; a missing one is shifted or refused")
	}
	switch layout {
	case "rfc3339":
		l.special = func(l *Layout, text []byte) (Moment, error) { return parseISO(text, nil, l, "rfc3339") }
		return l, nil
	case "iso8601":
		l.special = func(l *Layout, text []byte) (Moment, error) { return parseISO(text, l.options.Zone, l, "iso8601") }
		return l, nil
	case "epoch", "epoch_ms", "epoch_us", "epoch_ns":
		unit := map[string]EpochUnit{"epoch": Seconds, "epoch_ms": Milliseconds, "epoch_us": Microseconds, "epoch_ns": Nanoseconds}[layout]
		l.special = func(_ *Layout, text []byte) (Moment, error) { return ParseEpoch(text, unit) }
		return l, nil
	}
	if len(layout) == 0 || len(layout) > 64 {
		return nil, badLayout(layout, "a layout has 1 to 64 characters, such as 2006-01-02 15:04:05 or YYYY-MM-DD hh:mm:ss")
	}
	var err error
	switch {
	case strings.Contains(layout, "%"):
		l.steps, err = strftimeSteps(layout)
	case strings.Contains(strings.ToLower(layout), "yy") || strings.Contains(strings.ToLower(layout), "dd"):
		l.steps, err = letterSteps(layout)
	default:
		l.steps, err = goSteps(layout)
	}
	if err != nil {
		return nil, err
	}
	return l, l.check()
}

func badLayout(layout, reason string) error {
	return fail("time", []byte(layout), "layout: "+reason)
}

// check refuses layouts that do not determine an instant, or determine it twice.
func (l *Layout) check() error {
	groups := [][]field{{year4, year2}, {month2, month1, monthName, monthFull, yearDay}, {day2, day1, yearDay},
		{hour24, hour24two, hour12, hour12two}, {minute2, minute1}, {second2, second1}, {fraction, subsecond}, {offsetTime, zoneName}, {halfDay}}
	names := []string{"year", "month", "day", "hour", "minute", "second", "fraction", "zone", "AM or PM"}
	var times [9]int
	for _, s := range l.steps {
		for g, group := range groups {
			for _, f := range group {
				if f == s.field {
					times[g]++
				}
			}
		}
	}
	for g, n := range times {
		if n > 1 {
			return badLayout(l.text, "says the "+names[g]+" "+strconv.Itoa(n)+
				" times; with letters, MM is the month, mm minutes, ss seconds, SSS milliseconds")
		}
	}
	has := func(f field) bool {
		for _, s := range l.steps {
			if s.field == f {
				return true
			}
		}
		return false
	}
	switch {
	case times[1] == 0 || times[2] == 0:
		return badLayout(l.text, "has no day and month; Go layouts are written with 2006-01-02 15:04:05")
	case (has(hour12) || has(hour12two)) != has(halfDay):
		return badLayout(l.text, "twelve-hour clocks need both the hour (03, hh) and AM or PM (PM, a)")
	case !has(offsetTime) && l.options.Zone == nil:
		return badLayout(l.text, "has no offset, so the source must state its zone, such as Europe/Madrid")
	}
	l.yearless = times[0] == 0
	for _, s := range l.steps {
		switch s.field {
		case year4:
			l.width += 4
		case year2, month2, day2, hour24two, minute2, second2:
			l.width += 2
		case subsecond:
			l.width += s.width
		case literal:
			l.width += len(s.text)
		default:
			l.width = 0
			return nil
		}
	}
	return nil
}

// goTokens contains the parts of Go's reference time; if one is a prefix of another, the longer one comes first.
var goTokens = []struct {
	text string
	step step
}{
	{"January", step{field: monthFull}}, {"Jan", step{field: monthName}},
	{"Monday", step{field: dayName, width: 9}}, {"Mon", step{field: dayName, width: 3}}, {"MST", step{field: zoneName}},
	{"002", step{field: yearDay}}, {"01", step{field: month2}}, {"02", step{field: day2}}, {"03", step{field: hour12two}},
	{"04", step{field: minute2}}, {"05", step{field: second2}}, {"06", step{field: year2}},
	{"2006", step{field: year4}}, {"2", step{field: day1}}, {"_2", step{field: day1, width: 2}}, {"15", step{field: hour24}},
	{"1", step{field: month1}}, {"3", step{field: hour12}}, {"4", step{field: minute1}}, {"5", step{field: second1}},
	{"PM", step{field: halfDay}}, {"pm", step{field: halfDay}},
	{"Z07:00", step{field: offsetTime, form: offsetColon, zulu: true}}, {"Z0700", step{field: offsetTime, form: offsetPlain, zulu: true}},
	{"Z07", step{field: offsetTime, form: offsetHours, zulu: true}}, {"-07:00", step{field: offsetTime, form: offsetColon}},
	{"-0700", step{field: offsetTime, form: offsetPlain}}, {"-07", step{field: offsetTime, form: offsetHours}},
}

func goSteps(layout string) ([]step, error) {
	var steps []step
	for rest := layout; rest != ""; {
		if rest[0] == '.' || rest[0] == ',' {
			n := 1
			for n < len(rest) && (rest[n] == '0' || rest[n] == '9') && rest[n] == rest[1] {
				n++
			}
			if n > 10 {
				return nil, badLayout(layout, "a fraction has at most nine digits")
			}
			if n > 1 && (n == len(rest) || !digit(rest[n])) {
				width := n - 1
				if rest[1] == '9' {
					width = 0
				}
				steps = append(steps, step{field: fraction, width: width})
				rest = rest[n:]
				continue
			}
		}
		found := false
		for _, token := range goTokens {
			if strings.HasPrefix(rest, token.text) {
				steps = append(steps, token.step)
				rest = rest[len(token.text):]
				found = true
				break
			}
		}
		if !found {
			steps = addLiteral(steps, rest[:1])
			rest = rest[1:]
		}
	}
	return steps, nil
}

func addLiteral(steps []step, text string) []step {
	if n := len(steps); n > 0 && steps[n-1].field == literal {
		steps[n-1].text += text
		return steps
	}
	return append(steps, step{field: literal, text: text})
}

func letterSteps(layout string) ([]step, error) {
	var steps []step
	half := false
	for i, part := range strings.Split(layout, "'") {
		half = half || i%2 == 0 && strings.Contains(part, "a")
	}
	for i := 0; i < len(layout); {
		c := layout[i]
		n := 1
		for i+n < len(layout) && layout[i+n] == c {
			n++
		}
		i += n
		switch word := strings.Repeat(string(c), n); {
		case c == '\'':
			end := strings.IndexByte(layout[i:], '\'')
			if end < 0 {
				return nil, badLayout(layout, "a quote is not closed")
			}
			steps = addLiteral(steps, layout[i:i+end])
			i += end + 1
		case word == "YYYY" || word == "yyyy":
			steps = append(steps, step{field: year4})
		case word == "YY" || word == "yy":
			steps = append(steps, step{field: year2})
		case word == "MMMM":
			steps = append(steps, step{field: monthFull})
		case word == "MMM":
			steps = append(steps, step{field: monthName})
		case word == "MM":
			steps = append(steps, step{field: month2})
		case word == "M":
			steps = append(steps, step{field: month1})
		case word == "DD" || word == "dd":
			steps = append(steps, step{field: day2})
		case word == "D" || word == "d":
			steps = append(steps, step{field: day1})
		case word == "DDD" || word == "DDDD":
			steps = append(steps, step{field: yearDay})
		case (word == "HH" || word == "hh") && !half:
			steps = append(steps, step{field: hour24two})
		case (word == "H" || word == "h") && !half:
			steps = append(steps, step{field: hour24})
		case word == "hh" || word == "HH":
			steps = append(steps, step{field: hour12two})
		case word == "h" || word == "H":
			steps = append(steps, step{field: hour12})
		case word == "mm":
			steps = append(steps, step{field: minute2})
		case word == "m":
			steps = append(steps, step{field: minute1})
		case word == "ss":
			steps = append(steps, step{field: second2})
		case word == "s":
			steps = append(steps, step{field: second1})
		case c == 'S' && n <= 9:
			steps = appendSubsecond(steps, n)
		case word == "a":
			steps = append(steps, step{field: halfDay})
		case word == "Z" || word == "ZZ":
			steps = append(steps, step{field: offsetTime, form: offsetAny, zulu: true})
		case c == 'X' && n <= 3: // hours, with minutes, with a colon
			steps = append(steps, step{field: offsetTime, form: []offsetForm{offsetHours, offsetPlain, offsetColon}[n-1], zulu: true})
		case c == 'T' || !letter(c):
			steps = addLiteral(steps, word)
		default:
			return nil, badLayout(layout, word+
				" has no meaning here; letters are YYYY MM DD hh mm ss SSS a Z, any other text goes between single quotes")
		}
	}
	return steps, nil
}

// appendSubsecond adds one step for a dot or comma and the digits after it.
func appendSubsecond(steps []step, width int) []step {
	if n := len(steps); n > 0 && steps[n-1].field == literal {
		last := steps[n-1].text
		if end := len(last) - 1; last[end] == '.' || last[end] == ',' {
			steps = steps[:n-1]
			if end > 0 {
				steps = append(steps, step{field: literal, text: last[:end]})
			}
			return append(steps, step{field: fraction, width: width})
		}
	}
	return append(steps, step{field: subsecond, width: width})
}

func strftimeSteps(layout string) ([]step, error) {
	var steps []step
	for i := 0; i < len(layout); i++ {
		if layout[i] != '%' {
			steps = addLiteral(steps, layout[i:i+1])
			continue
		}
		i++
		if i == len(layout) {
			return nil, badLayout(layout, "ends in %")
		}
		switch layout[i] {
		case 'Y':
			steps = append(steps, step{field: year4})
		case 'y':
			steps = append(steps, step{field: year2})
		case 'm':
			steps = append(steps, step{field: month2})
		case 'b', 'h':
			steps = append(steps, step{field: monthName})
		case 'B':
			steps = append(steps, step{field: monthFull})
		case 'd':
			steps = append(steps, step{field: day2})
		case 'e':
			steps = append(steps, step{field: day1, width: 2})
		case 'j':
			steps = append(steps, step{field: yearDay})
		case 'H':
			steps = append(steps, step{field: hour24two})
		case 'k':
			steps = append(steps, step{field: hour24})
		case 'I':
			steps = append(steps, step{field: hour12two})
		case 'p', 'P':
			steps = append(steps, step{field: halfDay})
		case 'M':
			steps = append(steps, step{field: minute2})
		case 'S':
			steps = append(steps, step{field: second2})
		case 'f':
			steps = appendSubsecond(steps, 6)
		case 'L':
			steps = appendSubsecond(steps, 3)
		case 'z':
			steps = append(steps, step{field: offsetTime, form: offsetAny, zulu: true})
		case 'Z':
			steps = append(steps, step{field: zoneName})
		case 'a':
			steps = append(steps, step{field: dayName, width: 3})
		case 'A':
			steps = append(steps, step{field: dayName, width: 9})
		case 'F':
			steps = append(steps, step{field: year4}, step{field: literal, text: "-"}, step{field: month2}, step{field: literal, text: "-"},
				step{field: day2})
		case 'T':
			steps = append(steps, step{field: hour24two}, step{field: literal, text: ":"}, step{field: minute2}, step{field: literal, text: ":"},
				step{field: second2})
		case '%':
			steps = addLiteral(steps, "%")
		default:
			return nil, badLayout(layout, "%"+layout[i:i+1]+" is not supported; use %Y %y %m %b %d %e %j %H %I %p %M %S %f %L %z %Z %a %F %T")
		}
	}
	return steps, nil
}

// In returns the layout for times in another zone.
func (l *Layout) In(zone *Zone) *Layout {
	other := *l
	other.options.Zone = zone
	return &other
}
