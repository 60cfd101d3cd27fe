package collect

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"ratemill/internal/proof/testengine"
)

// TestKeysAndAgentsOpenOpenSSHsServer: keys encrypted with a passphrase, as ssh-keygen writes them, and those that
// ssh-agent holds.
func TestKeysAndAgentsOpenOpenSSHsServer(t *testing.T) {
	d := testengine.SharedSSHD(t)
	host, port, err := net.SplitHostPort(d.Addr)
	require.NoError(t, err)
	in := filepath.Join(d.Dir, "keys")
	require.NoError(t, os.MkdirAll(in, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(in, "a.csv"), []byte("x"), 0o644))
	run := func(name string, args ...string) {
		t.Helper()
		out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput()
		require.NoError(t, err, "%s is part of openssh-client: %s", name, out)
	}
	dir := t.TempDir()
	key := func(name string, args ...string) string {
		t.Helper()
		path := filepath.Join(dir, name)
		run("ssh-keygen", append([]string{"-q", "-f", path, "-a", "1"}, args...)...)
		text, err := os.ReadFile(path + ".pub")
		require.NoError(t, err)
		public, _, _, _, err := ssh.ParseAuthorizedKey(text)
		require.NoError(t, err)
		if name != "stranger" {
			d.Authorize(t, public)
		}
		return path
	}
	const passphrase = "correct horse"
	ed25519 := key("ed25519", "-t", "ed25519", "-N", passphrase)
	ecdsa := key("ecdsa", "-t", "ecdsa", "-N", passphrase)
	rsa := key("rsa", "-t", "rsa", "-b", "2048", "-N", passphrase)
	old := key("old", "-t", "ecdsa", "-m", "PEM", "-N", passphrase)
	pkcs8 := key("pkcs8", "-t", "ecdsa", "-m", "PKCS8", "-N", passphrase)
	open := key("open", "-t", "ed25519", "-N", "")
	stranger := key("stranger", "-t", "ed25519", "-N", "")

	socket := filepath.Join(t.TempDir(), "agent")
	agent := exec.CommandContext(t.Context(), "ssh-agent", "-D", "-a", socket)
	require.NoError(t, agent.Start())
	t.Cleanup(func() {
		agent.Process.Kill()
		agent.Wait()
	})
	require.Eventually(t, func() bool { _, err := os.Stat(socket); return err == nil }, 20*time.Second, 5*time.Millisecond)
	t.Setenv("SSH_AUTH_SOCK", socket)

	for _, c := range []struct {
		name, how string
		says      string // of a refusal
	}{
		{"an Ed25519 key", "key_file: " + ed25519 + ", key_passphrase: " + passphrase, ""},
		{"an ECDSA key", "key_file: " + ecdsa + ", key_passphrase: " + passphrase, ""},
		{"an RSA key", "key_file: " + rsa + ", key_passphrase: " + passphrase, ""},
		{"a key as PEM of long ago", "key_file: " + old + ", key_passphrase: " + passphrase, ""},
		{"an open key with a passphrase that it does not need", "key_file: " + open + ", key_passphrase: " + passphrase, ""},
		{"a wrong passphrase", "key_file: " + ed25519 + ", key_passphrase: battery staple",
			"it is encrypted with another passphrase; correct key_passphrase"},
		{"a wrong passphrase of a PEM", "key_file: " + old + ", key_passphrase: battery staple", "it is encrypted with another passphrase"},
		{"no passphrase", "key_file: " + ed25519, "it is encrypted; set its passphrase in key_passphrase"},
		{"a format that is not read", "key_file: " + pkcs8 + ", key_passphrase: " + passphrase, "`ssh-keygen -p -f FILE` rewrites a key"},
		{"a public key", "key_file: " + open + ".pub", "key_file"},
		{"a key that the server does not know", "key_file: " + stranger, "refuses the login of " + d.User + " with the key in " + stranger},
		{"an agent without keys", "agent: true", "refuses the login of " + d.User + " with the agent's keys"},
	} {
		look(t, d, in, host, port, c.name, c.how, c.says)
	}
	run("ssh-add", "-q", stranger)
	look(t, d, in, host, port, "an agent with a stranger's key", "agent: true", "with the agent's keys")
	look(t, d, in, host, port, "an agent with a stranger's key, and a key", "agent: true, key_file: "+open, "")
	run("ssh-add", "-q", open)
	look(t, d, in, host, port, "an agent with the key among others", "agent: true", "")
	require.NoError(t, agent.Process.Kill())
	agent.Wait()
	look(t, d, in, host, port, "an agent that is gone", "agent: true", "the SSH agent cannot be reached at SSH_AUTH_SOCK=\""+socket)
	t.Setenv("SSH_AUTH_SOCK", "")
	look(t, d, in, host, port, "no agent", "agent: true", "the SSH agent cannot be reached at SSH_AUTH_SOCK=\"\"")
}

func look(t *testing.T, d *testengine.SSHD, in, host, port, name, how, says string) {
	t.Run(name, func(t *testing.T) {
		site, clock := opened(t, "{ sftp: { host: "+host+", port: "+port+", user: "+d.User+", known_hosts: "+d.KnownHosts+", "+how+" }, match: '"+
			in+"/*.csv', settled: 0s }")
		v, err := site.Look(t.Context(), clock.Now())
		if says == "" {
			require.NoError(t, err)
			require.Len(t, v.Ready, 1)
			// A connection of its own, which logs in again, fetches the file.
			again := site.options.Open(Environment{Clock: clock, Random: middle})
			defer again.Close()
			f, err := spool(t, 1<<20).Fetch(t.Context(), again.Remote, v.Ready[0], fetching(clock))
			require.NoError(t, err)
			require.EqualValues(t, 1, f.Size)
			f.Release()
			return
		}
		require.True(t, Unreachable(err), "no file is to blame")
		require.ErrorContains(t, err, says)
		require.NotContains(t, err.Error(), "horse")
		require.NotContains(t, err.Error(), "staple")
	})
}
