package clickhouse

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestInsertAtFindsWhereTheRowsGo(t *testing.T) {
	for in, want := range map[string]string{ // | marks the place; none: the rows are not outside
		"INSERT INTO t FORMAT Native":                                "INSERT INTO t |FORMAT Native",
		"insert into t (a, b)\nformat Native":                        "insert into t (a, b)\n|format Native",
		"INSERT INTO db.t (`a`, b) SETTINGS x = 'FORMAT' FORMAT CSV": "INSERT INTO db.t (`a`, b) |SETTINGS x = 'FORMAT' FORMAT CSV",
		"INSERT INTO `format` FORMAT CSV":                            "INSERT INTO `format` |FORMAT CSV",
		"INSERT INTO settings.format FORMAT CSV":                     "INSERT INTO settings.format |FORMAT CSV",
		"INSERT INTO t (* EXCEPT(values)) FORMAT CSV":                "INSERT INTO t (* EXCEPT(values)) |FORMAT CSV",
		"INSERT /* FORMAT X */ INTO -- y\n TABLE t FORMAT TSV;":      "INSERT /* FORMAT X */ INTO -- y\n TABLE t |FORMAT TSV;",
		"INSERT INTO FUNCTION file('a', 'CSV') FORMAT CSV":           "INSERT INTO FUNCTION file('a', 'CSV') |FORMAT CSV",
		"INSERT INTO t":                            "INSERT INTO t|",
		"INSERT INTO t VALUES":                     "INSERT INTO t |VALUES",
		"INSERT INTO t (a) VALUES (1)":             "",
		"INSERT INTO t SELECT 1 FORMAT CSV":        "",
		"INSERT INTO t SETTINGS a=1 SELECT 1":      "",
		"INSERT INTO t WITH 1 AS x SELECT x":       "",
		"INSERT INTO t FROM INFILE 'a' FORMAT CSV": "",
		"SELECT 1 FORMAT Native":                   "",
		"":                                         "",
		"CREATE TABLE insert_into (a String DEFAULT 'INSERT INTO') x;": "",
	} {
		at, _, ok := insertAt(in)
		got := ""
		if ok {
			got = in[:at] + "|" + in[at:]
		}
		require.Equal(t, want, got, in)
	}
}

func TestOutputFormat(t *testing.T) {
	for in, want := range map[string]string{
		"SELECT 1 FORMAT JSON":                    "JSON",
		"SELECT 1 format TSV SETTINGS a = 1;":     "TSV",
		"SELECT 'FORMAT X', (SELECT 1 AS FORMAT)": "",
		"SELECT 1 -- FORMAT X":                    "",
		"SELECT format('{}', 1)":                  "",
		"SELECT 1 FORMAT":                         "",
	} {
		require.Equal(t, want, outputFormat(in), in)
	}
}

func FuzzScanner(f *testing.F) {
	for _, s := range []string{"INSERT INTO t FORMAT Native", "'a\\'b' \"c\" `d` -- e\n/* f */ # g", "'", "/*", "\\", "\x00ñ"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, q string) {
		s := scanner{q: q}
		end := 0
		for {
			k := s.next()
			require.GreaterOrEqual(t, k.start, end)
			if k.text == "" {
				break
			}
			end = k.start + len(k.text)
			require.Equal(t, q[k.start:end], k.text)
		}
		if at, _, ok := insertAt(q); ok {
			require.LessOrEqual(t, at, len(q))
			require.True(t, strings.Contains(strings.ToUpper(q), "INSERT"))
		}
		outputFormat(q)
		selects(q)
	})
}
