//go:build !linux

package testengine

import (
	"net/netip"
	"testing"
)

// Listeners is only supported on Linux.
func Listeners(testing.TB) []netip.AddrPort { return nil }
