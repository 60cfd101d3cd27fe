package clickhouse

import (
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// topDirectory is ext4's flag of a folder whose folders do not belong together (chattr +T).
const topDirectory = 0x00020000

// spread lets ext4 put the folders of a table's parts apart. It makes a file in its folder's group of inodes, and looks
// there at each inode that was freed in the last five minutes before it takes another one. Parts come and go, a dozen
// files each, in what would be one group for the whole table: half a millisecond a file. A file system that does not
// know the flag keeps its ways.
func spread(dir string) {
	tables, _ := filepath.Glob(filepath.Join(dir, "store", "*", "*")) // its one error is a bad pattern
	for _, t := range tables {
		f, err := os.Open(t)
		if err != nil {
			continue // dropped
		}
		flags, err := unix.IoctlGetUint32(int(f.Fd()), unix.FS_IOC_GETFLAGS)
		if err == nil && flags&topDirectory == 0 {
			_ = unix.IoctlSetPointerInt(int(f.Fd()), unix.FS_IOC_SETFLAGS, int(flags|topDirectory))
		}
		f.Close()
	}
}
