//go:build !linux

package child

import "syscall"

// dieWithParent does nothing here: the caller must end the process.
func dieWithParent(*syscall.SysProcAttr, syscall.Signal) {}
