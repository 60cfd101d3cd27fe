package roles

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/internal/control"
	"ratemill/internal/warehouse"
	"ratemill/udr"
)

const twoRoots = "type;imsi;started;volume\nD;214070000000001;2026-03-17 00:10:02;1000\n"

// A SIM was registered under the wrong billing root, which paid. After the correction the carrier sends the record again,
// under another name: the root that is right must not pay a second time, before somebody has looked.
func TestARecordThatAnotherRootMayHavePaidIsNotRatedByItself(t *testing.T) {
	w := newWorld(t, "owner_corrected")
	w.start(Roles...)
	w.imports(w.docs["registry.yaml"])
	w.drop("sky/a.csv", twoRoots)
	require.EqualValues(t, 1, w.settled(1)["a.csv"].Rated)

	w.imports(`sims: { "214070000000001": { account: north, plan: fleet, since: 2026-01-14 } }`)
	// The second record is new: nobody has paid for it.
	w.drop("sky/b.csv", strings.Replace(twoRoots, "D;", "D;214070000000001;2026-03-17 00:10:03;2000\nD;", 1))
	require.EqualValues(t, 2, w.settled(2)["b.csv"].Suspended, w.rows("SELECT code, reason FROM suspense"))
	rows := w.rows("SELECT concat(code, '|', values, '|', reason) FROM suspense_open ORDER BY seq")
	require.Contains(t, rows[1], "owner_corrected|root north, before acme|the SIM with imsi 214070000000001 belonged at "+
		"2026-03-17T00:10:02Z to billing root north")

	w.retry("sky", w.waiting(warehouse.SuspenseFilter{Code: "owner_corrected"})...)
	after := w.settled(3)["1"]
	require.EqualValues(t, []uint64{1, 1}, []uint64{after.Rated, after.Suspended})
	require.Equal(t, []string{"acme,1000", "north,2000"}, w.rows("SELECT root, quantity FROM rated_usage ORDER BY quantity"))
	first := w.rows("SELECT concat(toString(file), ':', toString(seq)) FROM rated_usage WHERE quantity = 1000")[0]
	require.Equal(t, []string{"copy_rated,rated as " + strings.Trim(first, `"`)}, w.rows("SELECT code, values FROM suspense_open"))

	// Somebody says that it is to be paid all the same.
	number, err := w.Store.OrderRetry(t.Context(), "sky", "ana", "acme was credited", w.waiting(warehouse.SuspenseFilter{}), time.Now())
	require.NoError(t, err)
	require.EqualValues(t, 1, w.settled(4)["2"].Rated)
	require.Equal(t, []string{"acme,1000", "north,1000", "north,2000"},
		w.rows("SELECT root, quantity FROM rated_usage ORDER BY quantity, root"))
	why, err := w.Store.RetryOrder(t.Context(), number)
	require.NoError(t, err)
	require.Equal(t, "acme was credited", why)
}

// A record waits; the carrier sends it again, and the copy is rated. When somebody retries the first, its key is forgotten.
func TestARetryIsNotRatedWhenItsCopyWasRatedLongAgo(t *testing.T) {
	w := newWorld(t, "copy_rated")
	w.docs["sources/sky.yaml"] = strings.Replace(w.docs["sources/sky.yaml"], "within: 30d", "within: 1s", 1)
	w.start(Roles...)
	w.imports(w.docs["registry.yaml"])
	other := strings.Replace(twoRoots, "001;2026", "002;2026", 1)
	w.drop("sky/a.csv", other)
	require.EqualValues(t, 1, w.settled(1)["a.csv"].Suspended)
	w.imports(secondSIM)
	w.drop("sky/b.csv", strings.Replace(other, "D;", "X;;;\nD;", 1))
	require.EqualValues(t, 1, w.settled(2)["b.csv"].Rated)
	// Whether the owner has forgotten the key yet does not matter: the warehouse is asked first.
	w.retry("sky", w.waiting(warehouse.SuspenseFilter{Code: "sim_unknown"})...)
	after := w.settled(3)["1"]
	require.EqualValues(t, []uint64{0, 1}, []uint64{after.Rated, after.Suspended + after.Duplicate})
	require.Equal(t, []string{"1"}, w.rows("SELECT count() FROM rated_usage"))
	require.Equal(t, []string{"copy_rated"}, w.rows("SELECT code FROM suspense_open WHERE stage = 'mediation' AND code != 'declared'"))
}

func TestCopiesAreFoundByKeyAndTime(t *testing.T) {
	w := newWorld(t, "copies")
	w.start(Roles...)
	w.imports(w.docs["registry.yaml"])
	w.drop("sky/a.csv", twoRoots+"D;214070000000001;2026-05-17 00:10:02;5\n")
	require.EqualValues(t, 2, w.settled(1)["a.csv"].Rated)
	var key udr.RecordKey
	hexed := strings.Trim(w.rows("SELECT hex(duplicate_key) FROM rated_usage WHERE quantity = 5")[0], `"`)
	require.Len(t, hexed, 24)
	for i := range key.Duplicate {
		key.Duplicate[i] = hexByte(hexed[2*i:])
	}
	key.At = udr.InstantOf(time.Date(2026, 5, 17, 0, 10, 2, 0, time.UTC))
	later := udr.RecordKey{Duplicate: key.Duplicate, At: key.At + 1}
	found, err := w.Warehouse.Copies(t.Context(), "sky", []udr.RecordKey{later, key, {At: 1}})
	require.NoError(t, err)
	require.Len(t, found, 1)
	require.EqualValues(t, 2, found[key].Seq)
	found, err = w.Warehouse.Copies(t.Context(), "chf", []udr.RecordKey{key})
	require.NoError(t, err)
	require.Empty(t, found)
}

func hexByte(text string) (b byte) {
	for _, c := range []byte(text[:2]) {
		b = b<<4 | byte(strings.IndexByte("0123456789ABCDEF", c))
	}
	return b
}

// A file was begun before its SIM was corrected to another billing root, and its record is still to be sent: for the root as
// it was. A retry of a copy finds nothing in the warehouse meanwhile, and waits for that file.
func TestARetryWaitsForAFileThatWasBegunBeforeTheCorrection(t *testing.T) {
	w := newWorld(t, "begun_before")
	w.docs["sources/sky.yaml"] = strings.Replace(w.docs["sources/sky.yaml"], "every: 100ms", "every: 100ms, parallel: true", 1)
	w.start()
	w.imports(w.docs["registry.yaml"])
	first := header
	for second := range 6 {
		first += record(1, 10+second, 100)
	}
	w.drop("sky/a.csv", first+record(1, 2, 1000))
	begun := w.begins("sky", "its mediator stands still")
	lease, found, err := w.Store.LeaseNext(t.Context(), []control.Queue{{Source: "sky", Parallel: true}}, "slow", time.Now(), time.Hour)
	require.NoError(t, err)
	require.True(t, found && lease.File == begun.Number)

	w.imports(`sims: { "214070000000001": { account: north, plan: fleet, since: 2026-01-14 } }`)
	w.start(Roles...)
	w.drop("sky/b.csv", header+record(1, 2, 1000))
	for len(w.waiting(warehouse.SuspenseFilter{Code: "owner_corrected"})) == 0 {
		require.NoError(t, clock.Sleep(clock{}, t.Context(), 20*time.Millisecond))
	}
	number := w.retry("sky", w.waiting(warehouse.SuspenseFilter{Code: "owner_corrected"})...)
	var retry control.File
	for !strings.Contains(retry.Why, "was corrected to another billing root") {
		files, err := w.Store.Files(t.Context(), control.FileFilter{Source: "sky", Limit: 10})
		require.NoError(t, err)
		for _, f := range files {
			if f.Retry == number {
				retry = f
			}
		}
		require.NotEqual(t, control.Done, retry.State, "the retry did not wait")
		require.NoError(t, clock.Sleep(clock{}, t.Context(), 20*time.Millisecond))
	}
	require.False(t, retry.Pinned, "it can be cancelled")

	require.NoError(t, w.Store.Release(t.Context(), lease))
	w.settled(3)
	require.Equal(t, []string{"acme,1600"}, w.rows("SELECT root, sum(quantity) FROM rated_usage GROUP BY root"))
	require.Equal(t, []string{"copy_rated"}, w.rows("SELECT code FROM suspense_open"))
}
