package roles

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/internal/control"
)

// same is one letter, again and again.
type same struct{}

func (same) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

func gzipped(t *testing.T, r io.Reader) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := io.Copy(w, r)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.String()
}

// For each broken or hostile file, the ledger or suspense says what is wrong with it; the files before, between and
// after it are rated as usual, in bounded memory.
func TestBrokenFilesHarmNoNeighbour(t *testing.T) {
	w := newWorld(t, "broken")
	w.docs["sources/sky.yaml"] = strings.NewReplacer(
		`decode: {`, `decode: { trailer: { first: T, count: 2, optional: true },`,
		`match: sky/*.csv,`, `match: sky/*.csv, files: 100, unfinished: read,`,
	).Replace(w.docs["sources/sky.yaml"])
	w.start(Rating, Warehouse)
	w.imports(w.docs["registry.yaml"])
	c := w.carrier()
	const header = "type;imsi;started;volume\n"
	volume := 0
	record := func() string {
		volume++
		return fmt.Sprintf("D;214070000000001;2026-03-17 00:10:02;%d\n", volume)
	}
	for _, f := range []struct {
		name, content string
		state         control.FileState
		why           string // of the file
		code          string // of what waits
		rated         int
	}{
		{name: "00 good", content: header + record() + record() + "T;2;;\n", state: control.Done, rated: 2},
		{name: "10 binary", content: "\x7fELF\x02\x01\x01\x00" + strings.Repeat("\x00\x01\xff", 5000), state: control.Failed,
			why: `looks binary, not text`},
		{name: "11 no gzip", content: "\x1f\x8b\x08\x00 no gzip after its first bytes", state: control.Failed, why: "gzip"},
		{name: "12 cut gzip", content: gzipped(t, strings.NewReader(header+strings.Repeat(record(), 1)+strings.Repeat("H;;;\n", 50_000)))[:200],
			state: control.Failed, why: "the gzip stream ends in the middle.*ask for the file again", code: "file", rated: 1},
		{name: "20 good", content: gzipped(t, strings.NewReader(header+record())), state: control.Done, rated: 1},
		{name: "30 bomb", content: gzipped(t, io.MultiReader(strings.NewReader(header+record()), io.LimitReader(same{}, 100<<20))),
			state: control.Failed, why: "bytes of gzip expanded to more than [0-9]+ bytes; raise decode.limits.ratio", code: "file", rated: 1},
		{name: "31 zstd window", content: "\x28\xb5\x2f\xfd\x00\x90\x01\x00\x00", state: control.Failed,
			why: "the zstd window is larger than 128 MiB; compress with --long=27 or less"},
		{name: "32 zip", content: "PK\x03\x04 and so on", state: control.Failed, why: "a zip archive; ratemill reads plain, gzip and zstd"},
		{name: "40 good", content: header + record(), state: control.Done, rated: 1},
		{name: "50 columns", content: header + "D;too;few\n" + record() + "D;too;many;of;them\n", state: control.Done, code: "decode", rated: 1},
		{name: "51 trailer", content: header + record() + "T;3;;\n", state: control.Failed,
			why: "line 3: the trailer counts 3 records, but the file has 1; ask the carrier", code: "file", rated: 1},
		{name: "52 header", content: "type;imsi;volume\nD;214070000000001;7\n", state: control.Failed, why: `line 1: .*started`},
		{name: "53 names", content: header + "D;214070000000001;the day after;7\n" + record(), state: control.Done, code: "rule", rated: 1},
		{name: "54 empty", content: "", state: control.Done},
		{name: "60 long line", content: header + record() + strings.Repeat("x", 100<<20) + "\n" + record(), state: control.Done, code: "decode",
			rated: 2},
		{name: "70 good", content: header + record(), state: control.Done, rated: 1},
	} {
		t.Run(f.name, func(t *testing.T) {
			name := "sky/" + strings.ReplaceAll(f.name, " ", "_") + ".csv"
			c.drop(name, f.content)
			f.content = ""
			heap := peak()
			c.lists()
			c.reads()
			require.Less(t, heap(), 64, "MiB")
			got := c.ledger(filepath.Base(name))
			require.Equal(t, f.state, got.State, got.Why)
			require.False(t, got.Open)
			require.Regexp(t, f.why, got.Why)
			counted, ok := map[string]int{"00 good": 2, "51 trailer": 3}[f.name]
			if !ok {
				counted = -1
			}
			require.EqualValues(t, counted, got.Progress.Expected)
			if f.rated == 0 && f.code == "" {
				require.Zero(t, got.Progress.Seq, "nothing of it is out")
				return
			}
			require.EqualValues(t, f.rated, got.Progress.Usages)
			if got.State == control.Failed {
				// Sent again when raters remember it no more, its end would count twice, and what follows would stop partitions.
				var ended *control.EndedError
				require.ErrorAs(t, c.Store.RetryFile(t.Context(), got.Number, time.Now()), &ended)
			}
		})
	}

	// It shrinks between the listing and the fetch, and is read with its present content.
	c.drop("sky/80_shrinks.csv", header+record()+record())
	c.lists()
	whole := header + record()
	require.NoError(t, os.WriteFile(filepath.Join(c.dir, "in/sky/80_shrinks.csv"), []byte(whole), 0o644))
	c.drop("sky/81_good.csv", header+record())
	c.lists()
	c.reads()
	c.lists()
	c.reads()
	files, err := c.Store.Files(t.Context(), control.FileFilter{Path: "80_shrinks"})
	require.NoError(t, err)
	require.Len(t, files, 2)
	require.Equal(t, []control.FileState{control.Vanished, control.Done}, []control.FileState{files[0].State, files[1].State})
	require.Contains(t, files[0].Why, "replaced at the source")

	b := w.settled(13)
	require.EqualValues(t, 1, b["81_good.csv"].Rated)
	require.EqualValues(t, 1, b["80_shrinks.csv"].Rated)
	require.EqualValues(t, 2, b["60_long_line.csv"].Rated)
	require.EqualValues(t, 2, b["50_columns.csv"].Suspended)
	require.EqualValues(t, 14, w.number("SELECT count() FROM rated_usage"))
	require.EqualValues(t, 14, w.number("SELECT uniqExact(quantity) FROM rated_usage"))
}
