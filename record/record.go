package record

import "strings"

// Kind is what a Value is.
type Kind uint8

// The kinds. Formats without types of their own (CSV, fixed width) have texts only; a field that a record lacks is
// Absent.
const (
	Absent   Kind = iota
	Null          // present without a value, as JSON's null
	Text          // Text holds the characters, in UTF-8
	Number        // Text holds the number without exponent and without needless zeros; Items, where the file wrote it otherwise, that
	Bool          // Text holds true or false
	List          // Items holds the values
	Map           // Keys and Items hold the members, in the file's order
	NoObject      // the path leads through a value that has no members, which is the only one of Items
)

// Value is one field of a record. Its bytes belong to the decoder and are valid until the next record is decoded.
type Value struct {
	Kind  Kind
	Text  []byte
	Items []Value
	Keys  [][]byte // of a Map: the name of each item
}

// Get is the member called name of a Map, or an Absent value.
func (v *Value) Get(name string) *Value {
	if v.Kind == Map {
		for i, k := range v.Keys {
			if string(k) == name {
				return &v.Items[i]
			}
		}
	}
	return &absent
}

var absent Value

// Record is one record of a file, as decoded. The decoder reuses it and everything in it for the next record.
type Record struct {
	Seq    uint64  // 1 for the first record of the file, without gaps; framing (headers, trailers, comments) has none
	Line   uint64  // where people find it: the line it starts on, 1 for the first, or the record's number in formats without lines
	Offset int64   // of its first byte in the file's decompressed content
	Raw    []byte  // its bytes there, terminator included
	Lines  int     // how many lines it spans, where a format counts them and a line break may be part of a field; else 0
	Fields []Value // by slot, as many as the Layout has
}

// Written is the number as it stood in the file.
func (v *Value) Written() []byte {
	if v.Kind == Number && len(v.Items) > 0 {
		return v.Items[0].Text
	}
	return v.Text
}

// Layout is the agreement about slots. Paths are dotted names as rules write them: "imsi", "session.usage.up"; a path
// that ends in a list is the list, and rules look into its items with Value.Get. A dot or backslash within a name of a
// path of objects has a backslash before it (Name).
type Layout struct {
	paths []string
	slots map[string]int
}

// Slot is the slot of a path, a new one when nobody asked for the path before.
func (l *Layout) Slot(path string) int {
	if s, ok := l.slots[path]; ok {
		return s
	}
	if l.slots == nil {
		l.slots = map[string]int{}
	}
	s := len(l.paths)
	l.slots[path], l.paths = s, append(l.paths, path)
	return s
}

// Paths are the paths by slot.
func (l *Layout) Paths() []string { return l.paths }

// Name is a member's name as a part of a path.
func Name(name string) string { return escapes.Replace(name) }

var escapes = strings.NewReplacer(`.`, `\.`, `\`, `\\`)

// Names are the names that a path consists of.
func Names(path string) []string {
	var names []string
	var name []byte
	for i := 0; i < len(path); i++ {
		switch {
		case path[i] == '\\' && i+1 < len(path):
			i++
			name = append(name, path[i])
		case path[i] == '.':
			names, name = append(names, string(name)), name[:0]
		default:
			name = append(name, path[i])
		}
	}
	return append(names, string(name))
}
