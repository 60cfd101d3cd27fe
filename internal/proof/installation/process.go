package installation

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"ratemill/internal/embedded/child"
	"ratemill/internal/proof/testengine"
)

// Process runs one role, and can be restarted.
type Process struct {
	Name    string // name of the role, with a number
	Role    string
	Metrics string // address
	Up      bool   // the process was started and has not been killed since
	Stopped bool   // by SIGSTOP
	Peak    int64  // peak resident memory, in bytes

	log     string // file
	clock   string // file
	command func() *exec.Cmd
	cmd     *exec.Cmd
	done    chan struct{}
}

// NewProcess returns the process of a role with a number, without starting it.
func (p *Installation) NewProcess(role string, number int) *Process {
	address := testengine.FreeAddress(p.t)
	name := fmt.Sprintf("%s-%d", role, number)
	clock := filepath.Join(p.Dir, name+".clock")
	process := &Process{
		Name: name, Role: role, Metrics: address, log: filepath.Join(p.Dir, name+".log"), clock: clock,
		command: func() *exec.Cmd {
			cmd := exec.Command(p.Binary, "run", "-c", p.Config, "--attach", "--role", role, "--listen", address)
			if p.Options.Clocks {
				cmd.Env = append(os.Environ(), clockVariable+"="+clock)
			}
			return cmd
		},
	}
	if err := process.SetClock(0); err != nil {
		p.t.Fatal(err)
	}
	return process
}

// Start starts the process, which continues its log.
func (p *Process) Start() error {
	out, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer out.Close()
	fmt.Fprintf(out, startedLine+"%s\n", time.Now().Format(time.RFC3339Nano))
	cmd, done := p.command(), make(chan struct{})
	cmd.Stdout, cmd.Stderr = out, out
	ended, err := child.Tied(cmd, syscall.SIGKILL)
	if err != nil {
		return err
	}
	go func() {
		<-ended // the reason is in cmd.ProcessState
		close(done)
	}()
	p.cmd, p.done, p.Up, p.Stopped = cmd, done, true, false
	return nil
}

// Kill ends the process with kill -9.
func (p *Process) Kill() {
	if p.cmd == nil {
		return
	}
	p.Measure()
	p.Up, p.Stopped = false, false
	_ = p.cmd.Process.Kill()
	<-p.done
}

// Stop asks the process to end gracefully, and returns how long that took.
func (p *Process) Stop() (time.Duration, error) {
	p.Measure()
	p.Up = false
	began := time.Now()
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(patience):
		stacks := p.cmd.Process.Signal(syscall.SIGQUIT)
		time.Sleep(time.Second)
		_ = p.cmd.Process.Kill()
		<-p.done
		return patience, errors.Join(fmt.Errorf("%s did not end %v after SIGTERM; its log has the stacks", p.Name, patience), stacks)
	}
	if code := p.cmd.ProcessState.ExitCode(); code != 0 && !p.unready() {
		return 0, fmt.Errorf("%s was asked to end and did so with exit code %d: %s", p.Name, code, p.LastWords(3))
	}
	return time.Since(began), nil
}

// unready reports whether SIGTERM ended the process before its program listened for signals, which takes seconds on a
// busy machine. It has done nothing by then. Its log has no lines after the line that Start wrote, except possibly
// that its clock is wrong.
func (p *Process) unready() bool {
	status, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus)
	_, said, _ := strings.Cut(p.Log()[strings.LastIndex(p.Log(), startedLine):], "\n")
	silent := said == "" || strings.HasPrefix(said, ClockSet) && strings.Count(said, "\n") == 1
	return ok && status.Signaled() && status.Signal() == syscall.SIGTERM && silent
}

// startedLine begins the line that Start writes into the log.
const startedLine = "---- started at "

// Ended reports whether the process ended unexpectedly, and how.
func (p *Process) Ended() (*os.ProcessState, bool) {
	if !p.Up {
		return nil, false
	}
	select {
	case <-p.done:
		return p.cmd.ProcessState, true
	default:
		return nil, false
	}
}

// Signal sends a signal. If the process has already ended, Ended reports that.
func (p *Process) Signal(s os.Signal) {
	_ = p.cmd.Process.Signal(s)
	p.Stopped = s == syscall.SIGSTOP
}

// PID returns the process id since the last start.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Measure records the process's peak memory.
func (p *Process) Measure() {
	if u, err := UsageOf(p.PID()); err == nil {
		p.Peak = max(p.Peak, u.Peak)
	}
}

// LastWords returns the last lines of the log.
func (p *Process) LastWords(lines int) string { return Tail(p.log, lines) }

// Tail returns the last lines of a file.
func Tail(path string, lines int) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	all := bytes.Split(bytes.TrimSpace(text), []byte("\n"))
	return string(bytes.Join(all[max(0, len(all)-lines):], []byte("\n")))
}

// Log returns the whole log.
func (p *Process) Log() string {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// LogLines returns the number of lines in the log.
func (p *Process) LogLines() int { return strings.Count(p.Log(), "\n") }
