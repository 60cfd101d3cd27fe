package rules

import (
	"fmt"
	"net/netip"
	"time"
	"unsafe"

	"ratemill/normalize"
	"ratemill/udr"
)

// zone returns the time zone for times that contain none.
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

// octetsOf returns the text's bytes without a copy, because normalizers do not keep them.
func octetsOf(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }

// normalizers returns the functions that package normalize declares.
func normalizers() []*Function {
	var all []*Function
	for _, d := range normalize.Functions() {
		f := &Function{Name: d.Name, Group: d.Family, Doc: d.Doc, Suspends: d.Suspends, absorbs: true, Result: resultOf(d)}
		for _, e := range d.Examples {
			if e.Error == "" {
				f.Example = e.Expr + " = " + e.Result
				break
			}
		}
		for _, p := range d.Params {
			kinds := kindsOf(p.Type)
			if p.Number {
				kinds = append(kinds, Int, Decimal)
			}
			f.Params = append(f.Params, Param{Name: p.Name, Kinds: kinds, Optional: p.Optional, Constant: p.Constant, Folded: p.Folded,
				Default: p.Default, Values: p.Values, Doc: p.Doc})
		}
		f.bind = func(b *binding) (bound, Type, error) {
			o := b.options(f)
			run := d.Prepare(o)
			if param, err := o.Err(); err != nil {
				for i, p := range f.Params {
					if p.Name == param {
						b.wrong = i + 1
					}
				}
				return bound{}, f.Result, err
			}
			c, err := boundTo(run, &d, f.Result, b.level(), len(o.Columns) > 0)
			return c, f.Result, err
		}
		all = append(all, f)
	}
	return all
}

// options returns the arguments that are known when the rules are loaded, and the names of the optional ones that are
// not.
func (b *binding) options(f *Function) *normalize.Options {
	o := &normalize.Options{Given: map[string]string{}, Columns: map[string]bool{}}
	if b.zone != nil {
		o.Zone = b.zone.Zone
	}
	for i, p := range f.Params {
		switch {
		case !b.has(i):
		case p.Constant || p.Folded && b.args[i].constant():
			o.Given[p.Name] = b.args[i].value.plain()
		case p.Optional:
			o.Columns[p.Name] = true
		}
	}
	return o
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
		return anInt // milliseconds are an int, because no class counts them
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

// boundTo returns a call of a Go function declared by normalize, according to the function's type. A missing type is
// an error, which the tests of the examples detect. columns means that the record also supplies an option.
func boundTo(run any, d *normalize.Function, typ Type, level int, columns bool) (bound, error) {
	if c := boundToText(run, d, typ, level); c.one != nil {
		return c, nil
	}
	if c := boundToValue(run); c.one != nil {
		return c, nil
	}
	var c bound
	switch f := run.(type) {
	case func(mcc, mnc []byte) (normalize.Network, error):
		return bound{many: func(r *Runner, a []value) (value, error) { return r.network(f(octetsOf(a[0].s), octetsOf(a[1].s))) }}, nil
	case func(*normalize.State, []byte, normalize.Country) (normalize.E164, error):
		c.one = func(r *Runner, v value) (value, error) {
			return r.phone(f(&r.state, octetsOf(v.s), normalize.NoCountry))
		}
		c.many = func(r *Runner, a []value) (value, error) {
			return r.phone(f(&r.state, octetsOf(a[0].s), countryOf(a[1])))
		}
	case func(*normalize.State, []byte, normalize.Country) (normalize.Address, error):
		c.one = func(r *Runner, v value) (value, error) {
			return r.address(f(&r.state, octetsOf(v.s), normalize.NoCountry))
		}
		c.many = func(r *Runner, a []value) (value, error) {
			return r.address(f(&r.state, octetsOf(a[0].s), countryOf(a[1])))
		}
	case func(*normalize.State, []byte, []byte) (normalize.Moment, error):
		c.one = func(r *Runner, v value) (value, error) {
			m, err := f(&r.state, octetsOf(v.s), nil)
			return r.moment(level, m, err)
		}
		c.many = func(r *Runner, a []value) (value, error) {
			m, err := f(&r.state, octetsOf(a[0].s), octetsOf(a[1].s))
			return r.moment(level, m, err)
		}
	default:
		return bound{}, fmt.Errorf("rules cannot call %s: boundTo lacks its type %T", d.Name, run)
	}
	if columns {
		c.one = nil
	} else {
		c.many = nil
	}
	return c, nil
}

// boundToText does the same as boundTo for functions of one text.
func boundToText(run any, d *normalize.Function, typ Type, level int) bound {
	switch f := run.(type) {
	case func([]byte) ([]byte, error):
		return written(Text, 0, func(dst, text []byte) ([]byte, error) {
			answer, err := f(text)
			return append(dst, answer...), err
		})
	case normalize.Appender:
		return written(Text, 0, f)
	case func([]byte) (int64, error):
		return number(f, typ, d.Params[0].Number)
	case func([]byte) (normalize.Moment, error):
		return bound{one: func(r *Runner, v value) (value, error) {
			m, err := f(octetsOf(v.s))
			return r.moment(level, m, err)
		}}
	case func([]byte) (normalize.E164, error):
		return bound{one: func(r *Runner, v value) (value, error) { return r.phone(f(octetsOf(v.s))) }}
	case func([]byte) (normalize.Country, error):
		return bound{one: func(r *Runner, v value) (value, error) { return r.country(f(octetsOf(v.s))) }}
	case func([]byte) (normalize.Network, error):
		return bound{one: func(r *Runner, v value) (value, error) { return r.network(f(octetsOf(v.s))) }}
	case func([]byte) (normalize.IMSI, error):
		return identifier(udr.IMSI, f)
	case func([]byte) (normalize.ICCID, error):
		return identifier(udr.ICCID, f)
	case func([]byte) (normalize.IMEI, error):
		return identifier(udr.IMEI, f)
	case func([]byte) (normalize.EID, error):
		return identifier(udr.EID, f)
	case func([]byte) (normalize.MAC, error):
		return identifier(udr.Name, f)
	case func([]byte) (normalize.UUID, error):
		return identifier(udr.Name, f)
	case func([]byte) (normalize.Name, error):
		return identifier(udr.Name, f)
	case func([]byte) (normalize.TADIG, error):
		return identifier(udr.Name, f)
	case func([]byte) (normalize.Currency, error):
		return identifier(udr.Name, f)
	case func([]byte) (netip.Addr, error):
		return written(Identifier, udr.Name, func(dst, text []byte) ([]byte, error) {
			address, err := f(text)
			return address.AppendTo(dst), err
		})
	}
	return bound{}
}

// boundToValue does the same as boundTo for functions of a normalized value, which cannot fail.
func boundToValue(run any) bound {
	switch f := run.(type) {
	case func(normalize.E164) int:
		return bound{one: func(_ *Runner, v value) (value, error) { return intValue(int64(f(normalize.E164(v.n)))), nil }}
	case func(normalize.E164) string:
		return bound{one: func(_ *Runner, v value) (value, error) { return textValue(f(normalize.E164(v.n))), nil }}
	case func(normalize.E164) normalize.Country:
		return bound{one: func(r *Runner, v value) (value, error) { return r.country(f(normalize.E164(v.n)), nil) }}
	case func(normalize.AddressKind) string:
		return bound{one: func(_ *Runner, v value) (value, error) { return textValue(f(normalize.AddressKind(v.aux))), nil }}
	case func(normalize.Country) string:
		return bound{one: func(_ *Runner, v value) (value, error) { return textValue(f(countryOf(v))), nil }}
	case func(normalize.Network) string:
		return bound{one: func(_ *Runner, v value) (value, error) { return textValue(f(networkOf(v))), nil }}
	case func(normalize.Network) normalize.Country:
		return bound{one: func(r *Runner, v value) (value, error) { return r.country(f(networkOf(v)), nil) }}
	case func(normalize.Network) normalize.Network:
		return bound{one: func(r *Runner, v value) (value, error) { return r.network(f(networkOf(v)), nil) }}
	}
	return bound{}
}

// number returns a call whose result is an int or a quantity; numbers means that it also accepts a number, as
// text.
func number(f func([]byte) (int64, error), typ Type, numbers bool) bound {
	kind, unit := typ.Kind, uint8(typ.Unit)
	if !numbers {
		return bound{one: func(_ *Runner, v value) (value, error) {
			n, err := f(octetsOf(v.s))
			return value{kind: kind, aux: unit, n: n}, err
		}}
	}
	return bound{one: func(r *Runner, v value) (value, error) {
		n, err := f(r.digitsOf(v))
		return value{kind: kind, aux: unit, n: n}, err
	}}
}

// written returns a call whose result is written into the runner's buffer.
func written(kind Kind, id udr.IDKind, appended normalize.Appender) bound {
	return bound{one: func(r *Runner, v value) (value, error) {
		from := len(r.buf)
		buf, err := appended(r.buf, octetsOf(v.s))
		r.buf = buf
		if err != nil {
			return value{}, err
		}
		return value{kind: kind, aux: uint8(id), s: r.kept(from)}, nil
	}}
}

// identifier returns a call that reads an identifier, which is written into the runner's buffer.
func identifier[T interface{ Append([]byte) []byte }](kind udr.IDKind, parse func([]byte) (T, error)) bound {
	return bound{one: func(r *Runner, v value) (value, error) {
		id, err := parse(octetsOf(v.s))
		if err != nil {
			return value{}, err
		}
		from := len(r.buf)
		r.buf = id.Append(r.buf)
		return identifierValue(kind, r.kept(from)), nil
	}}
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

func (r *Runner) address(a normalize.Address, err error) (value, error) {
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

// countryOf reads the country code in a normalized value, which has two letters or none.
func countryOf(v value) normalize.Country {
	if len(v.s) != 2 {
		return normalize.NoCountry
	}
	return normalize.Country{v.s[0], v.s[1]}
}

// networkOf parses the text that Network.Append wrote.
func networkOf(v value) normalize.Network {
	n, _ := normalize.ParseNetwork(octetsOf(v.s))
	return n
}

// digitsOf returns the text for a unit function; a number is converted to text first.
func (r *Runner) digitsOf(v value) []byte {
	if v.kind == Int || v.kind == Decimal {
		from := len(r.buf)
		r.appendPlain(v)
		return r.buf[from:]
	}
	return octetsOf(v.s)
}
