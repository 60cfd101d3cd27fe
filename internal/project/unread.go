package project

import (
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"ratemill/diag"
)

// folders lists the folders of a project, each with the file extensions that are read in it.
var folders = map[string][]string{
	"sources": {".yaml"}, "classes": {".yaml"}, CatalogueFolder: {".yaml", ".yml"}, "tables": {".csv"},
	RegistryFolder: {".yaml", ".csv"}, TestsFolder: {".txtar"},
}

// flat lists the folders in which only direct files are read, not files in subfolders.
var flat = []string{"sources", "classes", RegistryFolder, TestsFolder}

// checkUnread reports files that look like part of the project, but are in a place from which ratemill does not read.
func checkUnread(fsys fs.FS, list *diag.List) {
	var names []string
	for name := range folders {
		names = append(names, name)
	}
	top, err := fs.ReadDir(fsys, ".")
	if err != nil {
		return // the caller that needs the folder reports this
	}
	for _, e := range top {
		name := e.Name()
		meant := diag.Closest(strings.TrimSuffix(name, path.Ext(name)), names)
		if strings.HasPrefix(name, ".") || meant == "" || folders[name] != nil {
			continue
		}
		if holds(fsys, name, folders[meant]) || slices.Contains(folders[meant], path.Ext(name)) {
			list.Warnf(diag.Pos{File: diag.NewFile(name, nil)}, "ratemill does not read %s; did you mean the folder %s?", name, meant)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(folders)) {
		checkEndings(fsys, name, list)
	}
	for _, folder := range flat {
		entries, _ := fs.ReadDir(fsys, folder)
		for _, e := range entries {
			if name := path.Join(folder, e.Name()); !strings.HasPrefix(e.Name(), ".") && holds(fsys, name, folders[folder]) {
				list.Warnf(diag.Pos{File: diag.NewFile(name, nil)}, "the files of this folder are not read; move them into %s", folder)
			}
		}
	}
}

// formats are extensions of data files that no folder of a project accepts.
var formats = []string{".json", ".toml", ".tsv", ".xls", ".xlsx", ".ods"}

// checkEndings reports files in a folder whose format is not read in that folder.
func checkEndings(fsys fs.FS, folder string, list *diag.List) {
	_ = fs.WalkDir(fsys, folder, func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return nil // other checks report a folder that cannot be read
		case name != folder && strings.HasPrefix(d.Name(), "."), d.IsDir() && name != folder && slices.Contains(flat, folder):
			if d.IsDir() {
				return fs.SkipDir
			}
		case d.IsDir():
		case slices.Contains(formats, strings.ToLower(path.Ext(name))):
			list.Warnf(diag.Pos{File: diag.NewFile(name, nil)}, "this file is not read; the names of files in %s end in %s", folder,
				strings.Join(folders[folder], " or "))
		}
		return nil
	})
}

// holds reports whether a name is a folder, or a link to one, that contains a file with one of some extensions.
func holds(fsys fs.FS, name string, endings []string) bool {
	if info, err := fs.Stat(fsys, name); err != nil || !info.IsDir() {
		return false
	}
	entries, _ := fs.ReadDir(fsys, name)
	return slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return slices.Contains(endings, path.Ext(e.Name())) })
}
