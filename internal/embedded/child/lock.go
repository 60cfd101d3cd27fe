package child

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// closeOthersOut removes all access of other users to a data folder that was created with a wider mode.
func closeOthersOut(dir string) error {
	info, err := os.Stat(dir)
	if err != nil || info.Mode().Perm()&0o077 == 0 {
		return err
	}
	return os.Chmod(dir, 0o700)
}

// Lock locks the data folder for this process until the process ends. Keep the returned file open.
func Lock(dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("data folder: %w", err)
	}
	if err := closeOthersOut(dir); err != nil {
		fmt.Fprintf(os.Stderr, "data folder %s can be read by other users of this machine, and its mode cannot be changed (%v): run "+
			"chmod 700 %s as its owner\n", dir, err, dir)
	}
	path := filepath.Join(dir, "LOCK")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("data folder: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		owner := make([]byte, 20)
		n, _ := f.Read(owner)
		f.Close()
		return nil, fmt.Errorf("data folder %s is in use by process %s of a running `ratemill run` or `ratemill demo`; stop "+
			"that process first, or configure another data folder", dir, owner[:n])
	}
	f.Truncate(0)
	fmt.Fprintf(f, "%d", os.Getpid())
	return f, nil
}
