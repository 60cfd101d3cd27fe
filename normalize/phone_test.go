package normalize

import (
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/nyaruka/phonenumbers"
	"github.com/stretchr/testify/require"

	"ratemill/internal/proof/seeds"
)

// reference is libphonenumber's result for a text, with the rules that ParsePhone adds.
func reference(text string, from string) (E164, bool) {
	number, err := phonenumbers.Parse(text, from)
	if err != nil || phonenumbers.IsPossibleNumberWithReason(number) != phonenumbers.IS_POSSIBLE {
		return 0, false
	}
	figures := strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, text)
	if text[0] != '+' && len(figures) <= longestShortCode && (hasTrunk(from) && !strings.HasPrefix(figures, trunkOf(from)) ||
		!phonenumbers.IsValidNumber(number)) {
		return 0, false
	}
	if keepsPrefix(number) && !phonenumbers.IsValidNumber(number) {
		return 0, false
	}
	full, err := strconv.ParseUint(phonenumbers.Format(number, phonenumbers.E164)[1:], 10, 64)
	return E164(full), err == nil && full < 1e15
}

func trunkOf(region string) string { return phonenumbers.GetNddPrefixForRegion(region, true) }

// hasTrunk reports whether people write a trunk prefix before each number of the region; Kiribati and Saint Pierre have
// one, and numbers as short as short codes.
func hasTrunk(region string) bool { return trunkOf(region) != "" && region != "KI" && region != "PM" }

// keepsPrefix reports whether a number of libphonenumber begins with a trunk prefix: that of its country, or the 0 of others
// where no number begins with 0.
func keepsPrefix(number *phonenumbers.PhoneNumber) bool {
	national := phonenumbers.GetNationalSignificantNumber(number)
	region := phonenumbers.GetRegionCodeForCountryCode(int(number.GetCountryCode()))
	trunk := trunkOf(region)
	if trunk != "" && strings.HasPrefix(national, trunk) {
		return true
	}
	return national[0] == '0' && !zeroBegins[region]
}

// zeroBegins are the regions in which some numbers begin with 0 and none is dialled with a trunk prefix 0.
var zeroBegins = map[string]bool{"AC": true, "BF": true, "BJ": true, "BW": true, "BZ": true, "CG": true, "CI": true, "FJ": true, "GA": true,
	"IT": true, "MO": true, "NC": true, "NE": true, "NO": true, "PA": true, "QA": true, "SM": true, "SZ": true, "TJ": true, "TO": true,
	"001": true}

func agrees(t testing.TB, text, from string) {
	var o PhoneOptions
	if from != "" {
		o.From = Country{from[0], from[1]}
	}
	want, ok := reference(text, from)
	got, err := ParsePhone([]byte(text), o)
	if (err == nil) != ok || ok && got != want {
		t.Fatalf("%q from %q: got %v %v, libphonenumber says %v %v", text, from, got, err, want, ok)
	}
}

// The fast path answers what libphonenumber answers: for each region's example numbers of each kind, written in each
// way, with digits changed, cut and added, read from home and from elsewhere.
func TestPhoneAgreesWithLibphonenumber(t *testing.T) {
	regions := slices.Sorted(maps.Keys(phonenumbers.GetSupportedRegions()))
	fast, all := 0, 0
	for seed := range seeds.Each(t, 1, 1) {
		f, a := phonesAgree(t, regions, rand.New(rand.NewPCG(seed, 2)))
		fast, all = fast+f, all+a
	}
	t.Logf("%d of %d international example numbers took the fast path", fast, all)
	require.Greater(t, fast, all*8/10)
}

// phonesAgree counts the example numbers, and those of them that the fast path answers.
func phonesAgree(t *testing.T, regions []string, random *rand.Rand) (fast, all int) {
	for _, region := range regions {
		code := strconv.Itoa(phonenumbers.GetCountryCodeForRegion(region))
		for kind := phonenumbers.FIXED_LINE; kind <= phonenumbers.VOICEMAIL; kind++ {
			example := phonenumbers.GetExampleNumberForType(region, kind)
			if example == nil {
				continue
			}
			full := phonenumbers.Format(example, phonenumbers.E164)
			national := full[1+len(code):]
			texts := []string{full, national, "00" + full[1:], full[1:], phonenumbers.Format(example, phonenumbers.INTERNATIONAL),
				phonenumbers.Format(example, phonenumbers.NATIONAL), "0" + national, "+" + code + "0" + national, full[:len(full)-1],
				full + "0", national[1:], national + "1", code + national, "011" + full[1:]}
			for range 6 {
				digits := []byte(full)
				at := 1 + len(code) + random.IntN(len(digits)-1-len(code))
				digits[at] = byte('0' + random.IntN(10))
				texts = append(texts, string(digits), string(digits[1+len(code):]))
			}
			other := regions[random.IntN(len(regions))]
			for _, text := range texts {
				if strings.Trim(text, "0123456789+-() ./") != "" {
					continue
				}
				agrees(t, text, region)
				agrees(t, text, other)
				if text[0] == '+' {
					agrees(t, text, "")
				}
			}
			var d dialled
			all++
			if d.read([]byte(full), PhoneOptions{}); d.fast(PhoneOptions{}) != 0 {
				fast++
			}
		}
	}
	return fast, all
}

// A valid number is of the country that libphonenumber says, also where countries share a calling code.
func TestCountryOfPhoneAgreesWithLibphonenumber(t *testing.T) {
	valid := 0
	for seed := range seeds.Each(t, 1, 1) {
		valid += countriesAgree(t, rand.New(rand.NewPCG(seed, 4)))
	}
	t.Logf("%d valid numbers", valid)
	require.Greater(t, valid, 4000)
}

// countriesAgree counts the valid numbers that it found.
func countriesAgree(t *testing.T, random *rand.Rand) (valid int) {
	for _, region := range slices.Sorted(maps.Keys(phonenumbers.GetSupportedRegions())) {
		for kind := phonenumbers.FIXED_LINE; kind <= phonenumbers.VOICEMAIL; kind++ {
			example := phonenumbers.GetExampleNumberForType(region, kind)
			if example == nil {
				continue
			}
			digits := []byte(phonenumbers.Format(example, phonenumbers.E164))
			for range 10 {
				digits[len(digits)-1-random.IntN(5)] = byte('0' + random.IntN(10))
				number, err := phonenumbers.Parse(string(digits), "")
				if err != nil {
					continue
				}
				if want := phonenumbers.GetRegionCodeForNumber(number); len(want) == 2 {
					n, err := ParsePhone(digits, PhoneOptions{})
					if _, ok := reference(string(digits), ""); !ok {
						require.Error(t, err)
						continue
					}
					require.NoError(t, err)
					require.Equal(t, want, n.Country().String(), "%s", digits)
					valid++
				}
			}
		}
	}
	return valid
}

// phone and address read every number that libphonenumber calls valid as libphonenumber reads it, however it is
// written; and no number that libphonenumber calls invalid has a trunk prefix. 10^5 numbers of all regions.
func TestValidNumbersAreReadAndNoNumberKeepsATrunkPrefix(t *testing.T) {
	valid, read := 0, 0
	regions := slices.Sorted(maps.Keys(phonenumbers.GetSupportedRegions()))
	for seed := range seeds.Each(t, 1, 1) {
		random := rand.New(rand.NewPCG(seed, 8))
		phones := NewPhones(1 << 10)
		for _, region := range regions {
			v, r := validityAgrees(t, phones, region, random)
			valid, read = valid+v, read+r
		}
	}
	t.Logf("%d valid numbers, %d others that are read", valid, read)
	require.Greater(t, valid, 20_000)
}

// validityAgrees generates some hundred texts of a region, and counts the valid numbers and the others that are read.
func validityAgrees(t *testing.T, phones *Phones, region string, random *rand.Rand) (valid, read int) {
	o := PhoneOptions{From: Country{region[0], region[1]}}
	code, trunk := strconv.Itoa(phonenumbers.GetCountryCodeForRegion(region)), trunkOf(region)
	for kind := phonenumbers.FIXED_LINE; kind <= phonenumbers.VOICEMAIL; kind++ {
		example := phonenumbers.GetExampleNumberForType(region, kind)
		if example == nil {
			continue
		}
		national := []byte(phonenumbers.GetNationalSignificantNumber(example))
		for range 8 {
			national[random.IntN(len(national))] = byte('0' + random.IntN(10))
			figures := string(national[:len(national)-random.IntN(3)/2])
			for _, text := range []string{figures, trunk + figures, "+" + code + figures, "+" + code + trunk + figures, "+" + code + "0" + figures,
				"00" + code + figures, "+1" + trunk + figures, figures[:min(len(figures), 3+random.IntN(4))]} {
				number, err := phonenumbers.Parse(text, region)
				right := err == nil && phonenumbers.IsValidNumber(number) &&
					phonenumbers.IsPossibleNumberWithReason(number) == phonenumbers.IS_POSSIBLE && // not Canada's 310xxxx
					!(text[0] != '+' && len(text) <= longestShortCode && hasTrunk(region) && !strings.HasPrefix(text, trunk))
				got, err := phones.Parse([]byte(text), o)
				address, addressErr := phones.Address([]byte(text), o)
				switch {
				case right:
					valid++
					require.NoError(t, err, "%s from %s", text, region)
					require.Equal(t, phonenumbers.Format(number, phonenumbers.E164), got.String(), "%s from %s", text, region)
				case err == nil:
					read++
					require.False(t, keepsPrefix(got.libphonenumber()) && !phonenumbers.IsValidNumber(got.libphonenumber()), "%s from %s is %s", text,
						region, got)
					require.False(t, text[0] != '+' && len(text) <= longestShortCode && hasTrunk(region) && !strings.HasPrefix(text, trunk),
						"%s from %s is %s", text, region, got)
				}
				if err == nil {
					require.NoError(t, addressErr)
					require.Equal(t, Address{Kind: PhoneAddress, Phone: got, Text: []byte(text)}, address)
				} else if addressErr == nil {
					require.Equal(t, ShortCodeAddress, address.Kind, "%s from %s", text, region)
				}
			}
		}
	}
	return valid, read
}

// Five digits are a short code in each country, and where ordinary numbers are as short they are numbers.
func TestShortCodesAreShortCodesInEachCountry(t *testing.T) {
	for region := range phonenumbers.GetSupportedRegions() {
		for _, text := range []string{"84343", "22922"} {
			a, err := ParseAddress([]byte(text), PhoneOptions{From: Country{region[0], region[1]}})
			require.NoError(t, err)
			if a.Kind == PhoneAddress {
				number, err := phonenumbers.Parse(text, region)
				require.NoError(t, err)
				require.True(t, phonenumbers.IsValidNumber(number) && !hasTrunk(region), "%s in %s is %s", text, region, a)
			}
		}
	}
	for _, region := range []string{"DE", "AT", "NL", "FI", "ZA", "ES", "US", "GB", "SE"} {
		a, err := ParseAddress([]byte("22922"), PhoneOptions{From: Country{region[0], region[1]}})
		require.NoError(t, err)
		require.Equal(t, ShortCodeAddress, a.Kind, region)
	}
	niue, err := ParsePhone([]byte("7012"), PhoneOptions{From: Country{'N', 'U'}})
	require.NoError(t, err)
	require.Equal(t, E164(6837012), niue)
	_, err = ParsePhone([]byte("22922"), PhoneOptions{From: Country{'D', 'E'}})
	require.ErrorContains(t, err, "short codes")
}

func TestDamageOfSpreadsheetsIsRefused(t *testing.T) {
	for _, text := range []string{"4,36641E+11", "4.36641E+11", "-2e-05", `="0043664100"`, "=0043", "#NAME?", "#####", "#VALUE!"} {
		require.NotEmpty(t, Damaged([]byte(text)), text)
		for function, read := range map[string]func([]byte) error{
			"address":  func(b []byte) error { _, err := ParseAddress(b, PhoneOptions{From: Country{'E', 'S'}}); return err },
			"phone":    func(b []byte) error { _, err := ParsePhone(b, PhoneOptions{From: Country{'E', 'S'}}); return err },
			"imsi":     func(b []byte) error { _, err := ParseIMSI(b); return err },
			"iccid":    func(b []byte) error { _, err := ParseICCID(b); return err },
			"imei":     func(b []byte) error { _, err := ParseIMEI(b); return err },
			"network":  func(b []byte) error { _, err := ReadNetwork(b); return err },
			"country":  func(b []byte) error { _, err := ParseCountry(b); return err },
			"octets":   func(b []byte) error { _, err := Octets(b, 1, Exact); return err },
			"iso8601":  func(b []byte) error { _, err := ParseISO8601(b, TimeOptions{}); return err },
			"currency": func(b []byte) error { _, err := ParseCurrency(b); return err },
		} {
			require.ErrorContains(t, read([]byte(text)), "spreadsheet", "%s(%s)", function, text)
		}
	}
	for _, text := range []string{"3E5", "1E100", "SAVE+10", "*100#", "##", "#BACK2SCHOOL!", "= sale =", "E+11"} {
		require.Empty(t, Damaged([]byte(text)), text)
	}
}

func FuzzPhone(f *testing.F) {
	for _, text := range []string{"+34600123456", "0034600123456", "600123456", "+44 (0)20 7946 0018", "D077600123456", "112", "VODAFONE",
		"34600123456F", "+549111512345678", "0800", "+1 (242) 555-1234", "+39 06 698", "011 34 600", "sip:1@x"} {
		f.Add(text, "ES")
		f.Add(text, "US")
	}
	supported := phonenumbers.GetSupportedRegions()
	cache := NewPhones(16)
	f.Fuzz(func(t *testing.T, text, from string) {
		var o PhoneOptions
		if supported[from] {
			o.From = Country{from[0], from[1]}
		}
		n, err := ParsePhone([]byte(text), o)
		m, cachedErr := cache.Parse([]byte(text), o)
		require.Equal(t, n, m)
		require.Equal(t, err, cachedErr)
		if err == nil {
			again, err := ParsePhone([]byte(n.String()), PhoneOptions{})
			if err == nil { // a number that has its trunk digit twice loses the second one
				require.LessOrEqual(t, again, n)
			}
			n.Country()
		}
		_, _ = ParseAddress([]byte(text), o)
		if strings.Trim(text, "0123456789+") == "" && strings.LastIndexByte(text, '+') <= 0 && o.From != NoCountry &&
			len(text) <= longestDialled {
			agrees(t, text, from)
		}
	})
}

func TestPhoneReasons(t *testing.T) {
	spain := PhoneOptions{From: Country{'E', 'S'}}
	for text, reason := range map[string]string{
		"":                            "empty",
		"112":                         "too short for ES (+34)",
		"+34":                         "too short",
		"+3460012345678":              "too long for ES (+34)",
		"+999123456789":               "no country has a calling code",
		"D077600123456":               "hexadecimal digit D",
		"*100#":                       "service code",
		"6001+23456":                  "plus sign inside",
		"600١٢٣":                      "contains a character",
		strings.Repeat("1234567", 10): "more digits than any",
	} {
		_, err := ParsePhone([]byte(text), spain)
		require.ErrorContains(t, err, reason, text)
	}
	require.EqualError(t, fail("phone", []byte("112"), "too short"), `phone("112"): too short`)
}

func TestAddress(t *testing.T) {
	for text, want := range map[string]Address{
		"600123456":                             {Kind: PhoneAddress, Phone: 34600123456},
		"34600123456F":                          {Kind: PhoneAddress, Phone: 34600123456},
		"22122":                                 {Kind: ShortCodeAddress, Text: []byte("22122")},
		"*100#":                                 {Kind: ShortCodeAddress, Text: []byte("*100#")},
		"VODAFONE":                              {Kind: AlphanumericAddress, Text: []byte("VODAFONE")},
		"Fleet 7":                               {Kind: AlphanumericAddress, Text: []byte("Fleet 7")},
		"tel:+34600123456;phone-context=x":      {Kind: PhoneAddress, Phone: 34600123456},
		"sips:alarm@pbx.example":                {Kind: SIPAddress, Text: []byte("alarm")},
		`"User 10" <sip:600123456@10.0.0.1>`:    {Kind: PhoneAddress, Phone: 34600123456},
		"sip:+34600123456:secret@ims.example;x": {Kind: PhoneAddress, Phone: 34600123456},
	} {
		got, err := ParseAddress([]byte(text), PhoneOptions{From: Country{'E', 'S'}})
		require.NoError(t, err, text)
		require.Equal(t, want.Kind, got.Kind, text)
		require.Equal(t, want.String(), got.String(), text)
	}
	for _, text := range []string{"", "n/a", "---", "\x01\x02", "+123456789012345678901234567890"} {
		_, err := ParseAddress([]byte(text), PhoneOptions{})
		require.Error(t, err, text)
	}
}

func BenchmarkPhone(b *testing.B) {
	phones := NewPhones(1024)
	for name, text := range map[string]string{"international": "+34600123456", "national": "600123456", "trunk": "+44 (0)20 7946 0018",
		"cached": "+5491123456789"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			in := []byte(text)
			for range b.N {
				if _, err := phones.Parse(in, PhoneOptions{From: Country{'E', 'S'}}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("country", func(b *testing.B) {
		for range b.N {
			if (E164(12425551234)).Country() == NoCountry {
				b.Fatal()
			}
		}
	})
}
