package collect

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	stdpath "path"
	"strings"
	"sync"
	"time"

	"github.com/pkg/sftp"

	"ratemill/internal/backoff"
)

// sftpRemote is an SFTP server. It keeps at most the configured number of connections; each carries one listing, file
// or command at a time.
type sftpRemote struct {
	options *SFTP
	matcher *matcher
	dialer  *dialer
	clock   Clock
	free    chan struct{} // one token for each connection that may be open

	mu        sync.Mutex
	idle      []*connection
	closed    bool
	backoff   backoff.Backoff
	notBefore time.Time // no attempt to connect is made before this time
	failure   error     // error of the last attempt
	alive     sync.WaitGroup
}

func newSFTP(o *Options, e Environment) *sftpRemote {
	r := &sftpRemote{options: o.SFTP, matcher: newMatcher(o, false), dialer: newDialer(o.SFTP, e.Dir), clock: e.Clock,
		free:    make(chan struct{}, o.SFTP.connections()),
		backoff: backoff.Backoff{First: time.Second, Most: 30 * time.Second, Random: e.Random}}
	for range cap(r.free) {
		r.free <- struct{}{}
	}
	return r
}

// UnreachableError reports that no connection could be made, or that a directory does not exist.
type UnreachableError struct {
	Host string
	Err  error
}

func (e *UnreachableError) Error() string {
	return fmt.Sprintf("%s cannot be reached: %v", e.Host, e.Err)
}
func (e *UnreachableError) Unwrap() error { return e.Err }

var errClosed = errors.New("the remote is closed")

// borrow waits for a connection. After a failure to connect, it returns the same error for an increasing time instead
// of trying again, so that callers can serve other sources and a recovering server is not flooded.
func (r *sftpRemote) borrow(ctx context.Context) (*connection, error) {
	select {
	case <-r.free:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	c, err := r.connection(ctx)
	if err != nil {
		r.free <- struct{}{}
	}
	return c, err
}

func (r *sftpRemote) connection(ctx context.Context) (*connection, error) {
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		return nil, errClosed
	}
	for n := len(r.idle); n > 0; n = len(r.idle) {
		c := r.idle[n-1]
		r.idle = r.idle[:n-1]
		if !c.lost() {
			r.mu.Unlock()
			return c, nil
		}
		c.close()
	}
	if r.clock.Now().Before(r.notBefore) {
		defer r.mu.Unlock()
		return nil, r.failure
	}
	r.mu.Unlock()
	c, err := r.dialer.dial(ctx)
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil {
		if ctx.Err() == nil {
			r.notBefore, r.failure = r.clock.Now().Add(r.backoff.Failed()), err
		}
		return nil, err
	}
	r.backoff.Worked()
	r.notBefore = time.Time{}
	if r.closed {
		c.close()
		return nil, errClosed
	}
	r.alive.Go(c.keepAlive)
	return c, nil
}

// giveBack returns a connection; if it is lost, it is closed.
func (r *sftpRemote) giveBack(c *connection) {
	r.mu.Lock()
	if r.closed || c.lost() {
		c.close()
	} else {
		r.idle = append(r.idle, c)
	}
	r.mu.Unlock()
	r.free <- struct{}{}
}

// with runs one operation on a connection, which is cut when ctx ends.
func (r *sftpRemote) with(ctx context.Context, what, path string, do func(*sftp.Client) error) error {
	c, err := r.borrow(ctx)
	if err != nil {
		return err
	}
	stop, answered := context.AfterFunc(ctx, c.close), c.attend()
	err = do(c.client)
	answered()
	stop()
	if err != nil {
		err = r.explained(ctx, c, what, path, err)
	}
	r.giveBack(c)
	return err
}

// explained adds the operation to an error, and decides whether to keep the connection.
func (r *sftpRemote) explained(ctx context.Context, c *connection, what, path string, err error) error {
	var status *sftp.StatusError
	var gone *GoneError
	var changed *ChangedError
	var crowded *CrowdedError
	switch {
	case ctx.Err() != nil:
		c.close()
		return ctx.Err()
	case errors.As(err, &crowded):
		c.close()
		return err
	case errors.As(err, &gone), errors.As(err, &changed):
		return err
	case errors.Is(err, fs.ErrNotExist):
		return &GoneError{path}
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%s: permission denied for %s on %q; ask the carrier for the permission to %s "+
			"there", r.dialer.address, r.options.User, path,
			what)
	case errors.As(err, &status) && status.FxCode() != sftp.ErrSSHFxConnectionLost && status.FxCode() != sftp.ErrSSHFxNoConnection:
		return fmt.Errorf("%s: cannot %s %q: %w", r.dialer.address, what, path, err)
	}
	c.close()
	if cause := c.cause(); cause != nil {
		err = cause
	}
	return &UnreachableError{r.dialer.address, fmt.Errorf("connection lost while trying to %s %q: %w", what, path, err)}
}

// List implements Remote.
func (r *sftpRemote) List(ctx context.Context) (Listing, error) {
	var l Listing
	c, err := r.borrow(ctx)
	if err != nil {
		return l, err
	}
	defer r.giveBack(c)
	stop := context.AfterFunc(ctx, c.close)
	defer stop()
	// The library collects a whole directory, so the number of bytes that it may read is limited: a name with
	// its attributes, twice, takes less than 1 KiB.
	c.budget(int64(r.matcher.most+64) << 10)
	defer c.budget(0)
	names := 0
	var walk func(path string) error
	walk = func(path string) error {
		answered := c.attend()
		infos, err := c.client.ReadDirContext(ctx, path)
		answered()
		if errors.Is(err, errBudget) || errors.Is(c.cause(), errBudget) {
			err = &CrowdedError{r.matcher.most}
		}
		if err != nil {
			return r.explained(ctx, c, "list", path, err)
		}
		if names += len(infos); names > r.matcher.most {
			return &CrowdedError{r.matcher.most}
		}
		var below []string
		for _, info := range infos {
			file := joined(path, info.Name())
			if r.matcher.add(&l, path, info.Name(), kindOf(info.Mode().Type()), info.Size(), changedOn(info), func() (Entry, error) {
				defer c.attend()()
				return linked(c.client, file)
			}) {
				below = append(below, file)
			}
		}
		for _, b := range below {
			err := walk(b)
			var crowded *CrowdedError
			var gone *GoneError
			switch {
			case err == nil, errors.As(err, &gone): // deleted since its parent was listed
			case ctx.Err() != nil, Unreachable(err), errors.As(err, &crowded):
				return err
			default:
				l.unread(b, err)
			}
		}
		return nil
	}
	for _, b := range r.matcher.bases() {
		if err := walk(b); err != nil {
			var gone *GoneError
			if errors.As(err, &gone) {
				err = fmt.Errorf("%s has no directory %q; check collect.match", r.dialer.address, gone.Path)
			}
			return Listing{}, err
		}
	}
	return l, nil
}

// linked returns the target of a link if it is a file in the same directory or below it. Links to directories are
// never followed, so there are no cycles.
func linked(c *sftp.Client, path string) (Entry, error) {
	target, err := c.ReadLink(path)
	switch {
	case err != nil:
		return Entry{}, fmt.Errorf("it is a link that cannot be read: %w", err)
	case strings.HasPrefix(target, "/"):
		return Entry{}, fmt.Errorf("it is a link to %q, an absolute path", target)
	case strings.Contains("/"+target+"/", "/../"):
		return Entry{}, fmt.Errorf("it is a link to %q, outside its directory", target)
	}
	info, err := c.Stat(path)
	switch {
	case err != nil:
		return Entry{}, fmt.Errorf("it is a link to a missing file or a loop of links: %w", err)
	case !info.Mode().IsRegular():
		return Entry{}, errors.New("it is a link to something other than a regular file")
	}
	return Entry{Path: path, Size: info.Size(), MTime: changedOn(info)}, nil
}

// Open implements Remote.
func (r *sftpRemote) Open(ctx context.Context, path string, offset int64) (io.ReadCloser, error) {
	c, err := r.borrow(ctx)
	if err != nil {
		return nil, err
	}
	stop, answered := context.AfterFunc(ctx, c.close), c.attend()
	f, err := c.client.Open(raw(path))
	answered()
	if err != nil {
		stop()
		err = r.explained(ctx, c, "read", path, err)
		r.giveBack(c)
		return nil, err
	}
	return &sftpFile{ctx: ctx, remote: r, connection: c, stop: stop, file: f, path: path, offset: offset}, nil
}

// sftpFile reads at an offset. The library requests all of a large buffer at once, 32 KiB per request, so there is
// one round trip per buffer rather than per request.
type sftpFile struct {
	ctx        context.Context
	remote     *sftpRemote
	connection *connection
	stop       func() bool
	file       *sftp.File
	path       string
	offset     int64
	failed     bool
}

func (f *sftpFile) Read(p []byte) (int, error) {
	answered := f.connection.attend()
	n, err := f.file.ReadAt(p, f.offset)
	answered()
	f.offset += int64(n)
	if n > 0 && err == io.EOF {
		err = nil
	}
	if err != nil && err != io.EOF {
		f.failed = true
		err = f.remote.explained(f.ctx, f.connection, "read", f.path, err)
	}
	return n, err
}

func (f *sftpFile) Close() error {
	if f.connection == nil {
		return nil
	}
	var err error
	if !f.failed {
		answered := f.connection.attend()
		err = f.file.Close()
		answered()
	}
	f.stop()
	f.remote.giveBack(f.connection)
	f.connection = nil
	return err
}

// Stat implements Remote.
func (r *sftpRemote) Stat(ctx context.Context, path string) (e Entry, err error) {
	err = r.with(ctx, "look at", path, func(c *sftp.Client) error {
		info, err := c.Stat(raw(path))
		if err != nil {
			return err
		}
		if !info.Mode().IsRegular() {
			return &ChangedError{path, "it is no longer a regular file"}
		}
		e = Entry{path, info.Size(), changedOn(info)}
		return nil
	})
	return e, err
}

// Rename implements Remote.
func (r *sftpRemote) Rename(ctx context.Context, path, to string) error {
	return r.with(ctx, "rename", path, func(c *sftp.Client) error {
		return c.Rename(raw(path), raw(to)) // never replaces another file, unlike posix-rename
	})
}

// Move implements Remote.
func (r *sftpRemote) Move(ctx context.Context, path, directory, name string) error {
	return r.with(ctx, "move", path, func(c *sftp.Client) error {
		path := raw(path)
		if _, err := c.Lstat(path); errors.Is(err, fs.ErrNotExist) {
			return nil
		} else if err != nil {
			return err
		}
		directory := stdpath.Clean(directory)
		if _, err := c.Stat(directory); errors.Is(err, fs.ErrNotExist) {
			if err := c.MkdirAll(directory); err != nil {
				return fmt.Errorf("%s cannot be made: %w", directory, err)
			}
		}
		target, err := freeName(joined(directory, raw(name)), func(p string) (bool, error) {
			_, err := c.Lstat(p)
			if errors.Is(err, fs.ErrNotExist) {
				return true, nil
			}
			return false, err
		})
		if err != nil {
			return err
		}
		return c.Rename(path, target) // never replaces another file, unlike posix-rename
	})
}

// Delete implements Remote.
func (r *sftpRemote) Delete(ctx context.Context, path string) error {
	err := r.with(ctx, "delete", path, func(c *sftp.Client) error { return c.Remove(raw(path)) })
	if gone := (*GoneError)(nil); errors.As(err, &gone) {
		return nil
	}
	return err
}

// Close ends all connections, including those in use.
func (r *sftpRemote) Close() error {
	r.mu.Lock()
	r.closed = true
	for _, c := range r.idle {
		c.close()
	}
	r.idle = nil
	r.mu.Unlock()
	for range cap(r.free) {
		<-r.free // every borrower returns its connection first
	}
	r.alive.Wait()
	return nil
}
