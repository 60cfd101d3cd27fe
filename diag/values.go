package diag

import (
	"encoding/json"
	"strings"
	"unicode/utf8"
)

// Text is a string of a document with its position.
type Text struct {
	Value string
	Pos   Pos
	node  *Node

	offset int // offset of a Part in the node's text
}

// UnmarshalNode reads any single value as text, in its original notation.
func (t *Text) UnmarshalNode(n *Node, d *Decoder) {
	t.Pos = n.Pos
	if d.scalar(n, field{}) {
		t.Value, t.node = n.Text, n
	}
}

// Sub returns the position of length characters, starting offset characters into the text.
func (t Text) Sub(offset, length int) Pos {
	if t.node == nil {
		return t.Pos
	}
	return t.node.Sub(t.offset+offset, length)
}

// IsZero reports whether the document lacks the text.
func (t Text) IsZero() bool { return t.Pos.File == nil && t.Value == "" }

func (t Text) String() string { return t.Value }

// MarshalJSON writes only the text.
func (t Text) MarshalJSON() ([]byte, error) { return json.Marshal(t.Value) }

// At is a value of a document with its position.
type At[T any] struct {
	Value T
	Pos   Pos
}

// UnmarshalNode reads a T.
func (a *At[T]) UnmarshalNode(n *Node, d *Decoder) {
	a.Pos = n.Pos
	d.Decode(n, &a.Value)
}

// Map is a mapping that keeps order and positions of its keys.
type Map[T any] []Entry[T]

// Entry is one entry of a Map.
type Entry[T any] struct {
	Key   Text
	Value T
}

// UnmarshalNode reads a mapping; a repeated key is an error.
func (m *Map[T]) UnmarshalNode(n *Node, d *Decoder) {
	if n.Kind == Null || !d.Want(n, Mapping, "what is expected") {
		return
	}
	d.Repeated(n)
	*m = make(Map[T], len(n.Members))
	for i, p := range n.Members {
		(*m)[i].Key = Text{Value: p.Key.Text, Pos: p.Key.Pos, node: p.Key}
		d.Decode(p.Value, &(*m)[i].Value)
	}
}

// Get returns the value of a key.
func (m Map[T]) Get(key string) (value T, ok bool) {
	for _, e := range m {
		if e.Key.Value == key {
			return e.Value, true
		}
	}
	return value, false
}

// Secret is a text that no dump shows, such as a password or token. ${NAME} is replaced whenever a
// Secret is read.
type Secret struct {
	value   string
	literal bool
	Pos     Pos
}

// NewSecret returns a Secret that is not in a document.
func NewSecret(value string) Secret { return Secret{value: value} }

// Reveal returns the secret itself.
func (s Secret) Reveal() string { return s.value }

// IsZero reports whether the secret is empty.
func (s Secret) IsZero() bool { return s.value == "" }

// UnmarshalNode reads the text and replaces ${NAME}.
func (s *Secret) UnmarshalNode(n *Node, d *Decoder) {
	s.Pos = n.Pos
	if d.scalar(n, field{}) {
		s.value, s.literal = d.expanded(n).Text, !strings.Contains(n.Text, "${")
	}
}

// Literal reports whether the document itself contains the secret, rather than the environment.
func (s Secret) Literal() bool { return s.literal && s.value != "" }

const dots = "•••"

func (s Secret) String() string { return dots }

// GoString hides the secret from %#v.
func (s Secret) GoString() string { return dots }

// MarshalText hides the secret from JSON, YAML and slog.
func (s Secret) MarshalText() ([]byte, error) { return []byte(dots), nil }

// Part returns a part of the text as a separate Text: text, which starts offset characters into t.
func (t Text) Part(offset int, text string) Text {
	at := t.Sub(offset, utf8.RuneCountInString(text))
	return Text{Value: text, Pos: at, node: t.node, offset: t.offset + offset}
}
