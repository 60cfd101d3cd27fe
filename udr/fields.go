package udr

import "strconv"

// FieldType is the type of a standard field in the rule language.
type FieldType string

// The types of standard fields.
const (
	TextField       FieldType = "text"
	TimeField       FieldType = "time"
	QuantityField   FieldType = "quantity"
	IdentifierField FieldType = "identifier"
	NetworkField    FieldType = "network"
	CountryField    FieldType = "country"
	PeerField       FieldType = "phone or text"
	BoolField       FieldType = "bool"
)

// Field is a standard field of Usage that rules set. Exactly one of the functions that set the field is not nil,
// according to Type.
type Field struct {
	Name     string
	Type     FieldType
	Unit     Unit // unit of a QuantityField that has its own unit
	AnyUnit  bool // the unit is that of the class
	Required bool // a usage record without it cannot be rated
	Doc      string
	Example  string

	SetText       func(*Usage, string)
	SetInt        func(*Usage, int64)
	SetIdentifier func(*Usage, Identifier)

	Get func(*Usage) string // the field as text, empty if it is not set
}

// Fields returns the standard fields that rules set, in the order of the documentation. The class is set by
// `class:` instead.
func Fields() []Field { return fields }

// FieldByName returns a standard field and its index in Fields.
func FieldByName(name string) (index int, ok bool) {
	for i := range fields {
		if fields[i].Name == name {
			return i, true
		}
	}
	return 0, false
}

var fields = []Field{
	{Name: "sim", Type: IdentifierField, Required: true,
		Doc:           "SIM that was used, by any identifier that the carrier gives. Its owner at the time of use pays.",
		Example:       "imsi(imsi)",
		SetIdentifier: func(u *Usage, id Identifier) { u.Identifier = id },
		Get:           func(u *Usage) string { return u.Identifier.Value }},
	{Name: "at", Type: TimeField, Required: true,
		Doc:     "When the usage began.",
		Example: `time(started, "02.01.2006 15:04:05")`,
		SetInt:  func(u *Usage, n int64) { u.At = Instant(n) },
		Get: func(u *Usage) string {
			if u.At == 0 {
				return ""
			}
			return u.At.String()
		}},
	{Name: "quantity", Type: QuantityField, AnyUnit: true, Required: true,
		Doc:     "Quantity to price, in the unit of the class: octets, seconds or a count.",
		Example: "octets(up) + octets(down)",
		SetInt:  func(u *Usage, n int64) { u.Quantity = n },
		Get:     func(u *Usage) string { return strconv.FormatInt(u.Quantity, 10) }},
	{Name: "network", Type: NetworkField,
		Doc:     "Network where the usage happened, as MCC-MNC. If the record has no country, it is derived from the network.",
		Example: "network(plmn)",
		SetText: func(u *Usage, s string) { u.Network = s },
		Get:     func(u *Usage) string { return u.Network }},
	{Name: "country", Type: CountryField,
		Doc:     "Country where the usage happened, ISO 3166-1 alpha-2.",
		Example: `country("ES")`,
		SetText: func(u *Usage, s string) { u.Country = s },
		Get:     func(u *Usage) string { return u.Country }},
	{Name: "peer", Type: PeerField,
		Doc:     "The other party: a number in E.164 with +, a short code or an alphanumeric sender.",
		Example: "phone(called, from=country(out.network))",
		SetText: func(u *Usage, s string) { u.Peer = s },
		Get:     func(u *Usage) string { return u.Peer }},
	{Name: "peer_country", Type: CountryField,
		Doc:     "Country of the other party. If the record has none, it is derived from a peer in E.164.",
		Example: `country("FR")`,
		SetText: func(u *Usage, s string) { u.PeerCountry = s },
		Get:     func(u *Usage) string { return u.PeerCountry }},
	{Name: "apn", Type: TextField,
		Doc:     "The access point name.",
		Example: "lower(apn)",
		SetText: func(u *Usage, s string) { u.APN = s },
		Get:     func(u *Usage) string { return u.APN }},
	{Name: "imei", Type: TextField,
		Doc:     "The device.",
		Example: "imei(imei)",
		SetText: func(u *Usage, s string) { u.IMEI = s },
		Get:     func(u *Usage) string { return u.IMEI }},
	{Name: "cell", Type: TextField,
		Doc:     "The cell or location where the usage happened, as the carrier writes it.",
		Example: "cgi",
		SetText: func(u *Usage, s string) { u.Cell = s },
		Get:     func(u *Usage) string { return u.Cell }},
	{Name: "session", Type: TextField,
		Doc:     "The carrier's id of the call or session.",
		Example: "charging_id",
		SetText: func(u *Usage, s string) { u.Session = s },
		Get:     func(u *Usage) string { return u.Session }},
	{Name: "continues", Type: BoolField,
		Doc:     "Whether the record continues a call or session that began in an earlier record: true for every partial record but the first.",
		Example: `int(part_number) > 1`,
		SetInt:  func(u *Usage, n int64) { u.Continues = n != 0 },
		Get: func(u *Usage) string {
			if u.Continues {
				return "true"
			}
			return ""
		}},
	{Name: "direction", Type: TextField,
		Doc:     "mo if the SIM started the call, message or session, mt if the other party did.",
		Example: `"mo"`,
		SetText: func(u *Usage, s string) { u.Direction = s },
		Get:     func(u *Usage) string { return u.Direction }},
	{Name: "duration", Type: QuantityField, Unit: Second,
		Doc:     "How long the call or session lasted, whether or not the duration is priced.",
		Example: "seconds(secs)",
		SetInt:  func(u *Usage, n int64) { u.Duration = n },
		Get:     func(u *Usage) string { return number(u.Duration) }},
	{Name: "up", Type: QuantityField, Unit: Octet,
		Doc:     "Octets that the device sent.",
		Example: "octets(up)",
		SetInt:  func(u *Usage, n int64) { u.Up = n },
		Get:     func(u *Usage) string { return number(u.Up) }},
	{Name: "down", Type: QuantityField, Unit: Octet,
		Doc:     "Octets that the device received.",
		Example: "octets(down)",
		SetInt:  func(u *Usage, n int64) { u.Down = n },
		Get:     func(u *Usage) string { return number(u.Down) }},
}

func number(n int64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatInt(n, 10)
}
