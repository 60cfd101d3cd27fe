package collect

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// mount is a place whose operations hang as those on a network mount do: they look at no context.
type mount struct {
	Remote
	hangs chan struct{} // closed: it answers
	slow  int           // steps of a listing; each takes long
}

func (m *mount) List(ctx context.Context) (Listing, error) {
	for range m.slow {
		time.Sleep(20 * time.Millisecond)
		progressed(ctx)
	}
	<-m.hangs
	return Listing{}, nil
}

func (m *mount) Stat(context.Context, string) (Entry, error)        { <-m.hangs; return Entry{}, nil }
func (m *mount) Rename(context.Context, string, string) error       { <-m.hangs; return nil }
func (m *mount) Move(context.Context, string, string, string) error { <-m.hangs; return nil }
func (m *mount) Delete(context.Context, string) error               { <-m.hangs; return nil }
func (m *mount) Open(context.Context, string, int64) (io.ReadCloser, error) {
	return &hanging{m, strings.NewReader("the beginning")}, nil
}

type hanging struct {
	*mount
	begin io.Reader
}

func (h *hanging) Read(b []byte) (int, error) {
	if n, err := h.begin.Read(b); err == nil {
		return n, nil
	}
	<-h.hangs
	return 0, io.EOF
}

func (h *hanging) Close() error { return nil }

func TestAMountThatHangsIsAwayAndBackWhenItAnswers(t *testing.T) {
	ctx := t.Context()
	for name, do := range map[string]func(*patient) error{
		"listing it":     func(p *patient) error { _, err := p.List(ctx); return err },
		`looking at "a"`: func(p *patient) error { _, err := p.Stat(ctx, "a"); return err },
		`renaming "a"`:   func(p *patient) error { return p.Rename(ctx, "a", "b") },
		`moving "a"`:     func(p *patient) error { return p.Move(ctx, "a", "read", "a") },
		`deleting "a"`:   func(p *patient) error { return p.Delete(ctx, "a") },
		`reading "a"`: func(p *patient) error {
			f, err := p.Open(ctx, "a", 0)
			if err != nil {
				return err
			}
			text, err := io.ReadAll(f)
			require.Equal(t, "the beginning", string(text))
			return errors.Join(err, f.Close())
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := &mount{hangs: make(chan struct{})}
			p := &patient{Remote: m, place: "collect.dir /mnt/cdr", timeout: 50 * time.Millisecond}
			for range mostHung {
				err := do(p)
				require.ErrorContains(t, err, "collect.dir /mnt/cdr cannot be reached: "+name+" has made no progress for 50ms")
				require.True(t, Unreachable(err))
			}
			began := time.Now()
			p.timeout = time.Hour // no more of them are left behind: it fails at once
			err := do(p)
			require.Less(t, time.Since(began), time.Hour)
			if name != `reading "a"` { // which is opened before
				require.ErrorContains(t, err, "4 earlier operations on it hang")
			}
			require.True(t, Unreachable(err))
			close(m.hangs)
			require.Eventually(t, func() bool { return p.hung.Load() == 0 }, 10*time.Second, time.Millisecond)
			require.NoError(t, do(p))
		})
	}
}

// A slow mount is not one that hangs: each of its steps is done in time.
func TestAListingThatMakesProgressIsNoHang(t *testing.T) {
	m := &mount{hangs: make(chan struct{}), slow: 50}
	close(m.hangs)
	p := &patient{Remote: m, place: "x", timeout: 200 * time.Millisecond}
	_, err := p.List(t.Context())
	require.NoError(t, err)
	require.Zero(t, p.hung.Load())
}

func TestWhoeverEndsWaitsForNoMount(t *testing.T) {
	m := &mount{hangs: make(chan struct{})}
	defer close(m.hangs)
	p := &patient{Remote: m, place: "x", timeout: time.Hour}
	ctx, end := context.WithCancel(t.Context())
	end()
	_, err := p.List(ctx)
	require.ErrorIs(t, err, context.Canceled)
	f, err := p.Open(t.Context(), "a", 0)
	require.NoError(t, err)
	_, err = io.ReadFull(f, make([]byte, len("the beginning")))
	require.NoError(t, err)
	require.NoError(t, f.Close())
	_, err = f.Read(make([]byte, 1))
	require.Error(t, err)
}
