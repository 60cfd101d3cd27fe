package sftp

import (
	"io"
	"os"
	"path"
	"strings"

	"github.com/pkg/sftp"
)

// files answers requests within one directory. Paths arrive cleaned and absolute; os.Root refuses paths that leave the
// directory, even through links.
type files struct {
	root     *os.Root
	readOnly bool
}

func inside(p string) string {
	if p = strings.TrimLeft(path.Clean("/"+p), "/"); p == "" {
		return "."
	}
	return p
}

// Fileread opens a file.
func (f *files) Fileread(r *sftp.Request) (io.ReaderAt, error) {
	return f.root.Open(inside(r.Filepath))
}

// Filewrite opens a file for writing.
func (f *files) Filewrite(r *sftp.Request) (io.WriterAt, error) {
	if f.readOnly {
		return nil, sftp.ErrSSHFxPermissionDenied
	}
	flags := os.O_WRONLY
	p := r.Pflags()
	for _, o := range []struct {
		wanted bool
		flag   int
	}{{p.Creat, os.O_CREATE}, {p.Trunc, os.O_TRUNC}, {p.Excl, os.O_EXCL}} {
		if o.wanted {
			flags |= o.flag
		}
	}
	return f.root.OpenFile(inside(r.Filepath), flags, 0o644)
}

// Filecmd changes the directory.
func (f *files) Filecmd(r *sftp.Request) error {
	if f.readOnly {
		return sftp.ErrSSHFxPermissionDenied
	}
	name := inside(r.Filepath)
	switch r.Method {
	case "Rename":
		if _, err := f.root.Lstat(inside(r.Target)); err == nil {
			return os.ErrExist // version 3 of the protocol never replaces
		}
		return f.root.Rename(name, inside(r.Target))
	case "Remove", "Rmdir":
		return f.root.Remove(name)
	case "Mkdir":
		return f.root.Mkdir(name, 0o755)
	case "Setstat":
		a := r.Attributes()
		if r.AttrFlags().Acmodtime {
			if err := f.root.Chtimes(name, a.AccessTime(), a.ModTime()); err != nil {
				return err
			}
		}
		return nil
	}
	return sftp.ErrSSHFxOpUnsupported
}

// Filelist lists files.
func (f *files) Filelist(r *sftp.Request) (sftp.ListerAt, error) {
	name := inside(r.Filepath)
	switch r.Method {
	case "List":
		d, err := f.root.Open(name)
		if err != nil {
			return nil, err
		}
		defer d.Close()
		infos, err := d.Readdir(-1)
		return list(infos), err
	case "Stat":
		info, err := f.root.Stat(name)
		return list{info}, err
	}
	return nil, sftp.ErrSSHFxOpUnsupported
}

// Lstat describes a link itself.
func (f *files) Lstat(r *sftp.Request) (sftp.ListerAt, error) {
	info, err := f.root.Lstat(inside(r.Filepath))
	return list{info}, err
}

// Readlink returns the target of a link.
func (f *files) Readlink(p string) (string, error) { return f.root.Readlink(inside(p)) }

type list []os.FileInfo

// ListAt is described with sftp.ListerAt.
func (l list) ListAt(to []os.FileInfo, at int64) (int, error) {
	if at >= int64(len(l)) {
		return 0, io.EOF
	}
	n := copy(to, l[at:])
	if n < len(to) {
		return n, io.EOF
	}
	return n, nil
}
