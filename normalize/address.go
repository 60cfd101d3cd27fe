package normalize

import (
	"bytes"
	"strings"
)

// AddressKind is the kind of a peer.
type AddressKind uint8

const (
	PhoneAddress        AddressKind = iota + 1 // a phone number
	ShortCodeAddress                           // up to eight digits, * or # with a meaning in one network only
	AlphanumericAddress                        // a name, such as an alphanumeric sender of messages
	SIPAddress                                 // the user part of a SIP URI that is not a phone number
)

func (k AddressKind) String() string {
	switch k {
	case PhoneAddress:
		return "phone"
	case ShortCodeAddress:
		return "short code"
	case AlphanumericAddress:
		return "alphanumeric"
	case SIPAddress:
		return "sip"
	}
	return "none"
}

var _ = declare(Function{
	Name: "address_kind", Family: "phone", Params: []Param{{Name: "address", Doc: "caller or called party"}},
	Doc: "Kind of an address: phone, short code, alphanumeric or sip.",
	Examples: []Example{
		ex(`address_kind(address("VODAFONE"))`, "alphanumeric"), ex(`address_kind(address("22122", from: country("ES")))`, "short code")},
}, AddressKind.String)

// Address is the other party of a call or message. Text is the part of the input that names the party, without
// surrounding blanks; it points into the input.
type Address struct {
	Kind  AddressKind
	Phone E164 // of a PhoneAddress
	Text  []byte
}

// Append appends the number as +34600123456, or the text.
func (a Address) Append(dst []byte) []byte {
	if a.Kind == PhoneAddress {
		return a.Phone.Append(dst)
	}
	return append(dst, a.Text...)
}

func (a Address) String() string { return string(a.Append(nil)) }

// longestAddress limits the length of names and SIP users.
const longestAddress = 128

// ParseAddress reads a text that may be a phone number, a short code, a name, or a SIP or tel URI.
func ParseAddress(text []byte, o PhoneOptions) (Address, error) {
	return parseAddress(text, o, ParsePhone)
}

var _ = declareWith(Function{
	Name: "address", Family: "phone",
	Params:   []Param{text("caller or called party"), fromParam.Param, internationalParam.Param, stripParam.Param},
	Doc:      "Caller or called party: a phone number, a short code, a name, or a SIP or tel URI.",
	Suspends: "the text was damaged by a spreadsheet (3.46E+10, #REF!)",
	Examples: []Example{
		ex(`address("600123456", from: country("ES"))`, "+34600123456"),
		ex(`address("VODAFONE")`, "VODAFONE"),
		ex(`address("22122", from: country("ES"))`, "22122"),
		ex(`address("sip:+34600123456@ims.example;user=phone")`, "+34600123456"),
		ex(`address("\"Alarm\" <sip:alarm-17@pbx.example>")`, "alarm-17"),
	},
}, func(o *Options) func(*State, []byte, Country) (Address, error) {
	options, column := phoneOptions(o)
	if !column {
		return func(s *State, text []byte, _ Country) (Address, error) { return s.Phones().Address(text, options) }
	}
	return func(s *State, text []byte, from Country) (Address, error) {
		o := options
		o.From = from
		return s.Phones().Address(text, o)
	}
})

func parseAddress(text []byte, o PhoneOptions, phone func([]byte, PhoneOptions) (E164, error)) (Address, error) {
	in := trim(text)
	if Absent(in) {
		return Address{}, fail("address", text, "empty; test absent(…) first if the field may be empty")
	}
	uri := false
	if user, ok := uriUser(in); ok {
		in, uri = user, true
	}
	if len(in) > longestAddress {
		return Address{}, fail("address", text, "longer than any address")
	}
	figures, letters := 0, false
	for i, c := range in[min(len(in), stripped(in, o.Strip)):] {
		switch {
		case c < ' ' || c == 0x7F:
			return Address{}, fail("address", text, "contains a control character; is the sender still packed in 7 bits?")
		case digit(c) || c == '*' || c == '#':
			figures++
		case (c == 'F' || c == 'f') && i > 0 && len(bytes.TrimRight(in, "Ff")) <= i:
		case c == '+' || c == ' ' || c == '-' || c == '.' || c == '(' || c == ')' || c == '/':
		default:
			letters = true
		}
	}
	switch {
	case letters && Damaged(in) != "":
		return Address{}, fail("address", text, Damaged(in))
	case letters && uri:
		return Address{Kind: SIPAddress, Text: in}, nil
	case letters:
		return Address{Kind: AlphanumericAddress, Text: in}, nil
	case len(in) == 0 || figures == 0 || in[0] == '#' && errorValue(in):
		return Address{}, fail("address", text, "names nobody")
	}
	n, err := phone(in, o)
	switch {
	case err == nil:
		return Address{Kind: PhoneAddress, Phone: n, Text: in}, nil
	case figures <= 8 && in[0] != '+':
		return Address{Kind: ShortCodeAddress, Text: in}, nil
	case uri:
		return Address{Kind: SIPAddress, Text: in}, nil
	}
	bad := err.(*Error)
	reason, _, _ := strings.Cut(bad.Reason, "; address(…)") // the country whose numbering plan applies
	return Address{}, &Error{"address", bad.Input, reason}
}

// SIPUser reads the user of a SIP, SIPS or TEL URI, with or without a name before it and parameters after it: "Alarm"
// <sip:+34600123456@ims.example;user=phone> is +34600123456. The result points into the text; escapes such as %2B stay
// unchanged.
func SIPUser(text []byte) ([]byte, error) {
	user, ok := uriUser(trim(text))
	if !ok {
		return nil, fail("sip_user", text, "not a SIP, SIPS or TEL URI, such as sip:1001@pbx.example")
	}
	if len(user) == 0 {
		return nil, fail("sip_user", text, "the URI has a host, but no user")
	}
	if len(user) > longestAddress {
		return nil, fail("sip_user", text, "the user is longer than any address")
	}
	return user, nil
}

var _ = declare(Function{
	Name: "sip_user", Family: "phone", Params: []Param{text("a SIP, SIPS or tel URI")},
	Doc:      "The user part of a URI, unchanged.",
	Suspends: "the text is not a SIP, SIPS or tel URI",
	Examples: []Example{ex(`sip_user("sip:1001@pbx.example:5060")`, "1001"), exFails(`sip_user("1001")`, "not a SIP")},
}, SIPUser)

func uriUser(in []byte) ([]byte, bool) {
	if end := len(in) - 1; end > 0 && (in[0] == '"' || in[0] == '<' || in[end] == '>') {
		if open := bytes.LastIndexByte(in, '<'); open >= 0 {
			in = in[open+1:]
			if shut := bytes.IndexByte(in, '>'); shut >= 0 {
				in = in[:shut]
			}
		}
	}
	tel := false
	switch {
	case len(in) >= 4 && equalFold(in[:4], "sip:"):
		in = in[4:]
	case len(in) >= 5 && equalFold(in[:5], "sips:"):
		in = in[5:]
	case len(in) >= 4 && equalFold(in[:4], "tel:"):
		in, tel = in[4:], true
	default:
		return nil, false
	}
	at := bytes.IndexByte(in, '@')
	switch {
	case at >= 0:
		in = in[:at]
	case !tel:
		return nil, true
	}
	// RFC 3261 19.1.1: user:password; RFC 3966: parameters of the number follow semicolons.
	if end := bytes.IndexAny(in, ";:"); end >= 0 {
		in = in[:end]
	}
	return in, true
}
