package demo

import (
	"embed"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"ratemill/internal/demo/generate"
)

//go:embed project files
var embedded embed.FS

// Project is the demo's project: sources/, classes/, catalogue/, registry/, changes/ (a batch) and tests/.
func Project() fs.FS { return folder("project") }

// Files are the usage files, in a folder for each source, with NOTICE files that state their origin.
func Files() fs.FS { return folder("files") }

func folder(name string) fs.FS {
	sub, err := fs.Sub(embedded, name)
	if err != nil {
		panic(err) // the name is a constant
	}
	return sub
}

// Sources returns the names of the sources, sorted.
func Sources() []string {
	entries, err := fs.ReadDir(embedded, "files")
	if err != nil {
		panic(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// WriteProject writes the project into a folder. Existing files with the same name are replaced.
func WriteProject(dir string) error {
	project := Project()
	return fs.WalkDir(project, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		target := filepath.Join(dir, filepath.FromSlash(name))
		if d.IsDir() {
			if err := os.MkdirAll(target, 0o755); err != nil {
				return fmt.Errorf("the demo's project cannot be written: %w", err)
			}
			return nil
		}
		text, err := fs.ReadFile(project, name)
		if err == nil {
			err = os.WriteFile(target, text, 0o644)
		}
		if err != nil {
			return fmt.Errorf("the demo's project cannot be written: %w", err)
		}
		return nil
	})
}

// sftpLine is the line in the demo's sources with the address of their files.
var sftpLine = regexp.MustCompile(`(?m)^  sftp: .*$`)

// WriteExample writes the project into a folder so that it runs without a server: its sources read the folder inbox,
// which contains the demo's usage files.
func WriteExample(dir string) error {
	if err := WriteProject(dir); err != nil {
		return err
	}
	sources, err := filepath.Glob(filepath.Join(dir, "sources", "*.yaml"))
	if err != nil {
		return err
	}
	for _, path := range sources {
		text, err := os.ReadFile(path)
		if err == nil {
			err = os.WriteFile(path, sftpLine.ReplaceAll(text, []byte("  dir: inbox # or sftp: { host: …, user: …, password_file: …, "+
				"known_hosts: … }")), 0o644)
		}
		if err != nil {
			return fmt.Errorf("the example's sources cannot be written: %w", err)
		}
	}
	return os.CopyFS(filepath.Join(dir, "inbox"), Files())
}

// Shipped are the options with which the generated files in Files were created. They have separate SIMs,
// which are in the project's registry.
func Shipped(source string) generate.Options {
	o := generate.Options{
		Seed: 20, SIMs: 12, Accounts: 4, Sources: []string{source}, FirstSIM: 50_000_000,
		From: time.Date(2026, 3, 28, 0, 0, 0, 0, time.UTC), Days: 2, Resend: -1,
	}
	switch source {
	case "skylink":
		// The last file repeats the first under another name. The clocks are changed on the second day.
		o.Seed, o.Records, o.RecordsPerFile, o.SuspenseShare, o.Resend, o.FirstFile = 122, 402, 134, 0.03, 1, 121
	default:
		o.Records = 60
	}
	return o
}

// Generated are the options of the files that `ratemill demo -n RECORDS` adds: the month after the shipped ones.
func Generated(records int) generate.Options {
	return generate.Options{Seed: 1, Records: records, From: time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC), Days: 30, FirstFile: 124}
}
