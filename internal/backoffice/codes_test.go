package backoffice_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/internal/backoffice"
)

func TestCodesAreThoseOfTheDocs(t *testing.T) {
	text, err := os.ReadFile("../../docs/suspense.md")
	require.NoError(t, err)
	_, table, ok := strings.Cut(string(text), "| code | meaning | what to correct |\n| --- | --- | --- |\n")
	require.True(t, ok)
	table, _, _ = strings.Cut(table, "\n\n")
	var codes []string
	for _, row := range strings.Split(table, "\n") {
		for _, m := range regexp.MustCompile("`([a-z_]+)`").FindAllStringSubmatch(strings.Split(row, "|")[1], -1) {
			codes = append(codes, m[1])
		}
	}
	require.ElementsMatch(t, backoffice.Codes, codes)
}

// Codes are written where records are suspended.
func TestCodesAreThoseOfTheProgram(t *testing.T) {
	written := regexp.MustCompile(`(?:SuspendError\{\s*Code: |\bsuspend\(|^const (?:Full|Skipped)Code = )"([a-z_]+)"`)
	seen := map[string]bool{}
	for _, dir := range []string{"../../rules", "../../mediation", "../../rating", "../rater"} {
		require.NoError(t, filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			text, err := os.ReadFile(path)
			for _, m := range written.FindAllStringSubmatch(string(text), -1) {
				require.Contains(t, backoffice.Codes, m[1], "%s", path)
				seen[m[1]] = true
			}
			return err
		}))
	}
	require.Greater(t, len(seen), 15, "the test does not find the codes any more")
}
