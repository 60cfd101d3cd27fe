package collect

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"ratemill/internal/proof/testengine"
)

func TestHostKeysAreThoseThatConnectingAccepts(t *testing.T) {
	server := testengine.SharedSSHD(t)
	host, portText, err := net.SplitHostPort(server.Addr)
	require.NoError(t, err)
	port, err := strconv.Atoi(portText)
	require.NoError(t, err)
	keys, err := (&SFTP{Host: host, Port: port, User: "anybody"}).HostKeys(t.Context(), 10*time.Second)
	require.NoError(t, err)
	require.NotEmpty(t, keys)
	found := false
	for _, k := range keys {
		file := filepath.Join(t.TempDir(), "known_hosts")
		require.NoError(t, os.WriteFile(file, []byte(k.Line+"\n"), 0o600))
		check, err := knownhosts.New(file)
		require.NoError(t, err)
		if k.Fingerprint == ssh.FingerprintSHA256(server.HostKey) {
			found = true
			require.NoError(t, check(server.Addr, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port}, server.HostKey))
		}
	}
	require.True(t, found, "%v", keys)

	_, err = (&SFTP{Host: "127.0.0.1", Port: 1}).HostKeys(t.Context(), time.Second)
	require.ErrorContains(t, err, "127.0.0.1:1 cannot be reached")
}
