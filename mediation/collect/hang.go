package collect

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"sync/atomic"
	"time"
)

// A local directory may be a network mount, and the kernel has no deadline for a mount whose server is away: listing,
// opening or reading blocks until the server comes back. So each step runs in its own goroutine. A step that makes no
// progress for the timeout is abandoned, and the directory counts as away, like an SFTP server that does not answer.
type patient struct {
	Remote
	place   string
	timeout time.Duration
	hung    atomic.Int64 // number of abandoned steps that have not returned
}

// mostHung is the largest number of goroutines, and so of kernel threads, that wait for one directory. Further steps
// fail at once.
const mostHung = 4

// progressKey is the context key of a counter that operations with several steps increase at each step.
type progressKey struct{}

// progressed records one completed step.
func progressed(ctx context.Context) {
	if n, ok := ctx.Value(progressKey{}).(*atomic.Int64); ok {
		n.Add(1)
	}
}

func (p *patient) away(what string) error {
	return &UnreachableError{p.place, fmt.Errorf("%s has made no progress for %s; if the directory is a network mount, its server may "+
		"be away", what, p.timeout)}
}

// within runs an operation, and abandons it if it makes no progress. late, which may be nil, is called with a
// result that arrives after that.
func within[T any](ctx context.Context, p *patient, what string, do func(context.Context) (T, error), late func(T)) (v T, err error) {
	if n := p.hung.Load(); n >= mostHung {
		return v, &UnreachableError{p.place, fmt.Errorf("%d earlier operations on it hang; if the directory is a network mount, its "+
			"server may be away", n)}
	}
	var steps atomic.Int64
	doing, cancel := context.WithCancel(context.WithValue(ctx, progressKey{}, &steps))
	defer cancel()
	type answer struct {
		v   T
		err error
	}
	var over atomic.Bool // the operation has returned or was abandoned
	answers := make(chan answer, 1)
	go func() {
		v, err := do(doing)
		if over.CompareAndSwap(false, true) {
			answers <- answer{v, err}
			return
		}
		p.hung.Add(-1)
		if err == nil && late != nil {
			late(v)
		}
	}()
	leave := func(why error) (T, error) {
		p.hung.Add(1)
		if over.CompareAndSwap(false, true) {
			return v, why
		}
		p.hung.Add(-1)
		a := <-answers
		return a.v, a.err
	}
	wait := time.NewTimer(p.timeout)
	defer wait.Stop()
	for last := int64(0); ; {
		select {
		case a := <-answers:
			return a.v, a.err
		case <-ctx.Done():
			return leave(ctx.Err())
		case <-wait.C:
			if n := steps.Load(); n != last {
				last = n
				wait.Reset(p.timeout)
				continue
			}
			return leave(p.away(what))
		}
	}
}

type nothing struct{}

func (p *patient) do(ctx context.Context, what string, do func(context.Context) error) error {
	_, err := within(ctx, p, what, func(ctx context.Context) (nothing, error) { return nothing{}, do(ctx) }, nil)
	return err
}

// List implements Remote.
func (p *patient) List(ctx context.Context) (Listing, error) {
	return within(ctx, p, "listing it", p.Remote.List, nil)
}

// Stat implements Remote.
func (p *patient) Stat(ctx context.Context, path string) (Entry, error) {
	return within(ctx, p, fmt.Sprintf("looking at %q", path),
		func(ctx context.Context) (Entry, error) {
			return p.Remote.Stat(ctx, path)
		}, nil)
}

// Rename implements Remote.
func (p *patient) Rename(ctx context.Context, path, to string) error {
	return p.do(ctx, fmt.Sprintf("renaming %q", path), func(ctx context.Context) error { return p.Remote.Rename(ctx, path, to) })
}

// Move implements Remote.
func (p *patient) Move(ctx context.Context, path, directory, name string) error {
	return p.do(ctx, fmt.Sprintf("moving %q", path), func(ctx context.Context) error { return p.Remote.Move(ctx, path, directory, name) })
}

// Delete implements Remote.
func (p *patient) Delete(ctx context.Context, path string) error {
	return p.do(ctx, fmt.Sprintf("deleting %q", path), func(ctx context.Context) error { return p.Remote.Delete(ctx, path) })
}

// Open implements Remote.
func (p *patient) Open(ctx context.Context, path string, offset int64) (io.ReadCloser, error) {
	opened := func(context.Context) (io.ReadCloser, error) { return p.Remote.Open(ctx, path, offset) } // open as long as ctx
	f, err := within(ctx, p, fmt.Sprintf("opening %q", path), opened, func(f io.ReadCloser) { f.Close() })
	if err != nil {
		return nil, err
	}
	r := &patientFile{ctx: ctx, place: p, path: path, asks: make(chan int, 1), parts: make(chan part, 1), wait: time.NewTimer(p.timeout)}
	r.wait.Stop()
	go r.serve(f)
	return r, nil
}

// patientFile reads a file in a goroutine with its own buffer, because an abandoned goroutine may still write to
// that buffer.
type patientFile struct {
	ctx   context.Context // the caller's
	place *patient
	path  string
	asks  chan int
	parts chan part
	wait  *time.Timer
	left  atomic.Bool // a read was abandoned
	ended error
}

type part struct {
	bytes []byte
	err   error
}

const partBytes = 256 << 10

func (r *patientFile) serve(f io.ReadCloser) {
	var memory []byte
	for n := range r.asks {
		if n = min(n, partBytes); len(memory) < n {
			memory = make([]byte, n)
		}
		n, err := f.Read(memory[:n])
		r.parts <- part{memory[:n], err}
	}
	f.Close()
	if r.left.Load() {
		r.place.hung.Add(-1)
	}
}

// Read implements io.Reader.
func (r *patientFile) Read(b []byte) (int, error) {
	if r.ended != nil || len(b) == 0 {
		return 0, r.ended
	}
	r.asks <- len(b)
	r.wait.Reset(r.place.timeout)
	defer r.wait.Stop()
	select {
	case got := <-r.parts:
		return copy(b, got.bytes), got.err
	case <-r.ctx.Done():
		r.leave(r.ctx.Err())
	case <-r.wait.C:
		r.leave(r.place.away(fmt.Sprintf("reading %q", r.path)))
	}
	return 0, r.ended
}

func (r *patientFile) leave(why error) {
	r.ended = why
	r.place.hung.Add(1)
	r.left.Store(true)
	close(r.asks)
}

// Close implements io.Closer. The goroutine closes the file after a read in progress has returned.
func (r *patientFile) Close() error {
	if r.ended == nil {
		r.ended = fs.ErrClosed
		close(r.asks)
	}
	return nil
}
