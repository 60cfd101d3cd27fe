package literal

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// IBAN is an international bank account number by ISO 13616, in capitals and without spaces.
type IBAN string

// String groups the IBAN by four characters, as it is printed on paper.
func (i IBAN) String() string {
	var b strings.Builder
	for n, c := range []byte(i) {
		if n > 0 && n%4 == 0 {
			b.WriteByte(' ')
		}
		b.WriteByte(c)
	}
	return b.String()
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (i *IBAN) UnmarshalText(text []byte) (err error) {
	*i, err = ParseIBAN(string(text))
	return err
}

// ParseIBAN reads an IBAN, with or without spaces. It checks the country, the length and the characters that the country's banks
// use, and the check digits.
func ParseIBAN(text string) (IBAN, error) {
	s := strings.ToUpper(strings.ReplaceAll(text, " ", ""))
	if len(s) < 5 || !every(s[:2], capital) || !every(s[2:4], digit) {
		return "", fmt.Errorf("%q is not an IBAN: it begins with the two letters of a country and two check digits", text)
	}
	format, known := ibanFormats[s[:2]]
	if !known {
		return "", fmt.Errorf("%q is not an IBAN: %s is not a country whose banks use one", text, s[:2])
	}
	rest := s[4:]
	if length := formatLength(format); len(rest) != length {
		return "", fmt.Errorf("%q is not an IBAN: an IBAN of %s has %d characters, this one has %d", text, s[:2], length+4, len(s))
	}
	for part := range strings.FieldsSeq(format) {
		n, kind := formatPart(part)
		if !every(rest[:n], ibanKinds[kind]) {
			return "", fmt.Errorf("%q is not an IBAN of %s: %q must be %s", text, s[:2], rest[:n], ibanWords[kind])
		}
		rest = rest[n:]
	}
	// 00, 01 and 99 have the same remainders as 97, 98 and 02, which are the ones that ISO 13616 assigns.
	if remainder97(s[4:]+s[:4]) != 1 || s[2:4] < "02" || s[2:4] > "98" {
		return "", fmt.Errorf("%q is not an IBAN: its check digits %s are wrong, so a character is mistyped", text, s[2:4])
	}
	return IBAN(s), nil
}

// remainder97 returns the remainder of the number that a text spells, with A as 10 to Z as 35 (ISO
// 7064, MOD 97-10).
func remainder97(s string) int {
	r := 0
	for _, c := range []byte(s) {
		if digit(c) {
			r = (10*r + int(c-'0')) % 97
		} else {
			r = (100*r + int(c-'A') + 10) % 97
		}
	}
	return r
}

func digit(c byte) bool        { return c >= '0' && c <= '9' }
func capital(c byte) bool      { return c >= 'A' && c <= 'Z' }
func alphanumeric(c byte) bool { return digit(c) || capital(c) }

func every(s string, is func(byte) bool) bool {
	for _, c := range []byte(s) {
		if !is(c) {
			return false
		}
	}
	return true
}

var (
	ibanKinds = map[byte]func(byte) bool{'n': digit, 'a': capital, 'c': alphanumeric}
	ibanWords = map[byte]string{'n': "digits", 'a': "letters", 'c': "letters and digits"}
)

func formatPart(part string) (length int, kind byte) {
	length, _ = strconv.Atoi(part[:len(part)-1]) // cannot fail, because a test reads each entry of the table
	return length, part[len(part)-1]
}

func formatLength(format string) (length int) {
	for part := range strings.FieldsSeq(format) {
		n, _ := formatPart(part)
		length += n
	}
	return length
}

// ibanFormats lists the formats of the part after the check digits, by country: n for digits, a for capital letters,
// c for both. They come from the IBAN registry of SWIFT, the registration authority of ISO 13616.
var ibanFormats = map[string]string{
	"AD": "4n 4n 12c", "AE": "3n 16n", "AL": "8n 16c", "AT": "5n 11n", "AZ": "4a 20c", "BA": "3n 3n 8n 2n", "BE": "3n 7n 2n",
	"BG": "4a 4n 2n 8c", "BH": "4a 14c", "BI": "5n 5n 11n 2n", "BR": "8n 5n 10n 1a 1c", "BY": "4c 4n 16c", "CH": "5n 12c",
	"CR": "4n 14n", "CY": "3n 5n 16c", "CZ": "4n 6n 10n", "DE": "8n 10n", "DJ": "5n 5n 11n 2n", "DK": "4n 9n 1n", "DO": "4c 20n",
	"EE": "2n 2n 11n 1n", "EG": "4n 4n 17n", "ES": "4n 4n 1n 1n 10n", "FI": "3n 11n", "FK": "2a 12n", "FO": "4n 9n 1n",
	"FR": "5n 5n 11c 2n", "GB": "4a 6n 8n", "GE": "2a 16n", "GI": "4a 15c", "GL": "4n 9n 1n", "GR": "3n 4n 16c", "GT": "4c 20c",
	"HN": "4a 20n", "HR": "7n 10n", "HU": "3n 4n 1n 15n 1n", "IE": "4a 6n 8n", "IL": "3n 3n 13n", "IQ": "4a 3n 12n",
	"IS": "4n 2n 6n 10n", "IT": "1a 5n 5n 12c", "JO": "4a 4n 18c", "KW": "4a 22c", "KZ": "3n 13c", "LB": "4n 20c", "LC": "4a 24c",
	"LI": "5n 12c", "LT": "5n 11n", "LU": "3n 13c", "LV": "4a 13c", "LY": "3n 3n 15n", "MC": "5n 5n 11c 2n", "MD": "2c 18c",
	"ME": "3n 13n 2n", "MK": "3n 10c 2n", "MN": "4n 12n", "MR": "5n 5n 11n 2n", "MT": "4a 5n 18c", "MU": "4a 2n 2n 12n 3n 3a",
	"NI": "4a 20n", "NL": "4a 10n", "NO": "4n 6n 1n", "OM": "3n 16c", "PK": "4a 16c", "PL": "8n 16n", "PS": "4a 21c",
	"PT": "4n 4n 11n 2n", "QA": "4a 21c", "RO": "4a 16c", "RS": "3n 13n 2n", "RU": "9n 5n 15c", "SA": "2n 18c",
	"SC": "4a 2n 2n 16n 3a", "SD": "2n 12n", "SE": "3n 16n 1n", "SI": "5n 8n 2n", "SK": "4n 6n 10n", "SM": "1a 5n 5n 12c",
	"SO": "4n 3n 12n", "ST": "4n 4n 11n 2n", "SV": "4a 20n", "TL": "3n 14n 2n", "TN": "2n 3n 13n 2n", "TR": "5n 1n 16c",
	"UA": "6n 19c", "VA": "3n 15n", "VG": "4a 16n", "XK": "4n 10n 2n", "YE": "4a 4n 18c",
}

// IBANCountries returns the number of countries with IBANs.
func IBANCountries() int { return len(ibanFormats) }

// ParseCreditor reads a SEPA creditor identifier (EPC262-08): country, check digits, three characters that the creditor
// chooses, and the creditor's number in its country. The check digits are computed as in an IBAN, over all but the
// three characters.
func ParseCreditor(text string) (string, error) {
	s := strings.ToUpper(strings.ReplaceAll(text, " ", ""))
	if len(s) < 8 || len(s) > 35 || !every(s[:2], capital) || !every(s[2:4], digit) || !every(s[4:], alphanumeric) {
		return "", fmt.Errorf("%q is not a SEPA creditor identifier; it has a form such as DE98ZZZ09999999999", text)
	}
	if remainder97(s[7:]+s[:4]) != 1 || s[2:4] < "02" || s[2:4] > "98" {
		return "", fmt.Errorf("%q is not a SEPA creditor identifier: its check digits %s are wrong, so a character is mistyped", text, s[2:4])
	}
	return s, nil
}

// eea contains the countries of the European Economic Area, and outside contains the other countries of the SEPA area
// (EPC409-09), by the first letters of their IBANs.
var (
	eea = strings.Fields("AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IS IT LI LT LU LV MT NL NO PL PT RO SE SI SK")

	outside = strings.Fields("AD AL CH GB GI MC MD ME MK RS SM VA")
)

// InSEPA reports by an account's IBAN whether the account is in the SEPA area, and whether it is in the
// European Economic Area.
func InSEPA(iban string) (is, inEEA bool) {
	if len(iban) < 2 {
		return false, false
	}
	inEEA = slices.Contains(eea, iban[:2])
	return inEEA || slices.Contains(outside, iban[:2]), inEEA
}
