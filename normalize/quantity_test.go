package normalize

import (
	"math"
	"math/big"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// exactly is the naive model of scaled: big rationals.
func exactly(text string, times, by int64, round Rounding) (int64, bool) {
	whole, part, point := strings.Cut(strings.TrimPrefix(text, "+"), ".")
	if whole == "" || point && part == "" || strings.Trim(whole+part, "0123456789") != "" {
		return 0, false
	}
	if len(strings.TrimLeft(whole, "0")) > 19 || len(strings.TrimRight(part, "0")) > longestDecimals {
		return 0, false
	}
	r, ok := new(big.Rat).SetString(whole + "." + part + "0")
	if !ok {
		return 0, false
	}
	r.Mul(r, big.NewRat(times, by))
	n, left := new(big.Int).QuoRem(r.Num(), r.Denom(), new(big.Int))
	if left.Sign() != 0 {
		half := new(big.Int).Lsh(left, 1).Cmp(r.Denom())
		switch {
		case round == Exact:
			return 0, false
		case round == Up || round == HalfUp && half >= 0:
			n.Add(n, big.NewInt(1))
		}
	}
	return n.Int64(), n.IsInt64()
}

func FuzzQuantity(f *testing.F) {
	for _, text := range []string{"0", "1200", "0.219933", "-2", "1.5 MB", "9223372036854775807", "18446744073709551615",
		"0.000000000000000001", "1e6", "1,5", "12:34:56", "00.10", ".5", "5."} {
		f.Add(text, uint8(0), uint8(0))
		f.Add(text, uint8(3), uint8(1))
	}
	units := []DataUnit{Octet, Kilobyte, Megabyte, Gigabyte, Terabyte, Kibibyte, Mebibyte, Gibibyte, Tebibyte}
	f.Fuzz(func(t *testing.T, text string, unit, rounding uint8) {
		u, round := units[int(unit)%len(units)], Rounding(rounding%4)
		got, err := Octets([]byte(text), u, round)
		require.True(t, err != nil || got >= 0)
		if strings.Trim(text, "0123456789.+-eE,") == "" && !strings.ContainsAny(text, "eE") {
			want, ok := exactly(text, int64(u), 1, round)
			require.Equal(t, ok, err == nil, "%q %v", text, err)
			require.Equal(t, want*b2i(ok), got*b2i(ok))
			seconds, err := DurationSeconds([]byte(text), InMilliseconds, round)
			want, ok = exactly(text, 1, 1000, round)
			require.Equal(t, ok, err == nil, "%q %v", text, err)
			require.Equal(t, want*b2i(ok), seconds*b2i(ok))
		}
		n, err := DurationMilliseconds([]byte(text), InClock, round)
		require.True(t, err != nil || n >= 0)
		_, _ = Count([]byte(text))
		if n, err := Unsigned32([]byte(text)); err == nil {
			require.True(t, n >= 0 && n <= math.MaxUint32)
		}
	})
}

func b2i(ok bool) int64 {
	if ok {
		return 1
	}
	return 0
}

func TestQuantities(t *testing.T) {
	for _, c := range []struct {
		text  string
		unit  DataUnit
		round Rounding
		want  int64
	}{
		{"0", Octet, Exact, 0}, {"4294967294", Octet, Exact, 4294967294}, {"2200000000", Octet, Exact, 2200000000},
		{"0.219933", Megabyte, Exact, 219933}, {"0.219933 MB", Octet, Exact, 219933}, {"1GiB", Octet, Exact, 1 << 30},
		{"0.0000005", Megabyte, HalfUp, 1}, {"0.0000004", Megabyte, HalfUp, 0}, {"0.0000009", Megabyte, Down, 0},
		{" 12 ", Kilobyte, Exact, 12000},
		{"9223372036854775807", Octet, Exact, math.MaxInt64}, {"+7", Octet, Exact, 7}, {"1.000", Octet, Exact, 1},
	} {
		got, err := Octets([]byte(c.text), c.unit, c.round)
		require.NoError(t, err, c.text)
		require.Equal(t, c.want, got, c.text)
	}
	for text, reason := range map[string]string{
		"": "empty", "-2": "unsigned32", "1,5": "comma", "1.2E+9": "scientific", "9223372036854775808": "too large", "1 Mb": "bits",
		"99999999999999999999": "too large", "0.1": "not a whole number", "abc": "", "1.": "there are no digits",
		"10000000000 GB": "too large",
	} {
		_, err := Octets([]byte(text), Octet, Exact)
		require.ErrorContains(t, err, reason, text)
	}
	// One call of about three seconds, as switches write it: 3 s, 29 or 30 tenths, 280 to 299 hundredths.
	for unit, text := range map[DurationUnit]string{InSeconds: "3", InDecis: "29", InCentis: "280", InMilliseconds: "2999",
		InMinutes: "0.05"} {
		got, err := DurationSeconds([]byte(text), unit, Up)
		require.NoError(t, err)
		require.EqualValues(t, 3, got, text)
	}
	got, err := DurationSeconds([]byte("30:00:00.2"), InClock, Up)
	require.NoError(t, err)
	require.EqualValues(t, 108001, got)
	for _, text := range []string{"1:2", "1:60:00", "1:00:60", "-1:00:00", "1:0:0x", "::"} {
		_, err := DurationSeconds([]byte(text), InClock, Up)
		require.Error(t, err, text)
	}
}

func BenchmarkQuantity(b *testing.B) {
	for name, text := range map[string]string{"digits": "88000", "decimals": "0.219933", "suffix": "1.5 MB"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			in := []byte(text)
			for range b.N {
				if _, err := Octets(in, Megabyte, Exact); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func TestIdentifiersKeepTheirText(t *testing.T) {
	for _, text := range []string{"214070000000001", "00101000000001", "001010000000001"} {
		i, err := ParseIMSI([]byte(text))
		require.NoError(t, err)
		require.Equal(t, text, i.String())
		n, _ := strconv.Atoi(text[:3])
		require.EqualValues(t, n, i.MCC())
	}
	for _, text := range []string{"893407110000000001", "8934071100000000017", "89340711000000000176", "89000000000000000001"} {
		i, err := ParseICCID([]byte(text))
		require.NoError(t, err)
		require.Equal(t, text, i.String())
	}
	i, err := ParseICCID([]byte("8934 0711 0000 0000 017F"))
	require.NoError(t, err)
	require.Equal(t, "8934071100000000017", i.String())
	checked, err := ParseICCID([]byte("8991101200003204514"))
	require.NoError(t, err)
	require.True(t, checked.Checked())
	wrong, err := ParseICCID([]byte("8991101200003204515"))
	require.NoError(t, err)
	require.False(t, wrong.Checked())
	imei, err := ParseIMEI([]byte("49015420323751"))
	require.NoError(t, err)
	require.Equal(t, "490154203237518", imei.Device().String())
	require.EqualValues(t, 49015420, imei.TAC())
	for _, text := range []string{"001b44113ab7", "00:1B:44:11:3a:b7", "00-1b-44-11-3a-b7", "001b.4411.3ab7"} {
		m, err := ParseMAC([]byte(text))
		require.NoError(t, err, text)
		require.Equal(t, "00:1b:44:11:3a:b7", m.String())
	}
	for _, text := range []string{"001b44113ab", "00:1b:44:11:3a::7", "00:1b-44:11:3a:b7", "001b.4411.3ab.7", "zz1b44113ab7"} {
		_, err := ParseMAC([]byte(text))
		require.Error(t, err, text)
	}
	for _, text := range []string{"10.0.0.256", "010.0.0.1", "10.0.0", "10.0.0.1/8", "10.0.0.1:80", "fe80::1%eth0", ""} {
		_, err := ParseIP([]byte(text))
		require.Error(t, err, text)
	}
}

func FuzzIdentifier(f *testing.F) {
	for _, text := range []string{"214070000000001", "8934071100000000017F", "490154203237518", "89001012012341234012345678901224",
		"00:1b:44:11:3a:b7", "::ffff:10.0.0.1", "-1139627840", "{0b4d3cf2-3f6c-4c1e-9a52-8f5b1a2c3d4e}", "espt2", "Côte d'Ivoire"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		again := func(kind string, first, second any, err error) {
			require.NoError(t, err, kind)
			require.Equal(t, first, second, kind)
		}
		if v, err := ParseIMSI(text); err == nil {
			w, err := ParseIMSI([]byte(v.String()))
			again("imsi", v, w, err)
			v.Network()
		}
		if v, err := ParseICCID(text); err == nil {
			w, err := ParseICCID([]byte(v.String()))
			again("iccid", v, w, err)
			_ = v.Checked()
		}
		if v, err := ParseIMEI(text); err == nil {
			w, err := ParseIMEI([]byte(v.String()))
			again("imei", v, w, err)
			w, err = ParseIMEI([]byte(v.Device().String()))
			again("imei device", v.Device(), w, err)
		}
		if v, err := ParseEID(text); err == nil {
			w, err := ParseEID([]byte(v.String()))
			again("eid", v, w, err)
		}
		if v, err := ParseMAC(text); err == nil {
			w, err := ParseMAC([]byte(v.String()))
			again("mac", v, w, err)
		}
		if v, err := ParseUUID(text); err == nil {
			w, err := ParseUUID([]byte(v.String()))
			again("uuid", v, w, err)
		}
		if v, err := ParseIP(text); err == nil {
			w, err := ParseIP([]byte(v.String()))
			again("ip", v, w, err)
		}
		if v, err := ParseCountry(text); err == nil {
			require.True(t, v.Known())
			w, err := ParseCountry([]byte(v.Name()))
			again("country", v, w, err)
		}
		_, _ = ParseCiscoIP(text)
		_, _ = ParseTADIG(text)
		_, _ = ParseCurrency(text)
		_, _ = SIPUser(text)
		Absent(text)
		if _, err := ParseCountry(text); err != nil {
			require.LessOrEqual(t, len(err.(*Error).Input), 3*longestQuoted+3)
		}
	})
}
