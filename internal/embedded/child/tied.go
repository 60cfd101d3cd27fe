package child

import (
	"os/exec"
	"runtime"
	"syscall"
)

// Tied starts a process that gets a signal when this process ends, if the kernel supports that (Linux), and that does
// not get ctrl-C from the terminal. When the process has ended, the channel receives once: the result of Wait.
func Tied(cmd *exec.Cmd, death syscall.Signal) (<-chan error, error) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = true
	dieWithParent(cmd.SysProcAttr, death)
	begun, ended := make(chan error), make(chan error, 1)
	go func() {
		// The signal is sent when the thread that forked ends, not when the process does (prctl(2), PR_SET_PDEATHSIG),
		// so that thread lives as long as the child.
		runtime.LockOSThread()
		err := cmd.Start()
		begun <- err
		if err == nil {
			ended <- cmd.Wait()
		}
	}()
	return ended, <-begun
}
