package diag_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/decimal"
	"ratemill/diag"
)

type document struct {
	Name    diag.Text           `yaml:"name,required"`
	Every   time.Duration       `yaml:"every" default:"60s"`
	After   string              `yaml:"after" enum:"|leave|move|delete" default:"leave"`
	Host    string              `yaml:"host,env"`
	Pass    diag.Secret         `yaml:"password"`
	Rate    decimal.D           `yaml:"rate"`
	Limits  []diag.At[int64]    `yaml:"limits"`
	Ordered diag.Map[diag.Text] `yaml:"ordered"`
	Nested  *struct {
		On bool `yaml:"on"`
	} `yaml:"nested"`
}

func TestDecode(t *testing.T) {
	var doc document
	l := diag.Decode("a.yaml", []byte(`
name: NO
every: 1d12h
host: ${HOST}.example
password: "${PASS}"
rate: 1.10
limits: [1, 2_000]
ordered:
  z: it's
  a: "q\"x = 3"
nested: { on: true }
`), &doc, func(n string) (string, bool) { return strings.ToLower(n), true })
	require.Empty(t, l)
	require.Equal(t, "NO", doc.Name.Value)
	require.Equal(t, 36*time.Hour, doc.Every)
	require.Equal(t, "leave", doc.After)
	require.Equal(t, "host.example", doc.Host)
	require.Equal(t, "pass", doc.Pass.Reveal())
	require.NotContains(t, fmt.Sprintf("%v %+v %#v", doc.Pass, doc, doc.Pass), "pass\"")
	require.Equal(t, "1.1", doc.Rate.String())
	require.Equal(t, int64(2000), doc.Limits[1].Value)
	require.Equal(t, "a.yaml:7:13", doc.Limits[1].Pos.String())
	require.Equal(t, "z", doc.Ordered[0].Key.Value)
	require.Equal(t, "a.yaml:10:11", doc.Ordered[1].Value.Sub(3, 1).String(), "behind the escaped quote")
	require.True(t, doc.Nested.On)
}

func TestAllErrorsAtOnce(t *testing.T) {
	var doc document
	l := diag.Decode("a.yaml", []byte(`evry: 5s
after: mvoe
after: move
host: x-${NOPE}
rate: 1e3
limits: [1, two]
every: soon
nested: []
`), &doc, func(string) (string, bool) { return "", false })
	var b strings.Builder
	diag.Print(&b, l, diag.Options{})
	require.Equal(t, `a.yaml:1:1: error: unknown key evry; did you mean every?
    1 | evry: 5s
      | ^^^^
a.yaml:1:1: error: name is missing here
    1 | evry: 5s
      | ^^^^
a.yaml:2:8: error: after must be one of leave, move, delete, not mvoe; did you mean move?
    2 | after: mvoe
      |        ^^^^
a.yaml:3:1: error: after appears twice; first on line 2
    3 | after: move
      | ^^^^^
a.yaml:4:9: error: the environment has no NOPE; set it before starting ratemill
    4 | host: x-${NOPE}
      |         ^^^^^^^
a.yaml:5:7: error: "1e3" is not a decimal: unexpected 'e' at position 2
    5 | rate: 1e3
      |       ^^^
a.yaml:6:13: error: this must be a whole number, not two
    6 | limits: [1, two]
      |             ^^^
a.yaml:7:8: error: "soon" is not a duration; write a number and ms, s, m, h or d, as in 90s or 7d
    7 | every: soon
      |        ^^^^
a.yaml:8:9: error: nested is a map here, not a list
    8 | nested: []
      |         ^
`, b.String())
	require.Equal(t, "1 file, 9 errors, 0 warnings", diag.Summary(1, l))
}

func TestPositionsInsideScalars(t *testing.T) {
	for _, src := range []string{
		"k: aaa bbb XX ccc", "k: 'a''a bbb XX'", `k: "a\tä\u00e4 XX ccc"`, "k:\n  aaa\n  bbb\n  XX", "k: |\n  aaa\n  bbb XX\n",
		"k: >\n    aaa\n    XX ccc\n",
		"k: {a: b, c: XX}", "k: |\n  XX", "  k: ä XX", "k: {a: ä, c: XX}",
	} {
		n, l := diag.Parse("a.yaml", []byte(src))
		require.Empty(t, l, src)
		v := n.Member("k")
		if v.Kind == diag.Mapping {
			v = v.Member("c")
		}
		offset := len([]rune(v.Text[:strings.Index(v.Text, "XX")]))
		at := v.Sub(offset, 2)
		require.Equal(t, "XX", string([]rune(at.File.Line(at.Line))[at.Column-1:][:2]), src)
	}
}

// A document of one long line, as programs write JSON, is read in a time that grows with its length alone.
func TestADocumentMayBeOneLine(t *testing.T) {
	n, l := diag.Parse("a.json", []byte("["+strings.Repeat(`{"price": "0.01"}, `, 20_000)+"1]"))
	require.Empty(t, l)
	require.Equal(t, 19*20_000+2, n.Items[20_000].Pos.Column)
}

func TestHostileDocuments(t *testing.T) {
	bomb := "a: &a [x,x,x,x,x,x,x,x,x,x]\n"
	for c := 'b'; c < 'k'; c++ {
		bomb += fmt.Sprintf("%c: &%c [*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c]\n", c, c, c-1, c-1, c-1, c-1, c-1, c-1, c-1, c-1, c-1)
	}
	for src, reason := range map[string]string{
		bomb:                          "more than 200000 values",
		strings.Repeat("[", 100_000):  "nested more than",
		strings.Repeat("- ", 100_000): "nested more than",
		"x: " + strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000):     "nested more than",
		"x: " + strings.Repeat("{a: ", 20_000) + strings.Repeat("}", 20_000):  "nested more than",
		strings.Repeat(`["]", `, 20_000) + strings.Repeat("]", 20_000):        "nested more than",
		strings.Repeat("[ # ]\n", 20_000) + "1" + strings.Repeat("]", 20_000): "nested more than",
		strings.Repeat("x", 5<<20): "more than 4194304",
		"a: &a [*a]":               "refers to itself",
		"a: *b":                    "refers to nothing",
		"a: !!binary aGk=":         "tags such as",
		"a: \xff":                  "not UTF-8",
		"a: 1\n---\nb: 2":          "one document",
		"a: [1":                    "not YAML",
		"a: {x: f(1, \"b\")}":      "not YAML",
	} {
		_, l := diag.Parse("a.yaml", []byte(src))
		require.Len(t, l, 1, "%.40s", src)
		require.Contains(t, l[0].Message, reason, "%.40s", src)
	}
}

func TestPrintIsBoundedAndSafe(t *testing.T) {
	f := diag.NewFile("a.yaml", []byte("x: \x1b[31m\t"+strings.Repeat("y", 10_000)+"!"))
	var l diag.List
	l.Errorf(diag.Pos{File: f, Line: 1, Column: 10_000, Length: 5000}, "bad \x1b[0m").Hint = "a hint"
	var b strings.Builder
	diag.Print(&b, l, diag.Options{})
	require.NotContains(t, b.String(), "\x1b")
	require.Less(t, b.Len(), 1000)
	require.Contains(t, b.String(), "= a hint")
}

// TestPasswordsAreNotRepeated: what is printed of a document that has a mistake beside a password, or in its name, ends up
// in the logs of a build.
func TestPasswordsAreNotRepeated(t *testing.T) {
	for _, src := range []string{
		"pasword: sesame", "password: [sesame]", "{ pasword: sesame, nmae: x }", `{ "password": "se,same", nmae: x }`, "key_passphrase: 'sesame",
		"dsn: https://me:sesame@host/db", "controll: postgres://me:ses/sesame@host/db", "dsn: clickhouse://host/db?password=sesame&x=1",
		"nmae: { password: 'sesame' }",
		"sasl: { user: me, password: sesame", "password: sesame: b", "Password:   sesame # a comment", "SECRET=sesame\n",
	} {
		var doc struct {
			Password diag.Secret `yaml:"password"`
			DSN      int         `yaml:"dsn"`
		}
		l := diag.Decode("a.yaml", []byte(src), &doc, func(string) (string, bool) { return "", false })
		require.NotEmpty(t, l, src)
		var b strings.Builder
		diag.Print(&b, l, diag.Options{})
		require.NotContains(t, b.String(), "sesame", src)
		require.NotContains(t, l.Err().Error(), "sesame", src)
	}
	f := diag.NewFile("a.yaml", []byte(`sftp: { password_file: where, password: "${NAME}", passwort: ööö, x: 1 }`))
	var l diag.List
	l.Errorf(diag.Pos{File: f, Line: 1, Column: 70, Length: 1}, "bad")
	var b strings.Builder
	diag.Print(&b, l, diag.Options{})
	require.Contains(t, b.String(), `sftp: { password_file: where, password: "${NAME}", passwort: •••, x: 1 }`)
}

func TestSuggest(t *testing.T) {
	names := []string{"octets", "filter", "country", "imsi"}
	for in, want := range map[string]string{"octet": "octets", "fitler": "filter", "IMSI": "imsi", "zzz": "", "contry": "country", "": ""} {
		require.Equal(t, want, diag.Closest(in, names), in)
	}
}

func FuzzDecode(f *testing.F) {
	for _, s := range []string{"name: x\n", "a: &a [*a]", "a: {b: c, d: [e]}", "? a\n: b", "k: |\n  a\n", "<<: {a: b}"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		var doc document
		l := diag.Decode("f.yaml", src, &doc, nil)
		diag.Print(&strings.Builder{}, l, diag.Options{Color: true})
		if n, _ := diag.Parse("f.yaml", src); n != nil {
			for _, p := range n.Members {
				for i := range []rune(p.Value.Text) {
					p.Value.Sub(i, 1)
				}
			}
		}
	})
}

func TestDiagnosticsOfManyRowsAreSummedUpByKind(t *testing.T) {
	var l diag.List
	text := "network\n" + strings.Repeat("x\n", 50_000)
	file, yaml := diag.NewFile("list.csv", []byte(text)), diag.NewFile("plan.yaml", []byte(text))
	for line := 2; line <= 50_001; line++ {
		l.Warnf(diag.Pos{File: file, Line: line, Column: 1, Length: 1}, "network %d is unknown", line)
		if line%10_000 == 0 {
			l.Errorf(diag.Pos{File: file, Line: line, Column: 1, Length: 1}, "row %d is wrong", line)
			l.Warnf(diag.Pos{File: file, Line: line, Column: 1, Length: 1}, "%s", strings.Repeat("y", line/10_000))
			l.Warnf(diag.Pos{File: yaml, Line: line, Column: 1, Length: 1}, "line %d is odd", line)
		}
	}
	l.Sort()
	var b strings.Builder
	diag.Print(&b, l, diag.Options{})
	require.Equal(t, 3+1+3*5, strings.Count(b.String(), "list.csv:")+strings.Count(b.String(), "plan.yaml:"))
	require.Contains(t, b.String(), "list.csv:5:1: warning: 49997 more rows up to line 50001 have a warning like the 3 before\n")
	require.Equal(t, "0 files, 5 errors, 50010 warnings", diag.Summary(0, l))
}
