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

	"ratemill/internal/seeds"
)

// reference is what libphonenumber says of a text, with the rules that ParsePhone adds to it.
func reference(text string, from string) (E164, bool) {
	number, err := phonenumbers.Parse(text, from)
	if err != nil || phonenumbers.IsPossibleNumberWithReason(number) != phonenumbers.IS_POSSIBLE {
		return 0, false
	}
	full, err := strconv.ParseUint(phonenumbers.Format(number, phonenumbers.E164)[1:], 10, 64)
	return E164(full), err == nil && full < 1e15
}

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
		if strings.Trim(text, "0123456789+") == "" && strings.LastIndexByte(text, '+') <= 0 && o.From != NoCountry && len(text) <= longestDialled {
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
		"600١٢٣":                      "holds a character",
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
	for name, text := range map[string]string{"international": "+34600123456", "national": "600123456", "trunk": "+44 (0)20 7946 0018", "cached": "+5491123456789"} {
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
