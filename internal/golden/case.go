package golden

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/tools/txtar"

	"ratemill/internal/offline"
	"ratemill/internal/project"
	"ratemill/mediation/decode"
	"ratemill/mediation/source"
	"ratemill/rating"
	"ratemill/registry"
)

// Case is a golden case: a text file in txtar format (golang.org/x/tools/txtar).
//
//	What the case shows, in a sentence or more.
//	-- registry.yaml --           accounts and SIMs, as `ratemill import` reads them; without it, tests/registry.yaml
//	-- before.yaml --             counters before the first record (optional)
//	-- taken.yaml --              when the files were taken (optional; without it no usage is late)
//	-- SKY_000123.csv --          a raw file; its name says which source it is of, or the folder: skylink/any.csv;
//	                              in hexadecimal when its format is not text
//	-- usage --                   what must come out: usage, charges, suspense, events, balance
//
// A missing section is not compared, except suspense and refused: a case without them expects none.
//
// A case about the life of SIMs and accounts also has steps.yaml (steps.go), and more possible result sections: states,
// due, history, statuses, credit, alerts, packages, pools, refused.
type Case struct {
	Name  string // name of the file, without .txtar
	File  string // in the project
	Shows string // its first words

	archive  *txtar.Archive
	fallback []byte // tests/registry.yaml
}

// sections lists the expectations, in the order of a draft.
var sections = []string{"usage", "charges", "suspense", "events", "balance", "states", "due", "history", "statuses", "credit", "alerts",
	"packages", "pools", "refused"}

// always lists the sections that are compared even if the case does not have them: they must then be empty.
var always = []string{"suspense", "refused"}

// Cases returns the cases in a project's tests folder, by name.
func Cases(fsys fs.FS) ([]*Case, error) {
	names, err := fs.Glob(fsys, project.TestsFolder+"/*.txtar")
	if err != nil {
		return nil, err
	}
	shared, err := fs.ReadFile(fsys, project.TestsFolder+"/registry.yaml")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var cases []*Case
	for _, name := range names {
		text, err := fs.ReadFile(fsys, name)
		if err != nil {
			return nil, err
		}
		c := Parse(name, text)
		c.fallback = shared
		cases = append(cases, c)
	}
	return cases, nil
}

// Parse reads a case. Run reports missing parts.
func Parse(name string, text []byte) *Case {
	c := &Case{Name: strings.TrimSuffix(path.Base(name), ".txtar"), File: name, archive: txtar.Parse(text)}
	shows, _, _ := strings.Cut(strings.TrimSpace(string(c.archive.Comment)), "\n\n")
	c.Shows = strings.Join(strings.Fields(shows), " ")
	return c
}

// role is the purpose of a part of a case.
type role int

const (
	isRaw role = iota // a raw file
	isRegistry
	isBefore
	isTaken
	isSteps
	isLater // facts that a step imports
	isExpected
)

func roleOf(part string) role {
	switch {
	case slices.Contains(sections, part):
		return isExpected
	case part == "before.yaml":
		return isBefore
	case part == "taken.yaml":
		return isTaken
	case part == "steps.yaml":
		return isSteps
	case strings.HasPrefix(part, "later/"):
		return isLater
	case part == "registry.yaml" || strings.HasPrefix(part, "registry/"):
		return isRegistry
	}
	return isRaw
}

// parts returns the parts with a role, in order.
func (c *Case) parts(r role) (parts []txtar.File) {
	for _, p := range c.archive.Files {
		if roleOf(p.Name) == r {
			parts = append(parts, p)
		}
	}
	return parts
}

// expectation returns the expected text of a section.
func (c *Case) expectation(name string) (text string, said bool) {
	for _, p := range c.parts(isExpected) {
		if p.Name == name {
			return string(p.Data), true
		}
	}
	return "", false
}

// inputs returns the registry files of the case.
func (c *Case) inputs() (inputs []registry.Input, err error) {
	for _, p := range c.parts(isRegistry) {
		inputs = append(inputs, input(c.Name+": "+p.Name, p.Data))
	}
	if len(inputs) == 0 && c.fallback != nil {
		inputs = append(inputs, input(project.TestsFolder+"/registry.yaml", c.fallback))
	}
	if len(inputs) == 0 {
		return nil, errors.New("the case has no registry.yaml, and there is no " + project.TestsFolder +
			"/registry.yaml: its SIMs would have no owner")
	}
	return inputs, nil
}

// registry returns the registry of the case. The catalogue has the lifecycles of the SIMs.
func (c *Case) registry(catalogue *rating.Catalogue) (*registry.Registry, error) {
	inputs, err := c.inputs()
	if err != nil {
		return nil, err
	}
	r := registry.New()
	changes, _, list := registry.ImportWith(r, inputs, project.ImportOptions(catalogue))
	if err := list.Err(); err != nil {
		return nil, err
	}
	r.Publish(changes.Revision)
	return r, nil
}

// files returns the raw files of the case, in the order in which they are collected.
func (c *Case) files(book *source.Book, s *steps) ([]offline.File, error) {
	var files []offline.File
	parts := c.parts(isRaw)
	if s != nil {
		var names []string
		for _, p := range parts {
			names = append(names, p.Name)
		}
		order, err := s.files(names)
		if err != nil {
			return nil, err
		}
		raw := parts
		parts = nil
		for _, name := range order {
			parts = append(parts, raw[slices.Index(names, name)])
		}
	}
	for _, p := range parts {
		f := offline.File{MTime: s.taken(p.Name)}
		if s, ok := book.Source(path.Dir(p.Name)); ok {
			f.Source, f.Path = s, offline.Listed(s, path.Base(p.Name))
		} else {
			var err error
			if f.Source, f.Path, err = offline.Find(book.Sources, p.Name, true); err != nil {
				return nil, fmt.Errorf("%w: put its name as a folder before the file's, as in %s/%s", err, example(book, p.Name), path.Base(p.Name))
			}
		}
		text, err := octets(p.Data, &f.Source.Decode)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.Name, err)
		}
		f.Open = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(text)), nil }
		files = append(files, f)
	}
	if len(files) == 0 && s == nil {
		return nil, errors.New("the case has no raw file; write one after a line -- NAME --, with a name that matches a source")
	}
	return files, nil
}

// example is a source that a case may name for a file: one whose pattern matches, if there is one.
func example(book *source.Book, name string) string {
	for i, s := range book.Sources {
		if _, _, err := offline.Find(book.Sources[i:i+1], name, true); err == nil {
			return s.Name
		}
	}
	if len(book.Sources) > 0 {
		return book.Sources[0].Name
	}
	return "SOURCE"
}

// octets returns a raw file in the carrier's form. In a case, the file is UTF-8 text, or hexadecimal for a binary
// format, in which blanks and everything after a # are ignored.
func octets(text []byte, o *decode.Options) ([]byte, error) {
	if !o.Octets() {
		return encoded(text, o.Encoding)
	}
	var digits []byte
	for line := range bytes.Lines(text) {
		line, _, _ = bytes.Cut(line, []byte("#"))
		digits = append(digits, bytes.Join(bytes.Fields(line), nil)...)
	}
	out := make([]byte, hex.DecodedLen(len(digits)))
	if _, err := hex.Decode(out, digits); err != nil {
		return nil, fmt.Errorf("a raw file of a binary format is written in hexadecimal, two digits per octet: %w", err)
	}
	return out, nil
}

// encoded converts the UTF-8 text of a case to the encoding of its source.
func encoded(text []byte, name string) ([]byte, error) {
	var e encoding.Encoding
	switch name {
	case "utf-16le":
		e = unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM)
	case "utf-16be":
		e = unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM)
	case "latin-1":
		e = charmap.ISO8859_1
	case "windows-1252":
		e = charmap.Windows1252
	default:
		return text, nil
	}
	out, err := e.NewEncoder().Bytes(text)
	if err != nil {
		return nil, fmt.Errorf("a character cannot be written in %s, the source's encoding", name)
	}
	return out, nil
}

// Rewritten returns the case's file with the actual results in place of the expected ones; everything else
// stays unchanged. A case without expectations gets all results, and suspense is added if it was not
// expected.
func (c *Case) Rewritten(o *Outcome) []byte {
	a := txtar.Archive{Comment: c.archive.Comment, Files: slices.Clone(c.archive.Files)}
	draft := true
	for i, p := range a.Files {
		if roleOf(p.Name) == isExpected {
			draft, a.Files[i].Data = false, []byte(o.section(p.Name).Got)
		}
	}
	for _, name := range sections {
		s := o.section(name)
		if _, said := c.expectation(name); !said && s.Got != "" && (draft || slices.Contains(always, name)) {
			a.Files = append(a.Files, txtar.File{Name: name, Data: []byte(s.Got)})
		}
	}
	return txtar.Format(&a)
}
