package rating

import (
	"math"
	"strings"
	"time"

	"ratemill/decimal"
	"ratemill/diag"
	"ratemill/normalize"
	"ratemill/udr"
)

// anyUnit is the unit of literals that fit every class: a zero, or the price free.
const anyUnit udr.Unit = 255

func unitName(u udr.Unit) string {
	switch u {
	case udr.Count:
		return "single events"
	case anyUnit:
		return "anything"
	}
	return u.String()
}

var unitNames = []struct {
	name   string
	unit   udr.Unit
	factor int64
}{
	{"B", udr.Octet, 1}, {"kB", udr.Octet, 1e3}, {"MB", udr.Octet, 1e6}, {"GB", udr.Octet, 1e9}, {"TB", udr.Octet, 1e12},
	{"KiB", udr.Octet, 1 << 10}, {"MiB", udr.Octet, 1 << 20}, {"GiB", udr.Octet, 1 << 30}, {"TiB", udr.Octet, 1 << 40},
	{"s", udr.Second, 1}, {"min", udr.Second, 60}, {"h", udr.Second, 3600},
	{"message", udr.Count, 1}, {"messages", udr.Count, 1},
}

// maxQuantity bounds a record's quantity and the quantities in the catalogue: an exabyte is more than any usage, and
// sums of millions of them fit a counter.
const maxQuantity = 1 << 60

// quantity is a number of base units, such as 100 kB, 60 s, 1.
type quantity struct {
	value int64
	unit  udr.Unit
	pos   diag.Pos
}

func (q *quantity) UnmarshalNode(n *diag.Node, d *diag.Decoder) {
	q.pos = n.Pos
	if !d.Want(n, diag.Scalar, "a quantity") {
		return
	}
	q.value, q.unit = parseQuantity(n.Text, n.Pos, &d.List)
}

func parseQuantity(text string, at diag.Pos, l *diag.List) (int64, udr.Unit) {
	number, name := text, ""
	if i := strings.IndexFunc(text, func(r rune) bool { return r != '_' && r != '.' && (r < '0' || r > '9') }); i >= 0 {
		number, name = text[:i], strings.TrimSpace(text[i:])
	}
	unit, factor := udr.Count, int64(1)
	if name != "" {
		var names []string
		found := false
		for _, u := range unitNames {
			names = append(names, u.name)
			if u.name == name {
				unit, factor, found = u.unit, u.factor, true
			}
		}
		if !found {
			hint := diag.Suggest(name, names)
			if hint == "" {
				hint = "; units are " + strings.Join(names, ", ")
			}
			l.Errorf(at, "%q is not a quantity: %q is not a unit%s", text, name, hint)
			return 0, anyUnit
		}
	}
	d, err := decimal.Parse(strings.ReplaceAll(number, "_", ""))
	if err != nil {
		l.Errorf(at, "%q is not a quantity: write a number and a unit, as in 100 kB, 60 s or 1", text)
		return 0, anyUnit
	}
	product, err := d.Mul(decimal.FromInt(factor))
	value, whole := product.Int64()
	if err != nil || !whole || value > maxQuantity {
		l.Errorf(at, "%q is not a whole number of base units up to %d", text, int64(maxQuantity))
		return 0, anyUnit
	}
	if value == 0 && name == "" {
		unit = anyUnit
	}
	return value, unit
}

// priceText is a price for a number of units: 0.02 / 1 MB, 0.005, free.
type priceText struct {
	price decimal.D
	per   int64
	unit  udr.Unit
	text  string
	pos   diag.Pos
}

func (p *priceText) UnmarshalNode(n *diag.Node, d *diag.Decoder) {
	p.pos, p.text, p.per, p.unit = n.Pos, n.Text, 1, anyUnit
	if !d.Want(n, diag.Scalar, "a price") || n.Text == "free" {
		return
	}
	amount, per, hasPer := strings.Cut(n.Text, "/")
	p.price = money(strings.TrimSpace(amount), n.Pos, &d.List)
	p.unit = udr.Count
	if hasPer {
		per = strings.TrimSpace(per)
		if per != "" && (per[0] < '0' || per[0] > '9') {
			per = "1 " + per
		}
		p.per, p.unit = parseQuantity(per, n.Pos, &d.List)
		if p.per <= 0 || p.per > 1<<50 {
			d.Errorf(n.Pos, "price %q is per %d units; it must be per 1 to %d", n.Text, p.per, int64(1)<<50)
			p.per = 1
		}
	} else if p.price.IsZero() {
		p.unit = anyUnit
	}
}

// money reads an amount of 0 or more.
func money(text string, at diag.Pos, l *diag.List) decimal.D {
	d, err := decimal.Parse(strings.ReplaceAll(text, "_", ""))
	if err != nil {
		l.Errorf(at, "%v; write an amount such as 0.02, or 0.02 / 1 MB for a price", err)
		return decimal.Zero
	}
	if d.Sign() < 0 {
		l.Errorf(at, "%s is negative; amounts of the catalogue are 0 or more", text)
		return decimal.Zero
	}
	return d
}

// moneyText is an amount with its currency: 100 EUR.
type moneyText struct {
	amount   decimal.D
	currency string
	pos      diag.Pos
}

func (m *moneyText) UnmarshalNode(n *diag.Node, d *diag.Decoder) {
	m.pos = n.Pos
	if !d.Want(n, diag.Scalar, "an amount") {
		return
	}
	amount, currency, ok := strings.Cut(n.Text, " ")
	if !ok || currency == "" {
		d.Errorf(n.Pos, "%q is not an amount with a currency; write it as 100 EUR", n.Text)
		return
	}
	m.amount, m.currency = money(amount, n.Pos, &d.List), currency
}

// currency refuses currencies that the registry refuses for an account. Lower-case letters are refused too, because a
// charge shows the plan's spelling.
func (c *compiler) currency(code string, at diag.Pos) {
	if known, err := normalize.ParseCurrency([]byte(code)); err != nil || known.String() != code {
		c.refuse(at, "currency %s is unknown: write a code of ISO 4217 such as EUR", code)
	}
}

// increments are the units to which a quantity is rounded up.
type increments struct {
	initial, then int64
	unit          udr.Unit
	pos           diag.Pos
	given         bool
}

// incrementsDoc is the long form of increments.
type incrementsDoc struct {
	Initial quantity `yaml:"initial,required" doc:"The first step: a smaller quantity counts as this one." example:"60 s"`
	Then    quantity `yaml:"then,required" doc:"The steps after the first." example:"1 s"`
}

func (i *increments) UnmarshalNode(n *diag.Node, d *diag.Decoder) {
	var doc incrementsDoc
	before := d.Errors()
	if n.Kind == diag.Mapping {
		d.Decode(n, &doc)
	} else {
		d.Decode(n, &doc.Initial)
		doc.Then = doc.Initial
	}
	if doc.Initial.unit != doc.Then.unit && d.Errors() == before {
		d.Errorf(n.Pos, "initial and then have different units")
	}
	*i = increments{doc.Initial.value, doc.Then.value, doc.Initial.unit, n.Pos, true}
	if i.initial <= 0 || i.then <= 0 || i.initial > 1<<50 || i.then > 1<<50 {
		if d.Errors() == before {
			d.Errorf(n.Pos, "increments are 1 or more, and at most %d", int64(1)<<50)
		}
		i.initial, i.then = 1, 1
	}
}

// round is q rounded up to increments.
func (i *increments) round(q int64) int64 {
	switch {
	case q <= 0:
		return 0
	case q <= i.initial:
		return i.initial
	case i.then == 1:
		return q
	}
	beyond := q - i.initial
	return i.initial + (beyond+i.then-1)/i.then*i.then
}

// since is the beginning of a version: a local date, an instant, or always.
type since struct {
	kind sinceKind
	day  int32 // local date, in days since 1970-01-01
	at   udr.Instant
	pos  diag.Pos
	text string
}

type sinceKind uint8

const (
	sinceAlways sinceKind = iota
	sinceDay
	sinceInstant
)

func (s *since) UnmarshalNode(n *diag.Node, d *diag.Decoder) {
	s.pos, s.text = n.Pos, n.Text
	if day, err := time.Parse(time.DateOnly, n.Text); err == nil && day.Year() >= 1970 && day.Year() < 2200 {
		s.kind, s.day = sinceDay, int32(day.Unix()/86400)
	} else if at, err := time.Parse(time.RFC3339, n.Text); err == nil && at.Year() >= 1970 && at.Year() < 2200 {
		s.kind, s.at = sinceInstant, udr.InstantOf(at)
	} else {
		d.Errorf(n.Pos, "%q is not a date from 1970 to 2199; write 2026-02-01 for midnight in the account's zone, or "+
			"2026-02-01T00:00:00Z", n.Text)
	}
}

// order sorts versions: a date counts as an instant in UTC, which is close enough for this order.
func (s *since) order() int64 {
	switch s.kind {
	case sinceDay:
		return int64(s.day) * int64(24*time.Hour)
	case sinceInstant:
		return int64(s.at)
	}
	return math.MinInt64
}
