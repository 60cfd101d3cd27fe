package rules

import (
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"ratemill/diag"
	"ratemill/normalize"
	"ratemill/rules/record"
	"ratemill/udr"
)

// Options contains the inputs of compilation other than the Document's text.
type Options struct {
	Name    string
	Columns []string // names of the fields, if the document alone determines them; nil if only a file does
	Typed   bool     // the format has types (JSON): fields may be numbers, lists or maps
	Zone    string   // IANA time zone of times without one
	ZonePos diag.Pos
	At      diag.Pos // position at which the document begins
	Classes Classes
	Shared  map[string]diag.At[[]Entry] // entries included by `use`

	Stored     bool                                        // accepted by this or an earlier version; files begun with it are being finished
	TableFile  func(name string, most int) ([]byte, error) // reads a table's file in the project; nil without a project
	MostUsages int                                         // largest number of usage records for one record, 0 for any number
}

// Program is a compiled Document. It never changes; each goroutine runs it with its own Runner.
type Program struct {
	name        string
	layout      record.Layout
	scope       *scope
	tableFiles  map[string][]byte // by name
	filters     []*filter
	lets        []*variable
	fans        []*expression
	fanNames    []string
	times       Times
	mostUsages  int
	steps       []mapStep
	duplicate   []*expression
	session     []*expression
	sets        map[string]diag.Pos // fields, each with the position of the first entry that sets it
	classes     Classes
	branches    []Branch
	exprs       []*expression
	kept        []int // indexes in udr.Fields of the values in Runner.outs
	required    []int
	sharedCalls int
	dispatches  []*dispatch
	shared      []string // names of the shared rules and of the classes that the program uses
}

type filter struct {
	cond   *expression
	drop   bool // if true, the record is dropped when the condition holds; if false, when it does not hold
	name   string
	branch int
}

// mapStep is an unconditional action or a chain.
type mapStep struct {
	always    *action
	chain     []*action
	otherwise *action
	table     *table
	at        diag.Pos
	branch    int // the branch to count if no condition of a chain holds
}

type action struct {
	cond    *expression
	name    string
	class   *expression
	sets    []assignment
	suspend *template
	drop    string
	skip    bool // otherwise: continue
	branch  int
}

type assignment struct {
	expr   *expression
	field  int // index in udr.Fields, or -1
	attr   string
	name   string
	adapts bool // the expression is a number literal, which takes the unit of the class
	into   *udr.Field
	keeps  bool // in Runner.outs
	note   int  // number of the note for a field that keeps the text if its expression fails, otherwise 0
}

// template is a text with expressions in it.
type template struct {
	texts []string // the texts around exprs, so one more than exprs
	exprs []*expression
	text  diag.Text
}

var plainWord = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

// Compile checks a document and compiles it to a program; it adds all errors to l. The program is nil if there are
// errors.
func Compile(doc *Document, o Options, l *diag.List) *Program {
	before := l.Errors()
	if o.Classes == nil {
		o.Classes = StandardClasses()
	}
	p := &Program{name: o.Name, classes: o.Classes, mostUsages: o.MostUsages, times: doc.Times}
	p.scope = &scope{layout: &p.layout, columns: o.Columns, typed: o.Typed, outputs: map[string]int{}, used: map[string]diag.Pos{},
		tables: map[string]map[string]string{}}
	if o.Zone != "" {
		z, err := loadZone(o.Zone)
		if err != nil {
			at := o.ZonePos
			if e, ok := err.(*normalize.Error); ok {
				l.Errorf(at, "unknown zone %s: %s", o.Zone, e.Reason)
			} else {
				l.Errorf(at, "unknown zone %s: %v", o.Zone, err)
			}
		}
		p.scope.zone = z
	}
	c := &compiler{Program: p, list: l, options: o}
	c.tables(doc)
	c.fan(doc)
	c.lets(doc)
	c.filters(doc)
	c.keepText(doc)
	c.entries(doc)
	c.duplicates(doc)
	c.sessions(doc)
	c.unused()
	if l.Errors() > before {
		return nil
	}
	p.compile(p.exprs)
	return p
}

// compile creates closures from checked expressions, and tables from chains.
func (p *Program) compile(exprs []*expression) {
	p.sharedCalls = share(exprs)
	p.dispatches = dispatches(exprs)
	for _, d := range p.dispatches {
		if d.slot < 0 {
			d.eval = compile(d.subject)
		}
	}
	for _, e := range exprs {
		e.compile()
	}
	p.keep(exprs)
	for i := range p.steps {
		p.steps[i].table = newTable(p.steps[i].chain, !p.scope.typed)
	}
}

// keep returns the fields of the usage record that must be kept as values: those that expressions read with out,
// and those that are checked at the end (clearing and copying all fields took 60 ns per record).
func (p *Program) keep(exprs []*expression) {
	kept := make([]bool, len(udr.Fields()))
	for i, f := range udr.Fields() {
		if f.Required {
			kept[i] = true
			p.required = append(p.required, i)
		}
	}
	kept[peerField] = true
	for _, e := range exprs {
		for _, t := range e.terms {
			if t.op == opOut {
				kept[t.index] = true
			}
		}
	}
	for i, k := range kept {
		if k {
			p.kept = append(p.kept, i)
		}
	}
	for _, s := range p.steps {
		for _, a := range append(slices.Clone(s.chain), s.always, s.otherwise) {
			for i := 0; a != nil && i < len(a.sets); i++ {
				if set := &a.sets[i]; set.field >= 0 {
					set.keeps, set.into = kept[set.field], &udr.Fields()[set.field]
				}
			}
		}
	}
}

// Layout returns the slots of the fields that the program reads.
func (p *Program) Layout() *record.Layout { return &p.layout }

// Uses returns the names of the shared rules and classes that the program uses; it returns all of them if an
// expression determines the class.
func (p *Program) Uses() []string { return p.shared }

// ReadsFileName reports whether the file's name affects a record. A name that is only stored, as the session or
// in an attribute, does not affect the record.
func (p *Program) ReadsFileName() bool { return p.scope.fileRead }

// Fields returns the fields that the rules read, with the position of the first use.
func (p *Program) Fields() map[string]diag.Pos { return p.scope.used }

// Sets reports whether an entry sets a field of the usage record, or an attribute such as attr.rat.
func (p *Program) Sets(name string) bool { return p.sets[name].File != nil }

// compiler compiles a Document to a Program.
type compiler struct {
	*Program
	list    *diag.List
	options Options
	using   []string // shared rules that are being expanded
	known   string   // the class that the current entry sets, if it is a constant
	keeping map[string]*keeping
}

func (c *compiler) check(text diag.Text, what string, want Kind) *expression {
	e := c.scope.check(text, what, c.list)
	if e == nil {
		return nil
	}
	if want != Nothing && e.top.typ.Kind != want {
		if want == Bool {
			c.list.Errorf(e.top.pos(), "%s needs a condition, not %s", what, article(e.top.typ))
		} else {
			c.list.Errorf(e.top.pos(), "%s needs %s, not %s", what, article(Type{Kind: want}), article(e.top.typ))
		}
		return nil
	}
	c.exprs = append(c.exprs, e)
	return e
}

// keeping is a field that keeps the text if its expression fails.
type keeping struct {
	at  diag.Pos
	set bool
}

// keepText records the fields that keep their text, and refuses fields that cannot or must not.
func (c *compiler) keepText(doc *Document) {
	c.keeping = map[string]*keeping{}
	for _, t := range doc.KeepText {
		i, ok := udr.FieldByName(t.Value)
		switch {
		case strings.HasPrefix(t.Value, "attr."):
		case !ok:
			c.list.Errorf(t.Pos, "the usage record has no field %s", t.Value)
		case udr.Fields()[i].Type != udr.TextField && udr.Fields()[i].Type != udr.PeerField:
			c.list.Errorf(t.Pos, "%s cannot keep a text: it is %s, and the charge may depend on it; write try(…, otherwise) where it "+
				"is set", t.Value, article(Type{Kind: kindOfField(udr.Fields()[i])}))
		}
		c.keeping[t.Value] = &keeping{at: t.Pos}
	}
}

func (c *compiler) tables(doc *Document) {
	for _, t := range doc.Tables {
		c.newName(t.Key, "table")
		c.scope.tables[t.Key.Value] = t.Value.entries(t.Key, c)
	}
}

// newName checks that a name is valid and new.
func (c *compiler) newName(t diag.Text, what string) {
	switch {
	case !regexpName.MatchString(t.Value):
		c.list.Errorf(t.Pos, "a %s is named by letters, digits and _", what)
	case reservedWords[t.Value]:
		c.list.Errorf(t.Pos, "%s has another meaning in rules; choose another name", t.Value)
	}
}

var (
	regexpName    = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	reservedWords = map[string]bool{"out": true, "file": true, "record": true, "and": true, "or": true, "not": true, "in": true,
		"true": true, "false": true, "nil": true, "let": true, "if": true, "else": true, "matches": true, "contains": true,
		"startsWith": true, "endsWith": true, "name": false}
)

func (c *compiler) fan(doc *Document) {
	for _, f := range doc.Fan {
		if e := c.check(f.Over, "over", Nothing); e != nil {
			switch e.top.typ.Kind {
			case List:
				c.fans = append(c.fans, e)
			case Field:
				k := &checker{scope: c.scope, list: c.list, expr: e}
				e.top = k.asList(e.top)
				c.fans = append(c.fans, e)
			default:
				c.list.Errorf(e.top.pos(), "over needs a list, not %s", article(e.top.typ))
			}
			if want := len(c.fans); e.level < want-1 {
				c.list.Errorf(e.top.pos(), "the second level goes over a list of the first: %s.…", c.fanNames[len(c.fanNames)-1])
			}
		}
		c.newName(f.As, "element")
		c.fanNames = append(c.fanNames, f.As.Value)
		c.scope.elements = append(c.scope.elements, f.As.Value)
	}
}

func (c *compiler) lets(doc *Document) {
	for _, e := range doc.Let {
		c.newName(e.Key, "variable")
		if c.options.Columns != nil {
			for _, col := range c.options.Columns {
				if col == e.Key.Value {
					c.list.Errorf(e.Key.Pos, "%s is already a column; give the variable another name", col)
				}
			}
		}
		v := &variable{name: e.Key.Value, index: len(c.Program.lets)}
		v.expr = c.check(e.Value, "let "+v.name, Nothing)
		v.at = e.Key.Pos
		c.Program.lets = append(c.Program.lets, v)
		c.scope.lets = c.Program.lets
	}
}

func (c *compiler) branch(kind, name string, at diag.Pos) int {
	c.branches = append(c.branches, Branch{Kind: kind, Name: name, Pos: at})
	return len(c.branches) - 1
}

func (c *compiler) filters(doc *Document) {
	for _, f := range doc.Filter {
		text, what, drop := f.Drop, "drop", true
		if !f.Keep.IsZero() {
			text, what, drop = f.Keep, "keep", false
		}
		if text.IsZero() {
			continue
		}
		e := c.check(text, what, Bool)
		if e == nil {
			continue
		}
		name := f.Name
		if name == "" {
			name = oneLine(text.Value)
			if !drop {
				name = "not " + name
			}
		}
		c.Program.filters = append(c.Program.filters, &filter{cond: e, drop: drop, name: name, branch: c.branch(what, name, text.Pos)})
	}
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

func (c *compiler) duplicates(doc *Document) {
	if doc.Duplicate == nil {
		return
	}
	if len(doc.Duplicate.Key) == 0 && !c.list.HasErrors() {
		c.list.Errorf(c.options.At, "duplicate: key needs at least one expression")
	}
	for _, k := range doc.Duplicate.Key {
		e := c.check(k, "duplicate key", Nothing)
		if e == nil {
			continue
		}
		if e.top.typ.Kind == List {
			c.list.Errorf(e.top.pos(), "a list cannot be a part of the key")
			continue
		}
		c.duplicate = append(c.duplicate, e)
	}
}

// unused warns of variables that nothing reads, and of fields in keep_text that nothing sets.
func (c *compiler) unused() {
	for name, k := range c.keeping {
		if !k.set && !c.list.HasErrors() {
			c.list.Warnf(k.at, "no entry of map sets %s", name)
		}
	}
	for _, v := range c.Program.lets {
		if !v.used && v.expr != nil && !c.list.HasErrors() {
			c.list.Warnf(v.at, "nothing uses %s", v.name)
		}
	}
}

// templateOf reads a text that contains {expressions}; {{ stands for { itself.
func (c *compiler) templateOf(text diag.Text) *template {
	t := &template{text: text}
	var plain strings.Builder
	for rest := text.Value; ; {
		before, after, found := strings.Cut(rest, "{")
		plain.WriteString(before)
		if !found {
			t.texts = append(t.texts, plain.String())
			return t
		}
		if strings.HasPrefix(after, "{") {
			plain.WriteByte('{')
			rest = after[1:]
			continue
		}
		offset := utf8.RuneCountInString(text.Value) - utf8.RuneCountInString(after)
		inner, tail, closed := strings.Cut(after, "}")
		if !closed {
			c.list.Errorf(text.Sub(offset-1, 1), "{ without }; write {{ for the character itself")
			return t
		}
		if e := c.check(text.Part(offset, inner), "suspend", Nothing); e != nil {
			t.texts = append(t.texts, plain.String())
			t.exprs = append(t.exprs, e)
			plain.Reset()
		}
		rest = tail
	}
}
