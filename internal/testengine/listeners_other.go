//go:build !linux

package testengine

import (
	"net/netip"
	"testing"
)

// Listeners are known on Linux only.
func Listeners(testing.TB) []netip.AddrPort { return nil }
