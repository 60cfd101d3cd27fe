package testengine

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// Listeners returns the addresses on which this process and its descendants listen for TCP.
func Listeners(t testing.TB) (all []netip.AddrPort) {
	t.Helper()
	for _, pid := range append(descendants(os.Getpid()), os.Getpid()) {
		sockets := map[string]bool{}
		links, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
		for _, link := range links {
			if to, err := os.Readlink(link); err == nil && strings.HasPrefix(to, "socket:[") {
				sockets[strings.Trim(to, "socket:[]")] = true
			}
		}
		for _, table := range []string{"tcp", "tcp6"} {
			text, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/%s", pid, table))
			if err != nil {
				continue // it has ended
			}
			for _, line := range strings.Split(string(text), "\n") {
				// sl local_address rem_address st … inode (proc_net_tcp in the kernel's documentation); 0A is LISTEN.
				f := strings.Fields(line)
				if len(f) < 10 || f[3] != "0A" || !sockets[f[9]] {
					continue
				}
				all = append(all, socketAddress(t, f[1]))
			}
		}
	}
	return all
}

// socketAddress reads an address in the kernel's format: words in the machine's byte order.
func socketAddress(t testing.TB, text string) netip.AddrPort {
	t.Helper()
	address, port, _ := strings.Cut(text, ":")
	raw, err := hex.DecodeString(address)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+4 <= len(raw); i += 4 {
		binary.BigEndian.PutUint32(raw[i:], binary.NativeEndian.Uint32(raw[i:]))
	}
	n, err := strconv.ParseUint(port, 16, 16)
	ip, ok := netip.AddrFromSlice(raw)
	if err != nil || !ok {
		t.Fatalf("unexpected answer of the kernel: %q", text)
	}
	return netip.AddrPortFrom(ip.Unmap(), uint16(n))
}
