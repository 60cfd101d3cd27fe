package rating

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"ratemill/diag"
)

const (
	daySeconds  = 86400
	weekSeconds = 7 * daySeconds
)

// weekDoc is a time slice in documents: Mon-Fri 08:00-18:00, or a list of such parts.
type weekDoc struct {
	spans    []weekSpan
	holidays []holidaysDoc
	pos      diag.Pos
	text     string // the slice as written
}

// holidaysDoc is the ending of a time slice that names holidays: holidays of CALENDAR, with or without hours.
type holidaysDoc struct {
	calendar diag.Text
	from, to int32
}

// weekSpan is a part of the week in seconds since Monday 00:00; to may be beyond the week's end.
type weekSpan struct{ from, to int32 }

var dayNames = []string{"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"}

func (w *weekDoc) UnmarshalNode(n *diag.Node, d *diag.Decoder) {
	w.pos = n.Pos
	items := []*diag.Node{n}
	if n.Kind == diag.Sequence {
		items = n.Items
	}
	for _, item := range items {
		if !d.Want(item, diag.Scalar, "a time slice") {
			continue
		}
		w.text = strings.TrimPrefix(w.text+"; "+item.Text, "; ")
		days, err := w.cutHolidays(item)
		var spans []weekSpan
		if err == nil && days != "" {
			spans, err = parseWeek(days)
		}
		if err != nil {
			d.Errorf(item.Pos, "%v", err)
		}
		w.spans = append(w.spans, spans...)
	}
}

const holidaysOf = "holidays of "

// cutHolidays reads the holidays at the end of a slice, as in Sat-Sun, holidays of spain 08:00-20:00. It returns
// the days before the holidays.
func (w *weekDoc) cutHolidays(item *diag.Node) (days string, err error) {
	for i, part := range strings.Split(item.Text, ", ") {
		rest, is := strings.CutPrefix(strings.TrimSpace(part), holidaysOf)
		switch {
		case !is && i == 0:
			days = part
			continue
		case !is && len(w.holidays) == 0:
			return item.Text, nil // parseWeek reports the mistake
		case !is:
			return "", fmt.Errorf("%q is not a time slice: write days of the week before holidays, as in Sat-Sun, holidays of spain", item.Text)
		}
		name, hours, hasHours := strings.Cut(strings.TrimSpace(rest), " ")
		h := holidaysDoc{calendar: diag.Text{Value: name, Pos: item.Pos}, to: daySeconds}
		if hasHours {
			what := ""
			if h.from, h.to, what = parseHours(hours); what != "" {
				return "", fmt.Errorf("%q is not a time slice: %s; write holidays of spain, or holidays of spain 08:00-20:00", item.Text, what)
			}
		}
		w.holidays = append(w.holidays, h)
	}
	return days, nil
}

// parseHours reads hours such as 08:00-18:00; to is on the next day if it is before from. what
// describes the mistake.
func parseHours(hours string) (from, to int32, what string) {
	a, b, ok := strings.Cut(strings.TrimSpace(hours), "-")
	from, okA := clockTime(a)
	to, okB := clockTime(b)
	switch {
	case !ok || !okA || !okB:
		return 0, 0, "the hours are not as in 08:00-18:00"
	case from == to || from == daySeconds:
		return 0, 0, "it has no length"
	case to < from:
		to += daySeconds
	}
	return from, to, ""
}

// parseWeek reads days and, for a part of the day, hours: Mon-Fri 08:00-18:00; Sat-Sun; Mon,Wed 22:00-06:00, which ends
// on the next day.
func parseWeek(text string) ([]weekSpan, error) {
	bad := func(what string) error {
		return fmt.Errorf("%q is not a time slice: %s; write Mon-Fri 08:00-18:00 or Sat-Sun", text, what)
	}
	days, hours, hasHours := strings.Cut(strings.TrimSpace(text), " ")
	from, to := int32(0), int32(daySeconds)
	if hasHours {
		what := ""
		if from, to, what = parseHours(hours); what != "" {
			return nil, bad(what)
		}
	}
	var spans []weekSpan
	for _, part := range strings.Split(days, ",") {
		a, b, isRange := strings.Cut(part, "-")
		first := slices.Index(dayNames, a)
		last := first
		if isRange {
			last = slices.Index(dayNames, b)
		}
		if first < 0 || last < 0 {
			return nil, bad("the days are " + strings.Join(dayNames, ", "))
		}
		for day := first; ; day = (day + 1) % 7 {
			spans = append(spans, weekSpan{int32(day)*daySeconds + from, int32(day)*daySeconds + to})
			if day == last {
				break
			}
		}
	}
	return spans, nil
}

func clockTime(text string) (int32, bool) {
	h, m, ok := strings.Cut(text, ":")
	hour, err1 := strconv.Atoi(h)
	minute, err2 := strconv.Atoi(m)
	if !ok || err1 != nil || err2 != nil || len(h) != 2 || len(m) != 2 || hour < 0 || hour > 24 || minute < 0 || minute > 59 || hour == 24 &&
		minute > 0 {
		return 0, false
	}
	return int32(hour*3600 + minute*60), true
}

// week is a week divided at the boundaries of a plan's slices.
type week struct {
	starts []int32 // the first is 0
	slice  []int16 // slice of the part that begins at starts[i]: 0 for no slice, i for the plan's i-th

	holidays []holidays // holidays take precedence over days of the week
}

// compileWeek maps the slices onto the week, and reports overlaps.
func compileWeek(slices_ diag.Map[weekDoc], l *diag.List) *week {
	if len(slices_) == 0 {
		return nil
	}
	type piece struct {
		weekSpan
		slice int
	}
	var pieces []piece
	for i, s := range slices_ {
		for _, p := range s.Value.spans {
			if p.to > weekSeconds {
				pieces = append(pieces, piece{weekSpan{0, p.to - weekSeconds}, i})
				p.to = weekSeconds
			}
			pieces = append(pieces, piece{p, i})
		}
	}
	slices.SortFunc(pieces, func(a, b piece) int { return int(a.from - b.from) })
	w := &week{}
	add := func(from int32, slice int16) {
		if n := len(w.slice); n > 0 && w.slice[n-1] == slice {
			return
		}
		w.starts, w.slice = append(w.starts, from), append(w.slice, slice)
	}
	end, by := int32(0), 0
	for _, p := range pieces {
		if p.from < end {
			l.Errorf(slices_[p.slice].Value.pos, "slice %s overlaps slice %s on %s at %02d:%02d; each moment must have one price, so "+
				"remove it from one of them",
				slices_[p.slice].Key, slices_[by].Key, dayNames[p.from/daySeconds], p.from%daySeconds/3600, p.from%3600/60)
			return nil
		}
		if p.from > end {
			add(end, 0)
		}
		add(p.from, int16(p.slice+1))
		end, by = p.to, p.slice
	}
	if end < weekSeconds {
		add(end, 0)
	}
	return w
}

// inWeek returns the slice at a second of a week without holidays, and the second at which the slice ends.
func (w *week) inWeek(second int32) (slice int16, end int32) {
	i := len(w.starts) - 1
	for w.starts[i] > second {
		i--
	}
	end = weekSeconds
	if i+1 < len(w.starts) {
		end = w.starts[i+1]
	}
	return w.slice[i], end
}
