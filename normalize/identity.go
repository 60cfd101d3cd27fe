package normalize

import "strconv"

// numberBits is the number of low bits of a packed identifier that contain its number (up to 18 digits); the bits
// above contain the count of its digits. Equal texts are packed to equal values, and the empty text to zero.
const numberBits = 60

func packed(number uint64, length int) uint64 { return number | uint64(length-13)<<numberBits }

func unpacked(value uint64) (number uint64, length int) {
	return value & (1<<numberBits - 1), int(value>>numberBits) + 13
}

// IMSI identifies a subscription: 14 or 15 digits (3GPP TS 23.003 2.2), including leading zeros. It is
// comparable, so it can be a map key; its uint64 is not the number.
type IMSI uint64

// ParseIMSI reads an IMSI, with blanks and dashes between digits, or with the TBCD filler F after them.
func ParseIMSI(text []byte) (IMSI, error) {
	number, length, reason := identityDigits(text, 15)
	if reason == "" && length < 14 {
		reason = "an IMSI has 14 or 15 digits"
	}
	if reason != "" {
		return 0, fail("imsi", text, reason)
	}
	return IMSI(packed(number, length)), nil
}

var _ = declare(Function{
	Name: "imsi", Family: "identifier", Params: []Param{text("14 or 15 digits")},
	Doc:      "An IMSI; leading zeros are kept.",
	Suspends: "the text is not 14 or 15 digits",
	Examples: []Example{ex(`imsi("001010000000001")`, "001010000000001"), exFails(`imsi("2140700")`, "14 or 15")},
}, ParseIMSI)

var _ = declare(Function{
	Name: "imsi_network", Family: "identifier", Params: []Param{text("an IMSI")},
	Doc:      "The home network of an IMSI.",
	Suspends: "the text is not an IMSI",
	Examples: []Example{
		ex(`imsi_network("214070000000001")`, "214-07"), ex(`imsi_network("310410123456789")`, "310-410"),
		exFails(`imsi_network("2140700")`, "14 or 15")},
}, func(text []byte) (Network, error) {
	i, err := ParseIMSI(text)
	if err != nil {
		return Network{}, err
	}
	return i.Network(), nil
})

// Append appends the digits.
func (i IMSI) Append(dst []byte) []byte { return appendPacked(dst, uint64(i)) }

func (i IMSI) String() string { return string(i.Append(nil)) }

// MCC returns the mobile country code with which the IMSI begins.
func (i IMSI) MCC() uint16 {
	number, length := unpacked(uint64(i))
	for ; length > 3; length-- {
		number /= 10
	}
	return uint16(number)
}

// Network returns the home network. The digits do not show whether the MNC has two or three digits, so Network
// tries both and chooses a listed network. It tries two digits first, unless most networks of the country have
// three.
func (i IMSI) Network() Network {
	number, length := unpacked(uint64(i))
	for ; length > 6; length-- {
		number /= 10
	}
	mcc := uint16(number / 1000)
	two, three := Network{mcc, uint16(number / 10 % 100), 2}, Network{mcc, uint16(number % 1000), 3}
	of := networks().mcc[mcc%1000]
	if of.three > of.two {
		if three.Known() || !two.Known() {
			return three
		}
		return two
	}
	if two.Known() || !three.Known() {
		return two
	}
	return three
}

// IMEI identifies a device: 14 digits (without check digit), 15, or 16 with the software version (IMEISV).
type IMEI uint64

// ParseIMEI reads an IMEI or IMEISV. The check digit of 15 digits must be correct, or 0, which networks send in its
// place (3GPP TS 23.003 6.2.1).
func ParseIMEI(text []byte) (IMEI, error) {
	number, length, reason := identityDigits(text, 16)
	switch {
	case reason != "":
	case length < 14:
		reason = "an IMEI has 14, 15 or 16 digits"
	case number < 100 && length-14 >= len(strconv.FormatUint(number, 10)):
		reason = "all zeros identify nothing"
	case length == 15 && number%10 != 0 && !luhn(number):
		reason = "the check digit is wrong"
	}
	if reason != "" {
		return 0, fail("imei", text, reason)
	}
	return IMEI(packed(number, length)), nil
}

var _ = declare(Function{
	Name: "imei", Family: "identifier", Params: []Param{text("14, 15 or 16 digits")},
	Doc:      "The number of a device; a check digit must be right or 0.",
	Suspends: "the text is not 14 to 16 digits, or the check digit is wrong",
	Examples: []Example{ex(`imei("490154203237518")`, "490154203237518"), exFails(`imei("490154203237519")`, "check digit")},
}, ParseIMEI)

// Append appends the digits.
func (i IMEI) Append(dst []byte) []byte { return appendPacked(dst, uint64(i)) }

func (i IMEI) String() string { return string(i.Append(nil)) }

// Device returns the 14 digits that identify the device, without check digit or software version, followed by the
// correct check digit, so that all notations of one device give the same result.
func (i IMEI) Device() IMEI {
	number, length := unpacked(uint64(i))
	for ; length > 14; length-- {
		number /= 10
	}
	return IMEI(packed(number*10+checkDigit(number), 15))
}

var _ = declare(Function{
	Name: "imei_device", Family: "identifier", Params: []Param{text("an IMEI or IMEISV")},
	Doc:      "Number of the device alone, with its check digit, so that all notations of one device are equal.",
	Suspends: "the text is not an IMEI",
	Examples: []Example{ex(`imei_device("4901542032375101")`, "490154203237518"), exFails(`imei_device("490154203237519")`, "check digit")},
}, func(text []byte) (IMEI, error) {
	i, err := ParseIMEI(text)
	if err != nil {
		return 0, err
	}
	return i.Device(), nil
})

// TAC returns the type allocation code, which is the first eight digits and identifies the model.
func (i IMEI) TAC() uint32 {
	number, length := unpacked(uint64(i))
	for ; length > 8; length-- {
		number /= 10
	}
	return uint32(number)
}

// ICCID identifies a SIM card: 18 to 20 digits that begin with 89 (ITU-T E.118). It keeps the digits after the 89 and
// their number, so the text can be restored.
type ICCID uint64

// ParseICCID reads an ICCID, with blanks and dashes between digits, or with the filler F after them. The check digit is
// not verified, because many systems omit it; see ICCID.Checked.
func ParseICCID(text []byte) (ICCID, error) {
	in := trim(text)
	if len(in) < 2 || in[0] != '8' || in[1] != '9' {
		return 0, fail("iccid", text, "an ICCID begins with 89")
	}
	number, length, reason := identityDigits(in[2:], 18)
	if reason == "" && length < 16 {
		reason = "an ICCID has 18 to 20 digits"
	}
	if reason != "" {
		return 0, fail("iccid", text, reason)
	}
	return ICCID(packed(number, length)), nil
}

var _ = declare(Function{
	Name: "iccid", Family: "identifier", Params: []Param{text("18 to 20 digits that begin with 89")},
	Doc:      "The number of a SIM card. The filler F is dropped; the check digit is not verified.",
	Suspends: "the text is not 18 to 20 digits that begin with 89",
	Examples: []Example{
		ex(`iccid("8934071100000000017F")`, "8934071100000000017"), exFails(`iccid("123456789012345678")`, "begins with 89")},
}, ParseICCID)

// Append appends the digits.
func (i ICCID) Append(dst []byte) []byte {
	if i == 0 {
		return dst
	}
	return appendPacked(append(dst, "89"...), uint64(i))
}

func (i ICCID) String() string { return string(i.Append(nil)) }

// Checked reports whether the last digit is the right check digit (Luhn).
func (i ICCID) Checked() bool {
	number, length := unpacked(uint64(i))
	sum := luhnSum(number, false)
	for at, d := range [2]uint64{8, 9} {
		if (length+1-at)%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return sum%10 == 0
}

// EID identifies an embedded SIM: 32 digits (GSMA SGP.02 2.2.2).
type EID struct{ high, low uint64 }

// ParseEID reads an EID and verifies its two check digits: the whole number modulo 97 is 1 (ISO 7064).
func ParseEID(text []byte) (EID, error) {
	var figures [32]byte
	count := 0
	for _, c := range trim(text) {
		switch {
		case digit(c) && count < 32:
			figures[count] = c
			count++
		case c == ' ' || c == '-':
		default:
			return EID{}, fail("eid", text, "an EID has 32 digits")
		}
	}
	if count != 32 {
		return EID{}, fail("eid", text, "an EID has 32 digits")
	}
	high, _ := decimal(figures[:16])
	low, _ := decimal(figures[16:])
	modulo := (high%97*(10_000_000_000_000_000%97) + low%97) % 97
	if modulo != 1 {
		return EID{}, fail("eid", text, "the check digits are wrong")
	}
	return EID{high, low}, nil
}

var _ = declare(Function{
	Name: "eid", Family: "identifier", Params: []Param{text("32 digits")},
	Doc:      "The number of an embedded SIM; its check digits must be right.",
	Suspends: "the text is not 32 digits, or the check digits are wrong",
	Examples: []Example{
		ex(`eid("89001012012341234012345678901224")`, "89001012012341234012345678901224"), exFails(`eid("89001012012341234012345678901225")`,
			"check digits")},
}, ParseEID)

// Append appends the 32 digits.
func (e EID) Append(dst []byte) []byte {
	if e == (EID{}) {
		return dst
	}
	return appendPadded(appendPadded(dst, e.high, 16), e.low, 16)
}

func (e EID) String() string { return string(e.Append(nil)) }

// identityDigits reads digits between blanks and dashes, with one filler after them.
func identityDigits(text []byte, most int) (number uint64, length int, reason string) {
	in := trim(text)
	if n := len(in); n > 1 && (in[n-1] == 'F' || in[n-1] == 'f') {
		in = in[:n-1]
	}
	for _, c := range in {
		switch {
		case digit(c) && length < most:
			number = number*10 + uint64(c-'0')
			length++
		case digit(c):
			return 0, 0, "too many digits"
		case c != ' ' && c != '-' || length == 0:
			return 0, 0, "contains something other than digits"
		}
	}
	if length == 0 {
		return 0, 0, "empty; test absent(…) first if the field may be empty"
	}
	if number == 0 {
		return 0, 0, "all zeros identify nothing"
	}
	return number, length, ""
}

func appendPacked(dst []byte, value uint64) []byte {
	if value == 0 {
		return dst
	}
	number, length := unpacked(value)
	return appendPadded(dst, number, length)
}

// luhn reports whether the last digit is the check digit of those before it (ISO/IEC 7812-1 annex B).
func luhn(number uint64) bool { return luhnSum(number, false)%10 == 0 }

func checkDigit(number uint64) uint64 { return (10 - luhnSum(number, true)%10) % 10 }

func luhnSum(number uint64, double bool) uint64 {
	var sum uint64
	for ; number > 0; number /= 10 {
		d := number % 10
		if double {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
		double = !double
	}
	return sum
}

// MAC is a hardware address of 48 bits.
type MAC [6]byte

// ParseMAC reads 00:1b:44:11:3a:b7, 00-1B-44-11-3A-B7, 001b.4411.3ab7 and 001b44113ab7.
func ParseMAC(text []byte) (MAC, error) {
	const reason = "a MAC address has twelve hexadecimal digits, such as 00:1b:44:11:3a:b7"
	var m MAC
	in := trim(text)
	every := 12
	switch len(in) {
	case 12:
	case 14:
		every = 4
	case 17:
		every = 2
	default:
		return MAC{}, fail("mac", text, reason)
	}
	count := 0
	for i, c := range in {
		if every < 12 && i%(every+1) == every {
			if c != in[every] || c != ':' && c != '-' && c != '.' {
				return MAC{}, fail("mac", text, reason)
			}
			continue
		}
		v := nibble(c)
		if v > 15 || count == 12 {
			return MAC{}, fail("mac", text, reason)
		}
		m[count/2] = m[count/2]<<4 | v
		count++
	}
	if count != 12 {
		return MAC{}, fail("mac", text, reason)
	}
	return m, nil
}

var _ = declare(Function{
	Name: "mac", Family: "identifier", Params: []Param{text("a hardware address")},
	Doc:      "A MAC address of 48 bits.",
	Suspends: "the text is not a MAC address",
	Examples: []Example{ex(`mac("001B.4411.3AB7")`, "00:1b:44:11:3a:b7"), exFails(`mac("001B")`, "mac")},
}, ParseMAC)

// Append appends the address as 00:1b:44:11:3a:b7.
func (m MAC) Append(dst []byte) []byte {
	for i, octet := range m {
		if i > 0 {
			dst = append(dst, ':')
		}
		dst = append(dst, lowerHex[octet>>4], lowerHex[octet&15])
	}
	return dst
}

func (m MAC) String() string { return string(m.Append(nil)) }

const lowerHex = "0123456789abcdef"

// UUID is a 128-bit identifier.
type UUID [16]byte

// ParseUUID reads the form of RFC 9562, in upper or lower case, with braces, with urn:uuid: before it, or
// without dashes.
func ParseUUID(text []byte) (UUID, error) {
	const reason = "a UUID has 32 hexadecimal digits, such as 0b4d3cf2-3f6c-4c1e-9a52-8f5b1a2c3d4e"
	in := trim(text)
	if len(in) > 9 && equalFold(in[:9], "urn:uuid:") {
		in = in[9:]
	}
	if len(in) == 38 && in[0] == '{' && in[37] == '}' {
		in = in[1:37]
	}
	var u UUID
	if len(in) != 36 && len(in) != 32 {
		return UUID{}, fail("uuid", text, reason)
	}
	count := 0
	for i, c := range in {
		if len(in) == 36 && (i == 8 || i == 13 || i == 18 || i == 23) {
			if c != '-' {
				return UUID{}, fail("uuid", text, reason)
			}
			continue
		}
		v := nibble(c)
		if v > 15 {
			return UUID{}, fail("uuid", text, reason)
		}
		u[count/2] = u[count/2]<<4 | v
		count++
	}
	return u, nil
}

var _ = declare(Function{
	Name: "uuid", Family: "identifier", Params: []Param{text("a UUID")},
	Doc:      "A UUID in lower case with dashes.",
	Suspends: "the text is not a UUID",
	Examples: []Example{
		ex(`uuid("{0B4D3CF2-3F6C-4C1E-9A52-8F5B1A2C3D4E}")`, "0b4d3cf2-3f6c-4c1e-9a52-8f5b1a2c3d4e"), exFails(`uuid("0B4D3CF2")`, "uuid")},
}, ParseUUID)

// Append appends the UUID in lower case with dashes.
func (u UUID) Append(dst []byte) []byte {
	for i, octet := range u {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			dst = append(dst, '-')
		}
		dst = append(dst, lowerHex[octet>>4], lowerHex[octet&15])
	}
	return dst
}

func (u UUID) String() string { return string(u.Append(nil)) }

// Name is any other identifier of a SIM, in its original spelling. It points into its input.
type Name []byte

func (n Name) String() string { return string(n) }

// Append appends the name.
func (n Name) Append(dst []byte) []byte { return append(dst, n...) }

// ParseName refuses only texts that a spreadsheet damaged.
func ParseName(text []byte) (Name, error) {
	if spoilt := Damaged(text); spoilt != "" {
		return nil, &Error{Function: "name", Input: quoted(text), Reason: spoilt}
	}
	return Name(text), nil
}

var _ = declare(Function{
	Name: "name", Family: "identifier", Params: []Param{text("text that distinguishes SIMs")},
	Doc:      "An identifier of a SIM that is none of the other kinds: a SIP user, a line, a device.",
	Suspends: "the text was damaged by a spreadsheet (8.934E+18, #REF!)",
	Examples: []Example{ex(`name("line-17")`, "line-17"), exFails(`name("#REF!")`, "spreadsheet")},
}, ParseName)
