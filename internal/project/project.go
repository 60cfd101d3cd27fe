// Package project loads a folder of documents that billing engineers write: sources/ and classes/ (for mediation),
// catalogue/ (for rating), tests/ (golden cases), and registry/ (owners of SIMs). It loads and checks the whole folder,
// and reports all errors at once.
//
// It owns the folder's layout. It does not own any document's meaning (mediation/source, rating, registry).
package project

import (
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"

	"ratemill/diag"
	"ratemill/mediation/source"
	"ratemill/rating"
)

// Project is a loaded folder.
type Project struct {
	FS        fs.FS
	Sources   *source.Book
	Catalogue *rating.Catalogue
}

// The folders of a project.
const (
	CatalogueFolder = "catalogue"
	TestsFolder     = "tests"
	RegistryFolder  = "registry"
)

// Load reads a project. It returns nil if there are errors; the list also contains warnings. env provides the values
// of ${NAME} in sources; nil leaves them unreplaced.
func Load(fsys fs.FS, env func(string) (string, bool)) (*Project, diag.List) {
	p, list := load(fsys, env)
	if list.HasErrors() {
		return nil, list
	}
	return p, list
}

// Usable reads the valid parts of a project, for work that needs only a part of it: Sources holds the sources without
// errors, and Catalogue is nil if it has an error. It returns nil if the documents of classes/ have errors, because all
// other documents depend on them.
func Usable(fsys fs.FS) (*Project, diag.List) {
	p, list := load(fsys, nil)
	if Within(list, "classes").HasErrors() {
		return nil, list
	}
	if Within(list, CatalogueFolder).HasErrors() {
		p.Catalogue = nil
	}
	return p, list
}

// Within returns the diagnostics in the documents of a folder.
func Within(list diag.List, folder string) (within diag.List) {
	for _, d := range list {
		if d.Pos.File != nil && strings.HasPrefix(d.Pos.File.Name+"/", folder+"/") {
			within = append(within, d)
		}
	}
	return within
}

func load(fsys fs.FS, env func(string) (string, bool)) (*Project, diag.List) {
	p := &Project{FS: fsys}
	var list, more diag.List
	p.Sources, list = source.LoadDir(fsys, env)
	if _, err := fs.Stat(fsys, CatalogueFolder); err != nil && !errors.Is(err, fs.ErrNotExist) {
		list.Errorf(diag.Pos{File: diag.NewFile(CatalogueFolder, nil)}, "the catalogue cannot be read: %v", err)
	} else if err == nil {
		p.Catalogue, more = rating.LoadCatalogueFor(only{fsys, CatalogueFolder}, classes(p.Sources, list), Kinds()...)
		list = append(list, more...)
		if p.Catalogue != nil {
			p.checkLogos(&list)
			p.checkTemplates(&list)
			p.checkConditions(&list)
		}
	}
	checkUnread(fsys, &list)
	list.Sort()
	return p, list
}

// classes returns the classes that plans can price: the standard classes and those of classes/. There may be others if
// the folder has neither sources nor classes, such as a folder that only has plans, or if some documents in classes/
// could not be read.
func classes(b *source.Book, found diag.List) *rating.Classes {
	unread := slices.ContainsFunc(found, func(d diag.Diagnostic) bool {
		return d.Severity == diag.Error && d.Pos.File != nil && strings.HasPrefix(d.Pos.File.Name, "classes/")
	})
	return &rating.Classes{Names: b.Classes.Names(), Units: b.Classes, Others: b.Files == 0 || unread}
}

// only is a file system with a single folder at the top: its names are those of the whole.
type only struct {
	fs.FS
	folder string
}

// ReadDir implements fs.ReadDirFS.
func (o only) ReadDir(name string) ([]fs.DirEntry, error) {
	if name != "." {
		return fs.ReadDir(o.FS, name)
	}
	info, err := fs.Stat(o.FS, o.folder) // it may be a link to another folder of the project
	if err != nil {
		return nil, err
	}
	return []fs.DirEntry{top{fs.FileInfoToDirEntry(info), o.folder}}, nil
}

// Stat implements fs.StatFS.
func (o only) Stat(name string) (fs.FileInfo, error) { return fs.Stat(o.FS, name) }

// top is the folder of only. If it is a link, its entry is the entry of another folder.
type top struct {
	fs.DirEntry
	name string
}

func (t top) Name() string { return t.name }

// LoadDir reads the project in a folder.
func LoadDir(dir string) (*Project, diag.List) { return Load(Folder(dir), os.LookupEnv) }
