package collect

import (
	"os"
	"path"
	"path/filepath"
	"strings"
)

// Once says that the ledger of files alone keeps a file from being read twice: it stays where it was after it was read.
func (o *Options) Once() bool { return (o.SFTP != nil || o.Dir != "") && o.After.Leaves() }

// Whole is a path of the source in a form that sources over the same place share. dir is what relative paths are relative
// to.
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

// Taker says of paths, as Whole gives them, whether the source takes such files.
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
