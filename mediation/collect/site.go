package collect

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Site is where a source's files are, with what is known of them. Look belongs to one goroutine.
type Site struct {
	Remote  Remote
	options *Options
	settled Settling
}

// Environment is what a Site needs from outside.
type Environment struct {
	Dir    string // what relative paths of key_file, known_hosts and dir are relative to
	Clock  Clock
	Random func() float64 // in [0, 1), for jitter
}

// Open prepares to collect. No connection is made, and no directory opened, before it is needed.
func (o *Options) Open(e Environment) *Site {
	if o.SFTP == nil {
		return NewSite(o, newDirectory(o, e))
	}
	return NewSite(o, newSFTP(o, e))
}

// NewSite is a Site over any Remote.
func NewSite(o *Options, r Remote) *Site { return &Site{Remote: r, options: o} }

// Look lists the files and tells which are complete at now.
func (s *Site) Look(ctx context.Context, now time.Time) (Verdict, error) {
	l, err := s.Remote.List(ctx)
	if err != nil {
		return Verdict{}, err
	}
	var v Verdict
	s.settled, v = s.settled.Next(l, s.options, now)
	return v, nil
}

// ReplacedError says that another file has the name of one that was read. What ought to be done with that one is not done
// with this one.
type ReplacedError struct {
	Read, Now Entry
}

func (e *ReplacedError) Error() string {
	return fmt.Sprintf("another file has its name now, with %d bytes of %s instead of %d of %s, and is left as it is",
		e.Now.Size, timed(e.Now.MTime), e.Read.Size, timed(e.Read.MTime))
}

// After does what the source wants done with a file that was read, if that is still the one that was listed: a
// *ReplacedError says that it is not. It succeeds when that was done before.
func (s *Site) After(ctx context.Context, e Entry) error {
	a := s.options.After
	if a.Leaves() {
		return nil
	}
	// A carrier that writes the next file under the same name before we tidy would lose it.
	now, err := s.Remote.Stat(ctx, e.Path)
	var gone *GoneError
	var changed *ChangedError
	switch {
	case errors.As(err, &gone):
	case err == nil && !now.Same(e), errors.As(err, &changed):
		return &ReplacedError{Read: e, Now: now}
	case err != nil:
		return err
	}
	paths := []string{e.Path}
	if s.options.Marker != "" {
		paths = append(paths, e.Path+s.options.Marker)
	}
	for _, p := range paths {
		if a.Delete {
			err = s.Remote.Delete(ctx, p)
		} else {
			err = s.Remote.Move(ctx, p, a.Move)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Close ends all connections.
func (s *Site) Close() error { return s.Remote.Close() }

// shown is a path for people.
func shown(path string) string { return strings.Trim(fmt.Sprintf("%q", path), `"`) }
