package rules

import (
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"

	"ratemill/diag"
	"ratemill/udr"
)

// Language is the language of conditions outside a source's rules, such as the conditions of prices. It is the
// language of rules, except that a condition reads words, whose values the caller supplies, instead of a
// record's fields. Conditions of one Language share the slots of their words.
type Language struct {
	words  []Word
	stored bool // the conditions were accepted earlier, so an error found by a newer rule is only a warning
	scope  scope
	inputs []Input
	slots  map[inputKey]int
}

// Word is a name that conditions may read.
type Word struct {
	Name    string   // such as apn or sim.state; a name that ends in a dot stands for all names that begin with it: attr.
	Type    Type     // for Quantity, the unit is that of the usage class
	Values  []string // the only values that the word can have; nil for any value
	Doc     string
	Example string
}

// Input is a word that at least one condition reads.
type Input struct {
	*Word
	Key  string // for a word that ends in a dot: the rest of the name
	Type Type
	full string
}

// Full returns the input's name as conditions contain it.
func (i *Input) Full() string { return i.full }

type inputKey struct {
	name string
	typ  Type
}

// NewLanguage returns the language with the given words.
func NewLanguage(words []Word) *Language {
	l := &Language{words: words, slots: map[inputKey]int{}}
	l.scope = scope{used: map[string]diag.Pos{}, outputs: map[string]int{}, language: l}
	return l
}

// Stored records that an earlier version accepted the conditions, so errors found by newer rules are only
// warnings.
func (l *Language) Stored() { l.stored = true }

// Inputs returns the words that the conditions compiled so far read, by slot.
func (l *Language) Inputs() []Input { return l.inputs }

// Condition is a checked and compiled condition. It never changes.
type Condition struct {
	e     *expression
	text  string
	reads []int
}

// Condition checks and compiles a condition about usage with quantities in a unit, and adds all mistakes to the list.
// It returns nil if there are any. what is the condition's key for messages, such as when.
func (l *Language) Condition(text diag.Text, what string, unit udr.Unit, list *diag.List) *Condition {
	s := l.scope
	s.unit = unit
	e := s.check(text, what, list)
	if e == nil {
		return nil
	}
	if e.top.typ.Kind != Bool {
		list.Errorf(e.top.pos(), "%s needs a condition, not %s", what, article(e.top.typ))
		return nil
	}
	c := &Condition{e: e, text: oneLine(text.Value)}
	for _, t := range e.terms {
		if t.op == opOut && !slices.Contains(c.reads, t.index) {
			c.reads = append(c.reads, t.index)
		}
	}
	if !l.allowed(c, list) {
		return nil
	}
	e.compile()
	return c
}

// Text returns the condition on one line.
func (c *Condition) Text() string { return c.text }

// Pos returns the position of the condition.
func (c *Condition) Pos() diag.Pos { return c.e.text.Pos }

// Reads returns the slots of the words that the condition reads, each once. The caller must not change the
// result.
func (c *Condition) Reads() []int { return c.reads }

// input resolves a name of a condition.
func (c *checker) input(name string, at span) *term {
	l := c.language
	for i := range l.words {
		w := &l.words[i]
		key, open := "", strings.HasSuffix(w.Name, ".")
		if open {
			var below bool
			if key, below = strings.CutPrefix(name, w.Name); !below || key == "" {
				continue
			}
		} else if w.Name != name {
			continue
		}
		typ := w.Type
		if typ.Kind == Quantity && w.Type.Unit == unknownUnit {
			if typ.Unit = c.unit; typ.Unit == unknownUnit {
				return c.errorf(at, "the unit of %s is unknown: no price of the class defines it; write a price per unit, as in 0.10 / 1 MB", name)
			}
		}
		id := inputKey{name, typ}
		slot, ok := l.slots[id]
		if !ok {
			slot = len(l.inputs)
			l.slots[id] = slot
			l.inputs = append(l.inputs, Input{Word: w, Key: key, Type: typ, full: name})
		}
		return c.add(&term{op: opOut, typ: typ, at: at, name: name, index: slot})
	}
	return c.unknownWord(name, at)
}

// unknownUnit is literal.AnyUnit: the unit is not known.
const unknownUnit udr.Unit = 255

func (c *checker) unknownWord(name string, at span) *term {
	if functions[name] != nil {
		return c.errorf(at, "unknown name %s; to call the function, write %s(…)", name, name)
	}
	var names, ends []string
	for _, w := range c.language.words {
		names = append(names, strings.TrimSuffix(w.Name, "."))
		if _, end, ok := strings.Cut(w.Name, "."); ok && end == name {
			ends = append(ends, w.Name)
		}
	}
	switch {
	case slices.Contains(names, name):
		return c.errorf(at, "%s is followed by a dot and a name, as in %s.colour", name, name)
	case len(ends) > 0:
		return c.errorf(at, "unknown name %s; write %s", name, strings.Join(ends, " or "))
	}
	hint := diag.Suggest(name, names)
	if slices.Contains(names, "attr") && !strings.Contains(name, ".") {
		hint += "; write attr." + name + " for what rules set as attr." + name
	}
	return c.errorf(at, "unknown name %s%s", name, hint)
}

// dotted returns a.b.c as one name, and false if the node is something else.
func dotted(n ast.Node) (string, bool) {
	switch n := n.(type) {
	case *ast.IdentifierNode:
		return n.Value, true
	case *ast.ChainNode:
		return dotted(n.Node)
	case *ast.MemberNode:
		key, ok := n.Property.(*ast.StringNode)
		if !ok {
			return "", false
		}
		base, ok := dotted(n.Node)
		return base + "." + key.Value, ok
	}
	return "", false
}

// Values contains the values of the words of a Language, by slot, and evaluates conditions on them. It is not safe
// for concurrent use.
type Values struct{ r *Runner }

// Values returns empty values for the conditions compiled so far.
func (l *Language) Values() *Values {
	return &Values{&Runner{p: &Program{}, outs: make([]value, len(l.inputs)), stack: make([]value, 0, 16)}}
}

// SetText sets the value of a word with a textual value: a text, a network, a country or a phone number.
func (v *Values) SetText(slot int, kind Kind, text string) {
	v.r.outs[slot] = value{kind: kind, s: text}
}

// SetInt sets the value of a word that is a number, a time or a condition; for a condition, 1 means
// that it holds.
func (v *Values) SetInt(slot int, t Type, n int64) {
	v.r.outs[slot] = value{kind: t.Kind, aux: uint8(t.Unit), n: n}
}

// SetAbsent marks a word as having no value.
func (v *Values) SetAbsent(slot int) { v.r.outs[slot] = value{} }

// Show returns the value of a word for display.
func (v *Values) Show(slot int) string { return v.r.outs[slot].String() }

// Holds reports whether a condition holds for the values of its words. The error is a *udr.SuspendError: the
// condition compared a word that has no value, or a function refused a value.
func (v *Values) Holds(c *Condition) (bool, error) {
	r := v.r
	r.buf, r.stack, r.failed = r.buf[:0], r.stack[:0], failure{}
	holds := c.e.test(r)
	if r.failed.term != nil {
		return false, r.suspendError()
	}
	return holds, nil
}

// TypeOfField returns the type of a field of the usage record. The type has no unit if the usage class determines
// it.
func TypeOfField(f udr.Field) Type {
	t, _ := typeOfField(f)
	return t
}
