package normalize

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var goLayouts = []string{
	"2006-01-02 15:04:05", "02.01.2006 15:04:05", "20060102150405", "2006/1/2 15:04", "060102150405", "2006-01-02T15:04:05.000",
	"2006-01-02 15:04:05.999", "Jan _2 2006 15:04:05", "January 2, 2006 03:04:05 PM", "2006-01-02T15:04:05Z07:00", "20060102150405-0700",
	"Mon, 02 Jan 2006 15:04:05 -0700", "01/02/06 3:4:5 pm", "2006-002 15:04", "2006-01-02", "02012006 150405-07",
}

var zoneNames = []string{"UTC", "Europe/Madrid", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "America/Sao_Paulo",
	"Africa/Casablanca", "Pacific/Apia"}

// sameAsGo compares a parsed text with the standard library: the same texts are read, and to the same instant, but for
// local times that the clock showed twice or never, where ratemill says which and Go does not.
func sameAsGo(t testing.TB, layout string, zone *Zone, text string) {
	l, err := CompileLayout(layout, TimeOptions{Zone: zone})
	require.NoError(t, err)
	location, err := time.LoadLocation(zone.String())
	require.NoError(t, err)
	got, gotErr := l.Parse([]byte(text))
	switch { // Go wants AM and PM in the layout's case
	case strings.Contains(layout, "PM"):
		text = strings.ToUpper(text)
	case strings.Contains(layout, "pm"):
		text = strings.ToLower(text)
	}
	if wantsTwoDigitYear := strings.Contains(strings.ReplaceAll(layout, "2006", ""), "06"); wantsTwoDigitYear &&
		strings.ContainsAny(text, "+-") {
		return // Go takes +0 for a year of two digits
	}
	if strings.Contains(layout, "07") && strings.HasSuffix(text, "60") {
		return // Go takes 60 minutes in an offset
	}
	want, wantErr := time.ParseInLocation(layout, text, location)
	if wantErr == nil && (want.Year() < 1701 || want.Year() > 2260) {
		return
	}
	if (gotErr == nil) != (wantErr == nil) {
		t.Fatalf("%q as %q in %s: got %v, Go says %v", text, layout, zone, gotErr, wantErr)
	}
	if gotErr != nil || got.Nano == want.UnixNano() && got.Note == 0 {
		return
	}
	switch got.Note {
	case Ambiguous: // Go does not say which of both it takes
		l.options.Ambiguous = Later
		later, err := l.Parse([]byte(text))
		require.NoError(t, err)
		require.Greater(t, later.Nano, got.Nano)
		require.Contains(t, []int64{got.Nano, later.Nano}, want.UnixNano(), "%q in %s", text, zone)
		form := "2006-01-02T15:04:05.999999999"
		require.Equal(t, time.Unix(0, got.Nano).In(location).Format(form), time.Unix(0, later.Nano).In(location).Format(form))
	case Missing:
		gap := time.Duration(got.Nano - want.UnixNano()).Abs()
		require.LessOrEqual(t, gap, 24*time.Hour, "%q in %s", text, zone)
	default:
		t.Fatalf("%q as %q in %s: got %s, Go says %s", text, layout, zone, time.Unix(0, got.Nano).UTC(), want.UTC())
	}
}

// Every quarter of an hour around every switch of a zone's clock, and some times in each month of five centuries.
func TestLocalTimesAgreeWithGo(t *testing.T) {
	for _, name := range zoneNames {
		zone, err := LoadZone(name)
		require.NoError(t, err)
		location, err := time.LoadLocation(name)
		require.NoError(t, err)
		for year := 1890; year < 2255; year += 5 {
			for month := time.January; month <= time.December; month++ {
				sameAsGo(t, goLayouts[0], zone, time.Date(year, month, 28, 23, 59, 59, 0, time.UTC).Format(goLayouts[0]))
			}
		}
		for at := time.Date(1940, 1, 1, 0, 0, 0, 0, location); at.Year() < 2045; {
			_, end := at.ZoneBounds()
			if end.IsZero() || !end.After(at) {
				at = at.AddDate(0, 0, 3)
				continue
			}
			for minutes := -26 * 60; minutes <= 26*60; minutes += 15 {
				sameAsGo(t, goLayouts[0], zone, end.UTC().Add(time.Duration(minutes)*time.Minute).Format(goLayouts[0]))
			}
			at = end
		}
	}
}

func TestLayoutsOfOtherWritings(t *testing.T) {
	madrid, err := LoadZone("Europe/Madrid")
	require.NoError(t, err)
	for layout, text := range map[string]string{
		"YYYY-MM-DD hh:mm:ss":        "2026-03-17 00:10:02",
		"DD-MM-YYYY HH:mm:ss":        "17-03-2026 00:10:02",
		"yyyyMMdd'at'hhmmss":         "20260317at001002",
		"YYYY-MM-DDThh:mm:ss.SSS":    "2026-03-17T00:10:02.000",
		"YYYYMMDDhhmmssSSS":          "20260317001002000",
		"D MMM YY hh:mm:ss a":        "17 Mar 26 12:10:02 am",
		"%d/%m/%y %H:%M:%S":          "17/03/26 00:10:02",
		"%F %T.%f":                   "2026-03-17 00:10:02.000000",
		"%Y%j %I:%M:%S%p %z":         "2026075 11:10:02PM +0000",
		"2006-01-02 15:04:05 MST":    "2026-03-17 00:10:02 CET",
		"2006-01-02 15:04:05 -07:00": "2026-03-17 05:10:02 +06:00",
	} {
		l, err := CompileLayout(layout, TimeOptions{Zone: madrid})
		require.NoError(t, err, layout)
		m, err := l.Parse([]byte(text))
		require.NoError(t, err, layout)
		require.Equal(t, "2026-03-16T23:10:02Z", time.Unix(0, m.Nano).UTC().Format(time.RFC3339), layout)
	}
	for layout, reason := range map[string]string{
		"YYYY-MM-DD HH:MM:SS": "says the month 2 times",
		"YYYY-MM-DD hh:mm:q":  "q has no meaning here",
		"15:04:05":            "no day and month",
		"2006-01-02 03:04":    "AM or PM",
		"%Q":                  "%Q is not supported",
		"":                    "1 to 64",
	} {
		_, err := CompileLayout(layout, TimeOptions{Zone: madrid})
		require.ErrorContains(t, err, reason, layout)
	}
	_, err = CompileLayout("2006-01-02", TimeOptions{})
	require.ErrorContains(t, err, "must state its zone")
	for name, reason := range map[string]string{"Europe/Madird": "did you mean Europe/Madrid", "Madrid": "Europe/Madrid",
		"Local": "zone of the machine", "": "IANA"} {
		_, err := LoadZone(name)
		require.ErrorContains(t, err, reason, name)
	}
}

// The abbreviation says which of two times is meant, and a year is found for times that name none.
func TestTimesThatSayMoreOrLess(t *testing.T) {
	madrid, err := LoadZone("Europe/Madrid")
	require.NoError(t, err)
	l, err := CompileLayout("2006-01-02 15:04 MST", TimeOptions{Zone: madrid, Ambiguous: Refuse})
	require.NoError(t, err)
	for text, want := range map[string]string{"2026-10-25 02:30 CEST": "2026-10-25T00:30:00Z", "2026-10-25 02:30 CET": "2026-10-25T01:30:00Z",
		"2026-10-25 02:30 UTC": "2026-10-25T02:30:00Z"} {
		m, err := l.Parse([]byte(text))
		require.NoError(t, err)
		require.Equal(t, want, time.Unix(0, m.Nano).UTC().Format(time.RFC3339), text)
	}
	_, err = l.Parse([]byte("2026-07-01 12:00 CET"))
	require.ErrorContains(t, err, "is not called CET")

	l, err = CompileLayout("02/01 15:04", TimeOptions{Zone: madrid})
	require.NoError(t, err)
	require.True(t, l.Yearless())
	_, err = l.Parse([]byte("31/12 23:50"))
	require.ErrorContains(t, err, "has no year")
	near := time.Date(2027, 1, 1, 0, 20, 0, 0, time.UTC).UnixNano()
	for text, want := range map[string]string{"31/12 23:50": "2026-12-31T22:50:00Z", "01/01 00:10": "2026-12-31T23:10:00Z",
		"29/02 12:00": "2028-02-29T11:00:00Z"} {
		m, err := l.ParseNear([]byte(text), near)
		require.NoError(t, err)
		require.Equal(t, want, time.Unix(0, m.Nano).UTC().Format(time.RFC3339), text)
	}
}

func FuzzTime(f *testing.F) {
	for i, layout := range goLayouts {
		f.Add(uint8(i), uint8(1), time.Date(2026, 10, 25, 2, 30, 5, 0, time.UTC).Format(layout))
		f.Add(uint8(i), uint8(2), time.Date(1999, 2, 28, 23, 59, 59, 123456789, time.UTC).Format(layout))
	}
	var zones []*Zone
	for _, name := range zoneNames {
		zone, err := LoadZone(name)
		if err != nil {
			f.Fatal(err)
		}
		zones = append(zones, zone)
	}
	f.Fuzz(func(t *testing.T, layout, zone uint8, text string) {
		for _, c := range []byte(text) {
			if blank(c) && c != ' ' {
				return
			}
		}
		if string(trim([]byte(text))) != text || len(text) > longestTime {
			return
		}
		sameAsGo(t, goLayouts[int(layout)%len(goLayouts)], zones[int(zone)%len(zones)], text)
		iso, err := ParseRFC3339([]byte(text))
		var want time.Time // UnmarshalText is strict, time.Parse takes hours of one digit
		if wantErr := want.UnmarshalText([]byte(text)); wantErr == nil && want.Year() > 1700 && want.Year() < 2261 {
			require.NoError(t, err)
			require.Equal(t, want.UnixNano(), iso.Nano)
		}
		_, _ = ParseISO8601([]byte(text), TimeOptions{Zone: zones[1]})
		_, _ = ParseEpoch([]byte(text), EpochUnit(zone%4))
	})
}

func FuzzLayout(f *testing.F) {
	for _, layout := range append(goLayouts, "YYYY-MM-DD hh:mm:ss", "%Y%m%d%H%M%S") {
		f.Add(layout, "2026-03-17 00:10:02")
	}
	f.Fuzz(func(t *testing.T, layout, text string) {
		if l, err := CompileLayout(layout, TimeOptions{Zone: UTC}); err == nil {
			_, _ = l.Parse([]byte(text))
			_, _ = l.ParseNear([]byte(text), 1767225600e9)
		}
	})
}

func BenchmarkTime(b *testing.B) {
	madrid, err := LoadZone("Europe/Madrid")
	require.NoError(b, err)
	for layout, text := range map[string]string{"02.01.2006 15:04:05": "17.03.2026 00:10:02", "YYYY-MM-DD hh:mm:ss": "2026-03-17 00:10:02",
		"rfc3339": "2026-03-17T00:10:02Z", "epoch": "1767225600"} {
		l, err := CompileLayout(layout, TimeOptions{Zone: madrid})
		require.NoError(b, err)
		b.Run(layout, func(b *testing.B) {
			b.ReportAllocs()
			in := []byte(text)
			for range b.N {
				if _, err := l.Parse(in); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
