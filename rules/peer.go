package rules

import "ratemill/normalize"

// peer reads a text that is set as the peer in the same way as address(…): a complete phone number (+34…, 0034…, or a
// SIP or tel URI with one) is stored as a number with its country, and a text damaged by a spreadsheet is refused
// unless the field keeps its text. Everything else stays a short code or a name, because without a country the digits
// belong to no numbering plan.
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
