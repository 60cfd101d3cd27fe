package licences

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/licensecheck"
	"github.com/stretchr/testify/require"
)

// allowed are the licences that permit shipping a binary with a notice, by their SPDX ids.
var allowed = []string{"Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "MIT-0", "MPL-2.0", "Unlicense", "Zlib", "CC0-1.0",
	"BlueOak-1.0.0"}

func TestEveryDependencyMayBeShipped(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "-f", "{{with .Module}}{{if not .Main}}{{.Path}}\t{{.Dir}}{{end}}{{end}}",
		"ratemill/cmd/ratemill").Output()
	require.NoError(t, err)
	modules := map[string]string{}
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		if path, dir, ok := strings.Cut(lines.Text(), "\t"); ok {
			modules[path] = dir
		}
	}
	require.Greater(t, len(modules), 20, "the binary has dependencies")
	for path, dir := range modules {
		ids := found(t, dir)
		require.NotEmpty(t, ids, "%s: no licence was recognised in %s", path, dir)
		for _, id := range ids {
			require.Contains(t, allowed, id, "%s is under %s, which is not among the licences that may be shipped", path, id)
		}
	}
}

// Files of others that are embedded in the binary, with the licence beside them.
func TestEmbeddedFilesOfOthersMayBeShipped(t *testing.T) {
	for dir, want := range map[string]string{"invoicing/form/fonts": "OFL-1.1"} { // OFL 2: with the notice, and not sold alone
		require.Equal(t, []string{want}, found(t, filepath.Join("..", "..", dir)), dir)
	}
}

// found are the licences in a module's root.
func found(t *testing.T, dir string) (ids []string) {
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, e := range entries {
		name := strings.ToUpper(e.Name())
		if e.IsDir() || !strings.HasPrefix(name, "LICEN") && !strings.HasPrefix(name, "UNLICEN") && !strings.HasPrefix(name, "COPYING") {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		require.NoError(t, err)
		for _, m := range licensecheck.Scan(text).Match {
			if !slices.Contains(ids, m.ID) {
				ids = append(ids, m.ID)
			}
		}
	}
	return ids
}
