package demo

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/prometheus/procfs"

	"ratemill/internal/embedded/child"
	"ratemill/internal/roles"
	"ratemill/internal/scrape"
)

// processes holds the processes of the roles, one each.
type processes struct {
	environment *environment
	all         []*process
}

// process is a process that runs one role.
type process struct {
	role    roles.Role
	cmd     *exec.Cmd
	metrics string // address
	done    chan struct{}
	err     error
	busy    span
}

// span is the time during which a process worked, and its cost.
type span struct {
	began, ended time.Time
	records      float64
}

// start starts a process for each role.
func start(e *environment) (*processes, error) {
	executable, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &processes{environment: e}
	for _, role := range e.roles {
		log, err := os.Create(filepath.Join(e.dir, role.Name+".log"))
		if err != nil {
			return p, err
		}
		m := &process{role: role, metrics: "127.0.0.1:" + e.ports[role.Name], done: make(chan struct{})}
		m.cmd = exec.Command(executable, "run", "-c", e.config.Path, "--attach", "--role", role.Name, "--listen", m.metrics)
		m.cmd.Stdout, m.cmd.Stderr = log, log
		ended, err := child.Tied(m.cmd, syscall.SIGTERM)
		log.Close()
		if err != nil {
			return p, err
		}
		p.all = append(p.all, m)
		go func() {
			m.err = <-ended
			close(m.done)
		}()
	}
	return p, nil
}

// stop asks all processes to finish their work, and waits for them.
func (p *processes) stop() {
	for _, m := range p.all {
		_ = m.cmd.Process.Signal(syscall.SIGTERM)
	}
	for _, m := range p.all {
		select {
		case <-m.done:
		case <-time.After(10 * time.Second):
			_ = m.cmd.Process.Kill()
			<-m.done
		}
	}
}

// left returns the process that ended unexpectedly, with the end of its output.
func (p *processes) left() error {
	for _, m := range p.all {
		select {
		case <-m.done:
			path := filepath.Join(p.environment.dir, m.role.Name+".log")
			text, _ := os.ReadFile(path) // without the text, the error still says where to look
			lines := strings.Split(strings.TrimSpace(string(text)), "\n")
			return fmt.Errorf("the %s process ended (%v); the end of %s:\n%s", m.role.Name, m.err, path, strings.Join(lines[max(0,
				len(lines)-10):], "\n"))
		default:
		}
	}
	return nil
}

// read requests the metrics of all processes at the same time.
func (p *processes) read(ctx context.Context) map[string]scrape.Metrics {
	all := map[string]scrape.Metrics{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for _, m := range p.all {
		wg.Go(func() {
			r, err := scrape.Read(ctx, m.metrics)
			if err != nil {
				r = nil // not listening yet
			}
			mu.Lock()
			all[m.role.Name] = r
			mu.Unlock()
		})
	}
	wg.Wait()
	return all
}

// used returns the CPU time and the peak memory of a process.
type used struct {
	cpu  time.Duration
	peak int64
}

func usedBy(pid int) (u used) {
	p, err := procfs.NewProc(pid)
	if err != nil {
		return u
	}
	if stat, err := p.Stat(); err == nil {
		u.cpu = time.Duration(stat.CPUTime() * float64(time.Second))
	}
	if status, err := p.NewStatus(); err == nil {
		u.peak = int64(status.VmHWM)
	}
	return u
}
