package record

import "strings"

// Kind is the type of a Value.
type Kind uint8

// The kinds. Formats without types (CSV, fixed width) have only texts; a missing field is Absent.
const (
	Absent   Kind = iota
	Null          // present without a value, like JSON's null
	Text          // Text contains the characters, in UTF-8
	Number        // Text contains the number without exponent and redundant zeros; Items contains the file's notation if it differs
	Bool          // Text contains true or false
	List          // Items contains the elements
	Map           // Keys and Items contain the members, in the file's order
	NoObject      // the path leads through a value without members, which is the only element of Items
)

// Value is one field of a record. Its bytes belong to the decoder and are valid until the next record is decoded.
type Value struct {
	Kind  Kind
	Text  []byte
	Items []Value
	Keys  [][]byte // for a Map: the name of each item
}

// Get returns the member of a Map with a name, or an Absent value.
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
	Line   uint64  // position for display: the line at which the record starts, from 1, or the record's number in formats without lines
	Offset int64   // offset of its first byte in the decompressed content of the file
	Raw    []byte  // its bytes there, including the terminator
	Lines  int     // number of lines, if the format counts them and a field may contain a line break; otherwise 0
	Fields []Value // values by slot, one for each slot of the Layout
}

// Written returns the number in the file's notation.
func (v *Value) Written() []byte {
	if v.Kind == Number && len(v.Items) > 0 {
		return v.Items[0].Text
	}
	return v.Text
}

// Layout assigns slots to paths. Paths are dotted names as in rules, such as "imsi" or "session.usage.up"; a path that
// ends at a list stands for the list, and rules read its items with Value.Get. Within a name, a backslash escapes a
// dot or backslash (Name).
type Layout struct {
	paths []string
	slots map[string]int
}

// Slot returns the slot of a path; a new path gets a new slot.
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

// Paths returns the paths by slot.
func (l *Layout) Paths() []string { return l.paths }

// Name returns a member's name as a part of a path.
func Name(name string) string { return escapes.Replace(name) }

var escapes = strings.NewReplacer(`.`, `\.`, `\`, `\\`)

// Names returns the member names in a path.
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
