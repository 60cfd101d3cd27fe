package main

import (
	"bytes"
	"fmt"
	"sort"
	"strings"
)

// kosovo has no ISO code; XK is the user-assigned code that libphonenumber, CLDR and the network lists use.
var kosovo = map[string]string{
	"ISO3166-1-Alpha-2": "XK", "ISO3166-1-Alpha-3": "XKX", "ISO3166-1-numeric": "383",
	"CLDR display name": "Kosovo", "UNTERM English Formal": "the Republic of Kosovo",
}

// countryTable lists alpha-2, alpha-3, numeric, name, official name and the other English names of each country.
func countryTable(path string) ([]byte, error) {
	rows, err := readCSV(path)
	if err != nil {
		return nil, err
	}
	rows = append(rows, kosovo)
	var lines []string
	for _, row := range rows {
		alpha2, alpha3, numeric := row["ISO3166-1-Alpha-2"], row["ISO3166-1-Alpha-3"], row["ISO3166-1-numeric"]
		if len(alpha2) != 2 || len(alpha3) != 3 || numeric == "" {
			continue
		}
		if alpha2 == "XK" {
			numeric = "0" // 383 is its calling code; there is no numeric code by which to find it.
		}
		name := row["CLDR display name"]
		if name == "" {
			name = row["UNTERM English Short"]
		}
		official := row["UNTERM English Formal"]
		if official == "" {
			official = name
		}
		var others []string
		for _, column := range []string{"UNTERM English Short", "official_name_en", "ISO4217-currency_country_name"} {
			if other := row[column]; other != "" && !strings.EqualFold(other, name) && !strings.EqualFold(other, official) {
				others = append(others, other)
			}
		}
		sort.Strings(others)
		lines = append(lines, fmt.Sprintf("%s\t%s\t%03s\t%s\t%s\t%s", alpha2, alpha3, numeric, name, official, strings.Join(others, "|")))
	}
	sort.Strings(lines)
	var out bytes.Buffer
	out.WriteString("# alpha-2, alpha-3, numeric, name, official name, other names; from datasets/country-codes (ODC-PDDL)\n")
	for _, line := range lines {
		out.WriteString(line + "\n")
	}
	return out.Bytes(), nil
}

// currencyTable lists code, numeric code, minor units (- if there are none) and name of the currencies in use.
func currencyTable(path string) ([]byte, error) {
	rows, err := readCSV(path)
	if err != nil {
		return nil, err
	}
	seen := map[string]string{}
	for _, row := range rows {
		code := row["AlphabeticCode"]
		if len(code) != 3 || row["WithdrawalDate"] != "" {
			continue
		}
		line := fmt.Sprintf("%s\t%03s\t%s\t%s", code, row["NumericCode"], row["MinorUnit"], row["Currency"])
		if before, repeated := seen[code]; repeated && before != line {
			return nil, fmt.Errorf("%s is said twice: %q and %q", code, before, line)
		}
		seen[code] = line
	}
	var lines []string
	for _, line := range seen {
		lines = append(lines, line)
	}
	sort.Strings(lines)
	return []byte("# code, numeric, minor units, name; from datasets/currency-codes (ODC-PDDL)\n" + strings.Join(lines, "\n") + "\n"), nil
}
