package clickhouse_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/internal/embedded/keys"
)

// All usage of an installation is in these files, with the numbers of people.
func TestTheFilesOfTheEngineAreForItsOwnerAlone(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "clickhouse")
	require.NoError(t, os.Mkdir(dir, 0o700))
	require.NoError(t, os.Chmod(dir, 0o755)) // as a former version, or somebody, made it
	s := start(t, dir)
	conn := connect(t, s)
	require.NoError(t, conn.Exec(t.Context(), "CREATE TABLE ratemill.t (n UInt64) ENGINE = MergeTree ORDER BY n"))
	require.NoError(t, conn.Exec(t.Context(), "INSERT INTO ratemill.t SELECT number FROM numbers(10)"))
	require.NoError(t, conn.Exec(t.Context(), "CREATE DICTIONARY ratemill.d (n UInt64) PRIMARY KEY n SOURCE(CLICKHOUSE(TABLE 't' DB "+
		"'ratemill')) LAYOUT(FLAT()) LIFETIME(0)"))
	files := 0
	require.NoError(t, filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		require.NoError(t, err)
		info, err := os.Lstat(path)
		require.NoError(t, err)
		if info.Mode()&fs.ModeSymlink != 0 {
			return nil
		}
		allowed := fs.FileMode(0o700)
		if path == keys.ReaderFile(dir) {
			allowed |= 0o040
		}
		require.Zero(t, info.Mode().Perm()&^allowed, "%s has mode %v", path, info.Mode())
		files++
		return nil
	}))
	require.Greater(t, files, 20)
}
