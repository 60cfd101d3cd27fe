package collect

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
)

// Once reports whether only the ledger of files prevents reading a file twice, because files stay in place after
// reading.
func (o *Options) Once() bool { return (o.SFTP != nil || o.Dir != "") && o.After.Leaves() }

// Whole returns a path of the source in a form that is equal for sources over the same place. dir is the base of
// relative paths.
func (o *Options) Whole(dir, p string) string {
	if s := o.SFTP; s != nil {
		return "sftp " + strings.ToLower(os.ExpandEnv(s.Host)) + " " + path.Join("/", p)
	}
	return "dir " + filepath.Join(o.root(dir), p)
}

func (o *Options) root(dir string) string {
	root := os.ExpandEnv(o.Dir)
	if !filepath.IsAbs(root) {
		root = filepath.Join(dir, root)
	}
	return root
}

// Taker returns a function that reports whether the source takes a file whose path is in the form of Whole.
func (o *Options) Taker(dir string) func(whole string) bool {
	m := newMatcher(o, true)
	base := "dir " + o.root(dir) + "/"
	if o.SFTP != nil {
		base = o.Whole(dir, "/")
	}
	return func(whole string) bool {
		below, ok := strings.CutPrefix(whole, base)
		return ok && m.file(below)
	}
}

// Shares returns a pattern of each of two sources over the same place such that one file may match both; it returns
// false if there are none, or if exclude may separate the sources.
func (o *Options) Shares(other *Options) (mine, theirs string, ok bool) {
	if o.place() == "" || o.place() != other.place() || len(o.Exclude)+len(other.Exclude) > 0 {
		return "", "", false
	}
	for _, mine := range o.Match {
		for _, theirs := range other.Match {
			if meet(strings.Split(strings.Trim(mine, "/"), "/"), strings.Split(strings.Trim(theirs, "/"), "/")) {
				return mine, theirs, true
			}
		}
	}
	return "", "", false
}

// place returns a text that identifies the directory or server of the source. Different users of one server may see
// different directories under the same name.
func (o *Options) place() string {
	if s := o.SFTP; s != nil {
		return fmt.Sprint("sftp ", s.User, "@", strings.ToLower(s.Host), ":", s.Port)
	}
	if o.Dir == "" {
		return ""
	}
	return "dir " + path.Clean(o.Dir)
}

// meet reports whether some path matches both patterns, which are split at slashes.
func meet(a, b []string) bool {
	switch {
	case len(a) == 0 && len(b) == 0:
		return true
	case len(b) > 0 && b[0] == "**" && (len(a) == 0 || a[0] != "**"):
		return meet(b, a)
	case len(a) > 0 && a[0] == "**":
		return meet(a[1:], b) || len(b) > 0 && meet(a, b[1:])
	case len(a) == 0 || len(b) == 0:
		return false
	}
	return meetNames(single(a[0]), single(b[0])) && meet(a[1:], b[1:])
}

// single returns a pattern of a name with ? for each class of characters.
func single(pattern string) string { return classes.ReplaceAllString(pattern, "?") }

var classes = regexp.MustCompile(`\[[^\]]*\]|\\.`)

func meetNames(a, b string) bool {
	switch {
	case a == "" && b == "":
		return true
	case b != "" && b[0] == '*' && (a == "" || a[0] != '*'):
		return meetNames(b, a)
	case a != "" && a[0] == '*':
		return meetNames(a[1:], b) || b != "" && meetNames(a, b[1:])
	case a == "" || b == "":
		return false
	}
	return (a[0] == b[0] || a[0] == '?' || b[0] == '?') && meetNames(a[1:], b[1:])
}
