package collect

import (
	"context"
	"fmt"
	"io"
	"math"
	"os"
	stdpath "path"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"ratemill/internal/backoff"
)

// Entry is a file in a listing.
type Entry struct {
	Path  string
	Size  int64
	MTime time.Time // zero if the server reports none
}

// The range of modification times that the ledger can hold, in nanoseconds since 1970.
var (
	earliestMTime = time.Unix(0, math.MinInt64+1).UTC()
	latestMTime   = time.Unix(0, math.MaxInt64).UTC() // in 2262
)

// changed limits a modification time to the range that the ledger can store. File systems have a wider range: a file
// of the year 2400 is treated as one of 2262.
func changed(t time.Time) time.Time {
	switch {
	case t.Before(earliestMTime):
		return earliestMTime
	case t.After(latestMTime):
		return latestMTime
	}
	return t
}

// changedOn returns the modification time on an SFTP server. 0 means that the server does not report it.
func changedOn(server os.FileInfo) time.Time {
	if t := server.ModTime(); t.Unix() != 0 {
		return t
	}
	return time.Time{}
}

// timed formats a modification time for display.
func timed(t time.Time) string {
	if t.IsZero() {
		return "an unknown time"
	}
	return t.UTC().Format(time.RFC3339)
}

// Same reports whether nothing indicates that the file changed.
func (e Entry) Same(o Entry) bool {
	return e.Path == o.Path && e.Size == o.Size && e.MTime.Equal(o.MTime)
}

// Refusal is a file that is never taken, with the reason.
type Refusal struct{ Path, Reason string }

// Listing is the content of a Remote at one time.
type Listing struct {
	Entries []Entry
	Marked  map[string]bool // paths of files with a marker
	Refused []Refusal       // at most mostRefused entries
	More    int             // refused as well
	Unread  []string        // directories that could not be listed
	Aside   []Entry         // files of the source with a private name
}

const mostRefused = 1000

// Remote is a place that contains files. Paths are in the form in which its listing returns them. It is
// safe for use by several goroutines.
type Remote interface {
	List(ctx context.Context) (Listing, error)
	// Open reads from offset on. The reader fails when ctx ends.
	Open(ctx context.Context, path string, offset int64) (io.ReadCloser, error)
	Stat(ctx context.Context, path string) (Entry, error)
	// Rename gives a file another name in its directory; that name must be free. It returns a *GoneError if
	// the file is gone.
	Rename(ctx context.Context, path, to string) error
	// Move moves the file into a directory, which it creates if necessary. The file gets the given name, or that
	// name with a number if it is taken. It succeeds if the file is gone, because that means that it was
	// moved before.
	Move(ctx context.Context, path, directory, name string) error
	// Delete succeeds for a file that is gone.
	Delete(ctx context.Context, path string) error
	Close() error
}

// Clock provides waiting.
type Clock = backoff.Clock

// GoneError reports that a file is no longer at its source.
type GoneError struct{ Path string }

func (e *GoneError) Error() string { return fmt.Sprintf("%q is no longer at its source", e.Path) }

// ChangedError reports that a file is not the listed one, or that it changed during the transfer. The file is taken
// once it has settled again.
type ChangedError struct{ Path, How string }

func (e *ChangedError) Error() string {
	return fmt.Sprintf("%q changed while it was fetched: %s; it is fetched again when it no longer changes", e.Path, e.How)
}

// CrowdedError reports that a listing contains more files than the options allow.
type CrowdedError struct{ Most int }

func (e *CrowdedError) Error() string {
	return fmt.Sprintf("the listing has more than %d files; move read files away (after: { move: … }), narrow match, or raise collect.files",
		e.Most)
}

// pattern is a match pattern, split at slashes.
type pattern []string

// matcher distinguishes the files of a source from others.
type matcher struct {
	patterns  []pattern
	excluded  []pattern
	temporary []string
	marker    string
	most      int
}

// maxDepth is the number of directory levels that ** matches.
const maxDepth = 16

// newMatcher prepares a source's patterns; rooted removes their leading slash, for a Remote with its own root.
func newMatcher(o *Options, rooted bool) *matcher {
	m := &matcher{temporary: o.Temporary, marker: o.Marker, most: o.files()}
	cut := func(texts []string) (patterns []pattern) {
		for _, p := range texts {
			if rooted {
				p = strings.TrimLeft(p, "/")
			}
			patterns = append(patterns, strings.Split(strings.TrimRight(p, "/"), "/"))
		}
		return patterns
	}
	m.patterns, m.excluded = cut(o.Match), cut(o.Exclude)
	return m
}

// bases returns the directories to list from, without wildcards.
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
	// A directory below another base is reached from that base if the patterns allow it.
	return slices.DeleteFunc(bases, func(b string) bool {
		return slices.ContainsFunc(bases, func(o string) bool {
			return o != b && (o == "." && b[0] != '/' || o == "/" && b[0] == '/' || strings.HasPrefix(b, o+"/"))
		})
	})
}

// leads reports whether files below the directory may match.
func (m *matcher) leads(directory string) bool {
	at := strings.Split(directory, "/")
	if len(at) > maxDepth+8 {
		return false
	}
	return slices.ContainsFunc(m.patterns, func(p pattern) bool { return p.match(at, true) })
}

// file reports whether the path is that of a file of the source.
func (m *matcher) file(path string) bool {
	at := strings.Split(path, "/")
	if strings.HasPrefix(at[len(at)-1], private) {
		return false
	}
	for _, t := range m.temporary {
		if globbed(t, at[len(at)-1]) {
			return false
		}
	}
	return slices.ContainsFunc(m.patterns, func(p pattern) bool { return p.match(at, false) })
}

// match compares element by element; a path also matches if the pattern continues after it.
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

// add records a name of a directory and reports whether to descend into it.
func (m *matcher) add(l *Listing, directory, name string, kind fileKind, size int64, mtime time.Time,
	link func() (Entry, error)) (descend bool) {
	path := joined(directory, name)
	if at := strings.Split(path, "/"); slices.ContainsFunc(m.excluded, func(p pattern) bool { return p.match(at, false) }) {
		return false
	}
	if why := unfit(name); why != "" {
		if kind != isDirectory && m.file(path) || kind == isDirectory && m.leads(path) {
			l.refuse(path, why+"; ask the carrier for another name, or list it in collect.exclude")
		}
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
			l.Marked[text(marked)] = true
			return false
		}
	}
	if !m.file(path) {
		if kind == isFile && m.file(publicName(path)) {
			l.Aside = append(l.Aside, Entry{text(path), size, mtime})
		}
		return false
	}
	switch kind {
	case isLink:
		e, err := link()
		if err != nil {
			l.refuse(path, err.Error()+"; ask the carrier for the file itself, or list it in collect.exclude")
			return false
		}
		size, mtime = e.Size, e.MTime
	case isOther:
		l.refuse(path, "it is not a regular file; list it in collect.exclude")
		return false
	}
	if size < 0 {
		l.refuse(path, "the server reports a negative size; ask the carrier to repair the server")
		return false
	}
	l.Entries = append(l.Entries, Entry{text(path), size, mtime})
	return false
}

func (l *Listing) refuse(path, why string) {
	if len(l.Refused) == mostRefused {
		l.More++
		return
	}
	l.Refused = append(l.Refused, Refusal{plain(path[:min(len(path), 1024)]), why})
}

// unread records a directory that cannot be listed; its files wait.
func (l *Listing) unread(path string, err error) {
	l.Unread = append(l.Unread, text(path))
	l.refuse(path+"/", fmt.Sprintf("this directory cannot be listed: %v; ask the carrier for permission, or list it in collect.exclude",
		err))
}

// text returns a path as UTF-8; bytes of another encoding become \xE9 and the like. No accepted name contains a
// backslash, so raw can restore the bytes that the server knows.
func text(path string) string {
	if utf8.ValidString(path) {
		return path
	}
	var b strings.Builder
	for i := 0; i < len(path); {
		r, n := utf8.DecodeRuneInString(path[i:])
		if r == utf8.RuneError && n == 1 {
			fmt.Fprintf(&b, `\x%02X`, path[i])
		} else {
			b.WriteString(path[i : i+n])
		}
		i += n
	}
	return b.String()
}

// raw is the inverse of text.
func raw(path string) string {
	if !strings.Contains(path, `\x`) {
		return path
	}
	var b strings.Builder
	for i := 0; i < len(path); i++ {
		if i+4 <= len(path) && path[i:i+2] == `\x` {
			if n, err := strconv.ParseUint(path[i+2:i+4], 16, 8); err == nil {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		b.WriteByte(path[i])
	}
	return b.String()
}

// plain returns a refused path for display, with unprintable characters escaped.
func plain(path string) string { return strings.Trim(strconv.Quote(path), `"`) }

type fileKind uint8

const (
	isFile fileKind = iota
	isDirectory
	isLink
	isOther
)

// unfit returns the reason why a file must not have a name.
func unfit(name string) string {
	switch {
	case name == "" || name == "." || name == "..":
		return "its name is empty, . or .."
	case len(name) > 255:
		return fmt.Sprintf("its name has %d bytes, more than 255", len(name))
	case strings.Contains(name, "/"):
		return "its name contains a slash, which would lead to another directory"
	case strings.Contains(name, `\`):
		return "its name contains a backslash, which some systems take for a slash"
	case strings.ContainsFunc(name, control):
		return "its name contains a control character"
	}
	return ""
}

// control reports whether a character is a UTF-8 control character. A byte of another encoding is not.
func control(r rune) bool { return unicode.IsControl(r) || r == 0xFFFE || r == 0xFFFF }

func joined(directory, name string) string {
	switch directory {
	case ".":
		return name
	case "/":
		return "/" + name
	}
	return directory + "/" + name
}

// base returns the last element of a path.
func base(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }

// globbed does the same as path.Match for one element of a path; Check has already verified the pattern.
func globbed(pattern, name string) bool {
	ok, _ := stdpath.Match(pattern, name)
	return ok
}
