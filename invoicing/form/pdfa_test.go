package form

import (
	"bytes"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// One process of Java validates all files, since starting it takes most of the time.
func TestPDFsAreValidPDFA3b(t *testing.T) {
	jars, err := filepath.Glob("../../.deps/pdfa/libs/*.jar")
	require.NoError(t, err)
	require.NotEmpty(t, jars, "the validator of PDF/A is missing: make deps-test")
	args := []string{"-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", strings.Join(jars, ":"),
		"org.mozilla.javascript.tools.shell.Main",
		filepath.Join("testdata", "pdfa", "validate.js")}
	all := maps.Clone(drawn(t))
	var want []string
	dir := t.TempDir()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		file := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(file, all[name], 0o600))
		args, want = append(args, file), append(want, "ok "+file)
	}
	// The proof that the validator looks: an attached file that does not say what it is to the document.
	wrong := bytes.Replace(all["regular-en"], []byte("/AFRelationship"), []byte("/AFRelationshib"), 1)
	file := filepath.Join(dir, "wrong")
	require.NoError(t, os.WriteFile(file, wrong, 0o600))
	out, err := exec.Command("java", append(args, file)...).CombinedOutput()
	require.NoError(t, err, "%s", out)
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	require.Greater(t, len(lines), len(want), "%s", out)
	require.Equal(t, want, lines[:len(want)])
	require.Contains(t, lines[len(want)], file+": 6.8 The file specification dictionary shall contain key AFRelationship")
}
