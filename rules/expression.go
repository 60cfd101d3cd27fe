package rules

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/builtin"
	"github.com/expr-lang/expr/conf"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser"

	"ratemill/diag"
)

// Limits of an expression. Expressions within these limits cannot run for long, because the only loops are those
// over a record's lists.
const (
	longestExpression = 4096
	mostNodes         = 1000
	deepestNesting    = 100
)

// grammar returns the grammar of expr, with all built-in functions disabled except the predicates over lists.
func grammar() *conf.Config {
	c := conf.CreateNew()
	c.MaxNodes = mostNodes
	c.DisableIfOperator = true
	for name := range builtin.Index {
		c.Disabled[name] = true
	}
	return c
}

var predicates = map[string]bool{"any": true, "all": true, "none": true, "one": true, "count": true, "filter": true, "sum": true,
	"find": true}

// parse reads an expression; it returns nil if it cannot, with the reason in l. named contains the positions of the
// colons of named arguments.
func parse(text diag.Text, l *diag.List) (n ast.Node, named map[int]bool) {
	if strings.TrimSpace(text.Value) == "" {
		l.Errorf(text.Pos, "an expression is missing here")
		return nil, nil
	}
	if len(text.Value) > longestExpression {
		l.Errorf(text.Pos, "the expression has %d characters, more than %d; use let to name its parts", utf8.RuneCountInString(text.Value),
			longestExpression)
		return nil, nil
	}
	if at := tooDeep(text.Value); at >= 0 {
		l.Errorf(text.Sub(at, 1), "more than %d brackets or signs within each other", deepestNesting)
		return nil, nil
	}
	plain, named := namedArguments(text.Value)
	node, err := parseExpr(plain)
	if err == nil {
		return node, named
	}
	message, at := err.Error(), text.Pos
	var e *file.Error
	if errors.As(err, &e) {
		message = syntaxMessage(e.Message)
		at = text.Sub(e.From, max(e.To-e.From, 1))
	}
	d := l.Errorf(at, "%s", message)
	if message == tooEarly && beforeComma(text) {
		d.Hint = "between { } YAML splits at each comma: put quotes around the whole expression, or give each key its own line"
	}
	if strings.Contains(text.Value, "=") && !strings.Contains(text.Value, "==") && strings.Contains(message, `"="`) {
		d.Hint = "equality is written =="
	}
	return nil, nil
}

// namedArguments rewrites f(x, from: y) to a text that expr's grammar accepts and in which all positions are the same:
// f(x, from< y). It returns the positions that it rewrote.
func namedArguments(text string) (string, map[int]bool) {
	if !strings.ContainsAny(text, ":=") {
		return text, nil
	}
	r := []rune(text)
	named := map[int]bool{}
	var open []rune
	for i := 0; i < len(r); i++ {
		switch c := r[i]; c {
		case '"', '\'', '`':
			for i++; i < len(r) && r[i] != c; i++ {
				if r[i] == '\\' && c != '`' {
					i++
				}
			}
		case '[', '{':
			open = append(open, c)
		case ')', ']', '}':
			if len(open) > 0 {
				open = open[:len(open)-1]
			}
		case '(', ',':
			if c == '(' {
				open = append(open, c)
			}
			if len(open) == 0 || open[len(open)-1] != '(' {
				continue
			}
			j := i + 1
			for j < len(r) && r[j] == ' ' {
				j++
			}
			start := j
			for j < len(r) && (r[j] == '_' || unicode.IsLetter(r[j]) || j > start && unicode.IsDigit(r[j])) {
				j++
			}
			if j > start && j < len(r) && (r[j] == ':' || r[j] == '=' && (j+1 == len(r) || r[j+1] != '=')) {
				r[j] = '<'
				named[j] = true
			}
		}
	}
	return string(r), named
}

func parseExpr(text string) (n ast.Node, err error) {
	defer func() {
		if r := recover(); r != nil {
			n, err = nil, fmt.Errorf("this is not an expression")
		}
	}()
	var p parser.Parser
	tree, err := p.Parse(text, grammar())
	if err != nil {
		return nil, err
	}
	return tree.Node, nil
}

// beforeComma reports whether a comma follows the text on its line: the comma was meant as a part of the text,
// but ended it.
func beforeComma(text diag.Text) bool {
	line := []rune(text.Pos.File.Line(text.Pos.Line))
	from := text.Pos.Column - 1
	end := from + utf8.RuneCountInString(text.Value)
	return from >= 0 && end < len(line) && string(line[from:end]) == text.Value &&
		strings.HasPrefix(strings.TrimLeft(string(line[end:]), " "), ",")
}

const tooEarly = "the expression ends too early"

func syntaxMessage(m string) string {
	m = strings.TrimPrefix(m, "compilation failed: ")
	if strings.Contains(m, "coalesce expressions") {
		return "put parentheses around a ?? b where another operator follows it: (a ?? b) == c"
	}
	if rest, ok := strings.CutPrefix(m, "unexpected token "); ok {
		kind, value, found := strings.Cut(rest, "(")
		switch {
		case kind == "EOF":
			return tooEarly
		case found:
			return "unexpected " + strings.TrimSuffix(value, ")") + " here"
		}
	}
	return m
}

// tooDeep returns the position at which brackets or prefix operators nest too deeply for a recursive
// parser, or -1.
func tooDeep(text string) int {
	depth, prefixes := 0, 0
	word := 0 // number of letters of `not` seen so far
	for i, r := range []rune(text) {
		switch r {
		case '(', '[', '{', '?':
			depth++
		case ')', ']', '}':
			depth--
		case '-', '+', '!':
			prefixes++
		}
		switch {
		case word < 3 && r == rune("not"[word]):
			if word++; word == 3 {
				prefixes++
			}
		case r == ' ':
			word = 0
		case !strings.ContainsRune("-+!([{", r):
			word, prefixes = 0, 0
		}
		if depth > deepestNesting || prefixes > deepestNesting {
			return i
		}
	}
	return -1
}

// span is a range of an expression, in characters.
type span struct{ from, to int }

func spanOf(n ast.Node) span {
	loc := n.Location()
	s := span{loc.From, max(loc.To, loc.From+1)}
	grow := func(nodes ...ast.Node) {
		for _, c := range nodes {
			if c != nil {
				o := spanOf(c)
				s.from, s.to = min(s.from, o.from), max(s.to, o.to)
			}
		}
	}
	switch n := n.(type) {
	case *ast.BinaryNode:
		grow(n.Left, n.Right)
	case *ast.UnaryNode:
		grow(n.Node)
	case *ast.MemberNode:
		grow(n.Node, n.Property)
		if property, ok := n.Property.(*ast.StringNode); !ok || s.to-property.Location().From > utf8.RuneCountInString(property.Value) {
			s.to++ // the bracket: a name after a dot has no quotes
		}
	case *ast.SliceNode:
		grow(n.Node, n.From, n.To)
		if n.To == nil {
			s.to++ // the colon
		}
		s.to++
	case *ast.CallNode:
		grow(n.Arguments...)
		s.to++
	case *ast.BuiltinNode:
		grow(n.Arguments...)
		s.to++
	case *ast.PredicateNode:
		grow(n.Node)
	case *ast.ConditionalNode:
		grow(n.Cond, n.Exp1, n.Exp2)
	case *ast.ArrayNode:
		grow(n.Nodes...)
	case *ast.ChainNode:
		grow(n.Node)
	}
	return s
}
