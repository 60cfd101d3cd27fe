package decode

import (
	"bytes"
	"fmt"
	"unicode/utf16"
	"unicode/utf8"

	"ratemill/rules/record"
)

// Limits of one JSON record. A number of 128 bytes is longer than any quantity; a captured list of 65,536 values takes
// 5 MB.
const (
	maxNumber  = 128
	maxValues  = 1 << 16
	maxMembers = 1024
)

// member is a name in the tree of the layout's paths.
type member struct {
	name    string
	slot    int // slot of the value itself, or -1
	members []*member
	seen    uint64 // number of the last record that had it
}

// paths returns the layout as a tree.
func paths(layout *record.Layout) *member {
	root := &member{slot: -1}
	for slot, path := range layout.Paths() {
		at := root
		for _, name := range record.Names(path) {
			next := at.find([]byte(name))
			if next == nil {
				next = &member{name: name, slot: -1}
				at.members = append(at.members, next)
			}
			at = next
		}
		at.slot = slot
	}
	return root
}

func (m *member) find(name []byte) *member {
	for _, c := range m.members {
		if c.name == string(name) {
			return c
		}
	}
	return nil
}

// parser parses one JSON object into the slots of the paths; everything else is checked and skipped. Values point into
// the text, into scratch if they had escapes, or into arenas that are reused for the next record.
type parser struct {
	b        []byte
	pos      int
	depth    int
	maxDepth int
	record   uint64
	fields   []record.Value
	reason   string // the first error

	stack  []record.Value // items of open lists and maps
	names  [][]byte       // items of lists and maps that are still open
	values []record.Value // items of lists and maps that are closed
	keys   [][]byte
	text   []byte // what escapes became
	count  int
}

// parse fills the fields from b, which contains one object. It returns an error text, or "".
func (p *parser) parse(b []byte, root *member) string {
	p.b, p.pos, p.depth, p.reason, p.count = b, 0, 0, "", 0
	p.stack, p.names, p.values, p.keys, p.text = p.stack[:0], p.names[:0], p.values[:0], p.keys[:0], p.text[:0]
	p.record++
	clear(p.fields)
	p.space()
	if p.pos == len(b) || b[p.pos] != '{' {
		if p.skip() && p.atEnd() {
			return "not an object: a record must be { … }"
		}
		return p.reason
	}
	if p.walk(root) {
		p.atEnd()
	}
	return p.reason
}

func (p *parser) atEnd() bool {
	p.space()
	if p.pos < len(p.b) {
		return p.fail("text after the object")
	}
	return true
}

func (p *parser) fail(format string, args ...any) bool {
	if p.reason == "" {
		p.reason = fmt.Sprintf("byte %d: ", p.pos+1) + fmt.Sprintf(format, args...)
	}
	return false
}

func (p *parser) unexpected(wanted string) bool {
	if p.pos >= len(p.b) {
		return p.fail("the record ends where %s should be", wanted)
	}
	r, _ := utf8.DecodeRune(p.b[p.pos:])
	return p.fail("%q where %s should be", r, wanted)
}

func (p *parser) space() {
	for p.pos < len(p.b) {
		switch p.b[p.pos] {
		case ' ', '\t', '\n', '\r':
			p.pos++
		default:
			return
		}
	}
}

func (p *parser) enter() bool {
	p.depth++
	p.pos++
	if p.depth > p.maxDepth {
		return p.fail("nested more than %d deep", p.maxDepth)
	}
	return true
}

// more reads the comma or the closing bracket after an item.
func (p *parser) more(closing byte) (again, ok bool) {
	p.space()
	if p.pos < len(p.b) {
		switch p.b[p.pos] {
		case ',':
			p.pos++
			p.space()
			return true, true
		case closing:
			p.pos++
			p.depth--
			return false, true
		}
	}
	return false, p.unexpected(`"," or "` + string(closing) + `"`)
}

// first moves to the first item, or past the bracket that closes an empty list or map.
func (p *parser) first(closing byte) bool {
	p.space()
	if p.pos < len(p.b) && p.b[p.pos] == closing {
		p.pos++
		p.depth--
		return false
	}
	return true
}

func (p *parser) colon() bool {
	p.space()
	if p.pos == len(p.b) || p.b[p.pos] != ':' {
		return p.unexpected(`":"`)
	}
	p.pos++
	p.space()
	return true
}

// walk reads the object at pos and picks the wanted members.
func (p *parser) walk(m *member) bool {
	if !p.enter() {
		return false
	}
	if !p.first('}') {
		return true
	}
	for {
		key, ok := p.string(true)
		if !ok {
			return false
		}
		next := m.find(key)
		if next != nil && next.seen == p.record {
			return p.fail("key %q stands twice", next.name)
		}
		if !p.colon() {
			return false
		}
		if next == nil {
			ok = p.skip()
		} else {
			next.seen = p.record
			ok = p.wanted(next)
		}
		if !ok {
			return false
		}
		again, ok := p.more('}')
		if !again {
			return ok
		}
	}
}

func (p *parser) wanted(m *member) bool {
	if m.slot < 0 {
		if p.pos < len(p.b) && p.b[p.pos] == '{' {
			return p.walk(m)
		}
		v, ok := p.value()
		p.spread(m, &v)
		return ok
	}
	v, ok := p.value()
	if !ok {
		return false
	}
	p.fields[m.slot] = v
	if len(m.members) > 0 {
		p.spread(m, &p.fields[m.slot])
	}
	return true
}

// spread fills the slots below a value with its members, or records that it has none.
func (p *parser) spread(m *member, v *record.Value) {
	switch v.Kind {
	case record.Absent, record.Null, record.Map, record.NoObject:
	default:
		v = &record.Value{Kind: record.NoObject, Items: p.single(*v)}
	}
	for _, c := range m.members {
		if v.Kind == record.NoObject {
			if c.slot >= 0 {
				p.fields[c.slot] = *v
			}
			p.spread(c, v)
			continue
		}
		item := v.Get(c.name)
		if c.slot >= 0 {
			p.fields[c.slot] = *item
		}
		p.spread(c, item)
	}
}

// value captures the value at pos. It returns the value instead of storing it, because a pointer through the recursion
// would cost an allocation for each value.
func (p *parser) value() (v record.Value, ok bool) {
	if p.pos == len(p.b) {
		return v, p.unexpected("a value")
	}
	if p.count++; p.count > maxValues {
		return v, p.fail("more than %d values", maxValues)
	}
	begin := p.pos
	switch c := p.b[p.pos]; {
	case c == '"':
		v.Kind = record.Text
		v.Text, ok = p.string(true)
		return v, ok
	case c == '{':
		return p.object()
	case c == '[':
		return p.list()
	case c == '-' || c >= '0' && c <= '9':
		v.Kind = record.Number
		plain := false
		v.Text, plain, ok = p.number()
		if ok && !plain {
			return p.exact(v.Text)
		}
		return v, ok
	case c == 'n':
		v.Kind = record.Null
		return v, p.word("null")
	case c == 't':
		ok = p.word("true")
	case c == 'f':
		ok = p.word("false")
	default:
		return v, p.unexpected("a value")
	}
	v.Kind, v.Text = record.Bool, p.b[begin:p.pos:p.pos]
	return v, ok
}

func (p *parser) list() (v record.Value, ok bool) {
	v.Kind = record.List
	if !p.enter() {
		return v, false
	}
	if !p.first(']') {
		return v, true
	}
	for base := len(p.stack); ; {
		item, ok := p.value()
		if !ok {
			return v, false
		}
		p.stack = append(p.stack, item)
		again, ok := p.more(']')
		if !again {
			v.Items = p.close(base)
			return v, ok
		}
	}
}

func (p *parser) object() (v record.Value, ok bool) {
	v.Kind = record.Map
	if !p.enter() {
		return v, false
	}
	if !p.first('}') {
		return v, true
	}
	for base, names := len(p.stack), len(p.names); ; {
		key, ok := p.string(true)
		if !ok {
			return v, false
		}
		for _, other := range p.names[names:] {
			if bytes.Equal(other, key) {
				return v, p.fail("key %q stands twice", key)
			}
		}
		if len(p.names)-names == maxMembers {
			return v, p.fail("an object with more than %d members", maxMembers)
		}
		p.names = append(p.names, key)
		if !p.colon() {
			return v, false
		}
		item, ok := p.value()
		if !ok {
			return v, false
		}
		p.stack = append(p.stack, item)
		again, ok := p.more('}')
		if !again {
			v.Items = p.close(base)
			n := len(p.keys)
			p.keys = append(p.keys, p.names[names:]...)
			v.Keys = p.keys[n:len(p.keys):len(p.keys)]
			p.names = p.names[:names]
			return v, ok
		}
	}
}

// close moves the items above base from the stack to where they stay until the next record. If that memory grows,
// earlier values keep the old memory.
func (p *parser) close(base int) []record.Value {
	n := len(p.values)
	p.values = append(p.values, p.stack[base:]...)
	p.stack = p.stack[:base]
	return p.values[n:len(p.values):len(p.values)]
}

// skip checks the value at pos and moves past it.
func (p *parser) skip() bool {
	if p.pos == len(p.b) {
		return p.unexpected("a value")
	}
	switch c := p.b[p.pos]; {
	case c == '"':
		_, ok := p.string(false)
		return ok
	case c == '{':
		if !p.enter() {
			return false
		}
		if !p.first('}') {
			return true
		}
		for {
			if _, ok := p.string(false); !ok || !p.colon() || !p.skip() {
				return false
			}
			if again, ok := p.more('}'); !again {
				return ok
			}
		}
	case c == '[':
		if !p.enter() {
			return false
		}
		if !p.first(']') {
			return true
		}
		for {
			if !p.skip() {
				return false
			}
			if again, ok := p.more(']'); !again {
				return ok
			}
		}
	case c == '-' || c >= '0' && c <= '9':
		_, _, ok := p.number()
		return ok
	case c == 'n':
		return p.word("null")
	case c == 't':
		return p.word("true")
	case c == 'f':
		return p.word("false")
	}
	return p.unexpected("a value")
}

func (p *parser) word(word string) bool {
	if !bytes.HasPrefix(p.b[p.pos:], []byte(word)) {
		return p.unexpected("a value")
	}
	p.pos += len(word)
	return true
}

// number reads a number as in RFC 8259 6 and keeps its original text. The number is plain if it is an integer.
func (p *parser) number() (text []byte, plain, ok bool) {
	begin := p.pos
	plain = true
	digits := func() bool {
		n := p.pos
		for p.pos < len(p.b) && p.b[p.pos]-'0' <= 9 {
			p.pos++
		}
		return p.pos > n || p.unexpected("a digit")
	}
	if p.b[p.pos] == '-' {
		p.pos++
	}
	if p.pos < len(p.b) && p.b[p.pos] == '0' {
		p.pos++
		plain = p.pos-begin == 1 // not -0
	} else if !digits() {
		return nil, false, false
	}
	if p.pos < len(p.b) && p.b[p.pos] == '.' {
		plain = false
		p.pos++
		if !digits() {
			return nil, false, false
		}
	}
	if p.pos < len(p.b) && p.b[p.pos]|0x20 == 'e' {
		plain = false
		p.pos++
		if p.pos < len(p.b) && (p.b[p.pos] == '+' || p.b[p.pos] == '-') {
			p.pos++
		}
		if !digits() {
			return nil, false, false
		}
	}
	if p.pos-begin > maxNumber {
		p.pos = begin
		return nil, false, p.fail("a number longer than %d characters", maxNumber)
	}
	return p.b[begin:p.pos:p.pos], plain, true
}

// plainText holds the bytes that represent themselves in a string.
var plainText = func() (t [256]bool) {
	for i := range t {
		t[i] = i >= ' ' && i != '"' && i != '\\'
	}
	return t
}()

// string returns the text at pos without its quotes, unescaped if it is kept.
func (p *parser) string(keep bool) ([]byte, bool) {
	if p.pos == len(p.b) || p.b[p.pos] != '"' {
		return nil, p.unexpected("a string")
	}
	b := p.b
	begin := p.pos + 1
	i := begin
	for i < len(b) && plainText[b[i]] {
		i++
	}
	if i < len(b) && b[i] == '"' {
		p.pos = i + 1
		return b[begin:i:i], true
	}
	out := len(p.text)
	for i = begin; ; {
		from := i
		for i < len(b) && plainText[b[i]] {
			i++
		}
		if keep {
			p.text = append(p.text, b[from:i]...)
		}
		if i == len(b) {
			p.pos = i
			return nil, p.unexpected("the end of a string")
		}
		switch {
		case b[i] == '"':
			p.pos = i + 1
			return p.text[out:len(p.text):len(p.text)], true
		case b[i] < ' ':
			p.pos = i
			return nil, p.fail("control character 0x%02x in a string", b[i])
		}
		p.pos = i
		r, n := escaped(b[i:])
		if n == 0 {
			return nil, p.fail("an escape that JSON does not know")
		}
		if keep {
			p.text = utf8.AppendRune(p.text, r)
		}
		i += n
	}
}

// escaped returns the character of the escape sequence at the start of b, and its length. Half of a surrogate
// pair is U+FFFD.
func escaped(b []byte) (rune, int) {
	if len(b) < 2 {
		return 0, 0
	}
	switch b[1] {
	case '"', '\\', '/':
		return rune(b[1]), 2
	case 'b':
		return '\b', 2
	case 'f':
		return '\f', 2
	case 'n':
		return '\n', 2
	case 'r':
		return '\r', 2
	case 't':
		return '\t', 2
	case 'u':
		r, ok := hex4(b[2:])
		if !ok {
			return 0, 0
		}
		if !utf16.IsSurrogate(r) {
			return r, 6
		}
		if len(b) >= 12 && b[6] == '\\' && b[7] == 'u' {
			if low, ok := hex4(b[8:]); ok {
				if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
					return pair, 12
				}
			}
		}
		return utf8.RuneError, 6
	}
	return 0, 0
}

func hex4(b []byte) (r rune, ok bool) {
	if len(b) < 4 {
		return 0, false
	}
	for _, c := range b[:4] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}
