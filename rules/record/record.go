package record

import "strings"

// Kind is the type of a Value.
type Kind uint8

// The kinds. Formats without types (CSV, fixed width) only have texts; a missing field is Absent.
const (
	Absent   Kind = iota
	Null          // present without a value, like JSON's null
	Text          // Text holds the characters, in UTF-8
	Number        // Text holds the number without exponent and redundant zeros; Items holds the file's notation if it differs
	Bool          // Text holds true or false
	List          // Items holds the elements
	Map           // Keys and Items hold the members, in the file's order
	NoObject      // the path leads through a value without members, which is the only element of Items
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

// Record is one decoded record of a file. The decoder reuses it and everything in it for the next record.
type Record struct {
	Seq    uint64  // 1 for the first record of the file, without gaps; framing (headers, trailers, comments) has no number
	Line   uint64  // position for people: the line where it starts, 1 for the first, or the record's number in formats without lines
	Offset int64   // of its first byte in the file's decompressed content
	Raw    []byte  // its bytes there, terminator included
	Lines  int     // number of lines, if the format counts them and a field may contain a line break; else 0
	Fields []Value // by slot, as many as in the Layout
}

// Written is the number in the file's notation.
func (v *Value) Written() []byte {
	if v.Kind == Number && len(v.Items) > 0 {
		return v.Items[0].Text
	}
	return v.Text
}

// Layout assigns slots to paths. Paths are dotted names as in rules: "imsi", "session.usage.up"; a path that ends in a
// list is the list, and rules read its items with Value.Get. Within a name, a dot or backslash is escaped by a
// backslash (Name).
type Layout struct {
	paths []string
	slots map[string]int
}

// Slot is the slot of a path; a new path gets a new slot.
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

// Names are the member names of a path.
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
