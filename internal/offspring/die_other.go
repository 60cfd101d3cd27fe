//go:build !linux

package offspring

import "syscall"

// dieWithParent does nothing here: whoever starts a process must end it.
func dieWithParent(*syscall.SysProcAttr, syscall.Signal) {}
