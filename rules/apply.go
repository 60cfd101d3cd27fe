package rules

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
	"strconv"
	"strings"
	"time"
	"unsafe"

	"ratemill/decimal"
	"ratemill/normalize"
	"ratemill/rules/record"
	"ratemill/udr"
)

// failure is the reason why an expression has no value, together with the term. Only the first failure is kept.
type failure struct {
	term   *term
	reason string
	given  string // the text that a function could not read
}

// fail records a failure and returns an absent value. Evaluation continues with that value and has no further
// effect, so closures need not check after each step.
func (r *Runner) fail(t *term, reason string) value {
	if r.failed.term == nil {
		r.failed = failure{term: t, reason: reason}
	}
	return value{}
}

// refused records that a function could not read its argument.
func (r *Runner) refused(t *term, given value, err error) value {
	if r.failed.term == nil {
		r.failed = failure{term: t, reason: err.Error()}
		if given.kind.worded() {
			r.failed.given = given.s
		}
	}
	return value{}
}

// kept returns the text appended to the runner's buffer since from; it is valid until the next record. Until then,
// texts are only appended to the buffer; if it grows, earlier texts keep the old memory.
func (r *Runner) kept(from int) string {
	if from == len(r.buf) {
		return ""
	}
	return unsafe.String(&r.buf[from], len(r.buf)-from)
}

func (r *Runner) appendPlain(v value) {
	switch v.kind {
	case Int, Quantity:
		r.buf = strconv.AppendInt(r.buf, v.n, 10)
	case Decimal:
		r.buf = v.d.Append(r.buf)
	case Time:
		r.buf = udr.Instant(v.n).Time().AppendFormat(r.buf, time.RFC3339Nano)
	case Text, Phone, Country, Network, Identifier:
		r.buf = append(r.buf, v.s...)
	case Nothing:
	case Field:
		switch v.raw.Kind {
		case record.Text, record.Number, record.Bool:
			r.buf = append(r.buf, v.raw.Text...)
		case record.Absent, record.Null:
		default:
			r.buf = append(r.buf, showRaw(v.raw)...)
		}
	default:
		r.buf = append(r.buf, v.plain()...)
	}
}

func (r *Runner) mapped(v value, ascii func(byte) byte, other func(rune) rune) value {
	for i := range len(v.s) {
		if v.s[i] >= 0x80 {
			return textValue(strings.Map(other, v.s))
		}
	}
	from := len(r.buf)
	for i := range len(v.s) {
		r.buf = append(r.buf, ascii(v.s[i]))
	}
	return textValue(r.kept(from))
}

// scalarText returns a field as text; lists and maps have none.
func scalarText(raw *record.Value) (string, bool) {
	switch raw.Kind {
	case record.List, record.Map, record.NoObject:
		return "", false
	case record.Null, record.Absent:
		return "", true
	}
	return unsafe.String(unsafe.SliceData(raw.Text), len(raw.Text)), true
}

// apply defines the meaning of every term without control flow, given the values of its arguments. It is the
// reference: the virtual machine calls it for each term, and closures must return the same results.
func (r *Runner) apply(t *term, a []value) value {
	switch t.op {
	case opConst:
		return t.value
	case opField:
		return r.fieldValue(t)
	case opElement:
		return value{kind: Field, raw: r.elements[t.index]}
	case opLet:
		return r.let(t.index)
	case opOut:
		return r.outs[t.index]
	case opFileName:
		return textValue(r.fileName)
	case opText:
		return r.text(t, a[0])
	case opList:
		return r.list(t, a[0])
	case opMember:
		return r.member(t, a[0])
	case opIndex:
		return r.item(t, a)
	case opLookup:
		return textValue(t.table[a[0].s])
	case opCall:
		return r.call(t, a)
	case opEqual, opUnequal, opLess, opLessEqual, opGreater, opGreaterEqual:
		return boolValue(r.compare(t, a[0], a[1]))
	case opAdd, opSubtract, opMultiply, opDivide, opRemainder, opNegate, opPromote:
		return r.arithmetic(t, a)
	case opIn:
		return boolValue(r.in(t, a))
	case opContains:
		return boolValue(strings.Contains(a[0].s, a[1].s))
	case opStartsWith:
		return boolValue(strings.HasPrefix(a[0].s, a[1].s))
	case opEndsWith:
		return boolValue(strings.HasSuffix(a[0].s, a[1].s))
	case opMatches:
		return boolValue(t.regexp.MatchString(a[0].s))
	case opSlice:
		if a[1].kind == Nothing || a[2].kind == Nothing {
			return r.failAbsent(t, a)
		}
		return textValue(cut(a[0].s, a[1].n, a[2].n))
	}
	panic(fmt.Sprintf("rules: term %d has no meaning of its own", t.op))
}

var nothing record.Value

func (r *Runner) fieldValue(t *term) value {
	raw := &r.fields[t.index]
	if t.typ.Kind == Field {
		if raw.Kind == record.NoObject {
			return r.fail(t, astray(t, raw))
		}
		return value{kind: Field, raw: raw}
	}
	s, ok := scalarText(raw)
	if !ok {
		return r.fail(t, t.name+" is "+showRaw(raw)+", not a single value")
	}
	return textValue(s)
}

// astray reports a path that leads through a value that is not an object. The record then does not have the form
// that the rules expect, and treating the value as absent would hide this.
func astray(path *term, raw *record.Value) string {
	return path.source() + " leads through " + showRaw(&raw.Items[0]) + ", which is not an object"
}

// member returns a member of an object; any other present value is an error.
func (r *Runner) member(t *term, v value) value {
	if v.kind != Field {
		return value{kind: Field, raw: &nothing}
	}
	switch v.raw.Kind {
	case record.Map, record.Absent, record.Null:
		return value{kind: Field, raw: v.raw.Get(t.name)}
	}
	return r.fail(t, t.source()+" leads through "+showRaw(v.raw)+", which is not an object")
}

func (r *Runner) text(t *term, v value) value {
	if v.kind != Field {
		return v
	}
	if v.raw.Kind == record.NoObject {
		return r.fail(t, astray(t, v.raw))
	}
	s, ok := scalarText(v.raw)
	if !ok {
		return r.fail(t, t.args[0].source()+" is "+showRaw(v.raw)+", not a single value")
	}
	return textValue(s)
}

func (r *Runner) list(t *term, v value) value {
	switch {
	case v.kind == List:
		return v
	case v.kind == Field && v.raw.Kind == record.List:
		return listValue(v.raw)
	case v.absent():
		return listValue(&emptyList)
	}
	return r.fail(t, t.args[0].source()+" is "+showRaw(v.raw)+", not a list")
}

var emptyList = record.Value{Kind: record.List}

func (r *Runner) item(t *term, a []value) value {
	if a[0].kind != List || a[1].kind != Int {
		return value{kind: Field, raw: &nothing}
	}
	i := a[1].n
	if i < 0 {
		i += int64(len(a[0].raw.Items))
	}
	if i < 0 || i >= int64(len(a[0].raw.Items)) {
		return value{kind: Field, raw: &nothing}
	}
	return value{kind: Field, raw: &a[0].raw.Items[i]}
}

func (r *Runner) call(t *term, a []value) value {
	if t.fn.absorbs {
		for _, v := range a[:t.needed] {
			if v.kind == Nothing || v.kind == Text && normalize.Absent(octetsOf(v.s)) {
				return value{}
			}
		}
	} else if !t.fn.takesNothing() {
		for _, v := range a {
			if v.kind == Nothing {
				return r.failAbsent(t, a)
			}
		}
	}
	v, err := t.bound.call(r, a)
	if err != nil {
		return r.refused(t, a[0], err)
	}
	return v
}

// failAbsent reports which argument has no value.
func (r *Runner) failAbsent(t *term, a []value) value {
	for i, v := range a {
		if v.kind == Nothing {
			source := t.args[i].source()
			return r.fail(t.args[i], source+" has no value; give a default: "+source+" ?? …")
		}
	}
	return value{}
}

func (r *Runner) compare(t *term, a, b value) bool {
	if a.kind == Nothing || b.kind == Nothing {
		r.failAbsent(t, []value{a, b})
		return false
	}
	var c int
	switch a.kind {
	case Text, Phone, Country, Network:
		c = strings.Compare(a.s, b.s)
	case Identifier:
		if c = strings.Compare(a.s, b.s); c == 0 {
			c = int(a.aux) - int(b.aux)
		}
	case Decimal:
		c = a.d.Cmp(b.d)
	default:
		switch {
		case a.n < b.n:
			c = -1
		case a.n > b.n:
			c = 1
		}
	}
	return holds(t.op, c)
}

func holds(o op, c int) bool {
	switch o {
	case opEqual:
		return c == 0
	case opUnequal:
		return c != 0
	case opLess:
		return c < 0
	case opLessEqual:
		return c <= 0
	case opGreater:
		return c > 0
	}
	return c >= 0
}

func (r *Runner) in(t *term, a []value) bool {
	switch {
	case t.set != nil:
		return t.set[a[0].s]
	case t.ints != nil:
		if a[0].kind == Nothing {
			r.failAbsent(t, a)
			return false
		}
		return t.ints[a[0].n]
	}
	if a[1].kind != List {
		return false
	}
	for i := range a[1].raw.Items {
		if s, ok := scalarText(&a[1].raw.Items[i]); ok && s == a[0].s {
			return true
		}
	}
	return false
}

func (r *Runner) arithmetic(t *term, a []value) value {
	for _, v := range a {
		if v.kind == Nothing {
			return r.failAbsent(t, a)
		}
	}
	switch {
	case t.op == opPromote:
		return decimalValue(decimal.FromInt(a[0].n))
	case t.op == opNegate:
		if a[0].kind == Decimal {
			return decimalValue(a[0].d.Neg())
		}
		if a[0].n == math.MinInt64 {
			return r.fail(t, errOverflow.Error())
		}
		a[0].n = -a[0].n
		return a[0]
	case t.typ.Kind == Decimal:
		if a[0].kind == Quantity {
			a[0].d, a[1].d = decimal.FromInt(a[0].n), decimal.FromInt(a[1].n)
		}
		d, err := decimals(t.op, a[0].d, a[1].d)
		if err != nil {
			return r.fail(t, roundingHelp(t, err))
		}
		return decimalValue(d)
	case t.typ.Kind == Quantity && a[1].kind == Decimal:
		d, err := decimals(t.op, decimal.FromInt(a[0].n), a[1].d)
		if err != nil {
			return r.fail(t, roundingHelp(t, err))
		}
		n, whole := d.Int64()
		if !whole {
			return r.fail(t, d.String()+" "+t.typ.Unit.String()+" is not a whole number; say how to round it")
		}
		return quantityValue(n, t.typ.Unit)
	case t.typ.Kind == Time || a[0].kind == Time:
		return r.timeArithmetic(t, a[0], a[1])
	}
	n, ok := integers(t.op, a[0].n, a[1].n)
	if !ok {
		if t.op == opRemainder && a[1].n == 0 {
			return r.fail(t, decimal.ErrDivideByZero.Error())
		}
		return r.fail(t, errOverflow.Error())
	}
	if t.typ.Kind == Quantity {
		return quantityValue(n, t.typ.Unit)
	}
	return intValue(n)
}

func roundingHelp(t *term, err error) string {
	if errors.Is(err, decimal.ErrInexact) && t.op == opDivide {
		return "the quotient is not exact; say how to round it: div(" + t.args[0].source() + ", " + t.args[1].source() + ", 6, \"half_up\")"
	}
	return err.Error()
}

// integers returns a o b in 64 bits.
func integers(o op, a, b int64) (int64, bool) {
	switch o {
	case opAdd:
		n := a + b
		return n, (n > a) == (b > 0)
	case opSubtract:
		n := a - b
		return n, (n < a) == (b > 0)
	case opMultiply:
		return product(a, b)
	case opRemainder:
		if b == 0 || b == -1 {
			return 0, b != 0
		}
		return a % b, true
	}
	return 0, false
}

func product(a, b int64) (int64, bool) {
	negative := (a < 0) != (b < 0)
	hi, lo := bits.Mul64(magnitude(a), magnitude(b))
	switch {
	case hi != 0 || lo > 1<<63 || lo == 1<<63 && !negative:
		return 0, false
	case negative:
		return -int64(lo), true
	}
	return int64(lo), true
}

func magnitude(n int64) uint64 {
	if n < 0 {
		return -uint64(n)
	}
	return uint64(n)
}

func (r *Runner) timeArithmetic(t *term, a, b value) value {
	if t.typ.Kind != Time { // time - time
		nanos := a.n - b.n
		if (nanos < a.n) != (b.n > 0) && b.n != 0 {
			return r.fail(t, errOverflow.Error())
		}
		if nanos%int64(time.Second) != 0 {
			return r.fail(t, "the times are not a whole number of seconds apart")
		}
		return quantityValue(nanos/int64(time.Second), udr.Second)
	}
	if a.kind == Quantity {
		a, b = b, a
	}
	nanos, ok := product(b.n, int64(time.Second))
	if ok {
		nanos, ok = integers(t.op, a.n, nanos)
	}
	if !ok {
		return r.fail(t, "the time lies before the year 1678 or after 2261")
	}
	return value{kind: Time, n: nanos}
}
