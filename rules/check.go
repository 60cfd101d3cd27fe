package rules

import (
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/expr-lang/expr/ast"

	"ratemill/decimal"
	"ratemill/diag"
	"ratemill/rules/record"
	"ratemill/udr"
)

// scope gives the meaning of names in an expression.
type scope struct {
	layout    *record.Layout
	columns   []string // names of the record's fields, if known before a file is opened
	typed     bool     // the format has types: a field is a Field instead of a Text
	lets      []*variable
	tables    map[string]map[string]string
	elements  []string       // names of the fan-out's elements, the outermost first
	outputs   map[string]int // fields of the usage record that are set so far, with their index
	fileOnly  bool           // only the file's name can be read
	fileRead  bool           // the file's name affects records
	zone      *zone
	used      map[string]diag.Pos // fields of the record that are read, each with its first position
	fallbacks []string            // notes of expressions that have a fallback

	language *Language // for a condition outside of rules, whose only names are the words of this language
	unit     udr.Unit  // of quantities there
}

type variable struct {
	name  string
	expr  *expression
	index int
	used  bool
	at    diag.Pos
}

// checker converts the syntax tree of one expression to terms.
type checker struct {
	*scope
	list  *diag.List
	expr  *expression
	depth int // of predicates
}

// check reads an expression; if it has errors, it returns nil and adds them to l.
func (s *scope) check(text diag.Text, what string, l *diag.List) *expression {
	node, named := parse(text, l)
	if node == nil {
		return nil
	}
	e := &expression{text: text, what: what, named: named}
	c := &checker{scope: s, list: l, expr: e}
	e.top = c.term(node)
	if e.top == nil {
		return nil
	}
	seen := map[string]bool{}
	for _, t := range e.terms {
		switch t.op {
		case opField, opLet, opElement, opOut, opMember, opFileName:
			if text := t.source(); !seen[text] && !strings.HasPrefix(text, ".") {
				seen[text] = true
				e.reads = append(e.reads, t)
			}
		}
	}
	return e
}

// errorf reports an error at a piece of the expression.
func (c *checker) errorf(at span, format string, args ...any) *term {
	c.list.Errorf(c.expr.text.Sub(at.from, at.to-at.from), format, args...)
	return nil
}

func (c *checker) add(t *term) *term { return c.expr.add(t) }

// term checks a node; it returns nil if the node has errors.
func (c *checker) term(n ast.Node) *term {
	at := spanOf(n)
	switch n := n.(type) {
	case *ast.StringNode:
		return c.add(&term{op: opConst, typ: Type{Kind: Text}, at: at, value: textValue(n.Value)})
	case *ast.IntegerNode:
		return c.add(&term{op: opConst, typ: Type{Kind: Int}, at: at, value: intValue(int64(n.Value)), literal: true})
	case *ast.FloatNode:
		return c.number(at)
	case *ast.BoolNode:
		return c.add(&term{op: opConst, typ: Type{Kind: Bool}, at: at, value: boolValue(n.Value)})
	case *ast.NilNode:
		return c.errorf(at, "there is no nil; absent(x) tests whether x has a value")
	case *ast.IdentifierNode:
		return c.name(n.Value, at)
	case *ast.ChainNode:
		return c.term(n.Node)
	case *ast.MemberNode:
		return c.member(n, at)
	case *ast.SliceNode:
		return c.slice(n, at)
	case *ast.UnaryNode:
		return c.unary(n, at)
	case *ast.BinaryNode:
		return c.binary(n, at)
	case *ast.ConditionalNode:
		return c.choose(n, at)
	case *ast.CallNode:
		return c.call(n, at)
	case *ast.BuiltinNode:
		return c.predicate(n, at)
	case *ast.PointerNode:
		if n.Name != "" {
			return c.errorf(at, "#%s is unknown; # is the element", n.Name)
		}
		return c.add(&term{op: opPointer, typ: Type{Kind: Field}, at: at})
	case *ast.ArrayNode:
		return c.errorf(at, "a list may only follow in, as in x in [\"a\", \"b\"]")
	case *ast.VariableDeclaratorNode:
		return c.errorf(at, "define variables under let: in the document, not within an expression")
	case *ast.SequenceNode:
		return c.errorf(at, "one expression only; ; is not used")
	}
	return c.errorf(at, "this is not used in rules")
}

// number parses a decimal from its digits, because a float would be inexact.
func (c *checker) number(at span) *term {
	text := string([]rune(c.expr.text.Value)[at.from:min(at.to, utf8.RuneCountInString(c.expr.text.Value))])
	d, err := decimal.Parse(strings.ReplaceAll(text, "_", ""))
	if err != nil {
		return c.errorf(at, "%v", err)
	}
	return c.add(&term{op: opConst, typ: Type{Kind: Decimal}, at: at, value: decimalValue(d), literal: true})
}

// name resolves a word: an element of the fan-out, then a variable, then a field of the record.
func (c *checker) name(name string, at span) *term {
	if c.language != nil {
		return c.input(name, at)
	}
	for i := len(c.elements) - 1; i >= 0; i-- {
		if c.elements[i] == name {
			return c.add(&term{op: opElement, typ: Type{Kind: Field}, at: at, name: name, index: i, level: i + 1})
		}
	}
	for _, v := range c.lets {
		if v.name == name {
			v.used = true
			if v.expr == nil {
				return nil // the error in the name itself was reported
			}
			return c.add(&term{op: opLet, typ: v.expr.top.typ, at: at, name: name, index: v.index, level: v.expr.level})
		}
	}
	if c.fileOnly {
		if name == "name" {
			c.readsFileName()
			return c.add(&term{op: opFileName, typ: Type{Kind: Text}, at: at, name: "file.name"})
		}
		return c.errorf(at, "unknown name %s; only the file's name is known here, as in name[4:10]", name)
	}
	switch name {
	case "out", "file", "record":
		if !slices.Contains(c.columns, name) {
			return c.errorf(at, "%s is followed by a dot and a name, as in %s", name, map[string]string{"out": "out.network", "file": "file.name",
				"record": "record.imsi"}[name])
		}
	}
	if c.columns != nil && !slices.Contains(c.columns, name) {
		return c.unknownName(name, at)
	}
	return c.field(name, at)
}

func (c *checker) unknownName(name string, at span) *term {
	if _, ok := c.outputs[name]; ok {
		return c.errorf(at, "unknown field %s; to read the field set by an earlier entry, write out.%s", name, name)
	}
	if _, ok := c.tables[name]; ok {
		return c.errorf(at, "%s is a table; look a value up with %s[field]", name, name)
	}
	if functions[name] != nil && diag.Closest(name, c.columns) == "" {
		return c.errorf(at, "unknown field %s; to call the function, write %s(…)", name, name)
	}
	var names []string
	names = append(names, c.columns...)
	for _, v := range c.lets {
		names = append(names, v.name)
	}
	names = append(names, c.elements...)
	return c.errorf(at, "unknown field %s%s", name, diag.Suggest(name, names))
}

func (c *checker) field(path string, at span) *term {
	if _, ok := c.used[path]; !ok {
		c.used[path] = c.expr.text.Sub(at.from, at.to-at.from)
	}
	t := Type{Kind: Text}
	if c.typed {
		t.Kind = Field
	}
	return c.add(&term{op: opField, typ: t, at: at, name: path, index: c.layout.Slot(path)})
}

// readsFileName records that the file's name affects a record. It does not if it is only stored with the usage.
func (c *checker) readsFileName() {
	if c.expr.what != "set session" && !strings.HasPrefix(c.expr.what, "set attr.") {
		c.fileRead = true
	}
}

// member reads a.b: a path in the record, a member of an element, out.x, file.name, or an entry of a table or
// list.
func (c *checker) member(n *ast.MemberNode, at span) *term {
	if c.language != nil {
		if name, ok := dotted(n); ok {
			return c.input(name, at)
		}
	}
	if key, ok := n.Property.(*ast.StringNode); ok {
		if base, ok := n.Node.(*ast.IdentifierNode); ok && !c.shadowed(base.Value) {
			switch base.Value {
			case "out":
				return c.out(key.Value, at)
			case "file":
				if key.Value == "name" {
					c.readsFileName()
					return c.add(&term{op: opFileName, typ: Type{Kind: Text}, at: at, name: "file.name"})
				}
				return c.errorf(spanOf(key), "a file has only a name: file.name")
			case "record":
				if c.columns != nil && !slices.Contains(c.columns, key.Value) {
					return c.unknownName(key.Value, spanOf(key))
				}
				if c.typed {
					return c.field(record.Name(key.Value), at)
				}
				return c.field(key.Value, at)
			}
		}
		if path, ok := c.path(n); ok {
			return c.field(path, at)
		}
	}
	if base, ok := n.Node.(*ast.IdentifierNode); ok && c.tables[base.Value] != nil && !c.shadowed(base.Value) {
		key := c.text(n.Property)
		if key == nil {
			return nil
		}
		return c.add(&term{op: opLookup, typ: Type{Kind: Text}, at: at, args: []*term{key}, name: base.Value, table: c.tables[base.Value]})
	}
	base := c.term(n.Node)
	if base == nil {
		return nil
	}
	if key, ok := n.Property.(*ast.StringNode); ok {
		if base.typ.Kind != Field {
			return c.errorf(at, "%s is %s and has no member %s", base.source(), article(base.typ), key.Value)
		}
		return c.add(&term{op: opMember, typ: Type{Kind: Field}, at: at, args: []*term{base}, name: key.Value})
	}
	index := c.term(n.Property)
	if index == nil {
		return nil
	}
	if index.typ.Kind != Int {
		return c.errorf(index.at, "an index is an int, not %s", article(index.typ))
	}
	if base = c.asList(base); base == nil {
		return nil
	}
	return c.add(&term{op: opIndex, typ: Type{Kind: Field}, at: at, args: []*term{base, index}})
}

func (c *checker) shadowed(name string) bool {
	return slices.Contains(c.elements, name) || slices.Contains(c.columns, name) ||
		slices.ContainsFunc(c.lets, func(v *variable) bool { return v.name == name })
}

// path returns a.b.c as one path of the record, if a has no other meaning. record.a.b is the same path as a.b.
func (c *checker) path(n *ast.MemberNode) (string, bool) {
	key, ok := n.Property.(*ast.StringNode)
	if !ok || !c.typed {
		return "", false
	}
	base := n.Node
	if chain, ok := base.(*ast.ChainNode); ok {
		base = chain.Node
	}
	switch base := base.(type) {
	case *ast.IdentifierNode:
		switch {
		case c.shadowed(base.Value) && !slices.Contains(c.columns, base.Value), c.tables[base.Value] != nil, base.Value == "out",
			base.Value == "file":
			return "", false
		case base.Value == "record":
			return record.Name(key.Value), true
		}
		return record.Name(base.Value) + "." + record.Name(key.Value), true
	case *ast.MemberNode:
		path, ok := c.path(base)
		return path + "." + record.Name(key.Value), ok
	}
	return "", false
}

func (c *checker) out(name string, at span) *term {
	name = strings.TrimPrefix(name, "attr.")
	i, ok := c.outputs[name]
	if !ok {
		if _, known := udr.FieldByName(name); known {
			hint := ""
			if name == "country" {
				hint = "; the country that follows from the network is country(out.network)"
			}
			return c.errorf(at, "no earlier entry sets out.%s%s", name, hint)
		}
		return c.errorf(at, "unknown field %s of the usage record%s", name, diag.Suggest(name, slices.Collect(maps.Keys(c.outputs))))
	}
	f := udr.Fields()[i]
	t, ok := typeOfField(f)
	if !ok {
		return c.errorf(at, "out.%s cannot be read, since its unit depends on the class; name the value under let", name)
	}
	return c.add(&term{op: opOut, typ: t, at: at, name: name, index: i, level: len(c.elements)})
}

// text checks a node that must be a text, and converts a Field.
func (c *checker) text(n ast.Node) *term {
	t := c.term(n)
	if t == nil {
		return nil
	}
	if t = c.asText(t); t.typ.Kind != Text {
		return c.errorf(t.at, "a text is expected here, not %s; text(x) converts it", article(t.typ))
	}
	return t
}

func (c *checker) asText(t *term) *term {
	if t.typ.Kind == Field {
		return c.add(&term{op: opText, typ: Type{Kind: Text}, at: t.at, args: []*term{t}})
	}
	return t
}

func (c *checker) asList(t *term) *term {
	switch t.typ.Kind {
	case List:
		return t
	case Field:
		return c.add(&term{op: opList, typ: Type{Kind: List}, at: t.at, args: []*term{t}})
	}
	return c.errorf(t.at, "%s is %s, not a list", t.source(), article(t.typ))
}

func (c *checker) slice(n *ast.SliceNode, at span) *term {
	base := c.text(n.Node)
	bound := func(n ast.Node, otherwise int64) *term {
		if n == nil {
			return c.add(&term{op: opConst, typ: Type{Kind: Int}, at: at, value: intValue(otherwise)})
		}
		t := c.term(n)
		if t != nil && t.typ.Kind != Int {
			return c.errorf(t.at, "a place in a text is an int, not %s", article(t.typ))
		}
		return t
	}
	from, to := bound(n.From, 0), bound(n.To, 1<<31)
	if base == nil || from == nil || to == nil {
		return nil
	}
	return c.add(&term{op: opSlice, typ: Type{Kind: Text}, at: at, args: []*term{base, from, to}})
}

// countOption returns the named argument in count(text, signed: true), which the parser takes for the condition in
// count(list, condition).
func (c *checker) countOption(n *ast.BuiltinNode) ast.Node {
	if n.Name != "count" || len(n.Arguments) != 2 {
		return nil
	}
	if p, ok := n.Arguments[1].(*ast.PredicateNode); ok {
		if b, ok := p.Node.(*ast.BinaryNode); ok && c.expr.named[b.Location().From] {
			return b
		}
	}
	return nil
}

func (c *checker) predicate(n *ast.BuiltinNode, at span) *term {
	word := span{n.Location().From, max(n.Location().To, n.Location().From+len(n.Name))}
	if n.Name == "count" && len(n.Arguments) == 1 {
		return c.function(n.Name, word, n.Arguments, at)
	}
	if option := c.countOption(n); option != nil {
		return c.function(n.Name, word, []ast.Node{n.Arguments[0], option}, at)
	}
	if !predicates[n.Name] {
		return c.errorf(word, "unknown function %s%s", n.Name, diag.Suggest(n.Name, functionNames()))
	}
	if c.depth++; c.depth > 2 {
		return c.errorf(word, "at most two lists may be nested")
	}
	defer func() { c.depth-- }()
	list := c.term(n.Arguments[0])
	if list == nil {
		return nil
	}
	if list = c.asList(list); list == nil {
		return nil
	}
	if len(n.Arguments) < 2 {
		return c.errorf(word, "%s needs a condition, as in %s(list, .type == \"x\")", n.Name, n.Name)
	}
	body := c.term(n.Arguments[1].(*ast.PredicateNode).Node)
	if body == nil {
		return nil
	}
	t := &term{op: opPredicate, at: at, args: []*term{list, body}, name: n.Name}
	if n.Name == "sum" {
		switch body.typ.Kind {
		case Int, Decimal, Quantity:
			t.typ = body.typ
		default:
			return c.errorf(body.at, "a sum is of ints, decimals or quantities, not of %s", body.typ)
		}
		return c.add(t)
	}
	if body.typ.Kind != Bool {
		return c.errorf(body.at, "%s needs a condition here, not %s", n.Name, article(body.typ))
	}
	switch n.Name {
	case "count":
		t.typ.Kind = Int
	case "filter":
		t.typ.Kind = List
	case "find":
		t.typ.Kind = Field
	default:
		t.typ.Kind = Bool
	}
	return c.add(t)
}
