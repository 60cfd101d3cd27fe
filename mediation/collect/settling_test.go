package collect

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/diag"
)

func TestSettling(t *testing.T) {
	at := func(s int) time.Time { return time.Date(2026, 3, 17, 0, 0, s, 0, time.UTC) }
	file := func(path string, size int64, written int) Entry { return Entry{path, size, at(written)} }
	o := &Options{Settled: time.Minute}
	names := func(es []Entry) (n []string) {
		for _, e := range es {
			n = append(n, e.Path)
		}
		return n
	}
	var s Settling
	for i, step := range []struct {
		now                    int
		files                  []Entry
		ready, growing, vanish []string
	}{
		{0, []Entry{file("b", 10, 0), file("a", 5, 0)}, nil, []string{"a", "b"}, nil},
		{59, []Entry{file("b", 11, 50), file("a", 5, 0)}, nil, []string{"a", "b"}, nil},
		{60, []Entry{file("b", 11, 50), file("a", 5, 0)}, []string{"a"}, []string{"b"}, nil},
		{119, []Entry{file("b", 11, 50), file("a", 5, 100)}, []string{"b"}, []string{"a"}, nil},
		{130, []Entry{file("a", 5, 100)}, nil, []string{"a"}, []string{"b"}},
		{179, []Entry{file("a", 5, 100), file("b", 11, 50)}, []string{"a"}, []string{"b"}, nil},
	} {
		var v Verdict
		s, v = s.Next(Listing{Entries: step.files}, o, at(step.now))
		require.Equal(t, step.ready, names(v.Ready), "step %d", i)
		require.Equal(t, step.growing, names(v.Growing), "step %d", i)
		require.Equal(t, step.vanish, v.Vanished, "step %d", i)
	}

	byTime := &Options{Order: "time"}
	_, v := Settling{}.Next(Listing{Entries: []Entry{file("a", 1, 9), file("b", 1, 3), file("c", 1, 3)}}, byTime, at(0))
	require.Equal(t, []string{"b", "c", "a"}, names(v.Ready))
}

// Each of these documents has the error beside it.
func TestBadOptions(t *testing.T) {
	const key = "host_key: SHA256:x"
	for yaml, want := range map[string]string{
		"{ match: '*' }": "needs a place: sftp or dir",
		"{ dir: /in }":   "match is missing",
		"{ dir: /in, sftp: { host: h, user: u, password: p, " + key + " }, match: '*' }": "one place: sftp or dir",
		"{ dir: /in, match: '[a' }":                       "is not a pattern",
		"{ dir: /in, match: ../x }":                       "leaves its directory",
		"{ dir: /in, match: '*', after: { move: ../x } }": "leaves its directory",
		"{ dir: /in, match: '*', after: remove }":         "after is leave, delete or { move: directory }",
		"{ dir: /in, match: '**/*.csv', after: { move: /done } }": "would match \"**/*.csv\" and be " +
			"read again",
		"{ dir: /in, match: '/out/*/*.csv', after: { move: /out/done } }":                       "be read again",
		"{ dir: /in, match: '/out/**', after: { move: /out/done } }":                            "be read again",
		"{ dir: /in, match: '*', order: size }":                                                 "order must be one of name, time",
		"{ dir: /in, match: '*', settle: 1s }":                                                  "did you mean settled?",
		"{ sftp: { host: h, user: u, " + key + " }, match: '*' }":                               "needs a way to log in",
		"{ sftp: { host: h, user: u, password: p, host_key: 'MD5:x' }, match: '*' }":            "is not a fingerprint",
		"{ sftp: { host: h, user: u, password: p, " + key + ", port: 70000 }, match: '*' }":     "port 70000",
		"{ sftp: { host: h, user: u, password: p, " + key + ", connections: 99 }, match: '*' }": "between 1 and 64",
	} {
		var o Options
		require.ErrorContains(t, diag.Decode("collect.yaml", []byte(yaml), &o, nil).Err(), want, yaml)
	}
	for _, yaml := range []string{
		"{ dir: /in, match: '/out/*.csv', after: { move: /out/done } }",
		"{ dir: /in, match: ['*.csv', '/a/*.gz'], after: { move: /done }, temporary: ['*.x'], every: 5m, order: time }",
	} {
		parsed(t, yaml)
	}
}

func TestMatching(t *testing.T) {
	for _, c := range []struct {
		pattern, path string
		want          bool
	}{
		{"/out/SKY_*.csv.gz", "/out/SKY_1.csv.gz", true},
		{"/out/SKY_*.csv.gz", "/out/x/SKY_1.csv.gz", false},
		{"/out/SKY_*.csv.gz", "out/SKY_1.csv.gz", false},
		{"/out/*/a.csv", "/out/x/a.csv", true},
		{"/out/*/a.csv", "/out/a.csv", false},
		{"**/a.csv", "a.csv", true},
		{"**/a.csv", "x/y/a.csv", true},
		{"/out/**", "/out/x/y", true},
		{"/out/**/b/*.csv", "/out/x/b/y/b/1.csv", true},
		{"*", "a.tmp", false},
		{"*", ".hidden", false},
	} {
		m := newMatcher(&Options{Match: Words{c.pattern}, Temporary: Words{"*.tmp", ".*"}}, false)
		require.Equal(t, c.want, m.file(c.path), "%s %s", c.pattern, c.path)
	}
	bases := func(patterns ...string) []string { return newMatcher(&Options{Match: patterns}, false).bases() }
	require.Equal(t, []string{"/out"}, bases("/out/*.csv", "/out/x/*.csv"))
	require.Equal(t, []string{"."}, bases("*.csv", "out/*.csv"))
	require.Equal(t, []string{"/"}, bases("/*.csv"))
	m := newMatcher(&Options{Match: Words{"/out/*/x/*.csv"}}, false)
	require.True(t, m.leads("/out/a"))
	require.True(t, m.leads("/out/a/x"))
	require.False(t, m.leads("/out/a/y"))
	require.False(t, m.leads("/out/a/x/b.csv"))
}
