package collect

import (
	"context"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/diag"
	"ratemill/internal/embedded/sftp"
	"ratemill/internal/proof/testengine"
)

func TestMain(m *testing.M) { testengine.Main(m) }

// still is a clock on which waiting takes no time.
type still struct {
	mu    sync.Mutex
	now   time.Time
	slept []time.Duration
}

func (c *still) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *still) Sleep(ctx context.Context, d time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
	c.slept = append(c.slept, d)
	return ctx.Err()
}

func middle() float64 { return 0.5 }

// place is a real place with files: its form in collect, the directory behind it, and a way to break its connections.
type place struct {
	yaml string // of the collect block, without match
	dir  string
	base string // what paths begin with
	drop func()
	addr string
}

// places are a local directory, the embedded SFTP server and OpenSSH's.
func places(t *testing.T, test func(t *testing.T, p place)) {
	t.Run("directory", func(t *testing.T) {
		dir := t.TempDir()
		test(t, place{yaml: "dir: " + dir, dir: dir, drop: func() {}})
	})
	t.Run("embedded", func(t *testing.T) {
		s := embedded(t)
		test(t, place{yaml: sftpYAML(s), dir: s.dir, base: "/", drop: s.Drop, addr: s.Address})
	})
	t.Run("sshd", func(t *testing.T) {
		s := testengine.SharedSSHD(t)
		dir := filepath.Join(s.Dir, strings.ReplaceAll(t.Name(), "/", "_"))
		require.NoError(t, os.MkdirAll(dir, 0o755))
		t.Cleanup(func() { os.RemoveAll(dir) })
		host, port, err := net.SplitHostPort(s.Addr)
		require.NoError(t, err)
		test(t, place{yaml: "sftp: { host: " + host + ", port: " + port + ", user: " + s.User + ", key_file: " + s.KeyFile + ", known_hosts: " +
			s.KnownHosts + " }",
			dir: dir, base: dir + "/", drop: func() {}, addr: s.Addr})
	})
}

type served struct {
	*sftp.Server
	dir string
}

func embedded(t testing.TB) served {
	t.Helper()
	dir := t.TempDir()
	s, err := sftp.Start(sftp.Options{Dir: dir, User: "ratemill", Password: "correct horse"})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return served{s, dir}
}

func sftpYAML(s served) string {
	return "sftp: { host: " + s.Host + ", port: " + strconv.Itoa(s.Port) + ", user: ratemill, password: correct horse, host_key: '" +
		s.Fingerprint + "' }"
}

func parsed(t testing.TB, yaml string) *Options {
	t.Helper()
	var o Options
	require.NoError(t, diag.Decode("collect.yaml", []byte(yaml), &o, func(string) (string, bool) { return "", false }).Err())
	return &o
}

func opened(t testing.TB, yaml string) (*Site, *still) {
	t.Helper()
	clock := &still{now: time.Date(2026, 3, 17, 0, 0, 0, 0, time.UTC)}
	s := parsed(t, yaml).Open(Environment{Dir: t.TempDir(), Clock: clock, Random: middle})
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s, clock
}

func write(t testing.TB, p place, name, text string) {
	t.Helper()
	path := filepath.Join(p.dir, name)
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
}

func paths(p place, es []Entry) []string {
	got := []string{}
	for _, e := range es {
		got = append(got, strings.TrimPrefix(e.Path, p.base))
	}
	return got
}

func TestListing(t *testing.T) {
	places(t, func(t *testing.T, p place) {
		for _, name := range []string{"out/SKY_2.csv", "out/SKY_1.csv", "out/SKY_3.csv.tmp", "out/OTHER.csv", "out/deep/SKY_4.csv",
			"in/SKY_5.csv", "out/.SKY_6.csv",
			"out/SKY_\x1b[31m.csv", "out/SKY_a\\b.csv", "out/SKY_\xff.csv"} {
			write(t, p, name, "x")
		}
		links := map[string]string{"out/SKY_link.csv": "SKY_1.csv", "out/SKY_absolute.csv": "/etc/passwd",
			"out/SKY_up.csv":   "../../../../etc/passwd",
			"out/SKY_loop.csv": "SKY_loop.csv", "out/SKY_dir.csv": "deep", "out/deep/round": "..", "out/SKY_nowhere.csv": "nothing"}
		for name, target := range links {
			require.NoError(t, os.Symlink(target, filepath.Join(p.dir, name)))
		}
		s, clock := opened(t, "{ "+p.yaml+", match: '"+p.base+"out/SKY_*.csv', settled: 0s }")
		v, err := s.Look(t.Context(), clock.Now())
		require.NoError(t, err)
		require.Equal(t, []string{"out/SKY_1.csv", "out/SKY_2.csv", `out/SKY_\xFF.csv`, "out/SKY_link.csv"}, paths(p, v.Ready))
		refused := map[string]string{}
		for _, r := range v.Refused {
			refused[strings.TrimPrefix(r.Path, p.base+"out/")] = r.Reason
		}
		require.Contains(t, refused[`SKY_\x1b[31m.csv`], "control character")
		require.Contains(t, refused[`SKY_a\\b.csv`], "contains a backslash")
		require.NotEmpty(t, refused["SKY_absolute.csv"])
		require.NotEmpty(t, refused["SKY_up.csv"])
		require.NotEmpty(t, refused["SKY_loop.csv"])
		require.NotEmpty(t, refused["SKY_nowhere.csv"])
		require.Contains(t, refused["SKY_dir.csv"], "other than a regular file")
		require.Len(t, refused, 7)

		deep, clock := opened(t, "{ "+p.yaml+", match: ['"+p.base+"out/**/SKY_[1-4].csv', '"+p.base+"in/*'], settled: 0s }")
		v, err = deep.Look(t.Context(), clock.Now())
		require.NoError(t, err)
		require.Equal(t, []string{"in/SKY_5.csv", "out/SKY_1.csv", "out/SKY_2.csv", "out/deep/SKY_4.csv"}, paths(p, v.Ready))
	})
}

func TestAfter(t *testing.T) {
	places(t, func(t *testing.T, p place) {
		mover, clock := opened(t, "{ "+p.yaml+", match: '"+p.base+"*.csv', settled: 0s, marker: .done, after: { move: '"+p.base+"done/2026' } }")
		for range 2 {
			write(t, p, "a.csv", "x")
			write(t, p, "a.csv.done", "")
			write(t, p, "b.csv", "x")
			v, err := mover.Look(t.Context(), clock.Now())
			require.NoError(t, err)
			require.Equal(t, []string{"a.csv"}, paths(p, v.Ready))
			require.Equal(t, []string{"b.csv"}, paths(p, v.Growing))
			require.NoError(t, mover.After(t.Context(), v.Ready[0], isStill("x")))
			require.NoError(t, mover.After(t.Context(), v.Ready[0], isStill("x")), "once more, as after a crash")
		}
		for _, name := range []string{"a.csv", "a.csv.1", "a.csv.done", "a.csv.done.1"} {
			require.FileExists(t, filepath.Join(p.dir, "done/2026", name))
		}
		require.NoFileExists(t, filepath.Join(p.dir, "a.csv"))
		found, err := mover.Find(t.Context(), Entry{Path: p.base + "a.csv", Size: 1})
		require.NoError(t, err)
		require.Equal(t, []string{"done/2026/a.csv", "done/2026/a.csv.1"}, paths(p, found))
		found, err = mover.Find(t.Context(), Entry{Path: p.base + "a.csv", Size: 2})
		require.NoError(t, err)
		require.Empty(t, found, "no file has as much")

		remover, clock := opened(t, "{ "+p.yaml+", match: '"+p.base+"*.csv', settled: 0s, after: delete }")
		v, err := remover.Look(t.Context(), clock.Now())
		require.NoError(t, err)
		require.NoError(t, remover.After(t.Context(), v.Ready[0], isStill("x")))
		require.NoError(t, remover.After(t.Context(), v.Ready[0], isStill("x")))
		require.NoFileExists(t, filepath.Join(p.dir, "b.csv"))
	})
}

// The carrier was faster: what has the name of a file that was read is another one, which nobody has read.
func TestAFileThatNobodyReadIsNeitherMovedNorDeleted(t *testing.T) {
	places(t, func(t *testing.T, p place) {
		for _, how := range []string{"delete", "{ move: '" + p.base + "done' }"} {
			s, clock := opened(t, "{ "+p.yaml+", match: '"+p.base+"*.csv', settled: 0s, marker: .done, after: "+how+" }")
			write(t, p, "a.csv", "one")
			write(t, p, "a.csv.done", "")
			v, err := s.Look(t.Context(), clock.Now())
			require.NoError(t, err)
			for _, change := range []func(){
				func() { write(t, p, "a.csv", "longer") },
				func() {
					write(t, p, "a.csv", "two")
					require.NoError(t, os.Chtimes(filepath.Join(p.dir, "a.csv"), time.Time{}, v.Ready[0].MTime.Add(time.Hour)))
				},
				func() {
					require.NoError(t, os.Remove(filepath.Join(p.dir, "a.csv")))
					require.NoError(t, os.Mkdir(filepath.Join(p.dir, "a.csv"), 0o755))
				},
			} {
				change()
				err := s.After(t.Context(), v.Ready[0], isStill("one"))
				var replaced *ReplacedError
				require.ErrorAs(t, err, &replaced)
				require.ErrorContains(t, err, "is left as it is")
				_, err = os.Stat(filepath.Join(p.dir, "a.csv"))
				require.NoError(t, err)
				require.FileExists(t, filepath.Join(p.dir, "a.csv.done"))
			}
			require.NoError(t, os.Remove(filepath.Join(p.dir, "a.csv")))
		}
	})
}

// isStill is a comparison with the content that was read.
func isStill(content string) Same {
	return func(open func() (io.ReadCloser, error)) (bool, error) {
		f, err := open()
		if err != nil {
			return false, err
		}
		defer f.Close()
		now, err := io.ReadAll(f)
		return string(now) == content, err
	}
}

// stubborn is a place where nothing can be renamed within a directory, or where the carrier writes as soon as something is.
type stubborn struct {
	Remote
	rename func(do func() error) error
}

func (s stubborn) Rename(ctx context.Context, path, to string) error {
	return s.rename(func() error { return s.Remote.Rename(ctx, path, to) })
}

func TestAContentThatNobodyReadIsNeitherMovedNorDeletedThoughItLooksTheSame(t *testing.T) {
	at := time.Date(2026, 3, 17, 0, 0, 0, 0, time.UTC)
	places(t, func(t *testing.T, p place) {
		for _, how := range []string{"delete", "{ move: '" + p.base + "done' }"} {
			s, clock := opened(t, "{ "+p.yaml+", match: '"+p.base+"*.csv', settled: 0s, after: "+how+" }")
			remote, file := s.Remote, filepath.Join(p.dir, "a.csv")
			write := func(content string) {
				write(t, p, "a.csv", content)
				require.NoError(t, os.Chtimes(file, at, at))
			}
			for name, rename := range map[string]func(do func() error) error{
				"as it is":  func(do func() error) error { return do() },
				"forbidden": func(func() error) error { return os.ErrPermission },
				"done, and answered with an error": func(do func() error) error {
					require.NoError(t, do())
					defer write("ten")
					return os.ErrPermission
				},
				"written again meanwhile": func(do func() error) error {
					defer write("ten")
					return do()
				},
			} {
				s.Remote = stubborn{remote, rename}
				write("one")
				v, err := s.Look(t.Context(), clock.Now())
				require.NoError(t, err)
				write("two")
				err = s.After(t.Context(), v.Ready[0], isStill("one"))
				var replaced *ReplacedError
				require.ErrorAs(t, err, &replaced, name)
				require.True(t, replaced.Alike)
				contents := map[string]bool{}
				found, err := filepath.Glob(filepath.Join(p.dir, "*.csv"))
				require.NoError(t, err)
				for _, f := range found {
					text, err := os.ReadFile(f)
					require.NoError(t, err)
					contents[string(text)] = true
					require.NoError(t, os.Remove(f))
				}
				require.True(t, contents["two"], name)
				require.Equal(t, replaced.Kept != "", contents["ten"], name)
				left, err := filepath.Glob(filepath.Join(p.dir, private+"*"))
				require.NoError(t, err)
				require.Empty(t, left, name)

				write("one")
				v, err = s.Look(t.Context(), clock.Now())
				require.NoError(t, err)
				// A crash, after the file was renamed.
				require.NoError(t, remote.Rename(t.Context(), v.Ready[0].Path, privateName(v.Ready[0])))
				s.Remote = remote
				other, err := s.Look(t.Context(), clock.Now())
				require.NoError(t, err)
				require.Empty(t, other.Ready, "nobody takes it meanwhile")
				require.NoError(t, s.After(t.Context(), v.Ready[0], isStill("one")))
				left, err = filepath.Glob(filepath.Join(p.dir, private+"*"))
				require.NoError(t, err)
				require.Empty(t, left)
			}
		}
	})
}

// A mediator crashes while it compares a file, and another has finished the same work: nobody looks for the file again.
func TestAFileThatWasLeftUnderAPrivateNameGetsItsNameBackAfterTwoHours(t *testing.T) {
	places(t, func(t *testing.T, p place) {
		s, clock := opened(t, "{ "+p.yaml+", match: '"+p.base+"*.csv', settled: 0s, after: delete }")
		write(t, p, "a.csv", "two")
		v, err := s.Look(t.Context(), clock.Now())
		require.NoError(t, err)
		e := v.Ready[0]
		require.NoError(t, s.Remote.Rename(t.Context(), e.Path, privateName(e)))
		write(t, p, "a.csv", "ten")
		write(t, p, ".ratemill-0123456789abcdef-a.txt.tmp", "not of this source")

		for _, after := range []time.Duration{0, longestAside - time.Second, longestAside} {
			v, err = s.Look(t.Context(), clock.Now().Add(after))
			require.NoError(t, err)
			require.Len(t, v.Ready, 1)
			require.Equal(t, after == longestAside, len(v.Aside) == 1)
		}
		name, err := s.PutBack(t.Context(), v.Aside[0])
		require.NoError(t, err)
		require.Equal(t, p.base+"a.1.csv", name, "its own was taken")
		v, err = s.Look(t.Context(), clock.Now().Add(longestAside))
		require.NoError(t, err)
		require.Len(t, v.Ready, 2)
		_, err = s.PutBack(t.Context(), Entry{Path: privateName(e)})
		require.Error(t, err, "it is gone")
	})
}

func TestCrowded(t *testing.T) {
	places(t, func(t *testing.T, p place) {
		for i := range 1000 {
			write(t, p, "SKY_"+strconv.Itoa(i)+".csv", "")
		}
		for _, most := range []string{"900", "10"} {
			s, clock := opened(t, "{ "+p.yaml+", match: '"+p.base+"*.csv', files: "+most+" }")
			_, err := s.Look(t.Context(), clock.Now())
			var crowded *CrowdedError
			require.ErrorAs(t, err, &crowded)
			require.ErrorContains(t, err, "more than "+most+" files")
			_, err = s.Remote.Stat(t.Context(), p.base+"SKY_1.csv")
			require.NoError(t, err, "the remote works on")
		}
	})
}

// A pipe that somebody put among the files is not waited for.
func TestPipesAreRefused(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, syscall.Mkfifo(filepath.Join(dir, "a.csv"), 0o600))
	s, clock := opened(t, "{ dir: "+dir+", match: '*.csv', settled: 0s }")
	v, err := s.Look(t.Context(), clock.Now())
	require.NoError(t, err)
	require.Empty(t, v.Ready)
	require.Equal(t, []Refusal{{"a.csv", "it is not a regular file; list it in collect.exclude"}}, v.Refused)
	_, err = s.Remote.Open(t.Context(), "a.csv", 0)
	require.ErrorContains(t, err, "no longer a regular file")
	_, err = s.Remote.Open(t.Context(), "../../etc/passwd", 0)
	require.Error(t, err, "nothing outside is read")
}

// cutter is a network that breaks after so many bytes from the server, again and again.
func cutter(t *testing.T, to string, after func() int64) (address string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var running sync.WaitGroup
	t.Cleanup(func() { l.Close(); running.Wait() })
	running.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", to)
			if err != nil {
				client.Close()
				continue
			}
			limit := after()
			running.Go(func() { io.Copy(server, client); server.Close() })
			running.Go(func() {
				io.CopyN(client, server, limit)
				client.Close()
				server.Close()
			})
		}
	})
	return l.Addr().String()
}
