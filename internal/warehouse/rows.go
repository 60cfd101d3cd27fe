package warehouse

import (
	"context"
	"encoding/binary"
	"errors"
	"math"
	"math/bits"
	"slices"
	"strings"

	"ratemill/internal/ratedlog"
	"ratemill/rating"
	"ratemill/udr"
)

// rows builds rows from messages of the rated log: a block for each table. It is reused from block to block.
type rows struct {
	partition uint16
	log       uint32 // generation
	account   func(ctx context.Context, number uint32, revision uint64) (string, error)
	names     accountNames
	offset    func(ctx context.Context, account uint32, at udr.Instant, revision uint64) (Offset, error) // nil: UTC
	offsets   []accountOffset                                                                            // by account

	rated, tiers, suspended, duplicate, events, closed, files *Block

	blocks []*Block // in the order in which they are written
	ended  []arrival

	// Scratch.
	batch   ratedlog.Batch
	origin  origin
	usages  [together]udr.Usage
	records [together]row
	payers  []row // for tiers above the SIM's own, and corrections

	correction correction
	file       udr.FileID
	hex        string
}

// together is the number of records that are read before their columns are filled. With the texts to which they
// point, they fit into the second-level cache of the processor.
const together = 128

// row holds the values from which the columns of one row are filled. Each table uses the parts that
// its columns need.
type row struct {
	*origin
	seq, line uint64
	bytes     uint32

	usage         *udr.Usage
	account, root string // ids of the account that owned the SIM, and of its billing root
	day           int32  // day of the usage in the account's zone, since 1970-01-01
	late          uint16

	payer   string        // id of the account to which the charge or event belongs
	charge  chargeColumns // charge of payer
	charges [][]byte      // all charges of the record: messages ratemill.v1.Charge

	suspended *udr.Suspended
	end       *udr.FileEnd
	event     *rating.Event
	closed    *closing
}

// origin is the common part of the rows of one message.
type origin struct {
	file      string // hex
	pin       udr.Pin
	partition uint16
	offset    int64
	log       uint32 // generation of the rated log
}

// stage returns the stage that suspended the record. A record that mediation suspended has the suspended part of
// the raw record. A record that rating suspended has a complete usage record instead.
func (r *row) stage() string {
	if s := r.suspended; len(s.Raw) == 0 && len(s.Usage) > 0 && s.Parts == 0 {
		return "rating"
	}
	return "mediation"
}

// continues returns the id of the file that this file continues, empty for a complete file.
func (r *row) continues() string {
	if r.end.Continues.IsZero() {
		return ""
	}
	return r.end.Continues.String()
}

// closing returns how a record left suspense.
type closing struct {
	id              udr.ID
	how             string // retried or dropped
	retry, who, why string
	at              udr.Instant
}

// The ways to leave suspense.
const (
	retried = "retried"
	dropped = "dropped"
)

func newRows(partition int, account func(context.Context, uint32, uint64) (string, error)) *rows {
	r := &rows{partition: uint16(partition), log: 1, account: account}
	// Files are written last, so that a reader who sees a file's totals also sees the records before its
	// end in this partition.
	for _, b := range []struct {
		block **Block
		table string
	}{{&r.rated, ratedTable}, {&r.tiers, tierTable}, {&r.suspended, suspenseTable}, {&r.duplicate, duplicateTable},
		{&r.events, eventTable}, {&r.closed, closedTable}, {&r.files, fileTable}} {
		*b.block = newBlock(table(b.table))
		r.blocks = append(r.blocks, *b.block)
	}
	return r
}

func table(name string) *Table {
	for i := range tables {
		if tables[i].Name == name {
			return &tables[i]
		}
	}
	panic("warehouse: no table is called " + name) // names are constants of this package
}

// Reset implements consumer.Block.
func (r *rows) Reset() {
	r.ended = r.ended[:0]
	for _, b := range r.blocks {
		b.reset()
	}
}

// Size implements consumer.Block: it returns the number of records.
func (r *rows) Size() int {
	return r.rated.Rows() + r.suspended.Rows() + r.duplicate.Rows()
}

// Tables implements consumer.TableBlock.
func (r *rows) Tables() []*Block { return r.blocks }

// Add implements consumer.Block: it appends the rows of a message that counts.
func (r *rows) Add(ctx context.Context, offset int64, message []byte) error {
	m := &r.batch
	if err := ratedlog.ParseBatch(message, m); err != nil {
		return err
	}
	if m.File != r.file || r.hex == "" {
		r.file, r.hex = m.File, m.File.String()
	}
	r.origin = origin{file: r.hex, pin: m.Pin, partition: r.partition, offset: offset, log: r.log}
	r.rated.reserve(len(m.Rated), len(message))
	for records := range slices.Chunk(m.Rated, together) {
		if err := r.addRated(ctx, records); err != nil {
			return err
		}
	}
	for _, s := range m.Suspended {
		if err := r.addSuspended(s); err != nil {
			return err
		}
	}
	for i := range m.Duplicate {
		if err := r.parse(ctx, 0, m.Duplicate[i]); err != nil {
			return err
		}
		r.duplicate.fill(r.records[:1])
	}
	if m.End != nil && m.End.Name != "" {
		r.addFile(m.End)
	}
	return nil
}

// name returns the id of an account.
func (r *rows) name(ctx context.Context, number uint32) (string, error) {
	if id, ok := r.names.known(number); ok {
		return id, nil
	}
	id, err := r.account(ctx, number, r.origin.pin.Registry)
	if err == nil {
		r.names.remember(number, id)
	}
	return id, err
}

// parse reads the message of a usage record into the row at an index of records.
func (r *rows) parse(ctx context.Context, at int, message []byte) (err error) {
	u, to := &r.usages[at], &r.records[at]
	if err := udr.ParseUsage(message, u); err != nil {
		return err
	}
	*to = row{origin: &r.origin, seq: u.Seq, line: u.Line, bytes: u.Bytes, usage: u}
	if to.account, err = r.name(ctx, u.Account); err != nil {
		return err
	}
	to.root, err = r.name(ctx, u.Root)
	return err
}

// addRated appends rated records, at most as many as together.
func (r *rows) addRated(ctx context.Context, records []ratedlog.RatedRecord) error {
	r.payers = r.payers[:0]
	for i := range records {
		rec, to := &records[i], &r.records[i]
		err := r.parse(ctx, i, rec.Usage)
		if err != nil {
			return err
		}
		if to.day, err = r.day(ctx, to.usage); err != nil {
			return err
		}
		to.late = uint16(min(rec.Late, math.MaxUint16))
		if err := r.addCharges(ctx, to, rec.Charges); err != nil {
			return err
		}
		for _, message := range rec.Events {
			if err := r.addEvent(ctx, *to, message); err != nil {
				return err
			}
		}
	}
	r.rated.fill(r.records[:len(records)])
	r.tiers.fill(r.payers)
	return nil
}

// addCharges adds the charge of the SIM's account to a rated record, and the charges of the accounts above to payers.
func (r *rows) addCharges(ctx context.Context, to *row, messages [][]byte) (err error) {
	to.charges = messages
	own := false
	for _, message := range messages {
		if !own {
			if err := parseChargeColumns(message, &to.charge); err != nil {
				return err
			}
			if own = to.charge.tier == 0 && to.charge.class == ""; own {
				continue
			}
		}
		r.payers = append(r.payers, *to)
		p := &r.payers[len(r.payers)-1]
		if own {
			err = parseChargeColumns(message, &p.charge)
		}
		if p.charge.class != "" {
			r.correction.of(p)
		}
		if err == nil {
			p.payer, err = r.name(ctx, p.charge.account)
		}
		if err != nil {
			return err
		}
		if !own {
			to.charge = chargeColumns{}
		}
	}
	return nil
}

// correction holds the usage for rows of corrections, which are about units used before the record. Corrections of one
// class are consecutive.
type correction struct{ usage *udr.Usage }

func (c *correction) of(p *row) {
	unit := rating.CorrectedUnit(p.charge.classUnit, p.usage)
	if c.usage == nil || c.usage.Class != p.charge.class || c.usage.At != p.usage.At || c.usage.Unit != unit {
		c.usage = &udr.Usage{Class: p.charge.class, Unit: unit, At: p.usage.At}
	}
	p.usage = c.usage
}

func (r *rows) addEvent(ctx context.Context, of row, message []byte) error {
	e, err := rating.ParseEvent(message)
	if err != nil {
		return err
	}
	if of.payer, err = r.name(ctx, e.Account); err != nil {
		return err
	}
	of.event = &e
	r.events.fill([]row{of})
	return nil
}

// asDecimal returns a counter's value as a Decimal(38, 12), which counts units of 10^-12. Money already does, and
// other counters are below 2^63, so the product fits.
func asDecimal(v rating.Value, cost bool) (hi int64, lo uint64) {
	if cost {
		return v.Hi, v.Lo
	}
	n := v.Units()
	negative := n < 0
	if negative {
		n = -n
	}
	high, low := bits.Mul64(uint64(n), 1_000_000_000_000)
	if negative {
		low = -low
		high = ^high
		if low == 0 {
			high++
		}
	}
	return int64(high), low
}

func (r *rows) addSuspended(message []byte) error {
	var s udr.Suspended
	if err := udr.ParseSuspended(message, &s); err != nil {
		return err
	}
	u := &r.usages[0]
	u.Reset()
	if len(s.Usage) > 0 {
		if err := udr.ParseUsage(s.Usage, u); err != nil {
			return err
		}
	}
	r.records[0] = row{origin: &r.origin, seq: s.Seq, line: s.Line, bytes: s.Bytes, usage: u, suspended: &s}
	r.suspended.fill(r.records[:1])
	return nil
}

func (r *rows) addFile(e *udr.FileEnd) {
	r.records[0] = row{origin: &r.origin, end: e}
	r.files.fill(r.records[:1])
	for _, id := range e.Retried {
		r.closed.fill([]row{{origin: &r.origin, closed: &closing{id: id, how: retried, retry: r.hex, at: e.Taken}}})
	}
	if len(e.Retried) == 0 {
		r.ended = append(r.ended, arrival{strings.Clone(r.origin.pin.Source), e.Taken}) // may point into the message
	}
}

// arrival is a file whose end is among the rows.
type arrival struct {
	source string
	taken  udr.Instant
}

// ParseCharges reads the column charges of rated_usage. Strings of the charges point into b.
func ParseCharges(b []byte) (charges []rating.Charge, err error) {
	for len(b) > 0 {
		n, size := binary.Uvarint(b)
		if size <= 0 || n > uint64(len(b)-size) {
			return nil, errors.New("the column charges is damaged: a message is longer than what is there")
		}
		var c rating.Charge
		if err := rating.ParseCharge(b[size:size+int(n)], &c); err != nil {
			return nil, err
		}
		charges = append(charges, c)
		b = b[size+int(n):]
	}
	return charges, nil
}
