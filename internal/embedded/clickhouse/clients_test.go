package clickhouse_test

import (
	"bytes"
	"net"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestClientsOfBIToolsWorkAsOnAServer: Python's, Node's and curl, as the reading user, with sessions, compressed answers,
// formats, parameters, streams and questions about what there is.
func TestClientsOfBIToolsWorkAsOnAServer(t *testing.T) {
	r := newReading(t)
	deps, err := filepath.Abs("../../../.deps/clients")
	require.NoError(t, err)
	require.FileExists(t, filepath.Join(deps, "stamp"), "run `make deps-test`")
	host, port, err := net.SplitHostPort(r.server.Addr())
	require.NoError(t, err)
	password := r.server.Keys().Reader
	url := "http://" + r.server.Addr() + "/"
	for _, c := range []struct {
		says    string
		command []string
	}{
		{"all as a server\n", []string{filepath.Join(deps, "venv", "bin", "python"), "testdata/client.py", host, port, password}},
		{"all as a server\n", []string{"node", "testdata/client.mjs", deps, r.server.Addr(), password}},
		{"2\n", []string{"curl", "-sS", "-u", "reader:" + password, url + "?query=SELECT+count()+FROM+t"}},
		{"{\"id\":1}\n{\"id\":2}\n", []string{"curl", "-sS", "--compressed", "-u", "reader:" + password,
			url + "?session_id=x&enable_http_compression=1", "--data-binary", "SELECT id FROM t ORDER BY id FORMAT JSONEachRow"}},
		{"403", []string{"curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", url + "?query=SELECT+1"}},
		{"Ok.\n", []string{"curl", "-sS", url + "ping"}},
	} {
		var words bytes.Buffer // the client for Node logs what was refused
		command := exec.CommandContext(t.Context(), c.command[0], c.command[1:]...)
		command.Stderr = &words
		out, err := command.Output()
		require.NoError(t, err, "%s", &words)
		require.Equal(t, c.says, string(out), "%s", c.command[0])
	}
}
