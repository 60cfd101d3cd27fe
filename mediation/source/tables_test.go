package source_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"ratemill/mediation/source"
)

func withTable(options, name, table string) fstest.MapFS {
	return fstest.MapFS{
		"sources/feed.yaml": {Data: []byte(`source: feed
collect: { dir: /var/spool/f, match: "f*.csv" }
decode: { csv: { columns: [imsi, at, to] } }
zone: UTC
tables:
  plmn: { file: tables/plmn.csv` + options + ` }
map:
  - class: sms_mo
    set: { sim: imsi(imsi), at: epoch(at), quantity: 1, network: 'network(plmn[to])' }
`)},
		name: {Data: []byte(table)},
	}
}

// The content of a table is part of the version of each source that reads it, and a stored version contains it.
func TestATableIsPartOfTheVersionAndOfTheBundle(t *testing.T) {
	load := func(table string) *source.Source {
		book, l := source.LoadDir(withTable("", "tables/plmn.csv", table), nil)
		require.NoError(t, l.Err())
		require.Len(t, book.Sources, 1)
		return book.Sources[0]
	}
	first, other := load("code,plmn\nA,214-07"), load("code,plmn\nA,214-05")
	require.NotEqual(t, first.Version, other.Version)
	for _, s := range []*source.Source{first, other} {
		again, err := source.OpenBundle(s.Bundle(), s.Version)
		require.NoError(t, err)
		require.Equal(t, s.Version, again.Version)
		require.Equal(t, s.Bundle(), again.Bundle())
	}
}

func TestATableThatCannotBeReadIsAnErrorOfCheck(t *testing.T) {
	for _, c := range []struct{ options, name, table, reason string }{
		{"", "tables/other.csv", "a,b\n", "file does not exist"},
		{"", "tables/plmn.csv", "", "is empty"},
		{"", "tables/plmn.csv", "a\n1\n", "two columns"},
		{", key: cod", "tables/plmn.csv", "code,plmn\nA,1\n", `no column "cod"; did you mean code?`},
		{"", "tables/plmn.csv", "code,plmn\nA,1\nA,2\n", "line 3: A already means 1"},
		{"", "tables/plmn.csv", "code,plmn\n,1\n", "line 2: the key is empty"},
		{"", "tables/plmn.csv", "code,plmn\nA\n", "wrong number of fields"},
		{"", "tables/plmn.csv", "code,plmn\nA,\xff\n", "not valid UTF-8"},
		{"", "tables/plmn.csv", "code,plmn\n-- x --,1\n", ""},
		{"", "tables/plmn.csv", "code,plmn\n-- x,y --\n", "two dashes"},
		{"", "tables/plmn.csv", "code,plmn\n" + strings.Repeat("1234567890,1\n", 90_000), "larger than 1048576"},
		{"", "tables/plmn.csv", "code,plmn\n" + strings.Repeat("A,1\n", 50_001), "more than 50000 rows"},
		{", keys: code", "tables/plmn.csv", "code,plmn\n", "did you mean key?"},
	} {
		_, l := source.LoadDir(withTable(c.options, c.name, c.table), nil)
		if c.reason == "" {
			require.NoError(t, l.Err())
			continue
		}
		require.ErrorContains(t, l.Err(), c.reason)
	}
	_, l := source.Load("feed.yaml", withTable("", "x", "")["sources/feed.yaml"].Data, nil)
	require.ErrorContains(t, l.Err(), "without its project")
	outside := withTable("", "x", "")
	outside["sources/feed.yaml"].Data = []byte(strings.Replace(string(outside["sources/feed.yaml"].Data), "tables/plmn.csv", "../plmn.csv", 1))
	_, l = source.LoadDir(outside, nil)
	require.ErrorContains(t, l.Err(), "not a path below the project's folder")
}
