package collect

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// Site is the place of a source's files, with the state of its observation. Only one goroutine may call Look.
type Site struct {
	Remote  Remote
	options *Options
	settled Settling
}

// Environment contains the inputs that a Site gets from its caller.
type Environment struct {
	Dir    string // base of relative paths of key_file, known_hosts and dir
	Clock  Clock
	Random func() float64 // in [0, 1), for jitter
}

// Open prepares to collect. It makes a connection or opens a directory only when needed.
func (o *Options) Open(e Environment) *Site {
	if o.SFTP == nil {
		d := newDirectory(o, e)
		return NewSite(o, &patient{Remote: d, place: "collect.dir " + d.path, timeout: o.timeout()})
	}
	return NewSite(o, newSFTP(o, e))
}

// NewSite returns a Site over any Remote.
func NewSite(o *Options, r Remote) *Site { return &Site{Remote: r, options: o} }

// Look lists the files and reports which are complete at now.
func (s *Site) Look(ctx context.Context, now time.Time) (Verdict, error) {
	l, err := s.Remote.List(ctx)
	if err != nil {
		return Verdict{}, err
	}
	var v Verdict
	s.settled, v = s.settled.Next(l, s.options, now)
	return v, nil
}

// Close ends all connections.
func (s *Site) Close() error { return s.Remote.Close() }

// shown returns a path for display.
func shown(path string) string { return strings.Trim(fmt.Sprintf("%q", path), `"`) }
