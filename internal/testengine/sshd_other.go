//go:build !linux

package testengine

import (
	"os/exec"
	"testing"
)

// passwords gives the command that starts sshd; keys only here.
func (s *SSHD) passwords(_ testing.TB, binary string, args ...string) func() *exec.Cmd {
	return func() *exec.Cmd { return exec.Command(binary, args...) }
}

// descendants are known on Linux only.
func descendants(int) []int { return nil }

func runs(int) bool { return false }
