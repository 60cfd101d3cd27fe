package clickhouse

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// flagged reports whether a folder's folders lie apart.
func flagged(t *testing.T, dir string) bool {
	f, err := os.Open(dir)
	require.NoError(t, err)
	defer f.Close()
	flags, err := unix.IoctlGetUint32(int(f.Fd()), unix.FS_IOC_GETFLAGS)
	return err == nil && flags&topDirectory != 0
}

// A file system that knows the flag has it on the folders of tables, and there alone.
func TestSpreadFlagsTheFoldersOfTables(t *testing.T) {
	dir := t.TempDir()
	part := filepath.Join(dir, "store", "3bc", "3bc0", "all_1_1_0")
	require.NoError(t, os.MkdirAll(part, 0o700))
	spread(dir)
	spread(dir)
	f, err := os.Open(dir)
	require.NoError(t, err)
	defer f.Close()
	knows := unix.IoctlSetPointerInt(int(f.Fd()), unix.FS_IOC_SETFLAGS, topDirectory) == nil
	require.Equal(t, knows, flagged(t, filepath.Dir(part)))
	require.False(t, flagged(t, part))
	require.False(t, flagged(t, filepath.Join(dir, "store", "3bc")))
}
