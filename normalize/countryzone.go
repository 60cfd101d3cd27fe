package normalize

import (
	_ "embed"
	"strings"
	"sync"
)

//go:embed data/countryzones.txt
var countryZonesText string

var countryZones = sync.OnceValue(func() map[string][]string {
	all := map[string][]string{}
	for line := range strings.Lines(countryZonesText) {
		if words := strings.Fields(line); len(words) > 1 && words[0] != "#" {
			all[words[0]] = words[1:]
		}
	}
	return all
})

// CountryZones returns the IANA zones of a country, one for each of its clocks: [Europe/Madrid Atlantic/Canary] for ES.
// It returns nil for a country without inhabitants.
func CountryZones(country string) []string { return countryZones()[country] }

// CountriesWithZones returns the countries that have zones, in no particular order.
func CountriesWithZones() (all []string) {
	for country := range countryZones() {
		all = append(all, country)
	}
	return all
}
