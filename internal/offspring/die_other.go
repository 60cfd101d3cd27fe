//go:build !linux

package offspring

import "syscall"

// dieWithParent does nothing here: the caller must end the process.
func dieWithParent(*syscall.SysProcAttr, syscall.Signal) {}
