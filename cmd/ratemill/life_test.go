package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var pageBlock = regexp.MustCompile("(?s)```yaml\n(# (\\S+)\n.*?)```\n|```\n(\\$ .*?)```\n")

// TestThePageOnTheLifeOfASIMShowsWhatCommandsPrint writes the page's documents and types its commands, in a project of
// its own.
func TestThePageOnTheLifeOfASIMShowsWhatCommandsPrint(t *testing.T) {
	checkPage(t, "../../docs/life-of-a-sim.md")
}

func TestThePageOnAnomaliesShowsWhatCommandsPrint(t *testing.T) {
	checkPage(t, "../../docs/anomalies.md")
}

func checkPage(t *testing.T, path string) {
	page, err := os.ReadFile(path)
	require.NoError(t, err)
	dir, bin := t.TempDir(), program(t)
	var b strings.Builder
	at := 0
	for _, m := range pageBlock.FindAllSubmatchIndex(page, -1) {
		b.Write(page[at:m[0]])
		at = m[1]
		if m[2] >= 0 {
			file := filepath.Join(dir, string(page[m[4]:m[5]]))
			require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
			require.NoError(t, os.WriteFile(file, page[m[2]:m[3]], 0o644))
			b.Write(page[m[0]:m[1]])
			continue
		}
		b.WriteString("```\n" + transcript(t, dir, bin, string(page[m[6]:m[7]])) + "```\n")
	}
	b.Write(page[at:])
	checkGolden(t, path, b.String())
}
