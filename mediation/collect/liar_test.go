package collect

import (
	"crypto/ed25519"
	"io"
	"io/fs"
	"math"
	"net"
	"os"
	stdpath "path"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pkg/sftp"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"
)

// liar is an SFTP server that speaks the protocol and lies about what it has.
type liar struct {
	mu    sync.Mutex
	asked []string // paths, whatever for
	names []told
	after string // answered for ever

	sizes    int64 // of every file that is looked at; 0 is 1
	timeless bool  // files have no time of change
}

type told struct {
	name string
	size int64
	mode fs.FileMode
}

func (f told) Name() string       { return f.name }
func (f told) Size() int64        { return f.size }
func (f told) Mode() fs.FileMode  { return f.mode }
func (f told) ModTime() time.Time { return time.Unix(1_773_702_602, 0) }

// undated is the listing of a server that gives no times.
type undated struct{ told }

func (undated) ModTime() time.Time { return time.Unix(0, 0) }

func (f told) IsDir() bool { return f.mode.IsDir() }
func (f told) Sys() any    { return nil }

func (l *liar) note(path string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asked = append(l.asked, path)
}

func (l *liar) Fileread(r *sftp.Request) (io.ReaderAt, error) {
	l.note(r.Filepath)
	return strings.NewReader("x"), nil
}

func (l *liar) Filecmd(r *sftp.Request) error {
	l.note(r.Filepath)
	if r.Target != "" {
		l.note(r.Target)
	}
	return nil
}

func (l *liar) Lstat(r *sftp.Request) (sftp.ListerAt, error) { return l.Filelist(r) }

func (l *liar) Filelist(r *sftp.Request) (sftp.ListerAt, error) {
	l.note(r.Filepath)
	if r.Method != "List" {
		if strings.HasPrefix(r.Filepath, "/done") {
			return nil, os.ErrNotExist
		}
		return lies{one: []told{{stdpath.Base(r.Filepath), max(l.sizes, 1), 0o644}}, timeless: l.timeless}, nil
	}
	return lies{l.names, l.after, l.timeless}, nil
}

// lies is a listing, which does not end when more is set.
type lies struct {
	one      []told
	more     string
	timeless bool
}

func (l lies) ListAt(to []os.FileInfo, at int64) (n int, err error) {
	for n < len(to) && at+int64(n) < int64(len(l.one)) {
		to[n] = l.one[at+int64(n)]
		if l.timeless {
			to[n] = undated{l.one[at+int64(n)]}
		}
		n++
	}
	for l.more != "" && n < len(to) {
		to[n] = told{l.more, 1, 0o644}
		n++
	}
	if n < len(to) {
		return n, io.EOF
	}
	return n, nil
}

// serve answers SSH connections until the test ends, and says what of a source's document leads there.
func (l *liar) serve(t *testing.T) (yaml string) {
	return l.serves(t, sftp.Handlers{FileGet: l, FileCmd: l, FileList: l})
}

func (l *liar) serves(t *testing.T, handlers sftp.Handlers) (yaml string) {
	_, secret, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	key, err := ssh.NewSignerFromKey(secret)
	require.NoError(t, err)
	config := &ssh.ServerConfig{PasswordCallback: func(ssh.ConnMetadata, []byte) (*ssh.Permissions, error) { return nil, nil }}
	config.AddHostKey(key)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var running sync.WaitGroup
	t.Cleanup(func() { listener.Close(); running.Wait() })
	running.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			running.Go(func() {
				_, channels, requests, err := ssh.NewServerConn(conn, config)
				if err != nil {
					return
				}
				running.Go(func() { ssh.DiscardRequests(requests) })
				for c := range channels {
					channel, requests, err := c.Accept()
					if err != nil {
						return
					}
					running.Go(func() {
						for r := range requests {
							r.Reply(r.Type == "subsystem", nil)
						}
					})
					running.Go(func() {
						sftp.NewRequestServer(channel, handlers).Serve()
						channel.Close()
					})
				}
			})
		}
	})
	host, port, err := net.SplitHostPort(listener.Addr().String())
	require.NoError(t, err)
	return "sftp: { host: " + host + ", port: " + port + ", user: u, password: p, host_key: '" + ssh.FingerprintSHA256(key.PublicKey()) + "' }"
}

// Whatever names a server lists, nothing outside of the directory is asked for, read, moved or deleted.
func TestAServerThatLiesLeadsNowhere(t *testing.T) {
	l := &liar{names: []told{
		{"../../etc/passwd.csv", 1, 0o644}, {"/etc/shadow.csv", 1, 0o644}, {"..", 1, 0o644}, {".", 1, fs.ModeDir | 0o755}, {"", 1, 0o644},
		{"..\\up.csv", 1, 0o644}, {"a\x00.csv", 1, 0o644}, {"a\n.csv", 1, 0o644}, {"\xff.csv", 1, 0o644},
		{strings.Repeat("n", 300) + ".csv", 1, 0o644},
		{"..", 1, fs.ModeDir | 0o755}, {"../../../root", 1, fs.ModeDir | 0o755},
		{"good.csv", 1, 0o644}, {"huge.csv", math.MaxInt64, 0o644}, {"negative.csv", -1, 0o644},
	}}
	yaml := l.serve(t)
	spool := spool(t, 1<<20)
	for _, match := range []string{"/out/*.csv", "/out/**/*.csv"} {
		site, clock := opened(t, "{ "+yaml+", match: '"+match+"', settled: 0s, after: { move: /done } }")
		v, err := site.Look(t.Context(), clock.Now())
		require.NoError(t, err)
		require.NotEmpty(t, v.Refused)
		for _, e := range v.Ready {
			require.True(t, strings.HasPrefix(e.Path, "/out/"), e.Path)
			require.NotContains(t, e.Path, "..")
			f, err := spool.Fetch(t.Context(), site.Remote, e, fetching(clock))
			if e.Size > 1 || err != nil {
				require.Error(t, err, e.Path)
				continue
			}
			f.Release()
			require.NoError(t, site.After(t.Context(), e, isStill("x")))
		}
		require.Contains(t, paths(place{base: "/out/"}, v.Ready), "good.csv")
	}
	for _, path := range l.asked {
		require.Equal(t, path, stdpath.Clean(path))
		require.Regexp(t, "^/(out|done)(/|$)", path)
	}
	require.Zero(t, spool.Used())

	// A server that lists names without end is cut short, in bounded memory.
	l.after = "again.csv"
	site, clock := opened(t, "{ "+yaml+", match: /out/*.csv, files: 1000 }")
	_, err := site.Look(t.Context(), clock.Now())
	var crowded *CrowdedError
	require.ErrorAs(t, err, &crowded)
}
