// Package project is a folder of texts that billing engineers write: sources/ and classes/ (what mediation does),
// catalogue/ (what rating does), tests/ (golden cases), and registry/ (whom SIMs belong to). It loads and checks the whole, all errors at once.
//
// It owns the folder's layout. It does not own any document's meaning (mediation/source, rating, registry).
package project

import (
	"io/fs"
	"os"
	"slices"
	"strings"

	"ratemill/internal/diag"
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

// Load reads a project. It answers nil when there are errors; the list has warnings too. env gives the values of
// ${NAME} in sources; nil leaves them as they stand.
func Load(fsys fs.FS, env func(string) (string, bool)) (*Project, diag.List) {
	p, list := load(fsys, env)
	if list.HasErrors() {
		return nil, list
	}
	return p, list
}

// Usable reads what is right of a project, for work that needs a part of it: Sources holds the sources without errors, and
// Catalogue is nil when it has one. It answers nil when the documents of classes/ are wrong, which all others rest on.
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

// Within is what was found in the documents of a folder.
func Within(list diag.List, folder string) (within diag.List) {
	for _, d := range list {
		if d.Pos.File != nil && strings.HasPrefix(d.Pos.File.Name, folder+"/") {
			within = append(within, d)
		}
	}
	return within
}

func load(fsys fs.FS, env func(string) (string, bool)) (*Project, diag.List) {
	p := &Project{FS: fsys}
	var list, more diag.List
	p.Sources, list = source.LoadDir(fsys, env)
	if _, err := fs.Stat(fsys, CatalogueFolder); err == nil {
		p.Catalogue, more = rating.LoadCatalogueFor(only{fsys, CatalogueFolder}, classes(p.Sources, list))
		list = append(list, more...)
	}
	list.Sort()
	return p, list
}

// classes are those that plans can price: the standard ones and those of classes/. There may be others when the folder has
// neither sources nor classes, as one of plans alone, or when those in classes/ could not all be read.
func classes(b *source.Book, found diag.List) *rating.Classes {
	unread := slices.ContainsFunc(found, func(d diag.Diagnostic) bool {
		return d.Severity == diag.Error && d.Pos.File != nil && strings.HasPrefix(d.Pos.File.Name, "classes/")
	})
	return &rating.Classes{Names: b.Classes.Names(), Units: b.Classes, Others: b.Files == 0 || unread}
}

// only is a file system in which one folder is all there is at the top: names in it are those of the whole.
type only struct {
	fs.FS
	folder string
}

// ReadDir implements fs.ReadDirFS.
func (o only) ReadDir(name string) ([]fs.DirEntry, error) {
	entries, err := fs.ReadDir(o.FS, name)
	if name == "." {
		entries = slices.DeleteFunc(entries, func(e fs.DirEntry) bool { return e.Name() != o.folder })
	}
	return entries, err
}

// LoadDir reads the project in a folder.
func LoadDir(dir string) (*Project, diag.List) { return Load(os.DirFS(dir), os.LookupEnv) }
