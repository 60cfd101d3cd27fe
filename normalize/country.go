package normalize

import (
	_ "embed"
	"strings"
	"sync"
)

// Country is an ISO 3166-1 alpha-2 code in capitals; the zero value is not a country. XK stands for Kosovo.
type Country [2]byte

// NoCountry is the zero Country, for networks on ships and aircraft, satellites and test networks.
var NoCountry Country

func (c Country) String() string {
	if c == NoCountry {
		return ""
	}
	return string(c[:])
}

// Append appends the two letters, or nothing for no country.
func (c Country) Append(dst []byte) []byte {
	if c == NoCountry {
		return dst
	}
	return append(dst, c[0], c[1])
}

// Known reports whether the code is assigned.
func (c Country) Known() bool { return countries().index(c) != 0 }

// Alpha3 returns the three-letter code, or "" if the country is unknown.
func (c Country) Alpha3() string { return countries().list[countries().index(c)].alpha3 }

var _ = declare(Function{
	Name: "country_alpha3", Family: "country", Params: []Param{{Name: "country", Doc: "a country"}},
	Doc: "The three-letter code of a country.", Examples: []Example{ex(`country_alpha3(country("ES"))`, "ESP")},
}, Country.Alpha3)

// Numeric returns the ISO 3166-1 number, or 0 if there is none.
func (c Country) Numeric() int { return countries().list[countries().index(c)].numeric }

// Name returns the English short name, or "" if the country is unknown.
func (c Country) Name() string { return countries().list[countries().index(c)].name }

var _ = declare(Function{
	Name: "country_name", Family: "country", Params: []Param{{Name: "country", Doc: "a country"}},
	Doc: "The English name of a country.", Examples: []Example{ex(`country_name(country("ESP"))`, "Spain")},
}, Country.Name)

// OfficialName returns the state's official name in English.
func (c Country) OfficialName() string { return countries().list[countries().index(c)].official }

type countryRow struct {
	alpha2                 Country
	alpha3, name, official string
	numeric                int
}

type countryTable struct {
	list    []countryRow // list[0] is not a country
	alpha2  [26 * 26]uint16
	alpha3  map[[3]byte]uint16
	numeric [1000]uint16
	names   map[string]uint16
}

//go:embed data/countries.txt
var countriesText string

var countries = sync.OnceValue(func() *countryTable {
	t := &countryTable{list: make([]countryRow, 1), alpha3: map[[3]byte]uint16{}, names: map[string]uint16{}}
	var folded [longestName]byte
	for fields := range rows(countriesText, 6) {
		n := uint16(len(t.list))
		row := countryRow{alpha2: Country{fields[0][0], fields[0][1]}, alpha3: fields[1], name: fields[3], official: fields[4]}
		number, _ := decimal([]byte(fields[2]))
		row.numeric = int(number)
		t.list = append(t.list, row)
		t.alpha2[int(row.alpha2[0]-'A')*26+int(row.alpha2[1]-'A')] = n
		t.alpha3[[3]byte([]byte(row.alpha3))] = n
		if row.numeric != 0 {
			t.numeric[row.numeric] = n
		}
		for _, name := range append(strings.Split(fields[5], "|"), row.name, row.official) {
			if key, ok := foldName(&folded, []byte(name)); ok && len(key) > 3 {
				t.names[string(key)] = n
			}
		}
	}
	for name, code := range otherNames {
		t.names[name] = t.index(Country([]byte(code)))
	}
	return t
})

// otherNames contains folded names that carriers use and the published list lacks.
var otherNames = map[string]string{
	"usa": "US", "uk": "GB", "uae": "AE", "great britain": "GB", "england": "GB", "russia": "RU", "south korea": "KR",
	"korea south": "KR", "korea republic of": "KR", "north korea": "KP", "vietnam": "VN", "czech republic": "CZ", "turkey": "TR",
	"ivory coast": "CI", "cape verde": "CV", "swaziland": "SZ", "macedonia": "MK", "burma": "MM", "holland": "NL",
	"bolivia": "BO", "venezuela": "VE", "tanzania": "TZ", "moldova": "MD", "iran": "IR", "syria": "SY", "laos": "LA",
	"brunei": "BN", "palestine": "PS", "taiwan": "TW", "hong kong": "HK", "macau": "MO", "macao": "MO", "vatican": "VA",
	"vatican city": "VA", "micronesia": "FM", "east timor": "TL", "congo": "CG", "dr congo": "CD", "reunion": "RE",
}

func (t *countryTable) index(c Country) uint16 {
	hi, lo := c[0]-'A', c[1]-'A'
	if hi >= 26 || lo >= 26 {
		return 0
	}
	return t.alpha2[int(hi)*26+int(lo)]
}

// longestName limits the length of country names that are looked up.
const longestName = 80

// foldName normalizes the spelling of a name: lower case, Latin letters without their accents, "&" as "and", a leading
// "the" and a trailing "(the)" dropped, everything else as single spaces. It returns false if the name is too long.
func foldName(into *[longestName]byte, name []byte) ([]byte, bool) {
	if len(name) > longestName/2 {
		if len(name) > 2*longestName {
			return nil, false
		}
	}
	out := into[:0]
	for i := 0; i < len(name); i++ {
		c := name[i]
		switch {
		case len(out)+4 > longestName:
			return nil, false
		case letter(c):
			out = append(out, c|0x20)
		case digit(c):
			out = append(out, c)
		case c == '&':
			out = append(out, "and"...)
		case c == '\'' || c == '.':
		case c == 0xC3 && i+1 < len(name):
			i++
			if plain := latin[name[i]|0x20]; plain != 0 {
				out = append(out, plain)
			}
		case len(out) > 0 && out[len(out)-1] != ' ':
			out = append(out, ' ')
		}
	}
	for len(out) > 0 && out[len(out)-1] == ' ' {
		out = out[:len(out)-1]
	}
	if len(out) > 4 && string(out[:4]) == "the " {
		out = out[4:]
	}
	if len(out) > 4 && string(out[len(out)-4:]) == " the" {
		out = out[:len(out)-4]
	}
	return out, len(out) > 0
}

// latin maps the second UTF-8 byte of a lower-case Latin-1 letter to the letter without its accent.
var latin = [256]byte{
	0xA0: 'a', 0xA1: 'a', 0xA2: 'a', 0xA3: 'a', 0xA4: 'a', 0xA5: 'a', 0xA7: 'c', 0xA8: 'e', 0xA9: 'e', 0xAA: 'e',
	0xAB: 'e', 0xAC: 'i', 0xAD: 'i', 0xAE: 'i', 0xAF: 'i', 0xB1: 'n', 0xB2: 'o', 0xB3: 'o', 0xB4: 'o', 0xB5: 'o',
	0xB6: 'o', 0xB9: 'u', 0xBA: 'u', 0xBB: 'u', 0xBC: 'u', 0xBD: 'y',
}

// ParseCountry reads an ISO code (ES, ESP, 724) or an English name (Spain, the Kingdom of Spain).
func ParseCountry(text []byte) (Country, error) {
	t, in := countries(), trim(text)
	var n uint16
	switch {
	case len(in) == 2:
		n = t.index(Country{upper(in[0]), upper(in[1])})
	case len(in) == 3 && digit(in[0]):
		if number, ok := decimal(in); ok {
			n = t.numeric[number]
		}
	case len(in) == 3:
		n = t.alpha3[[3]byte{upper(in[0]), upper(in[1]), upper(in[2])}]
	}
	if n == 0 {
		var folded [longestName]byte
		if key, ok := foldName(&folded, in); ok {
			n = t.names[string(key)]
		}
	}
	if n == 0 {
		return NoCountry, fail("country", text, "neither an ISO 3166-1 code (ES, ESP, 724) nor the English name of a country")
	}
	return t.list[n].alpha2, nil
}

var _ = declare(Function{
	Name: "country", Family: "country", Params: []Param{text("a code or a name")},
	Doc:      "A country by its ISO 3166-1 code (two letters, three letters, number) or English name.",
	Suspends: "no country has this code or name",
	Examples: []Example{
		ex(`country("ES")`, "ES"), ex(`country("esp")`, "ES"), ex(`country("724")`, "ES"), ex(`country("Spain")`, "ES"),
		ex(`country("Côte d'Ivoire")`, "CI"), exFails(`country("Spainn")`, "neither an ISO 3166-1 code")},
}, ParseCountry)

// CountryByMCC reads a mobile country code: 214 is Spain. For a code that several countries share, it returns the
// country with the most networks in it; ParseNetwork and Network.Country are exact.
func CountryByMCC(text []byte) (Country, error) {
	in := trim(text)
	mcc, ok := decimal(in)
	if !ok || len(in) != 3 {
		return NoCountry, fail("mcc_country", text, "a mobile country code has three digits, such as 214")
	}
	c := networks().mcc[mcc].country
	if c == NoCountry {
		return NoCountry, fail("mcc_country", text, "no country has this mobile country code (901 and 999 belong to none)")
	}
	return c, nil
}

var _ = declare(Function{
	Name: "mcc_country", Family: "country", Params: []Param{text("a mobile country code")},
	Doc:      "The country of a mobile country code; for a shared code, the country with most of its networks.",
	Suspends: "the code is not listed, or belongs to no country (901)",
	Examples: []Example{ex(`mcc_country("214")`, "ES"), exFails(`mcc_country("901")`, "no country")},
}, CountryByMCC)

// CountryByCallingCode reads a calling code: 34 or +34 is Spain. For a shared code it returns the main country.
func CountryByCallingCode(text []byte) (Country, error) {
	in := trim(text)
	if len(in) > 0 && in[0] == '+' {
		in = in[1:]
	}
	code, ok := decimal(in)
	if !ok || len(in) > 3 {
		return NoCountry, fail("calling_country", text, "a calling code has one to three digits, such as 34")
	}
	p := callingCodes()
	if p.plan[code] == 0 || p.plans[p.plan[code]].region == NoCountry {
		return NoCountry, fail("calling_country", text, "no country has this calling code")
	}
	return p.plans[p.plan[code]].region, nil
}

var _ = declare(Function{
	Name: "calling_country", Family: "country", Params: []Param{text("a calling code")},
	Doc:      "The country of a calling code; for a shared code, the main country.",
	Suspends: "no country has the code",
	Examples: []Example{ex(`calling_country("+34")`, "ES"), ex(`calling_country("1")`, "US"), exFails(`calling_country("999")`, "no country")},
}, CountryByCallingCode)
