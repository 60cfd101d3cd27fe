package child

import "syscall"

// attributes: the child dies with its parent, and ctrl-C at the terminal is the parent's to handle.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
