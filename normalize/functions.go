package normalize

// Type is what a function takes or answers, as rules see it.
type Type uint8

const (
	TextType       Type = iota + 1 // []byte
	IntType                        // int64
	DecimalType                    // an exact decimal; no function here has one yet
	BoolType                       // bool
	TimeType                       // Moment
	PhoneType                      // E164
	AddressType                    // Address
	CountryType                    // Country
	NetworkType                    // Network
	IdentifierType                 // IMSI, ICCID, IMEI, EID, MAC, UUID, netip.Addr, TADIG, Currency: comparable, with Append or AppendTo
	QuantityType                   // int64 in the function's unit
)

func (t Type) String() string {
	names := [...]string{"", "text", "int", "decimal", "bool", "time", "phone", "address", "country", "network", "identifier", "quantity"}
	if int(t) < len(names) {
		return names[t]
	}
	return ""
}

// Function declares one function that rules can call. Functions of one name differ in the types of their parameters.
type Function struct {
	Name     string
	Family   string // phone, country, network, carrier, time, identifier, unit, encoding, currency, absent
	Params   []Param
	Result   Type
	Unit     string // of a quantity: B, s, ms, 1
	Doc      string
	Go       string // the function or method of this package that does it
	Examples []Example
}

// Param is one parameter. Optional ones are given by name: phone(peer, from: home).
type Param struct {
	Name     string
	Type     Type
	Optional bool
	Constant bool     // has to be a literal, so that it is understood when rules are loaded
	Folded   bool     // is understood when rules are loaded if it is a literal
	Default  string   // of an optional one, as rules would write it
	Values   []string // the only ones allowed, if any
	Doc      string
}

// Example is a call and what it answers; with Error, a part of the message that it fails with instead.
type Example struct {
	Expr   string
	Result string
	Error  string
}

// Functions answers all declarations, in the order of the documentation: by family, then as declared.
func Functions() []Function {
	var all []Function
	for _, family := range [][]Function{phoneFunctions, countryFunctions, networkFunctions, timeFunctions, identifierFunctions, unitFunctions, otherFunctions} {
		all = append(all, family...)
	}
	return all
}

func text(doc string) Param { return Param{Name: "text", Type: TextType, Doc: doc} }

var (
	fromParam = Param{Name: "from", Type: CountryType, Optional: true, Default: "none",
		Doc: "the country whose national numbers are read; without it only international ones are"}
	internationalParam = Param{Name: "international", Type: BoolType, Optional: true, Constant: true, Default: "false",
		Doc: "the digits begin with the calling code, though neither + nor 00 says so"}
	stripParam = Param{Name: "strip", Type: TextType, Optional: true, Constant: true, Default: `""`,
		Doc: "prefixes to take away first; ? is any character, | separates several"}
	roundings = []string{"exact", "up", "down", "half_up"}
)

func ex(expr, result string) Example { return Example{Expr: expr, Result: result} }

func exFails(expr, reason string) Example { return Example{Expr: expr, Error: reason} }

var phoneFunctions = []Function{
	{Name: "phone", Family: "phone", Params: []Param{text("the number as the carrier writes it"), fromParam, internationalParam, stripParam}, Result: PhoneType,
		Doc: "A phone number, as libphonenumber reads it: with + or 00, or national digits of a country; blanks, dashes, dots, slashes, parentheses and the filler F of TBCD are ignored. Its length must be possible in its country; whether the range is in use is not checked. Letters are an error (see address).",
		Go:  "ParsePhone", Examples: []Example{
			ex(`phone("+34 600 123 456")`, "+34600123456"),
			ex(`phone("0034600123456")`, "+34600123456"),
			ex(`phone("600123456", from: country("ES"))`, "+34600123456"),
			ex(`phone("34600123456F", international: true)`, "+34600123456"),
			ex(`phone("D07734600123456", international: true, strip: "D077")`, "+34600123456"),
			exFails(`phone("600123456")`, "say from"),
			exFails(`phone("VODAFONE", from: country("ES"))`, "letters are no phone number"),
		}},
	{Name: "msisdn", Family: "phone", Params: []Param{text("digits that begin with the calling code, with or without +")}, Result: PhoneType,
		Doc: "The number of a subscription: phone(text, international: true).", Go: "ParseMSISDN", Examples: []Example{ex(`msisdn("34600123456")`, "+34600123456")}},
	{Name: "address", Family: "phone", Params: []Param{text("the caller or the called party"), fromParam, internationalParam, stripParam}, Result: AddressType,
		Doc: "The caller or the called party: a phone number, a short code, a name, or a SIP or tel URI.",
		Go:  "ParseAddress", Examples: []Example{
			ex(`address("600123456", from: country("ES"))`, "+34600123456"),
			ex(`address("VODAFONE")`, "VODAFONE"),
			ex(`address("22122", from: country("ES"))`, "22122"),
			ex(`address("sip:+34600123456@ims.example;user=phone")`, "+34600123456"),
			ex(`address("\"Alarm\" <sip:alarm-17@pbx.example>")`, "alarm-17"),
		}},
	{Name: "address_kind", Family: "phone", Params: []Param{{Name: "address", Type: AddressType, Doc: "the caller or the called party"}}, Result: TextType,
		Doc: "The kind of an address: phone, short code, alphanumeric or sip.", Go: "Address.Kind", Examples: []Example{
			ex(`address_kind(address("VODAFONE"))`, "alphanumeric"), ex(`address_kind(address("22122", from: country("ES")))`, "short code")}},
	{Name: "sip_user", Family: "phone", Params: []Param{text("a SIP, SIPS or tel URI")}, Result: TextType,
		Doc: "The user part of a URI, as it is written there.", Go: "SIPUser", Examples: []Example{
			ex(`sip_user("sip:1001@pbx.example:5060")`, "1001"), exFails(`sip_user("1001")`, "not a SIP")}},
	{Name: "calling_code", Family: "phone", Params: []Param{{Name: "number", Type: PhoneType, Doc: "a phone number"}}, Result: IntType,
		Doc: "The calling code of a number.", Go: "E164.CallingCode", Examples: []Example{ex(`calling_code(phone("+34600123456"))`, "34")}},
}

var countryFunctions = []Function{
	{Name: "country", Family: "country", Params: []Param{text("a code or a name")}, Result: CountryType,
		Doc: "A country by its ISO 3166-1 code (two letters, three letters, number) or English name.", Go: "ParseCountry", Examples: []Example{
			ex(`country("ES")`, "ES"), ex(`country("esp")`, "ES"), ex(`country("724")`, "ES"), ex(`country("Spain")`, "ES"),
			ex(`country("Côte d'Ivoire")`, "CI"), exFails(`country("Spainn")`, "no ISO 3166-1 code")}},
	{Name: "country", Family: "country", Params: []Param{{Name: "network", Type: NetworkType, Doc: "a network"}}, Result: CountryType,
		Doc: "The country of a network; none for international networks (MCC 901).", Go: "Network.Country", Examples: []Example{
			ex(`country(network("20810"))`, "FR"), ex(`country(network("901-28"))`, "")}},
	{Name: "country", Family: "country", Params: []Param{{Name: "number", Type: PhoneType, Doc: "a phone number"}}, Result: CountryType,
		Doc: "The country of a phone number, also where countries share a calling code; none for global numbers (+870).", Go: "E164.Country", Examples: []Example{
			ex(`country(phone("+12425551234"))`, "BS"), ex(`country(phone("+77011234567"))`, "KZ")}},
	{Name: "country_name", Family: "country", Params: []Param{{Name: "country", Type: CountryType, Doc: "a country"}}, Result: TextType,
		Doc: "The English name of a country.", Go: "Country.Name", Examples: []Example{ex(`country_name(country("ESP"))`, "Spain")}},
	{Name: "country_alpha3", Family: "country", Params: []Param{{Name: "country", Type: CountryType, Doc: "a country"}}, Result: TextType,
		Doc: "The three-letter code of a country.", Go: "Country.Alpha3", Examples: []Example{ex(`country_alpha3(country("ES"))`, "ESP")}},
	{Name: "mcc_country", Family: "country", Params: []Param{text("a mobile country code")}, Result: CountryType,
		Doc: "The country of a mobile country code; for a shared code, the country with most of its networks.", Go: "CountryByMCC", Examples: []Example{
			ex(`mcc_country("214")`, "ES"), exFails(`mcc_country("901")`, "no country")}},
	{Name: "calling_country", Family: "country", Params: []Param{text("a calling code")}, Result: CountryType,
		Doc: "The country of a calling code; for a shared code, the main country.", Go: "CountryByCallingCode", Examples: []Example{
			ex(`calling_country("+34")`, "ES"), ex(`calling_country("1")`, "US")}},
}

var networkFunctions = []Function{
	{Name: "network", Family: "network", Params: []Param{text("MCC and MNC")}, Result: NetworkType,
		Doc: "A mobile network by MCC and MNC in one text. The digits of the MNC count: 07 and 007 are two networks. Zeros that a number field took are given back when exactly one listed network fits.",
		Go:  "ReadNetwork", Examples: []Example{
			ex(`network("20810")`, "208-10"), ex(`network("208,10")`, "208-10"), ex(`network("310410")`, "310-410"), ex(`network("214-7")`, "214-07"),
			exFails(`network("2087")`, "MNC 2 or 3")}},
	{Name: "network", Family: "network", Params: []Param{{Name: "mcc", Type: TextType, Doc: "mobile country code"}, {Name: "mnc", Type: TextType, Doc: "mobile network code"}}, Result: NetworkType,
		Doc: "A mobile network by MCC and MNC in two texts; an MNC that a number field shortened gets back its zeros when exactly one listed network fits, and is refused when two fit.", Go: "JoinNetwork", Examples: []Example{
			ex(`network("722", "70")`, "722-070"), exFails(`network("334", "50")`, "either 334-50 or 334-050"),
			ex(`network("214", "07")`, "214-07"), ex(`network("214", "7")`, "214-07")}},
	{Name: "plmn", Family: "network", Params: []Param{text("six hexadecimal digits")}, Result: NetworkType,
		Doc: "A mobile network by its PLMN identity in hexadecimal (3GPP TS 24.008 10.5.1.13).", Go: "ParseNetworkHex", Examples: []Example{
			ex(`plmn("02F801")`, "208-10"), ex(`plmn("0x130014")`, "310-410")}},
	{Name: "unpadded", Family: "network", Params: []Param{{Name: "network", Type: NetworkType, Doc: "a network"}}, Result: NetworkType,
		Doc: "The intended network where a system wrote two-digit codes with a leading zero: 208-010 becomes 208-10 if only that is listed.", Go: "Network.Unpadded", Examples: []Example{
			ex(`unpadded(network("208010"))`, "208-10"), ex(`unpadded(network("310410"))`, "310-410")}},
	{Name: "tadig", Family: "network", Params: []Param{text("a TADIG code")}, Result: IdentifierType,
		Doc: "A TADIG code in capitals. The operator's list says which network it means.", Go: "ParseTADIG", Examples: []Example{ex(`tadig("espt2")`, "ESPT2")}},
	{Name: "carrier", Family: "carrier", Params: []Param{{Name: "network", Type: NetworkType, Doc: "a network"}}, Result: TextType,
		Doc: "The brand name of a network; empty when it is not listed.", Go: "Network.Name", Examples: []Example{ex(`carrier(network("20810"))`, "SFR")}},
	{Name: "carrier", Family: "carrier", Params: []Param{{Name: "number", Type: PhoneType, Doc: "a phone number"}}, Result: TextType,
		Doc: "The operator to which the number's range was assigned; empty when unknown. Ported numbers keep the old operator's name.", Go: "E164.Carrier", Examples: []Example{ex(`carrier(phone("+34600123456"))`, "Vodafone")}},
	{Name: "operator", Family: "carrier", Params: []Param{{Name: "network", Type: NetworkType, Doc: "a network"}}, Result: TextType,
		Doc: "The company that runs a network; empty when it is not listed.", Go: "Network.Operator", Examples: []Example{ex(`operator(network("20810"))`, "Altice")}},
}
