package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var tariffBlock = regexp.MustCompile("(?s)```\n(\\$ cd docs/tariffs/.*?)```\n")

// The tour of tariffs in docs/catalogue.md shows projects of docs/tariffs: what a reader types there prints what the page has.
func TestTheTariffsOfTheCataloguePageCostWhatItSays(t *testing.T) {
	const page = "../../docs/catalogue.md"
	text, err := os.ReadFile(page)
	require.NoError(t, err)
	dir, bin := t.TempDir(), program(t)
	tariffs := filepath.Join(dir, "docs", "tariffs")
	require.NoError(t, os.CopyFS(tariffs, os.DirFS("../../docs/tariffs")))
	changed := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC) // rules compare usage with the time of its file
	require.NoError(t, filepath.WalkDir(tariffs, func(name string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Chtimes(name, changed, changed)
	}))
	blocks := 0
	got := tariffBlock.ReplaceAllStringFunc(string(text), func(block string) string {
		blocks++
		return "```\n" + transcript(t, dir, bin, tariffBlock.FindStringSubmatch(block)[1]) + "```\n"
	})
	folders, err := os.ReadDir(tariffs)
	require.NoError(t, err)
	require.Equal(t, len(folders), blocks, "each project of docs/tariffs is in the tour once")
	checkGolden(t, page, got)
}
