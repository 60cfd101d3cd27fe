package normalize

import (
	_ "embed"
	"sort"
	"sync"
)

// Network is a public land mobile network: country code, network code, and the number of digits of the network code,
// because 07 and 007 are two networks (3GPP TS 23.003 12.1). The zero value is not a network.
type Network struct {
	MCC, MNC  uint16
	MNCDigits uint8
}

func (n Network) String() string { return string(n.Append(make([]byte, 0, 7))) }

// Append appends the network as 208-10.
func (n Network) Append(dst []byte) []byte {
	if n == (Network{}) {
		return dst
	}
	dst = appendPadded(dst, uint64(n.MCC), 3)
	dst = append(dst, '-')
	return appendPadded(dst, uint64(n.MNC), int(n.MNCDigits))
}

// Known reports whether the network is in the list.
func (n Network) Known() bool { return networks().find(n) != nil }

// Name returns the network's brand, or "" if the network is not in the list.
func (n Network) Name() string {
	if row := networks().find(n); row != nil {
		return row.name
	}
	return ""
}

var _ = declare(Function{
	Name: "carrier", Family: "carrier", Params: []Param{{Name: "network", Doc: "a network"}},
	Doc: "The brand name of a network; empty when it is not listed.", Examples: []Example{ex(`carrier(network("20810"))`, "SFR")},
}, Network.Name)

// Operator returns the company that runs the network, or "" if the network is not in the list.
func (n Network) Operator() string {
	if row := networks().find(n); row != nil {
		return row.operator
	}
	return ""
}

var _ = declare(Function{
	Name: "operator", Family: "carrier", Params: []Param{{Name: "network", Doc: "a network"}},
	Doc: "The company that runs a network; empty when it is not listed.", Examples: []Example{ex(`operator(network("20810"))`, "Altice")},
}, Network.Operator)

// Country returns the network's country from the list, or else the main country of the MCC. It returns
// NoCountry for international networks (MCC 901) and test networks.
func (n Network) Country() Country {
	t := networks()
	if row := t.find(n); row != nil {
		return row.country
	}
	if n.MCC > 999 {
		return NoCountry
	}
	return t.mcc[n.MCC].country
}

var _ = declare(Function{
	Name: "country", Family: "country", Params: []Param{{Name: "network", Doc: "a network"}},
	Doc:      "The country of a network; none for international networks (MCC 901).",
	Examples: []Example{ex(`country(network("20810"))`, "FR"), ex(`country(network("901-28"))`, "")},
}, Network.Country)

// Unpadded returns the network meant by a two-digit code that was written with a leading zero: 208-010 is 208-10, if
// only that network is in the list. Other networks are returned unchanged.
func (n Network) Unpadded() Network {
	if n.MNCDigits == 3 && n.MNC < 100 && !n.Known() {
		if two := (Network{n.MCC, n.MNC, 2}); two.Known() {
			return two
		}
	}
	return n
}

var _ = declare(Function{
	Name: "unpadded", Family: "network", Params: []Param{{Name: "network", Doc: "a network"}},
	Doc: "The intended network of a two-digit code that a system wrote with a leading zero: 208-010 becomes 208-10 if only " +
		"that is listed.",
	Examples: []Example{ex(`unpadded(network("208010"))`, "208-10"), ex(`unpadded(network("310410"))`, "310-410")},
}, Network.Unpadded)

// Respelled returns the listed networks that may be meant by an unlisted network with a zero too many or too few:
// 208-10 for 208-010, 310-410 for 310-41.
func (n Network) Respelled() (meant []Network) {
	if n.Known() || n.MCC > 999 {
		return nil
	}
	spellings := []Network{{n.MCC, n.MNC, 3}, {n.MCC, n.MNC * 10, 3}}
	if n.MNCDigits == 3 {
		spellings = nil
		if n.MNC < 100 {
			spellings = append(spellings, Network{n.MCC, n.MNC, 2})
		}
		if n.MNC%10 == 0 {
			spellings = append(spellings, Network{n.MCC, n.MNC / 10, 2})
		}
	}
	for _, s := range spellings {
		if s.Known() {
			meant = append(meant, s)
		}
	}
	return meant
}

type networkRow struct {
	Network
	country        Country
	name, operator string
	active         bool
}

type mccRow struct {
	first, end uint16 // rows of the list
	country    Country
	two, three uint16 // number of networks with codes of two and of three digits
}

type networkTable struct {
	list []networkRow // ordered by MCC, then MNC, then number of digits
	mcc  [1000]mccRow
}

//go:embed data/networks.txt
var networksText string

var networks = sync.OnceValue(func() *networkTable {
	t := &networkTable{}
	for fields := range rows(networksText, 5) {
		mcc, _ := decimal([]byte(fields[0][:3]))
		mnc, _ := decimal([]byte(fields[0][4:]))
		row := networkRow{Network: Network{uint16(mcc), uint16(mnc), uint8(len(fields[0]) - 4)},
			name: fields[2], operator: fields[3], active: fields[4] != "x"}
		if len(fields[1]) == 2 {
			row.country = Country{fields[1][0], fields[1][1]}
		}
		if row.operator == "" {
			row.operator = row.name
		}
		t.list = append(t.list, row)
	}
	sort.SliceStable(t.list, func(i, j int) bool { return t.list[i].order() < t.list[j].order() })

	for first := 0; first < len(t.list); {
		end := first
		votes := map[Country]int{}
		best := NoCountry
		m := mccRow{first: uint16(first)}
		for end < len(t.list) && t.list[end].MCC == t.list[first].MCC {
			row := &t.list[end]
			if row.country != NoCountry {
				votes[row.country]++
				if votes[row.country] > votes[best] {
					best = row.country
				}
			}
			if row.MNCDigits == 2 {
				m.two++
			} else {
				m.three++
			}
			end++
		}
		m.end, m.country = uint16(end), best
		t.mcc[t.list[first].MCC] = m
		first = end
	}
	return t
})

func (n Network) order() uint32 {
	return uint32(n.MCC)<<16 | uint32(n.MNC)<<4 | uint32(n.MNCDigits)
}

func (t *networkTable) find(n Network) *networkRow {
	if n.MCC > 999 {
		return nil
	}
	low, high := int(t.mcc[n.MCC].first), int(t.mcc[n.MCC].end)
	for want := n.order(); low < high; {
		middle := int(uint(low+high) / 2)
		switch got := t.list[middle].order(); {
		case got == want:
			return &t.list[middle]
		case got < want:
			low = middle + 1
		default:
			high = middle
		}
	}
	return nil
}

// ParseNetwork reads an MCC and MNC in the notations of carriers: 20810, 208-10, 208,10, 208.10, 208/10, 208 10,
// 208_10, and 20810F with the filler of a three-digit code. The number of digits of the MNC is kept: 208-010 is
// not 208-10.
func ParseNetwork(text []byte) (Network, error) {
	in := trim(text)
	var figures [6]byte
	count := 0
	split := 0
	for i, c := range in {
		switch {
		case digit(c) && count < len(figures):
			figures[count] = c - '0'
			count++
		case digit(c):
			return Network{}, fail("network", text, "more than six digits; an MCC has 3, an MNC 2 or 3")
		case (c == 'F' || c == 'f') && i == len(in)-1 && count == 5:
		case count == 3 && split == 0 && i < len(in)-1 && separator(c):
			split = 3
		case count == 3 && split == 3 && c == ' ':
		default:
			return Network{}, fail("network", text, "not an MCC and MNC such as 20810 or 208-10")
		}
	}
	if count == 4 && split == 3 {
		return joinNetwork(text, number3(figures), uint64(figures[3]), 1)
	}
	if count < 5 {
		return Network{}, fail("network", text, "an MCC has 3 digits and an MNC 2 or 3; if leading zeros were lost, give network(mcc, mnc)")
	}
	n := Network{MCC: uint16(number3(figures)), MNC: uint16(figures[3])*10 + uint16(figures[4]), MNCDigits: uint8(count - 3)}
	if count == 6 {
		n.MNC = n.MNC*10 + uint16(figures[5])
	}
	if n == (Network{MNCDigits: 2}) || n == (Network{MNCDigits: 3}) {
		return Network{}, fail("network", text, "all zeros is not a network")
	}
	return n, nil
}

func number3(figures [6]byte) uint64 {
	return uint64(figures[0])*100 + uint64(figures[1])*10 + uint64(figures[2])
}

func separator(c byte) bool {
	return c == '-' || c == ',' || c == '.' || c == '/' || c == ' ' || c == '_' || c == ':' || c == ';' || c == '|'
}

// ReadNetwork reads an MCC and MNC in one text like ParseNetwork, and restores a zero that was lost in a number
// field: 722-70 is 722-070, if only that network is in the list.
func ReadNetwork(text []byte) (Network, error) {
	n, err := ParseNetwork(text)
	if err == nil && n.shortened() && !n.Known() {
		if three := (Network{n.MCC, n.MNC, 3}); three.Known() {
			return three, nil
		}
	}
	return n, err
}

var _ = declare(Function{
	Name: "network", Family: "network", Params: []Param{text("MCC and MNC")},
	Doc: "A mobile network by MCC and MNC in one text. The number of digits of the MNC matters: 07 and 007 are two " +
		"networks. Zeros that a number field removed are restored if exactly one listed network fits.",
	Suspends: "the text is not an MCC with an MNC of two or three digits, or two listed networks fit it",
	Examples: []Example{
		ex(`network("20810")`, "208-10"), ex(`network("208,10")`, "208-10"), ex(`network("310410")`, "310-410"), ex(`network("214-7")`, "214-07"),
		exFails(`network("2087")`, "MNC 2 or 3")},
}, ReadNetwork)

// shortened reports whether the code may be a three-digit code that lost its zero; a code that begins with 0 was not
// written as a number.
func (n Network) shortened() bool { return n.MNCDigits == 2 && n.MNC >= 10 }

// JoinNetwork reads an MCC and an MNC from two fields. If a spreadsheet or a number field shortened the MNC, its
// leading zeros are restored if exactly one network in the list matches; if two match, the MNC is refused. A
// one-digit MNC that is not in the list is padded to the length that all listed networks of its MCC have.
func JoinNetwork(mcc, mnc []byte) (Network, error) {
	country, code := trim(mcc), trim(mnc)
	m, ok := decimal(country)
	if !ok || len(country) != 3 {
		return Network{}, fail("network", mcc, "a mobile country code has three digits, such as 214")
	}
	n, ok := decimal(code)
	if !ok || len(code) > 3 {
		return Network{}, fail("network", mnc, "a mobile network code has two or three digits, such as 07")
	}
	return joinNetwork(mnc, m, n, len(code))
}

var _ = declare(Function{
	Name: "network", Family: "network",
	Params: []Param{{Name: "mcc", Doc: "mobile country code"}, {Name: "mnc", Doc: "mobile network code"}},
	Doc: "A mobile network by MCC and MNC in two texts; the zeros of an MNC that a number field shortened are restored " +
		"if exactly one listed network fits, and the MNC is refused if two fit.",
	Suspends: "a text is not an MCC or MNC, or two listed networks fit them",
	Examples: []Example{
		ex(`network("722", "70")`, "722-070"), exFails(`network("334", "50")`, "either 334-50 or 334-050"),
		ex(`network("214", "07")`, "214-07"), ex(`network("214", "7")`, "214-07")},
}, JoinNetwork)

func joinNetwork(text []byte, mcc, mnc uint64, digits int) (Network, error) {
	if mcc == 0 && mnc == 0 {
		return Network{}, fail("network", text, "all zeros is not a network")
	}
	if n := (Network{uint16(mcc), uint16(mnc), uint8(digits)}); digits > 1 {
		three := Network{n.MCC, n.MNC, 3}
		switch {
		case !n.shortened() || !three.Known():
			return n, nil
		case !n.Known():
			return three, nil
		}
		return Network{}, fail("network", text, "either "+n.String()+" or "+three.String()+
			" that lost its zero; if the field keeps zeros, write network(concat(mcc, \"-\", mnc))")
	}
	two, three := Network{uint16(mcc), uint16(mnc), 2}, Network{uint16(mcc), uint16(mnc), 3}
	of := networks().mcc[mcc]
	switch {
	case two.Known() && !three.Known(), two.Known() == three.Known() && of.two > 0 && of.three == 0:
		return two, nil
	case three.Known() && !two.Known(), two.Known() == three.Known() && of.three > 0 && of.two == 0:
		return three, nil
	}
	return Network{}, fail("network", text, "the leading zeros of the MNC are missing, and this MCC has networks with two and with "+
		"three digits")
}

// NetworkFromPLMN reads the three octets of a PLMN identity (3GPP TS 24.008 10.5.1.13): 02 F8 01 is 208-10. Some
// vendors swap the nibbles (20 8F 10); for those, use ParseNetworkHex on text.
func NetworkFromPLMN(octets []byte) (Network, error) {
	if len(octets) != 3 {
		return Network{}, fail("plmn", octets, "a PLMN identity has three octets")
	}
	m1, m2, m3 := octets[0]&15, octets[0]>>4, octets[1]&15
	n3, n1, n2 := octets[1]>>4, octets[2]&15, octets[2]>>4
	if m1 > 9 || m2 > 9 || m3 > 9 || n1 > 9 || n2 > 9 || n3 > 9 && n3 != 15 {
		return Network{}, &Error{"plmn", hexed(octets), "a digit is over 9; is this field a PLMN identity in BCD?"}
	}
	n := Network{uint16(m1)*100 + uint16(m2)*10 + uint16(m3), uint16(n1)*10 + uint16(n2), 2}
	if n3 != 15 {
		n.MNC, n.MNCDigits = n.MNC*10+uint16(n3), 3
	}
	return n, nil
}

// ParseNetworkHex reads a PLMN identity written in hexadecimal: 02F801 is 208-10.
func ParseNetworkHex(text []byte) (Network, error) {
	in := trim(text)
	if len(in) == 8 && in[0] == '0' && in[1]|0x20 == 'x' {
		in = in[2:]
	}
	var octets [3]byte
	if len(in) != 6 {
		return Network{}, fail("plmn", text, "a PLMN identity has six hexadecimal digits, such as 02F801")
	}
	for i, c := range in {
		v := nibble(c)
		if v > 15 {
			return Network{}, fail("plmn", text, "a PLMN identity has six hexadecimal digits, such as 02F801")
		}
		octets[i/2] = octets[i/2]<<4 | v
	}
	n, err := NetworkFromPLMN(octets[:])
	if err != nil {
		return Network{}, fail("plmn", text, "a digit is over 9; is this field a PLMN identity in BCD?")
	}
	return n, nil
}

var _ = declare(Function{
	Name: "plmn", Family: "network", Params: []Param{text("six hexadecimal digits")},
	Doc:      "A mobile network by its PLMN identity in hexadecimal (3GPP TS 24.008 10.5.1.13).",
	Suspends: "the text is not a PLMN identity",
	Examples: []Example{ex(`plmn("02F801")`, "208-10"), ex(`plmn("0x130014")`, "310-410"), exFails(`plmn("02F8")`, "plmn")},
}, ParseNetworkHex)

// PLMN returns the three octets of the network's identity.
func (n Network) PLMN() [3]byte {
	third, mnc := byte(15), n.MNC
	if n.MNCDigits == 3 {
		third, mnc = byte(mnc%10), mnc/10
	}
	return [3]byte{byte(n.MCC/10%10)<<4 | byte(n.MCC/100), third<<4 | byte(n.MCC%10), byte(mnc%10)<<4 | byte(mnc/10)}
}

// nibble returns the value of a hexadecimal digit, or a value over 15 for any other character.
func nibble(c byte) byte {
	switch {
	case digit(c):
		return c - '0'
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return c | 0x20 - 'a' + 10
	}
	return 255
}

func hexed(octets []byte) string {
	const figures = "0123456789ABCDEF"
	var out []byte
	for _, o := range octets[:min(len(octets), longestQuoted/2)] {
		out = append(out, figures[o>>4], figures[o&15])
	}
	return string(out)
}
