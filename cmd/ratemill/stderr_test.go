package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Words for people go through stderr, which takes control characters out of foreign text. The line of progress needs a
// carriage return, and cleans what it shows itself.
func TestNoWordsGoToStandardErrorAsTheyAre(t *testing.T) {
	names, err := filepath.Glob("*.go")
	require.NoError(t, err)
	direct := regexp.MustCompile(`Fprint\w*\(os\.Stderr.*`)
	for _, name := range names {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		for _, found := range direct.FindAllString(string(text), -1) {
			require.True(t, strings.Contains(found, `"\r`) || strings.HasSuffix(name, "_test.go"), "%s: %s", name, found)
		}
	}
}
