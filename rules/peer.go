package rules

import "ratemill/normalize"

// peer reads a text that is set as the peer as address(…) would: what is a phone number in itself (+34…, 0034…, a SIP or
// tel URI of one) becomes one, with its country; what a spreadsheet spoilt is refused unless the field keeps its text.
// Everything else is a short code or a name, as it is: without a country nobody knows whose the digits are.
func (r *Runner) peer(s *assignment, v value) value {
	text := octetsOf(v.s)
	switch c := text[0]; {
	case c == '+', c == '0', c|0x20 == 's', c|0x20 == 't', c == '<', c == '"', c == ' ':
		if a, err := r.state.Phones().Address(text, normalize.PhoneOptions{}); err == nil && a.Kind == normalize.PhoneAddress {
			v, _ = r.phone(a.Phone, nil)
			return v
		}
	}
	if spoilt := normalize.Damaged(text); spoilt != "" && s.note == 0 {
		r.fail(s.expr.top, s.name+" is "+v.s+": "+spoilt)
	}
	return v
}
