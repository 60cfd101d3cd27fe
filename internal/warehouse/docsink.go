package warehouse

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"ratemill/internal/consumer"
	"ratemill/internal/control"
	"ratemill/internal/options"
	"ratemill/internal/safeguard"
	"ratemill/invoicing"
	"ratemill/invoicing/document"
)

// Documents returns final documents and fixed closes, in the order in which they became final or fixed;
// invoicing.Exporter implements it.
type Documents interface {
	Exports(ctx context.Context, after int64, most int) ([]invoicing.Exported, error)
	Items(ctx context.Context, all []invoicing.Exported) (of func(*invoicing.Stored, func(line int, i *document.Item) error) error,
		end func(),
		err error)
}

// DocumentInserter writes to the tables of invoices: Warehouse implements it.
type DocumentInserter interface {
	inserter
	// ExportEnd returns the place of a table's last row within a range; false if there is no row.
	ExportEnd(ctx context.Context, table string, from, to int64) (ExportPlace, bool, error)
	// ExportRows returns the number of rows of a table from one place to another, inclusive.
	ExportRows(ctx context.Context, table string, first, last ExportPlace) (int, error)
	// Exported is the state of the tables of invoices, as stored in ClickHouse.
	Exported(ctx context.Context) (ExportedTables, error)
}

// ExportPlace is the place of a row in the tables of invoices: the place of its document or close, and its number
// within it.
type ExportPlace struct {
	N  int64
	No uint32
}

// DocumentSinkOptions are the options of a sink of documents.
type DocumentSinkOptions struct {
	Name      string // name under which the control store keeps the position
	Documents Documents
	Positions consumer.Positions
	Warehouse DocumentInserter
	Clock     interface{ Now() time.Time }
	Log       *slog.Logger
	Page      int // rows of a table that are written together; 0 means 50,000
	Range     int // documents and closes of a range; 0 means 200
}

// DocumentSink copies final documents with their lines and items, and closes, into the warehouse, each once, after
// the transaction that made them final. The documents of a range are in the control store, and their items are
// recomputed, so every process that finds a range builds the same rows in the same order. The rows are written
// page by page, each page with a separate token; a table therefore holds the rows of a range up to some page. The
// row of a document comes after its lines and items.
type DocumentSink struct {
	DocumentSinkOptions
	ranges  // the ranges consist of documents and closes
	pages   map[string]*page
	repairs bool           // rows that ClickHouse lost are rewritten
	lacked  ExportedTables // rows that were missing after that
	ask     int64          // place up to which the sink queries tables for their rows before it writes more
}

// NewDocumentSink reports all mistakes of the options.
func NewDocumentSink(o DocumentSinkOptions) (*DocumentSink, error) {
	c := options.Of("warehouse: a sink of documents needs ")
	c.Need(o.Name != "", "a name")
	c.Need(o.Documents != nil, "a store of documents")
	c.Need(o.Positions != nil, "a store of positions")
	c.Need(o.Warehouse != nil, "a warehouse")
	c.Need(o.Clock != nil, "a clock")
	c.Need(o.Log != nil, "a log")
	if err := c.Err(); err != nil {
		return nil, err
	}
	o.Page, o.Range = cmp.Or(o.Page, exportPage), cmp.Or(o.Range, exportRange)
	s := &DocumentSink{DocumentSinkOptions: o, ranges: ranges{name: o.Name, positions: o.Positions, clock: o.Clock},
		pages: map[string]*page{}}
	for _, name := range exportTables {
		s.pages[name] = &page{sink: s, block: newBlock(table(name))}
	}
	return s, nil
}

const (
	exportPage  = 50_000 // rows of a table in a block, unless the options set another number
	exportRange = 200    // documents and closes of a range, unless the options set another number
)

// Step copies the next range into the warehouse, and reports whether there was one. After an error, call it again: it
// reads the position and continues from there.
func (s *DocumentSink) Step(ctx context.Context) (bool, error) { return s.step(ctx, s) }

// take implements copied.
func (s *DocumentSink) take(ctx context.Context, begun *control.Intent, from int64) (to int64, copy func() error, err error) {
	most := s.Range
	if begun != nil {
		most = int(begun.To-begun.From) + 1
	}
	all, err := s.Documents.Exports(ctx, from-1, most)
	if begun != nil && err == nil && len(all) > 0 && all[len(all)-1].N != begun.To {
		_, err = s.Documents.Exports(ctx, all[len(all)-1].N, 1) // the next document cannot be read
	}
	if begun != nil && err == nil && (len(all) == 0 || all[len(all)-1].N != begun.To) {
		err = fmt.Errorf("the control store has no final document or close with the number %d, but a part of it was sent to "+
			"ClickHouse: this control store is an older copy; see docs/runbooks/stores-of-different-days.md", begun.To)
	}
	if err != nil || len(all) == 0 {
		return 0, nil, err
	}
	intent := control.Intent{From: from, To: all[len(all)-1].N}
	return intent.To, func() error { return s.copy(ctx, intent, all, begun != nil) }, nil
}

// copy writes the rows of a range, documents last.
func (s *DocumentSink) copy(ctx context.Context, intent control.Intent, all []invoicing.Exported, found bool) error {
	again := found || intent.From <= s.ask
	for _, p := range s.pages {
		p.begin(again)
		if !again || !safeguard.On(safeguard.FoundIsAsked) {
			continue
		}
		end, some, err := s.Warehouse.ExportEnd(ctx, p.block.Table, intent.From, intent.To)
		if err != nil {
			return err
		}
		if some {
			p.after = end
		}
	}
	counts, err := s.items(ctx, all)
	if err != nil {
		return err
	}
	for i := range all {
		x := exported{n: all[i].N, from: &all[i], items: counts[i]}
		if c := all[i].Closed; c != nil {
			err = s.close(ctx, c, x)
		} else {
			err = s.document(ctx, x)
		}
		if err != nil {
			return err
		}
	}
	for _, name := range exportTables {
		if err := s.pages[name].flush(ctx); err != nil {
			return err
		}
	}
	s.Written.Add(int64(len(all)))
	return nil
}

// items writes the items of documents, and counts them.
func (s *DocumentSink) items(ctx context.Context, all []invoicing.Exported) (counts []uint64, err error) {
	counts = make([]uint64, len(all))
	if !slices.ContainsFunc(all, func(x invoicing.Exported) bool { return x.Document != nil }) {
		return counts, nil
	}
	of, end, err := s.Documents.Items(ctx, all)
	if err != nil {
		return nil, err
	}
	defer end()
	p := s.pages[itemTable]
	for i := range all {
		if all[i].Document == nil {
			continue
		}
		err := of(all[i].Document, func(line int, item *document.Item) error {
			counts[i]++
			return p.add(ctx, exported{n: all[i].N, no: uint32(counts[i]), from: &all[i], item: *item, lineNo: uint32(line)})
		})
		if err != nil {
			return nil, err
		}
	}
	return counts, p.flush(ctx)
}

func (s *DocumentSink) document(ctx context.Context, x exported) error {
	lines := x.from.Document.Lines
	for i := range lines {
		l := x
		l.no, l.line = uint32(i+1), &lines[i]
		if err := s.pages[lineTable].add(ctx, l); err != nil {
			return err
		}
	}
	return s.pages[documentTable].add(ctx, x)
}

func (s *DocumentSink) close(ctx context.Context, c *invoicing.Closed, x exported) (err error) {
	var sums []closeSum
	for i := range c.Lines {
		l := &c.Lines[i]
		if l.Kind != document.Usage {
			if x.others, err = x.others.Add(l.Exact); err != nil {
				return err
			}
			continue
		}
		if x.usage, err = x.usage.Add(l.Exact); err != nil {
			return err
		}
		at := slices.IndexFunc(sums, func(s closeSum) bool { return s.account == l.Account && s.cycle == l.Cycle })
		if at < 0 {
			at = len(sums)
			sums = append(sums, closeSum{account: l.Account, cycle: l.Cycle})
		}
		sums[at].records += l.Records
		if sums[at].amount, err = sums[at].amount.Add(l.Exact); err != nil {
			return err
		}
	}
	for i := range sums {
		u := x
		u.no, u.sum = uint32(i+1), sums[i]
		if err := s.pages[closeUsageTable].add(ctx, u); err != nil {
			return err
		}
	}
	x.items = uint64(len(sums))
	return s.pages[closeTable].add(ctx, x)
}

// page holds rows of a table that are to be written to it.
type page struct {
	sink        *DocumentSink
	block       *Block
	after       ExportPlace // the table already has the rows of the range up to here
	again       bool        // rows of the range may already be in the table
	first, last ExportPlace
	rows        []exported
}

func (p *page) begin(again bool) {
	p.block.reset()
	p.rows, p.after, p.again = p.rows[:0], ExportPlace{}, again
}

// add adds the next row.
func (p *page) add(ctx context.Context, x exported) error {
	at := ExportPlace{x.n, x.no}
	if at.N < p.after.N || at.N == p.after.N && at.No <= p.after.No {
		return nil
	}
	if p.block.Rows()+len(p.rows) == 0 {
		p.first = at
	}
	p.last = at
	if p.rows = append(p.rows, x); len(p.rows) == together {
		p.fill()
	}
	if p.block.Rows()+len(p.rows) >= p.sink.Page {
		return p.flush(ctx)
	}
	return nil
}

func (p *page) fill() {
	if len(p.rows) > 0 {
		p.block.fillExports(p.rows)
		clear(p.rows)
		p.rows = p.rows[:0]
	}
}

// flush writes the rows to their table.
func (p *page) flush(ctx context.Context) error {
	p.fill()
	b := p.block
	if b.Rows() == 0 {
		return nil
	}
	s, first, last := p.sink, p.first, p.last
	token := fmt.Sprintf("%s/%s/%d.%d-%d.%d", s.Name, b.Table, first.N, first.No, last.N, last.No)
	count := func() (int, error) { return s.Warehouse.ExportRows(ctx, b.Table, first, last) }
	err := s.arrive(ctx, s.Warehouse, b, token, p.again, count, func(rows int) error {
		return fmt.Errorf("%s holds %d rows from place %d.%d to %d.%d, but the documents of the control store have %d: some "+
			"rows are duplicated, or another program writes to the table; drop the table, and let ratemill fill it again: "+
			"ratemill stores remake %s --why \"…\"", b.Table, rows,
			first.N, first.No, last.N, last.No, b.Rows(), b.Table)
	}, s.Log)
	b.reset()
	return err
}
