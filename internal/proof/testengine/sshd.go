package testengine

import (
	"bufio"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

// SSHD is OpenSSH's server on loopback, with SFTP only. Paths are paths of this machine; a relative path is below
// Dir.
type SSHD struct {
	Addr       string        // 127.0.0.1:port
	User       string        // the user that may log in: the user who runs the tests
	PrivateKey []byte        // that user's key, PEM
	KeyFile    string        // the same key, as a file
	Password   string        // also accepted, with or without a PrivateKey; "" if passwords are not possible (see passwords)
	HostKey    ssh.PublicKey // the server's
	KnownHosts string        // a known_hosts file with the host key
	Dir        string        // an empty folder for the test's files

	dir    string
	daemon daemon
}

// Kill kills the server with kill -9. Open connections continue, because each has its own process.
func (s *SSHD) Kill() { s.daemon.kill() }

// CutConnections kills the processes of all open connections with kill -9, and returns their number. The server itself
// continues.
func (s *SSHD) CutConnections() (n int) {
	if s.daemon.cmd == nil {
		return 0
	}
	for _, pid := range descendants(s.daemon.cmd.Process.Pid) {
		if syscall.Kill(pid, syscall.SIGKILL) == nil {
			n++
		}
	}
	return n
}

// Stall stops the server and its open connections with SIGSTOP: until Continue, nothing is answered and nothing
// is closed.
func (s *SSHD) Stall() (n int) { return s.signal(syscall.SIGSTOP) }

// Continue ends a stall.
func (s *SSHD) Continue() { s.signal(syscall.SIGCONT) }

func (s *SSHD) signal(what syscall.Signal) (n int) {
	for _, pid := range s.PIDs() {
		if syscall.Kill(pid, what) == nil {
			n++
		}
	}
	return n
}

// PIDs returns the ids of the server's process and of the processes of its open connections.
func (s *SSHD) PIDs() []int { return s.daemon.pids() }

// Restart starts the server again on the same port.
func (s *SSHD) Restart(t testing.TB) {
	t.Helper()
	s.Kill()
	s.daemon.start(t)
}

// ReplaceHostKey gives the server another host key and restarts it; KnownHosts keeps the old key.
func (s *SSHD) ReplaceHostKey(t testing.TB) {
	t.Helper()
	_, s.HostKey = writeKey(t, s.path("host_key"))
	s.Restart(t)
}

// Authorize makes the server also accept the given key.
func (s *SSHD) Authorize(t testing.TB, key ssh.PublicKey) {
	t.Helper()
	f, err := os.OpenFile(s.path("authorized_keys"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Write(ssh.MarshalAuthorizedKey(key)); err != nil {
		t.Fatal(err)
	}
}

func (s *SSHD) path(name string) string { return filepath.Join(s.dir, name) }

var sharedSSHD once[SSHD]

// SharedSSHD returns the only server of the process; create your own folders below Dir.
func SharedSSHD(t testing.TB) *SSHD {
	t.Helper()
	return sharedSSHD.get(t, startSSHD)
}

// StartSSHD starts a server for this test.
func StartSSHD(t testing.TB) *SSHD {
	t.Helper()
	return startSSHD(scope{t: t})
}

func startSSHD(sc scope) *SSHD {
	t := sc.t
	t.Helper()
	binary, err := program("sshd", "/usr/sbin", "/usr/local/sbin")
	if err != nil {
		t.Fatal("OpenSSH's server is missing: apt-get install -y openssh-server")
	}
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	if os.Getuid() == 0 {
		// sshd needs its empty folder, which the init system creates elsewhere.
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
			t.Fatal(err)
		}
	}
	s := &SSHD{User: me.Username, dir: tempDir(sc, "sshd")}
	s.Dir, s.KeyFile, s.KnownHosts = s.path("files"), s.path("user_key"), s.path("known_hosts")
	port := freePort(t)
	s.Addr = fmt.Sprintf("127.0.0.1:%d", port)

	var userKey ssh.PublicKey
	_, s.HostKey = writeKey(t, s.path("host_key"))
	s.PrivateKey, userKey = writeKey(t, s.KeyFile)
	if err := os.Mkdir(s.Dir, 0o755); err != nil {
		t.Fatal(err)
	}
	write := func(path, text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(s.path("authorized_keys"), string(ssh.MarshalAuthorizedKey(userKey)))
	write(s.KnownHosts, fmt.Sprintf("[127.0.0.1]:%d %s", port, ssh.MarshalAuthorizedKey(s.HostKey)))
	write(s.path("sshd_config"), fmt.Sprintf(`ListenAddress %[1]s
HostKey %[2]s/host_key
AuthorizedKeysFile %[2]s/authorized_keys
PidFile none
StrictModes no
UsePAM no
PermitRootLogin yes
PubkeyAuthentication yes
PasswordAuthentication yes
KbdInteractiveAuthentication no
AllowTcpForwarding no
MaxStartups 100
Subsystem sftp internal-sftp
ForceCommand internal-sftp -d %[3]s
`, s.Addr, s.dir, s.Dir))

	s.daemon = daemon{
		name: "sshd", log: s.path("log"),
		command: s.passwords(t, binary, "-D", "-e", "-f", s.path("sshd_config")),
		ready: func() error {
			conn, err := net.DialTimeout("tcp", s.Addr, time.Second)
			if err != nil {
				return err
			}
			defer conn.Close()
			conn.SetDeadline(time.Now().Add(10 * time.Second))
			banner, err := bufio.NewReader(conn).ReadString('\n')
			if err == nil && !strings.HasPrefix(banner, "SSH-2.0-") {
				err = fmt.Errorf("it says %q", banner)
			}
			return err
		},
	}
	s.daemon.start(t)
	sc.onEnd(s.Kill)
	return s
}

func writeKey(t testing.TB, path string) ([]byte, ssh.PublicKey) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		t.Fatal(err)
	}
	encoded := pem.EncodeToMemory(block)
	if err := os.WriteFile(path, encoded, 0o600); err != nil {
		t.Fatal(err)
	}
	key, err := ssh.NewPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return encoded, key
}

// sshdPassword is the password, with its crypt(3) hash.
const (
	sshdPassword     = "the-carrier-says-open-sesame"
	sshdPasswordHash = "$6$ratemilltests$.LVlK7sO.RyiN7q7QrBRWznPsAB11qClWi5aU9ETEPCpFxG8WH3lJhcRNdPq4eULyfdq1t.WhCqLwmjmv0wF00"
)
