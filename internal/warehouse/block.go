package warehouse

import (
	"encoding/binary"
	"strings"

	"ratemill/udr"
)

// Block is rows of one table on their way into it. What it holds is fixed by the offsets that its sink intended, so
// that whoever makes it again makes the same.
type Block struct {
	Table   string
	columns []*data
	byName  map[string]*data

	from, to int64 // offsets of the rated log of which it is made
}

// newBlock makes an empty block for the columns of a table that are inserted.
func newBlock(t *Table) *Block {
	b := &Block{Table: t.Name, byName: map[string]*data{}}
	for _, c := range t.Columns {
		if c.Filled == "" && c.Computed == "" {
			d := newData(c.Name, c.Type)
			b.columns = append(b.columns, d)
			b.byName[c.Name] = d
		}
	}
	return b
}

// column is a column by its declared name.
func (b *Block) column(name string) *data {
	d := b.byName[name]
	if d == nil {
		panic("warehouse: table " + b.Table + " has no column " + name) // any insert of any test would say so
	}
	return d
}

func (b *Block) reset() {
	for _, c := range b.columns {
		c.reset()
	}
}

// reserve makes room for rows of a message.
func (b *Block) reserve(rows, message int) {
	for _, c := range b.columns {
		c.reserve(rows, message/4)
	}
}

// Rows is how many rows the block has.
func (b *Block) Rows() int { return b.columns[0].rows }

// Name implements consumer.Rows.
func (b *Block) Name() string { return b.Table }

// Of implements consumer.Rows.
func (b *Block) Of(from, to int64) { b.from, b.to = from, to }

// Statement is the INSERT that the block's columns follow.
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

// origin is what records of one message have in common.
type origin struct {
	file      string // hex
	id        udr.FileID
	pin       udr.Pin
	partition uint16
	offset    int64
}

// identityColumns are the first and last columns of a table of records.
type identityColumns struct {
	b                                        *Block
	file, seq, line, bytes, source, rules    *data
	catalogue, registry, partition, position *data
}

func newIdentityColumns(b *Block) identityColumns {
	c := b.column
	return identityColumns{b, c("file"), c("seq"), c("line"), c("bytes"), c("source"), c("rules"), c("catalogue"), c("registry"), c("partition"), c("offset")}
}

func (c *identityColumns) add(o *origin, seq, line uint64, bytes uint32) {
	c.file.word(o.file)
	c.seq.u64(seq)
	c.line.u64(line)
	c.bytes.u32(bytes)
	c.source.word(o.pin.Source)
	c.rules.word(o.pin.Rules)
	c.catalogue.word(o.pin.Catalogue)
	c.registry.u64(o.pin.Registry)
	c.partition.u16(o.partition)
	c.position.u64(uint64(o.offset))
}

// usageColumns are those of the usage data record.
type usageColumns struct {
	class, unit, at, quantity, identifierKind, identifier, sim, account, accountNumber, root, rootNumber    *data
	network, country, peer, peerCountry, apn, imei, cell, session, continues, direction, duration, up, down *data
	attributes, duplicateKey                                                                                *data

	json []byte // scratch
}

func newUsageColumns(b *Block) usageColumns {
	c := b.column
	return usageColumns{
		c("class"), c("unit"), c("at"), c("quantity"), c("identifier_kind"), c("identifier"), c("sim"), c("account"), c("account_number"), c("root"), c("root_number"),
		c("network"), c("country"), c("peer"), c("peer_country"), c("apn"), c("imei"), c("cell"), c("session"), c("continues"), c("direction"), c("duration"), c("up"), c("down"),
		c("attributes_json"), c("duplicate_key"), nil,
	}
}

func (c *usageColumns) add(u *udr.Usage, account, root string) {
	c.class.word(u.Class)
	c.unit.word(u.Unit.String())
	c.at.u64(uint64(u.At))
	c.quantity.u64(uint64(u.Quantity))
	c.identifierKind.word(u.Identifier.Kind.String())
	c.identifier.text(u.Identifier.Value)
	c.sim.u32(u.SIM)
	c.account.word(account)
	c.accountNumber.u32(u.Account)
	c.root.word(root)
	c.rootNumber.u32(u.Root)
	c.network.word(u.Network)
	c.country.word(u.Country)
	c.peer.text(u.Peer)
	c.peerCountry.word(u.PeerCountry)
	c.apn.word(u.APN)
	c.imei.text(u.IMEI)
	c.cell.text(u.Cell)
	c.session.text(u.Session)
	c.continues.flag(u.Continues)
	c.direction.word(u.Direction)
	c.duration.u64(uint64(u.Duration))
	c.up.u64(uint64(u.Up))
	c.down.u64(uint64(u.Down))
	c.json = appendAttributes(c.json[:0], u.Attributes)
	c.attributes.bytes(c.json)
	c.duplicateKey.raw(u.Duplicate[:])
}

// appendAttributes appends attributes as a JSON object, nothing for none.
func appendAttributes(dst []byte, attributes []udr.Attribute) []byte {
	if len(attributes) == 0 {
		return dst
	}
	for i := range attributes {
		dst = append(dst, "{,"[min(i, 1)])
		dst = appendJSON(dst, attributes[i].Name)
		dst = append(dst, ':')
		dst = appendJSON(dst, attributes[i].Value)
	}
	return append(dst, '}')
}

// appendJSON appends a text as JSON. Bytes that are no UTF-8 stay as they are, as ClickHouse does it.
func appendJSON(dst []byte, s string) []byte {
	dst = append(dst, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c < ' ':
			dst = append(dst, '\\', 'u', '0', '0', "0123456789abcdef"[c>>4], "0123456789abcdef"[c&15])
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '"')
}

// accountNames are the text ids of accounts by number; numbers are dense, and an account keeps its id.
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

// remember keeps an id, unless the number is so large that a slice is the wrong place for it.
func (a *accountNames) remember(number uint32, id string) {
	if number >= 1<<24 {
		return
	}
	if short := int(number) + 1 - len(*a); short > 0 {
		*a = append(*a, make([]string, short)...)
	}
	(*a)[number] = id
}

// appendMessage appends a message after its length.
func appendMessage(dst, message []byte) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(message))), message...)
}
