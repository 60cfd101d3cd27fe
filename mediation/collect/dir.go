package collect

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// directory is a local directory. os.Root keeps every path inside it, including links. It is opened anew for
// each operation, so a directory that is mounted late or recreated is found.
type directory struct {
	path    string
	matcher *matcher
}

func newDirectory(o *Options, e Environment) *directory {
	path := o.Dir
	if !filepath.IsAbs(path) {
		path = filepath.Join(e.Dir, path)
	}
	return &directory{path: path, matcher: newMatcher(o, true)}
}

// open opens the directory. An error here does not concern a single file.
func (d *directory) open() (*os.Root, error) {
	root, err := os.OpenRoot(d.path)
	if err != nil {
		return nil, &UnreachableError{"collect.dir " + d.path, err}
	}
	return root, nil
}

// List implements Remote.
func (d *directory) List(ctx context.Context) (Listing, error) {
	var l Listing
	root, err := d.open()
	if err != nil {
		return l, err
	}
	defer root.Close()
	names := 0
	var walk func(path string) error
	walk = func(path string) error {
		f, err := root.Open(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		defer f.Close()
		var below []string
		for {
			if err := ctx.Err(); err != nil {
				return err
			}
			some, err := f.ReadDir(1024)
			progressed(ctx)
			if names += len(some); names > d.matcher.most {
				return &CrowdedError{d.matcher.most}
			}
			for _, s := range some {
				progressed(ctx)
				if d.add(&l, root, path, s) {
					below = append(below, joined(path, s.Name()))
				}
			}
			if err == io.EOF {
				break
			}
			if err != nil {
				return err
			}
		}
		f.Close()
		for _, b := range below {
			err := walk(b)
			var crowded *CrowdedError
			switch {
			case err == nil:
			case ctx.Err() != nil, errors.As(err, &crowded):
				return err
			default:
				l.unread(b, err)
			}
		}
		return nil
	}
	for _, b := range d.matcher.bases() {
		// The same as for an SFTP server, and so that files do not vanish from the ledger if the directory
		// is not mounted.
		if _, err := root.Stat(b); errors.Is(err, fs.ErrNotExist) {
			return Listing{}, fmt.Errorf("%s has no directory %q; check collect.match", d.path, b)
		}
		if err := walk(b); err != nil {
			return Listing{}, fmt.Errorf("%s cannot be listed: %w", d.path, err)
		}
	}
	return l, nil
}

func (d *directory) add(l *Listing, root *os.Root, path string, s fs.DirEntry) (descend bool) {
	kind := kindOf(s.Type())
	var e Entry
	if kind == isFile && d.matcher.file(joined(path, s.Name())) {
		info, err := s.Info()
		if err != nil {
			return false // deleted since it was listed
		}
		e.Size, e.MTime = info.Size(), changed(info.ModTime())
	}
	return d.matcher.add(l, path, s.Name(), kind, e.Size, e.MTime, func() (Entry, error) {
		info, err := root.Stat(joined(path, s.Name()))
		switch {
		case err != nil:
			return Entry{}, fmt.Errorf("it is a link to a missing file or leads out of the directory: %w", err)
		case !info.Mode().IsRegular():
			return Entry{}, errors.New("it is a link to something other than a regular file")
		}
		return Entry{Size: info.Size(), MTime: changed(info.ModTime())}, nil
	})
}

func kindOf(mode fs.FileMode) fileKind {
	switch {
	case mode.IsRegular():
		return isFile
	case mode.IsDir():
		return isDirectory
	case mode&fs.ModeSymlink != 0:
		return isLink
	}
	return isOther
}

// Open implements Remote.
func (d *directory) Open(ctx context.Context, path string, offset int64) (io.ReadCloser, error) {
	if _, err := d.Stat(ctx, path); err != nil { // also prevents opening a pipe, which could block
		return nil, err
	}
	root, err := d.open()
	if err != nil {
		return nil, err
	}
	defer root.Close()
	f, err := root.Open(raw(path))
	if err != nil {
		return nil, goneOr(path, err)
	}
	if _, err := f.Seek(offset, io.SeekStart); err != nil {
		f.Close()
		return nil, err
	}
	return &cancelled{ctx, f}, nil
}

// cancelled is a file whose reads fail once ctx has ended.
type cancelled struct {
	ctx context.Context
	*os.File
}

func (c *cancelled) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.File.Read(p)
}

// Stat implements Remote.
func (d *directory) Stat(_ context.Context, path string) (Entry, error) {
	root, err := d.open()
	if err != nil {
		return Entry{}, err
	}
	defer root.Close()
	info, err := root.Stat(raw(path))
	if err != nil {
		return Entry{}, goneOr(path, err)
	}
	if !info.Mode().IsRegular() {
		return Entry{}, &ChangedError{path, "it is no longer a regular file"}
	}
	return Entry{path, info.Size(), changed(info.ModTime())}, nil
}

// Rename implements Remote.
func (d *directory) Rename(_ context.Context, path, to string) error {
	root, err := d.open()
	if err != nil {
		return err
	}
	defer root.Close()
	if _, err := root.Lstat(raw(to)); err == nil {
		return fmt.Errorf("%q cannot be renamed: %q already exists", path, to)
	}
	if err := root.Rename(raw(path), raw(to)); err != nil {
		return goneOr(path, err)
	}
	return nil
}

// Move implements Remote.
func (d *directory) Move(_ context.Context, path, directory, name string) error {
	root, err := d.open()
	if err != nil {
		return err
	}
	defer root.Close()
	path, directory = raw(path), strings.Trim(directory, "/")
	if directory == "" {
		directory = "."
	}
	if err := root.MkdirAll(directory, 0o755); err != nil {
		return err
	}
	if _, err := root.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	target, err := freeName(joined(directory, raw(name)), func(p string) (bool, error) {
		_, err := root.Lstat(p)
		if errors.Is(err, fs.ErrNotExist) {
			return true, nil
		}
		return false, err
	})
	if err != nil {
		return err
	}
	return root.Rename(path, target)
}

// Delete implements Remote.
func (d *directory) Delete(_ context.Context, path string) error {
	root, err := d.open()
	if err != nil {
		return err
	}
	defer root.Close()
	if err := root.Remove(raw(path)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// Close implements Remote.
func (d *directory) Close() error { return nil }

// freeName returns the path, or the first free variant of it with a number.
func freeName(path string, free func(string) (bool, error)) (string, error) {
	for i := range 10_000 {
		p := path
		if i > 0 {
			p = fmt.Sprintf("%s.%d", path, i)
		}
		if ok, err := free(p); ok || err != nil {
			return p, err
		}
	}
	return "", fmt.Errorf("%s and 9999 other names like it are taken", shown(path))
}

func goneOr(path string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return &GoneError{path}
	}
	return err
}
