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
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"ratemill/internal/control"
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

// onTerminal runs a command whose output goes to a terminal of 80 columns, and gives what it shows.
func onTerminal(t *testing.T, dir, bin string, args ...string) string {
	reader, terminal := openTerminal(t)
	require.NoError(t, unix.IoctlSetWinsize(int(terminal.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 80}))
	c := ratemill(t, dir, bin, args...)
	c.Stdout, c.Stderr = terminal, terminal
	c.Env = append(c.Env, "TERM=xterm", "NO_COLOR=1")
	require.NoError(t, c.Start())
	require.NoError(t, terminal.Close())
	shown, _ := io.ReadAll(reader) // EIO when the other side is closed
	_ = c.Wait()
	return strings.ReplaceAll(string(shown), "\r\n", "\n")
}

// TestTablesAndReasonsFitTheTerminal: no line is wider than 80 columns, but for a word that is.
func TestTablesAndReasonsFitTheTerminal(t *testing.T) {
	t.Parallel()
	dir, bin := t.TempDir(), program(t)
	require.NoError(t, os.CopyFS(dir, os.DirFS("../../internal/golden/testdata/skylink")))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "ratemill.yaml"), []byte("project: .\n"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "SKY_1.csv"),
		[]byte("D;17.03.2026 00:10:02;214070000000003;;20810;iot.sky;1200;88000;0;8f2e;1\n"), 0o600))
	store, err := control.Open(t.Context(), "sqlite:"+filepath.Join(dir, ".ratemill", "control.db"))
	require.NoError(t, err)
	reason := "the warehouse refuses 2 rows of rated_usage: value 4294967296 of column line is out of range, " +
		"" + "\u009d0;title\u009c" + strings.Repeat(" and more of it", 12)
	require.NoError(t, store.RecordStop(t.Context(), &control.Stop{Topic: "ratemill.rated", Partition: 1, Offset: 123456789,
		Kind: control.StopRows, Hash: "17d803bb36c1b792", Role: "warehouse", Process: "host:1", Reason: reason,
		Detail: []byte(`[{"Table":"rated_usage","Record":"e9340bbd:132","Offset":123456789,"Why":"it is out of range and this is said at length, as ClickHouse does, in many words","Values":"a 1, b 2, c 3, d 4, e 5, f 6, g 7, h 8, i 9, j 10, k 11, l 12, m 13"}]`)}, time.Now()))
	require.NoError(t, store.Close())
	printed, err := ratemill(t, dir, bin, "import", "registry").CombinedOutput()
	require.NoError(t, err, "%s", printed)

	stopped := onTerminal(t, dir, bin, "partition", "list")
	require.Contains(t, stopped, "warehouse, partition 1: stopped at offset 123456789 of ratemill.rated since")
	require.Contains(t, stopped, "  skip it:   ratemill partition skip rated 1 --offset 123456789 \\\n               --message "+
		"17d803bb36c1b792 --why \"…\"\n")
	for _, command := range []string{
		"partition list", "partition list --all", "partition show rated 1 --offset 123456789", "partition list -o csv",
		"partition list -o json",
		"registry list", "registry list acme", "registry show 214070000000003", "check -v", "test", "test --missing",
		"rate --summary SKY_1.csv",
	} {
		shown := onTerminal(t, dir, bin, strings.Fields(command)...)
		require.NotEmpty(t, shown, command)
		require.NotContains(t, shown, "\u009d", command)
		if strings.Contains(command, " -o ") {
			continue
		}
		for line := range strings.Lines(shown) {
			line = strings.TrimRight(line, "\n")
			broad := strings.Contains(strings.TrimLeft(line, " "), " ") && !strings.Contains(line, ": warning: ")
			require.False(t, broad && utf8.RuneCountInString(line) > 80, "%s: %s", command, line)
		}
	}
	piped, err := ratemill(t, dir, bin, "partition", "list").Output()
	require.NoError(t, err)
	require.Contains(t, string(piped), strings.Repeat(" and more of it", 12)+"\n")
	require.Contains(t, string(piped), "--offset 123456789 --message 17d803bb36c1b792 --why")
}

// TestAnImportShowsHowFarItIs: somebody looks at it, and its file comes slowly.
func TestAnImportShowsHowFarItIs(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "sources"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "ratemill.yaml"), []byte("project: .\n"), 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "accounts.csv"), []byte("id,currency,zone,cycle_day\nrover,GBP,Europe/London,1\n"),
		0o644))
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
	require.Regexp(t, `(?s)\x1b\[1A\x1b\[J.*revision 1: 0 companies, 1 account fact, `, shown.String(), "the bar goes when it is done")
}
