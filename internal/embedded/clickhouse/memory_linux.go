package clickhouse

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// memoryFile returns a file that exists only in memory, with a path by which this process opens it.
func memoryFile() (f *os.File, path string, err error) {
	fd, err := unix.MemfdCreate("rows of an INSERT", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, "", err
	}
	return os.NewFile(uintptr(fd), "rows of an INSERT"), fmt.Sprintf("/proc/self/fd/%d", fd), nil
}
