//go:build !linux

package testengine

import "testing"

// WithDisks is only supported on Linux.
func WithDisks(t *testing.T, _ func(*testing.T)) {
	t.Fatal("small disks are mounted in a namespace of Linux")
}

// Disk is a small file system.
type Disk struct{ Dir string }

// NewDisk is only supported on Linux.
func NewDisk(t testing.TB, _ string, _ string) *Disk {
	t.Fatal("small disks are mounted in a namespace of Linux")
	return nil
}

// Fill uses all free space.
func (d *Disk) Fill(testing.TB) {}

// Leave fills the disk until a given number of bytes is free.
func (d *Disk) Leave(testing.TB, int64) {}

// Free releases the space.
func (d *Disk) Free(testing.TB) {}
