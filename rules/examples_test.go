package rules

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/diag"
	"ratemill/normalize"
	"ratemill/rules/record"
)

// evaluate runs an expression over a record without fields.
func evaluate(t *testing.T, source string) (value, string) {
	var l diag.List
	p := &Program{classes: StandardClasses()}
	z, err := loadZone("Europe/Madrid")
	require.NoError(t, err)
	p.scope = &scope{layout: &p.layout, columns: []string{"at"}, outputs: map[string]int{}, used: map[string]diag.Pos{}, zone: z}
	c := &compiler{Program: p, list: &l}
	e := c.check(diag.Text{Value: source}, "test", Nothing)
	if e == nil {
		return value{}, l[0].Message
	}
	e.compile()
	r := p.NewRunner()
	r.begin(&record.Record{Fields: make([]record.Value, len(p.layout.Paths()))})
	v := e.eval(r)
	if r.failed.term != nil {
		return value{}, r.failed.reason
	}
	return v, ""
}

// Every example of a function is true, those of normalize too, as rules call them.
func TestExamples(t *testing.T) {
	for _, f := range Functions() {
		require.NotEmpty(t, f.Doc, f.Name)
		source, want, found := strings.Cut(f.Example, " = ")
		if !found || strings.Contains(source, "(at") || f.Group != "text" && f.Group != "number" && f.Group != "absent" {
			continue
		}
		v, failed := evaluate(t, source)
		require.Empty(t, failed, source)
		require.Equal(t, want, strings.ReplaceAll(v.String(), ",", ""), source)
	}
	for _, f := range normalize.Functions() {
		for _, e := range f.Examples {
			v, failed := evaluate(t, e.Expr)
			if e.Error != "" {
				require.Contains(t, failed, e.Error, e.Expr)
				continue
			}
			require.Empty(t, failed, e.Expr)
			want := strings.TrimSuffix(strings.TrimSuffix(e.Result, " B"), " s")
			require.Equal(t, strings.TrimSuffix(want, " ms"), v.plain(), e.Expr)
		}
	}
}

func TestNumbersAreExact(t *testing.T) {
	for source, want := range map[string]string{
		"0.1 + 0.2":                         "0.3",
		"1 / 4":                             "0.25",
		"2 * 3 + 4":                         "10",
		"7 % 3":                             "1",
		"-7 % 3":                            "-1",
		"9007199254740993 + 0":              "9007199254740993",
		"1.5 * 2":                           "3",
		"octets(\"3\") * 1.5 * 2":           "",
		"octets(\"4\") * 1.5":               "6",
		"octets(\"9\") / octets(\"4\")":     "2.25",
		"div(10, 3, 2, \"half_up\")":        "3.33",
		"round(2.345, 2, \"half_even\")":    "2.34",
		"0x10 + 1_000":                      "1016",
		"max(3, 9, 4)":                      "9",
		"concat(\"äöü\"[1:2], \"x\")":       "öx",
		"\"abc\"[-2:]":                      "bc",
		"part(\"a;b;c\", \";\", -1)":        "c",
		"pad(\"7\", 3, \"0\")":              "007",
		"true ? 1 : 2.5":                    "1",
		"weekday(epoch(\"1767225600\"))":    "thu",
		"date(epoch(\"1767223800\"))":       "2026-01-01",
		"epoch(\"60\") - epoch(\"30\")":     "30",
		"epoch(\"60\") + 30":                "1970-01-01T00:01:30Z",
		"\"\" ?? \"n/a\" ?? \"x\"":          "x",
		"int(\"\") ?? 5":                    "5",
		"phone(\"600123456\", from=\"ES\")": "+34600123456",
	} {
		v, failed := evaluate(t, source)
		if want == "" {
			require.Contains(t, failed, "not a whole number", source)
			continue
		}
		require.Empty(t, failed, source)
		require.Equal(t, want, v.plain(), source)
	}
}

func TestWhatCannotBeComputedSuspends(t *testing.T) {
	for source, reason := range map[string]string{
		"9223372036854775807 + 1":              "out of range",
		"-9223372036854775807 - 2":             "out of range",
		"int(\"9223372036854775808\")":         "more than 64 bits",
		"3037000500 * 3037000500":              "out of range",
		"5 % 0":                                "division by zero",
		"1 / 3":                                "say how to round it: div(1, 3, 6, \"half_up\")",
		"1 / 0":                                "division by zero",
		"int(\"x\")":                           "not a whole number",
		"int(\"\") + 1":                        "int(\"\") has no value; give a default: int(\"\") ?? …",
		"int(2.5)":                             "say how to round",
		"not bool(\"\")":                       "has no value",
		"bool(\"maybe\")":                      "neither true nor false",
		"octets(\"5\") - octets(\"x\")":        "octets",
		"epoch(\"9000000000\") + 999999999999": "1678",
		"pad(\"a\", 70000, \"0\")":             "65,536",
	} {
		_, failed := evaluate(t, source)
		require.Contains(t, failed, reason, source)
	}
}

// An expression that would run for long is refused when it is loaded.
func TestExpressionsAreBounded(t *testing.T) {
	for source, reason := range map[string]string{
		strings.Repeat("1 + ", 2000) + "1":                        "more than 4096",
		strings.Repeat("(", 200) + "1" + strings.Repeat(")", 200): "within each other",
		strings.Repeat("1+", 1200) + "1":                          "nodes",
		strings.Repeat("not ", 300) + "true":                      "within each other",
		"any(at, any(#, any(#, true)))":                           "not a list",
		"\"x\" matches \"" + strings.Repeat("a", 600) + "\"":      "more than 512",
		"1..1000000000": "not used",
		"map(1..5, #)":  "unknown function map",
		"at |":          "",
		"let x = 1; x":  "define variables under let",
		"nil":           "absent(x)",
		"env(\"HOME\")": "unknown function env",
		"at.System()":   "only functions",
	} {
		_, failed := evaluate(t, source)
		require.NotEmpty(t, failed, source)
		require.Contains(t, failed, reason, source)
	}
}
