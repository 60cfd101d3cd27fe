// Package cases runs golden cases. Each case is one txtar file, and its last part is the expected result.
package cases

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/tools/txtar"
)

// Each runs each case that matches a pattern, and compares the result with the part of the file that has the given
// name. With rewrite, the result is written into the file instead.
func Each(t *testing.T, pattern, part string, rewrite bool, play func(t *testing.T, file string) (string, *txtar.Archive)) {
	files, err := filepath.Glob(pattern)
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			got, archive := play(t, file)
			i := slices.IndexFunc(archive.Files, func(f txtar.File) bool { return f.Name == part })
			if rewrite {
				if i < 0 {
					archive.Files = append(archive.Files, txtar.File{Name: part})
					i = len(archive.Files) - 1
				}
				archive.Files[i].Data = []byte(got)
				require.NoError(t, os.WriteFile(file, txtar.Format(archive), 0o644))
				return
			}
			require.GreaterOrEqual(t, i, 0, "run with -rewrite")
			require.Equal(t, string(archive.Files[i].Data), got, "%s; run with -rewrite and read the diff", file)
		})
	}
}
