package testengine

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"ratemill/internal/embedded/child"
)

// mounting is an environment variable of the process that WithDisks starts, which may mount disks.
const mounting = "RATEMILL_TEST_MAY_MOUNT"

const capSysAdmin = 21 // linux/capability.h

// WithDisks runs a test that mounts its own disks (NewDisk). The test runs alone in a separate process and
// mount namespace, so that no other process sees the disks and nothing is left of them. Users other than root
// also get a user namespace, in which they may mount.
func WithDisks(t *testing.T, test func(*testing.T)) {
	t.Helper()
	if os.Getenv(mounting) != "" {
		test(t)
		return
	}
	executable, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	name := "^" + strings.ReplaceAll(t.Name(), "/", "$/^") + "$"
	command := func(script string, args ...string) *exec.Cmd {
		cmd := exec.Command("/bin/sh", append([]string{"-c", script, "sh"}, args...)...)
		cmd.Env = append(os.Environ(), mounting+"=1")
		cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
		if os.Getuid() != 0 {
			cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWUSER
			cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: os.Getuid(), HostID: os.Getuid(), Size: 1}}
			cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: os.Getgid(), HostID: os.Getgid(), Size: 1}}
			cmd.SysProcAttr.AmbientCaps = []uintptr{capSysAdmin}
		}
		return cmd
	}
	if out, err := command(`exec mount -t tmpfs -o size=64k tmpfs "$1"`, t.TempDir()).CombinedOutput(); err != nil {
		t.Fatalf("a small disk cannot be mounted here, and without one nobody sees what happens when it is full (%v %s): run this test as "+
			"root; in a container with --cap-add SYS_ADMIN --security-opt apparmor=unconfined; as an ordinary user where user namespaces are "+
			"allowed (sysctl kernel.apparmor_restrict_unprivileged_userns=0 on Ubuntu)", err, out)
	}
	var out bytes.Buffer
	cmd := command(`exec "$@"`, executable, "-test.run", name, "-test.v", "-test.timeout", "15m")
	cmd.Stdout, cmd.Stderr = &out, &out
	ended, err := child.Tied(cmd, syscall.SIGKILL)
	if err == nil {
		err = <-ended
	}
	t.Logf("%s", out.Bytes())
	if err != nil {
		t.Fatalf("in a process that may mount: %v", err)
	}
}

// Disk is a small file system that a test can fill.
type Disk struct {
	Dir    string
	filler string
}

// NewDisk mounts a disk of the given size at a folder, for a test under WithDisks.
func NewDisk(t testing.TB, dir string, size string) *Disk {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Fatalf("mounting a disk of %s at %s: %v", size, dir, err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	return &Disk{Dir: dir, filler: filepath.Join(dir, "filler")}
}

// Fill uses all free space. Call it again to use space that was freed in the meantime.
func (d *Disk) Fill(t testing.TB) {
	t.Helper()
	f, err := os.OpenFile(d.filler, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil && !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	if err != nil {
		return
	}
	defer f.Close()
	for {
		var fs syscall.Statfs_t
		if err := syscall.Fstatfs(int(f.Fd()), &fs); err != nil {
			t.Fatal(err)
		}
		if fs.Bavail == 0 {
			return
		}
		info, err := f.Stat()
		if err != nil {
			t.Fatal(err)
		}
		err = syscall.Fallocate(int(f.Fd()), 0, info.Size(), int64(fs.Bavail)*fs.Bsize)
		if err != nil && !errors.Is(err, syscall.ENOSPC) && !errors.Is(err, syscall.EINTR) {
			t.Fatalf("filling %s: %v", d.Dir, err)
		}
	}
}

// Leave fills the disk until a given number of bytes is free.
func (d *Disk) Leave(t testing.TB, room int64) {
	t.Helper()
	d.Fill(t)
	info, err := os.Stat(d.filler)
	if err == nil {
		err = os.Truncate(d.filler, max(info.Size()-room, 0))
	}
	if err != nil {
		t.Fatal(err)
	}
}

// Free releases the space.
func (d *Disk) Free(t testing.TB) {
	t.Helper()
	if err := os.Remove(d.filler); err != nil {
		t.Fatal(err)
	}
}
