package rules

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/expr-lang/expr/vm"

	"ratemill/normalize"
	"ratemill/rules/record"
	"ratemill/udr"
)

// Decision is what the rules decide about a record.
type Decision uint8

// The decisions.
const (
	Mapped Decision = iota
	Filtered
	Suspended
)

var decisionNames = [...]string{"mapped", "filtered", "suspended"}

func (d Decision) String() string { return decisionNames[d] }

// Outcome is the result of the rules for a record. The caller owns it and reuses it for the next record; texts in
// Usages point into the record or the runner's memory, and are valid until then.
type Outcome struct {
	Kind   Decision
	Rule   string            // for Filtered: the filter
	Usages []udr.Usage       // for Mapped: at least one
	Err    *udr.SuspendError // of Suspended
	Notes  Notes             // for Mapped: the guesses in any of Usages
}

// Runner runs a Program over records, one after the other, in one goroutine.
type Runner struct {
	p        *Program
	fields   []record.Value
	fileName string
	state    normalize.State // context and caches of normalizers
	earliest int64           // allowed time of use in the file
	latest   int64
	elements [deepestFan]*record.Value
	machines []*vm.VM // one per program that runs within another program, through a variable
	running  int
	trying   int                   // number of calls of try around the current term: a failure within them does not stop the machine
	held     value                 // of the innermost try, to be used next
	notes    [deepestFan + 1]Notes // by the level of the value to which they belong
	failed   failure
	buf      []byte // texts created for the current record
	stack    []value
	lets     []letState
	shared   []letState // results of calls that occur more than once
	symbols  []symbolState
	ages     [deepestFan + 1]uint64 // for each level of the fan-out, a number that increases with each record or element
	age      uint64
	outs     []value
	counts   []uint64
	trace    func(Step)
	dropped  string
}

// letState is a variable's value, which is valid while its level has the same age.
type letState struct {
	age   uint64
	value value
}

// NewRunner returns a runner.
func (p *Program) NewRunner() *Runner {
	return &Runner{
		p: p, lets: make([]letState, len(p.lets)), shared: make([]letState, p.sharedCalls), symbols: make([]symbolState, len(p.dispatches)),
		outs: make([]value, len(udr.Fields())), counts: make([]uint64, len(p.branches)), stack: make([]value, 0, 32),
		earliest: math.MinInt64, latest: math.MaxInt64,
	}
}

// File sets the file of the next records: its name, which rules read as file.name, and its modification time, from
// which times without a year get one.
func (r *Runner) File(name string, modified time.Time) {
	r.fileName, r.state.Modified = name, 0
	r.earliest, r.latest = math.MinInt64, math.MaxInt64
	if modified.IsZero() {
		return
	}
	r.state.Modified = modified.UnixNano()
	if t := r.p.times; t != (Times{}) {
		if at, ok := integers(opSubtract, r.state.Modified, int64(t.Back)); ok {
			r.earliest = at
		}
		if at, ok := integers(opAdd, r.state.Modified, int64(t.Ahead)); ok {
			r.latest = at
		}
	}
}

// Run computes the outcome of a record.
func (r *Runner) Run(rec *record.Record, out *Outcome) {
	p := r.p
	r.begin(rec)
	out.Kind, out.Rule, out.Err, out.Notes = Mapped, "", nil, 0
	out.Usages = out.Usages[:0]
	ok := r.filters(0)
	if ok {
		if len(p.fans) == 0 {
			ok = r.usage(rec, out)
		} else {
			ok = r.fan(0, rec, out)
			if ok && len(out.Usages) == 0 {
				if r.dropped == "" {
					r.dropped = oneLine(p.fans[0].text.Value) + " is empty"
				}
				ok = false
			}
		}
	}
	switch {
	case r.failed.term != nil:
		out.Kind, out.Err = Suspended, r.suspendError()
		out.Usages = out.Usages[:0]
	case out.Err != nil:
		out.Kind = Suspended
		out.Usages = out.Usages[:0]
	case !ok:
		out.Kind, out.Rule = Filtered, r.dropped
		out.Usages = out.Usages[:0]
	}
}

func (r *Runner) begin(rec *record.Record) {
	r.fields = rec.Fields
	r.buf, r.stack = r.buf[:0], r.stack[:0]
	r.failed, r.dropped = failure{}, ""
	r.newAge(0)
	if rec.Lines > 1 {
		r.noted(0, spansLines)
	}
}

// newAge invalidates the variables that depend on a level of the fan-out, or on one within it.
func (r *Runner) newAge(level int) {
	r.age++
	for l := level; l < len(r.ages); l++ {
		r.ages[l], r.notes[l] = r.age, 0
	}
}

// filters runs the filters at a level of the fan-out, and reports whether the record stays.
func (r *Runner) filters(level int) bool {
	for _, f := range r.p.filters {
		if f.cond.level != level {
			continue
		}
		holds := f.cond.test(r)
		if r.failed.term != nil {
			return false
		}
		if r.trace != nil {
			r.step(Step{Kind: filterWord(f.drop), Name: f.name, Value: yes(holds), Reads: r.reads(f.cond)})
		}
		if holds == f.drop {
			r.counts[f.branch]++
			r.dropped = f.name
			return false
		}
	}
	return true
}

// fan iterates over the lists, level by level. It returns false if the record as a whole is suspended.
func (r *Runner) fan(level int, rec *record.Record, out *Outcome) bool {
	list := r.p.fans[level].eval(r)
	if r.failed.term != nil {
		return false
	}
	for i := range list.raw.Items {
		r.elements[level] = &list.raw.Items[i]
		r.newAge(level + 1)
		if r.trace != nil {
			r.step(Step{Kind: "element", Name: r.p.fanNames[level], Value: plural(i+1, "")})
		}
		if !r.filters(level + 1) {
			if r.failed.term != nil {
				return false
			}
			continue
		}
		if level+1 < len(r.p.fans) {
			if !r.fan(level+1, rec, out) {
				return false
			}
			continue
		}
		if !r.usage(rec, out) && (r.failed.term != nil || out.Err != nil) {
			return false
		}
		if most := r.p.mostUsages; most > 0 && len(out.Usages) > most {
			out.Err = r.suspended("fan", r.p.fans[level], r.p.fans[level].top,
				fmt.Sprintf("the record becomes more than %d usage records; raise decode.limits.usages if the carrier sends such records", most))
			return false
		}
	}
	return true
}

func (r *Runner) let(index int) value {
	s := &r.lets[index]
	v := r.p.lets[index]
	if age := r.ages[v.expr.level]; s.age != age {
		if r.failed.term != nil {
			return value{} // values computed after a failure are not shown with its error
		}
		value := v.expr.eval(r)
		if r.failed.term != nil {
			return value // not cached, so that the next use fails too
		}
		s.age, s.value = age, value
		if r.trace != nil {
			r.step(Step{Kind: "let", Name: v.name, Text: v.expr.text.Value, Value: s.value.String(), Reads: r.reads(v.expr)})
		}
	}
	return s.value
}

// usage creates one usage record. It returns false if there is none, because it was dropped, failed, or was
// suspended by a rule.
func (r *Runner) usage(rec *record.Record, out *Outcome) bool {
	n := len(out.Usages)
	if n < cap(out.Usages) {
		out.Usages = out.Usages[:n+1]
	} else {
		out.Usages = append(out.Usages, udr.Usage{})
	}
	u := &out.Usages[n]
	u.Reset()
	for _, i := range r.p.kept {
		r.outs[i] = value{}
	}
	if !r.mapping(u, out) || !r.finish(u, out) {
		out.Usages = out.Usages[:n]
		return false
	}
	u.Line = rec.Line
	if n == 0 {
		u.Bytes = uint32(len(rec.Raw))
	}
	if r.p.duplicate != nil && !r.duplicateKey(u, n) {
		out.Usages = out.Usages[:n]
		return false
	}
	r.tell(u, out)
	if r.p.session != nil && !r.sessionKey(u) {
		out.Usages = out.Usages[:n]
		return false
	}
	if r.trace != nil {
		r.step(Step{Kind: "usage", Value: Describe(u)})
	}
	return true
}

func (r *Runner) mapping(u *udr.Usage, out *Outcome) bool {
	for i := range r.p.steps {
		s := &r.p.steps[i]
		if s.always != nil {
			if !r.act(s.always, u, out) {
				return false
			}
			continue
		}
		a := r.choose(s)
		switch {
		case r.failed.term != nil:
			return false
		case a != nil:
			r.counts[a.branch]++
			if !r.act(a, u, out) {
				return false
			}
		default:
			r.counts[s.branch]++
			out.Err = r.unmatched(s)
			return false
		}
	}
	return true
}

// choose returns the first action of a chain whose condition holds, or else the action of otherwise, or nil.
func (r *Runner) choose(s *mapStep) *action {
	if s.table != nil && r.trace == nil {
		if a, ok := s.table.choose(r); ok {
			if a == nil && r.failed.term == nil {
				return s.otherwise
			}
			return a
		}
	}
	for _, a := range s.chain {
		holds := a.cond.test(r)
		if r.failed.term != nil {
			return nil
		}
		if r.trace != nil {
			r.step(Step{Kind: "when", Name: a.name, Value: yes(holds), Reads: r.reads(a.cond)})
		}
		if holds {
			return a
		}
	}
	return s.otherwise
}

func (r *Runner) act(a *action, u *udr.Usage, out *Outcome) bool {
	if a.class != nil {
		v := a.class.eval(r)
		unit, known := r.p.classes[v.s]
		if r.failed.term != nil {
			return false
		}
		if !known {
			out.Err = r.suspended("class", a.class, a.class.top, "the class "+v.String()+" is not known; the classes are "+
				strings.Join(r.p.classes.Names(), ", "))
			return false
		}
		u.Class, u.Unit = v.s, unit
		if r.trace != nil {
			r.step(Step{Kind: "class", Value: v.s})
		}
	}
	for i := range a.sets {
		if s := &a.sets[i]; !r.set(s, u) {
			return false
		}
	}
	if a.suspend != nil {
		reason := r.fill(a.suspend)
		if r.failed.term != nil {
			return false
		}
		out.Err = &udr.SuspendError{Code: "declared", Rule: a.name, Position: a.suspend.text.Pos.String(), Reason: reason}
		if a.cond != nil {
			out.Err.Values = r.reads(a.cond)
		}
		return false
	}
	if a.drop != "" {
		r.dropped = a.drop
		return false
	}
	return true
}

// set evaluates an assignment and stores the value.
func (r *Runner) set(s *assignment, u *udr.Usage) bool {
	v := s.expr.eval(r)
	if r.failed.term != nil {
		if s.note == 0 {
			return false
		}
		v = r.unread(s.expr)
		r.fellBack(s.expr.level, s.note)
	}
	if r.trace != nil {
		r.step(Step{Kind: "set", Name: s.name, Text: s.expr.text.Value, Value: v.String(), Reads: r.reads(s.expr)})
	}
	if s.field < 0 {
		r.attribute(s.attr, v, u)
		return true
	}
	if s.adapts {
		v.kind = Quantity
		v.aux = anyUnit
	}
	if s.field == peerField && v.kind != Phone && v.s != "" {
		if v = r.peer(s, v); r.failed.term != nil {
			return false
		}
	}
	if s.keeps {
		r.outs[s.field] = v
	}
	f := s.into
	switch {
	case f.SetText != nil:
		if !v.kind.worded() && v.kind != Identifier && v.kind != Nothing {
			from := len(r.buf)
			r.appendPlain(v)
			v.s = r.kept(from)
		}
		f.SetText(u, v.s)
	case f.SetInt != nil:
		// A negative quantity goes to rating, which knows whether the class accepts credits (negative: credit), and
		// suspends it if not.
		if v.n < 0 && v.kind == Quantity && !f.AnyUnit {
			r.fail(s.expr.top, f.Name+" is negative: "+v.String())
			return false
		}
		f.SetInt(u, v.n)
	default:
		id := udr.Identifier{Kind: udr.IDKind(v.aux), Value: v.s}
		if v.kind == Phone {
			id = udr.Identifier{Kind: udr.MSISDN, Value: strings.TrimPrefix(v.s, "+")}
		}
		if id.Value == "" {
			id.Kind = udr.NoID
		}
		f.SetIdentifier(u, id)
	}
	return true
}

// anyUnit is the aux of a number literal that is used as a quantity: the literal takes the unit of the class.
const anyUnit = 255

func (r *Runner) attribute(name string, v value, u *udr.Usage) {
	from := len(r.buf)
	r.appendPlain(v)
	text := r.kept(from)
	for i := range u.Attributes {
		if u.Attributes[i].Name == name {
			u.Attributes[i].Value = text
			return
		}
	}
	if text != "" {
		u.Attributes = append(u.Attributes, udr.Attribute{Name: name, Value: text})
	}
}

// finish checks that the usage record is complete, and derives the missing fields.
func (r *Runner) finish(u *udr.Usage, out *Outcome) bool {
	fields := udr.Fields()
	q := value{}
	for _, i := range r.p.required {
		v := &r.outs[i]
		if v.kind == Nothing || fields[i].SetIdentifier != nil && v.s == "" {
			out.Err = r.missing(i)
			return false
		}
		if fields[i].AnyUnit {
			q = *v
		}
	}
	if at := int64(u.At); at < r.earliest || at > r.latest {
		out.Err = r.outOfTime(at)
		return false
	}
	if u.Class == "" {
		out.Err = &udr.SuspendError{Code: "class", Reason: "no rule has set a class for this record; add a when for it, or an otherwise " +
			"with suspend"}
		return false
	}
	unit := udr.Count
	if q.kind == Quantity {
		unit = udr.Unit(q.aux)
	}
	if unit != u.Unit && q.aux != anyUnit {
		out.Err = &udr.SuspendError{Code: "unit", Reason: "class " + u.Class + " counts " + u.Unit.String() + ", but the quantity is " +
			q.String()}
		return false
	}
	if u.Country == "" && u.Network != "" {
		if n, err := normalize.ParseNetwork(octetsOf(u.Network)); err == nil {
			v, _ := r.country(n.Country(), nil)
			u.Country = v.s
		}
	}
	if u.PeerCountry == "" && len(u.Peer) > 1 && u.Peer[0] == '+' {
		v := r.outs[peerField]
		if v.kind == Phone && v.n != 0 {
			v, _ = r.country(normalize.E164(v.n).Country(), nil)
			u.PeerCountry = v.s
		}
	}
	return true
}

var peerField, _ = udr.FieldByName("peer")

// duplicateKey hashes the key's values. Usage records from one fanned-out record also differ by their position in
// it, unless the key itself reads the elements.
func (r *Runner) duplicateKey(u *udr.Usage, place int) bool {
	from := len(r.buf)
	present, level := false, 0
	for _, e := range r.p.duplicate {
		v := e.eval(r)
		if r.failed.term != nil {
			return false
		}
		present = present || !v.absent()
		level = max(level, e.level)
		start := len(r.buf)
		r.buf = append(r.buf, 0, 0, 0, 0)
		r.appendKey(v)
		binary.LittleEndian.PutUint32(r.buf[start:], uint32(len(r.buf)-start))
	}
	if level < len(r.p.fans) {
		r.buf = binary.AppendUvarint(r.buf, uint64(place))
	}
	if !present {
		return true
	}
	sum := sha256.Sum256(r.buf[from:])
	copy(u.Duplicate[:], sum[:])
	return true
}

// appendKey appends a part of a key in the format of earlier versions, so that records from before an upgrade are
// recognised: a JSON number in the file's notation (1767225600.0), and a word for absent or null.
func (r *Runner) appendKey(v value) {
	switch {
	case v.kind == Field && v.raw.Kind == record.Number:
		r.buf = append(r.buf, v.raw.Written()...)
	case v.kind == Field && v.raw.Kind != record.Text && v.raw.Kind != record.Bool:
		r.buf = append(r.buf, showRaw(v.raw)...)
	default:
		r.appendPlain(v)
	}
}

func (r *Runner) fill(t *template) string {
	var b strings.Builder
	for i, text := range t.texts {
		b.WriteString(text)
		if i < len(t.exprs) {
			v := t.exprs[i].eval(r)
			s := v.plain()
			if v.kind == Nothing {
				s = "absent"
			}
			b.WriteString(bounded(s, longestShown))
		}
	}
	return bounded(b.String(), 512)
}

func bounded(s string, most int) string {
	if len(s) <= most {
		return strings.ToValidUTF8(s, "�")
	}
	for most > 0 && !utf8.RuneStart(s[most]) {
		most--
	}
	return strings.ToValidUTF8(s[:most], "�") + "…"
}
