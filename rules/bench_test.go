package rules

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/diag"
	"ratemill/rules/record"
)

func compiled(b *testing.B, source string) (*Runner, *expression) {
	var l diag.List
	p := &Program{classes: StandardClasses()}
	p.scope = &scope{layout: &p.layout, columns: []string{"type", "up", "down"}, outputs: map[string]int{}, used: map[string]diag.Pos{}}
	c := &compiler{Program: p, list: &l}
	e := c.check(diag.Text{Value: source}, "bench", Nothing)
	require.NoError(b, l.Err())
	e.compile()
	r := p.NewRunner()
	rec := &record.Record{}
	for _, path := range p.layout.Paths() {
		v := "1200"
		if path == "type" {
			v = "D"
		}
		rec.Fields = append(rec.Fields, record.Value{Kind: record.Text, Text: []byte(v)})
	}
	r.begin(rec)
	return r, e
}

// Each way of running an expression: as closures, and as expr's machine does.
func BenchmarkExpression(b *testing.B) {
	for _, source := range []string{`type == "D"`, `type in ["D", "S"]`, `type == "D" and up == "0" and down == "0"`, `int(up) + 1 > 5`,
		`octets(up) + octets(down)`} {
		r, e := compiled(b, source)
		b.Run(source+"/closures", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if e.test != nil {
					e.test(r)
				} else {
					e.eval(r)
				}
			}
		})
		if e.test != nil {
			slow := compareTest
			if e.top.op == opEqual {
				f := slow(e.top)
				b.Run(source+"/by way of values", func(b *testing.B) {
					for b.Loop() {
						f(r)
					}
				})
			}
		}
		m := newProgram(e.top)
		b.Run(source+"/machine", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				m.run(r)
			}
		})
	}
}

// A chain of conditions on one field, asked one by one and by a dispatch table.
func BenchmarkChain(b *testing.B) {
	for _, n := range []int{2, 4, 8, 32} {
		for _, way := range []string{"one by one", "table"} {
			var l diag.List
			p := &Program{classes: StandardClasses()}
			p.scope = &scope{layout: &p.layout, columns: []string{"type"}, outputs: map[string]int{}, used: map[string]diag.Pos{}}
			c := &compiler{Program: p, list: &l}
			p.steps = []mapStep{{}}
			s := &p.steps[0]
			for i := range n {
				s.chain = append(s.chain, &action{cond: c.check(diag.Text{Value: fmt.Sprintf(`type == "T%02d"`, i)}, "when", Bool)})
			}
			if p.compile(p.exprs); way == "one by one" {
				s.table = nil
				for _, a := range s.chain {
					a.cond.test = compileCondition(a.cond.top)
				}
			}
			r := p.NewRunner()
			recs := make([]record.Record, n)
			for i := range recs {
				recs[i].Fields = []record.Value{{Kind: record.Text, Text: fmt.Appendf(nil, "T%02d", i)}}
			}
			b.Run(fmt.Sprintf("%d/%s", n, way), func(b *testing.B) {
				i := 0
				for b.Loop() {
					r.begin(&recs[i%n])
					i++
					r.choose(s)
				}
			})
		}
	}
}

// Normalizers as rules call them: what the binding costs beside the function itself.
func BenchmarkNormalizer(b *testing.B) {
	for _, call := range []struct{ expr, up string }{
		{`octets(up)`, "1200"},
		{`seconds(up, unit: "10ms")`, "299"},
		{`count(up)`, "3"},
		{`msisdn(up)`, "34600123456"},
		{`phone(up, from: "ES")`, "600123456"},
		{`address(up)`, "VODAFONE"},
		{`country(up)`, "ES"},
		{`network(up)`, "20810"},
		{`carrier(network(up))`, "20810"},
		{`imsi(up)`, "214070000000001"},
		{`ip(up)`, "10.0.0.1"},
		{`comma(up)`, "0,219933"},
		{`time(up, "02.01.2006 15:04:05", zone: "Europe/Madrid")`, "17.03.2026 00:10:02"},
		{`iso8601(up, zone: "Europe/Madrid")`, "2026-03-17 00:10"},
		{`epoch(up)`, "1767225600"},
	} {
		b.Run(call.expr, func(b *testing.B) {
			r, e := compiled(b, call.expr)
			for i := range r.fields {
				r.fields[i].Text = []byte(call.up)
			}
			b.ReportAllocs()
			for b.Loop() {
				r.buf = r.buf[:0]
				if v := e.eval(r); v.kind == Nothing {
					b.Fatal(r.failed.reason)
				}
			}
		})
	}
}
