package collect

import (
	"io"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/pkg/sftp"
	"github.com/stretchr/testify/require"
)

// staller is an SFTP server that answers keepalives, and no request of some kinds until the test ends.
type staller struct {
	*liar
	stalls func(method string) bool
	over   chan struct{}
}

func (s *staller) Fileread(r *sftp.Request) (io.ReaderAt, error) {
	if s.stalls("Read") {
		return stalled{s}, nil
	}
	return s.liar.Fileread(r)
}

func (s *staller) Filelist(r *sftp.Request) (sftp.ListerAt, error) {
	if s.stalls(r.Method) {
		<-s.over
		return nil, io.EOF
	}
	return s.liar.Filelist(r)
}

func (s *staller) Lstat(r *sftp.Request) (sftp.ListerAt, error) { return s.Filelist(r) }

func (s *staller) Filecmd(r *sftp.Request) error {
	if s.stalls(r.Method) {
		<-s.over
	}
	return nil
}

type stalled struct{ *staller }

func (s stalled) ReadAt([]byte, int64) (int, error) {
	<-s.over
	return 0, io.EOF
}

func TestAServerThatAnswersKeepalivesAndNoRequestIsAway(t *testing.T) {
	for _, method := range []string{"List", "Stat", "Read", "Remove"} {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			s := &staller{liar: &liar{names: []told{{"a.csv", 1, 0o644}}}, over: make(chan struct{})}
			var stalls atomic.Bool
			s.stalls = func(m string) bool { return stalls.Load() && m == method }
			yaml := s.liar.serves(t, sftp.Handlers{FileGet: s, FileCmd: s, FileList: s})
			t.Cleanup(func() { close(s.over) })
			yaml = strings.Replace(yaml, "user: u,", "user: u, timeout: 300ms, keepalive: 50ms,", 1)
			site, clock := opened(t, "{ "+yaml+", match: /out/*.csv, settled: 0s, after: delete }")
			v, err := site.Look(t.Context(), clock.Now())
			require.NoError(t, err)
			require.Len(t, v.Ready, 1)
			stalls.Store(true)
			switch method {
			case "List":
				_, err = site.Look(t.Context(), clock.Now())
			case "Remove":
				err = site.After(t.Context(), v.Ready[0], isStill("x"))
			default:
				f := fetching(clock)
				f.Attempts = 2
				_, err = spool(t, 1<<20).Fetch(t.Context(), site.Remote, v.Ready[0], f)
			}
			require.ErrorContains(t, err, "has not answered a request for 300ms")
			require.True(t, Unreachable(err))
		})
	}
}

// A slow server is not one that stalls: each of its answers comes in time.
func TestManySlowAnswersAreNoStall(t *testing.T) {
	c := &connection{timeout: 1 << 62}
	m := &metered{r: strings.NewReader("\x00\x00\x00\x02ab\x00\x00\x00\x00\x00\x00\x08\x00" + strings.Repeat("x", 2048) +
		"\x00\x00\x00\x05ab"), c: c}
	_, err := io.Copy(io.Discard, io.LimitReader(m, 6))
	require.NoError(t, err)
	require.EqualValues(t, 1, c.answers.Load(), "an answer of two bytes")
	_, err = io.ReadAll(m)
	require.NoError(t, err)
	require.Greater(t, c.answers.Load(), int64(2), "the parts of a long one")
	require.EqualValues(t, 3, m.left, "and the last goes on")
}
