package rules

import (
	"fmt"
	"time"
	"unsafe"

	"ratemill/normalize"
	"ratemill/udr"
)

// zone is the zone of times that name none.
type zone struct {
	*normalize.Zone
	location *time.Location
}

func loadZone(name string) (*zone, error) {
	z, err := normalize.LoadZone(name)
	if err != nil {
		return nil, err
	}
	location, err := time.LoadLocation(name)
	if err != nil {
		at, perr := time.Parse("-07:00", name)
		if perr != nil {
			return nil, err
		}
		location = at.Location()
	}
	return &zone{z, location}, nil
}

// octetsOf is the text's bytes, without a copy: normalizers read them and keep none.
func octetsOf(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }

// normalizers are the functions that package normalize declares, with what runs each.
func normalizers() []*Function {
	var all []*Function
	for _, d := range normalize.Functions() {
		if d.Name == "absent" {
			continue // it is about any value here
		}
		f := &Function{Name: d.Name, Group: d.Family, Doc: d.Doc, absorbs: true, Result: resultOf(d)}
		if len(d.Examples) > 0 {
			f.Example = d.Examples[0].Expr + " = " + d.Examples[0].Result
		}
		key := d.Name
		for i, p := range d.Params {
			kinds := kindsOf(p.Type)
			if d.Family == "unit" && i == 0 {
				kinds = append(kinds, Int, Decimal)
			}
			f.Params = append(f.Params, Param{Name: p.Name, Kinds: kinds, Optional: p.Optional, Constant: p.Constant, Folded: p.Folded, Default: p.Default, Values: p.Values, Doc: p.Doc})
			if !p.Optional && !p.Constant {
				key += " " + p.Type.String()
			}
		}
		bind, ok := normalizerCalls[key]
		if !ok {
			panic("rules: nothing runs normalize's " + key)
		}
		result := f.Result
		f.bind = func(b *binding) (bound, Type, error) {
			c, err := bind(b)
			return c, result, err
		}
		all = append(all, f)
	}
	all = append(all, &Function{Name: "name", Group: "identifier", Params: []Param{text("text")}, Result: anID, absorbs: true,
		Doc: "An identifier of a SIM that is none of the others: a SIP user, a line, a device.", Example: `name("line-17")`,
		bind: unary(anID, func(_ *Runner, v value) (value, error) {
			if spoilt := normalize.Damaged(octetsOf(v.s)); spoilt != "" {
				return value{}, &normalize.Error{Function: "name", Input: v.s, Reason: spoilt}
			}
			return identifierValue(udr.Name, v.s), nil
		})})
	return all
}

func resultOf(d normalize.Function) Type {
	switch d.Result {
	case normalize.IntType:
		return anInt
	case normalize.BoolType:
		return aBool
	case normalize.TimeType:
		return aTime
	case normalize.PhoneType, normalize.AddressType:
		return aPhone
	case normalize.CountryType:
		return aCountry
	case normalize.NetworkType:
		return aNetwork
	case normalize.IdentifierType:
		return anID
	case normalize.QuantityType:
		if u, ok := udr.ParseUnit(d.Unit); ok {
			return Type{Quantity, u}
		}
		return anInt // milliseconds: no class counts them
	}
	return aText
}

func kindsOf(t normalize.Type) []Kind {
	switch t {
	case normalize.IntType:
		return []Kind{Int}
	case normalize.BoolType:
		return []Kind{Bool}
	case normalize.TimeType:
		return []Kind{Time}
	case normalize.PhoneType, normalize.AddressType:
		return []Kind{Phone}
	case normalize.CountryType:
		return []Kind{Country}
	case normalize.NetworkType:
		return []Kind{Network}
	}
	return []Kind{Text}
}

// appender is what normalize's identifiers are.
type appender interface{ Append([]byte) []byte }

// identifier runs a reader of identifiers; its result is written into the runner's buffer.
func identifier[T appender](kind udr.IDKind, parse func([]byte) (T, error)) func(*binding) (bound, error) {
	return simple(func(r *Runner, v value) (value, error) {
		id, err := parse(octetsOf(v.s))
		if err != nil {
			return value{}, err
		}
		from := len(r.buf)
		r.buf = id.Append(r.buf)
		return identifierValue(kind, r.kept(from)), nil
	})
}

func stringer[T fmt.Stringer](kind udr.IDKind, parse func([]byte) (T, error)) func(*binding) (bound, error) {
	return simple(func(_ *Runner, v value) (value, error) {
		id, err := parse(octetsOf(v.s))
		if err != nil {
			return value{}, err
		}
		return identifierValue(kind, id.String()), nil
	})
}

func simple(call func(*Runner, value) (value, error)) func(*binding) (bound, error) {
	return func(*binding) (bound, error) { return bound{one: call}, nil }
}

func (r *Runner) network(n normalize.Network, err error) (value, error) {
	if err != nil {
		return value{}, err
	}
	from := len(r.buf)
	r.buf = n.Append(r.buf)
	return networkValue(r.kept(from)), nil
}

func (r *Runner) country(c normalize.Country, err error) (value, error) {
	if err != nil {
		return value{}, err
	}
	from := len(r.buf)
	r.buf = c.Append(r.buf)
	return countryValue(r.kept(from)), nil
}

func (r *Runner) phone(n normalize.E164, err error) (value, error) {
	if err != nil {
		return value{}, err
	}
	from := len(r.buf)
	r.buf = n.Append(r.buf)
	return value{kind: Phone, aux: uint8(normalize.PhoneAddress), n: int64(n), s: r.kept(from)}, nil
}

// instant is a time that names its offset, so that no clock can be wrong about it.
func instant(m normalize.Moment, err error) (value, error) {
	return value{kind: Time, n: m.Nano}, err
}

// countryOf is the code of a value that normalize made before, so it is two letters or nothing.
func countryOf(v value) normalize.Country {
	if len(v.s) != 2 {
		return normalize.NoCountry
	}
	return normalize.Country{v.s[0], v.s[1]}
}

// networkOf reads back what Network.Append wrote.
func networkOf(v value) normalize.Network {
	n, _ := normalize.ParseNetwork(octetsOf(v.s))
	return n
}

func describe(of func(value) string) func(*binding) (bound, error) {
	return simple(func(_ *Runner, v value) (value, error) { return textValue(of(v)), nil })
}

var normalizerCalls = map[string]func(*binding) (bound, error){
	"phone text": phoneCall(func(r *Runner, s []byte, o normalize.PhoneOptions) (value, error) {
		return r.phone(r.phones().Parse(s, o))
	}),
	"address text": phoneCall(addressCall),
	"msisdn text":  simple(func(r *Runner, v value) (value, error) { return r.phone(normalize.ParseMSISDN(octetsOf(v.s))) }),
	"sip_user text": simple(func(_ *Runner, v value) (value, error) {
		s, err := normalize.SIPUser(octetsOf(v.s))
		return textValue(string(s)), err
	}),
	"address_kind address": describe(func(v value) string { return normalize.AddressKind(v.aux).String() }),
	"calling_code phone": simple(func(_ *Runner, v value) (value, error) {
		return intValue(int64(normalize.E164(v.n).CallingCode())), nil
	}),

	"country text":           simple(func(r *Runner, v value) (value, error) { return r.country(normalize.ParseCountry(octetsOf(v.s))) }),
	"country network":        simple(func(r *Runner, v value) (value, error) { return r.country(networkOf(v).Country(), nil) }),
	"country phone":          simple(func(r *Runner, v value) (value, error) { return r.country(normalize.E164(v.n).Country(), nil) }),
	"country_name country":   describe(func(v value) string { return countryOf(v).Name() }),
	"country_alpha3 country": describe(func(v value) string { return countryOf(v).Alpha3() }),
	"mcc_country text":       simple(func(r *Runner, v value) (value, error) { return r.country(normalize.CountryByMCC(octetsOf(v.s))) }),
	"calling_country text": simple(func(r *Runner, v value) (value, error) {
		return r.country(normalize.CountryByCallingCode(octetsOf(v.s)))
	}),

	"network text": simple(func(r *Runner, v value) (value, error) { return r.network(normalize.ReadNetwork(octetsOf(v.s))) }),
	"network text text": func(*binding) (bound, error) {
		return bound{many: func(r *Runner, a []value) (value, error) {
			return r.network(normalize.JoinNetwork(octetsOf(a[0].s), octetsOf(a[1].s)))
		}}, nil
	},
	"plmn text":        simple(func(r *Runner, v value) (value, error) { return r.network(normalize.ParseNetworkHex(octetsOf(v.s))) }),
	"unpadded network": simple(func(r *Runner, v value) (value, error) { return r.network(networkOf(v).Unpadded(), nil) }),
	"imsi_network text": simple(func(r *Runner, v value) (value, error) {
		imsi, err := normalize.ParseIMSI(octetsOf(v.s))
		if err != nil {
			return value{}, err
		}
		return r.network(imsi.Network(), nil)
	}),
	"carrier network":  describe(func(v value) string { return networkOf(v).Name() }),
	"carrier phone":    describe(func(v value) string { return normalize.E164(v.n).Carrier() }),
	"operator network": describe(func(v value) string { return networkOf(v).Operator() }),

	"time text":    timeCall,
	"iso8601 text": isoCall,
	"rfc3339 text": simple(func(_ *Runner, v value) (value, error) { return instant(normalize.ParseRFC3339(octetsOf(v.s))) }),
	"epoch text": func(b *binding) (bound, error) {
		unit := map[string]normalize.EpochUnit{"s": normalize.Seconds, "ms": normalize.Milliseconds, "us": normalize.Microseconds, "ns": normalize.Nanoseconds}[b.word(1, "s")]
		return bound{one: func(_ *Runner, v value) (value, error) { return instant(normalize.ParseEpoch(octetsOf(v.s), unit)) }}, nil
	},

	"imsi text":  identifier(udr.IMSI, normalize.ParseIMSI),
	"iccid text": identifier(udr.ICCID, normalize.ParseICCID),
	"imei text":  identifier(udr.IMEI, normalize.ParseIMEI),
	"imei_device text": identifier(udr.IMEI, func(s []byte) (normalize.IMEI, error) {
		i, err := normalize.ParseIMEI(s)
		if err != nil {
			return 0, err
		}
		return i.Device(), nil
	}),
	"eid text":      identifier(udr.EID, normalize.ParseEID),
	"mac text":      identifier(udr.Name, normalize.ParseMAC),
	"uuid text":     identifier(udr.Name, normalize.ParseUUID),
	"ip text":       stringer(udr.Name, normalize.ParseIP),
	"cisco_ip text": stringer(udr.Name, normalize.ParseCiscoIP),
	"tadig text":    stringer(udr.Name, normalize.ParseTADIG),
	"currency text": stringer(udr.Name, normalize.ParseCurrency),
	"minor_units text": simple(func(_ *Runner, v value) (value, error) {
		c, err := normalize.ParseCurrency(octetsOf(v.s))
		if err != nil {
			return value{}, err
		}
		return intValue(int64(c.MinorUnits())), nil
	}),

	"octets text": func(b *binding) (bound, error) {
		unit, err := normalize.ParseDataUnit(b.word(1, "B"))
		if err != nil {
			return bound{}, err
		}
		how, err := normalize.ParseRounding(b.word(2, "exact"))
		return bound{one: func(r *Runner, v value) (value, error) {
			n, err := normalize.Octets(r.digitsOf(v), unit, how)
			return quantityValue(n, udr.Octet), err
		}}, err
	},
	"seconds text":      durationCall(normalize.DurationSeconds, "s", func(n int64) value { return quantityValue(n, udr.Second) }),
	"milliseconds text": durationCall(normalize.DurationMilliseconds, "ms", intValue),
	"comma text": simple(func(r *Runner, v value) (value, error) {
		return r.rewritten(func(dst []byte) ([]byte, error) { return normalize.DecimalComma(dst, octetsOf(v.s)) })
	}),
	"hex text": simple(func(_ *Runner, v value) (value, error) {
		n, err := normalize.Hexadecimal(octetsOf(v.s))
		return intValue(n), err
	}),
	"url_decode text": func(b *binding) (bound, error) {
		form := b.has(1) && b.args[1].value.true()
		return bound{one: func(r *Runner, v value) (value, error) {
			return r.rewritten(func(dst []byte) ([]byte, error) { return normalize.URLDecoded(dst, octetsOf(v.s), form) })
		}}, nil
	},
	"count text": simple(func(r *Runner, v value) (value, error) {
		n, err := normalize.Count(r.digitsOf(v))
		return quantityValue(n, udr.Count), err
	}),
	"unsigned32 text": simple(func(r *Runner, v value) (value, error) {
		n, err := normalize.Unsigned32(r.digitsOf(v))
		return intValue(n), err
	}),
}

// rewritten is a text that a normalizer appends to the runner's buffer.
func (r *Runner) rewritten(appended func([]byte) ([]byte, error)) (value, error) {
	from := len(r.buf)
	buf, err := appended(r.buf)
	r.buf = buf
	if err != nil {
		return value{}, err
	}
	return textValue(r.kept(from)), nil
}

// digitsOf is the text that a unit function reads; a number is written out first.
func (r *Runner) digitsOf(v value) []byte {
	if v.kind == Int || v.kind == Decimal {
		from := len(r.buf)
		r.appendPlain(v)
		return r.buf[from:]
	}
	return octetsOf(v.s)
}

func durationCall(read func([]byte, normalize.DurationUnit, normalize.Rounding) (int64, error), usual string, result func(int64) value) func(*binding) (bound, error) {
	return func(b *binding) (bound, error) {
		unit, err := normalize.ParseDurationUnit(b.word(1, usual))
		if err != nil {
			return bound{}, err
		}
		how, err := normalize.ParseRounding(b.word(2, "up"))
		return bound{one: func(r *Runner, v value) (value, error) {
			n, err := read(r.digitsOf(v), unit, how)
			return result(n), err
		}}, err
	}
}

func phoneCall(read func(*Runner, []byte, normalize.PhoneOptions) (value, error)) func(*binding) (bound, error) {
	return func(b *binding) (bound, error) {
		o := normalize.PhoneOptions{Strip: b.word(3, "")}
		if b.has(2) {
			o.International = b.args[2].value.true()
		}
		switch {
		case !b.has(1):
			return bound{one: func(r *Runner, v value) (value, error) { return read(r, octetsOf(v.s), o) }}, nil
		case b.args[1].constant():
			o.From = countryOf(b.args[1].value)
		}
		return bound{many: func(r *Runner, a []value) (value, error) {
			o := o
			if len(a) > 1 {
				o.From = countryOf(a[1])
			}
			return read(r, octetsOf(a[0].s), o)
		}}, nil
	}
}

func addressCall(r *Runner, s []byte, o normalize.PhoneOptions) (value, error) {
	a, err := r.phones().Address(s, o)
	if err != nil {
		return value{}, err
	}
	if a.Kind == normalize.PhoneAddress {
		return r.phone(a.Phone, nil)
	}
	from := len(r.buf)
	r.buf = append(r.buf, a.Text...)
	return value{kind: Phone, aux: uint8(a.Kind), s: r.kept(from)}, nil
}

// timeOptions reads zone, ambiguous and missing, the parameters from first on.
func (b *binding) timeOptions(first int) (o normalize.TimeOptions, err error) {
	if b.zone != nil {
		o.Zone = b.zone.Zone
	}
	switch {
	case b.zoneColumn(first):
		o.Zone = normalize.UTC // until a record says which
	case b.has(first):
		if o.Zone, err = normalize.LoadZone(b.word(first, "")); err != nil {
			return o, err
		}
	}
	o.Ambiguous = map[string]normalize.Choice{"earlier": normalize.Earlier, "later": normalize.Later, "refuse": normalize.Refuse}[b.word(first+1, "earlier")]
	o.Missing = map[string]normalize.Choice{"shift": normalize.Shift, "refuse": normalize.Refuse}[b.word(first+2, "shift")]
	return o, nil
}

func timeCall(b *binding) (bound, error) {
	o, err := b.timeOptions(2)
	if err != nil {
		return bound{}, err
	}
	layout, err := normalize.CompileLayout(b.word(1, ""), o)
	if err != nil {
		return bound{}, err
	}
	level := b.level()
	if b.zoneColumn(2) {
		return bound{many: func(r *Runner, a []value) (value, error) {
			l, err := r.layoutIn(layout, a[1].s)
			if err != nil {
				return value{}, err
			}
			if !layout.Yearless() {
				m, err := l.Parse(octetsOf(a[0].s))
				return r.moment(level, m, err)
			}
			if r.modified == 0 {
				return value{}, r.noYear(layout)
			}
			m, err := l.ParseNear(octetsOf(a[0].s), r.modified)
			return r.moment(level, m, err)
		}}, nil
	}
	if layout.Yearless() {
		return bound{one: func(r *Runner, v value) (value, error) {
			if r.modified == 0 {
				return value{}, r.noYear(layout)
			}
			m, err := layout.ParseNear(octetsOf(v.s), r.modified)
			return r.moment(level, m, err)
		}}, nil
	}
	return bound{one: func(r *Runner, v value) (value, error) {
		m, err := layout.Parse(octetsOf(v.s))
		return r.moment(level, m, err)
	}}, nil
}

func isoCall(b *binding) (bound, error) {
	o, err := b.timeOptions(1)
	level := b.level()
	if b.zoneColumn(1) {
		return bound{many: func(r *Runner, a []value) (value, error) {
			z, err := r.zone(a[1].s)
			if err != nil {
				return value{}, err
			}
			o := o
			o.Zone = z
			m, err := normalize.ParseISO8601(octetsOf(a[0].s), o)
			return r.moment(level, m, err)
		}}, err
	}
	return bound{one: func(r *Runner, v value) (value, error) {
		m, err := normalize.ParseISO8601(octetsOf(v.s), o)
		return r.moment(level, m, err)
	}}, err
}
