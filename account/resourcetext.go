package account

import (
	"slices"
	"strconv"
	"strings"

	"ratemill/diag"
	"ratemill/normalize"
)

// ResourceText is the catalogue document that declares a resource.
type ResourceText struct {
	Name     diag.Text   `yaml:"resource,required" doc:"Name of the resource, unique in its kind." example:"apn-m2m"`
	From     Date        `yaml:"from" doc:"Date (UTC) from which this version is in force. If omitted, it has always been in force." example:"2026-02-01"`
	Kind     string      `yaml:"kind,required" enum:"apn_group|service_profile|roaming_profile|security_profile|sim_product|time_slices|private_network|addon" doc:"What it is."`
	Title    string      `yaml:"title" doc:"Its display name." example:"M2M, static addresses"`
	APNs     []APN       `yaml:"apns" doc:"APNs of an apn_group or of a private_network."`
	Services []string    `yaml:"services" doc:"Usage classes that a service_profile allows." example:"[data, sms_mo, sms_mt]"`
	Networks []diag.Text `yaml:"networks" doc:"Networks that a roaming_profile allows, as MCC-MNC, or countries." example:"[DE, 214-07]"`
	Partners []string    `yaml:"partners" doc:"Numbers and hosts that a security_profile lets devices contact."`
	Devices  []string    `yaml:"devices" doc:"Devices that a security_profile allows, as prefixes of their IMEI."`
	Size     string      `yaml:"size" enum:"|2FF|3FF|4FF|MFF2|eSIM" doc:"Form of a sim_product."`
	Branding string      `yaml:"branding" doc:"Text that is printed on a sim_product."`
	Price    *diag.Text  `yaml:"price" doc:"Price of one sim_product, with its currency." example:"1.20 EUR"`
	Slices   []Slice     `yaml:"slices" doc:"Parts of a day, defined by time_slices, for the plans that use them."`
}

// APN is an access point.
type APN struct {
	APN     diag.Text `yaml:"apn,required" doc:"Name of the access point." example:"iot.sky"`
	Address string    `yaml:"address" default:"dynamic" enum:"dynamic|static" doc:"How devices get their IP addresses."`
}

// Slice is a part of a day.
type Slice struct {
	Slice diag.Text `yaml:"slice,required" doc:"Name by which plans refer to it." example:"day"`
	From  ClockTime `yaml:"from,required" doc:"Start, in hours and minutes of the account's time zone." example:"08:00"`
	To    ClockTime `yaml:"to,required" doc:"End; 24:00 is the end of the day. An end before the start means the next day." example:"18:00"`
}

// ClockTime is a time of day in minutes.
type ClockTime int

// UnmarshalNode implements diag.Unmarshaler.
func (t *ClockTime) UnmarshalNode(n *diag.Node, d *diag.Decoder) {
	h, m, ok := strings.Cut(n.Text, ":")
	hours, err1 := strconv.Atoi(h)
	minutes, err2 := strconv.Atoi(m)
	if !ok || err1 != nil || err2 != nil || len(h) != 2 || len(m) != 2 || hours < 0 || minutes < 0 || minutes > 59 ||
		hours*60+minutes > 24*60 {
		d.Errorf(n.Pos, "%q is not a time of day such as 08:00", n.Text)
		return
	}
	*t = ClockTime(hours*60 + minutes)
}

// JSONSchema implements diag.Schemed.
func (*ClockTime) JSONSchema() map[string]any {
	return map[string]any{"type": "string", "pattern": "^[0-2][0-9]:[0-5][0-9]$"}
}

func (v *ResourceText) DocumentName() diag.Text { return v.Name }
func (v *ResourceText) InForce() Date           { return v.From }

// Check implements the checks of diag.Decode.
func (v *ResourceText) Check(n *diag.Node, d *diag.Decoder) {
	c := &checker{d, n, &Installation{}}
	if strings.Contains(v.Name.Value, "/") {
		c.Errorf(v.Name.Pos, "the name of a resource must not contain a slash, because accounts name it KIND/NAME")
	}
	for _, f := range []struct {
		field string
		there bool
		kinds []string
		need  bool
	}{
		{"apns", len(v.APNs) > 0, []string{APNGroup, PrivateNetwork}, true}, {"services", len(v.Services) > 0, []string{ServiceProfile}, true},
		{"networks", len(v.Networks) > 0, []string{RoamingProfile}, true}, {"partners", len(v.Partners) > 0, []string{SecurityProfile}, false},
		{"devices", len(v.Devices) > 0, []string{SecurityProfile}, false}, {"size", v.Size != "", []string{SIMProduct}, true},
		{"branding", v.Branding != "", []string{SIMProduct}, false}, {"price", v.Price != nil, []string{SIMProduct}, false},
		{"slices", len(v.Slices) > 0, []string{TimeSlices}, true},
	} {
		of := slices.Contains(f.kinds, v.Kind)
		switch {
		case f.there && !of && v.Kind != "":
			c.errorf(f.field, "has an effect only for %s, not for %s", strings.Join(f.kinds, " and "), v.Kind)
		case !f.there && of && f.need:
			c.Errorf(v.Name.Pos, "%s %s needs %s", v.Kind, v.Name.Value, f.field)
		}
	}
	for _, place := range v.Networks {
		if _, err := normalize.ParseNetwork([]byte(place.Value)); err != nil && !country(place.Value) {
			c.Errorf(place.Pos, "%q is neither a network such as 214-07 nor a country such as DE", place.Value)
		}
	}
	for i, s := range v.Slices {
		if s.From == s.To {
			c.Errorf(s.Slice.Pos, "slice %s ends at the time when it begins; write a whole day as 00:00 to 24:00", s.Slice.Value)
		}
		if slices.ContainsFunc(v.Slices[:i], func(o Slice) bool { return o.Slice.Value == s.Slice.Value }) {
			c.Errorf(s.Slice.Pos, "slice %s is listed twice", s.Slice.Value)
		}
	}
	if v.Price != nil {
		amount, currency, _ := strings.Cut(v.Price.Value, " ")
		known, err := normalize.ParseCurrency([]byte(currency))
		if !validAmount(amount) || err != nil || known.String() != currency {
			c.Errorf(v.Price.Pos, "%q is not an amount with a currency; write it as 1.20 EUR", v.Price.Value)
		}
	}
}
