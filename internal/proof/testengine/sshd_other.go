//go:build !linux

package testengine

import (
	"os/exec"
	"testing"
)

// passwords returns the command that starts sshd; on this system, only keys are accepted.
func (s *SSHD) passwords(_ testing.TB, binary string, args ...string) func() *exec.Cmd {
	return func() *exec.Cmd { return exec.Command(binary, args...) }
}

// descendants is only supported on Linux.
func descendants(int) []int { return nil }

func runs(int) bool { return false }
