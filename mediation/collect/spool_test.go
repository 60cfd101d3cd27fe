package collect

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/internal/proof/seeds"
)

func spool(t testing.TB, most int64) *Spool {
	t.Helper()
	s, err := OpenSpool(filepath.Join(t.TempDir(), "spool"), most)
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, s.Close())
		names, err := os.ReadDir(s.dir)
		require.NoError(t, err)
		require.Len(t, names, 1, "the lock alone is left")
	})
	return s
}

func noise(n int) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{7})
	r.Read(b)
	return b
}

func fetching(c *still) Fetching { return Fetching{Clock: c, Random: middle} }

func TestFetch(t *testing.T) {
	places(t, func(t *testing.T, p place) {
		content := noise(5<<20 + 17)
		write(t, p, "a.csv", string(content))
		write(t, p, "same.csv", string(content))
		write(t, p, "empty.csv", "")
		site, clock := opened(t, "{ "+p.yaml+", match: '"+p.base+"*.csv', settled: 0s }")
		v, err := site.Look(t.Context(), clock.Now())
		require.NoError(t, err)
		require.Len(t, v.Ready, 3)
		s := spool(t, 64<<20)
		var all []*Spooled
		for _, e := range v.Ready {
			f, err := s.Fetch(t.Context(), site.Remote, e, fetching(clock))
			require.NoError(t, err)
			all = append(all, f)
		}
		require.Equal(t, sha256.Sum256(content), all[0].Hash)
		require.Equal(t, all[0].Hash, all[2].Hash)
		require.NotEqual(t, Identity("skylink", "a.csv", all[0].Hash), Identity("skylink", "same.csv", all[0].Hash),
			"another name is another file")
		require.Equal(t, sha256.Sum256(nil), all[1].Hash)
		all[2].Release()
		r, err := all[0].Open()
		require.NoError(t, err)
		got, err := io.ReadAll(r)
		require.NoError(t, err)
		require.NoError(t, r.Close())
		require.Equal(t, content, got)
		all[0].Release()
		all[0].Release()
		all[1].Release()
		require.Zero(t, s.Used())
		_, err = all[0].Open()
		require.ErrorIs(t, err, fs.ErrNotExist)

		_, err = s.Fetch(t.Context(), site.Remote, Entry{Path: p.base + "gone.csv", Size: 1}, fetching(clock))
		var gone *GoneError
		require.ErrorAs(t, err, &gone)
		require.Zero(t, s.Used())
	})
}

// A connection that breaks after any number of bytes costs no byte and doubles none.
func TestFetchOverBrokenConnections(t *testing.T) {
	places(t, func(t *testing.T, p place) {
		if p.addr == "" {
			return // a directory has no connection
		}
		content := noise(6 << 20)
		write(t, p, "a.csv", string(content))
		random := rand.New(rand.NewPCG(seeds.Fresh(t), 4))
		var cuts atomic.Int64
		host, port, err := net.SplitHostPort(cutter(t, p.addr, func() int64 { cuts.Add(1); return 200_000 + random.Int64N(1_500_000) }))
		require.NoError(t, err)
		o := parsed(t, "{ "+p.yaml+", match: '"+p.base+"*.csv' }")
		direct := o.Open(Environment{Clock: &still{}, Random: middle})
		defer direct.Close()
		e, err := direct.Remote.Stat(t.Context(), p.base+"a.csv")
		require.NoError(t, err)

		// The same server behind the bad network: its key is the same, its address another.
		r := newSFTP(o, Environment{Clock: &still{}, Random: middle})
		pinned := *o.SFTP
		check, _, err := o.SFTP.hostKeys(o.SFTP.KnownHosts, p.addr)
		require.NoError(t, err)
		if pinned.KnownHosts != "" {
			pinned.HostKey = Words{fingerprintAt(t, p.addr, check)}
			pinned.KnownHosts = ""
		}
		pinned.Host = host
		r.options = &pinned
		r.dialer = &dialer{options: &pinned, address: net.JoinHostPort(host, port)}
		defer r.Close()
		clock := &still{}
		f := fetching(clock)
		f.Attempts = 50
		spooled, err := spool(t, 64<<20).Fetch(t.Context(), r, e, f)
		require.NoError(t, err)
		require.Equal(t, sha256.Sum256(content), spooled.Hash)
		require.Greater(t, cuts.Load(), int64(3))
		require.NotEmpty(t, clock.slept)
		spooled.Release()
	})
}

// A file that changes on its way is not taken.
func TestFetchOfAChangingFile(t *testing.T) {
	places(t, func(t *testing.T, p place) {
		content := noise(6 << 20)
		path := filepath.Join(p.dir, "a.csv")
		old := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		for name, change := range map[string]func() error{
			"has more than": func() error {
				f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
				if err == nil {
					_, err = f.Write([]byte("more"))
					f.Close()
				}
				return err
			},
			"ended after":    func() error { return os.Truncate(path, 5<<20) },
			"it was written": func() error { return os.Chtimes(path, time.Time{}, old.Add(time.Hour)) },
		} {
			write(t, p, "a.csv", string(content))
			require.NoError(t, os.Chtimes(path, time.Time{}, old))
			site, clock := opened(t, "{ "+p.yaml+", match: '"+p.base+"*.csv' }")
			e, err := site.Remote.Stat(t.Context(), p.base+"a.csv")
			require.NoError(t, err)
			s := spool(t, 64<<20)
			f := fetching(clock)
			changed := false
			f.Progress = func(context.Context, int64) error {
				if !changed {
					changed = true
					return change()
				}
				return nil
			}
			_, err = s.Fetch(t.Context(), site.Remote, e, f)
			var e2 *ChangedError
			require.ErrorAs(t, err, &e2, name)
			require.ErrorContains(t, err, name)
			require.Zero(t, s.Used())

			_, err = s.Fetch(t.Context(), site.Remote, Entry{e.Path, e.Size + 1, e.MTime}, fetching(clock))
			require.ErrorAs(t, err, &e2, "it was another when it was listed")
		}
	})
}

func TestSpoolIsBounded(t *testing.T) {
	dir := t.TempDir()
	p := place{yaml: "dir: " + dir, dir: dir}
	write(t, p, "a.csv", strings.Repeat("a", 600))
	write(t, p, "b.csv", strings.Repeat("b", 600))
	site, clock := opened(t, "{ "+p.yaml+", match: '*.csv', settled: 0s }")
	v, err := site.Look(t.Context(), clock.Now())
	require.NoError(t, err)
	s := spool(t, 1000)
	first, err := s.Fetch(t.Context(), site.Remote, v.Ready[0], fetching(clock))
	require.NoError(t, err)
	second := make(chan *Spooled)
	go func() {
		f, err := s.Fetch(t.Context(), site.Remote, v.Ready[1], fetching(clock))
		if err != nil {
			t.Error(err)
		}
		second <- f
	}()
	first.Release()
	f := <-second
	require.EqualValues(t, 600, s.Used())

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = s.Fetch(ctx, site.Remote, v.Ready[0], fetching(clock))
	require.ErrorIs(t, err, context.Canceled)
	f.Release()
	_, err = s.Fetch(t.Context(), site.Remote, Entry{Path: "c.csv", Size: 1001}, fetching(clock))
	var large *LargeError
	require.ErrorAs(t, err, &large)
}

// Files of a process that ended are cleared; files of a running one are left alone.
func TestSpoolsOfSeveralProcesses(t *testing.T) {
	dir := t.TempDir()
	one, err := OpenSpool(dir, 1000)
	require.NoError(t, err)
	left := filepath.Join(one.dir, "x.part")
	require.NoError(t, os.WriteFile(left, nil, 0o600))
	two, err := OpenSpool(dir, 1000)
	require.NoError(t, err)
	require.NotEqual(t, one.dir, two.dir)
	require.FileExists(t, left)
	require.NoError(t, one.lock.Close()) // as when the process is killed
	three, err := OpenSpool(dir, 1000)
	require.NoError(t, err)
	require.Equal(t, one.dir, three.dir)
	require.NoFileExists(t, left)
	require.NoError(t, errors.Join(two.Close(), three.Close()))
}

func BenchmarkFetch(b *testing.B) {
	content := noise(64 << 20)
	s := embedded(b)
	require.NoError(b, os.WriteFile(filepath.Join(s.dir, "a.csv"), content, 0o644))
	for name, yaml := range map[string]string{"directory": "dir: " + s.dir, "sftp": sftpYAML(s)} {
		b.Run(name, func(b *testing.B) {
			site, clock := opened(b, "{ "+yaml+", match: /a.csv }")
			path := map[string]string{"directory": "a.csv", "sftp": "/a.csv"}[name]
			e, err := site.Remote.Stat(b.Context(), path)
			require.NoError(b, err)
			to := spool(b, 1<<30)
			b.SetBytes(e.Size)
			for b.Loop() {
				f, err := to.Fetch(b.Context(), site.Remote, e, fetching(clock))
				require.NoError(b, err)
				f.Release()
			}
		})
	}
}

// Whatever a fetch waits for, it says that it is alive, so that its lease is prolonged; and it ends when that is lost.
func TestAFetchThatWaitsForAConnectionIsAlive(t *testing.T) {
	s := embedded(t)
	require.NoError(t, os.WriteFile(filepath.Join(s.dir, "a.csv"), []byte("x"), 0o644))
	site, clock := opened(t, "{ "+strings.Replace(sftpYAML(s), "sftp: {", "sftp: { connections: 1,", 1)+", match: /*.csv, settled: 0s }")
	v, err := site.Look(t.Context(), clock.Now())
	require.NoError(t, err)
	held, err := site.Remote.Open(t.Context(), "/a.csv", 0)
	require.NoError(t, err)
	f := fetching(clock)
	f.Every = time.Millisecond
	lost, signs := errors.New("another has the file"), 0
	f.Progress = func(context.Context, int64) error {
		if signs++; signs == 3 {
			return lost
		}
		return nil
	}
	spool := spool(t, 1<<20)
	_, err = spool.Fetch(t.Context(), site.Remote, v.Ready[0], f)
	require.ErrorIs(t, err, lost)
	require.NoError(t, held.Close())

	// The spool's own bound is waited for in the same way.
	spool.used, signs = spool.most, 0
	_, err = spool.Fetch(t.Context(), site.Remote, v.Ready[0], f)
	require.ErrorIs(t, err, lost)
	spool.used, f.Progress = 0, nil
	got, err := spool.Fetch(t.Context(), site.Remote, v.Ready[0], f)
	require.NoError(t, err)
	got.Release()
}
