package generate

// The identifiers of a SIM follow from its number.

// appendIMSI appends the home network and ten digits.
func (c *carrier) appendIMSI(dst []byte, sim int) []byte {
	return appendDigits(append(dst, c.home...), int64(sim)+1, 15-len(c.home))
}

// appendICCID appends 19 digits: 89, the country, the carrier, the number, and the check digit of ITU-T E.118.
func (c *carrier) appendICCID(dst []byte, sim int) []byte {
	at := len(dst)
	dst = append(append(append(dst, "89"...), c.calling...), c.home[3:]...)
	dst = appendDigits(dst, int64(sim)+1, 18-(len(dst)-at))
	return append(dst, luhn(dst[at:]))
}

// appendMSISDN appends a number of the carrier's country.
func (c *carrier) appendMSISDN(dst []byte, sim int) []byte {
	dst = append(append(dst, c.calling...), c.mobile...)
	return appendDigits(dst, int64(sim)%mostSIMs, 8)
}

// appendIMEI appends the device: one of a few types, the number, the check digit.
func appendIMEI(dst []byte, sim int) []byte {
	at := len(dst)
	dst = appendDigits(append(dst, "35"...), 100_000+int64(sim%7)*13_577, 6)
	dst = appendDigits(dst, int64(sim)%1_000_000, 6)
	return append(dst, luhn(dst[at:]))
}

// luhn returns the check digit of ISO/IEC 7812-1.
func luhn(digits []byte) byte {
	sum := 0
	for i := range digits {
		d := int(digits[len(digits)-1-i] - '0')
		if i&1 == 0 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return byte('0' + (10-sum%10)%10)
}

// appendNumber appends a mobile number without its calling code.
func (n *network) appendNumber(dst []byte, word uint64) []byte {
	limit := int64(1)
	for range n.rest {
		limit *= 10
	}
	return appendDigits(append(dst, n.mobile...), int64(within(word, int(limit))), n.rest)
}

// appendPeer appends the other party in the notation of switches: international with + or 00, national, or
// sometimes a short code; for messages to a SIM also a name. A device talks to a few numbers, mostly to one of
// them.
func appendPeer(dst []byte, u *usage, r *random) []byte {
	w := r.next()
	at := u.network
	number := mix(uint64(u.sim)<<3 | uint64(skewed(mix(w), 6, 3)))
	switch form := w & 15; {
	case u.class == smsMT && form < 6:
		return append(dst, senders[within(w, len(senders))]...)
	case u.class == smsMO && form < 4:
		return append(dst, "22122"...)
	case form < 9 && (at.country == "ES" || at.country == "PT" || at.country == "NO" || at.country == "DK"):
		return at.appendNumber(dst, number) // these have no trunk prefix
	case form == 15:
		at = anyNetwork(mix(w))
		fallthrough
	case form&1 == 0 || at.abroad != "00":
		dst = append(dst, '+')
	default:
		dst = append(dst, at.abroad...)
	}
	return at.appendNumber(append(dst, at.calling...), number)
}

// appendHex appends a word as 16 hexadecimal digits.
func appendHex(dst []byte, word uint64) []byte {
	const digits = "0123456789abcdef"
	for shift := 60; shift >= 0; shift -= 4 {
		dst = append(dst, digits[word>>shift&15])
	}
	return dst
}
