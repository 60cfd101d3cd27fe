package offline

import (
	"encoding/hex"
	"path"
	"strconv"
	"time"
	"unicode/utf8"

	"ratemill/decimal"
	"ratemill/internal/ratedlog"
	"ratemill/printable"
	"ratemill/rating"
	"ratemill/registry"
	"ratemill/udr"
)

// JSON writes decided records as JSON, one object per line, with the warehouse's column names. Money is text, because
// most readers convert JSON's numbers to floats. Keys have a fixed order, and missing values are omitted.
type JSON struct {
	Registry *registry.Registry

	name      string
	id        []byte // id of the file, in hex, and a colon
	days      map[int32]string
	rated     udr.Usage // the next ones
	duplicate udr.Usage
	suspended udr.Suspended
	charge    rating.Charge
	view      *registry.View
	rev       registry.Revision
}

// Append appends the records of a batch of a file to dst, in file order: the rated records and, if all is true,
// also the duplicate and suspended ones.
func (j *JSON) Append(dst []byte, f *File, b *ratedlog.Batch, all bool) (_ []byte, err error) {
	j.name = path.Base(f.Path)
	j.id = append(hex.AppendEncode(j.id[:0], b.File[:]), ':')
	j.view = j.Registry.View()
	defer j.view.Close()
	j.rev = registry.Revision(b.Registry)
	rated, duplicate, suspended := b.Rated, b.Duplicate, b.Suspended
	if !all {
		duplicate, suspended = nil, nil
	}
	var r, d, s uint64 // sequence numbers of the first remaining record of each kind, from 1; 0 if there is none
	for {
		if r == 0 && len(rated) > 0 {
			if err := udr.ParseUsage(rated[0].Usage, &j.rated); err != nil {
				return dst, err
			}
			r = j.rated.Seq
		}
		if d == 0 && len(duplicate) > 0 {
			if err := udr.ParseUsage(duplicate[0], &j.duplicate); err != nil {
				return dst, err
			}
			d = j.duplicate.Seq
		}
		if s == 0 && len(suspended) > 0 {
			if err := udr.ParseSuspended(suspended[0], &j.suspended); err != nil {
				return dst, err
			}
			s = j.suspended.Seq
		}
		switch next := min(r-1, d-1, s-1); { // 0 sorts after all others
		case r == 0 && d == 0 && s == 0:
			return dst, nil
		case next == r-1:
			dst = j.identity(dst, b, "rated", r, j.rated.Line)
			dst = j.fields(dst, &j.rated)
			dst = appendNumber(dst, "late", int64(rated[0].Late))
			if dst, err = j.charges(dst, &rated[0]); err != nil {
				return dst, err
			}
			rated, r = rated[1:], 0
		case next == d-1:
			dst = j.identity(dst, b, "duplicate", d, j.duplicate.Line)
			dst = j.fields(dst, &j.duplicate)
			duplicate, d = duplicate[1:], 0
		default:
			if dst, err = j.suspendedFields(j.identity(dst, b, "suspended", s, j.suspended.Line)); err != nil {
				return dst, err
			}
			suspended, s = suspended[1:], 0
		}
		dst = append(dst, "}\n"...)
	}
}

func (j *JSON) suspendedFields(dst []byte) ([]byte, error) {
	dst = AppendWhy(dst, &j.suspended.Why)
	if len(j.suspended.Raw) > 0 {
		dst = appendBytes(append(dst, `,"raw":`...), j.suspended.Raw)
	}
	if len(j.suspended.Usage) == 0 {
		return dst, nil
	}
	var u udr.Usage
	if err := udr.ParseUsage(j.suspended.Usage, &u); err != nil {
		return dst, err
	}
	return j.fields(dst, &u), nil
}

func (j *JSON) identity(dst []byte, b *ratedlog.Batch, outcome string, seq, line uint64) []byte {
	dst = append(dst, `{"outcome":"`...)
	dst = append(dst, outcome...)
	dst = append(dst, `","id":"`...)
	dst = strconv.AppendUint(append(dst, j.id...), seq, 10)
	dst = append(dst, '"')
	dst = appendText(dst, "file", j.name)
	dst = appendNumber(dst, "line", int64(line))
	dst = appendText(dst, "source", b.Source)
	dst = appendText(dst, "rules", b.Rules)
	dst = appendText(dst, "catalogue", b.Catalogue)
	return appendNumber(dst, "registry", int64(b.Registry))
}

func (j *JSON) fields(dst []byte, u *udr.Usage) []byte {
	dst = AppendUsage(dst, u)
	dst = appendText(dst, "account", j.account(u.Account, u.At))
	return appendText(dst, "root", j.account(u.Root, u.At))
}

func appendAttributes(dst []byte, attributes []udr.Attribute) []byte {
	if len(attributes) == 0 {
		return dst
	}
	dst = append(dst, `,"attributes":{`...)
	for i, a := range attributes {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(AppendString(dst, a.Name), ':')
		dst = AppendString(dst, a.Value)
	}
	return append(dst, '}')
}

func (j *JSON) charges(dst []byte, r *ratedlog.RatedRecord) ([]byte, error) {
	dst = append(dst, `,"charges":[`...)
	for i, message := range r.Charges {
		if err := rating.ParseCharge(message, &j.charge); err != nil {
			return dst, err
		}
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = j.appendCharge(dst, &j.charge)
	}
	dst = append(dst, ']')
	for i, message := range r.Events {
		e, err := rating.ParseEvent(message)
		if err != nil {
			return dst, err
		}
		dst = j.appendEvent(next(dst, "events", i), &e)
	}
	return closing(dst, len(r.Events)), nil
}

// appendCounter appends a counter, with its cycle if it belongs to one; counters of packages and anomalies do not.
func (j *JSON) appendCounter(dst []byte, k *rating.CounterKey) []byte {
	dst = appendText(dst, "counter", k.Kind.String())
	if k.Cycle == 0 {
		return dst
	}
	return appendText(dst, "cycle", j.date(k.Cycle))
}

// bucket returns the name of a draw's bucket, prefixed by the name of its share plan.
func bucket(d *rating.Draw) string {
	switch {
	case d.Package != "":
		return d.Package + "/" + d.Bucket
	case d.Share == "":
		return d.Bucket
	}
	return d.Share + "/" + d.Bucket
}

func appendSteps(dst []byte, c *rating.Charge) []byte {
	steps := 0
	for i := range c.Lines {
		if l := &c.Lines[i]; l.Kind == rating.LineUsage {
			dst = appendStep(next(dst, "steps", steps), l)
			steps++
		}
	}
	return closing(dst, steps)
}

// appendLines appends the other parts of the price: a fee, a cap, a minimum.
func appendLines(dst []byte, c *rating.Charge) []byte {
	for i := range c.Lines {
		switch l := &c.Lines[i]; l.Kind {
		case rating.LineUsage, rating.LineDiscount:
		case rating.LineRepriced:
			dst = appendStep(key(dst, l.Kind.String()), l)
		case rating.LineCharged:
			dst = appendMoney(key(dst, l.Kind.String()), l.Amount)
		default:
			dst = appendMoney(key(dst, l.Kind.String()), l.Price)
		}
	}
	return appendDiscounts(dst, c)
}

// appendDiscounts appends the effect of discounts: the number of units, the amount for each number of units,
// and the total.
func appendDiscounts(dst []byte, c *rating.Charge) []byte {
	n := 0
	for i := range c.Lines {
		l := &c.Lines[i]
		if l.Kind != rating.LineDiscount {
			continue
		}
		dst = append(next(dst, "discounts", n), `{"off":`...)
		dst = AppendString(dst, l.Percent())
		dst = appendNumber(dst, "quantity", l.Quantity)
		dst = appendMoney(key(dst, "price"), l.Price)
		dst = appendNumber(dst, "per", l.Per)
		dst = appendNumber(dst, "from", l.From)
		dst = append(appendMoney(key(dst, "amount"), l.Amount), '}')
		n++
	}
	return closing(dst, n)
}

// next begins the next object of an array, and the array itself before the first object.
func next(dst []byte, name string, i int) []byte {
	if i > 0 {
		return append(dst, ',')
	}
	return append(key(dst, name), '[')
}

// closing ends an array of n objects, if it was begun.
func closing(dst []byte, n int) []byte {
	if n > 0 {
		dst = append(dst, ']')
	}
	return dst
}

func (j *JSON) account(number uint32, at udr.Instant) string {
	if number != 0 {
		if a, ok := j.view.Account(number, at, j.rev); ok {
			return a.ID
		}
	}
	return ""
}

// counted returns the value of a counter for display: units or money.
func counted(kind rating.CounterKind, v rating.Value) string {
	if !kind.IsCost() {
		return strconv.FormatInt(v.Units(), 10)
	}
	d, err := v.Cost()
	if err != nil {
		return "out of range"
	}
	return d.String()
}

// date returns a day as text; there are few different days.
func (j *JSON) date(day int32) string {
	text, ok := j.days[day]
	if !ok {
		if j.days == nil {
			j.days = map[int32]string{}
		}
		text = time.Unix(int64(day)*86400, 0).UTC().Format(time.DateOnly)
		j.days[day] = text
	}
	return text
}

func appendText(dst []byte, name, text string) []byte {
	if text == "" {
		return dst
	}
	return AppendString(key(dst, name), text)
}

func appendNumber(dst []byte, name string, n int64) []byte {
	if n == 0 {
		return dst
	}
	return strconv.AppendInt(key(dst, name), n, 10)
}

func appendTime(dst []byte, name string, at udr.Instant) []byte {
	if at == 0 {
		return dst
	}
	dst = append(key(dst, name), '"')
	return append(at.Time().AppendFormat(dst, time.RFC3339Nano), '"')
}

func appendMoney(dst []byte, d decimal.D) []byte { return append(d.Append(append(dst, '"')), '"') }

func key(dst []byte, name string) []byte {
	dst = append(dst, `,"`...)
	dst = append(dst, name...)
	return append(dst, `":`...)
}

func appendBytes(dst, text []byte) []byte { return AppendString(dst, string(text)) }

const hexDigits = "0123456789abcdef"

// AppendString appends a JSON string (RFC 8259, 7). Bytes that are not UTF-8 become U+FFFD, and characters that control
// a terminal become escapes.
func AppendString(dst []byte, text string) []byte {
	dst = append(dst, '"')
	plain := 0
	for i := 0; i < len(text); {
		c := text[i]
		if c >= ' ' && c != '"' && c != '\\' && c < 0x7f {
			i++
			continue
		}
		r, size := rune(c), 1
		if c >= utf8.RuneSelf {
			if r, size = utf8.DecodeRuneInString(text[i:]); printable.Shown(r) {
				i += size
				continue
			}
		}
		dst = append(dst, text[plain:i]...)
		switch {
		case r == utf8.RuneError:
			dst = append(dst, "\ufffd"...)
		case c >= utf8.RuneSelf:
			dst = printable.AppendEscape(dst, r)
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c == '\n':
			dst = append(dst, '\\', 'n')
		case c == '\t':
			dst = append(dst, '\\', 't')
		case c == '\r':
			dst = append(dst, '\\', 'r')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
		i += size
		plain = i
	}
	return append(append(dst, text[plain:]...), '"')
}
