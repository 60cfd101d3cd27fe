// Package cases runs golden cases: one txtar file for each, whose last part is what has to come out.
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

// Each plays each case that a pattern names, and compares what comes out with the part of its file that has this name. With rewrite it is
// written into the file instead.
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
