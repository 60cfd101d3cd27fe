package sftp

import (
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"

	client "github.com/pkg/sftp"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"
)

func dial(t *testing.T, s *Server, user, password string) (*client.Client, error) {
	conn, err := ssh.Dial("tcp", s.Address, &ssh.ClientConfig{User: user, Auth: []ssh.AuthMethod{ssh.Password(password)},
		HostKeyCallback: func(_ string, _ net.Addr, key ssh.PublicKey) error {
			require.Equal(t, s.Fingerprint, ssh.FingerprintSHA256(key))
			return nil
		}})
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { conn.Close() })
	return client.NewClient(conn)
}

func start(t *testing.T, o Options) *Server {
	t.Helper()
	o.User, o.Password = "ratemill", "secret"
	s, err := Start(o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

// Whatever a client names, it sees the directory and nothing else.
func TestNothingOutsideIsServed(t *testing.T) {
	outside := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(outside, "secret"), []byte("x"), 0o600))
	dir := t.TempDir()
	require.NoError(t, os.Symlink(outside, filepath.Join(dir, "link")))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "a.csv"), []byte("1,2\n"), 0o600))
	c, err := dial(t, start(t, Options{Dir: dir}), "ratemill", "secret")
	require.NoError(t, err)
	for _, p := range []string{"/link/secret", "link/secret", "../" + filepath.Base(outside) + "/secret", outside + "/secret"} {
		_, err := c.Open(p)
		require.Error(t, err, p)
		_, err = c.Stat(p)
		require.Error(t, err, p)
	}
	_, err = c.ReadDir("/link")
	require.Error(t, err)
	require.Error(t, c.Rename("/a.csv", "/link/a.csv"))
	f, err := c.Open("/a.csv")
	require.NoError(t, err)
	b, err := io.ReadAll(f)
	require.NoError(t, err)
	require.Equal(t, "1,2\n", string(b))
}

func TestWriting(t *testing.T) {
	dir := t.TempDir()
	c, err := dial(t, start(t, Options{Dir: dir}), "ratemill", "secret")
	require.NoError(t, err)
	require.NoError(t, c.MkdirAll("/in/deep"))
	f, err := c.Create("/in/deep/a.part")
	require.NoError(t, err)
	_, err = f.Write([]byte("1,2\n"))
	require.NoError(t, err)
	require.NoError(t, f.Close())
	require.NoError(t, c.Rename("/in/deep/a.part", "/in/deep/a.csv"))
	b, err := os.ReadFile(filepath.Join(dir, "in/deep/a.csv"))
	require.NoError(t, err)
	require.Equal(t, "1,2\n", string(b))

	readOnly, err := dial(t, start(t, Options{Dir: dir, ReadOnly: true}), "ratemill", "secret")
	require.NoError(t, err)
	require.ErrorIs(t, readOnly.Remove("/in/deep/a.csv"), os.ErrPermission)
	_, err = readOnly.Create("/b.csv")
	require.ErrorIs(t, err, os.ErrPermission)
}

func TestLoginAndHostKey(t *testing.T) {
	state := t.TempDir()
	one := start(t, Options{Dir: t.TempDir(), State: state})
	_, err := dial(t, one, "ratemill", "wrong")
	require.ErrorContains(t, err, "unable to authenticate")
	_, err = dial(t, one, "somebody", "secret")
	require.ErrorContains(t, err, "unable to authenticate")
	two := start(t, Options{Dir: t.TempDir(), State: state})
	require.Equal(t, one.Fingerprint, two.Fingerprint)
	_, err = Start(Options{Dir: state})
	require.ErrorContains(t, err, "nobody could log in")
}
