//go:build !linux

package child

import "syscall"

// dieWithParent does nothing on this system: the caller must end the process.
func dieWithParent(*syscall.SysProcAttr, syscall.Signal) {}
