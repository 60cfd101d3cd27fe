package golden

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"path"
	"slices"
	"strings"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"

	"ratemill/internal/offline"
	"ratemill/internal/project"
	"ratemill/mediation/decode"
	"ratemill/mediation/source"
	"ratemill/registry"
)

// Case is a golden case: a text file in txtar format (golang.org/x/tools/txtar).
//
//	What the case shows, in a sentence or more.
//	-- registry.yaml --           accounts and SIMs, as `ratemill import` reads them; without it, tests/registry.yaml
//	-- before.yaml --             counters before the first record (optional)
//	-- taken.yaml --              when the files were taken (optional; without it no usage is late)
//	-- SKY_000123.csv --          a raw file; its name says which source it is of, or the folder: skylink/any.csv;
//	                              in hexadecimal when its format is no text
//	-- usage --                   what must come out: usage, charges, suspense, events, balance
//
// A missing section is not compared, except suspense: a case without it expects none.
type Case struct {
	Name  string // of the file, without .txtar
	File  string // in the project
	Shows string // its first words

	text     []byte
	parts    []part
	fallback []byte // tests/registry.yaml
}

// part is a part of the file: a marker line and the text after it.
type part struct {
	name       string
	from, to   int // of the content
	registry   bool
	before     bool
	taken      bool
	expected   bool
	sourceFile bool
}

// sections are the expectations, in the order of a draft.
var sections = []string{"usage", "charges", "suspense", "events", "balance"}

// Cases are the cases in a project's tests folder, by name.
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
	c := &Case{Name: strings.TrimSuffix(path.Base(name), ".txtar"), File: name, text: text}
	comment := len(text)
	for at := 0; at < len(text); {
		end := at + bytes.IndexByte(text[at:], '\n') + 1
		if end == at {
			end = len(text)
		}
		if file, ok := marker(text[at:end]); ok {
			comment = min(comment, at)
			if n := len(c.parts); n > 0 {
				c.parts[n-1].to = at
			}
			c.parts = append(c.parts, newPart(file, end, len(text)))
		}
		at = end
	}
	c.Shows, _, _ = strings.Cut(strings.TrimSpace(string(text[:comment])), "\n\n")
	c.Shows = strings.Join(strings.Fields(c.Shows), " ")
	return c
}

// marker reads -- name --, like txtar.
func marker(line []byte) (name string, ok bool) {
	text := strings.TrimRight(string(line), "\r\n")
	if !strings.HasPrefix(text, "-- ") || !strings.HasSuffix(text, " --") || len(text) < len("-- x --") {
		return "", false
	}
	name = strings.TrimSpace(text[3 : len(text)-3])
	return name, name != ""
}

func newPart(name string, from, to int) part {
	p := part{name: name, from: from, to: to}
	switch {
	case slices.Contains(sections, name):
		p.expected = true
	case name == "before.yaml":
		p.before = true
	case name == "taken.yaml":
		p.taken = true
	case name == "registry.yaml" || strings.HasPrefix(name, "registry/"):
		p.registry = true
	default:
		p.sourceFile = true
	}
	return p
}

func (c *Case) content(p *part) []byte { return c.text[p.from:p.to] }

// Parts returns the name and content of each part, in order.
func (c *Case) Parts() iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for i := range c.parts {
			if !yield(c.parts[i].name, string(c.content(&c.parts[i]))) {
				return
			}
		}
	}
}

// expectation is the expected text of a section.
func (c *Case) expectation(name string) (text string, said bool) {
	for i := range c.parts {
		if c.parts[i].name == name {
			return string(c.content(&c.parts[i])), true
		}
	}
	return "", false
}

// registry is the registry of the case.
func (c *Case) registry() (*registry.Registry, error) {
	var inputs []registry.Input
	add := func(name string, text []byte) {
		inputs = append(inputs, registry.Input{Name: name, Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(text)), nil }})
	}
	for i := range c.parts {
		if p := &c.parts[i]; p.registry {
			add(c.Name+": "+p.name, c.content(p))
		}
	}
	if len(inputs) == 0 && c.fallback != nil {
		add(project.TestsFolder+"/registry.yaml", c.fallback)
	}
	r := registry.New()
	if len(inputs) == 0 {
		return nil, errors.New("the case has no registry.yaml, and there is no " + project.TestsFolder + "/registry.yaml: nobody would own its SIMs")
	}
	changes, list := registry.Import(r, inputs)
	if err := list.Err(); err != nil {
		return nil, err
	}
	r.Publish(changes.Revision)
	return r, nil
}

// files are the raw files of the case.
func (c *Case) files(book *source.Book) ([]offline.File, error) {
	var files []offline.File
	for i := range c.parts {
		p := &c.parts[i]
		if !p.sourceFile {
			continue
		}
		f := offline.File{}
		if s, ok := book.Source(path.Dir(p.name)); ok {
			f.Source, f.Path = s, offline.Listed(s, path.Base(p.name))
		} else {
			var err error
			if f.Source, f.Path, err = offline.Find(book.Sources, p.name, true); err != nil {
				return nil, fmt.Errorf("%w: put its name as a folder before the file's, as in %s/%s", err, example(book), path.Base(p.name))
			}
		}
		text, err := octets(c.content(p), &f.Source.Decode)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.name, err)
		}
		f.Open = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(text)), nil }
		files = append(files, f)
	}
	if len(files) == 0 {
		return nil, errors.New("the case has no raw file; write one after a line -- NAME --, with a name that the match of a source takes")
	}
	return files, nil
}

func example(book *source.Book) string {
	if len(book.Sources) > 0 {
		return book.Sources[0].Name
	}
	return "SOURCE"
}

// encoded converts the UTF-8 text of a case to the encoding of its source. octets is a raw file in the carrier's form.
// In a case it is UTF-8 text, or hexadecimal for a binary format: blanks and everything after a # are ignored there.
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

// Rewritten is the case's file with the actual results in place of the expected ones; everything else stays as it is. A
// case without expectations gets all results, and suspense is added if it was not expected.
func (c *Case) Rewritten(o *Outcome) []byte {
	var out []byte
	done, any := 0, false
	for i := range c.parts {
		p := &c.parts[i]
		if !p.expected {
			continue
		}
		any = true
		out = append(out, c.text[done:p.from]...)
		out = append(out, o.section(p.name).Got...)
		done = p.to
	}
	out = append(out, c.text[done:]...)
	if len(out) > 0 && out[len(out)-1] != '\n' {
		out = append(out, '\n')
	}
	for _, name := range sections {
		s := o.section(name)
		if _, said := c.expectation(name); said || s.Got == "" || any && name != "suspense" {
			continue
		}
		out = append(out, "-- "+name+" --\n"+s.Got...)
	}
	return out
}
