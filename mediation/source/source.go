package source

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"ratemill/diag"
	"ratemill/internal/safeguard"
	"ratemill/mediation/collect"
	"ratemill/mediation/decode"
	"ratemill/normalize"
	"ratemill/rules"
)

// Document is a file of sources/.
type Document struct {
	Source         diag.Text       `yaml:"source,required" example:"skylink" doc:"Name of the source, the same as the file's."`
	Formerly       diag.Text       `yaml:"formerly" example:"car" doc:"The source's first name, if it has been renamed. The source keeps that name in the ledger of files, in duplicate keys, sessions, metrics and tables, so that nothing is charged again and queries find all of its usage under one name."`
	Rereads        collect.Words   `yaml:"rereads" example:"car" doc:"Sources whose files this new source is to read again. If omitted, a new source over files that another source has read is held back."`
	Collect        collect.Options `yaml:"collect" doc:"Where the files are, and which ones to read."`
	Decode         decode.Options  `yaml:"decode,required" doc:"How the files are read."`
	Zone           diag.Text       `yaml:"zone" example:"Europe/Madrid" doc:"Time zone of times that have none: an IANA name, UTC, or an offset such as +02:00."`
	rules.Document `yaml:",inline"`
	Only           *Only     `yaml:"only" doc:"Limits the SIMs for which the source may bring usage; if omitted, all SIMs of the registry. Other usage waits in suspense with the code not_yours."`
	Sequence       *Sequence `yaml:"sequence" doc:"Sequence numbers in the file names, used to detect missing files."`
}

// Sequence defines the position of the number in a file's name.
type Sequence struct {
	From diag.Text `yaml:"from,required" example:"name[4:10]" doc:"Expression on the file's name that returns the digits of the number."`
	Gap  string    `yaml:"gap" enum:"alarm|ignore" default:"alarm" doc:"Action if a number is missing."`

	number *rules.FileExpression
}

// Number returns the number in a file's name.
func (s *Sequence) Number(file string) (int64, error) { return s.number.Int(path.Base(file)) }

// check warns if no file name that a pattern matches can contain a number. Only names of a fixed length are known well
// enough for this check.
func (s *Sequence) check(match []string, l *diag.List) {
	if s.number == nil {
		return
	}
	for _, pattern := range match {
		if base := path.Base(pattern); !strings.ContainsAny(base, `*[\\`) {
			if _, err := s.Number(strings.ReplaceAll(base, "?", "0")); err != nil {
				l.Warnf(s.From.Pos, "names that match %s have no number, so missing files could not be detected: %v", pattern, err)
			}
		}
	}
}

// Source is a checked document.
type Source struct {
	Name            string // the source's first name, used for files, duplicate keys and sessions
	Title           string // name in its document
	Rereads         []string
	File            string // of the document
	Version         string // hash of everything that determines the meaning of its records
	Collect         collect.Options
	Decode          decode.Options
	Program         *rules.Program
	DuplicateWithin time.Duration
	Session         *rules.Sessions
	SessionWithin   time.Duration // 0: the source delivers whole sessions
	Sequence        *Sequence
	Only            *Only // nil: every SIM of the registry

	trailer *rules.Trailer
	bundle  []byte
	former  []string // its versions with earlier reference data
}

// Named reports whether a file's name is part of its identity: the same content under another name is then different
// usage.
func (s *Source) Named() bool {
	if s.Collect.Identity != "" {
		return s.Collect.Identity == "name"
	}
	return s.Program.ReadsFileName()
}

// Open starts decoding a file's content (after decode.Unpack) for the source's rules.
func (s *Source) Open(r io.Reader) (decode.Decoder, error) {
	if s.trailer == nil {
		return s.Decode.Open(r, s.Program.Layout())
	}
	return s.Decode.OpenFramed(r, s.Program.Layout(), s.trailer.Runner().Run)
}

// Resume continues decoding a file's content from the state of an earlier decoder of the source.
func (s *Source) Resume(state *decode.State, r io.Reader) (decode.Decoder, error) {
	return s.Decode.Resume(state, r, s.Program.Layout())
}

// OpenAgain starts decoding the parts of a record of the source that suspense stored.
func (s *Source) OpenAgain(preamble, raw []byte) (decode.Decoder, error) {
	return s.Decode.OpenAgain(preamble, raw, s.Program.Layout())
}

// NewRunner returns a runner of the source's rules for a file.
func (s *Source) NewRunner(file string, modified time.Time) *rules.Runner {
	r := s.Program.NewRunner()
	r.File(path.Base(file), modified)
	return r
}

// Book contains all sources of a directory.
type Book struct {
	Sources []*Source // by name
	Classes rules.Classes
	Files   int // documents read
}

// Source returns the source with a current or former name.
func (b *Book) Source(name string) (*Source, bool) {
	for _, s := range b.Sources {
		if s.Name == name {
			return s, true
		}
	}
	for _, s := range b.Sources {
		if s.Title == name {
			return s, true
		}
	}
	return nil, false
}

// Names returns the sources' names.
func (b *Book) Names() []string {
	names := make([]string, len(b.Sources))
	for i, s := range b.Sources {
		names[i] = s.Name
	}
	return names
}

// rulesVersion is part of every source's version; it is increased when the same document and data get a different
// meaning.
const rulesVersion = "rules 1"

// LoadDir reads sources/*.yaml and classes/*.yaml of a directory. All mistakes are in the list; the book contains
// the sources without errors. env returns the values of ${NAME}; nil leaves them unreplaced, for checks without
// secrets.
func LoadDir(fsys fs.FS, env func(string) (string, bool)) (*Book, diag.List) {
	return loadDir(fsys, env, false)
}

func loadDir(fsys fs.FS, env func(string) (string, bool), stored bool) (*Book, diag.List) {
	b := &Book{Classes: rules.StandardClasses()}
	var l diag.List
	shared := sharing{tables: func(name string, most int) ([]byte, error) {
		return table(fsys, name, most)
	}, stored: stored, rules: map[string]diag.At[[]rules.Entry]{}, texts: map[string][]byte{}}
	for _, name := range documents(fsys, "classes", &l) {
		text, ok := read(fsys, name, &l)
		if !ok {
			continue
		}
		b.Files++
		var doc rules.Shared
		l = append(l, diag.Decode(name, text, &doc, nil)...)
		b.Classes.Add(&doc, &l)
		for _, e := range doc.Rules {
			if first, twice := shared.rules[e.Key.Value]; twice {
				l.Errorf(e.Key.Pos, "rules %s are defined twice; first at %s", e.Key.Value, first.Pos)
				continue
			}
			shared.rules[e.Key.Value] = diag.At[[]rules.Entry]{Value: e.Value, Pos: e.Key.Pos}
			shared.texts[e.Key.Value] = text
		}
		for _, e := range doc.Classes {
			shared.texts[e.Key.Value] = append(shared.texts[e.Key.Value], e.Value.Unit.Value...)
		}
	}
	files := map[string]string{}
	for _, name := range documents(fsys, "sources", &l) {
		text, ok := read(fsys, name, &l)
		if !ok {
			continue
		}
		b.Files++
		s, found := load(name, text, env, b.Classes, shared)
		l = append(l, found...)
		if s == nil {
			continue
		}
		if first, twice := files[s.Name]; twice {
			l.Errorf(diag.Pos{File: diag.NewFile(name, nil)}, "source %s is already declared in %s", s.Name, first)
			continue
		}
		files[s.Name] = name
		s.bundle = pack(fsys, name, text, s.Program.TableFiles())
		b.Sources = append(b.Sources, s)
	}
	slices.SortFunc(b.Sources, func(a, c *Source) int { return strings.Compare(a.Name, c.Name) })
	if !stored {
		sharedFiles(b.Sources, &l)
		for _, s := range b.Sources {
			s.checkRereads(b, &l)
		}
	}
	l.Sort()
	return b, l
}

// checkRereads refuses a source that rereads itself, and warns of a name that no document has. The files of a source that
// was removed from the project can still be read again.
func (s *Source) checkRereads(b *Book, l *diag.List) {
	at := diag.Pos{File: diag.NewFile(s.File, nil)}
	for _, name := range s.Rereads {
		if name == s.Name || name == s.Title {
			l.Errorf(at, "source %s rereads itself; rereads names other sources whose files this one reads once more", s.Title)
		} else if _, ok := b.Source(name); !ok {
			l.Warnf(at, "rereads: the project has no source %s%s It has an effect only if a source of this name was removed from the "+
				"project", name, orDot(diag.Suggest(name, b.Names())))
		}
	}
}

func orDot(hint string) string {
	if hint == "" {
		return "."
	}
	return hint
}

// sharedFiles warns of sources that may both read the same file: each would charge it, because duplicates are
// detected per source.
func sharedFiles(sources []*Source, l *diag.List) {
	for i, s := range sources {
		for _, other := range sources[:i] {
			if mine, theirs, ok := s.Collect.Shares(&other.Collect); ok {
				l.Warnf(diag.Pos{File: diag.NewFile(s.File, nil)}, "match %q and match %q of %s may match the same files in one "+
					"place: each source would read such a file and charge its records; make the patterns differ, or exclude the "+
					"files of one source from the other",
					mine, theirs, other.File)
			}
		}
	}
}

// Load reads one document that uses no shared documents.
func Load(name string, text []byte, env func(string) (string, bool)) (*Source, diag.List) {
	return load(name, text, env, rules.StandardClasses(), sharing{})
}

func load(name string, text []byte, env func(string) (string, bool), classes rules.Classes, shared sharing) (*Source, diag.List) {
	var doc Document
	l := diag.Decode(name, text, &doc, env)
	if doc.Source.IsZero() && l.HasErrors() && doc.Decode.Reader == nil {
		return nil, l // not YAML, or another kind of document; errors of its sections would not help
	}
	o := rules.Options{TableFile: shared.tables, Name: doc.Source.Value, Typed: doc.Decode.Typed(), Zone: doc.Zone.Value,
		ZonePos: doc.Zone.Pos,
		At:      doc.Source.Pos, Classes: classes, Shared: shared.rules, Stored: shared.stored, MostUsages: doc.Decode.Limits.MostUsages()}
	if columns, ok := doc.Decode.Columns(); ok {
		o.Columns = columns
	}
	s := &Source{Name: doc.Source.Value, Title: doc.Source.Value, Rereads: doc.Rereads, File: name, Collect: doc.Collect, Decode: doc.Decode,
		Sequence: doc.Sequence}
	if want := strings.TrimSuffix(path.Base(name), path.Ext(name)); s.Name != "" && s.Name != want {
		l.Errorf(doc.Source.Pos, "the source has the name %s, but its file %s; give both one name", s.Name, path.Base(name))
	}
	if !doc.Formerly.IsZero() {
		if doc.Formerly.Value == s.Title {
			l.Errorf(doc.Formerly.Pos, "formerly must be a former name of the source, not its current one")
		}
		if safeguard.On(safeguard.FormerName) {
			s.Name = doc.Formerly.Value
			o.Name = s.Name // session keys contain it
		}
	}
	s.Program = rules.Compile(&doc.Document, o, &l)
	if s.Program != nil {
		if t := doc.Decode.Trailer; t != nil && !t.When.IsZero() {
			s.trailer = s.Program.CompileTrailer(t.When, t.Records, &l)
		}
	}
	if s.Program != nil && s.Collect.Identity == "" && s.Program.ReadsFileName() {
		l.Warnf(doc.Source.Pos, "the rules read file.name, so a file with known content is read again when its name differs; set "+
			"collect.identity: name if that is intended, or identity: content if files of this source get renamed")
	}
	if doc.Sequence != nil {
		doc.Sequence.number = rules.CompileFileExpression(doc.Sequence.From, &l)
		doc.Sequence.check(doc.Collect.Match, &l)
	}
	if doc.Duplicate != nil {
		if s.DuplicateWithin = doc.Duplicate.Within; s.DuplicateWithin < time.Second && len(doc.Duplicate.Key) > 0 {
			l.Errorf(doc.Duplicate.Key[0].Pos, "within is %v: no record would be remembered, and each record that comes twice "+
				"would be charged twice; within must be 1s or longer, and 0 does not mean for ever", s.DuplicateWithin)
		}
	}
	if s.Only = doc.Only; s.Only != nil {
		s.Only.check(&l)
	}
	s.Session = doc.Session
	if doc.Session != nil && !doc.Session.Whole {
		s.SessionWithin = doc.Session.Within
	}
	if l.HasErrors() {
		l.Sort()
		return nil, l
	}
	if doc.Collect.Once() && doc.Duplicate == nil {
		l.Warnf(doc.Source.Pos, "files stay in place after they are read (collect.after: leave) and the source has no "+
			"duplicate key: if a file "+
			"is written again with a change, or the control store is restored from a backup, its records are charged again, and nothing reports "+
			"it. List the fields that tell records apart in duplicate, or have files moved (collect.after: { move: … })")
	}
	l.Sort()
	hash := func(data string) string {
		return version(data, text, shared.texts, s.Program.Uses(), s.Program.TableFiles())
	}
	s.Version = hash(normalize.DataVersion())
	for _, data := range normalize.FormerDataVersions {
		s.former = append(s.former, hash(data))
	}
	return s, l
}

// sharing contains the parts of documents in classes/ that sources use: rules by name, and the texts on which a source
// depends if it uses a name.
type sharing struct {
	stored bool // the documents come from a bundle
	rules  map[string]diag.At[[]rules.Entry]
	texts  map[string][]byte
	tables func(name string, most int) ([]byte, error)
}

// version returns a hash of the document, of the shared texts and tables that it uses, and of a version of normalize's
// data. Values of the environment are not part of it, because they define where files are, not what they mean.
func version(data string, text []byte, shared map[string][]byte, uses []string, tables map[string][]byte) string {
	h := sha256.New()
	h.Write([]byte(rulesVersion + data))
	h.Write(text)
	slices.Sort(uses)
	for _, name := range slices.Compact(uses) {
		h.Write([]byte{0})
		h.Write([]byte(name))
		h.Write([]byte{0})
		h.Write(shared[name])
	}
	for _, name := range slices.Sorted(maps.Keys(tables)) {
		h.Write([]byte{1})
		h.Write([]byte(name))
		h.Write([]byte{0})
		h.Write(bytes.TrimRight(tables[name], "\n")) // a bundle may add a line end
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

func documents(fsys fs.FS, dir string, l *diag.List) []string {
	var names []string
	entries, err := fs.ReadDir(fsys, dir)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			l.Errorf(diag.Pos{File: diag.NewFile(dir, nil)}, "the folder cannot be read: %v", err)
		}
		return nil
	}
	for _, e := range entries {
		switch ext := path.Ext(e.Name()); {
		case e.IsDir() || strings.HasPrefix(e.Name(), "."):
		case ext == ".yaml":
			names = append(names, path.Join(dir, e.Name()))
		case strings.EqualFold(ext, ".yml") || strings.EqualFold(ext, ".yaml"):
			l.Warnf(diag.Pos{File: diag.NewFile(path.Join(dir, e.Name()), nil)}, "this file is not read; the names of documents end in .yaml")
		}
	}
	return names
}

// table reads a file that contains a table. The file becomes part of the bundle, a txtar archive, so no line may
// look like the header of a file there.
func table(fsys fs.FS, name string, most int) ([]byte, error) {
	if !fs.ValidPath(name) {
		return nil, fmt.Errorf("%s is not a path below the project's folder, such as tables/tadig.csv", name)
	}
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, int64(most)+1))
	switch {
	case err != nil:
		return nil, err
	case len(text) > most:
		return nil, fmt.Errorf("%s is larger than %d bytes", name, most)
	}
	for line := range bytes.Lines(text) {
		if line = bytes.TrimSpace(line); bytes.HasPrefix(line, []byte("-- ")) && bytes.HasSuffix(line, []byte(" --")) {
			return nil, fmt.Errorf("%s has the line %q, but lines of a table must not begin and end with two dashes", name, line)
		}
	}
	return text, nil
}

func read(fsys fs.FS, name string, l *diag.List) ([]byte, bool) {
	f, err := fsys.Open(name)
	if err == nil {
		defer f.Close()
		var text []byte
		if text, err = io.ReadAll(io.LimitReader(f, diag.MaxSize+1)); err == nil {
			return text, true
		}
	}
	l.Errorf(diag.Pos{File: diag.NewFile(name, nil)}, "cannot be read: %v", err)
	return nil, false
}
