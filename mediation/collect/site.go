package collect

import (
	"context"
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
	Source string // the source's name, for errors
	Dir    string // what relative paths of key_file, known_hosts and dir are relative to
	Clock  Clock
	Random func() float64 // in [0, 1), for jitter
}

// Open prepares to collect. No connection is made before it is needed.
func (o *Options) Open(e Environment) (*Site, error) {
	var r Remote
	var err error
	if o.SFTP != nil {
		r, err = newSFTP(o, e)
	} else {
		r, err = newDirectory(o, e)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", e.Source, err)
	}
	return &Site{Remote: r, options: o}, nil
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

// After does what the source wants done with a file that was read. It succeeds when that was done before.
func (s *Site) After(ctx context.Context, path string) error {
	paths := []string{path}
	if s.options.Marker != "" {
		paths = append(paths, path+s.options.Marker)
	}
	for _, p := range paths {
		var err error
		switch a := s.options.After; {
		case a.Delete:
			err = s.Remote.Delete(ctx, p)
		case a.Move != "":
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
