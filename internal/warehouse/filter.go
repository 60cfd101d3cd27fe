package warehouse

import "encoding/binary"

// Filter implements consumer.Rows: it returns the rows of b for which keep returns true.
func (b *Block) Filter(keep func(row int) bool) *Block {
	p := &Block{Table: b.Table, byName: map[string]*data{}}
	for _, c := range b.columns {
		d := c.filter(keep)
		p.columns = append(p.columns, d)
		p.byName[d.name] = d
	}
	return p
}

// filter returns a column with some of the rows of d. A dictionary also keeps words that none of these rows has.
func (d *data) filter(keep func(row int) bool) *data {
	p := &data{name: d.name, kind: d.kind}
	if d.dictionary != nil {
		p.dictionary = &dictionary{names: d.dictionary.names, texts: d.dictionary.texts}
	}
	var elements []bool
	width, text, end := 0, 0, uint64(0)
	if d.rows > 0 {
		width = len(d.fixed) / d.rows
	}
	for row := range d.rows {
		kept := keep(row)
		if kept {
			p.rows++
			p.fixed = append(p.fixed, d.fixed[row*width:(row+1)*width]...)
		}
		if len(d.texts) > 0 {
			n, size := binary.Uvarint(d.texts[text:])
			next := text + size + int(n)
			if kept {
				p.texts = append(p.texts, d.texts[text:next]...)
			}
			text = next
		}
		if d.dictionary != nil && kept {
			p.dictionary.keys = append(p.dictionary.keys, d.dictionary.keys[row])
		}
		if d.members != nil {
			to := binary.LittleEndian.Uint64(d.ends[8*row:])
			for ; end < to; end++ {
				elements = append(elements, kept)
				if kept {
					p.total++
				}
			}
			if kept {
				p.ends = binary.LittleEndian.AppendUint64(p.ends, p.total)
			}
		}
	}
	for _, m := range d.members {
		p.members = append(p.members, m.filter(func(element int) bool { return elements[element] }))
	}
	return p
}
