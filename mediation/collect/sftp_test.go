package collect

import (
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"ratemill/diag"
	"ratemill/internal/embedded/sftp"
	"ratemill/internal/proof/testengine"
)

// fingerprintAt asks a server for its key, which check must accept.
func fingerprintAt(t testing.TB, address string, check ssh.HostKeyCallback) (fingerprint string) {
	t.Helper()
	c := &ssh.ClientConfig{User: "nobody", HostKeyAlgorithms: []string{ssh.KeyAlgoED25519}, HostKeyCallback: func(host string, remote net.Addr,
		key ssh.PublicKey) error {
		fingerprint = ssh.FingerprintSHA256(key)
		return check(host, remote, key)
	}}
	_, err := ssh.Dial("tcp", address, c)
	require.ErrorContains(t, err, "unable to authenticate")
	return fingerprint
}

func TestHostKeyIsVerified(t *testing.T) {
	s := embedded(t)
	other := embedded(t)
	hosts := filepath.Join(t.TempDir(), "known_hosts")
	look := func(t *testing.T, keys string) error {
		site, clock := opened(t, "{ sftp: { host: "+s.Host+", port: "+strings.Split(s.Address, ":")[1]+
			", user: ratemill, password: correct horse, "+keys+" }, match: /*.csv }")
		_, err := site.Look(t.Context(), clock.Now())
		return err
	}
	t.Run("a file that is missing", func(t *testing.T) {
		err := look(t, "known_hosts: "+hosts)
		var e *HostKeyError
		require.ErrorAs(t, err, &e)
		require.Equal(t, s.Fingerprint, e.Seen)
		require.Equal(t, s.KnownHosts, e.Line)
		require.ErrorContains(t, err, "compare the fingerprint")
		require.ErrorContains(t, err, s.KnownHosts)
	})
	t.Run("the line that the error shows", func(t *testing.T) {
		require.NoError(t, os.WriteFile(hosts, []byte(s.KnownHosts+"\n"), 0o600))
		require.NoError(t, look(t, "known_hosts: "+hosts))
	})
	t.Run("another key", func(t *testing.T) {
		key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(strings.Join(strings.Fields(other.KnownHosts)[1:], " ")))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(hosts, []byte(knownhosts.Line([]string{s.Address}, key)+"\n"), 0o600))
		err = look(t, "known_hosts: "+hosts)
		var e *HostKeyError
		require.ErrorAs(t, err, &e)
		require.Equal(t, []string{other.Fingerprint}, e.Pinned)
		require.ErrorContains(t, err, "host key of "+s.Address+" is "+s.Fingerprint+", not the pinned "+other.Fingerprint+
			"; if the carrier announced a new key")
		require.ErrorContains(t, err, "otherwise stop and ask")
	})
	t.Run("another fingerprint", func(t *testing.T) {
		require.ErrorContains(t, look(t, "host_key: '"+other.Fingerprint+"'"), "not the pinned "+other.Fingerprint)
	})
	t.Run("two fingerprints while the key changes", func(t *testing.T) {
		require.NoError(t, look(t, "host_key: ['"+other.Fingerprint+"', '"+s.Fingerprint+"']"))
	})
	t.Run("none at all is an error of the document", func(t *testing.T) {
		var o Options
		err := diag.Decode("collect.yaml", []byte("{ sftp: { host: h, user: u, password: p }, match: '*' }"), &o, nil).Err()
		require.ErrorContains(t, err, "needs known_hosts (a file) or host_key (a fingerprint)")
	})
	t.Run("replaced at OpenSSH's server", func(t *testing.T) {
		d := testengine.StartSSHD(t)
		host, port, _ := net.SplitHostPort(d.Addr)
		yaml := "{ sftp: { host: " + host + ", port: " + port + ", user: " + d.User + ", key_file: " + d.KeyFile + ", known_hosts: " +
			d.KnownHosts + " }, match: '" + d.Dir + "/*' }"
		site, clock := opened(t, yaml)
		_, err := site.Look(t.Context(), clock.Now())
		require.NoError(t, err)
		d.ReplaceHostKey(t)
		site, clock = opened(t, yaml)
		_, err = site.Look(t.Context(), clock.Now())
		var e *HostKeyError
		require.ErrorAs(t, err, &e)
		require.Equal(t, ssh.FingerprintSHA256(d.HostKey), e.Seen)
	})
}

func TestLogin(t *testing.T) {
	s := embedded(t)
	file := filepath.Join(t.TempDir(), "password")
	require.NoError(t, os.WriteFile(file, []byte("correct horse\n"), 0o600))
	look := func(how string) error {
		site, clock := opened(t, "{ sftp: { host: "+s.Host+", port: "+strings.Split(s.Address, ":")[1]+", user: ratemill, host_key: '"+
			s.Fingerprint+"', "+how+" }, match: /*.csv }")
		_, err := site.Look(t.Context(), clock.Now())
		return err
	}
	require.NoError(t, look("password_file: "+file))
	err := look("password: battery staple")
	require.ErrorContains(t, err, "refuses the login of ratemill with its password")
	require.NotContains(t, err.Error(), "staple")
	require.ErrorContains(t, look("key_file: /nowhere"), "key_file")
	require.ErrorContains(t, look("agent: true, key_file: "+file), "")
}

// After a failure to connect nobody waits, and the server is asked again ever less often; success forgets that.
func TestReconnect(t *testing.T) {
	dir := t.TempDir()
	state := t.TempDir()
	start := func(address string) *sftp.Server {
		s, err := sftp.Start(sftp.Options{Dir: dir, State: state, Address: address, User: "ratemill", Password: "correct horse"})
		require.NoError(t, err)
		return s
	}
	s := start("")
	site, clock := opened(t, "{ "+sftpYAML(served{s, dir})+", match: /*.csv }")
	_, err := site.Look(t.Context(), clock.Now())
	require.NoError(t, err)
	require.NoError(t, s.Close())
	_, last := site.Look(t.Context(), clock.Now())
	var pauses []int
	for range 4 {
		var unreachable *UnreachableError
		require.ErrorAs(t, last, &unreachable)
		err, pause := last, 0
		for ; err == last; pause++ {
			require.NoError(t, clock.Sleep(t.Context(), 100*time.Millisecond))
			_, err = site.Look(t.Context(), clock.Now())
		}
		pauses, last = append(pauses, pause), err
	}
	for i := 1; i < len(pauses); i++ {
		require.Greater(t, pauses[i], pauses[i-1])
	}
	s = start(s.Address)
	_, err = site.Look(t.Context(), clock.Now())
	require.Same(t, last, err, "not yet")
	require.NoError(t, clock.Sleep(t.Context(), time.Minute))
	_, err = site.Look(t.Context(), clock.Now())
	require.NoError(t, err, "the host key is the same, and the connection is made anew")
	s.Drop()
	require.Eventually(t, func() bool {
		_, err := site.Look(t.Context(), clock.Now())
		return err == nil
	}, 10*time.Second, time.Millisecond)
	require.NoError(t, s.Close())
}

// A directory of 100,000 files is listed, in memory that its names account for.
func TestManyFiles(t *testing.T) {
	s := embedded(t)
	for i := range 100_000 {
		f, err := os.Create(filepath.Join(s.dir, "SKY_"+strings.Repeat("0", i%7)+time.Duration(i).String()))
		require.NoError(t, err)
		require.NoError(t, f.Close())
	}
	for _, yaml := range []string{"dir: " + s.dir, sftpYAML(s)} {
		site, clock := opened(t, "{ "+yaml+", match: /SKY_*, settled: 0s }")
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		v, err := site.Look(t.Context(), clock.Now())
		require.NoError(t, err)
		require.Len(t, v.Ready, 100_000)
		runtime.ReadMemStats(&after)
		// Everything that was allocated, including the server's part: more than was ever in use at once.
		require.Less(t, (after.TotalAlloc-before.TotalAlloc)>>20, uint64(400), "MiB for %s", yaml)
		runtime.GC()
		runtime.ReadMemStats(&after)
		require.Less(t, int64(after.HeapAlloc)-int64(before.HeapAlloc), int64(64<<20), "what stays in use")
	}
}
