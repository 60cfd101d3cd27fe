package main

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"ratemill/internal/config"
	"ratemill/internal/diag"
	"ratemill/internal/offline"
	"ratemill/internal/project"
	"ratemill/mediation/source"
	"ratemill/registry"
)

// writingCommands are the tools of those who write rules and plans. They need a project folder and nothing that runs.
func writingCommands(f *flags) []*cobra.Command {
	return []*cobra.Command{checkCommand(f), testCommand(f), tryCommand(f), rateCommand(f), fmtCommand(f), schemaCommand()}
}

// projectFolder is the folder of the project that is meant: the one named, the one that -c names, this one.
func (f *flags) projectFolder(args []string) (string, error) {
	dir := "."
	switch {
	case len(args) > 0:
		dir = args[0]
	case f.config != "":
		dir = f.config
	case !isProject(dir):
		if _, err := os.Stat("ratemill.yaml"); err != nil {
			if _, err := os.Stat(demoConfig); err == nil {
				dir = demoConfig
			}
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
		return "", fmt.Errorf("%s is no project: it has neither sources/ nor catalogue/ nor a ratemill.yaml that names one; `ratemill init` begins one", dir)
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

func isProject(dir string) bool {
	for _, part := range []string{"sources", project.CatalogueFolder} {
		if info, err := os.Stat(filepath.Join(dir, part)); err == nil && info.IsDir() {
			return true
		}
	}
	return false
}

// openProject loads a project for work offline: secrets and hosts in the environment need not be there.
func openProject(dir string) (*project.Project, error) {
	p, list := project.Load(os.DirFS(dir), nil)
	if p == nil {
		printDiagnostics(list)
		return nil, fmt.Errorf("the project in %s has %s", dir, counted(list.Errors(), "error"))
	}
	return p, nil
}

// offlineRegistry reads the registry files named, or those of the project; nil when there are none.
func offlineRegistry(dir string, named []string) (*registry.Registry, error) {
	if len(named) == 0 {
		named = []string{filepath.Join(dir, "registry")}
		if _, err := os.Stat(named[0]); err != nil {
			return nil, nil
		}
	}
	inputs, err := registryInputs(named)
	if err != nil {
		return nil, err
	}
	r := registry.New()
	changes, list := registry.Import(r, inputs)
	printDiagnostics(list)
	if list.HasErrors() {
		return nil, fmt.Errorf("the registry in %s has %s", strings.Join(named, ", "), counted(list.Errors(), "error"))
	}
	r.Publish(changes.Revision)
	return r, nil
}

// offlineFiles are the files named, each with its source and the path by which that would list it.
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
			return nil, fmt.Errorf("%s is a folder; name its files", name)
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

// terminal says that a person looks at it; width is how many characters fit.
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

// colours says that colours are wanted: a terminal, and no NO_COLOR (no-color.org).
func colours(f *os.File) bool {
	_, yes := terminal(f)
	return yes && os.Getenv("NO_COLOR") == ""
}

// grid is what a command prints as a table, as JSON objects, or as CSV.
type grid struct {
	columns []string
	right   map[string]bool // columns of numbers: aligned so, and numbers in JSON
	rows    [][]string
}

func (g *grid) add(cells ...string) { g.rows = append(g.rows, cells) }

func (g *grid) print(w io.Writer, format string) error {
	switch format {
	case "csv":
		c := csv.NewWriter(w)
		if err := c.Write(g.columns); err != nil {
			return err
		}
		return c.WriteAll(g.rows)
	case "json":
		for _, r := range g.rows {
			line := []byte{'{'}
			for i, cell := range r {
				if i > 0 {
					line = append(line, ',')
				}
				line = append(offline.AppendString(line, g.columns[i]), ':')
				if g.right[g.columns[i]] && json.Valid([]byte(cell)) && !strings.Contains(cell, ".") {
					line = append(line, cell...)
				} else {
					line = offline.AppendString(line, cell)
				}
			}
			if _, err := w.Write(append(line, '}', '\n')); err != nil {
				return err
			}
		}
		return nil
	case "table":
		return g.table(w)
	}
	return fmt.Errorf("-o is table, json or csv, not %s", format)
}

// table aligns texts to the left and numbers to the right, two blanks apart.
func (g *grid) table(w io.Writer) error {
	widths := make([]int, len(g.columns))
	for _, r := range append([][]string{g.columns}, g.rows...) {
		for i, cell := range r {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	var line strings.Builder
	for _, r := range append([][]string{g.columns}, g.rows...) {
		line.Reset()
		for i, cell := range r {
			pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
			if i > 0 {
				line.WriteString("  ")
			}
			if g.right[g.columns[i]] {
				line.WriteString(pad + cell)
			} else {
				line.WriteString(cell + pad)
			}
		}
		if _, err := fmt.Fprintln(w, strings.TrimRight(line.String(), " ")); err != nil {
			return err
		}
	}
	return nil
}

func outputFlag(f *flags, c *cobra.Command) {
	c.Flags().StringVarP(&f.output, "output", "o", "table", "how to print it: table, json or csv")
}

// progress shows on a terminal how far long work has come, and nothing on a pipe.
type progress struct {
	total int64
	width int
	shown bool
	next  time.Time
}

func newProgress(total int64) *progress {
	width, yes := terminal(os.Stderr)
	if !yes {
		width = 0
	}
	return &progress{total: total, width: width, next: time.Now().Add(time.Second)}
}

func (p *progress) at(done int64, what string) {
	now := time.Now()
	if p.width == 0 || now.Before(p.next) {
		return
	}
	p.next = now.Add(200 * time.Millisecond)
	const bar = 24
	full := bar
	if p.total > 0 {
		full = int(min(bar, done*bar/p.total))
	}
	line := fmt.Sprintf("%s%s  %s", strings.Repeat("█", full), strings.Repeat("░", bar-full), what)
	fmt.Fprintf(os.Stderr, "\r%-*.*s", p.width-1, p.width-1, line)
	p.shown = true
}

func (p *progress) done() {
	if p.shown {
		fmt.Fprintf(os.Stderr, "\r%s\r", strings.Repeat(" ", p.width-1))
	}
}

// documentsOf are the YAML documents of a project.
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

// yamlFiles are the YAML files below a folder, none when it is not there.
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
