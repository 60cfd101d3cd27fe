package collect

import (
	"context"
	"crypto/sha256"
	"encoding"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"

	"ratemill/internal/backoff"
	"ratemill/udr"
)

// Spool stores files on this machine while they are read. It is a cache: everything in it can be fetched again. Several
// processes may share one directory; each uses its own folder in it.
type Spool struct {
	dir  string
	lock *os.File
	most int64

	mu    sync.Mutex
	used  int64          // bytes in use or reserved
	held  map[string]int // number of users of each file, by path
	freed chan struct{}  // closed when room becomes free
	order []*transfer    // transfers that need room, in order of arrival
}

// OpenSpool creates a folder below dir and deletes the folders of processes that have ended. most is the largest
// number of bytes that its files may take.
func OpenSpool(dir string, most int64) (*Spool, error) {
	s := &Spool{most: most, held: map[string]int{}, freed: make(chan struct{})}
	for i := range 256 {
		mine := filepath.Join(dir, strconv.Itoa(i))
		if err := os.MkdirAll(mine, 0o700); err != nil {
			return nil, fmt.Errorf("spool: %w", err)
		}
		lock, err := os.OpenFile(filepath.Join(mine, "LOCK"), os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			return nil, fmt.Errorf("spool: %w", err)
		}
		if syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil {
			lock.Close()
			continue
		}
		s.dir, s.lock = mine, lock
		return s, s.clear()
	}
	return nil, fmt.Errorf("spool: 256 processes already use %s", dir)
}

func (s *Spool) clear() error {
	names, err := filepath.Glob(filepath.Join(s.dir, "*.file"))
	if err != nil {
		return err
	}
	more, err := filepath.Glob(filepath.Join(s.dir, "*.part"))
	if err != nil {
		return err
	}
	for _, n := range append(names, more...) {
		if err := os.Remove(n); err != nil {
			return fmt.Errorf("spool: %w", err)
		}
	}
	return nil
}

// Close deletes the folder.
func (s *Spool) Close() error {
	return errors.Join(s.clear(), s.lock.Close())
}

// Used returns the number of bytes in use or reserved.
func (s *Spool) Used() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.used
}

// Spooled is a file on this machine.
type Spooled struct {
	Hash  [32]byte // SHA-256 of the content alone
	Size  int64    // of the content
	From  int64    // offset in the content at which this file begins
	State []byte   // state of SHA-256 at the end of the content
	More  bool     // the file has grown since, beyond this content
	spool *Spool
	once  sync.Once
}

// Open returns a reader of the file, from From on.
func (f *Spooled) Open() (io.ReadCloser, error) { return os.Open(f.path()) }

func (f *Spooled) path() string {
	name := hex.EncodeToString(f.Hash[:])
	if f.From > 0 {
		name += fmt.Sprintf("-%d", f.From)
	}
	return filepath.Join(f.spool.dir, name+".file")
}

// Release lets the spool remove the file when nobody else uses it.
func (f *Spooled) Release() {
	f.once.Do(func() {
		s := f.spool
		s.mu.Lock()
		path := f.path()
		if s.held[path]--; s.held[path] == 0 {
			delete(s.held, path)
			os.Remove(path)
		}
		s.mu.Unlock()
		s.giveBack(f.Size - f.From)
	})
}

// LargeError reports that a file does not fit into an empty spool.
type LargeError struct {
	Path       string
	Size, Most int64
}

func (e *LargeError) Error() string {
	return fmt.Sprintf("%q has %d bytes, but the spool may hold %d; raise mediation.spool_bytes", e.Path, e.Size, e.Most)
}

// SpoolError reports that the spool cannot store a file although the file is within its limit: the disk is full
// or fails.
type SpoolError struct {
	Dir string
	Err error
}

func (e *SpoolError) Error() string {
	return fmt.Sprintf("the spool %s cannot be written: %v; it needs as much space as the files that are read at the "+
		"same time, at most mediation.spool_bytes."+
		" Free disk space; mediation then continues by itself", e.Dir, e.Err)
}
func (e *SpoolError) Unwrap() error { return e.Err }

func (s *Spool) failed(err error) error { return &SpoolError{s.dir, err} }

// step is the amount by which the reservation of a transfer grows. The listed size is only what the server
// reports, so the reservation grows as bytes arrive.
const step = 64 << 20

// grow waits until there is room for upTo bytes. If transfers wait for each other, the oldest goes first: the others
// release their room and restart with a reservation for everything that they need. errGaveWay signals this.
func (t *transfer) grow(ctx context.Context, upTo int64) error {
	s := t.spool
	for {
		s.mu.Lock()
		want := min(max(upTo, t.reserved+step), t.size()) - t.reserved
		if t.gaveWay {
			want = t.size() - t.reserved
		}
		first := len(s.order) > 0 && s.order[0] == t
		if room := s.most - s.used; upTo <= t.reserved || room >= want || first && room >= upTo-t.reserved {
			if upTo > t.reserved {
				got := min(want, room)
				s.used += got
				t.reserved += got
			}
			s.mu.Unlock()
			return nil
		}
		if !first && t.reserved > 0 {
			back := t.reserved
			t.reserved, t.gaveWay = 0, true
			s.order = append(slices.DeleteFunc(s.order, func(o *transfer) bool { return o == t }), t)
			s.mu.Unlock()
			s.giveBack(back)
			return errGaveWay
		}
		freed := s.freed
		s.mu.Unlock()
		select {
		case <-freed:
		case <-time.After(t.Every):
			if err := t.Progress(ctx, t.done); err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

var errGaveWay = errors.New("the spool is full, and another file came first")

// restart discards the received bytes after their room was released.
func (t *transfer) restart() error {
	if err := t.part.Truncate(0); err != nil {
		return t.spool.failed(err)
	}
	if _, err := t.part.Seek(0, io.SeekStart); err != nil {
		return t.spool.failed(err)
	}
	return t.begin()
}

func (s *Spool) giveBack(n int64) {
	s.mu.Lock()
	s.used -= n
	close(s.freed)
	s.freed = make(chan struct{})
	s.mu.Unlock()
}

// Fetching contains the inputs of Fetch other than the file.
type Fetching struct {
	Clock    Clock
	Random   func() float64
	Attempts int                                         // number of attempts in a row without a new byte; 0 means 6
	Patience time.Duration                               // without a byte, after which a failed attempt is the last; 0 means a minute
	Progress func(ctx context.Context, done int64) error // called from time to time while waiting; an error ends the transfer; may be nil
	Every    time.Duration                               // at least this often; 0 means 5 s
	Prefix   *Prefix                                     // the part that was read before; nil: the whole file is fetched
	Grown    bool                                        // the file may have grown since it was listed: only the listed size is fetched
}

// fetchBuffer is the size of one read: 64 requests of 32 KiB in flight together.
const fetchBuffer = 2 << 20

var fetchBuffers = sync.Pool{New: func() any {
	b := make([]byte, fetchBuffer)
	return &b
}}

// Fetch fetches the listed file e. If a connection is lost, it reconnects and continues at the same position,
// provided that the file is unchanged. These errors have their own meaning: *GoneError, *ChangedError,
// *LargeError, *HostKeyError; others may be temporary.
func (s *Spool) Fetch(ctx context.Context, from Remote, e Entry, f Fetching) (*Spooled, error) {
	if f.Progress == nil {
		f.Progress = func(context.Context, int64) error { return nil }
	}
	f.Every = orDefault(f.Every, 5*time.Second)
	t := &transfer{Fetching: &f, spool: s, from: from, entry: e}
	if err := t.begin(); err != nil {
		return nil, err
	}
	if t.size() > s.most {
		return nil, &LargeError{e.Path, t.size(), s.most}
	}
	s.mu.Lock()
	s.order = append(s.order, t)
	s.mu.Unlock()
	spooled, err := s.fetch(ctx, t)
	s.mu.Lock()
	s.order = slices.DeleteFunc(s.order, func(o *transfer) bool { return o == t })
	s.mu.Unlock()
	back := int64(0)
	if err != nil {
		back = t.reserved
	}
	s.giveBack(back) // also wakes the waiting transfers, because another one is now first
	return spooled, err
}

func (s *Spool) fetch(ctx context.Context, t *transfer) (*Spooled, error) {
	e := t.entry
	part, err := os.CreateTemp(s.dir, "*.part")
	if err != nil {
		return nil, s.failed(err)
	}
	defer os.Remove(part.Name())
	defer part.Close()
	buffer := fetchBuffers.Get().(*[]byte)
	defer fetchBuffers.Put(buffer)
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	t.stop, t.part, t.buffer = stop, part, *buffer
	if err := t.grow(ctx, min(t.size(), step)); err != nil {
		return nil, err
	}
	if err := t.unchanged(ctx); err != nil {
		return nil, err
	}
	if err := t.run(ctx); err != nil {
		return nil, err
	}
	// There is no sync: a spool is cleared when its process starts, so nothing in it is read after a crash.
	r := &Spooled{Size: e.Size, From: t.first, More: t.more, spool: s}
	t.hash.Sum(r.Hash[:0])
	if r.State, err = t.hash.(encoding.BinaryMarshaler).MarshalBinary(); err != nil {
		return nil, err
	}
	path := r.path()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held[path] == 0 {
		if err := os.Rename(part.Name(), path); err != nil {
			return nil, s.failed(err)
		}
	}
	s.held[path]++
	return r, nil
}

// Identity returns a file's id.
func Identity(source, path string, content [32]byte) (id udr.FileID) {
	h := sha256.New()
	io.WriteString(h, source)
	h.Write([]byte{0})
	io.WriteString(h, path)
	h.Write([]byte{0})
	h.Write(content[:])
	copy(id[:], h.Sum(nil))
	return id
}

// transfer is one file being fetched.
type transfer struct {
	*Fetching
	stop   func()
	spool  *Spool
	from   Remote
	entry  Entry
	part   *os.File
	hash   hash.Hash // of the content
	window hash.Hash // of the bytes that are fetched for comparison
	buffer []byte
	first  int64 // the first byte that is fetched
	done   int64 // number of bytes of the content that have arrived or were known before
	more   bool  // than was listed

	reserved int64 // number of bytes reserved in the spool
	gaveWay  bool  // the transfer gave way to another, and must reserve all its room at once
}

// run reads to the end, over as many connections as necessary.
func (t *transfer) run(ctx context.Context) error {
	backoff := backoff.Backoff{First: time.Second, Most: time.Minute, Random: t.Random}
	attempts, since := orDefault(t.Attempts, 6), t.Clock.Now()
	for failures := 0; ; {
		before := t.done
		err := t.read(ctx)
		if err == nil {
			if t.done < t.entry.Size {
				return &ChangedError{t.entry.Path, fmt.Sprintf("it ended after %d bytes, but its size in the listing was %d", t.done, t.entry.Size)}
			}
			if err = t.unchanged(ctx); err == nil {
				return nil
			}
		}
		if errors.Is(err, errGaveWay) {
			if err := t.restart(); err != nil {
				return err
			}
			if err := t.grow(ctx, t.size()); err != nil {
				return err
			}
			continue
		}
		if t.final(ctx, err) {
			return err
		}
		if t.done > before {
			failures, since = 0, t.Clock.Now()
			backoff.Worked()
		}
		if failures++; failures == attempts || t.Clock.Now().Sub(since) >= orDefault(t.Patience, time.Minute) {
			return fmt.Errorf("%q: given up after %d attempts, at %d of %d bytes: %w", t.entry.Path, failures, t.done, t.entry.Size, err)
		}
		if err := t.Progress(ctx, t.done); err != nil {
			return err
		}
		if err := t.Clock.Sleep(ctx, backoff.Failed()); err != nil {
			return err
		}
		if err := t.unchanged(ctx); err != nil && t.final(ctx, err) {
			return err
		}
	}
}

// final reports whether another attempt is useless.
func (t *transfer) final(ctx context.Context, err error) bool {
	var unreachable *UnreachableError
	return ctx.Err() != nil || !errors.As(err, &unreachable) && !errors.Is(err, io.ErrUnexpectedEOF)
}

// read continues at the current position.
func (t *transfer) read(ctx context.Context) error {
	var r io.ReadCloser
	err := t.waiting(ctx, func(ctx context.Context) (err error) {
		r, err = t.from.Open(ctx, t.entry.Path, t.done)
		return err
	})
	if err != nil {
		return err
	}
	defer r.Close()
	for {
		var n int
		err := t.waiting(ctx, func(context.Context) (err error) {
			n, err = r.Read(t.buffer)
			return err
		})
		if t.more && t.done+int64(n) >= t.entry.Size {
			n, err = int(t.entry.Size-t.done), io.EOF
		}
		if t.done+int64(n) > t.entry.Size {
			return &ChangedError{t.entry.Path, fmt.Sprintf("it has more than the %d bytes of the listing", t.entry.Size)}
		}
		if n > 0 {
			if err := t.grow(ctx, t.done+int64(n)-t.first); err != nil {
				return err
			}
			if _, err := t.part.Write(t.buffer[:n]); err != nil {
				return t.spool.failed(err)
			}
			if err := t.came(t.buffer[:n]); err != nil {
				return err
			}
			if err := t.Progress(ctx, t.done); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// waiting runs a slow operation (waiting for a connection or a slow server), and meanwhile calls the keepalive.
func (t *transfer) waiting(ctx context.Context, do func(context.Context) error) error {
	done := make(chan error, 1)
	go func() { done <- do(ctx) }()
	tick := time.NewTicker(t.Every)
	defer tick.Stop()
	var lost error
	for {
		select {
		case err := <-done:
			if lost != nil {
				return lost
			}
			return err
		case <-tick.C:
			if lost = t.Progress(ctx, t.done); lost != nil {
				t.stop()
				tick.Stop()
			}
		}
	}
}

// unchanged checks that the file is still as listed.
func (t *transfer) unchanged(ctx context.Context) error {
	var now Entry
	err := t.waiting(ctx, func(ctx context.Context) (err error) {
		now, err = t.from.Stat(ctx, t.entry.Path)
		return err
	})
	switch {
	case err != nil:
		return err
	case t.Grown && now.Size > t.entry.Size:
		t.more = true
	case now.Size != t.entry.Size:
		return &ChangedError{t.entry.Path, fmt.Sprintf("it has %d bytes, but its size in the listing was %d", now.Size, t.entry.Size)}
	case !now.MTime.Equal(t.entry.MTime):
		return &ChangedError{t.entry.Path, fmt.Sprintf("it was written at %s, but its time in the listing was %s", timed(now.MTime),
			timed(t.entry.MTime))}
	}
	return nil
}
