package normalize

import (
	"fmt"
	"math/rand/v2"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"ratemill/internal/proof/seeds"
)

// Durations in words and in ISO 8601 are read as package time reads them.
func TestDurationsInWordsAgreeWithTime(t *testing.T) {
	for seed := range seeds.Each(t, 1, 1) {
		random := rand.New(rand.NewPCG(seed, 15))
		for range 20_000 {
			d := time.Duration(random.Int64N(int64(1)<<random.IntN(43))) * time.Millisecond
			text := d.String()
			if strings.HasSuffix(text, "ms") {
				require.Less(t, d, time.Second)
			}
			got, err := DurationMilliseconds([]byte(text), InMinutes, Exact)
			require.NoError(t, err, text)
			require.Equal(t, d.Milliseconds(), got, text)
			up, err := DurationSeconds([]byte(text), InHours, Up)
			require.NoError(t, err, text)
			require.Equal(t, (d.Milliseconds()+999)/1000, up, text)

			if !strings.HasSuffix(text, "ms") {
				iso := "PT" + strings.ToUpper(text)
				got, err = DurationMilliseconds([]byte(iso), InSeconds, Exact)
				require.NoError(t, err, iso)
				require.Equal(t, d.Milliseconds(), got, iso)
			}
			clock := fmt.Sprintf("%d:%02d", d/time.Minute, d%time.Minute/time.Second)
			if got, err = DurationSeconds([]byte(clock), InMinutesClock, Exact); d/time.Minute < 1e9 {
				require.NoError(t, err, clock)
				require.Equal(t, int64(d/time.Second), got, clock)
			}
		}
	}
}

func TestDurationForms(t *testing.T) {
	for text, want := range map[string]int64{"10s": 10, "5m": 300, "1h2m3s": 3723, "1 h 2 min": 3720, "PT5M": 300, "P1DT2H": 93600,
		"P2W": 1209600,
		"1d":  86400, "90 SEC": 90, "1.5h": 5400, "PT0.5H": 1800, "1500ms": 2, "PT0S": 0} {
		got, err := DurationSeconds([]byte(text), InMilliseconds, Up)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
	for text, reason := range map[string]string{"1m1h": "such as", "1h1h": "such as", "1.5h2m": "only the last", "P1M": "no fixed length",
		"P": "", "PT": "ISO 8601", "PT1M1H": "ISO 8601",
		"P1W1D": "ISO 8601", "5 apples": "such as", "m": "", "-5m": "such as", "1h-2m": "such as", "9999999999999999d": "too large",
		"PT1H2": "ISO 8601", "1h2": "not a number"} {
		_, err := DurationSeconds([]byte(text), InSeconds, Up)
		require.ErrorContains(t, err, reason, text)
	}
	for text, reason := range map[string]string{"5": "mm:ss", "5:60": "59", "5:1": "mm:ss", ":30": "mm:ss", "1:02:03": "mm:ss"} {
		_, err := DurationSeconds([]byte(text), InMinutesClock, Up)
		require.ErrorContains(t, err, reason, text)
	}
}

// A number written with a decimal comma is read back exactly; one that may have a decimal point is refused.
func TestDecimalCommas(t *testing.T) {
	for seed := range seeds.Each(t, 1, 1) {
		random := rand.New(rand.NewPCG(seed, 16))
		for range 20_000 {
			whole, decimals := strconv.FormatUint(random.Uint64N(uint64(1)<<random.IntN(40)), 10), strconv.FormatUint(random.Uint64N(1e6), 10)
			want, text := whole+"."+decimals, whole+","+decimals
			grouped := ""
			for i, c := range whole {
				if i > 0 && (len(whole)-i)%3 == 0 {
					grouped += []string{".", " ", "'"}[decimals[0]%3]
				}
				grouped += string(c)
			}
			for _, written := range []string{text, grouped + "," + decimals, " -" + text} {
				got, err := DecimalComma(nil, []byte(written))
				require.NoError(t, err, written)
				require.Equal(t, want, strings.TrimPrefix(string(got), "-"), written)
			}
		}
	}
	for _, text := range []string{"", ",5", "5,", "1.5", "1,234,567", "1.23,5", "1234.567,8", "1.234 567,8", "12a", "1,5E+3"} {
		_, err := DecimalComma(nil, []byte(text))
		require.Error(t, err, text)
	}
}

func FuzzHexAndURL(f *testing.F) {
	for _, text := range []string{"0x1f", "FFFFFFFFFFFFFFFF", "a%20b+c", "%zz", "%", "%ff"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		n, err := Hexadecimal([]byte(text))
		digits := strings.TrimPrefix(strings.ToLower(string(trim([]byte(text)))), "0x")
		want, wantErr := strconv.ParseInt(digits, 16, 64)
		if strings.Trim(digits, "0123456789abcdef") == "" {
			require.Equal(t, wantErr == nil, err == nil, text)
			require.True(t, err != nil || n == want, text)
		} else {
			require.Error(t, err)
		}
		for _, form := range []bool{false, true} {
			unescape := url.PathUnescape
			if form {
				unescape = url.QueryUnescape
			}
			want, wantErr := unescape(text)
			got, err := URLDecoded(nil, []byte(text), form)
			right := wantErr == nil && utf8.ValidString(want) && !strings.Contains(want, "\x00")
			require.Equal(t, right, err == nil, "%q", text)
			require.True(t, !right || string(got) == want, "%q", text)
		}
	})
}
