package roles

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/internal/control"
)

// unkeyed is the source sky without a duplicate key: what is read twice is charged twice.
func (w *world) unkeyed() {
	text := w.docs["sources/sky.yaml"]
	at := strings.Index(text, "duplicate:")
	w.docs["sources/sky.yaml"] = text[:at] + text[strings.Index(text, "zone: UTC"):]
}

// numbered is a record with its own volume.
func numbered(n int) string {
	return fmt.Sprintf("D;214070000000001;2026-03-17 %02d:%02d:02;%d\n", n/60%24, n%60, 100_000+n)
}

// numberedFrom are the records from a number up to another.
func numberedFrom(from, to int) (text string) {
	for n := from; n < to; n++ {
		text += numbered(n)
	}
	return text
}

func (c *carrier) ratedOnce(records int) {
	c.Helper()
	require.EqualValues(c, records, c.number("SELECT count() FROM rated_usage"))
	require.EqualValues(c, records, c.number("SELECT uniqExact(quantity) FROM rated_usage"))
	require.Zero(c, c.number("SELECT count() FROM suspense"))
	require.Zero(c, c.number("SELECT count() FROM duplicates"))
	require.Equal(c, fmt.Sprint(records+1), c.rows("SELECT max(line) FROM rated_usage")[0],
		"lines are counted from the beginning of the whole")
}

// state is a file's state, and which file it continues.
func (c *carrier) state(number int64) string {
	f, err := c.Store.File(c.Context(), number)
	require.NoError(c, err)
	return fmt.Sprintf("%s %d", f.State, f.Pins.Part.Continues)
}

func TestAFileWhoseLastLineHasNoEndWaitsUntilItHas(t *testing.T) {
	w := newWorld(t, "continued_cut")
	w.start(Rating, Warehouse)
	w.imports(w.docs["registry.yaml"])
	c := w.carrier()
	whole := header + numberedFrom(0, 2)
	c.drop("sky/a.csv", whole[:len(whole)-3])
	c.lists()
	c.reads()
	f := c.ledger("a.csv")
	require.Equal(t, []any{control.Seen, true}, []any{f.State, f.Open})
	require.Contains(t, f.Why, "its last line has no line end, although others have one")
	c.lists()
	require.Equal(t, f.Why, c.ledger("a.csv").Why, "a listing leaves it as it is")

	c.drop("sky/a.csv", whole)
	c.lists()
	c.reads()
	w.settled(1)
	c.ratedOnce(2)
	require.Equal(t, control.Vanished, control.FileState(strings.Fields(c.state(f.Number))[0]))

	// A person, or the source, may say that it is to be read as it is.
	c.drop("sky/b.csv", strings.TrimSuffix(header+numberedFrom(2, 4), "\n"))
	c.lists()
	c.reads()
	b := c.ledger("b.csv")
	require.Equal(t, control.Seen, b.State)
	require.NoError(t, c.Store.RetryFile(t.Context(), b.Number, time.Now()))
	c.reads()
	w.settled(2)
	w.docs["sources/sky.yaml"] = strings.Replace(w.docs["sources/sky.yaml"], "settled: 0s", "settled: 0s, unfinished: read", 1)
	w.start(Rating, Warehouse)
	c = w.carrier()
	c.drop("sky/c.csv", strings.TrimSuffix(header+numberedFrom(4, 6), "\n"))
	c.lists()
	c.reads()
	w.settled(3)
	require.EqualValues(t, 6, w.number("SELECT uniqExact(quantity) FROM rated_usage"))
}

func TestACompressedFileThatEndsInTheMiddleWaitsUntilItIsWhole(t *testing.T) {
	w := newWorld(t, "continued_gzip")
	w.unkeyed()
	w.start(Rating, Warehouse)
	w.imports(w.docs["registry.yaml"])
	c := w.carrier()
	whole := packed(t, header+numberedFrom(0, 2000), gzip.BestCompression)
	c.drop("sky/a.csv", whole[:len(whole)-20])
	c.lists()
	c.reads()
	require.Contains(t, c.ledger("a.csv").Why, "its gzip stream ends in the middle")
	c.drop("sky/a.csv", whole)
	c.lists()
	c.reads()
	w.settled(1)

	// The same, compressed again, or not at all, is the same file; one that goes on is read from there on.
	c.drop("sky/b.csv", packed(t, header+numberedFrom(0, 2000), gzip.BestSpeed))
	c.drop("sky/c.csv", header+numberedFrom(0, 2000))
	c.drop("sky/d.csv", packed(t, header+numberedFrom(0, 2100), gzip.BestSpeed))
	c.drop("sky/e.csv", header+numberedFrom(0, 2200))
	c.lists()
	c.reads()
	w.settled(3)
	require.EqualValues(t, 2200, w.number("SELECT count() FROM rated_usage"))
	require.EqualValues(t, 2200, w.number("SELECT uniqExact(quantity) FROM rated_usage"))
	require.Equal(t, control.Duplicate, c.ledger("b.csv").State)
	require.Equal(t, control.Duplicate, c.ledger("c.csv").State)
	require.Equal(t, c.ledger("d.csv").Number, c.ledger("e.csv").Pins.Part.Continues)
}

func packed(t *testing.T, text string, level int) string {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, level)
	require.NoError(t, err)
	_, err = z.Write([]byte(text))
	require.NoError(t, err)
	require.NoError(t, z.Close())
	return b.String()
}

func TestAFileThatIsAppendedToFiftyTimesIsReadOnce(t *testing.T) {
	w := newWorld(t, "continued_appended")
	w.unkeyed()
	w.start(Rating, Warehouse)
	w.imports(w.docs["registry.yaml"])
	c := w.carrier()
	text := header
	for n := range 51 {
		text += numbered(n)
		c.drop("sky/Master.csv", text)
		c.lists()
		c.reads()
	}
	w.settled(51)
	c.ratedOnce(51)
	files, err := c.Store.Files(t.Context(), control.FileFilter{})
	require.NoError(t, err)
	sum := int64(0)
	for i, f := range files {
		require.Equal(t, control.Done, f.State)
		require.EqualValues(t, i, f.Pins.Part.Continues)
		require.Equal(t, sum, f.Pins.Part.From)
		sum = f.Size
	}
	require.EqualValues(t, len(text), w.number("SELECT sum(bytes) FROM files"), "the parts are the whole")
}

func TestOfALargeFileThatIsAppendedToOnlyTheNewBytesAreRead(t *testing.T) {
	w := newWorld(t, "continued_large")
	w.unkeyed()
	w.start(Rating, Warehouse)
	w.imports(w.docs["registry.yaml"])
	c := w.carrier()
	const first, parts = 6000, 4
	last := 0
	for n := range parts + 1 {
		c.drop("sky/Master.csv", header+numberedFrom(0, first+50*n))
		c.lists()
		c.reads()
		last = first + 50*n
	}
	w.settled(parts + 1)
	c.ratedOnce(last)
	files, err := c.Store.Files(t.Context(), control.FileFilter{})
	require.NoError(t, err)
	for i, f := range files {
		require.Equal(t, control.Done, f.State)
		require.Equal(t, i > 0, f.Pins.Part.Fetched > 0)
		require.Equal(t, f.Pins.Part.From, f.Pins.Part.Fetched)
		continues := "a whole"
		if i > 0 {
			continues = files[i-1].FileID.String()
		}
		require.Equal(t, []string{continues}, w.rows("SELECT if(continues = '', 'a whole', continues) FROM files WHERE file = "+
			"'"+f.FileID.String()+"'"))
	}
}

func TestAFileThatIsRotatedIsReadOnce(t *testing.T) {
	w := newWorld(t, "continued_rotated")
	w.unkeyed()
	w.docs["sources/sky.yaml"] = strings.Replace(w.docs["sources/sky.yaml"], "sky/*.csv", "'sky/*.csv*'", 1)
	w.start(Rating, Warehouse)
	w.imports(w.docs["registry.yaml"])
	c := w.carrier()
	at := func(name string) string { return filepath.Join(c.dir, "in", "sky", name) }
	c.drop("sky/Master.csv", header+numberedFrom(0, 3))
	c.lists()
	c.reads()
	c.drop("sky/Master.csv", header+numberedFrom(0, 5)) // it is renamed before it is listed
	require.NoError(t, os.Rename(at("Master.csv"), at("Master.csv.1")))
	c.drop("sky/Master.csv", header+numberedFrom(5, 6))
	c.lists()
	c.reads()
	require.NoError(t, os.WriteFile(at("Master.csv.2.gz"), []byte(packed(t, header+numberedFrom(0, 5), 6)), 0o644))
	require.NoError(t, os.Rename(at("Master.csv"), at("Master.csv.1")))
	c.drop("sky/Master.csv", header+numberedFrom(6, 9))
	c.lists()
	c.reads()
	w.settled(4)
	require.EqualValues(t, 9, w.number("SELECT count() FROM rated_usage"))
	require.EqualValues(t, 9, w.number("SELECT uniqExact(quantity) FROM rated_usage"))
}

func TestAFileThatIsWrittenAnewIsToldAndNotChargedAgain(t *testing.T) {
	w := newWorld(t, "continued_rewritten")
	w.unkeyed()
	w.start(Rating, Warehouse)
	w.imports(w.docs["registry.yaml"])
	c := w.carrier()
	c.drop("sky/a.csv", header+numberedFrom(0, 5))
	c.lists()
	c.reads()
	newest := func() control.File {
		files, err := c.Store.Files(t.Context(), control.FileFilter{Path: "a.csv"})
		require.NoError(t, err)
		return files[len(files)-1]
	}
	for _, text := range []string{
		header + numberedFrom(0, 3),                                     // it is uploaded again, and has come so far
		header + numberedFrom(0, 2) + "X;;;\n" + numberedFrom(3, 6),     // a line of it has changed
		header + numberedFrom(0, 5)[:len(numberedFrom(0, 5))-1] + "0\n", // the last line
	} {
		c.drop("sky/a.csv", text)
		c.lists()
		c.reads()
		f := newest()
		require.Equal(t, control.Seen, f.State, "%q", text)
		require.Contains(t, f.Why, "file 1 was read under this name")
	}
	c.drop("sky/a.csv", header+numberedFrom(0, 7))
	c.lists()
	c.reads()
	require.EqualValues(t, 1, newest().Pins.Part.Continues)
	w.settled(2)
	c.ratedOnce(7)
}

// A mediator dies at each of its effects in turn, while the carrier appends, and renames.
func TestAFileThatGrowsWhileMediatorsDieIsReadOnce(t *testing.T) {
	w := newWorld(t, "continued_crashes")
	w.unkeyed()
	w.docs["sources/sky.yaml"] = strings.Replace(w.docs["sources/sky.yaml"], "sky/*.csv", "'sky/*.csv*'", 1)
	w.start(Rating, Warehouse)
	w.imports(w.docs["registry.yaml"])
	c := w.carrier()
	c.window = 100 // bytes, so that these files are read by their new ones
	n, begun, rotations := 0, 0, 0
	grow := func() {
		n += 15
		c.drop("sky/Master.csv", header+numberedFrom(begun, n))
		c.lists()
	}
	for effect, struck := 1, true; struck; effect++ {
		grow()
		dies := &crash{Store: c.Store, Broker: c.Kafka, left: effect, after: effect%2 == 0}
		_, _ = c.mediator(dies).Next(t.Context())
		struck = dies.struck
		grow()
		if effect%3 == 0 {
			rotations++
			require.NoError(t, os.Rename(filepath.Join(c.dir, "in", "sky", "Master.csv"),
				filepath.Join(c.dir, "in", "sky", fmt.Sprintf("Master.csv.%02d", rotations))))
			begun = n
			grow()
		}
		for range 3 { // what waits for another waits a while
			c.lists()
			c.reads()
		}
	}
	files, err := c.Store.Files(t.Context(), control.FileFilter{})
	require.NoError(t, err)
	done, parts, fetched := 0, 0, 0
	for _, f := range files {
		require.False(t, f.Open, "%+v", f)
		if f.State == control.Done {
			done++
		}
		if f.Pins.Part.Continues > 0 {
			parts++
		}
		if f.Pins.Part.Fetched > 0 {
			fetched++
		}
	}
	require.Greater(t, rotations, 2)
	require.Greater(t, parts, 2*rotations)
	require.Greater(t, fetched, parts/2)
	w.settled(done)
	require.EqualValues(t, n, w.number("SELECT count() FROM rated_usage"))
	require.EqualValues(t, n, w.number("SELECT uniqExact(quantity) FROM rated_usage"))
}

// The date of a record stands in the name of its file, so that the same lines on another day are usage of their own.
func TestTheSameContentUnderANameThatRulesReadIsReadAgain(t *testing.T) {
	w := newWorld(t, "continued_named")
	w.unkeyed()
	w.docs["sources/sky.yaml"] = strings.Replace(w.docs["sources/sky.yaml"], `'time(started, "2006-01-02 15:04:05")', quantity: octets`,
		`'time(file.name[2:10], "20060102")', quantity: octets`, 1)
	w.start(Rating, Warehouse)
	w.imports(w.docs["registry.yaml"])
	c := w.carrier()
	c.drop("sky/x_20260317.csv", header+numberedFrom(0, 2))
	c.drop("sky/x_20260318.csv", header+numberedFrom(0, 2))
	c.drop("sky/x_20260319.csv", header+numberedFrom(0, 3))
	c.lists()
	c.reads()
	c.drop("sky/x_20260318.csv", header+numberedFrom(0, 2))
	c.lists()
	c.reads()
	w.settled(3)
	require.Equal(t, []string{"2026-03-17,2", "2026-03-18,2", "2026-03-19,3"},
		w.rows("SELECT toDate(at), count() FROM rated_usage GROUP BY 1 ORDER BY 1"))

	w.docs["sources/sky.yaml"] = strings.Replace(w.docs["sources/sky.yaml"], "settled: 0s", "settled: 0s, identity: content", 1)
	w.start(Rating, Warehouse)
	c = w.carrier()
	c.drop("sky/x_20260320.csv", header+numberedFrom(0, 4))
	c.drop("sky/x_20260321.csv", header+numberedFrom(0, 4))
	c.lists()
	c.reads()
	require.Equal(t, control.Duplicate, c.ledger("x_20260321.csv").State)
}

// renamed is the source sky under another name.
func (w *world) renamed(name, more string) {
	text := w.docs["sources/sky.yaml"]
	delete(w.docs, "sources/sky.yaml")
	w.docs["sources/"+name+".yaml"] = strings.Replace(text, "source: sky\n", "source: "+name+"\n"+more, 1)
}

func TestASourceThatIsRenamedChargesNothingAgain(t *testing.T) {
	for _, keyed := range []bool{false, true} {
		w := newWorld(t, fmt.Sprintf("continued_renamed_%v", keyed))
		if !keyed {
			w.unkeyed()
		}
		w.start(Rating, Warehouse)
		w.imports(w.docs["registry.yaml"])
		c := w.carrier()
		c.drop("sky/a.csv", header+numberedFrom(0, 3))
		c.drop("sky/log.csv", header+numberedFrom(3, 5))
		c.lists()
		c.reads()
		w.settled(2)

		w.renamed("fleet", "formerly: sky\n")
		w.start(Rating, Warehouse)
		c = w.carrier()
		require.Equal(t, "fleet", c.source().Title)
		c.drop("sky/log.csv", header+numberedFrom(3, 7))
		c.drop("sky/copy.csv", header+numberedFrom(0, 3))
		files := 3
		if keyed {
			c.drop("sky/again.csv", strings.Replace(header, "\n", " \n", 1)+numberedFrom(0, 3))
			files++
		}
		c.lists()
		c.reads()
		w.settled(files)
		require.EqualValues(t, 7, c.number("SELECT count() FROM rated_usage"))
		require.EqualValues(t, 7, c.number("SELECT uniqExact(quantity) FROM rated_usage"))
		require.EqualValues(t, 1, c.number("SELECT uniqExact(source) FROM rated_usage"))
		require.EqualValues(t, 3*(files-3), c.number("SELECT count() FROM duplicates"))
		role, err := newMediation(t.Context(), w.Node)
		require.NoError(t, err)
		require.Empty(t, role.held)
		require.NoError(t, role.spool.Close())
		w.stop()
	}
}

func TestANewSourceOverFilesThatAnotherHasReadIsHeldBack(t *testing.T) {
	w := newWorld(t, "continued_held")
	w.start(Rating, Warehouse)
	w.imports(w.docs["registry.yaml"])
	c := w.carrier()
	c.drop("sky/a.csv", header+numberedFrom(0, 3))
	c.lists()
	c.reads()
	w.settled(1)

	before := w.docs["sources/sky.yaml"]
	for _, told := range []struct {
		more string
		held bool
	}{{"", true}, {"rereads: sky\n", false}, {"formerly: sky\n", false}} {
		delete(w.docs, "sources/fleet.yaml")
		w.docs["sources/sky.yaml"] = before
		w.renamed("fleet", told.more)
		w.start(Rating, Warehouse)
		role, err := newMediation(t.Context(), w.Node)
		require.NoError(t, err)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- role.run(ctx) }()
		name := "fleet"
		if strings.HasPrefix(told.more, "formerly") {
			name = "sky"
		}
		require.Eventually(t, func() bool {
			return role.status["chf"].Listed.Load() > 0 && (told.held || role.status[name].Listed.Load() > 0)
		}, time.Minute, time.Millisecond)
		stop()
		require.NoError(t, <-ended)
		files, err := w.Store.Files(t.Context(), control.FileFilter{Source: "fleet"})
		require.NoError(t, err)
		require.Equal(t, told.held, role.held["fleet"] != "")
		if told.held {
			require.Empty(t, files)
			require.Contains(t, strings.Join(role.sources(), "\n"),
				"source fleet is held back: it is new and matches files that source sky has read (1, sky/a.csv is one)")
			require.Contains(t, role.held["fleet"], "write `formerly: sky` into sources/fleet.yaml")
		}
	}
}
