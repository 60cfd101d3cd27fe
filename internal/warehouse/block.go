package warehouse

import "strings"

// Block holds rows of one table that are to be written to it. Its content depends only on the offsets that its sink
// intended, so every sink that builds it again builds the same block.
type Block struct {
	Table   string
	columns []*data
	fills   []fill             // of the columns, in a table of the rated log
	facts   []fillOf[fact]     // of the columns, in a table of facts
	exports []fillOf[exported] // of the columns, in a table of invoices
	byName  map[string]*data

	from, to int64 // offsets of the rated log from which the block is built
}

// newBlock returns an empty block for the columns of a table that are inserted.
func newBlock(t *Table) *Block {
	b := &Block{Table: t.Name, byName: map[string]*data{}}
	for i := range t.Columns {
		if c := &t.Columns[i]; c.fill != nil {
			d := newData(c.Name, c.Type)
			b.columns = append(b.columns, d)
			switch fill := c.fill.(type) {
			case fillOf[row]:
				b.fills = append(b.fills, fill)
			case fillOf[fact]:
				b.facts = append(b.facts, fill)
			case fillOf[exported]:
				b.exports = append(b.exports, fill)
			}
			b.byName[c.Name] = d
		}
	}
	return b
}

// column returns a column by its declared name.
func (b *Block) column(name string) *data {
	d := b.byName[name]
	if d == nil {
		panic("warehouse: table " + b.Table + " has no column " + name) // the first insert of any test would fail
	}
	return d
}

func (b *Block) reset() {
	for _, c := range b.columns {
		c.reset()
	}
}

// fill appends rows of one message, column by column.
func (b *Block) fill(rows []row) {
	if len(rows) == 0 {
		return
	}
	for i, d := range b.columns {
		b.fills[i](d, rows)
	}
}

// fillFacts is like fill, for facts.
func (b *Block) fillFacts(facts []fact) {
	for i, d := range b.columns {
		b.facts[i](d, facts)
	}
}

// fillExports is like fill, for documents and closes, their lines and items.
func (b *Block) fillExports(rows []exported) {
	for i, d := range b.columns {
		b.exports[i](d, rows)
	}
}

// reserve makes room for the rows of a message.
func (b *Block) reserve(rows, message int) {
	for _, c := range b.columns {
		c.reserve(rows, message/4)
	}
}

// Rows returns the number of rows of the block.
func (b *Block) Rows() int { return b.columns[0].rows }

// Name implements consumer.Rows.
func (b *Block) Name() string { return b.Table }

// Of implements consumer.Rows.
func (b *Block) Of(from, to int64) { b.from, b.to = from, to }

// Statement returns the INSERT whose columns the block has, in order.
func (b *Block) Statement() string {
	var s strings.Builder
	s.WriteString("INSERT INTO " + b.Table + " (")
	for i, c := range b.columns {
		if i > 0 {
			s.WriteString(", ")
		}
		s.WriteString(quoteName(c.name))
	}
	s.WriteString(") FORMAT Native")
	return s.String()
}

// accountNames holds the text ids of accounts by number; numbers are dense, and the id of an account
// never changes.
type accountNames []string

func (a accountNames) known(number uint32) (string, bool) {
	if number == 0 {
		return "", true
	}
	if int(number) < len(a) {
		return a[number], a[number] != ""
	}
	return "", false
}

// remember stores an id, unless the number is too large for a slice.
func (a *accountNames) remember(number uint32, id string) {
	if number >= 1<<24 {
		return
	}
	if short := int(number) + 1 - len(*a); short > 0 {
		*a = append(*a, make([]string, short)...)
	}
	(*a)[number] = id
}
