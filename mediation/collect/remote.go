package collect

import (
	"context"
	"fmt"
	"io"
	"math"
	"os"
	stdpath "path"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"ratemill/internal/patience"
)

// Entry is a file as a listing has it.
type Entry struct {
	Path  string
	Size  int64
	MTime time.Time // zero when the server gives none
}

// The times of change that the ledger can hold, in nanoseconds since 1970.
var (
	earliestMTime = time.Unix(0, math.MinInt64+1).UTC()
	latestMTime   = time.Unix(0, math.MaxInt64).UTC() // in 2262
)

// changed is a time of change as the ledger can hold it. File systems go further: a file of the year 2400 is one of 2262.
func changed(t time.Time) time.Time {
	switch {
	case t.Before(earliestMTime):
		return earliestMTime
	case t.After(latestMTime):
		return latestMTime
	}
	return t
}

// changedOn is the time of change on an SFTP server. One that gives none, or does not know it, says 0.
func changedOn(server os.FileInfo) time.Time {
	if t := server.ModTime(); t.Unix() != 0 {
		return t
	}
	return time.Time{}
}

// timed is a time of change for people.
func timed(t time.Time) string {
	if t.IsZero() {
		return "an unknown time"
	}
	return t.UTC().Format(time.RFC3339)
}

// Same says that nothing shows that the file changed.
func (e Entry) Same(o Entry) bool {
	return e.Path == o.Path && e.Size == o.Size && e.MTime.Equal(o.MTime)
}

// Refusal is a file that is never taken, and why.
type Refusal struct{ Path, Reason string }

// Listing is what a Remote shows at one time.
type Listing struct {
	Entries []Entry
	Marked  map[string]bool // paths of files whose marker is there
	Refused []Refusal       // at most 100
}

// Remote is a place with files. Paths are as its listing has them. It may be used by several goroutines.
type Remote interface {
	List(ctx context.Context) (Listing, error)
	// Open reads from offset. The reader fails when ctx ends.
	Open(ctx context.Context, path string, offset int64) (io.ReadCloser, error)
	Stat(ctx context.Context, path string) (Entry, error)
	// Move brings the file into a directory, which is made, under its own name or, when that is taken, with a number
	// after it. A file that is gone was moved before.
	Move(ctx context.Context, path, directory string) error
	// Delete succeeds for a file that is gone.
	Delete(ctx context.Context, path string) error
	Close() error
}

// Clock is how waiting is done.
type Clock = patience.Clock

// GoneError says that a file is no longer at its source.
type GoneError struct{ Path string }

func (e *GoneError) Error() string { return fmt.Sprintf("%q is no longer at its source", e.Path) }

// ChangedError says that a file is not the one that was listed, or changed while it was fetched. It is taken when it
// has settled again.
type ChangedError struct{ Path, How string }

func (e *ChangedError) Error() string {
	return fmt.Sprintf("%q changed while it was taken: %s; it is taken again when it has settled", e.Path, e.How)
}

// CrowdedError says that a listing has more files than the options allow.
type CrowdedError struct{ Most int }

func (e *CrowdedError) Error() string {
	return fmt.Sprintf("the listing has more than %d files; move read files away (after: { move: … }), narrow match, or raise collect.files", e.Most)
}

// pattern is a match, cut at its slashes.
type pattern []string

// matcher tells the files of a source from others.
type matcher struct {
	patterns  []pattern
	temporary []string
	marker    string
	most      int
}

// maxDepth is how many directories ** goes down.
const maxDepth = 16

// newMatcher prepares a source's patterns; rooted removes their leading slash, for places with a root of their own.
func newMatcher(o *Options, rooted bool) *matcher {
	m := &matcher{temporary: o.Temporary, marker: o.Marker, most: o.files()}
	for _, p := range o.Match {
		if rooted {
			p = strings.TrimLeft(p, "/")
		}
		m.patterns = append(m.patterns, strings.Split(p, "/"))
	}
	return m
}

// bases are the directories to list from, without wildcards.
func (m *matcher) bases() []string {
	var bases []string
	for _, p := range m.patterns {
		n := 0
		for n < len(p)-1 && !strings.ContainsAny(p[n], `*?[\`) {
			n++
		}
		base := strings.Join(p[:n], "/")
		switch {
		case n == 0:
			base = "."
		case base == "":
			base = "/"
		}
		bases = append(bases, base)
	}
	slices.Sort(bases)
	bases = slices.Compact(bases)
	// A directory below another base is reached from there, if the patterns lead through.
	return slices.DeleteFunc(bases, func(b string) bool {
		return slices.ContainsFunc(bases, func(o string) bool {
			return o != b && (o == "." && b[0] != '/' || o == "/" && b[0] == '/' || strings.HasPrefix(b, o+"/"))
		})
	})
}

// leads says that files below the directory may match.
func (m *matcher) leads(directory string) bool {
	at := strings.Split(directory, "/")
	if len(at) > maxDepth+8 {
		return false
	}
	return slices.ContainsFunc(m.patterns, func(p pattern) bool { return p.match(at, true) })
}

// file says that the path is a file of the source.
func (m *matcher) file(path string) bool {
	at := strings.Split(path, "/")
	for _, t := range m.temporary {
		if globbed(t, at[len(at)-1]) {
			return false
		}
	}
	return slices.ContainsFunc(m.patterns, func(p pattern) bool { return p.match(at, false) })
}

// match compares piece by piece; a beginning matches when the pattern goes on.
func (p pattern) match(at []string, beginning bool) bool {
	switch {
	case len(at) == 0:
		return beginning == (len(p) > 0)
	case len(p) == 0:
		return false
	case p[0] == "**":
		if beginning || len(p) == 1 {
			return len(at) <= maxDepth
		}
		return p[1:].match(at, beginning) || len(at) > 1 && p.match(at[1:], beginning)
	}
	return globbed(p[0], at[0]) && p[1:].match(at[1:], beginning)
}

// add notes one name of a directory and answers whether to go down into it.
func (m *matcher) add(l *Listing, directory, name string, kind fileKind, size int64, mtime time.Time, link func() (Entry, error)) (descend bool) {
	path := joined(directory, name)
	if why := unfit(name); why != "" {
		l.refuse(path, why)
		return false
	}
	if kind == isDirectory {
		return m.leads(path)
	}
	if m.marker != "" && strings.HasSuffix(path, m.marker) {
		if marked := strings.TrimSuffix(path, m.marker); m.file(marked) {
			if l.Marked == nil {
				l.Marked = map[string]bool{}
			}
			l.Marked[marked] = true
			return false
		}
	}
	if !m.file(path) {
		return false
	}
	switch kind {
	case isLink:
		e, err := link()
		if err != nil {
			l.refuse(path, err.Error())
			return false
		}
		size, mtime = e.Size, e.MTime
	case isOther:
		l.refuse(path, "it is no regular file")
		return false
	}
	if size < 0 {
		l.refuse(path, "its size is negative")
		return false
	}
	l.Entries = append(l.Entries, Entry{path, size, mtime})
	return false
}

func (l *Listing) refuse(path, why string) {
	if len(l.Refused) < 100 {
		l.Refused = append(l.Refused, Refusal{path[:min(len(path), 1024)], why})
	}
}

type fileKind uint8

const (
	isFile fileKind = iota
	isDirectory
	isLink
	isOther
)

// unfit says why a name cannot be a file's.
func unfit(name string) string {
	switch {
	case name == "" || name == "." || name == "..":
		return "its name is no name"
	case len(name) > 255:
		return fmt.Sprintf("its name has %d bytes, more than 255", len(name))
	case strings.ContainsAny(name, "/\\"):
		return "its name holds a slash, which would lead to another directory"
	case !utf8.ValidString(name):
		return "its name is not UTF-8"
	case strings.ContainsFunc(name, unicode.IsControl):
		return "its name holds a control character"
	}
	return ""
}

func joined(directory, name string) string {
	switch directory {
	case ".":
		return name
	case "/":
		return "/" + name
	}
	return directory + "/" + name
}

// base is a path's last piece.
func base(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }

// globbed is path.Match for one piece of a path; Check has seen that the pattern is one.
func globbed(pattern, name string) bool {
	ok, _ := stdpath.Match(pattern, name)
	return ok
}
