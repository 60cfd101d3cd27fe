package simulation

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"ratemill/internal/backoff"
	"ratemill/internal/consumer"
	"ratemill/internal/control"
	"ratemill/internal/ratedlog"
	"ratemill/internal/warehouse"
	"ratemill/rating"
	"ratemill/udr"
)

// simWarehouse is a warehouse that keeps only the identities of rows. It drops a block whose token it remembers.
type simWarehouse struct {
	w      *world
	tokens [partitions]map[string]bool
	blocks [partitions]map[string][]storedBlock     // by table
	rows   [partitions]map[string]map[udr.ID]stored // by table
	events [partitions]int
	ends   [partitions]map[udr.FileID]bool // files that are closed
	late   []lateBlock
}

type stored struct {
	times  int
	amount string
}

// storedBlock records the offsets from which rows came.
type storedBlock struct {
	from, to int64
	rows     int
}

type lateBlock struct {
	due       int
	partition int
	apply     func()
}

func (h *simWarehouse) init(w *world) {
	h.w = w
	for p := range h.rows {
		h.tokens[p], h.blocks[p], h.rows[p], h.ends[p] = map[string]bool{}, map[string][]storedBlock{}, map[string]map[udr.ID]stored{},
			map[udr.FileID]bool{}
	}
}

// deliver applies the inserts that arrive after their callers gave up on them.
func (h *simWarehouse) deliver() {
	h.late = slices.DeleteFunc(h.late, func(l lateBlock) bool {
		due := l.due <= h.w.step || h.w.phase != troubled
		if due {
			l.apply()
		}
		return due
	})
}

// forget simulates blocks of other partitions in a table while the sink of this partition waits with a block: they
// push the block's token out of the table's window. The block must not be in an insert that is still in progress:
// such an insert would arrive within minutes or never, and tables remember tokens for hours.
func (h *simWarehouse) forget(p int) {
	w := h.w
	if w.store.sinks[p].Intent == nil || len(h.tokens[p]) == 0 ||
		slices.ContainsFunc(h.late, func(l lateBlock) bool { return l.partition == p }) ||
		slices.ContainsFunc(w.actors, func(a *actor) bool { return a.kind == sinkKind && a.partition == p && !a.ended }) ||
		!w.happens(Forgotten, 4) {
		return
	}
	clear(h.tokens[p])
	w.note("warehouse", "FORGETS tokens", int64(p), 0)
}

// rows holds the rows of one table; only their identities are kept.
type rows struct {
	table   string
	n       int
	ids     []udr.ID
	files   []udr.FileID // for the table of files, which has no records
	amounts []string
	from    int64
	to      int64
}

// Name implements consumer.Rows.
func (r *rows) Name() string { return r.table }

// Rows implements consumer.Rows.
func (r *rows) Rows() int { return r.n }

// Of implements consumer.Rows.
func (r *rows) Of(from, to int64) { r.from, r.to = from, to }

// Balanced implements consumer.Rows.
func (r *rows) Balanced() bool { return false }

// Filter implements consumer.Rows. No row is ever refused here.
func (r *rows) Filter(func(int) bool) *rows { panic("no row is refused") }

// Only implements consumer.Rows.
func (r *rows) Only() (consumer.RefusedRow, error) { panic("no row is refused") }

func (r *rows) add(id udr.ID) {
	r.n++
	r.ids = append(r.ids, id)
}

// block is a block as a sink writes it: one table for each outcome of records, as in the real warehouse.
type block struct {
	tables                                              []*rows
	rated, suspended, duplicates, events, closed, ended *rows

	batch  ratedlog.Batch
	usage  udr.Usage
	charge rating.Charge
}

func newBlock() *block {
	b := &block{}
	table := func(name string) *rows {
		r := &rows{table: name}
		b.tables = append(b.tables, r)
		return r
	}
	b.rated, b.suspended, b.duplicates = table("rated_usage"), table("suspense"), table("duplicates")
	b.events, b.closed, b.ended = table("usage_events"), table("suspense_closed"), table("files")
	return b
}

// Tables implements consumer.TableBlock.
func (b *block) Tables() []*rows { return b.tables }

// Reset implements consumer.Block.
func (b *block) Reset() {
	for _, r := range b.tables {
		r.n, r.ids, r.files, r.amounts = 0, nil, nil, nil // a late insert still uses them
	}
}

// Size implements consumer.Block.
func (b *block) Size() int { return b.rated.n + b.suspended.n + b.duplicates.n }

// Add implements consumer.Block.
func (b *block) Add(_ context.Context, _ int64, message []byte) error {
	m := &b.batch
	if err := ratedlog.ParseBatch(message, m); err != nil {
		return err
	}
	for i := range m.Rated {
		r := &m.Rated[i]
		if err := udr.ParseUsage(r.Usage, &b.usage); err != nil {
			return err
		}
		if err := rating.ParseCharge(r.Charges[0], &b.charge); err != nil {
			return err
		}
		b.rated.add(udr.ID{File: m.File, Seq: b.usage.Seq})
		b.rated.amounts = append(b.rated.amounts, b.charge.Total.String())
		b.events.n += len(r.Events)
	}
	for _, message := range m.Duplicate {
		if err := udr.ParseUsage(message, &b.usage); err != nil {
			return err
		}
		b.duplicates.add(udr.ID{File: m.File, Seq: b.usage.Seq})
	}
	var s udr.Suspended
	for _, message := range m.Suspended {
		if err := udr.ParseSuspended(message, &s); err != nil {
			return err
		}
		b.suspended.add(udr.ID{File: m.File, Seq: s.Seq})
	}
	if m.End != nil && m.End.Name != "" {
		b.ended.n++
		b.ended.files = append(b.ended.files, m.File)
		for _, id := range m.End.Retried {
			b.closed.add(id)
		}
	}
	return nil
}

// inserter is the warehouse as the sink of a partition sees it.
type inserter struct {
	*simWarehouse
	partition int
}

// Insert stores a block, or only reports that it stored the block, or both.
func (i inserter) Insert(_ context.Context, b *rows, token string) error {
	w := i.w
	w.point(effect{"insert", b.table}, int64(i.partition), int64(b.n))
	stays := *b
	apply := func() { i.store(&stays, token) }
	down := warehouse.Away("insert", errSimulated)
	switch {
	case w.isFull(warehouseDisk), w.happens(InsertFails, 30):
		return down
	case w.happens(TokenAlone, 30):
		i.tokens[i.partition][token] = true
		return down
	case w.happens(LateInsert, 30):
		i.late = append(i.late, lateBlock{w.step + 1 + w.spread(LateInsert), i.partition, apply})
		w.point(effect{"insert", "fails"}, 0, 0)
		return down
	}
	apply()
	w.point(effect{"inserted", b.table}, int64(i.partition), int64(b.n))
	if w.happens(LostInsert, 15) {
		return down
	}
	return nil
}

// Stored returns how many rows of a block are there, or an error.
func (i inserter) Stored(_ context.Context, b *rows) (rows int, err error) {
	w := i.w
	w.point(effect{"count", b.table}, int64(i.partition), int64(b.n))
	if w.happens(InsertFails, 30) {
		return 0, warehouse.Away("count", errSimulated)
	}
	for _, s := range i.blocks[i.partition][b.table] {
		if s.from <= b.to && s.to >= b.from { // blocks with other bounds exist only after a set-back; any of their rows is enough
			rows += s.rows
		}
	}
	return rows, nil
}

func (i inserter) store(b *rows, token string) {
	if i.tokens[i.partition][token] {
		return
	}
	i.tokens[i.partition][token] = true
	i.blocks[i.partition][b.table] = append(i.blocks[i.partition][b.table], storedBlock{b.from, b.to, b.n})
	if b.table == "usage_events" {
		i.events[i.partition] += b.n
	}
	for _, id := range b.files {
		i.ends[i.partition][id] = true
	}
	t := i.rows[i.partition][b.table]
	if t == nil {
		t = map[udr.ID]stored{}
		i.rows[i.partition][b.table] = t
	}
	for n, id := range b.ids {
		s := t[id]
		s.times++
		if n < len(b.amounts) {
			s.amount = b.amounts[n]
		}
		t[id] = s
	}
}

// Replicated reports whether a token is always stored together with its rows; here it may be stored alone.
func (i inserter) Replicated() bool { return false }

// positions of sinks, in the control store.
type positions struct{ s *store }

func (p positions) SinkGet(ctx context.Context, name string, partition int) (at control.SinkPosition, err error) {
	err = p.s.transaction(ctx, "reading a sink's position", func() error {
		at = *p.s.position(name, partition)
		if at.Intent != nil {
			intent := *at.Intent
			at.Intent = &intent
		}
		at.Fold = bytes.Clone(at.Fold)
		return nil
	})
	return at, err
}

func (p positions) SinkIntent(ctx context.Context, name string, partition int, at control.SinkPosition,
	intent control.Intent) (int64, error) {
	return at.Version + 1, p.s.transaction(ctx, "recording a sink's intent", func() error {
		row := p.s.position(name, partition)
		at.Intent = nil
		if !row.Same(at) {
			return control.ErrConflict
		}
		row.Version, row.Intent = at.Version+1, &intent
		return nil
	})
}

func (p positions) SinkTakeOver(ctx context.Context, name string, partition int, at control.SinkPosition) (int64, error) {
	return at.Version + 1, p.s.transaction(ctx, "taking over a sink's intent", func() error {
		row := p.s.position(name, partition)
		if row.Intent == nil || !row.Same(at) {
			return control.ErrConflict
		}
		row.Version = at.Version + 1
		return nil
	})
}

func (p positions) SinkCommit(ctx context.Context, name string, partition int, at control.SinkPosition, next int64,
	fold []byte) (int64, error) {
	return at.Version + 1, p.s.transaction(ctx, "recording a sink's position", func() error {
		row := p.s.position(name, partition)
		if at.Version > 0 && !row.Same(at) || row.Version != at.Version {
			return control.ErrConflict
		}
		*row = control.SinkPosition{Version: at.Version + 1, Next: next, Fold: bytes.Clone(fold)}
		return nil
	})
}

// startSink starts the sink of a partition of the rated log.
func (w *world) startSink(p int) {
	w.started++
	name := fmt.Sprintf("sink-%d/%d", w.started, p)
	a := w.start(name, sinkKind, p, func(ctx context.Context) error {
		progress := &consumer.Progress{}
		s, err := consumer.NewByToken(consumer.TokenOptions[*rows]{
			Options:   w.consumes(sinkName, p, progress),
			Positions: positions{&w.store}, Block: newBlock(), Inserter: inserter{&w.warehouse, p}, Engine: "ClickHouse",
			Refused: func(error) (refused, noTable bool) { return false, false },
		})
		if err != nil {
			return err
		}
		return w.keepRunning(ctx, name, sinkKind, progress, s.Run, backoff.Unavailable)
	})
	a.ratedFloor = w.store.sinks[p].Next
}

// sunk reports whether the warehouse and the balances contain the whole rated logs.
func (w *world) sunk() bool {
	for p := range partitions {
		at := &w.store.sinks[p]
		if at.Intent != nil || at.Next < w.rated[p].end || w.store.accounts[p].at.Next < w.rated[p].end {
			return false
		}
	}
	return len(w.warehouse.late) == 0
}

// judgeWarehouse compares the rows with the expected ones: each record once, in one table.
func (w *world) judgeWarehouse() {
	for p := range partitions {
		want := map[string]map[udr.ID]string{"rated_usage": {}, "suspense": {}, "duplicates": {}, "suspense_closed": {}}
		events := 0
		for i := range min(len(w.judged[p].counts), len(w.expect[p].outcomes)) {
			o := &w.expect[p].outcomes[i]
			events += o.events
			for _, id := range w.broughtBack(p, o) {
				want["suspense_closed"][id] = ""
			}
			for _, record := range o.records {
				words := strings.Fields(record)
				var seq uint64
				fmt.Sscan(words[1], &seq)
				table := map[string]string{"rated": "rated_usage", "suspended": "suspense", "duplicate": "duplicates"}[words[0]]
				want[table][udr.ID{File: o.file, Seq: seq}] = record
			}
		}
		for _, table := range slices.Sorted(maps.Keys(want)) {
			records, rows := want[table], w.warehouse.rows[p][table]
			for _, id := range slices.SortedFunc(maps.Keys(records), compareIDs) {
				record := records[id]
				if rows[id].times != 1 {
					w.fail("warehouse, partition %d: %s has record %s:%d %d times", p, table, id.File.Short(), id.Seq, rows[id].times)
					return
				}
				if table == "rated_usage" && !sameAmount(rows[id].amount, record) {
					w.fail("warehouse, partition %d: record %s:%d costs %s, expected is %q", p, id.File.Short(), id.Seq, rows[id].amount, record)
					return
				}
			}
			if len(rows) != len(records) {
				w.fail("warehouse, partition %d: %s has %d records, not %d", p, table, len(rows), len(records))
				return
			}
		}
		if w.warehouse.events[p] != events {
			w.fail("warehouse, partition %d: there are %d events, not %d", p, w.warehouse.events[p], events)
			return
		}
	}
}

// sameAmount reports whether an amount equals that of the first charge in the text of a rated record.
func sameAmount(amount, record string) bool {
	_, charge, _ := strings.Cut(strings.Fields(record)[2], ":")
	text, _, _ := strings.Cut(charge, "(")
	if strings.Contains(text, ".") {
		text = strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
	}
	return amount == text
}
