package crash

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"ratemill/internal/roles"
)

// process runs one role, again and again.
type process struct {
	name    string // of the role, with a number
	role    roles.Role
	metrics string // address
	log     string // file
	command func() *exec.Cmd

	cmd     *exec.Cmd
	done    chan struct{}
	up      bool // it was started, and nobody has killed it since
	stopped bool // by SIGSTOP
	peak    int64
}

func newProcess(p *plant, role roles.Role, number int) (*process, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	name := fmt.Sprintf("%s-%d", role, number)
	return &process{
		name: name, role: role, metrics: address, log: filepath.Join(p.dir, name+".log"),
		command: func() *exec.Cmd {
			cmd := exec.Command(p.binary, "run", "-c", p.config, "--attach", "--role", string(role), "--listen", address)
			cmd.SysProcAttr = dieWithParent()
			return cmd
		},
	}, nil
}

// start starts it; its log goes on.
func (p *process) start() error {
	out, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer out.Close()
	fmt.Fprintf(out, "---- started at %s\n", time.Now().Format(time.RFC3339Nano))
	cmd, done := p.command(), make(chan struct{})
	cmd.Stdout, cmd.Stderr = out, out
	begun := make(chan error)
	go func() {
		runtime.LockOSThread() // to the kernel, the death of this thread is that of the parent (prctl(2))
		err := cmd.Start()
		begun <- err
		if err == nil {
			_ = cmd.Wait()
			close(done)
		}
	}()
	if err := <-begun; err != nil {
		return err
	}
	p.cmd, p.done, p.up, p.stopped = cmd, done, true, false
	return nil
}

// kill ends it as kill -9 does.
func (p *process) kill() {
	if p.cmd == nil {
		return
	}
	p.measure()
	p.up, p.stopped = false, false
	_ = p.cmd.Process.Kill()
	<-p.done
}

// stop asks it to end in order, and answers how long that took.
func (p *process) stop() (time.Duration, error) {
	p.measure()
	p.up = false
	began := time.Now()
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(patience):
		stacks := p.cmd.Process.Signal(syscall.SIGQUIT)
		time.Sleep(time.Second)
		_ = p.cmd.Process.Kill()
		<-p.done
		return patience, errors.Join(fmt.Errorf("%s did not end %v after SIGTERM; its log has the stacks", p.name, patience), stacks)
	}
	if code := p.cmd.ProcessState.ExitCode(); code != 0 {
		return 0, fmt.Errorf("%s was asked to end and did so with exit code %d: %s", p.name, code, p.lastWords(3))
	}
	return time.Since(began), nil
}

// ended says that it ended though nobody asked it to.
func (p *process) ended() bool {
	if !p.up {
		return false
	}
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

func (p *process) signal(s os.Signal) {
	_ = p.cmd.Process.Signal(s) // it may have ended, which ended() tells
	p.stopped = s == syscall.SIGSTOP
}

// measure notes the most memory that it has had.
func (p *process) measure() {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kb, _ := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			p.peak = max(p.peak, kb<<10)
		}
	}
}

func (p *process) lastWords(lines int) string { return tail(p.log, lines) }

// tail is the last lines of a file.
func tail(path string, lines int) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	all := bytes.Split(bytes.TrimSpace(text), []byte("\n"))
	return string(bytes.Join(all[max(0, len(all)-lines):], []byte("\n")))
}

// logLines is how much it has said.
func (p *process) logLines() int {
	text, _ := os.ReadFile(p.log)
	return bytes.Count(text, []byte("\n"))
}
