package collect

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// Whoever holds a lease on a file is asked before somebody else opens it (fcntl(2), F_SETLEASE): until it answers, or
// fs.lease-break-time is over, open hangs in the kernel, as on a mount whose server is away.
func TestAnOpenThatHangsInTheKernelIsLeftBehind(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.csv")
	require.NoError(t, os.WriteFile(path, []byte("text"), 0o600))
	site, clock := opened(t, "{ dir: "+dir+", match: '*.csv', settled: 0s, timeout: 300ms }")
	v, err := site.Look(t.Context(), clock.Now())
	require.NoError(t, err)
	require.Len(t, v.Ready, 1)

	holder, err := unix.Open(path, unix.O_RDWR|unix.O_CLOEXEC, 0)
	require.NoError(t, err)
	_, err = unix.FcntlInt(uintptr(holder), unix.F_SETLEASE, unix.F_WRLCK)
	require.NoError(t, err)
	began := time.Now()
	fetch := fetching(clock)
	fetch.Attempts = 2
	_, err = spool(t, 1<<20).Fetch(t.Context(), site.Remote, v.Ready[0], fetch)
	require.ErrorContains(t, err, `cannot be reached: opening "a.csv" has made no progress for 300ms`)
	require.True(t, Unreachable(err))
	require.Less(t, time.Since(began), 30*time.Second)

	require.NoError(t, unix.Close(holder)) // the server is back
	f, err := spool(t, 1<<20).Fetch(t.Context(), site.Remote, v.Ready[0], fetch)
	require.NoError(t, err)
	require.EqualValues(t, 4, f.Size)
}
