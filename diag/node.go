package diag

import (
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// Limits of a document.
const (
	MaxSize  = 4 << 20 // bytes
	maxDepth = 48      // largest depth of nested lists and maps
	maxNodes = 200_000 // counted after aliases are followed
)

// Kind is the kind of a Node.
type Kind uint8

// The kinds of nodes.
const (
	Null Kind = iota
	Scalar
	Sequence
	Mapping
)

var kindNames = [...]string{"nothing", "a single value", "a list", "a map"}

func (k Kind) String() string { return kindNames[k] }

// Node is a part of a YAML document.
type Node struct {
	Kind    Kind
	Pos     Pos
	Text    string // of a Scalar
	Quoted  bool   // the Scalar was in quotes or in a block, so it is always text
	Flow    bool   // a Sequence or Mapping written with [ ] or { }
	Items   []*Node
	Members []Pair // of a Mapping, in order; keys may repeat until Decode reports them

	inner Pos // positions of a Scalar's characters in the file
	style byte
}

// Word returns a Scalar in a file with another notation, such as a cell of a table.
func Word(text string, at Pos) *Node {
	return &Node{Kind: Scalar, Text: text, Pos: at, inner: at}
}

// Pair is one entry of a mapping.
type Pair struct{ Key, Value *Node }

// Member returns the value of a key, or nil.
func (n *Node) Member(key string) *Node {
	if n == nil {
		return nil
	}
	for _, p := range n.Members {
		if p.Key.Text == key {
			return p.Value
		}
	}
	return nil
}

// Parse reads one YAML document into nodes. An empty document is a Null node.
func Parse(name string, src []byte) (*Node, List) {
	var l List
	file := &File{Name: name}
	switch {
	case len(src) > MaxSize:
		l.Errorf(Pos{File: file}, "the document has %d bytes, more than %d", len(src), MaxSize)
		return nil, l
	case !utf8.Valid(src):
		l.Errorf(Pos{File: file}, "the document is not UTF-8 text")
		return nil, l
	}
	src = []byte(strings.ReplaceAll(strings.TrimPrefix(string(src), "\ufeff"), "\r\n", "\n"))
	*file = *NewFile(name, src)
	if line := tooDeep(file); line > 0 {
		l.Errorf(Pos{File: file, Line: line, Column: 1, Length: 1}, "lists and maps are nested more than %d deep here", maxDepth)
		return nil, l
	}
	doc, deep, err := parse(src)
	if deep != nil {
		l.Errorf(position(file, deep), "lists and maps are nested more than %d deep here", maxDepth)
		return nil, l
	}
	if err != nil {
		at := Pos{File: file, Line: 1, Column: 1}
		message := err.Error()
		if e, ok := err.(interface {
			GetToken() *token.Token
			GetMessage() string
		}); ok {
			message = e.GetMessage()
			at = position(file, e.GetToken())
		}
		d := l.Errorf(at, "this is not YAML: %s", firstLine(message))
		d.Hint = notYAML(file.Line(at.Line), message)
		return nil, l
	}
	if len(doc.Docs) > 1 && doc.Docs[1].Body != nil {
		l.Errorf(position(file, doc.Docs[1].Body.GetToken()), "a file may contain one document; move what follows --- into its own file")
		return nil, l
	}
	c := &converter{file: file, list: &l, anchors: map[string]ast.Node{}}
	if len(doc.Docs) == 0 || doc.Docs[0].Body == nil {
		return &Node{Pos: Pos{File: file, Line: 1, Column: 1}}, l
	}
	n := c.node(doc.Docs[0].Body, 0)
	if l.HasErrors() {
		return nil, l
	}
	return n, l
}

type syntaxPanic struct{}

func (syntaxPanic) Error() string { return "the parser gave up" }

// The parser has panicked on malformed documents before, and a document must not end the process. notYAML is a hint for
// a line that is not YAML.
func notYAML(line, message string) string {
	flow := flowMapping.MatchString(line)
	switch {
	case strings.HasPrefix(strings.TrimLeft(line, " "), "\t"):
		return "YAML does not accept tabs for indentation; indent with spaces"
	case flow && strings.Contains(line, "${") && strings.Count(line, "{") > strings.Count(line, "${"):
		return "between { } a value with ${NAME} needs quotes: \"${NAME}\""
	case strings.Contains(message, "escape"):
		return `within double quotes YAML reads \ itself; put single quotes around the value`
	case flow && repetition.MatchString(line):
		return "between { } its own value with braces, such as {15} of a pattern, needs single quotes around the whole of it"
	case flow:
		return "between { } YAML splits at each comma: put quotes around a value that contains one, or write each key on its own line"
	case strings.Contains(message, "value is not allowed in this context. map"):
		return "a value that begins with a quote ends with the next; put single quotes around the whole, and double quotes within"
	case strings.Count(line, ": ") > 1:
		return "a value that contains a colon and a blank needs quotes around it; in a call, name=value needs none"
	}
	return ""
}

var (
	flowMapping = regexp.MustCompile(`(^|[-:,\[{]\s)\s*\{`)
	repetition  = regexp.MustCompile(`\{[0-9]+(,[0-9]*)?\}`)
)

// parse parses src unless its brackets nest too deeply, because the parser's memory grows with the square of their depth: a line of
// 200,000 brackets takes 20 GB. deep is the first bracket that is too deep. Tokens are counted, because texts may
// contain brackets too.
func parse(src []byte) (f *ast.File, deep *token.Token, err error) {
	defer func() {
		if recover() != nil {
			f, err = nil, syntaxPanic{}
		}
	}()
	tokens := lexer.Tokenize(string(src))
	depth := 0
	for _, t := range tokens {
		switch t.Type {
		case token.SequenceStartType, token.MappingStartType:
			if depth++; depth > 2*maxDepth {
				return nil, t, nil
			}
		case token.SequenceEndType, token.MappingEndType:
			depth = max(depth-1, 0)
		}
	}
	f, err = parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	return f, nil, err
}

// tooDeep returns the first line whose indicators nest too deeply for a recursive parser, or 0.
func tooDeep(f *File) int {
	for i, line := range f.lines {
		indicators := 0
		for j := 0; j < len(line) && (line[j] == ' ' || line[j] == '-' || line[j] == '?' || line[j] == ':' || line[j] == '\t'); j++ {
			if line[j] != ' ' {
				indicators++
			}
		}
		if strings.Trim(line, "-") == "" || strings.HasPrefix(strings.TrimLeft(line, " "), "#") {
			indicators = 0
		}
		if indicators > maxDepth {
			return i + 1
		}
	}
	return 0
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}

func position(f *File, t *token.Token) Pos {
	if t == nil || t.Position == nil {
		return Pos{File: f, Line: 1, Column: 1}
	}
	text := firstLine(strings.TrimSpace(t.Origin))
	length := utf8.RuneCountInString(text)
	return Pos{File: f, Line: t.Position.Line, Column: f.seen(f.Line(t.Position.Line), text, max(t.Position.Column, 1)),
		Length: max(length, 1)}
}

// seen returns the real column of the text, because the parser counts blanks after a plain value as if they were before
// it. A document may be one long line, as JSON often is.
func (f *File) seen(line, text string, column int) int {
	at := f.offset(line, column-1)
	if text == "" || at < len(line) && strings.HasPrefix(line[at:], text) {
		return column
	}
	if i := strings.LastIndex(line[:min(len(line), at+len(text))], text); i >= 0 {
		return utf8.RuneCountInString(line[:i]) + 1
	}
	if i := strings.Index(line, text); i >= 0 {
		return utf8.RuneCountInString(line[:i]) + 1
	}
	return column
}

// offset returns the position, in bytes, at which a character of a line begins. If the line has too few characters,
// it returns the end of the line.
func (f *File) offset(line string, characters int) int {
	if f.plain {
		return min(characters, len(line))
	}
	for i := range line {
		if characters == 0 {
			return i
		}
		characters--
	}
	return len(line)
}

// converter converts the parser's tree to Nodes and follows aliases, counting the nodes.
type converter struct {
	file    *File
	list    *List
	anchors map[string]ast.Node
	open    []string // anchors being followed
	nodes   int
}

func (c *converter) fail(at Pos, format string, args ...any) *Node {
	if !c.list.HasErrors() {
		c.list.Errorf(at, format, args...)
	}
	return &Node{Pos: at}
}

func (c *converter) node(a ast.Node, depth int) *Node {
	if a == nil {
		return &Node{Pos: Pos{File: c.file, Line: 1, Column: 1}}
	}
	at := position(c.file, a.GetToken())
	c.nodes++
	switch {
	case depth > maxDepth:
		return c.fail(at, "lists and maps are nested more than %d deep here", maxDepth)
	case c.nodes > maxNodes:
		return c.fail(at, "the document has more than %d values, aliases followed", maxNodes)
	case c.list.HasErrors():
		return &Node{Pos: at}
	}
	switch a := a.(type) {
	case *ast.NullNode:
		return &Node{Pos: at}
	case *ast.MappingNode:
		n := &Node{Kind: Mapping, Pos: at, Flow: a.IsFlowStyle}
		for _, v := range a.Values {
			c.pair(n, v, depth)
		}
		if len(n.Members) > 0 && !a.IsFlowStyle {
			n.Pos = n.Members[0].Key.Pos
		}
		return n
	case *ast.MappingValueNode:
		n := &Node{Kind: Mapping, Pos: at}
		c.pair(n, a, depth)
		if len(n.Members) > 0 {
			n.Pos = n.Members[0].Key.Pos
		}
		return n
	case *ast.SequenceNode:
		n := &Node{Kind: Sequence, Pos: at, Flow: a.IsFlowStyle}
		for _, v := range a.Values {
			n.Items = append(n.Items, c.node(v, depth+1))
		}
		return n
	case *ast.AnchorNode:
		name := a.Name.GetToken().Value
		c.anchors[name] = a.Value
		return c.node(a.Value, depth)
	case *ast.AliasNode:
		name := a.Value.GetToken().Value
		target, ok := c.anchors[name]
		if !ok {
			return c.fail(at, "*%s refers to nothing: no &%s comes before it", name, name)
		}
		for _, o := range c.open {
			if o == name {
				return c.fail(at, "*%s refers to itself", name)
			}
		}
		c.open = append(c.open, name)
		n := c.node(target, depth+1)
		c.open = c.open[:len(c.open)-1]
		return n
	case *ast.TagNode:
		return c.fail(at, "tags such as %s are not used here; write the plain value", a.GetToken().Value)
	case *ast.LiteralNode:
		inner := at
		inner.Line, inner.Column = at.Line+1, 1
		return &Node{Kind: Scalar, Pos: at, Text: a.Value.Value, Quoted: true, inner: inner, style: '|'}
	case *ast.StringNode:
		n := &Node{Kind: Scalar, Pos: at, Text: a.Value, inner: at}
		switch a.Token.Type {
		case token.SingleQuoteType:
			n.Quoted, n.style, n.inner.Column = true, '\'', at.Column+1
		case token.DoubleQuoteType:
			n.Quoted, n.style, n.inner.Column = true, '"', at.Column+1
		}
		return n
	default: // numbers, booleans, infinities: their text is interpreted when the expected type is known
		return &Node{Kind: Scalar, Pos: at, Text: strings.TrimSpace(a.GetToken().Value), inner: at}
	}
}

func (c *converter) pair(n *Node, v *ast.MappingValueNode, depth int) {
	if v.Key.IsMergeKey() {
		merged := c.node(v.Value, depth+1)
		for _, p := range merged.Members {
			if n.Member(p.Key.Text) == nil {
				n.Members = append(n.Members, p)
			}
		}
		return
	}
	key := c.node(v.Key, depth+1)
	if key.Kind != Scalar && !(key.Kind == Null) {
		c.fail(key.Pos, "a key must be a single word, not %s", key.Kind)
		return
	}
	if key.Kind == Null {
		key.Kind, key.Text = Scalar, strings.TrimSpace(v.Key.GetToken().Value)
	}
	value := c.node(v.Value, depth+1)
	if value.Kind == Null && value.Pos.Line == 0 {
		value.Pos = key.Pos
	}
	n.Members = append(n.Members, Pair{key, value})
}

// Sub returns the position of length characters of a Scalar's text, starting offset characters into it, considering
// quotes, escapes and folded lines.
func (n *Node) Sub(offset, length int) Pos {
	if n == nil || n.Kind != Scalar {
		return Pos{}
	}
	line, column := n.inner.Line, n.inner.Column-1
	source := []rune(n.inner.File.Line(line))
	next := func() bool { // moves past the end of a line
		for column >= len(source) {
			if line > len(n.inner.File.lines) {
				return false
			}
			line, column = line+1, 0
			source = []rune(n.inner.File.Line(line))
			for column < len(source) && source[column] == ' ' {
				column++
			}
		}
		return true
	}
	i := 0
	for _, r := range n.Text {
		if i >= offset {
			break
		}
		i++
		if r == '\n' || (r == ' ' && column >= len(source)) {
			column = len(source)
			continue
		}
		if !next() {
			return n.Pos
		}
		switch {
		case n.style == '\'' && r == '\'':
			column += 2
			continue
		case n.style == '"' && source[column] == '\\':
			column += escaped(source[column:])
			continue
		}
		for column < len(source) && source[column] != r {
			column++
		}
		column++
	}
	if offset > 0 || n.style == '|' {
		if i := offset; i < utf8.RuneCountInString(n.Text) {
			next()
			if n.style == '|' && i == 0 {
				for column < len(source) && source[column] == ' ' {
					column++
				}
			}
		}
	}
	return Pos{File: n.inner.File, Line: line, Column: column + 1, Length: max(length, 1)}
}

func escaped(source []rune) int {
	if len(source) < 2 {
		return 1
	}
	switch source[1] {
	case 'x':
		return 4
	case 'u':
		return 6
	case 'U':
		return 10
	}
	return 2
}

// Same reports whether two documents have the same meaning: the same keys in the same order and the same values, at any
// position.
func Same(a, b *Node) bool {
	if a == nil || b == nil {
		return a == b
	}
	if a.Kind != b.Kind || a.Text != b.Text || a.Quoted != b.Quoted || len(a.Items) != len(b.Items) || len(a.Members) != len(b.Members) {
		return false
	}
	for i := range a.Items {
		if !Same(a.Items[i], b.Items[i]) {
			return false
		}
	}
	for i := range a.Members {
		if a.Members[i].Key.Text != b.Members[i].Key.Text || !Same(a.Members[i].Value, b.Members[i].Value) {
			return false
		}
	}
	return true
}
