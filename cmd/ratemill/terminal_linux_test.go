package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// openTerminal makes a pseudo-terminal (pts(4)): what is written to the second is read from the first.
func openTerminal(t *testing.T) (reader, terminal *os.File) {
	reader, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	require.NoError(t, err)
	t.Cleanup(func() { reader.Close() })
	require.NoError(t, unix.IoctlSetPointerInt(int(reader.Fd()), unix.TIOCSPTLCK, 0))
	number, err := unix.IoctlGetInt(int(reader.Fd()), unix.TIOCGPTN)
	require.NoError(t, err)
	terminal, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	require.NoError(t, err)
	require.NoError(t, unix.IoctlSetWinsize(int(terminal.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 100}))
	return reader, terminal
}

// TestAnImportShowsHowFarItIs: somebody looks at it, and its file comes slowly.
func TestAnImportShowsHowFarItIs(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "sources"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "ratemill.yaml"), []byte("project: .\n"), 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "accounts.csv"), []byte("id,currency,zone,cycle_day\nrover,GBP,Europe/London,1\n"), 0o644))
	slow := filepath.Join(dir, "sims.csv")
	require.NoError(t, syscall.Mkfifo(slow, 0o600))
	reader, terminal := openTerminal(t)
	program, err := os.Executable()
	require.NoError(t, err)
	c := exec.CommandContext(t.Context(), program, "import", "accounts.csv", "sims.csv")
	c.Dir, c.Env, c.Stderr = dir, append(os.Environ(), asRatemill+"=1", "TERM=xterm"), terminal
	require.NoError(t, c.Start())
	require.NoError(t, terminal.Close())
	sims, err := os.OpenFile(slow, os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = io.WriteString(sims, "imsi,account,plan,since\n")
	require.NoError(t, err)

	var shown strings.Builder
	progress, ended := make(chan struct{}), make(chan struct{})
	var once sync.Once
	go func() {
		defer close(ended)
		defer once.Do(func() { close(progress) })
		b := make([]byte, 4096)
		for {
			n, err := reader.Read(b)
			if shown.Write(b[:n]); strings.Contains(shown.String(), " read") {
				once.Do(func() { close(progress) })
			}
			if err != nil { // EIO when the other side is closed
				return
			}
		}
	}()
	for n := range 5000 { // a bar appears within seconds, or never
		_, err := fmt.Fprintf(sims, "%015d,rover,tracker,2026-01-01\n", 234100000000000+n)
		require.NoError(t, err)
		select {
		case <-progress:
		case <-time.After(4 * time.Millisecond):
			continue
		}
		break
	}
	require.NoError(t, sims.Close())
	require.NoError(t, c.Wait())
	<-ended
	require.Regexp(t, `█+░*  \S+ \w*B read`, shown.String())
	require.Regexp(t, `(?s)\r +\r.*revision 1: 0 companies, 1 account fact, `, shown.String(), "the bar goes when it is done")
}
