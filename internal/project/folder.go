package project

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Folder is the file system of a project's folder. A symbolic link may lead to another place in the folder. A link
// that leads out of the folder is refused. os.DirFS follows such links, so a project from elsewhere could show any
// file that ratemill can read.
//
// Each call opens the folder anew, as with os.DirFS: nothing has to be closed, and a folder that was replaced is
// read as it is now.
type Folder string

// Open implements fs.FS.
func (f Folder) Open(name string) (fs.File, error) {
	if info, err := f.Stat(name); err == nil && !info.Mode().IsRegular() && !info.IsDir() {
		return nil, &fs.PathError{Op: "open", Path: name, Err: errors.New("it is neither a file nor a folder")} // opening a pipe would wait
	}
	file, err := within(f, "open", name, (*os.Root).Open)
	if err != nil {
		return nil, err // not a nil *os.File
	}
	return file, nil
}

// Stat implements fs.StatFS.
func (f Folder) Stat(name string) (fs.FileInfo, error) {
	return within(f, "stat", name, (*os.Root).Stat)
}

// within runs an operation on a name in the folder. os.Root refuses links to absolute paths, even if they lead into
// the folder. So within resolves such links, and os.Root checks the resolved path again.
func within[T any](f Folder, op, name string, do func(r *os.Root, name string) (T, error)) (v T, err error) {
	if !fs.ValidPath(name) {
		return v, &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}
	}
	root, err := os.OpenRoot(string(f))
	if err != nil {
		return v, err
	}
	defer root.Close()
	v, err = do(root, name)
	if err == nil || !strings.Contains(err.Error(), "path escapes from parent") { // os does not export this error
		return v, err
	}
	if inside, ok := f.inside(name); ok {
		return do(root, inside)
	}
	return v, &fs.PathError{Op: op, Path: name, Err: &OutsideError{name}}
}

// inside returns the place in the folder to which links lead from a name.
func (f Folder) inside(name string) (string, bool) {
	whole, err := filepath.Abs(string(f))
	if err == nil {
		whole, err = filepath.EvalSymlinks(whole)
	}
	if err != nil {
		return "", false
	}
	place, err := filepath.EvalSymlinks(filepath.Join(whole, filepath.FromSlash(name)))
	if err != nil {
		return "", false
	}
	place, err = filepath.Rel(whole, place)
	return place, err == nil && filepath.IsLocal(place)
}

// OutsideError reports that a symbolic link leads out of the project.
type OutsideError struct{ Name string }

func (e *OutsideError) Error() string {
	return fmt.Sprintf("it is a symbolic link, or is behind one, that leads out of the project, but ratemill reads only "+
		"files in the project's folder; replace the link with the file (cp --remove-destination \"$(readlink -f %s)\" %[1]s)", e.Name)
}
