package layout

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var (
	watched = regexp.MustCompile(`(?m)^ROLES := ((?:.*\\\n)*.*)$`)
	aTest   = regexp.MustCompile(`(?m)^func (Test\w+)\(`)
)

// The Makefile names the tests of internal/roles that the race detector watches, and leaves them out of the other run. A
// name that no test has would watch nothing, and one that a test of another package has too would leave that test out.
func TestEachTestThatTheRaceDetectorWatchesIsOneOfTheRoles(t *testing.T) {
	root := filepath.Join("..", "..")
	text, err := os.ReadFile(filepath.Join(root, "Makefile"))
	require.NoError(t, err)
	found := watched.FindSubmatch(text)
	require.NotNil(t, found, "the Makefile has no list ROLES")
	names := strings.Fields(strings.ReplaceAll(string(found[1]), "\\\n", " "))
	require.NotEmpty(t, names)
	in := map[string][]string{}
	for file := range tree(t).files {
		if !strings.HasSuffix(file, "_test.go") {
			continue
		}
		text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(file)))
		require.NoError(t, err)
		for _, m := range aTest.FindAllSubmatch(text, -1) {
			in[string(m[1])] = append(in[string(m[1])], filepath.Dir(file))
		}
	}
	for _, name := range names {
		require.Equal(t, []string{"internal/roles"}, in[name], "packages with %s", name)
	}
}
