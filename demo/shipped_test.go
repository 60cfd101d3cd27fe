package demo_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/demo"
	"ratemill/internal/demo/generate"
)

var rewrite = flag.Bool("rewrite", false, "write the generated files again")

func TestShippedFilesAreWhatTheGeneratorWrites(t *testing.T) {
	for _, source := range generate.Carriers() {
		files, err := generate.Files(demo.Shipped(source))
		require.NoError(t, err)
		names := []string{"NOTICE"}
		for f := range files {
			names = append(names, f.Name)
			var b bytes.Buffer
			_, err := f.WriteTo(&b)
			require.NoError(t, err)
			path := filepath.Join("files", source, f.Name)
			if *rewrite {
				require.NoError(t, os.WriteFile(path, b.Bytes(), 0o644))
			}
			stored, err := os.ReadFile(path)
			require.NoError(t, err)
			require.Equal(t, b.Bytes(), stored, "%s: go test ./demo -rewrite writes it again", path)
		}
		entries, err := os.ReadDir(filepath.Join("files", source))
		require.NoError(t, err)
		for _, e := range entries {
			require.True(t, slices.Contains(names, e.Name()), "%s/%s is not generated; remove it", source, e.Name())
		}
	}
}
