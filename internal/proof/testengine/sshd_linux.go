package testengine

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// passwords returns a command that starts sshd so that it accepts Password, if possible. sshd without PAM compares with
// /etc/shadow, so root starts it in a separate mount namespace with another such file. The machine's passwords are
// neither changed nor used. Users who are not root, or may not mount (in some containers), can only use keys.
func (s *SSHD) passwords(t testing.TB, binary string, args ...string) func() *exec.Cmd {
	t.Helper()
	plain := func() *exec.Cmd { return exec.Command(binary, args...) }
	if os.Getuid() != 0 {
		return plain
	}
	shadow, err := os.ReadFile("/etc/shadow")
	if err != nil {
		return plain
	}
	lines := strings.SplitAfter(string(shadow), "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, s.User+":") {
			lines[i] = fmt.Sprintf("%s:%s:20000:0:99999:7:::\n", s.User, sshdPasswordHash)
		}
	}
	if err := os.WriteFile(s.path("shadow"), []byte(strings.Join(lines, "")), 0o600); err != nil {
		t.Fatal(err)
	}
	inNamespace := func(script string) *exec.Cmd {
		cmd := exec.Command("/bin/sh", append([]string{"-c", script, s.path("shadow"), binary}, args...)...)
		cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
		return cmd
	}
	const mount = `mount --bind "$0" /etc/shadow`
	if inNamespace(mount).Run() != nil {
		return plain
	}
	s.Password = sshdPassword
	return func() *exec.Cmd { return inNamespace(mount + ` && exec "$@"`) }
}

// descendants returns the processes below a process.
func descendants(pid int) (all []int) {
	children := map[int][]int{}
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		fields := afterName(text)
		if len(fields) < 2 {
			continue
		}
		child, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		parent, _ := strconv.Atoi(fields[1])
		children[parent] = append(children[parent], child)
	}
	for next := []int{pid}; len(next) > 0; next = next[1:] {
		all = append(all, children[next[0]]...)
		next = append(next, children[next[0]]...)
	}
	return all
}

// afterName returns the part of /proc/PID/stat after the name, which may contain anything: state, parent, …
// (proc(5)).
func afterName(stat []byte) []string {
	_, rest, _ := strings.Cut(string(stat[strings.LastIndexByte(string(stat), ')'):]), " ")
	return strings.Fields(rest)
}

// runs reports whether a process has not ended; a zombie has ended.
func runs(pid int) bool {
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return false
	}
	fields := afterName(text)
	return len(fields) > 0 && fields[0] != "Z" && fields[0] != "X"
}
