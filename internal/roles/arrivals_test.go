package roles

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/internal/proof/testengine"
)

func TestMissingNumbers(t *testing.T) {
	require.Empty(t, missing(nil))
	require.Empty(t, missing([]int64{7}))
	require.Equal(t, []int64{4, 7, 8}, missing([]int64{9, 3, 5, 6, 5}), "in any order, the same number twice")
	require.Equal(t, []int64{2}, missing([]int64{999_998, 999_999, 1, 3}), "a carrier that begins to count anew has lost nothing")
}

// TestAFileWithoutANumberIsTold, since no gap can be noticed beside it.
func TestAFileWithoutANumberIsTold(t *testing.T) {
	w := newWorld(t, "unnumbered")
	w.config.Listen = testengine.FreeAddress(t)
	var log overheard
	w.log = log.logger()
	w.docs["sources/sky.yaml"] += "sequence: { from: \"name[100:104]\" }\n"
	w.start(Roles...)
	w.drop("sky/a0001.csv", header+record(1, 1, 1000))
	w.drop("sky/a0003.csv", header+record(2, 1, 1000))
	w.tells(map[string]float64{`source_unnumbered_files{source="sky"}`: 2, `source_missing_files{source="sky"}`: 0})
	require.Contains(t, log.String(), "file names have no number")
}

// TestASourceThatNeverBroughtAFileIsFollowedSinceItsFirstDay, whatever was restarted since.
func TestASourceThatNeverBroughtAFileIsFollowedSinceItsFirstDay(t *testing.T) {
	w := newWorld(t, "arrivals")
	w.config.Listen = testengine.FreeAddress(t)
	followed := func(source string) (since float64) {
		for told := false; !told; {
			since, told = w.metric(`source_followed_timestamp_seconds{source="` + source + `"}`)
		}
		return since
	}
	w.start(Roles...)
	first := followed("chf")
	require.NotZero(t, first)
	for partition := range 2 {
		for _, role := range []string{"rating", "warehouse"} {
			w.tells(map[string]float64{fmt.Sprintf(`partition_owned{partition="%d",role=%q}`, partition, role): 1})
		}
	}
	w.drop("sky/a.csv", header+record(1, 1, 1000))
	w.imports(w.docs["registry.yaml"])
	w.settled(1)
	w.start(Roles...)
	require.Equal(t, first, followed("chf"))
	newest := func() bool { _, told := w.metric(`source_newest_file_timestamp_seconds{source="sky"}`); return told }
	require.Eventually(t, newest, time.Minute, time.Millisecond)
	_, told := w.metric(`source_followed_timestamp_seconds{source="sky"}`)
	require.False(t, told)
}
