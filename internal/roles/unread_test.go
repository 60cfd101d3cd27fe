package roles

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/internal/control"
)

// failed waits until so many files failed.
func (w *world) failed(files int) (all []control.File) {
	for {
		all, err := w.Store.Files(w.Context(), control.FileFilter{States: []control.FileState{control.Failed}, Limit: 100})
		require.NoError(w, err)
		if len(all) == files {
			return all
		}
		require.NoError(w, clock.Sleep(clock{}, w.Context(), 20*time.Millisecond))
	}
}

// TestAFileOfWhichNothingCouldBeReadIsReadWhenItsRulesAreRight: it sends nothing and counts nothing, the files beside
// it are rated, and a retry pins the new rules.
func TestAFileOfWhichNothingCouldBeReadIsReadWhenItsRulesAreRight(t *testing.T) {
	w := newWorld(t, "unread")
	w.start(Roles...)
	w.imports(w.docs["registry.yaml"])
	w.drop("sky/binary.csv", "\x1f\x8b\x08\x00 no gzip after its first bytes")
	w.drop("sky/header.csv", "kind;imsi;started;volume\nD;214070000000001;2026-03-17 00:10:02;1000\n")
	w.drop("sky/neighbour.csv", "type;imsi;started;volume\nD;214070000000001;2026-03-17 00:10:03;2000\n")

	files := w.failed(2)
	balances := w.settled(1)
	require.EqualValues(t, 1, balances["neighbour.csv"].Rated)
	numbers := map[string]int64{}
	for _, f := range files {
		numbers[filepath.Base(f.Path)] = f.Number
		require.Zero(t, f.Progress.Read.Records)
		require.NotEmpty(t, f.Why)
	}
	require.Regexp(t, "gzip", why(files, "binary.csv"))
	require.Regexp(t, `line 1.*"?type"?`, why(files, "header.csv"))

	w.docs["sources/sky.yaml"] = strings.NewReplacer("type ==", "kind ==", "{type}", "{kind}").Replace(w.docs["sources/sky.yaml"])
	w.start(Roles...)
	require.NoError(t, w.Store.RetryFile(t.Context(), numbers["header.csv"], time.Now()))
	require.EqualValues(t, 1, w.settled(2)["header.csv"].Rated)
	require.Equal(t, []string{"1000", "2000"}, w.rows("SELECT quantity FROM rated_usage ORDER BY quantity"))
	require.Len(t, w.failed(1), 1, "the other has waited all the while")
}

func why(files []control.File, name string) string {
	for _, f := range files {
		if filepath.Base(f.Path) == name {
			return f.Why
		}
	}
	return ""
}
