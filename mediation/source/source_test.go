package source_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"ratemill/mediation/source"
	"ratemill/rules/record"
)

const small = `source: a
collect: { dir: "${DIR}", match: "*.csv" }
decode: { csv: { columns: [imsi, at] } }
map:
  - class: data
    set: { sim: imsi(imsi), at: rfc3339(at), quantity: 1 }
`

func load(t *testing.T, files map[string]string) *source.Book {
	fsys := fstest.MapFS{}
	for name, text := range files {
		fsys[name] = &fstest.MapFile{Data: []byte(text)}
	}
	book, l := source.LoadDir(fsys, func(name string) (string, bool) { return "/" + name, true })
	require.NoError(t, l.Err())
	return book
}

// A source's version changes with everything that its records depend on, and with nothing else.
func TestVersion(t *testing.T) {
	using := small + "  - use: more\n"
	shared := "rules:\n  more:\n    - set: { apn: at }\n"
	versions := map[string]string{}
	for name, files := range map[string]map[string]string{
		"plain":         {"sources/a.yaml": small},
		"with others":   {"sources/a.yaml": small, "classes/c.yaml": shared},
		"changed":       {"sources/a.yaml": small + "# more\n"},
		"using":         {"sources/a.yaml": using, "classes/c.yaml": shared},
		"using changed": {"sources/a.yaml": using, "classes/c.yaml": "rules:\n  more:\n    - set: { cell: at }\n"},
		"another place": {"sources/a.yaml": small, "classes/c.yaml": "classes:\n  lane: { unit: B }\n"},
	} {
		book := load(t, files)
		s, ok := book.Source("a")
		require.True(t, ok)
		require.Equal(t, "/DIR", s.Collect.Dir)
		versions[name] = s.Version
	}
	require.Equal(t, versions["plain"], versions["with others"])
	require.Equal(t, versions["plain"], versions["another place"])
	require.NotEqual(t, versions["plain"], versions["changed"])
	require.NotEqual(t, versions["using"], versions["using changed"])
}

func TestSequenceNumber(t *testing.T) {
	book := load(t, map[string]string{"sources/a.yaml": small + "sequence: { from: \"name[4:10]\" }\n"})
	n, err := book.Sources[0].Sequence.Number("/out/SKY_000123.csv.gz")
	require.NoError(t, err)
	require.Equal(t, int64(123), n)
	_, err = book.Sources[0].Sequence.Number("/out/other.csv")
	require.ErrorContains(t, err, "not a whole number")
	for _, name := range []string{"/out/SKY_", "/out/SKY_-00012.csv", "/out/SKY_+00012.csv", "/out/SKY_ 0 12 .csv"} {
		_, err = book.Sources[0].Sequence.Number(name)
		require.Error(t, err, name)
	}
	book = load(t, map[string]string{"sources/a.yaml": small + "sequence: { from: \"int(name[3:5])\" }\n"})
	_, err = book.Sources[0].Sequence.Number("car-5")
	require.EqualError(t, err, "-5 is negative; leave the character before the digits out")
}

func TestASequenceThatNeverHasANumberIsTold(t *testing.T) {
	for match, told := range map[string]bool{"car????.csv": true, "SKY_??????.csv": false, "car*.csv": false} {
		text := strings.Replace(small, "*.csv", match, 1) + "sequence: { from: \"name[4:10]\" }\n"
		_, l := source.LoadDir(fstest.MapFS{"sources/a.yaml": &fstest.MapFile{Data: []byte(text)}},
			func(name string) (string, bool) { return "/" + name, true })
		require.NoError(t, l.Err())
		require.Equal(t, told, strings.Contains(fmt.Sprint(l), "have no number"), "%s: %v", match, l)
	}
}

func TestRereadsNamesOtherSources(t *testing.T) {
	for rereads, told := range map[string]string{"a": "source a rereads itself", "carr": "the project has no source carr", "b": ""} {
		_, l := source.LoadDir(fstest.MapFS{
			"sources/a.yaml": &fstest.MapFile{Data: []byte(small + "rereads: " + rereads + "\n")},
			"sources/b.yaml": &fstest.MapFile{Data: []byte(strings.Replace(small, "source: a", "source: b", 1))},
		}, func(name string) (string, bool) { return "/" + name, true })
		require.Equal(t, rereads == "a", l.HasErrors(), l)
		require.Equal(t, told != "", strings.Contains(fmt.Sprint(l), "reread"), "%v", l)
		require.Contains(t, fmt.Sprint(l), told)
	}
}

func TestATrailerWithANegativeCountDoesNotPass(t *testing.T) {
	text := strings.Replace(small, "csv: { columns: [imsi, at] }", "csv: { columns: [imsi, at] }, trailer: { when: imsi == \"T\", "+
		"records: int(at) }", 1)
	s := load(t, map[string]string{"sources/a.yaml": text}).Sources[0]
	for count, why := range map[string]string{"-1": "the trailer's count is not a whole number",
		"2": "the trailer counts 2 records, but the file has 1"} {
		d, err := s.Open(strings.NewReader("1,x\nT," + count + "\n"))
		require.NoError(t, err)
		var rec record.Record
		require.NoError(t, d.Next(&rec))
		require.ErrorContains(t, d.Next(&rec), why)
	}
}
