package rules

import (
	"fmt"
	"math/rand"
	"strings"
	"testing"
	_ "time/tzdata"

	"github.com/stretchr/testify/require"

	"ratemill/diag"
	"ratemill/internal/proof/seeds"
	"ratemill/rules/record"
)

// grower grows random expressions of a wanted type from a stream of choices.
type grower struct {
	choices []byte
	depth   int
	inList  bool
}

func (g *grower) pick(n int) int {
	if len(g.choices) == 0 {
		return 0
	}
	c := int(g.choices[0])
	g.choices = g.choices[1:]
	return c % n
}

func (g *grower) one(words ...string) string { return words[g.pick(len(words))] }

func (g *grower) grow(kind Kind) string {
	g.depth++
	defer func() { g.depth-- }()
	if g.depth > 5 || len(g.choices) == 0 {
		return g.leaf(kind)
	}
	switch n := g.pick(12); {
	case n < 2:
		return g.leaf(kind)
	case n == 2 && kind != Quantity:
		return "(" + g.grow(Bool) + " ? " + g.grow(kind) + " : " + g.grow(kind) + ")"
	case n == 3:
		return "(" + g.grow(kind) + " ?? " + g.grow(kind) + ")"
	case n == 4:
		return "try(" + g.grow(kind) + ", " + g.grow(kind) + ")"
	}
	switch kind {
	case Bool:
		return g.condition()
	case Text:
		switch g.pick(10) {
		case 7: // times that the clocks of Madrid showed twice, never, and once
			return "date(time(" + g.one(`"2025-10-26 02:30"`, `"2026-03-29 02:30"`, `"2026-03-30 02:30"`, "a") +
				`, "2006-01-02 15:04", "Europe/Madrid"), "UTC")`
		case 8:
			return "text(" + g.one("imei", "imsi") + "(" + g.grow(Text) + "))"
		case 0:
			return "lower(" + g.grow(Text) + ")"
		case 1:
			return "concat(" + g.grow(Text) + ", " + g.grow(Text) + ")"
		case 2:
			return "(" + g.grow(Text) + ")[" + g.grow(Int) + ":" + g.grow(Int) + "]"
		case 3:
			return "text(" + g.grow(Kind([]Kind{Int, Decimal, Quantity}[g.pick(3)])) + ")"
		case 4:
			return "part(" + g.grow(Text) + ", " + g.one(`"-"`, `"1"`) + ", " + g.grow(Int) + ")"
		case 5:
			return "kinds[" + g.grow(Text) + "]"
		case 6:
			return "concat(" + g.grow(Text) + ", " + g.grow(Int) + ")"
		}
		return "digits(" + g.grow(Text) + ")"
	case Int:
		switch g.pick(6) {
		case 0:
			return "int(" + g.grow(Text) + ")"
		case 1:
			return "len(" + g.grow(Text) + ")"
		case 2:
			return "int(" + g.grow(Quantity) + ")"
		case 3:
			return "count(items, " + g.body() + ")"
		case 4:
			return "abs(" + g.grow(Int) + ")"
		}
		return "(" + g.grow(Int) + g.one(" + ", " - ", " * ", " % ") + g.grow(Int) + ")"
	case Decimal:
		switch g.pick(4) {
		case 0:
			return "decimal(" + g.grow(Text) + ")"
		case 1:
			return "round(" + g.grow(Decimal) + `, 2, "half_up")`
		case 2:
			return "div(" + g.grow(Decimal) + ", " + g.grow(Int) + `, 6, "down")`
		}
		return "(" + g.grow(Decimal) + g.one(" + ", " - ", " * ", " / ") + g.grow([]Kind{Int, Decimal}[g.pick(2)]) + ")"
	case Quantity:
		switch g.pick(5) {
		case 0:
			return "octets(" + g.grow(Text) + ")"
		case 1:
			return "(" + g.grow(Quantity) + " * " + g.grow([]Kind{Int, Decimal}[g.pick(2)]) + ")"
		case 2:
			return "sum(items, octets(.n))"
		}
		return "(" + g.grow(Quantity) + g.one(" + ", " - ") + g.grow(Quantity) + ")"
	}
	return g.leaf(kind)
}

func (g *grower) leaf(kind Kind) string {
	switch kind {
	case Bool:
		return g.one("true", "false", `a == "x"`, "bool(b)", `absent(c)`)
	case Text:
		return g.one("a", "b", "c", `"x"`, `"1"`, `""`, "text(n)", `"12-7"`, "file.name", "text(record.m.x)", "text(record.m.x.y)")
	case Int:
		return g.one("1", "0", "-3", "int(n)", "9223372036854775807", "len(a)", "2")
	case Decimal:
		return g.one("0.5", "1.25", "decimal(n)", "-0.1", "3.0")
	}
	return g.one("octets(n)", "octets(a)", "as_octets(7)", "volume")
}

func (g *grower) condition() string {
	switch g.pick(10) {
	case 0:
		return "(" + g.grow(Bool) + " and " + g.grow(Bool) + ")"
	case 1:
		return "(" + g.grow(Bool) + " or " + g.grow(Bool) + ")"
	case 2:
		return "not " + "(" + g.grow(Bool) + ")"
	case 3:
		return "(" + g.grow(Text) + g.one(" == ", " != ") + g.grow(Text) + ")"
	case 4:
		return "(" + g.grow(Int) + g.one(" == ", " != ", " < ", " >= ") + g.grow([]Kind{Int, Decimal}[g.pick(2)]) + ")"
	case 5:
		return "(" + g.grow(Text) + g.one(" in ", " not in ") + g.one(`["x", "1"]`, "kinds", "tags") + ")"
	case 6:
		return "(" + g.grow(Text) + g.one(" contains ", " startsWith ", " endsWith ") + g.grow(Text) + ")"
	case 7:
		return "(" + g.grow(Text) + ` matches "^[0-9]+$")`
	case 8:
		return g.one("any", "all", "none", "one") + "(items, " + g.body() + ")"
	}
	return "(" + g.grow(Quantity) + g.one(" == ", " < ", " > ") + g.grow(Quantity) + ")"
}

func (g *grower) body() string {
	if g.inList {
		return "true"
	}
	g.inList = true
	defer func() { g.inList = false }()
	return g.one(`.t == "x"`, `.t.u == "x"`, `int(.n) > 1`, `.t == a and `+g.grow(Bool), `octets(.n) > volume`, `try(int(.n), 7) > 6`,
		`try(.t.u == "x" and bool(b), .n == "1")`, `len(.l) > 0`)
}

// sample is a random record. One of a format without types has no lists and maps.
func sample(g *grower, layout *record.Layout, typed bool) *record.Record {
	text := func() record.Value {
		s := g.one("x", "1", "", "12-7", "X", "n/a", "9223372036854775807", "-2", "yes", "ä1", "0.25")
		kind := record.Text
		if g.pick(8) == 0 { // 5e-05 and the like, as the decoder gives them
			return record.Value{Kind: record.Number, Text: []byte("0.00005"), Items: []record.Value{{Kind: record.Number, Text: []byte("5e-05")}}}
		}
		if g.pick(4) == 0 {
			kind = []record.Kind{record.Absent, record.Null, record.Number, record.Bool}[g.pick(4)]
		}
		return record.Value{Kind: kind, Text: []byte(s)}
	}
	item := func() record.Value {
		return record.Value{Kind: record.Map, Keys: [][]byte{[]byte("t"), []byte("n")}, Items: []record.Value{text(), text()}}
	}
	rec := &record.Record{Fields: make([]record.Value, len(layout.Paths()))}
	for i, path := range layout.Paths() {
		switch path {
		case "items", "tags":
			v := record.Value{Kind: record.List}
			for range g.pick(4) {
				if path == "tags" {
					v.Items = append(v.Items, text())
				} else {
					v.Items = append(v.Items, item())
				}
			}
			if g.pick(8) == 0 {
				v = text()
			}
			if typed {
				rec.Fields[i] = v
			}
		default:
			if rec.Fields[i] = text(); g.pick(20) == 0 && typed {
				rec.Fields[i] = item()
			}
			if typed && strings.Contains(path, ".") && g.pick(3) == 0 {
				rec.Fields[i] = record.Value{Kind: record.NoObject, Items: []record.Value{text()}}
			}
		}
	}
	return rec
}

// agree compiles an expression and holds its closures against expr's virtual machine.
func agree(t require.TestingT, source string, choices []byte, typed bool) bool {
	var l diag.List
	p := &Program{classes: StandardClasses()}
	p.scope = &scope{layout: &p.layout, typed: typed, outputs: map[string]int{}, used: map[string]diag.Pos{},
		tables: map[string]map[string]string{"kinds": {"x": "data", "1": "sms"}}}
	c := &compiler{Program: p, list: &l}
	c.lets(&Document{Let: diag.Map[diag.Text]{{Key: diag.Text{Value: "volume"}, Value: diag.Text{Value: "octets(n)"}}}})
	e := c.check(diag.Text{Value: source}, "test", Nothing)
	if e == nil || l.HasErrors() {
		return false
	}
	p.compile(c.exprs)
	reference := newProgram(e.top)
	g := &grower{choices: choices}
	for range 4 {
		rec := sample(g, &p.layout, typed)
		one, two := p.NewRunner(), p.NewRunner()
		for _, r := range []*Runner{one, two} {
			r.begin(rec)
			r.fileName = "F_12.csv"
		}
		got, want := e.eval(one), reference.run(two)
		require.Equal(t, failureText(two), failureText(one), source)
		require.Equal(t, two.notes, one.notes, source)
		require.Zero(t, one.trying+two.trying, source)
		if one.failed.term == nil {
			require.Equal(t, want.String(), got.String(), "%s", source)
			require.Equal(t, want.kind, got.kind, "%s", source)
		}
		if e.test != nil {
			three := p.NewRunner()
			three.begin(rec)
			three.fileName = "F_12.csv"
			if is := e.test(three); three.failed.term == nil {
				require.Equal(t, want.true(), is, source)
			}
		}
	}
	return true
}

func failureText(r *Runner) string {
	if r.failed.term == nil {
		return ""
	}
	return fmt.Sprintf("%d-%d %s (%q)", r.failed.term.at.from, r.failed.term.at.to, r.failed.reason, r.failed.given)
}

// Closures and expr's virtual machine give the same for random expressions over random records, errors included.
func TestClosuresAgreeWithTheMachine(t *testing.T) {
	accepted := 0
	for seed := range seeds.Each(t, 1000, 1000) {
		rng := rand.New(rand.NewSource(int64(seed)))
		choices := make([]byte, 40+rng.Intn(120))
		rng.Read(choices)
		g := &grower{choices: choices}
		source := g.grow([]Kind{Bool, Text, Int, Decimal, Quantity}[g.pick(5)])
		records := make([]byte, 120)
		rng.Read(records)
		if agree(t, source, records, rng.Intn(4) > 0) {
			accepted++
		}
	}
	require.Greater(t, accepted, 1000, "most of what the grammar grows is well typed")
}

func FuzzClosuresAgreeWithTheMachine(f *testing.F) {
	f.Add([]byte("some choices to begin with, more of them"), []byte("records"))
	f.Fuzz(func(t *testing.T, choices, records []byte) {
		if len(choices) > 400 || len(records) > 400 {
			return
		}
		g := &grower{choices: choices}
		agree(t, g.grow([]Kind{Bool, Text, Int, Decimal, Quantity}[g.pick(5)]), records, true)
	})
}

// No text makes the checker or the compiler panic, and what it accepts runs.
func FuzzExpression(f *testing.F) {
	for _, s := range []string{`a == "x"`, "f(x, y: 1)", "any(a, .b == c)", "a[1:2]", "-1.5e3", "let x = 1; x", "((((", "a ?? b",
		"a in [1, 2]", `a matches "("`,
		"record.x", "out.sim", "#", "{a: 1}", "a | lower()", "::any", "1..2", "not not a", `b"x"`, "0x10 + 0b1",
		"any(a, any(.b, any(.c, true)))"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, source string) {
		if strings.ContainsAny(source, "\x00") || len(source) > 2000 {
			return
		}
		agree(t, source, []byte(source), true)
	})
}
