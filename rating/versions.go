package rating

import (
	"bytes"
	"cmp"
	"maps"
	"slices"

	"ratemill/diag"
	"ratemill/registry"
)

// Version is a document of another package that is in force from a date until the next version of the same name
// begins.
type Version interface {
	DocumentName() diag.Text
	InForce() registry.Date // 0 for always
}

// Versions holds the documents of a kind by name, each name's versions oldest first. *T is a Version.
type Versions[T any] map[string][]*T

// VersionedKind returns a kind of documents with versions. Two versions of a name cannot begin on the same date.
// shipped, if not nil, is a document that is in force unless the catalogue has one with its name. check, if not
// nil, is called with all documents.
func VersionedKind[T any](key, doc string, shipped []byte, check func(Versions[T], *Catalogue, *diag.List)) Kind {
	return Kind{
		Key: diag.Key{Name: key, Doc: doc, New: func() any { return new(T) }},
		Compile: func(docs []any, c *Catalogue) (any, diag.List) {
			all, list := Versions[T]{}, diag.List(nil)
			for _, d := range docs {
				all.add(d.(*T), &list)
			}
			if shipped != nil {
				all.ship(key, shipped, &list)
			}
			if check != nil {
				check(all, c, &list)
			}
			return all, list
		},
	}
}

// VersionsOf returns the documents of a kind in a catalogue. For a catalogue that was stored before the kind
// existed, it returns the shipped documents.
func VersionsOf[T any](c *Catalogue, kind Kind) (Versions[T], diag.List) {
	all, list, ok := c.Of(kind.Name)
	if !ok {
		all, list = kind.Compile(nil, c)
	}
	return all.(Versions[T]), list
}

func (v Versions[T]) ship(key string, shipped []byte, l *diag.List) {
	var standard T
	list := diag.Decode(key+".yaml", bytes.TrimSpace(shipped), &standard, nil)
	if v[any(&standard).(Version).DocumentName().Value] == nil {
		*l = append(*l, list...)
		v.add(&standard, l)
	}
}

func (v Versions[T]) add(doc *T, l *diag.List) {
	d := any(doc).(Version)
	name := d.DocumentName()
	if name.Value == "" {
		return // the decoder has reported that the name is missing
	}
	at, same := slices.BinarySearchFunc(v[name.Value], d.InForce(), func(d *T, from registry.Date) int {
		return cmp.Compare(any(d).(Version).InForce(), from)
	})
	if same {
		when := "is always in force"
		if d.InForce() != 0 {
			when = "begins on " + d.InForce().String()
		}
		l.Errorf(name.Pos, "%s %s twice; give each version a different from", name.Value, when)
		return
	}
	v[name.Value] = slices.Insert(v[name.Value], at, doc)
}

// At returns the version in force on a date, nil if there is none.
func (v Versions[T]) At(name string, date registry.Date) (found *T) {
	for _, d := range v[name] {
		if any(d).(Version).InForce() <= date {
			found = d
		}
	}
	return found
}

// Newest returns the last version of a name, nil if the name is unknown.
func (v Versions[T]) Newest(name string) *T {
	if all := v[name]; len(all) > 0 {
		return all[len(all)-1]
	}
	return nil
}

// Names returns the names in sorted order.
func (v Versions[T]) Names() []string { return slices.Sorted(maps.Keys(v)) }
