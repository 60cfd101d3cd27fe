package roles

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/internal/warehouse"
)

const sessionSource = `
source: sky
collect: { dir: DIR, match: sky/*.csv, settled: 0s, every: 100ms }
decode: { csv: { header: true, delimiter: ";" } }
zone: UTC
times: { back: 10000d }
map:
  - class: data
    set: { sim: imsi(imsi), at: 'time(started, "2006-01-02 15:04:05")', quantity: octets(volume), session: call, continues: int(part) > 1 }
session: { key: [session], within: 7d }
`

// A part whose beginning is not known waits, also when it is retried too early; after its beginning it costs what the session
// costs more with it. Whoever rates after a restart knows the session. A part whose beginning never comes is rated as a
// session of its own when it is retried with rules that do not set continues.
func TestAPartWaitsForTheBeginningOfItsSession(t *testing.T) {
	w := newWorld(t, "sessions")
	w.docs["sources/sky.yaml"] = strings.ReplaceAll(sessionSource, "DIR", w.dir+"/in")
	w.docs["catalogue/plans/fleet.yaml"] = "plan: fleet\ncurrency: EUR\nclasses:\n" +
		"  data: { increment: 1 MB, prices: [{ price: 0.1 / 1 MB }] }\n"
	w.start(Roles...)
	w.imports(w.docs["registry.yaml"])
	const header = "imsi;started;volume;call;part\n"
	w.drop("sky/1.csv", header+"214070000000001;2026-03-17 00:20:00;1000;a;2\n214070000000001;2026-03-17 00:20:00;1000;z;2\n")
	require.EqualValues(t, 2, w.settled(1)["1.csv"].Suspended)
	early := w.waiting(warehouse.SuspenseFilter{Code: "session_unknown"})
	require.Len(t, early, 2)

	w.retry("sky", early...)
	w.settled(2)
	again := w.waiting(warehouse.SuspenseFilter{Code: "session_unknown"})
	require.Len(t, again, 2, "nothing came meanwhile")

	w.drop("sky/2.csv", header+"214070000000001;2026-03-17 00:10:00;1000;a;1\n")
	require.EqualValues(t, 1, w.settled(3)["2.csv"].Rated)
	w.retry("sky", again...)
	w.settled(4)
	require.Equal(t, []string{"a,1000000,0.1", "a,0,0"}, w.rows("SELECT session, charged, toFloat64(amount) FROM rated_usage ORDER BY at"))
	never := w.waiting(warehouse.SuspenseFilter{Code: "session_unknown"})
	require.Len(t, never, 1)

	w.docs["sources/sky.yaml"] = strings.Replace(w.docs["sources/sky.yaml"], ", continues: int(part) > 1", "", 1)
	w.start(Roles...)
	w.drop("sky/3.csv", header+"214070000000001;2026-03-17 00:30:00;1000;a;3\n")
	w.settled(5)
	w.retry("sky", never...)
	w.settled(6)
	require.Equal(t, []string{"a,1000000,0.1,false", "a,0,0,true", "z,1000000,0.1,false", "a,0,0,false"},
		w.rows("SELECT session, charged, toFloat64(amount), continues FROM rated_usage ORDER BY at, session"))
	require.Empty(t, w.waiting(warehouse.SuspenseFilter{}))
}
