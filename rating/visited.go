package rating

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"ratemill/diag"
	"ratemill/normalize"
	"ratemill/udr"
)

// Time slices follow the clock of the account that pays, or the clock of the country where the usage happened.
// Most countries have only one clock. For the others, a table contains the clock to use, because records do
// not contain it.

type timeZonesDoc struct {
	Zones diag.Map[diag.Text] `yaml:"time_zones,required" doc:"Time zone of a country, for plans whose slices follow the clock of the visited country: for countries with several clocks, or to replace the one in the time zone database. unknown is for usage whose country is unknown, and for ships, aircraft and satellites." example:"{ US: America/New_York, unknown: Europe/Madrid }"`
	pos   diag.Pos
}

func (d *timeZonesDoc) Check(n *diag.Node, _ *diag.Decoder) { d.pos = n.Pos }

// unknownCountryZone is the key of the time zone for usage in an unknown country.
const unknownCountryZone = "unknown"

// compileTimeZones builds the table of the time zones of countries.
func (c *compiler) compileTimeZones() {
	c.timeZones = map[string]*time.Location{}
	zones := map[string]*time.Location{}
	load := func(name string) (*time.Location, error) {
		if zones[name] == nil {
			zone, err := time.LoadLocation(name)
			if err != nil {
				return nil, err
			}
			zones[name] = zone
		}
		return zones[name], nil
	}
	for i, doc := range c.timeZoneDocs {
		if i > 0 {
			c.list.Errorf(doc.pos, "time_zones has two documents; write all countries into one")
		}
		for _, e := range doc.Zones {
			country := e.Key.Value
			if country != unknownCountryZone && (!isCountry(country) || normalize.NeverCountry(country) != "") {
				c.list.Errorf(e.Key.Pos, "%q is not a country; write two capital letters (ISO 3166-1), or unknown", country)
				continue
			}
			zone, err := load(e.Value.Value)
			if err != nil || e.Value.Value == "" || e.Value.Value == "Local" {
				c.list.Errorf(e.Value.Pos, "time zone %q is unknown: write an IANA name such as Europe/Madrid", e.Value.Value)
				continue
			}
			c.timeZones[country] = zone
		}
	}
	if !slices.ContainsFunc(c.planDocs, func(d *planDoc) bool { return d.SlicesIn.Value == visited }) {
		return
	}
	for _, country := range normalize.CountriesWithZones() {
		if names := normalize.CountryZones(country); len(names) == 1 && c.timeZones[country] == nil {
			if zone, err := load(names[0]); err == nil {
				c.timeZones[country] = zone
			}
		}
	}
}

// visited is the word for the clock of the country where usage happened.
const visited = "visited"

// warnTimeZones warns of countries for which a plan whose slices follow the visited country's clock finds no
// clock.
func (c *compiler) warnTimeZones(doc *planDoc, models *family[zoneModel]) {
	if doc.SlicesIn.Value != visited {
		return
	}
	if len(doc.Slices) == 0 {
		c.list.Warnf(doc.SlicesIn.Pos, "slices_in has no effect, because the plan has no slices")
		return
	}
	var lists [][]diag.Text
	rest := false // a zone contains countries that no zone names
	add := func(w *whereDoc) {
		lists = append(lists, w.Countries)
		rest = rest || !w.places() || len(w.Networks) > 0 || w.Network.Value != ""
	}
	if models != nil {
		for _, m := range models.versions {
			for i := range m.zones {
				add(&m.zones[i].where)
			}
		}
	} else {
		for _, class := range doc.Classes {
			for i := 0; class.Value != nil && i < len(class.Value.Prices); i++ {
				add(&class.Value.Prices[i].Where)
			}
		}
	}
	var lacking []string
	for _, country := range normalize.CountriesWithZones() {
		named := slices.ContainsFunc(lists, func(list []diag.Text) bool {
			return slices.ContainsFunc(list, func(t diag.Text) bool { return t.Value == country })
		})
		if (named || rest) && c.timeZones[country] == nil {
			lacking = append(lacking, country)
		}
	}
	if len(lacking) == 0 {
		return
	}
	slices.Sort(lacking)
	example := normalize.CountryZones(lacking[0])[0]
	c.list.Warnf(doc.SlicesIn.Pos, "countries with several clocks have none in the catalogue: %s. Usage of plan %s there is suspended; state "+
		"one for each, as in `time_zones: { %s: %s }`", strings.Join(lacking, ", "), doc.Name.Value, lacking[0], example)
}

// visit finds the clock of the country where the usage happened.
func (e *Engine) visit(t *tier, u *udr.Usage) error {
	country := u.Country
	if country == "" || international(u.Network) {
		country = unknownCountryZone
	}
	if k := e.visited[country]; k != nil {
		t.wall = k
		return nil
	}
	zone := e.catalogue.timeZones[country]
	if zone == nil {
		return suspend("no_zone", "slices of plan %s are by the clock of the visited country, and %s; state one, as in "+
			"`time_zones: { %s: %s }`, and retry", t.plan.name, clockless(country), country, exampleZone(country))
	}
	if e.visited == nil {
		e.visited = map[string]*zoneClock{}
	}
	t.wall = newZoneClock(zone, nil)
	e.visited[country] = t.wall
	return nil
}

func clockless(country string) string {
	if country == unknownCountryZone {
		return "the country is unknown, or the network belongs to no country"
	}
	if names := normalize.CountryZones(country); len(names) > 1 {
		return fmt.Sprintf("%s has several clocks (%s)", country, strings.Join(names[:min(len(names), 4)], ", "))
	}
	return "no clock of " + country + " is known"
}

func exampleZone(country string) string {
	if names := normalize.CountryZones(country); len(names) > 0 {
		return names[0]
	}
	return "Europe/Madrid"
}
