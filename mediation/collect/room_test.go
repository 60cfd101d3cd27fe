package collect

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pkg/sftp"
	"github.com/stretchr/testify/require"
)

// A server lists a file with the size of the whole spool, and sends nothing of it.
func TestAListedSizeTakesNoRoomFromOtherFiles(t *testing.T) {
	const most = 1 << 30
	s := &staller{liar: &liar{names: []told{{"huge.csv", most, 0o644}}}, over: make(chan struct{}), stalls: func(m string) bool {
		return m == "Read"
	}}
	s.liar.sizes = most
	yaml := s.liar.serves(t, sftp.Handlers{FileGet: s, FileCmd: s, FileList: s})
	t.Cleanup(func() { close(s.over) })
	site, clock := opened(t, "{ "+yaml+", match: /out/*.csv, settled: 0s }")
	v, err := site.Look(t.Context(), clock.Now())
	require.NoError(t, err)
	spool := spool(t, most)
	ctx, stop := context.WithCancel(t.Context())
	huge := make(chan error)
	go func() {
		_, err := spool.Fetch(ctx, site.Remote, v.Ready[0], fetching(clock))
		huge <- err
	}()
	require.Eventually(t, func() bool { return spool.Used() > 0 }, time.Minute, time.Millisecond)
	require.Less(t, spool.Used(), int64(most/2))

	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "small.csv"), []byte("x"), 0o644))
	other, clock := opened(t, "{ dir: "+dir+", match: '*.csv', settled: 0s }")
	v, err = other.Look(t.Context(), clock.Now())
	require.NoError(t, err)
	small, err := spool.Fetch(t.Context(), other.Remote, v.Ready[0], fetching(clock))
	require.NoError(t, err)
	small.Release()
	stop()
	require.ErrorIs(t, <-huge, context.Canceled)
	require.Zero(t, spool.Used())
}

// Two files grow until the spool is full: one gives way, and both come.
func TestFilesThatFillTheSpoolTogetherComeOneAfterTheOther(t *testing.T) {
	const size = step + step/2
	dir := t.TempDir()
	for i, name := range []string{"a.csv", "b.csv"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(strings.Repeat("x", i+1)), 0o644))
		require.NoError(t, os.Truncate(filepath.Join(dir, name), size))
	}
	site, clock := opened(t, "{ dir: "+dir+", match: '*.csv', settled: 0s }")
	v, err := site.Look(t.Context(), clock.Now())
	require.NoError(t, err)
	require.Len(t, v.Ready, 2)
	spool := spool(t, 2*step)
	var started atomic.Int32
	both := make(chan struct{})
	done := make(chan error)
	for _, e := range v.Ready {
		go func() {
			f, first := fetching(clock), true
			f.Progress = func(_ context.Context, done int64) error {
				if first && done > 0 { // each has a part of its room before either needs more
					first = false
					if started.Add(1) == 2 {
						close(both)
					}
					<-both
				}
				return nil
			}
			file, err := spool.Fetch(t.Context(), site.Remote, e, f)
			if err == nil {
				file.Release()
			}
			done <- err
		}()
	}
	require.NoError(t, <-done)
	require.NoError(t, <-done)
	require.Zero(t, spool.Used())
}

func TestTimesOfChangeThatAreAbsentOrFarAreComparedAsTheyAreKept(t *testing.T) {
	dir := t.TempDir()
	for name, at := range map[string]time.Time{"epoch.csv": time.Unix(0, 0), "far.csv": time.Date(2400, 1, 1, 0, 0, 0, 0, time.UTC)} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o644))
		require.NoError(t, os.Chtimes(filepath.Join(dir, name), at, at))
	}
	local, clock := opened(t, "{ dir: "+dir+", match: '*.csv', settled: 0s }")
	l := &liar{names: []told{{"a.csv", 1, 0o644}}, timeless: true}
	remote, _ := opened(t, "{ "+l.serve(t)+", match: /out/*.csv, settled: 0s }")
	spool := spool(t, 1<<20)
	for _, site := range []*Site{local, remote} {
		v, err := site.Look(t.Context(), clock.Now())
		require.NoError(t, err)
		require.NotEmpty(t, v.Ready)
		for _, e := range v.Ready {
			require.Equal(t, site == remote, e.MTime.IsZero(), e.Path)
			f, err := spool.Fetch(t.Context(), site.Remote, e, fetching(clock))
			require.NoError(t, err, e.Path)
			f.Release()
		}
	}
}
