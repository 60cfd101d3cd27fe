package rating

import (
	"maps"
	"slices"

	"ratemill/diag"
)

// Kind is a kind of catalogue document that another package owns, such as the gates of onboarding. Its documents are in
// the catalogue's folder, are checked and versioned with it, and are stored in its bundle. No price depends on these
// documents, but a LateBound may suspend late usage.
type Kind struct {
	// Key identifies the kind's documents: a document that contains the key is of this kind. The value of
	// the key is the document's name and the first field of the struct that Key.New returns.
	diag.Key
	// Compile converts all documents of the kind, in the order of their files, into the form that their owner uses,
	// and reports all mistakes at once. The documents are the values that Key.New returned, filled in as far as
	// they are valid. Compile is called even if there are no documents. The catalogue then contains everything
	// of rating and the compiled documents of the kinds before this one.
	Compile func(docs []any, c *Catalogue) (compiled any, list diag.List)
}

// foreign holds the documents of a kind in a catalogue.
type foreign struct {
	docs     []any
	compiled any
	list     diag.List // errors in a stored catalogue that do not prevent opening it
}

// Of returns the result of Kind.Compile for a kind's documents. ok is false unless the catalogue was loaded or opened
// with this kind. A stored catalogue was accepted once, but its documents may break a rule that ratemill added later.
// In that case list has the errors, and compiled has the documents as far as they are valid.
func (c *Catalogue) Of(key string) (compiled any, list diag.List, ok bool) {
	f, ok := c.foreign[key]
	if !ok {
		return nil, nil, false
	}
	return f.compiled, f.list, true
}

// Kinds returns the sorted keys of the kinds of documents with which the catalogue was loaded, apart from rating's
// own.
func (c *Catalogue) Kinds() []string { return slices.Sorted(maps.Keys(c.foreign)) }

// readForeign decodes a document of another package, if its key identifies one.
func (c *compiler) readForeign(n *diag.Node, key string) bool {
	f, ok := c.foreign[key]
	if !ok {
		return false
	}
	k := &c.kinds[slices.IndexFunc(c.kinds, func(k Kind) bool { return k.Name == key })]
	d := &diag.Decoder{}
	doc := k.New()
	d.Decode(n, doc)
	f.docs = append(f.docs, doc)
	c.foundForeign(f, d.List)
	return true
}

// compileForeign compiles the documents of each kind, in the order of the kinds.
func (c *compiler) compileForeign() {
	for i := range c.kinds {
		k := &c.kinds[i]
		f := c.foreign[k.Name]
		compiled, list := k.Compile(f.docs, c.Catalogue)
		f.compiled, f.docs = compiled, nil
		c.foundForeign(f, list)
	}
	c.findLateBounds()
}

// foundForeign records the mistakes in a kind's documents. Mistakes in a stored catalogue do not prevent rating from
// opening it.
func (c *compiler) foundForeign(f *foreign, list diag.List) {
	if c.stored {
		f.list = append(f.list, list...)
		return
	}
	c.list = append(c.list, list...)
}
