package main

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"ratemill/diag"
	"ratemill/internal/config"
	"ratemill/internal/offline"
	"ratemill/internal/progress"
	"ratemill/internal/project"
	"ratemill/mediation/source"
	"ratemill/registry"
)

// writingCommands are the commands for authors of rules and plans. They need a project folder, but no running engine.
func writingCommands(f *flags) []*cobra.Command {
	return []*cobra.Command{checkCommand(f), testCommand(f), tryCommand(f), rateCommand(f), fmtCommand(f), schemaCommand()}
}

// projectFolder returns the project's folder: the folder given by the user, the folder in the
// configuration of -c, or the current folder.
func (f *flags) projectFolder(args []string) (string, error) {
	if err := f.namedOnce(args); err != nil {
		return "", err
	}
	dir := "."
	switch {
	case len(args) > 0:
		dir = args[0]
	case f.config != "":
		dir = f.config
	case !isProject(dir):
		if file := f.configuration(); exists(file) {
			dir = file
		}
	}
	info, err := os.Stat(dir)
	if err != nil {
		return "", err
	}
	file := dir
	if info.IsDir() {
		if isProject(dir) {
			return dir, nil
		}
		file = filepath.Join(dir, "ratemill.yaml")
	}
	if _, err := os.Stat(file); err != nil {
		return "", fmt.Errorf("%s is not a project: it has neither sources/ nor catalogue/ nor a ratemill.yaml that names "+
			"one; `ratemill init` creates one", dir)
	}
	c, list, err := config.Load(file)
	if err != nil {
		return "", err
	}
	printDiagnostics(list)
	if c == nil {
		return "", fmt.Errorf("%s has %s", file, counted(list.Errors(), "error"))
	}
	return c.Project, nil
}

func (f *flags) namedOnce(args []string) error {
	if len(args) > 0 && f.config != "" {
		return fmt.Errorf("%s and -c %s both name a project; give one of them", args[0], f.config)
	}
	return nil
}

func isProject(dir string) bool {
	for _, part := range []string{"sources", project.CatalogueFolder} {
		if info, err := os.Stat(filepath.Join(dir, part)); err == nil && info.IsDir() {
			return true
		}
	}
	return false
}

// openProject loads the valid parts of a project for offline work; environment variables for secrets and hosts need not
// be set. It reports mistakes in other parts as notes, and returns the sources with mistakes as the second result.
func openProject(dir string, catalogue bool) (*project.Project, diag.List, error) {
	p, list := project.Usable(project.Folder(dir))
	var needed diag.List
	switch {
	case p == nil:
		needed = project.Within(list, "classes")
	case catalogue:
		needed = project.Within(list, project.CatalogueFolder)
	}
	if needed.HasErrors() {
		printDiagnostics(needed)
		return nil, nil, fmt.Errorf("the project in %s has %s", dir, counted(needed.Errors(), "error"))
	}
	broken := project.Within(list, "sources")
	counts := map[string]int{}
	for _, d := range broken {
		if d.Severity == diag.Error {
			counts[d.Pos.File.Name]++
		}
	}
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		fmt.Fprintf(stderr, "%s has %s and is left out; `ratemill check` lists them\n", name, counted(counts[name], "error"))
	}
	return p, broken, nil
}

// offlineRegistry reads the given registry files, or those of the project; it returns nil if there are none.
func offlineRegistry(dir string, named []string) (*registry.Registry, error) {
	if len(named) == 0 {
		named = []string{filepath.Join(dir, project.RegistryFolder)}
		if found, err := project.RegistryFiles(named...); len(found) == 0 && (err == nil || errors.Is(err, fs.ErrNotExist) ||
			errors.Is(err, project.ErrNoRegistryFiles)) {
			return nil, nil
		}
	}
	inputs, err := project.RegistryFiles(named...)
	if err != nil {
		return nil, err
	}
	r := registry.New()
	changes, _, list := registry.ImportWith(r, inputs, project.ImportOptions(project.Catalogue(dir)))
	printDiagnostics(list)
	if list.HasErrors() {
		return nil, fmt.Errorf("the registry in %s has %s", strings.Join(named, ", "), counted(list.Errors(), "error"))
	}
	r.Publish(changes.Revision)
	return r, nil
}

// work holds an offline run: files, a project, and a registry.
type work struct {
	dir      string
	project  *project.Project
	registry *registry.Registry // nil if there is none
	looks    bool               // the run rates nothing: catalogue and registry may have errors
	files    []offline.File

	source        string // source of the files, if given
	registryFiles []string
}

func (w *work) flags(c *cobra.Command) {
	c.Flags().StringVar(&w.source, "source", "", "source of the files (default: by the files' names)")
	c.Flags().StringSliceVar(&w.registryFiles, "registry", nil, "registry files or folders (default: registry/ of the project)")
}

func (w *work) open(f *flags, names []string) (err error) {
	if w.dir, err = f.projectFolder(nil); err != nil {
		return err
	}
	var broken diag.List
	if w.project, broken, err = openProject(w.dir, !w.looks); err != nil {
		return err
	}
	if w.files, err = offlineFiles(w.project, w.source, names); err != nil {
		if broken.HasErrors() {
			printDiagnostics(broken) // one of the broken sources may be the intended one
		}
		return err
	}
	w.registry, err = offlineRegistry(w.dir, w.registryFiles)
	if err != nil && w.looks && len(w.registryFiles) == 0 {
		fmt.Fprintf(stderr, "%v; the owners of SIMs are not looked up\n", err)
		return nil
	}
	return err
}

// offlineFiles returns the given files, each with its source and the path under which the source would list it.
func offlineFiles(p *project.Project, sourceName string, names []string) ([]offline.File, error) {
	var only *source.Source
	if sourceName != "" {
		var ok bool
		if only, ok = p.Sources.Source(sourceName); !ok {
			return nil, fmt.Errorf("the project has no source %s%s", sourceName, diag.Suggest(sourceName, p.Sources.Names()))
		}
	}
	var files []offline.File
	for _, name := range names {
		info, err := os.Stat(name)
		if err != nil {
			return nil, err
		}
		if info.IsDir() {
			return nil, fmt.Errorf("%s is a folder; name the files in it", name)
		}
		file := offline.File{Source: only, MTime: info.ModTime(), Open: offline.OpenFile(name)}
		slashed := filepath.ToSlash(name)
		if only != nil {
			file.Path = offline.Listed(only, slashed)
		} else if file.Source, file.Path, err = offline.Find(p.Sources.Sources, slashed, true); err != nil {
			return nil, fmt.Errorf("%w with --source", err)
		}
		files = append(files, file)
	}
	return files, nil
}

// terminal reports whether the output is a terminal; width is its width in characters.
func terminal(f *os.File) (width int, yes bool) {
	if os.Getenv("TERM") == "dumb" || !term.IsTerminal(int(f.Fd())) {
		return 0, false
	}
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		width = 80
	}
	return width, true
}

// colours reports whether to use colours: on a terminal, without NO_COLOR (no-color.org).
func colours(f *os.File) bool {
	_, yes := terminal(f)
	return yes && os.Getenv("NO_COLOR") == ""
}

// passing shows progress bars on a terminal for work that takes longer than a second; on a pipe, it shows none.
func passing() *progress.Bars {
	if _, yes := terminal(os.Stderr); yes {
		return progress.Passing(os.Stderr)
	}
	return nil
}

// documentsOf returns the YAML documents of a project.
func documentsOf(dir string) (names []string, err error) {
	for _, part := range []string{"sources", "classes", project.CatalogueFolder} {
		found, err := yamlFiles(filepath.Join(dir, part))
		if err != nil {
			return nil, err
		}
		names = append(names, found...)
	}
	return names, nil
}

// yamlFiles returns the YAML files below a folder, none if the folder does not exist.
func yamlFiles(dir string) (names []string, err error) {
	err = filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		switch {
		case os.IsNotExist(err):
			return nil
		case err != nil:
			return err
		case d.IsDir() && strings.HasPrefix(d.Name(), ".") && name != dir:
			return fs.SkipDir
		case !d.IsDir() && filepath.Ext(name) == ".yaml" && !strings.HasPrefix(d.Name(), "."):
			names = append(names, name)
		}
		return nil
	})
	return names, err
}
