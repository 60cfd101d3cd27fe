package main

import (
	"bufio"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/internal/embedded/clickhouse"
	"ratemill/internal/proof/testengine"
)

// process is `ratemill run` with all roles and embedded engines, as its own process.
type process struct {
	*testing.T
	cmd    *exec.Cmd
	listen string
	ended  chan struct{}

	mu    sync.Mutex
	lines []string
}

// startProcess starts one on a folder, with a source that has files to read.
func startProcess(t *testing.T, dir string, files int) *process {
	program, err := os.Executable()
	require.NoError(t, err)
	library, err := clickhouse.FindLibrary("")
	require.NoError(t, err)
	p := &process{T: t, listen: testengine.FreeAddress(t), ended: make(chan struct{})}
	for name, text := range map[string]string{
		"ratemill.yaml": fmt.Sprintf("listen: %q\nkafka: { listen: %q, partitions: 2 }\nclickhouse: { listen: %q, library: %q "+
			"}\nwarehouse: { flush: 20ms }\nlate_until: never\n", p.listen, testengine.FreeAddress(t), testengine.FreeAddress(t), library),
		"sources/sky.yaml": "source: sky\ncollect: { dir: in, match: '*.csv', settled: 0s, every: 100ms }\ndecode: { csv: { header: true } }\n" +
			"zone: UTC\ntimes: { back: 10000d }\n" +
			"map: [{ class: data, set: { sim: imsi(imsi), at: 'time(at, \"2006-01-02 15:04:05\")', quantity: octets(volume) } }]\n",
		"catalogue/p.yaml": "plan: fleet\ncurrency: EUR\nclasses: { data: { prices: [{ price: 0.01 / 1 kB }] } }\n",
	} {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "in"), 0o755))
	for i := range files {
		line := fmt.Sprintf("214070000000001,2026-03-17 00:10:%02d,%d\n", i%60, i)
		require.NoError(t, os.WriteFile(filepath.Join(dir, "in", fmt.Sprintf("%04d.csv", i)),
			[]byte("imsi,at,volume\n"+strings.Repeat(line, 200)), 0o600))
	}
	p.cmd = exec.Command(program, "run", "-c", filepath.Join(dir, "ratemill.yaml"))
	p.cmd.Env = append(os.Environ(), asRatemill+"=1")
	out, err := p.cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, p.cmd.Start())
	go func() {
		defer close(p.ended)
		for s := bufio.NewScanner(out); s.Scan(); {
			p.mu.Lock()
			p.lines = append(p.lines, s.Text())
			p.mu.Unlock()
		}
		_ = p.cmd.Wait()
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.ended
		if t.Failed() {
			t.Log(p.said())
		}
	})
	return p
}

func (p *process) said() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.lines, "\n")
}

// until waits for something that must come.
func (p *process) until(what string, is func() bool) {
	p.Helper()
	require.Eventually(p, is, 2*time.Minute, 5*time.Millisecond, what)
}

func (p *process) ready() {
	p.until("ready", func() bool {
		res, err := http.Get("http://" + p.listen + "/readyz")
		if err != nil {
			return false
		}
		res.Body.Close()
		return res.StatusCode == http.StatusOK
	})
}

// engine is the process of an embedded engine.
func (p *process) engine(name string) int {
	found, err := filepath.Glob("/proc/[0-9]*/stat")
	require.NoError(p, err)
	for _, path := range found {
		stat, _ := os.ReadFile(path)
		line, _ := os.ReadFile(filepath.Dir(path) + "/cmdline")
		var pid int
		var state string
		var parent int
		if _, after, ok := strings.Cut(string(stat), ") "); ok {
			_, _ = fmt.Sscan(string(stat), &pid)
			_, _ = fmt.Sscan(after, &state, &parent)
		}
		if parent == p.cmd.Process.Pid && strings.Contains(string(line), "engine-"+name) {
			return pid
		}
	}
	p.Fatalf("there is no %s", name)
	return 0
}

func (p *process) signal(pid int, s syscall.Signal) { require.NoError(p, syscall.Kill(pid, s)) }

func gone(pid int) bool { return syscall.Kill(pid, 0) != nil }

// TestSIGTERMEndsAllRolesAndTheirEngines in the middle of work, and what hangs does not keep the process.
func TestSIGTERMEndsAllRolesAndTheirEngines(t *testing.T) {
	dir := t.TempDir()
	p := startProcess(t, dir, 200)
	p.ready()
	kafka, warehouse := p.engine("kafka"), p.engine("clickhouse")
	p.signal(p.cmd.Process.Pid, syscall.SIGTERM)
	<-p.ended
	require.True(t, gone(kafka) && gone(warehouse))
	_, after, there := strings.Cut(p.said(), "stopping; work in progress is finished first")
	require.True(t, there)
	require.Contains(t, after, "the roles have stopped")
	require.Zero(t, p.cmd.ProcessState.ExitCode())

	p = startProcess(t, dir, 400)
	p.ready()
	kafka, warehouse = p.engine("kafka"), p.engine("clickhouse")
	p.signal(warehouse, syscall.SIGSTOP)
	p.signal(p.cmd.Process.Pid, syscall.SIGTERM)
	<-p.ended
	require.True(t, gone(kafka) && gone(warehouse))
}

// TestASecondSIGTERMEndsAtOnce though something hangs, with the exit code of one that was interrupted.
func TestASecondSIGTERMEndsAtOnce(t *testing.T) {
	p := startProcess(t, t.TempDir(), 50)
	p.ready()
	kafka, warehouse := p.engine("kafka"), p.engine("clickhouse")
	p.signal(kafka, syscall.SIGSTOP)
	p.signal(warehouse, syscall.SIGSTOP)
	p.signal(p.cmd.Process.Pid, syscall.SIGTERM)
	p.until("it ends", func() bool { return strings.Contains(p.said(), "stopping; work in progress") })
	p.signal(p.cmd.Process.Pid, syscall.SIGTERM)
	<-p.ended
	require.Equal(t, 130, p.cmd.ProcessState.ExitCode())
	require.Contains(t, p.said(), "unfinished work is done again at the next start")
	p.until("its engines end with it", func() bool { return gone(kafka) && gone(warehouse) })
}

// TestSIGHUPEndsInOrder: a terminal that is closed sends it to the process and to its engines.
func TestSIGHUPEndsInOrder(t *testing.T) {
	// Under nohup the tests ignore SIGHUP, and the processes that they start would inherit that and go on, as they should.
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	p := startProcess(t, t.TempDir(), 200)
	p.ready()
	kafka, warehouse := p.engine("kafka"), p.engine("clickhouse")
	for _, s := range []syscall.Signal{syscall.SIGUSR1, syscall.SIGUSR2} { // do nothing
		p.signal(p.cmd.Process.Pid, s)
		p.until(s.String(), func() bool { return strings.Contains(p.said(), "signal \""+s.String()+"\" is ignored") })
	}
	p.signal(kafka, syscall.SIGHUP)
	p.signal(warehouse, syscall.SIGHUP)
	p.signal(p.cmd.Process.Pid, syscall.SIGHUP)
	p.signal(p.cmd.Process.Pid, syscall.SIGHUP)
	<-p.ended
	require.Equal(t, 0, p.cmd.ProcessState.ExitCode())
	require.Contains(t, p.said(), `why="signal \"hangup\""`)
	require.Contains(t, p.said(), "the roles have stopped")
	require.NotContains(t, p.said(), "embedded engine exited")
	require.True(t, gone(kafka))
	require.True(t, gone(warehouse))
}

// TestTheLogIsAsConfiguredUnlessAFlagSaysOtherwise in level and format.
func TestTheLogIsAsConfiguredUnlessAFlagSaysOtherwise(t *testing.T) {
	run := func(configured string, flags ...string) (lines []string) {
		dir := t.TempDir()
		for name, text := range map[string]string{
			"ratemill.yaml":    "listen: 127.0.0.1:0\ncontrol: postgres://nobody@127.0.0.1:1/nowhere\n" + configured,
			"catalogue/p.yaml": "plan: fleet\ncurrency: EUR\nclasses: { data: { prices: [{ price: 0.01 / 1 kB }] } }\n",
			"sources/sky.yaml": "source: sky\ncollect: { dir: in, match: '*.csv' }\ndecode: { csv: { header: true } }\nzone: UTC\n" +
				"map: [{ class: data, set: { sim: imsi(imsi), at: 'time(at, \"2006-01-02 15:04:05\")', quantity: octets(volume) } }]\n",
		} {
			require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755))
			require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
		}
		program, err := os.Executable()
		require.NoError(t, err)
		cmd := exec.Command(program, append([]string{"run", "-c", dir}, flags...)...)
		cmd.Env = append(os.Environ(), asRatemill+"=1")
		out, err := cmd.StderrPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		defer cmd.Wait()
		defer cmd.Process.Kill()
		for s := bufio.NewScanner(out); s.Scan(); {
			lines = append(lines, s.Text())
			if strings.Contains(s.Text(), "waiting to reach the control store") {
				return lines
			}
		}
		return lines
	}
	text := strings.Join(run(""), "\n")
	require.Contains(t, text, "level=INFO msg=listening")
	require.Contains(t, text, "level=WARN msg=\"waiting to reach the control store\"")
	json := strings.Join(run("log: { level: info, format: json }\n"), "\n")
	require.Contains(t, json, `"level":"INFO","msg":"listening"`)
	require.Contains(t, json, `"level":"WARN","msg":"waiting to reach the control store"`)
	require.NotContains(t, strings.Join(run("log: { level: warn, format: json }\n"), "\n"), "listening")
	require.Contains(t, strings.Join(run("log: { level: warn, format: json }\n", "--log", "info", "--log-format", "text"), "\n"),
		"level=INFO msg=listening")
}
