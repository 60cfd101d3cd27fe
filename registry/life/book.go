package life

import (
	"cmp"
	"embed"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"ratemill/diag"
	"ratemill/literal"
	"ratemill/udr"
)

// Documents are the kinds of catalogue documents that this package owns.
var Documents = []diag.Key{
	{Name: "state_model", Doc: "A state model lists the states of SIMs, their meaning, and the transitions between them.",
		New: func() any { return new(modelDoc) }},
	{Name: "lifecycle", Doc: "A lifecycle is a set of rules for the states of SIMs: the first state, test quota, bill on " +
		"first use, suspensions, activation.", New: func() any { return new(lifecycleDoc) }},
}

//go:embed shipped
var shipped embed.FS

// Book contains the state models and lifecycles of a catalogue, and the built-in models that the catalogue does not
// replace. It is safe for concurrent use.
type Book struct {
	models map[string][]*Model
	cycles map[string][]*lifecycleVersion
	unit   func(class string) (udr.Unit, bool)

	resolved sync.Map // resolvedKey → *Lifecycle
}

type lifecycleVersion struct {
	doc  *lifecycleDoc
	node *diag.Node
}

type resolvedKey struct {
	version   *lifecycleVersion
	model     *Model
	overrides string
}

// Compile compiles documents that Documents defines, and reports all mistakes. unit returns the unit of a usage
// class, and false if the class does not exist; if unit is nil, all classes are allowed. The book contains the
// valid documents.
func Compile(docs []any, unit func(class string) (udr.Unit, bool)) (*Book, diag.List) {
	b := &Book{models: map[string][]*Model{}, cycles: map[string][]*lifecycleVersion{}, unit: unit}
	var l diag.List
	for _, doc := range docs {
		if m, ok := doc.(*modelDoc); ok && m.Name.Value != "" {
			b.models[m.Name.Value] = versioned(b.models[m.Name.Value], compileModel(m, &l), m.Name, "state model", modelSince, &l)
		}
	}
	for _, m := range shippedModels() {
		if b.models[m.Name] == nil {
			b.models[m.Name] = []*Model{m}
		}
	}
	for _, doc := range docs {
		if c, ok := doc.(*lifecycleDoc); ok && c.Name.Value != "" {
			checkName("lifecycle", c.Name, &l)
			b.cycles[c.Name.Value] = versioned(b.cycles[c.Name.Value], &lifecycleVersion{c, c.node}, c.Name, "lifecycle", cycleSince, &l)
		}
	}
	for _, versions := range b.cycles {
		for i, v := range versions {
			b.checkVersion(v, versions[i+1:], &l)
		}
	}
	l.Sort()
	return b, l
}

func modelSince(m *Model) *literal.Since            { return &m.From }
func cycleSince(v *lifecycleVersion) *literal.Since { return &v.doc.From }

// versioned inserts a version of a document, ordered by beginning.
func versioned[T any](list []*T, v *T, name diag.Text, kind string, since func(*T) *literal.Since, l *diag.List) []*T {
	at, twice := slices.BinarySearchFunc(list, since(v).Order(), func(a *T, order int64) int {
		switch o := since(a).Order(); {
		case o < order:
			return -1
		case o > order:
			return 1
		}
		return 0
	})
	if twice {
		when := "is always in force"
		if since(v).Kind != literal.Always {
			when = "begins on " + since(v).Text
		}
		l.Errorf(name.Pos, "%s %s %s twice; give each version a different from", kind, name.Value, when)
		return list
	}
	return slices.Insert(list, at, v)
}

// checkVersion checks a version of a lifecycle against each version of its state model that is in force at the
// same time.
func (b *Book) checkVersion(v *lifecycleVersion, later []*lifecycleVersion, l *diag.List) {
	models, ok := b.models[v.doc.States.Value]
	if !ok {
		l.Errorf(v.doc.States.Pos, "there is no state model %s%s", v.doc.States.Value, orKnown(v.doc.States.Value, b.Models()))
		return
	}
	said := map[string]bool{}
	for i, m := range models {
		over := i+1 < len(models) && models[i+1].From.Order() <= v.doc.From.Order()
		yet := len(later) > 0 && m.From.Order() >= later[0].doc.From.Order()
		if over || yet {
			continue
		}
		c := compiling{list: new(diag.List), unit: b.unit}
		c.lifecycle(v.doc, m)
		for _, d := range *c.list {
			if text := d.Error(); !said[text] {
				said[text] = true
				*l = append(*l, d)
			}
		}
	}
}

// shippedModels returns the built-in models, which every catalogue has.
var shippedModels = sync.OnceValue(func() (models []*Model) {
	files, err := shipped.ReadDir("shipped")
	if err != nil {
		panic(err) // they are embedded
	}
	for _, f := range files {
		text, err := shipped.ReadFile("shipped/" + f.Name())
		if err != nil {
			panic(err)
		}
		var doc modelDoc
		l := diag.Decode(f.Name(), text, &doc, nil)
		models = append(models, compileModel(&doc, &l))
		if len(l) > 0 {
			panic(l.Err()) // a test ensures that they are valid
		}
	}
	return models
})

// Models returns the sorted names of the state models, including the built-in ones.
func (b *Book) Models() []string { return sorted(b.models) }

// States returns the names of the states of all models.
func (b *Book) States() []string {
	names := map[string]bool{}
	for _, versions := range b.models {
		for _, m := range versions {
			for i := range m.States {
				names[m.States[i].Name] = true
			}
		}
	}
	return sorted(names)
}

// Step is a transition of a state model.
type Step struct{ Model, From, To string }

// Steps returns the transitions of the models that lifecycles use, in all versions, sorted.
func (b *Book) Steps() (steps []Step) {
	seen := map[Step]bool{}
	for _, versions := range b.cycles {
		for _, v := range versions {
			for _, m := range b.models[v.doc.States.Value] {
				for s := range m.transitions {
					seen[Step{m.Name, s.from, s.to}] = true
				}
			}
		}
	}
	return slices.SortedFunc(maps.Keys(seen), func(a, b Step) int {
		return cmp.Or(cmp.Compare(a.Model, b.Model), cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To))
	})
}

// Lifecycles returns the sorted names of the lifecycles.
func (b *Book) Lifecycles() []string { return sorted(b.cycles) }

func sorted[T any](m map[string]T) (names []string) {
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Model returns the version of a state model that is in force at a time in a zone.
func (b *Book) Model(name string, at udr.Instant, zone *time.Location) (*Model, bool) {
	return inForce(b.models[name], modelSince, at, zone)
}

// inForce returns the version that began last. If two versions begin at the same time in a zone, it returns the
// one that begins at an instant.
func inForce[T any](versions []*T, since func(*T) *literal.Since, at udr.Instant, zone *time.Location) (v *T, ok bool) {
	var from udr.Instant
	for _, x := range versions {
		s := since(x)
		begins := s.Begins(zone)
		if s.Kind != literal.Always && begins > at {
			continue
		}
		if v == nil || begins > from || begins == from && s.Kind == literal.AtInstant {
			v, from = x, begins
		}
	}
	return v, v != nil
}

// Rules returns the reference to the rules that an account's settings select at a time: the version of the
// lifecycle then in force, and the overrides.
func (b *Book) Rules(s Settings, at udr.Instant, zone *time.Location) (Ref, error) {
	versions, ok := b.cycles[s.Lifecycle]
	if !ok {
		return Ref{}, fmt.Errorf("the catalogue has no lifecycle %s%s", s.Lifecycle, orKnown(s.Lifecycle, b.Lifecycles()))
	}
	v, ok := inForce(versions, cycleSince, at, zone)
	if !ok {
		return Ref{}, fmt.Errorf("lifecycle %s is not yet in force at %s; its first version begins on %s", s.Lifecycle, at,
			versions[0].doc.From.Text)
	}
	return Ref{Lifecycle: s.Lifecycle, Version: v.doc.From.Text, Overrides: s.Overrides}, nil
}

// Resolve returns the rules to which a state that begins at a time refers. If the catalogue no longer has the
// version, it uses the version in force at that time. It returns an error if the catalogue has no such lifecycle at
// all.
func (b *Book) Resolve(ref Ref, at udr.Instant, zone *time.Location) (*Lifecycle, error) {
	versions := b.cycles[ref.Lifecycle]
	i := slices.IndexFunc(versions, func(v *lifecycleVersion) bool { return v.doc.From.Text == ref.Version })
	var v *lifecycleVersion
	if i >= 0 {
		v = versions[i]
	} else if v, _ = inForce(versions, cycleSince, at, zone); v == nil {
		return nil, fmt.Errorf("the catalogue has no lifecycle %s%s", ref.Lifecycle, orKnown(ref.Lifecycle, b.Lifecycles()))
	}
	m, ok := b.Model(v.doc.States.Value, at, zone)
	if !ok {
		return nil, fmt.Errorf("state model %s of lifecycle %s is not in force at %s", v.doc.States.Value, ref.Lifecycle, at)
	}
	key := resolvedKey{v, m, ref.Overrides}
	if c, ok := b.resolved.Load(key); ok {
		return c.(*Lifecycle), nil
	}
	c, l := b.compile(v, m, "overrides of "+ref.Lifecycle, ref.Overrides)
	// A lifecycle in a stored catalogue was valid when the catalogue was stored. Resolve therefore
	// uses the parts that are still valid.
	if err := l.Err(); err != nil && ref.Overrides != "" {
		return nil, fmt.Errorf("lifecycle %s with its overrides is no longer valid: %w", ref.Lifecycle, err)
	}
	b.resolved.Store(key, c)
	return c, nil
}

// compile compiles a version of a lifecycle with overrides. name is the name of the document that contains the
// overrides.
func (b *Book) compile(v *lifecycleVersion, m *Model, name, overrides string) (*Lifecycle, diag.List) {
	c := compiling{list: new(diag.List), unit: b.unit}
	doc := v.doc
	if overrides != "" {
		patch, l := diag.Parse(name, []byte(overrides))
		if patch == nil {
			return nil, l
		}
		d := &diag.Decoder{List: l}
		doc = new(lifecycleDoc)
		d.Decode(patched(v.node, patch), doc)
		*c.list = d.List
	}
	return c.lifecycle(doc, m), *c.list
}

// CheckSettings reads the settings of an account or a SIM, as JSON or YAML, and reports all mistakes in them. It
// checks them against the versions in force at a time in a zone. name is the document's name in messages.
func (b *Book) CheckSettings(name string, text []byte, at udr.Instant, zone *time.Location) (Settings, diag.List) {
	n, l := diag.Parse(name, text)
	if n == nil {
		return Settings{}, l
	}
	s, more := b.ReadSettings(n, at, zone)
	return s, append(l, more...)
}

// ReadSettings is like CheckSettings, for settings that are part of a document.
func (b *Book) ReadSettings(n *diag.Node, at udr.Instant, zone *time.Location) (Settings, diag.List) {
	d := &diag.Decoder{}
	var doc settingsDoc
	d.Decode(n, &doc)
	s := Settings{Lifecycle: doc.Lifecycle.Value, Overrides: canonical(doc.Overrides)}
	l := d.List
	versions, ok := b.cycles[s.Lifecycle]
	v, now := inForce(versions, cycleSince, at, zone)
	switch {
	case s.Lifecycle == "":
	case !ok:
		l.Errorf(doc.Lifecycle.Pos, "the catalogue has no lifecycle %s%s", s.Lifecycle, orKnown(s.Lifecycle, b.Lifecycles()))
	case !now:
		l.Errorf(doc.Lifecycle.Pos, "lifecycle %s is not in force yet at %s; its first version begins on %s", s.Lifecycle, at,
			versions[0].doc.From.Text)
	default:
		l = append(l, b.checkOverrides(v, &doc, at, zone)...)
	}
	l.Sort()
	return s, l
}

// checkOverrides reports mistakes that arise only from the overrides.
func (b *Book) checkOverrides(v *lifecycleVersion, doc *settingsDoc, at udr.Instant, zone *time.Location) (l diag.List) {
	if doc.Overrides == nil || doc.Overrides.Kind == diag.Null {
		return nil
	}
	if doc.Overrides.Kind != diag.Mapping {
		l.Errorf(doc.Overrides.Pos, "overrides is a mapping of a lifecycle's keys, such as { suspend: { max: 30 d } }")
		return l
	}
	patch := *doc.Overrides
	patch.Members = slices.DeleteFunc(slices.Clone(patch.Members), func(p diag.Pair) bool {
		fixed := slices.Contains([]string{"lifecycle", "from", "states"}, p.Key.Text)
		if fixed {
			l.Errorf(p.Key.Pos, "an account cannot override %s; name another lifecycle", p.Key.Text)
		}
		return fixed
	})
	m, ok := b.Model(v.doc.States.Value, at, zone)
	if !ok {
		return l
	}
	d := &diag.Decoder{}
	over := new(lifecycleDoc)
	d.Decode(patched(v.node, &patch), over)
	c := compiling{list: &d.List, unit: b.unit}
	c.lifecycle(over, m)
	for _, found := range d.List {
		if found.Severity == diag.Error || found.Pos.File == doc.Overrides.Pos.File {
			l = append(l, found)
		}
	}
	return l
}

// Example returns the text of a built-in state model.
func Example(model string) string {
	text, err := shipped.ReadFile("shipped/" + model + ".yaml")
	if err != nil {
		return ""
	}
	return string(text)
}

func listed(names []string) string {
	switch len(names) {
	case 0:
		return "nothing"
	case 1:
		return names[0]
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}
