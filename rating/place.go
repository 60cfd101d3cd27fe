package rating

import (
	"strconv"
	"strings"

	"ratemill/diag"
	"ratemill/normalize"
)

// A zone's conditions are compared with the values of records: countries of ISO 3166-1, networks with their own number
// of digits, and numbers such as +34600000000 or short codes. Any other value would never match, and its usage would
// get the price of the rest.

// unknownCountry says why a text is not a country, "" if it is one.
func unknownCountry(code string) string {
	if (normalize.Country{code[0], code[1]}).Known() {
		return ""
	}
	if meant, err := normalize.ParseCountry([]byte(code)); err == nil && meant.String() != code {
		return "; write " + meant.String()
	}
	if code == "EL" {
		return "; write GR for Greece"
	}
	return "; `ratemill try` shows the countries of records"
}

// unknownNetwork describes the error of a well-formed network that is not in the list, "" if it is there. respelled
// says that another one is meant: records never have this one, because network() and similar functions restore zeros.
func unknownNetwork(code string) (hint string, respelled bool) {
	mcc, _ := strconv.Atoi(code[:3])
	mnc, _ := strconv.Atoi(code[4:])
	n := normalize.Network{MCC: uint16(mcc), MNC: uint16(mnc), MNCDigits: uint8(len(code) - 4)}
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

// neverBegins says why no phone number begins with a prefix, "" if one may.
func neverBegins(prefix string) string {
	if strings.HasPrefix(prefix, "00") {
		return "numbers are kept as +33123456789, not with 00 before the country code; write +" + strings.TrimLeft(prefix, "0")
	}
	if country, err := normalize.CountryByCallingCode([]byte(prefix)); err == nil && !strings.HasPrefix(prefix, "+") {
		return "it has no +, so it holds only short codes that begin so; for numbers of " + country.String() + " write +" + prefix
	}
	return ""
}

// zonesOf are the names of the zones that a plan can find.
func (p *plan) zonesOf() map[string]bool {
	names := map[string]bool{}
	for _, pc := range p.classes {
		if pc == nil {
			continue
		}
		models := pc.own
		if pc.models != nil {
			models = pc.models.versions
		}
		for _, m := range models {
			for i := range m.zones {
				names[m.zones[i].name] = true
			}
		}
	}
	return names
}

// warnZones warns of zones in which a bucket can never be drawn, because no plan whose usage draws on it finds them.
func (c *compiler) warnZones(docs []bucketDoc, plans []*plan, whose string) {
	names := map[string]bool{}
	for _, p := range plans {
		for name := range p.zonesOf() {
			names[name] = true
		}
	}
	for _, d := range docs {
		for _, z := range d.Zones {
			if _, known := c.zones[z.Value]; known && !names[z.Value] && len(plans) > 0 {
				var list []string
				for name := range names {
					list = append(list, name)
				}
				c.list.Warnf(z.Pos, "bucket %s is never drawn in zone %s: it is a zone of another model than that of %s%s", d.Bucket.Value, z.Value, whose, diag.Suggest(z.Value, list))
			}
		}
	}
}
