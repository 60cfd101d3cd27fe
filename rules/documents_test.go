package rules

import (
	"math/rand"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/diag"
	"ratemill/internal/proof/seeds"
	"ratemill/udr"
)

// document grows a document whose conditions ask again and again for the same fields, variables and calls.
func (g *grower) document(fan bool) *Document {
	text := func(s string) diag.Text { return diag.Text{Value: s} }
	d := &Document{
		Tables: diag.Map[Constants]{{Key: text("kinds"),
			Value: Constants{inline: diag.Map[diag.Text]{{Key: text("x"), Value: text("data")}, {Key: text("1"), Value: text("sms_mo")}}}}},
		Let: diag.Map[diag.Text]{{Key: text("volume"), Value: text("octets(n)")}, {Key: text("kind"), Value: text("lower(a)")},
			{Key: text("code"), Value: text("int(n)")}, {Key: text("odd"), Value: text(g.grow(Text))}},
	}
	if fan {
		d.Fan = Fans{{Over: text("items"), As: text("item")}}
	}
	if g.pick(2) == 0 {
		d.KeepText = []diag.Text{text("apn"), text("attr.is")}
	}
	for range g.pick(4) {
		d.Filter = append(d.Filter, Filter{Drop: text(g.question(fan))})
	}
	set := func() diag.Map[diag.Text] {
		return diag.Map[diag.Text]{{Key: text("apn"), Value: text(g.grow(Text))}, {Key: text("attr.is"), Value: text(g.question(fan))}}
	}
	d.Map = append(d.Map, Entry{Action: Action{Class: text("data"), Set: append(set(),
		diag.Map[diag.Text]{{Key: text("sim"), Value: text(`imsi("214070000000001")`)},
			{Key: text("at"), Value: text(`time("2026-03-01", "2006-01-02", "UTC")`)},
			{Key: text("quantity"), Value: text("volume")}}...)}})
	for range g.pick(3) {
		for i := range 1 + g.pick(7) {
			e := Entry{When: text(g.question(fan)), Name: strconv.Itoa(i), Action: Action{Set: set()}}
			if g.pick(5) == 0 {
				e.Action = Action{Suspend: text("it is {a}")}
			}
			d.Map = append(d.Map, e)
		}
		d.Map = append(d.Map, Entry{Otherwise: &Otherwise{Action: Action{Set: set()}}})
		if g.pick(4) == 0 { // a chain that suspends what it does not know
			d.Map[len(d.Map)-1] = Entry{Action: Action{Set: set()}}
		}
	}
	return d
}

// question is a condition about a subject that others ask for too, alone or with more.
func (g *grower) question(fan bool) string {
	subject := g.one("a", "a", "a", "b", "kind", "odd", "digits(b)", "text(c)")
	if fan {
		subject = g.one(subject, "item.t", "item.n")
	}
	constants := []string{`"x"`, `"1"`, `""`, `"yes"`, `"12-7"`, `"nowhere"`, `"9223372036854775807"`}
	constant := func() string { return g.one(constants...) }
	switch g.pick(12) {
	case 0:
		return subject + " != " + constant()
	case 1:
		return constant() + " == " + subject
	case 2:
		return subject + " in [" + constant() + ", " + constant() + "]"
	case 3:
		return subject + " == " + constant() + " or " + subject + " == " + constant()
	case 4:
		return subject + " in kinds"
	case 5:
		return subject + " == " + constant() + " and " + g.question(fan)
	case 6:
		return subject + " == " + constant() + " and " + g.grow(Bool)
	case 7:
		return "(" + g.grow(Bool) + ") and " + subject + " == " + constant()
	case 8:
		return g.one("code", "int(n)") + g.one(" == 1", " in [1, -2]", " != -2")
	case 9:
		return "not (" + g.question(fan) + ")"
	}
	return subject + " == " + constant()
}

// decide holds a document's way (slots, direct calls, dispatch tables), the same with a trace, and expr's virtual machine
// with every condition asked one by one against each other.
func decide(t require.TestingT, doc *Document, choices []byte, typed bool) bool {
	compiled := func() *Program {
		var l diag.List
		return Compile(doc, Options{Name: "test", Typed: typed}, &l)
	}
	p, machine := compiled(), compiled()
	if p == nil {
		return false
	}
	for _, e := range machine.exprs {
		m := newProgram(e.top)
		e.eval = m.run
		e.test = func(r *Runner) bool { return r.truth(e.top, m.run(r)) }
	}
	for i := range machine.steps {
		machine.steps[i].table = nil
	}
	fast, traced, slow := p.NewRunner(), p.NewRunner(), machine.NewRunner()
	g := &grower{choices: choices}
	for range 6 {
		rec := sample(g, &p.layout, typed)
		var one, two, three Outcome
		fast.fileName, traced.fileName, slow.fileName = "F_12.csv", "F_12.csv", "F_12.csv"
		fast.Run(rec, &one)
		traced.Trace(rec, &two, func(Step) {})
		slow.Run(rec, &three)
		require.Equal(t, plainOutcome(&three), plainOutcome(&one), "%v", doc)
		require.Equal(t, plainOutcome(&three), plainOutcome(&two), "%v", doc)
		require.Equal(t, slow.counts, fast.counts, "%v", doc)
	}
	return true
}

// plainOutcome is an outcome without what is left of former records in its memory.
func plainOutcome(o *Outcome) any {
	type plain struct {
		Kind   Decision
		Rule   string
		Usages []udr.Usage
		Err    *udr.SuspendError
		Notes  Notes
	}
	return plain{o.Kind, o.Rule, append([]udr.Usage{}, o.Usages...), o.Err, o.Notes}
}

// Whole documents decide alike whether they are compiled or run by expr's virtual machine, errors included.
func TestDocumentsAgreeWithTheMachine(t *testing.T) {
	accepted, tables := 0, 0
	for seed := range seeds.Each(t, 200, 200) {
		rng := rand.New(rand.NewSource(int64(seed)))
		choices := make([]byte, 100+rng.Intn(300))
		rng.Read(choices)
		g := &grower{choices: choices}
		typed := rng.Intn(3) > 0
		doc := g.document(typed && rng.Intn(2) > 0)
		records := make([]byte, 200)
		rng.Read(records)
		if decide(t, doc, records, typed) {
			accepted++
			var l diag.List
			for _, s := range Compile(doc, Options{Typed: typed}, &l).steps {
				if s.table != nil {
					tables++
				}
			}
		}
	}
	require.Greater(t, accepted, 130, "most of what the grammar grows is well typed")
	require.Greater(t, tables, 30, "chains have dispatch tables")
}

func FuzzDocumentsAgreeWithTheMachine(f *testing.F) {
	rng := rand.New(rand.NewSource(3))
	for range 50 {
		choices, records := make([]byte, 300), make([]byte, 200)
		rng.Read(choices)
		rng.Read(records)
		f.Add(choices, records, uint8(rng.Intn(3)))
	}
	f.Fuzz(func(t *testing.T, choices, records []byte, shape uint8) {
		if len(choices) > 800 || len(records) > 400 {
			return
		}
		g := &grower{choices: choices}
		decide(t, g.document(shape%3 == 2), records, shape%3 > 0)
	})
}
