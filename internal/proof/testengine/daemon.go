package testengine

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"ratemill/internal/embedded/child"
)

// daemon is a server process that can be killed and restarted. It ends with the test process.
type daemon struct {
	name    string
	log     string // file for its output
	command func() *exec.Cmd
	ready   func() error // nil once it serves; called repeatedly until then

	cmd  *exec.Cmd
	done chan struct{}
}

// patience is how long the start of an engine may take on a machine that is busy with other tests.
const patience = 5 * time.Minute

func (d *daemon) start(t testing.TB) {
	t.Helper()
	if err := d.tryStart(); err != nil {
		t.Fatal(err)
	}
}

func (d *daemon) tryStart() error {
	out, err := os.OpenFile(d.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer out.Close()
	d.cmd, d.done = d.command(), make(chan struct{})
	d.cmd.Stdout, d.cmd.Stderr = out, out
	ended, err := child.Tied(d.cmd, syscall.SIGKILL)
	if err != nil {
		return fmt.Errorf("%s does not start: %w", d.name, err)
	}
	go func(done chan struct{}) {
		<-ended // the reason is in ProcessState
		close(done)
	}(d.done)
	deadline := time.After(patience)
	for {
		err := d.ready()
		if err == nil {
			return nil
		}
		select {
		case <-d.done:
			return fmt.Errorf("%s ended before it served (%v); its last output:\n%s", d.name, d.cmd.ProcessState, d.lastWords())
		case <-deadline:
			d.kill()
			return fmt.Errorf("%s does not serve after %v: %w; its last words:\n%s", d.name, patience, err, d.lastWords())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (d *daemon) kill() {
	if d.done != nil {
		d.cmd.Process.Kill()
		<-d.done
	}
}

// pids returns the process and its descendants.
func (d *daemon) pids() []int {
	return append([]int{d.cmd.Process.Pid}, descendants(d.cmd.Process.Pid)...)
}

func (d *daemon) lastWords() []byte {
	b, err := os.ReadFile(d.log)
	if err != nil {
		return fmt.Append(nil, err)
	}
	b = bytes.TrimSpace(b)
	return b[max(0, len(b)-4000):]
}

// tempDir creates a folder that lasts as long as the engine.
func tempDir(s scope, name string) string {
	s.t.Helper()
	dir, err := os.MkdirTemp("", "ratemill-"+name+"-")
	if err != nil {
		s.t.Fatal(err)
	}
	s.onEnd(func() { os.RemoveAll(dir) })
	return dir
}

// FreeAddress returns an unused loopback address.
func FreeAddress(t testing.TB) string {
	t.Helper()
	return fmt.Sprintf("127.0.0.1:%d", freePort(t))
}

// ports are the ports that this process may give to its engines: the rest of a block on whose first port it listens
// until it ends. So no port is used twice, by this process or by the process of another package, and no other
// program takes the port of an engine that is away for a while.
var ports struct {
	mu        sync.Mutex
	claims    []net.Listener
	next, end int
}

// The blocks are below the range of ports for outgoing connections (ip_local_port_range): otherwise a client of an
// engine that is away could get that very port, and the engine could not return to it.
const (
	lowestPort  = 12_000
	highestPort = 32_000
	portBlock   = 40
)

// freePort returns an unused port on loopback.
func freePort(t testing.TB) int {
	t.Helper()
	ports.mu.Lock()
	defer ports.mu.Unlock()
	var err error
	for range 10_000 {
		var l net.Listener
		if ports.next == ports.end {
			first := lowestPort + portBlock*rand.IntN((highestPort-lowestPort)/portBlock)
			if l, err = listen(first); err == nil {
				ports.claims = append(ports.claims, l)
				ports.next, ports.end = first+1, first+portBlock
			}
			continue
		}
		port := ports.next
		ports.next++
		if l, err = listen(port); err == nil {
			l.Close()
			return port
		}
	}
	t.Fatal("no port is free: ", err)
	return 0
}

func listen(port int) (net.Listener, error) {
	return net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
}

// program finds an executable by name, in PATH or in one of the folders; later matches of a pattern come first,
// because they are newer.
func program(name string, folders ...string) (string, error) {
	for _, pattern := range folders {
		found, _ := filepath.Glob(filepath.Join(pattern, name))
		if len(found) > 0 {
			return found[len(found)-1], nil
		}
	}
	return exec.LookPath(name)
}

// moduleRoot returns the folder of go.mod above the tested package.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", errors.New("no go.mod above the current folder")
		}
		dir = filepath.Dir(dir)
	}
}
