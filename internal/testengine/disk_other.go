//go:build !linux

package testengine

import "testing"

// WithDisks is known on Linux only.
func WithDisks(t *testing.T, _ func(*testing.T)) {
	t.Fatal("small disks are mounted in a namespace of Linux")
}

// Disk is a small file system.
type Disk struct{ Dir string }

// NewDisk is known on Linux only.
func NewDisk(t testing.TB, _ string, _ string) *Disk {
	t.Fatal("small disks are mounted in a namespace of Linux")
	return nil
}

// Fill leaves no room.
func (d *Disk) Fill(testing.TB) {}

// Free gives the room back.
func (d *Disk) Free(testing.TB) {}
