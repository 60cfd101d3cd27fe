package source

import (
	"fmt"
	"io/fs"
	"maps"
	"slices"

	"golang.org/x/tools/txtar"

	"ratemill/diag"
)

// Bundle is the source's document with its tables and shared documents, so that another process can compile exactly
// this version: a file that was begun is finished with the version with which it was begun.
func (s *Source) Bundle() []byte { return s.bundle }

// OpenBundle compiles the content of Bundle, and fails if the version is not the expected one.
func OpenBundle(bundle []byte, version string) (*Source, error) {
	fsys, err := txtar.FS(txtar.Parse(bundle))
	if err != nil {
		return nil, err
	}
	b, list := loadDir(fsys, nil, true)
	if err := list.Err(); err != nil {
		return nil, err
	}
	if len(b.Sources) != 1 {
		return nil, fmt.Errorf("a bundle must contain one source, but this one has %d", len(b.Sources))
	}
	s := b.Sources[0]
	if slices.Contains(s.former, version) {
		s.Version = version
	}
	if s.Version != version {
		return nil, fmt.Errorf("source %s was stored as version %s but compiles to %s: a ratemill with other rule semantics wrote it; "+
			"finish its open files with that version", s.Name, version, s.Version)
	}
	return s, nil
}

// pack builds a bundle from a source's document, all shared documents and its tables.
func pack(fsys fs.FS, name string, text []byte, tables map[string][]byte) []byte {
	a := &txtar.Archive{Files: []txtar.File{{Name: name, Data: text}}}
	for _, shared := range documents(fsys, "classes", &diag.List{}) { // mistakes in the folder were reported when it was loaded
		if data, err := fs.ReadFile(fsys, shared); err == nil {
			a.Files = append(a.Files, txtar.File{Name: shared, Data: data})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(tables)) {
		a.Files = append(a.Files, txtar.File{Name: name, Data: tables[name]})
	}
	return txtar.Format(a)
}
