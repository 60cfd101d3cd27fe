package registry

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"maps"
	"slices"
	"sort"
	"sync"

	"ratemill/udr"
)

// Statement is a fact about a subject from a time on: the status of an account, its billing profile, a setting of a
// SIM. Its value belongs to the package that owns the kind.
type Statement struct {
	Kind    Kind
	Subject string // id of an account or a company, or the result of SubjectOf for a SIM
	Name    string // name of the instance, if a subject can have several
	From    udr.Instant
	State   State
	Value   []byte // canonical JSON, see CanonicalJSON; empty if nothing begins
	Cause   uint32 // index in Changes.Causes, from 1; 0 for none
}

// KnownStatement is a statement and the revision from which it is known.
type KnownStatement struct {
	Statement
	Known Revision
}

// Statements contains statements in memory. Rating does not need them. It is safe for concurrent use, and callers
// may keep its results.
type Statements struct {
	mu       sync.RWMutex
	revision Revision
	kinds    []Kind                       // nil for all
	subjects map[subject][]KnownStatement // in the order of (Name, From, Known)
}

type subject struct {
	kind    Kind
	subject string
}

// NewStatements returns an empty Statements for the given kinds, or for all kinds if none is given.
func NewStatements(kinds ...Kind) *Statements {
	return &Statements{kinds: kinds, subjects: map[subject][]KnownStatement{}}
}

// Kinds returns the kinds that it contains, nil for all.
func (s *Statements) Kinds() []Kind { return s.kinds }

// Revision returns the newest complete revision.
func (s *Statements) Revision() Revision {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.revision
}

// Apply adds the statements of a change set, whose revision is the next one.
func (s *Statements) Apply(changes *Changes) error {
	if next := s.Revision() + 1; changes.Revision != next {
		return fmt.Errorf("registry: change set %d does not follow revision %d: read the change sets since %d again", changes.Revision,
			next-1, next-1)
	}
	s.Load(changes.Revision, changes.Statements)
	s.Publish(changes.Revision)
	return nil
}

// Load adds statements of a revision. Loading a part a second time changes nothing.
func (s *Statements) Load(known Revision, statements []Statement) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range statements {
		if s.kinds != nil && !slices.Contains(s.kinds, f.Kind) {
			continue
		}
		f.Cause = 0
		key := subject{f.Kind, f.Subject}
		facts := s.subjects[key]
		at, found := sort.Find(len(facts), func(i int) int {
			return cmp.Or(cmp.Compare(f.Name, facts[i].Name), cmp.Compare(f.From, facts[i].From), cmp.Compare(known, facts[i].Known))
		})
		if found {
			facts[at] = KnownStatement{f, known}
			continue
		}
		s.subjects[key] = slices.Insert(facts, at, KnownStatement{f, known})
	}
}

// Publish makes the statements up to a revision visible.
func (s *Statements) Publish(revision Revision) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.revision = max(s.revision, revision)
}

// At returns the statement that is valid for a subject at a time, as known at a revision.
func (s *Statements) At(kind Kind, of, name string, at udr.Instant, rev Revision) (KnownStatement, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return StatementAt(named(s.subjects[subject{kind, of}], name), at, rev)
}

// Of lists a subject's statements that are valid at a time, as known at a revision, in the order of their
// names.
func (s *Statements) Of(kind Kind, of string, at udr.Instant, rev Revision) (all []KnownStatement) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for facts := s.subjects[subject{kind, of}]; len(facts) > 0; {
		its := named(facts, facts[0].Name)
		if f, ok := StatementAt(its, at, rev); ok {
			all = append(all, f)
		}
		facts = facts[len(its):]
	}
	return all
}

// Told lists all statements ever made about a subject, in the order of (Name, From, Known).
func (s *Statements) Told(kind Kind, of string) []KnownStatement {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.Clone(s.subjects[subject{kind, of}])
}

// Subjects returns the subjects of the statements of a kind, in order.
func (s *Statements) Subjects(kind Kind) iter.Seq[string] {
	s.mu.RLock()
	var all []string
	for key := range maps.Keys(s.subjects) {
		if key.kind == kind {
			all = append(all, key.subject)
		}
	}
	s.mu.RUnlock()
	slices.Sort(all)
	return slices.Values(all)
}

// named returns the statements with a name, from a subject's statements in the order of their names.
func named(facts []KnownStatement, name string) []KnownStatement {
	first := sort.Search(len(facts), func(i int) bool { return facts[i].Name >= name })
	facts = facts[first:]
	return facts[:sort.Search(len(facts), func(i int) bool { return facts[i].Name > name })]
}

// beginning is the index of the first statement for a time or a later one, of those about one subject and name. found
// reports whether it is for this time.
func beginning(facts []KnownStatement, from udr.Instant) (at int, found bool) {
	at = sort.Search(len(facts), func(i int) bool { return facts[i].From >= from })
	return at, at < len(facts) && facts[at].From == from
}

// StatementAt returns the statement that is valid at a time, as known at a revision. Its argument is all statements
// ever made about one subject and name, in the order of (From, Known).
func StatementAt(facts []KnownStatement, at udr.Instant, rev Revision) (KnownStatement, bool) {
	for i := sort.Search(len(facts), func(i int) bool { return facts[i].From > at }) - 1; i >= 0; i-- {
		f := &facts[i]
		if f.Known > rev {
			continue
		}
		if f.State != Withdrawn {
			return *f, f.State.begins()
		}
		for i > 0 && facts[i-1].From == f.From {
			i--
		}
	}
	return KnownStatement{}, false
}

// HeldStatements selects the statements that are valid at a revision, from all those ever made about one subject
// and name, in the order of (From, Known). For each beginning this is the last known statement, unless it is
// withdrawn.
func HeldStatements(facts []KnownStatement, rev Revision) []KnownStatement {
	return counting(slices.Clone(facts), rev, func(f *KnownStatement) told { return told{from: f.From, known: f.Known, state: f.State} })
}

// CanonicalJSON returns the form in which the registry stores a JSON value: without blanks, with the keys of objects
// sorted, and with numbers as written. Equal values have equal bytes.
func CanonicalJSON(value []byte) ([]byte, error) {
	d := json.NewDecoder(bytes.NewReader(value))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, fmt.Errorf("registry: a value is not JSON: %w", err)
	}
	if err := d.Decode(&struct{}{}); err != io.EOF {
		return nil, fmt.Errorf("registry: a value is not JSON: something follows it")
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimRight(b.Bytes(), "\n"), nil
}
