package warehouse

import (
	"context"
	"encoding/binary"
	"errors"
	"math"
	"math/bits"
	"strings"

	"ratemill/internal/ratedlog"
	"ratemill/rating"
	"ratemill/udr"
)

// rows makes rows of messages of the rated log: a block for each table. It is reused from block to block.
type rows struct {
	partition uint16
	account   func(ctx context.Context, number uint32, revision uint64) (string, error)
	names     accountNames
	offset    func(ctx context.Context, account uint32, at udr.Instant, revision uint64) (Offset, error) // nil: UTC
	offsets   []accountOffset                                                                            // by account

	rated     ratedRows
	tiers     tierRows
	suspended suspendedRows
	duplicate recordRows
	files     fileRows
	events    eventRows
	closed    closedRows
	blocks    []*Block // in the order in which they are written
	ended     []arrival

	// Scratch.
	batch  ratedlog.Batch
	usage  udr.Usage
	charge chargeColumns
	file   udr.FileID
	hex    string
	joined []byte
}

type recordRows struct {
	identityColumns
	usageColumns
}

type ratedRows struct {
	recordRows
	amount, currency, plan, planVersion, price, zone, cycle, charged, covered, rest, charges, day, late *data
}

type tierRows struct {
	file, seq, source, class, unit, at, quantity, sim, network, country, root *data
	tier, account, number, plan, planVersion, zone, cycle, currency, amount   *data
	partition, position                                                       *data
}

type suspendedRows struct {
	identityColumns
	stage, code, rule, where, values, reason, raw, usage, class, at, quantity, identifierKind, identifier, preamble, part, parts *data
}

type fileRows struct {
	file, name, source, rules, catalogue, registry, taken, retried, records, added, filtered, mapped, suspended *data
	bytes, framing, filteredBytes, units, continues, partition, position                                        *data
}

type closedRows struct {
	b                                       *Block
	file, seq, how, retry, who, closed, why *data
}

// How a record left suspense.
const (
	retried = "retried"
	dropped = "dropped"
)

func newClosedRows(b *Block) closedRows {
	c := b.column
	return closedRows{b, c("file"), c("seq"), c("how"), c("retry"), c("who"), c("closed"), c("why")}
}

func (t *closedRows) add(id udr.ID, how, retry, who, why string, at udr.Instant) {
	t.file.word(id.File.String())
	t.seq.u64(id.Seq)
	t.how.word(how)
	t.retry.text(retry)
	t.who.word(who)
	t.closed.u64(uint64(at))
	t.why.text(why)
}

type eventRows struct {
	file, seq, event, name, at, account, number, root, sim, counter, counterID, owner, cycle, threshold, before, after *data
	partition, position                                                                                                *data
}

func newRows(partition int, account func(context.Context, uint32, uint64) (string, error)) *rows {
	r := &rows{partition: uint16(partition), account: account}
	block := func(name string) *Block {
		t := table(name)
		b := newBlock(t)
		r.blocks = append(r.blocks, b)
		return b
	}
	b := block(ratedTable)
	c := b.column
	r.rated = ratedRows{recordRows: recordRows{newIdentityColumns(b), newUsageColumns(b)},
		amount: c("amount"), currency: c("currency"), plan: c("plan"), planVersion: c("plan_version"), price: c("price"), zone: c("zone"),
		cycle: c("cycle"), charged: c("charged"), covered: c("covered"), rest: c("rest"), charges: c("charges"), day: c("day"), late: c("late")}

	c = block(tierTable).column
	r.tiers = tierRows{c("file"), c("seq"), c("source"), c("class"), c("unit"), c("at"), c("quantity"), c("sim"), c("network"), c("country"), c("root"),
		c("tier"), c("account"), c("account_number"), c("plan"), c("plan_version"), c("zone"), c("cycle"), c("currency"), c("amount"), c("partition"), c("offset")}

	b = block(suspenseTable)
	c = b.column
	r.suspended = suspendedRows{newIdentityColumns(b), c("stage"), c("code"), c("rule"), c("position"), c("values"), c("reason"), c("raw"), c("usage"),
		c("class"), c("at"), c("quantity"), c("identifier_kind"), c("identifier"), c("preamble"), c("part"), c("parts")}

	b = block(duplicateTable)
	r.duplicate = recordRows{newIdentityColumns(b), newUsageColumns(b)}

	c = block(eventTable).column
	r.events = eventRows{c("file"), c("seq"), c("event"), c("name"), c("at"), c("account"), c("account_number"), c("root"), c("sim"), c("counter"),
		c("counter_id"), c("owner"), c("cycle"), c("threshold"), c("before"), c("after"), c("partition"), c("offset")}

	r.closed = newClosedRows(block(closedTable))

	// Files come last: who sees a file's totals sees the records that stood before its end in this partition.
	c = block(fileTable).column
	r.files = fileRows{c("file"), c("name"), c("source"), c("rules"), c("catalogue"), c("registry"), c("taken"), c("retried"), c("records"), c("added"),
		c("filtered"), c("mapped"), c("suspended"), c("bytes"), c("framing_bytes"), c("filtered_bytes"), c("units"), c("continues"), c("partition"), c("offset")}
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

// Size implements consumer.Block: how many records there are.
func (r *rows) Size() int {
	return r.rated.b.Rows() + r.suspended.b.Rows() + r.duplicate.b.Rows()
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
	o := origin{file: r.hex, id: m.File, pin: m.Pin, partition: r.partition, offset: offset}
	r.rated.b.reserve(len(m.Rated), len(message))
	for i := range m.Rated {
		if err := r.addRated(ctx, &o, &m.Rated[i]); err != nil {
			return err
		}
	}
	for _, s := range m.Suspended {
		if err := r.addSuspended(&o, s); err != nil {
			return err
		}
	}
	for _, d := range m.Duplicate {
		if err := r.addDuplicate(ctx, &o, d); err != nil {
			return err
		}
	}
	if m.End != nil && m.End.Name != "" {
		r.addFile(&o, m.End)
	}
	return nil
}

// name is the id of an account.
func (r *rows) name(ctx context.Context, number uint32, o *origin) (string, error) {
	if id, ok := r.names.known(number); ok {
		return id, nil
	}
	id, err := r.account(ctx, number, o.pin.Registry)
	if err == nil {
		r.names.remember(number, id)
	}
	return id, err
}

func (r *rows) addRecord(ctx context.Context, o *origin, to *recordRows, message []byte) (root string, err error) {
	u := &r.usage
	if err := udr.ParseUsage(message, u); err != nil {
		return "", err
	}
	account, err := r.name(ctx, u.Account, o)
	if err != nil {
		return "", err
	}
	if root, err = r.name(ctx, u.Root, o); err != nil {
		return "", err
	}
	to.identityColumns.add(o, u.Seq, u.Line, u.Bytes)
	to.usageColumns.add(u, account, root)
	return root, nil
}

func (r *rows) addRated(ctx context.Context, o *origin, rec *ratedlog.RatedRecord) error {
	root, err := r.addRecord(ctx, o, &r.rated.recordRows, rec.Usage)
	if err != nil {
		return err
	}
	t := &r.rated
	own := false
	r.joined = r.joined[:0]
	for _, message := range rec.Charges {
		c := &r.charge
		if err := c.parse(message); err != nil {
			return err
		}
		r.joined = appendMessage(r.joined, message)
		if c.tier == 0 && !own {
			own = true
			t.addCharge(c)
			continue
		}
		if err := r.addTier(ctx, o, c, root); err != nil {
			return err
		}
	}
	if !own {
		t.addCharge(&noCharge)
	}
	t.charges.bytes(r.joined)
	day, err := r.day(ctx, o)
	if err != nil {
		return err
	}
	t.day.u32(uint32(day))
	t.late.u16(uint16(min(rec.Late, math.MaxUint16)))
	for _, message := range rec.Events {
		if err := r.addEvent(ctx, o, message, root); err != nil {
			return err
		}
	}
	return nil
}

var noCharge chargeColumns

// addCharge fills the columns of what the SIM's account pays.
func (t *ratedRows) addCharge(c *chargeColumns) {
	t.amount.decimal(c.total)
	t.currency.word(c.currency)
	t.plan.word(c.plan)
	t.planVersion.u32(c.planVersion)
	t.price.word(c.price)
	t.zone.word(c.zone)
	t.cycle.u32(uint32(c.cycle))
	t.charged.u64(uint64(c.rounded))
	t.covered.u64(uint64(c.covered))
	t.rest.decimal(c.rest)
}

func (r *rows) addTier(ctx context.Context, o *origin, c *chargeColumns, root string) error {
	id, err := r.name(ctx, c.account, o)
	if err != nil {
		return err
	}
	t, u := &r.tiers, &r.usage
	t.file.word(o.file)
	t.seq.u64(u.Seq)
	t.source.word(o.pin.Source)
	t.class.word(u.Class)
	t.unit.word(u.Unit.String())
	t.at.u64(uint64(u.At))
	t.quantity.u64(uint64(u.Quantity))
	t.sim.u32(u.SIM)
	t.network.word(u.Network)
	t.country.word(u.Country)
	t.root.word(root)
	t.tier.u8(c.tier)
	t.account.word(id)
	t.number.u32(c.account)
	t.plan.word(c.plan)
	t.planVersion.u32(c.planVersion)
	t.zone.word(c.zone)
	t.cycle.u32(uint32(c.cycle))
	t.currency.word(c.currency)
	t.amount.decimal(c.total)
	t.partition.u16(o.partition)
	t.position.u64(uint64(o.offset))
	return nil
}

func (r *rows) addEvent(ctx context.Context, o *origin, message []byte, root string) error {
	e, err := rating.ParseEvent(message)
	if err != nil {
		return err
	}
	account, err := r.name(ctx, e.Account, o)
	if err != nil {
		return err
	}
	t := &r.events
	t.file.word(o.file)
	t.seq.u64(r.usage.Seq)
	t.event.word(e.Kind.String())
	t.name.word(e.Name)
	t.at.u64(uint64(e.At))
	t.account.word(account)
	t.number.u32(e.Account)
	t.root.word(root)
	t.sim.u32(e.SIM)
	t.counter.word(e.Counter.Kind.String())
	t.counterID.u64(e.Counter.ID)
	t.owner.u32(e.Counter.Owner)
	t.cycle.u32(uint32(e.Counter.Cycle))
	cost := e.Counter.Kind.IsCost()
	t.threshold.parts(asDecimal(e.Threshold, cost))
	t.before.parts(asDecimal(e.Before, cost))
	t.after.parts(asDecimal(e.After, cost))
	t.partition.u16(o.partition)
	t.position.u64(uint64(o.offset))
	return nil
}

// asDecimal is a counter's value as a Decimal(38, 12), whose integer counts 10^-12: money does so already, and units
// are below 2^63, so that their product fits.
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

func (r *rows) addDuplicate(ctx context.Context, o *origin, message []byte) error {
	_, err := r.addRecord(ctx, o, &r.duplicate, message)
	return err
}

func (r *rows) addSuspended(o *origin, message []byte) error {
	var s udr.Suspended
	if err := udr.ParseSuspended(message, &s); err != nil {
		return err
	}
	u := &r.usage
	u.Reset()
	if len(s.Usage) > 0 {
		if err := udr.ParseUsage(s.Usage, u); err != nil {
			return err
		}
	}
	// Mediation says which part of the raw record it is; rating does not know, and its usage is whole.
	stage := "mediation"
	if len(s.Raw) == 0 && len(s.Usage) > 0 && s.Parts == 0 {
		stage = "rating"
	}
	t := &r.suspended
	t.identityColumns.add(o, s.Seq, s.Line, s.Bytes)
	t.stage.word(stage)
	t.code.word(s.Why.Code)
	t.rule.text(s.Why.Rule)
	t.where.text(s.Why.Position)
	t.values.text(s.Why.Values)
	t.reason.text(s.Why.Reason)
	t.raw.bytes(s.Raw)
	t.usage.bytes(s.Usage)
	t.class.word(u.Class)
	t.at.u64(uint64(u.At))
	t.quantity.u64(uint64(u.Quantity))
	t.identifierKind.word(u.Identifier.Kind.String())
	t.identifier.text(u.Identifier.Value)
	t.preamble.bytes(s.Preamble)
	t.part.u32(s.Part)
	t.parts.u32(s.Parts)
	return nil
}

func (r *rows) addFile(o *origin, e *udr.FileEnd) {
	t := &r.files
	t.file.text(o.file)
	t.name.text(e.Name)
	t.source.word(o.pin.Source)
	t.rules.word(o.pin.Rules)
	t.catalogue.word(o.pin.Catalogue)
	t.registry.u64(o.pin.Registry)
	t.taken.u64(uint64(e.Taken))
	t.retried.u64(uint64(len(e.Retried)))
	t.records.u64(e.Records)
	t.added.u64(e.Added)
	t.filtered.u64(e.Filtered)
	t.mapped.u64(e.Mapped)
	t.suspended.u64(e.Suspended)
	t.bytes.u64(e.Bytes)
	t.framing.u64(e.FramingBytes)
	t.filteredBytes.u64(e.FilteredBytes)
	for _, u := range e.Units {
		t.units.members[0].word(u.Class)
		t.units.members[1].u64(uint64(u.Quantity))
	}
	t.units.elements(len(e.Units))
	continues := ""
	if !e.Continues.IsZero() {
		continues = e.Continues.String()
	}
	t.continues.text(continues)
	for _, id := range e.Retried {
		r.closed.add(id, retried, o.file, "", "", e.Taken)
	}
	t.partition.u16(o.partition)
	t.position.u64(uint64(o.offset))
	if len(e.Retried) == 0 {
		r.ended = append(r.ended, arrival{strings.Clone(o.pin.Source), e.Taken}) // it may point into the message
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
