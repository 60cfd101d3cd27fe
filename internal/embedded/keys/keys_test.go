package keys_test

import (
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/internal/embedded/keys"
)

func TestThePasswordsOfADataFolderAreMadeOnceWhoeverComesFirst(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	all := make([]keys.Keys, 16)
	var wait sync.WaitGroup
	for i := range all {
		wait.Go(func() {
			k, err := keys.Make(data)
			require.NoError(t, err)
			all[i] = k
		})
	}
	wait.Wait()
	for _, k := range all {
		require.Equal(t, all[0], k)
	}
	require.Len(t, all[0].Owner, 64)
	require.NotEqual(t, all[0].Owner, all[0].Reader)
	for path, mode := range map[string]os.FileMode{keys.OwnerFile(data): 0o600, keys.ReaderFile(data): 0o640} {
		info, err := os.Stat(path)
		require.NoError(t, err)
		require.Equal(t, mode, info.Mode().Perm(), path)
	}
	entries, err := os.ReadDir(data)
	require.NoError(t, err)
	require.Len(t, entries, 2, "nothing is left of what was being written")
	again, err := keys.Read(data)
	require.NoError(t, err)
	require.Equal(t, all[0], again)
}

func TestAPasswordThatOthersCanReadIsRefused(t *testing.T) {
	data := t.TempDir()
	_, err := keys.Make(data)
	require.NoError(t, err)
	require.NoError(t, os.Chmod(keys.ReaderFile(data), 0o644))
	_, err = keys.Read(data)
	require.ErrorContains(t, err, "lets others read it: set it to 0640")
	require.NoError(t, os.Chmod(keys.ReaderFile(data), 0o600))
	require.NoError(t, os.Chmod(keys.OwnerFile(data), 0o640))
	_, err = keys.Make(data)
	require.ErrorContains(t, err, "set it to 0600")
	_, err = keys.ReadReader(data)
	require.NoError(t, err, "a user who only reads needs one file")
}

func TestWithoutPasswordsTheErrorSaysWhatMakesThem(t *testing.T) {
	_, err := keys.Read(t.TempDir())
	require.ErrorContains(t, err, "`ratemill run` or `ratemill demo` creates it")
}
