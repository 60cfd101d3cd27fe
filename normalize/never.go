package normalize

import (
	"strconv"
	"strings"
)

// Zones, prices and rules compare constants with the values in records: countries of ISO 3166-1, networks with the
// number of digits that they have, and numbers such as +34600000000 or short codes. A constant in another form would
// never match, and its usage would be priced as other usage.

// NeverCountry returns the reason why a text is never the country of a record, "" if it can be one.
func NeverCountry(code string) string {
	if len(code) == 2 && (Country{code[0], code[1]}).Known() {
		return ""
	}
	if meant, err := ParseCountry([]byte(code)); err == nil && meant.String() != code {
		return "; write " + meant.String()
	}
	if code == "EL" {
		return "; write GR for Greece"
	}
	return "; `ratemill try` shows the countries of records"
}

// NetworkForm reports whether a text is written like a network: MCC-MNC.
func NetworkForm(s string) bool {
	if len(s) != 6 && len(s) != 7 || s[3] != '-' {
		return false
	}
	return strings.Trim(s[:3]+s[4:], "0123456789") == ""
}

// NeverNetwork describes the error of a well-formed network that is not in the list; it returns "" if the network is
// in the list. respelled means that another network is meant: records never contain this one, because network() and
// similar functions restore zeros.
func NeverNetwork(code string) (hint string, respelled bool) {
	mcc, _ := strconv.Atoi(code[:3])
	mnc, _ := strconv.Atoi(code[4:])
	n := Network{MCC: uint16(mcc), MNC: uint16(mnc), MNCDigits: uint8(len(code) - 4)}
	if n.Known() {
		return "", false
	}
	var meant []string
	for _, m := range n.Respelled() {
		meant = append(meant, m.String())
	}
	if len(meant) == 0 {
		return "; check that it is right", false
	}
	return "; write " + strings.Join(meant, " or ") + ", with the MNC's own number of digits", true
}

// NeverBegins returns the reason why no phone number begins with a prefix, "" if one can.
func NeverBegins(prefix string) string {
	if strings.HasPrefix(prefix, "00") {
		return "numbers are kept as +33123456789, not with 00 before the country code; write +" + strings.TrimLeft(prefix, "0")
	}
	if country, err := CountryByCallingCode([]byte(prefix)); err == nil && !strings.HasPrefix(prefix, "+") {
		return "it has no +, so it matches only short codes that begin so; for numbers of " + country.String() + " write +" + prefix
	}
	return ""
}
