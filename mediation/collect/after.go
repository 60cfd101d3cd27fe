package collect

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// This file moves and deletes files that were read.
//
// A listing identifies a file by size and modification time, and many servers report times in whole seconds, so
// different content may look the same. So a file is first renamed to a private name, which no writer uses, and its
// content is compared with the content that was read. Then it is moved or deleted, or gets its name back.

// ReplacedError reports that another file now has the name of a file that was read. That other file is not moved
// or deleted.
type ReplacedError struct {
	Read, Now Entry
	Alike     bool   // same name, size and time, so no listing shows that it is another file
	Kept      string // its current path, if it was renamed
}

func (e *ReplacedError) Error() string {
	why := fmt.Sprintf("another file now has its name (%d bytes of %s instead of %d of %s) and is left as it is",
		e.Now.Size, timed(e.Now.MTime), e.Read.Size, timed(e.Read.MTime))
	if e.Alike {
		why = "other content now has its name, with the same size and time of change, and is left as it is"
	}
	if e.Kept != "" {
		why += fmt.Sprintf("; its name was taken in the meantime, so it is kept as %q: check whether the source matches "+
			"that name, and rename it if it does not", e.Kept)
	}
	return why
}

// Same reports whether the content that open returns is the content that was read. It may call open more than
// once.
type Same func(open func() (io.ReadCloser, error)) (bool, error)

// private is the prefix of the names that files have during the comparison. No source takes a file with
// this prefix.
const private = ".ratemill-"

// privateName returns the name that a file has during the comparison: always the same for one entry, so that After
// finds it after a crash.
func privateName(e Entry) string {
	sum := sha256.Sum256([]byte(e.Path + "\x00" + strconv.FormatInt(e.Size, 10) + "\x00" + timed(e.MTime)))
	name := private + hex.EncodeToString(sum[:8]) + "-" + base(e.Path)
	if len(name) > 250 {
		name = private + hex.EncodeToString(sum[:8])
	}
	return joined(directoryOf(e.Path), name+".tmp")
}

// publicName returns the original of a private name, or "" if it is unknown.
func publicName(path string) string {
	name, aside := strings.CutPrefix(base(path), private)
	_, name, named := strings.Cut(name, "-")
	if !aside || !named {
		return ""
	}
	return joined(directoryOf(path), strings.TrimSuffix(name, ".tmp"))
}

func directoryOf(path string) string {
	switch i := strings.LastIndexByte(path, '/'); i {
	case -1:
		return "."
	case 0:
		return "/"
	default:
		return path[:i]
	}
}

// After performs the source's after action for a file that was read, if the file is still the listed one with the
// same content; otherwise it returns a *ReplacedError. It succeeds if the action was performed before.
//
// A crash during After leaves the file under its private name, where the next call finds it. If the server forbids
// renaming, After compares the content under the original name; it does not notice a file written between the
// comparison and the removal.
func (s *Site) After(ctx context.Context, e Entry, same Same) error {
	if s.options.After.Leaves() {
		return nil
	}
	for range 3 { // another mediator may be doing the same at the same time
		again, err := s.after(ctx, e, same)
		if err != nil || !again {
			return err
		}
	}
	return fmt.Errorf("%q is being moved or deleted by another process", e.Path)
}

func (s *Site) after(ctx context.Context, e Entry, same Same) (again bool, err error) {
	hidden := privateName(e)
	now, err := s.now(ctx, hidden)
	if err != nil {
		return false, err
	}
	if now == nil {
		// If the file were renamed later, a carrier that writes the next file under the same name would lose that file.
		if now, err = s.now(ctx, e.Path); err != nil {
			return false, err
		}
		if now == nil {
			return false, s.tidyMarker(ctx, e)
		}
		if !now.Same(e) {
			return false, &ReplacedError{Read: e, Now: *now}
		}
		switch err := s.Remote.Rename(ctx, e.Path, hidden); {
		case isGone(err):
			return true, nil
		case Unreachable(err) || ctx.Err() != nil:
			return false, err
		case err != nil: // renaming is forbidden, or happened in spite of the error
			renamed, lost := s.now(ctx, hidden)
			if lost != nil {
				return false, lost
			}
			if renamed == nil {
				return s.finish(ctx, e, e.Path, *now, same)
			}
			now = renamed
		default:
			if now, err = s.now(ctx, hidden); err != nil || now == nil {
				return now == nil, err
			}
		}
	}
	return s.finish(ctx, e, hidden, *now, same)
}

// now returns the current entry of a file, nil if the file is gone.
func (s *Site) now(ctx context.Context, path string) (*Entry, error) {
	now, err := s.Remote.Stat(ctx, path)
	var changed *ChangedError
	switch {
	case isGone(err):
		return nil, nil
	case errors.As(err, &changed):
		return &Entry{Path: path, Size: -1}, nil
	case err != nil:
		return nil, err
	}
	return &now, nil
}

// finish compares the file at its own or private path with the content that was read, and moves or deletes it.
func (s *Site) finish(ctx context.Context, e Entry, path string, now Entry, same Same) (again bool, err error) {
	now.Path = e.Path
	alike := now.Same(e)
	if alike {
		alike, err = same(func() (io.ReadCloser, error) { return s.Remote.Open(ctx, path, 0) })
		switch {
		case isGone(err):
			return true, nil
		case err != nil:
			return false, errors.Join(err, s.named(ctx, path, e))
		case !alike:
			return false, s.back(ctx, path, &ReplacedError{Read: e, Now: now, Alike: true})
		}
	}
	if !alike {
		return false, s.back(ctx, path, &ReplacedError{Read: e, Now: now})
	}
	if s.options.After.Delete {
		err = s.Remote.Delete(ctx, path)
	} else {
		err = s.Remote.Move(ctx, path, s.options.After.Move, base(e.Path))
	}
	if err != nil {
		return false, errors.Join(err, s.named(ctx, path, e))
	}
	return false, s.tidyMarker(ctx, e)
}

// named restores a file's name after an error. If that fails too, the next attempt finds the file.
func (s *Site) named(ctx context.Context, path string, e Entry) error {
	if path == e.Path {
		return nil
	}
	if now, err := s.now(ctx, e.Path); err != nil || now != nil {
		return nil
	}
	if err := s.Remote.Rename(ctx, path, e.Path); err != nil && !isGone(err) {
		return fmt.Errorf("it is kept as %q until then", path)
	}
	return nil
}

// back restores the name of a file with other content, or gives it a similar name if that is taken.
func (s *Site) back(ctx context.Context, path string, replaced *ReplacedError) error {
	if path == replaced.Read.Path {
		return replaced
	}
	for i := range 10_000 {
		name := numbered(replaced.Read.Path, i)
		if now, err := s.now(ctx, name); err != nil {
			return err
		} else if now != nil {
			continue
		}
		if err := s.Remote.Rename(ctx, path, name); err != nil {
			if left, lost := s.now(ctx, path); isGone(err) || lost != nil || left != nil {
				return err
			}
		}
		if i > 0 {
			replaced.Kept = name
		}
		return replaced
	}
	return fmt.Errorf("%q, which was not read, is kept as %q", replaced.Read.Path, path)
}

// PutBack restores the name of a file that was left under a private name, or gives it a similar name if that is
// taken.
func (s *Site) PutBack(ctx context.Context, aside Entry) (name string, err error) {
	replaced := &ReplacedError{Read: Entry{Path: publicName(aside.Path)}}
	if err = s.back(ctx, aside.Path, replaced); !errors.Is(err, replaced) {
		return "", err
	}
	return cmp.Or(replaced.Kept, replaced.Read.Path), nil
}

// numbered returns a path with a number before its suffix, so that the source's patterns probably match it.
func numbered(path string, n int) string {
	if n == 0 {
		return path
	}
	name, suffix, dot := strings.Cut(base(path), ".")
	if name += "." + strconv.Itoa(n); dot {
		name += "." + suffix
	}
	return joined(directoryOf(path), name)
}

// tidyMarker moves or deletes the marker of a file.
func (s *Site) tidyMarker(ctx context.Context, e Entry) error {
	if s.options.Marker == "" {
		return nil
	}
	marker := e.Path + s.options.Marker
	if s.options.After.Delete {
		return s.Remote.Delete(ctx, marker)
	}
	return s.Remote.Move(ctx, marker, s.options.After.Move, base(marker))
}

func isGone(err error) bool {
	var gone *GoneError
	return errors.As(err, &gone)
}
