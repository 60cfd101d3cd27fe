package normalize

import (
	"net/netip"
)

// ParseIP reads an IPv4 or IPv6 address. An IPv4 address within an IPv6 address (::ffff:10.0.0.1) is returned as
// IPv4; a port, a prefix length or a zone is refused.
func ParseIP(text []byte) (netip.Addr, error) {
	in := trim(text)
	if a, ok := ipv4(in); ok {
		return a, nil
	}
	if len(in) <= 45 {
		zoned := false
		for _, c := range in {
			zoned = zoned || c == '%'
		}
		if a, err := netip.ParseAddr(string(in)); err == nil && !zoned {
			return a.Unmap(), nil
		}
	}
	return netip.Addr{}, fail("ip", text, "not an IPv4 or IPv6 address")
}

var _ = declare(Function{
	Name: "ip", Family: "identifier", Params: []Param{text("an IPv4 or IPv6 address")},
	Doc:      "An address of the Internet Protocol, in its canonical form.",
	Suspends: "the text is not an IP address",
	Examples: []Example{ex(`ip("10.0.0.1")`, "10.0.0.1"), ex(`ip("2001:DB8:0::1")`, "2001:db8::1"), exFails(`ip("10.0.0")`, "ip")},
}, ParseIP)

// ipv4 reads the common form without allocating a string.
func ipv4(in []byte) (netip.Addr, bool) {
	if len(in) < 7 || len(in) > 15 {
		return netip.Addr{}, false
	}
	var octets [4]byte
	n, at, length := 0, 0, 0
	for _, c := range in {
		switch {
		case digit(c):
			if length > 0 && n == 0 {
				return netip.Addr{}, false // a leading zero, which some programs take for octal
			}
			n = n*10 + int(c-'0')
			if length++; n > 255 {
				return netip.Addr{}, false
			}
		case c == '.' && length > 0 && at < 3:
			octets[at] = byte(n)
			n, length = 0, 0
			at++
		default:
			return netip.Addr{}, false
		}
	}
	if at != 3 || length == 0 {
		return netip.Addr{}, false
	}
	octets[3] = byte(n)
	return netip.AddrFrom4(octets), true
}

// ParseCiscoIP reads an IPv4 address as Cisco Unified CM writes it into its records: the four octets, the first one
// lowest, as a signed 32-bit number. -1139627840 is 192.168.18.188. Zero is not an address.
func ParseCiscoIP(text []byte) (netip.Addr, error) {
	n, err := Unsigned32(text)
	if err != nil {
		return netip.Addr{}, fail("cisco_ip", text, "not a 32-bit number such as -1139627840")
	}
	if n == 0 {
		return netip.Addr{}, fail("cisco_ip", text, "0 means no address; test absent(…) or == \"0\" first")
	}
	return netip.AddrFrom4([4]byte{byte(n), byte(n >> 8), byte(n >> 16), byte(n >> 24)}), nil
}

var _ = declare(Function{
	Name: "cisco_ip", Family: "identifier", Params: []Param{text("a signed number")},
	Doc:      "An IPv4 address as Cisco Unified CM writes it: a signed little-endian number.",
	Suspends: "the text is not a number of 32 bits",
	Examples: []Example{ex(`cisco_ip("-1139627840")`, "192.168.18.188"), exFails(`cisco_ip("10.0.0.1")`, "cisco_ip")},
}, ParseCiscoIP)
