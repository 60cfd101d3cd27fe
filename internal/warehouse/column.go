package warehouse

import (
	"encoding/binary"
	"slices"
	"strings"

	chproto "github.com/ClickHouse/ch-go/proto"
)

// data is a column of a block, in the bytes of ClickHouse's Native format, so that sending it is one write.
// Columns are filled by appending; an array column has offsets and the columns of its elements.
type data struct {
	name string
	kind string // ClickHouse's type
	rows int

	fixed      []byte      // numbers, little-endian, and fixed strings
	texts      []byte      // strings, each after its length
	dictionary *dictionary // LowCardinality(String)
	ends       []byte      // for arrays and maps: where each row's elements end, as UInt64
	total      uint64      // elements so far
	members    []*data     // one for an array, two for a map

	scratch chproto.Buffer
}

// newData returns a column of one of the ClickHouse types in ratemill's tables.
func newData(name, kind string) *data {
	d := &data{name: name, kind: kind}
	switch {
	case kind == word:
		d.dictionary = newDictionary()
	case strings.HasPrefix(kind, "Array("):
		d.members = []*data{newData("", kind[len("Array("):len(kind)-1])}
	case strings.HasPrefix(kind, "Map("):
		key, value, _ := strings.Cut(kind[len("Map("):len(kind)-1], ", ")
		d.members = []*data{newData("", key), newData("", value)}
	}
	return d
}

func (d *data) reset() {
	d.rows, d.total = 0, 0
	d.fixed, d.texts, d.ends = d.fixed[:0], d.texts[:0], d.ends[:0]
	if d.dictionary != nil {
		d.dictionary.reset()
	}
	for _, m := range d.members {
		m.reset()
	}
}

// reserve makes room for rows whose texts have about the given number of bytes. Columns double their capacity
// when they grow. append alone would add only a quarter, and copied each row four times until a sink had seen its
// largest block.
func (d *data) reserve(rows, bytes int) {
	switch {
	case d.members != nil:
		d.ends = room(d.ends, 8*rows)
	case d.dictionary != nil:
		d.dictionary.keys = room(d.dictionary.keys, rows)
	case d.kind == "String":
		d.texts = room(d.texts, bytes)
	default:
		d.fixed = room(d.fixed, 16*rows)
	}
}

func room[T any](s []T, n int) []T {
	if cap(s)-len(s) < n {
		s = slices.Grow(s, max(cap(s), n))
	}
	return s
}

// elements ends a row of an array or map that has n elements.
func (d *data) elements(n int) {
	d.total += uint64(n)
	d.ends = binary.LittleEndian.AppendUint64(d.ends, d.total)
	d.rows++
}

// repeat appends the last row's value n more times: its bytes in fixed or texts, or its word.
func (d *data) repeat(fixed, text []byte, n int) {
	d.rows += n
	switch {
	case d.dictionary != nil:
		for range n {
			d.dictionary.keys = append(d.dictionary.keys, d.dictionary.key)
		}
	case len(text) > 0:
		d.texts = slices.Grow(d.texts, n*len(text))
		for range n {
			d.texts = append(d.texts, text...)
		}
	default:
		d.fixed = slices.Grow(d.fixed, n*len(fixed))
		for range n {
			d.fixed = append(d.fixed, fixed...)
		}
	}
}

// state writes the bytes before a column that contains dictionaries: the version of their keys,
// SharedDictionariesWithAdditionalKeys (SerializationLowCardinality.cpp).
func (d *data) state(b *chproto.Buffer) {
	if d.dictionary != nil {
		b.PutUInt64(1)
	}
	for _, m := range d.members {
		m.state(b)
	}
}

// pieces hands out the column's bytes in order.
func (d *data) pieces(put func([]byte)) {
	if d.rows == 0 {
		return // an array may have no elements at all
	}
	if d.members != nil {
		put(d.ends)
		for _, m := range d.members {
			m.pieces(put)
		}
		return
	}
	if d.dictionary == nil {
		put(d.fixed)
		put(d.texts)
		return
	}
	d.scratch.Reset()
	head := d.dictionary.encode(&d.scratch)
	put(d.scratch.Buf[:head])
	put(d.dictionary.texts)
	put(d.scratch.Buf[head:])
}

// dictionary is a column with few distinct texts. A text that was the previous one costs one comparison; a text
// in the hot set costs a comparison and a hash of three bytes.
type dictionary struct {
	keys  []uint32
	names []string // the distinct texts, the empty text first
	texts []byte   // the same texts as String
	index map[string]uint32
	last  string
	key   uint32
	hot   [64]struct {
		text string
		key  uint32
	}
}

func newDictionary() *dictionary {
	d := &dictionary{index: map[string]uint32{}}
	d.reset()
	return d
}

func (d *dictionary) reset() {
	d.keys, d.texts, d.names = d.keys[:0], append(d.texts[:0], 0), append(d.names[:0], "")
	clear(d.index)
	clear(d.hot[:])
	d.index[""] = 0
	d.last, d.key = "", 0
}

func (d *dictionary) add(v string) {
	if v != d.last {
		d.find(v)
	}
	d.keys = append(d.keys, d.key)
}

// find makes v, which points into a message, the last text, using the copy that the dictionary keeps.
func (d *dictionary) find(v string) {
	slot := &d.hot[0]
	if v != "" {
		slot = &d.hot[(uint(len(v))+uint(v[0])*7+uint(v[len(v)-1])*31+uint(v[len(v)/2])*17)%uint(len(d.hot))]
	}
	if slot.text != v {
		key, ok := d.index[v]
		if !ok {
			key = uint32(len(d.names))
			d.names = append(d.names, strings.Clone(v))
			d.index[d.names[key]] = key
			d.texts = append(binary.AppendUvarint(d.texts, uint64(len(v))), v...)
		}
		slot.text, slot.key = d.names[key], key
	}
	d.last, d.key = slot.text, slot.key
}

// The flags of a serialized dictionary: HasAdditionalKeysBit and NeedUpdateDictionary.
const dictionaryFlags = 1<<9 | 1<<10

// encode writes the bytes before and after the texts; head is where to put the first part.
func (d *dictionary) encode(b *chproto.Buffer) (head int) {
	n := len(d.names)
	width := uint64(2) // log2 of the size of a key in bytes
	switch {
	case n <= 1<<8:
		width = 0
	case n <= 1<<16:
		width = 1
	}
	b.PutUInt64(dictionaryFlags | width)
	b.PutInt64(int64(n))
	head = len(b.Buf)
	b.PutInt64(int64(len(d.keys)))
	for _, k := range d.keys {
		switch width {
		case 0:
			b.Buf = append(b.Buf, byte(k))
		case 1:
			b.Buf = binary.LittleEndian.AppendUint16(b.Buf, uint16(k))
		default:
			b.Buf = binary.LittleEndian.AppendUint32(b.Buf, k)
		}
	}
	return head
}
