package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// clean are the functions that make foreign text harmless themselves, and the two that write what programs read.
var clean = []string{"Print", "print", "printPlans", "printFiles", "printSuspense", "printSuspendedRecords", "printBalances",
	"printAccountBalances", "printAccountUnits", "Diff", "Words", "Width", "NewWriterSize"}

// Words for people go through stderr and words, which take control characters out of foreign text, and JSON through
// objects. Bars of progress move the cursor, and clean what they show themselves.
func TestForeignTextReachesNoTerminalAsItIs(t *testing.T) {
	names, err := filepath.Glob("*.go")
	require.NoError(t, err)
	direct := regexp.MustCompile(`OutOrStdout\(\)|OutOrStderr\(\)|ErrOrStderr\(\)|os\.Std(out|err)\b`)
	looks := regexp.MustCompile(`(terminal|colours)\(os\.Std(out|err)\)|IsTerminal\(os\.Stdout\.Fd\(\)\)`) // at what it is
	given := regexp.MustCompile(`(\w+)\((?:[\w.]+(?:\(\))?, )*data\(cmd\)|data\(cmd\)`)
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") || name == "output.go" {
			continue
		}
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		for line := range strings.Lines(string(text)) {
			if direct.MatchString(looks.ReplaceAllString(line, "")) {
				require.Contains(t, line, "progress.Passing(os.Stderr)", "%s: use stderr, words, objects or data", name)
			}
			for _, found := range given.FindAllStringSubmatch(line, -1) {
				raw := strings.Contains(line, "data(cmd).Write(append(s.Content") || strings.Contains(line, "o.Words = data(cmd)") ||
					strings.Contains(line, "write(data(cmd)) // bytes of a file")
				require.True(t, raw || slices.Contains(clean, found[1]), "%s: this does not take control characters out: %s", name, line)
			}
		}
	}
}
