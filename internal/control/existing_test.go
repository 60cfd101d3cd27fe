package control_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/internal/control"
)

func TestAStoreThatIsOnlyReadIsNotMade(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "data", "control.db")
	_, err := control.OpenExisting(t.Context(), "sqlite:"+path)
	var missing *control.MissingError
	require.ErrorAs(t, err, &missing)
	require.ErrorContains(t, err, "there is no control store at "+path+"; is this the folder of the installation?")
	require.NoDirExists(t, filepath.Dir(path))

	require.NoError(t, open(t, "sqlite:"+path).Ping(t.Context()))
	s, err := control.OpenExisting(t.Context(), "sqlite:"+path)
	require.NoError(t, err)
	require.NoError(t, s.Close())

	require.NoError(t, os.WriteFile(filepath.Join(dir, "file"), nil, 0o644))
	_, err = control.OpenExisting(t.Context(), "sqlite:"+filepath.Join(dir, "file", "control.db"))
	require.Error(t, err)
}

// TestTheFileOfTheControlStoreIsItsOwnersAlone also when an earlier version made it for everybody.
func TestTheFileOfTheControlStoreIsItsOwnersAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "control.db")
	for range 2 {
		s, err := control.Open(t.Context(), "sqlite:"+path)
		require.NoError(t, err)
		_, err = s.SettingOrSet(t.Context(), "something", []byte("is written"))
		require.NoError(t, err)
		for _, name := range []string{path, path + "-wal", path + "-shm"} {
			info, err := os.Stat(name)
			require.NoError(t, err)
			require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), name)
		}
		require.NoError(t, s.Close())
		require.NoError(t, os.Chmod(path, 0o644))
	}
}
