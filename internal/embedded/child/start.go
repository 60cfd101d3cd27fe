package child

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// engineVariable contains the engine that a child must run. It is removed from the environment when read, so that
// processes that the child starts are ordinary processes. The configuration contains passwords, and /proc shows
// environments, so it is passed on stdin.
const engineVariable = "RATEMILL_ENGINE"

// inherited lists the environment variables that an engine gets: variables for the loader, Go's runtime and the time
// zone. Other variables may contain passwords of databases and servers that the engine does not need.
var inherited = []string{"PATH", "LD_LIBRARY_PATH", "TZ", "TZDIR", "LANG", "LC_ALL", "TMPDIR", "GOGC", "GOMEMLIMIT", "GOMAXPROCS",
	"GODEBUG", "GOTRACEBACK", "GOCOVERDIR"}

func environment(engine string, usual []string) []string {
	env := append([]string{engineVariable + "=" + engine}, usual...)
	for _, setting := range usual {
		name, _, _ := strings.Cut(setting, "=")
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value) // if a variable occurs twice, the last one counts
		}
	}
	for _, name := range inherited {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// Spec defines which engine to start and how.
type Spec struct {
	Engine string       // name of the engine; `ps` shows the child as "<binary> engine-<name> <Label>"
	Label  string       // distinguishes two children in `ps`, e.g. the data folder
	Config any          // passed to the engine as JSON, on its stdin
	Log    *slog.Logger // receives the engine's output; nil discards it
	Env    []string     // NAME=VALUE, used where the environment of this process does not have NAME
}

// Process is a running child.
type Process struct {
	Ready json.RawMessage // the engine's message when it became ready

	engine   string
	cmd      *exec.Cmd
	lifeline *os.File // closing it, even by the death of this process, ends the child
	tail     *tail
	done     chan struct{}
	err      error // valid once done is closed
	stopOnce sync.Once
}

type report struct {
	Ready json.RawMessage `json:"ready,omitempty"`
	Error string          `json:"error,omitempty"`
}

// Start runs the engine and returns when it is ready to serve. If ctx ends before that, the child is killed; after
// that, ctx has no effect.
func Start(ctx context.Context, spec Spec) (*Process, error) {
	config, err := json.Marshal(spec.Config)
	if err != nil {
		return nil, fmt.Errorf("%s: configuration: %w", spec.Engine, err)
	}
	executable, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("%s: cannot find this program to start it as the engine: %w", spec.Engine, err)
	}
	lifeRead, lifeWrite, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", spec.Engine, err)
	}
	defer lifeRead.Close()
	readyRead, readyWrite, err := os.Pipe()
	if err != nil {
		lifeWrite.Close()
		return nil, fmt.Errorf("%s: %w", spec.Engine, err)
	}
	defer readyRead.Close()

	p := &Process{engine: spec.Engine, lifeline: lifeWrite, tail: &tail{log: spec.Log}, done: make(chan struct{})}
	p.cmd = exec.Command(executable, "engine-"+spec.Engine, spec.Label)
	p.cmd.Env, p.cmd.Stdin = environment(spec.Engine, spec.Env), bytes.NewReader(config)
	p.cmd.ExtraFiles = []*os.File{lifeRead, readyWrite} // 3 and 4 in the child
	p.cmd.Stdout, p.cmd.Stderr = p.tail, p.tail
	p.cmd.WaitDelay = 5 * time.Second

	ended, err := Tied(p.cmd, syscall.SIGKILL)
	readyWrite.Close()
	if err != nil {
		lifeWrite.Close()
		return nil, fmt.Errorf("%s: cannot start %s as the engine: %w", spec.Engine, executable, err)
	}
	go func() {
		p.err = <-ended
		p.lifeline.Close()
		close(p.done)
	}()
	if err := p.awaitReady(ctx, readyRead); err != nil {
		p.Kill()
		return nil, err
	}
	return p, nil
}

func (p *Process) awaitReady(ctx context.Context, from io.Reader) error {
	answer := make(chan report, 1)
	go func() {
		var r report
		if err := json.NewDecoder(from).Decode(&r); err != nil {
			<-p.done
			r.Error = fmt.Sprintf("it exited before it was ready (%v)%s", p.exit(), p.tail)
		}
		answer <- r
	}()
	select {
	case r := <-answer:
		if r.Error != "" {
			return errors.New(r.Error) // the caller adds the name of the engine
		}
		p.Ready = r.Ready
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%s: not ready in time: %w", p.engine, context.Cause(ctx))
	}
}

// PID returns the child's process id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Kill kills the child with kill -9 and returns when it is gone.
func (p *Process) Kill() {
	p.cmd.Process.Kill()
	<-p.done
}

// Stop asks the child to stop and returns when it has. If ctx ends first, the child is killed, which loses no
// acknowledged data.
func (p *Process) Stop(ctx context.Context) error {
	p.stopOnce.Do(func() { p.cmd.Process.Signal(syscall.SIGTERM) })
	select {
	case <-p.done:
		var exit *exec.ExitError
		if errors.As(p.err, &exit) && !exit.Success() && !exit.Sys().(syscall.WaitStatus).Signaled() {
			return p.exit()
		}
		return nil
	case <-ctx.Done():
		p.Kill()
		return fmt.Errorf("%s: did not stop in time and was killed: %w", p.engine, context.Cause(ctx))
	}
}

// Wait returns a channel that receives once, when the child has ended for any reason.
func (p *Process) Wait() <-chan error {
	c := make(chan error, 1)
	go func() {
		<-p.done
		c <- p.exit()
	}()
	return c
}

func (p *Process) exit() error {
	if p.err == nil {
		return fmt.Errorf("%s: the engine ended", p.engine)
	}
	return fmt.Errorf("%s: the engine ended: %w%s", p.engine, p.err, p.tail)
}

// tail forwards the child's output, line by line, and keeps the last lines for the error that explains its death.
type tail struct {
	log   *slog.Logger
	mu    sync.Mutex
	part  []byte
	lines []string
}

const tailLines, tailLine = 20, 4096

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.part = append(t.part, b...)
	for {
		advance, line, _ := bufio.ScanLines(t.part, len(t.part) > tailLine)
		if advance == 0 {
			return len(b), nil
		}
		t.lines = append(t.lines, string(line))
		if len(t.lines) > tailLines {
			t.lines = t.lines[1:]
		}
		if t.log != nil {
			t.log.Info(string(line))
		}
		t.part = t.part[advance:]
	}
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	words := strings.TrimSpace(strings.Join(append(t.lines, string(t.part)), "\n"))
	if words == "" {
		return ""
	}
	return "; its last output:\n" + words
}
