//go:build !linux

package child

import "syscall"

// attributes: ctrl-C at the terminal is the parent's to handle. That the child dies with its parent is left to the
// lifeline alone here.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
