package normalize

import (
	_ "embed"
	"math"
	"sort"
	"strings"
	"time"
)

// Zone is an IANA time zone prepared for parsing: every period of constant offset between the years 1678 and 2262.
type Zone struct {
	name  string
	spans []span
	near  []uint16 // index of the last span that starts before or within a bucket of local time
}

// span is a period of constant offset. Local times in [from, to) belong to it; where two spans overlap, local times are
// ambiguous, and where there is no span, they are missing.
type span struct {
	from, to     int64 // local seconds since 1970
	offset       int32 // seconds east of UTC
	abbreviation string
}

const (
	firstSecond = math.MinInt64/1_000_000_000 + 1
	lastSecond  = math.MaxInt64/1_000_000_000 - 1
	bucketBits  = 22 // 48 days; changes of offset are closer together only in rare historical cases
)

// UTC is the zone of instants.
var UTC = newZone("UTC", time.UTC)

// LoadZone loads a zone by its IANA name (Europe/Madrid), UTC, or an offset (+02:00). The machine's local zone is
// refused, because the result would depend on where ratemill runs. It needs the time zone database of the system or the
// package time/tzdata.
func LoadZone(name string) (*Zone, error) {
	switch {
	case name == "":
		return nil, fail("zone", nil, "a time zone is an IANA name, such as Europe/Madrid")
	case name == "UTC" || name == "Z":
		return UTC, nil
	case name == "Local":
		return nil, fail("zone", []byte(name), "the zone of the machine is not a property of a carrier; name an IANA zone, such as Europe/Madrid")
	case name[0] == '+' || name[0] == '-':
		offset, rest, ok := parseOffset([]byte(name), offsetAny)
		if !ok || len(rest) > 0 {
			return nil, fail("zone", []byte(name), "an offset is written +02:00")
		}
		return newZone(name, time.FixedZone(name, int(offset))), nil
	}
	location, err := time.LoadLocation(name)
	if err != nil {
		reason := "no IANA time zone has this name"
		if like := suggestZones(name); len(like) > 0 {
			reason += "; did you mean " + strings.Join(like, " or ") + "?"
		}
		return nil, fail("zone", []byte(name), reason)
	}
	return newZone(name, location), nil
}

func newZone(name string, location *time.Location) *Zone {
	z := &Zone{name: name}
	for at := int64(firstSecond); at < lastSecond; {
		moment := time.Unix(at, 0).In(location)
		abbreviation, offset := moment.Zone()
		_, end := moment.ZoneBounds()
		next := end.Unix()
		switch {
		case end.IsZero() || next > lastSecond:
			next = lastSecond
		case next <= at:
			// For the rule at the end of the zone data, Go ends 31 December of a leap year at its start.
			next = at + 86400
		}
		if n := len(z.spans); n > 0 && z.spans[n-1].offset == int32(offset) && z.spans[n-1].abbreviation == abbreviation {
			z.spans[n-1].to = next + int64(offset)
		} else {
			z.spans = append(z.spans, span{from: at + int64(offset), to: next + int64(offset), offset: int32(offset), abbreviation: abbreviation})
		}
		at = next
	}
	z.spans[0].from, z.spans[len(z.spans)-1].to = math.MinInt64, math.MaxInt64
	if len(z.spans) == 1 {
		return z
	}
	for at, n := int64(firstSecond), 0; at < lastSecond; at += 1 << bucketBits {
		for n+1 < len(z.spans) && z.spans[n+1].from <= at {
			n++
		}
		z.near = append(z.near, uint16(n))
	}
	return z
}

func (z *Zone) String() string { return z.name }

// Note describes that a local time is ambiguous or missing.
type Note uint8

const (
	Ambiguous Note = 1 << iota // the clock showed this time twice, because it was set back
	Missing                    // the clock never showed this time, because it was set forward past it
)

func (n Note) String() string {
	switch n {
	case Ambiguous:
		return "ambiguous"
	case Missing:
		return "missing"
	}
	return ""
}

// spanAt finds the last span that begins before or at the local time. The bucket gives the starting point.
func (z *Zone) spanAt(local int64) int {
	if len(z.spans) == 1 {
		return 0
	}
	n := int(z.near[(local-firstSecond)>>bucketBits])
	for n+1 < len(z.spans) && z.spans[n+1].from <= local {
		n++
	}
	return n
}

// resolve returns the offset at a local time. A missing time is read with the offset before the change, so the result
// is later on the clock by the skipped amount.
func (z *Zone) resolve(local int64, abbreviation []byte, later bool) (offset int32, note Note, ok bool) {
	n := z.spanAt(local)
	if local >= z.spans[n].to {
		return z.spans[n].offset, Missing, abbreviation == nil || string(abbreviation) == z.spans[n].abbreviation
	}
	twice := n > 0 && local < z.spans[n-1].to && z.spans[n-1].offset != z.spans[n].offset
	if abbreviation != nil {
		if string(abbreviation) == z.spans[n].abbreviation {
			return z.spans[n].offset, 0, true
		}
		return z.spans[max(n-1, 0)].offset, 0, twice && string(abbreviation) == z.spans[n-1].abbreviation
	}
	if twice {
		if !later {
			n--
		}
		return z.spans[n].offset, Ambiguous, true
	}
	return z.spans[n].offset, 0, true
}

//go:embed data/zones.txt
var zonesText string

// suggestZones returns up to three names that are similar to the given one, or that contain it as a city.
func suggestZones(name string) []string {
	if len(name) > 64 {
		return nil
	}
	type near struct {
		name     string
		distance int
	}
	var found []near
	wanted := zoneKey(name)
	for fields := range rows(zonesText, 1) {
		zone := fields[0]
		city := zone[strings.LastIndexByte(zone, '/')+1:]
		distance := editDistance(wanted, zoneKey(zone))
		if inCity := editDistance(zoneKey(name[strings.LastIndexByte(name, '/')+1:]), zoneKey(city)); len(city) > 3 && inCity <= 1 {
			distance = min(distance, inCity+1)
		}
		if distance <= 1+len(name)/5 {
			found = append(found, near{zone, distance})
		}
	}
	sort.SliceStable(found, func(i, j int) bool { return found[i].distance < found[j].distance })
	var names []string
	for _, f := range found[:min(3, len(found))] {
		names = append(names, f.name)
	}
	return names
}

func zoneKey(name string) string {
	return strings.NewReplacer("_", "", " ", "", "-", "").Replace(strings.ToLower(name))
}

func editDistance(a, b string) int {
	previous := make([]int, len(b)+1)
	for j := range previous {
		previous[j] = j
	}
	for i := range len(a) {
		current := make([]int, len(b)+1)
		current[0] = i + 1
		for j := range len(b) {
			change := previous[j]
			if a[i] != b[j] {
				change++
			}
			current[j+1] = min(change, previous[j+1]+1, current[j]+1)
		}
		previous = current
	}
	return previous[len(b)]
}
