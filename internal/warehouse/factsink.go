package warehouse

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"math"
	"time"

	"ratemill/internal/consumer"
	"ratemill/internal/control"
	"ratemill/internal/options"
	"ratemill/internal/safeguard"
	"ratemill/registry"
)

// Facts is a store of facts that never change: control.Store implements it.
type Facts interface {
	RegistryChanges(ctx context.Context, after registry.Revision, most int) ([]control.RegistryChange, error)
	FactPage(ctx context.Context, table control.FactTable, after control.FactPlace, to registry.Revision, most int,
		each func(*control.StoredFact) error) error
}

// FactInserter writes to the tables of facts: Warehouse implements it.
type FactInserter interface {
	Insert(ctx context.Context, b *Block, token string) error
	// Replicated reports whether a table stores the token in the same step as the rows.
	Replicated() bool
	// FactEnd returns the place of a table's last fact within a range of revisions; false if there is no fact.
	FactEnd(ctx context.Context, table string, from, to registry.Revision) (control.FactPlace, bool, error)
	// FactRows returns the number of facts of a table from one place to another, inclusive.
	FactRows(ctx context.Context, table string, first, last control.FactPlace) (int, error)
	// Revisions holds the newest revision whose facts are all in the tables, and when it became known. For each
	// table, it holds how many facts of the revisions up to it are expected, and how many are there.
	Revisions(ctx context.Context) (Revisions, error)
}

// Revisions returns the revisions up to which the tables of facts are complete, as stored in ClickHouse.
type Revisions struct {
	Newest registry.Revision
	At     time.Time
	Should map[string]uint64
	Has    map[string]uint64
}

// FactSinkOptions are the options of a sink of facts.
type FactSinkOptions struct {
	Name      string // name under which the control store keeps the position
	Facts     Facts
	Positions consumer.Positions
	Warehouse FactInserter
	// Account returns the id of an account by its number, as known at a revision of the registry. It waits until that
	// revision is known here.
	Account func(ctx context.Context, number uint32, revision uint64) (string, error)
	Clock   interface{ Now() time.Time }
	Log     *slog.Logger
	Page    int // facts of a table that are written together; 0 means 50,000
}

// FactSink copies the facts of the registry into the warehouse, each once, by revision.
//
// It works like a sink of the rated log (consumer.ByToken): the range of revisions is fixed in the control store
// before any row is written, and the position moves when all rows are there. A range may hold millions of facts, so
// they are written page by page, in the order of their places, each page with a separate token. A table then holds
// the facts of a range up to some page, so a process that finds a range asks each table for its last fact and
// continues after it. The revisions are written last, and the views show nothing beyond them.
type FactSink struct {
	FactSinkOptions
	ranges // the ranges consist of revisions; the sink counts facts
	names  accountNames
	blocks map[string]*Block
	facts  []fact
	ask    registry.Revision // place up to which the sink queries tables for their rows before it writes more
}

// NewFactSink reports all mistakes of the options.
func NewFactSink(o FactSinkOptions) (*FactSink, error) {
	c := options.Of("warehouse: a sink of facts needs ")
	c.Need(o.Name != "", "a name")
	c.Need(o.Facts != nil, "a store of facts")
	c.Need(o.Positions != nil, "a store of positions")
	c.Need(o.Warehouse != nil, "a warehouse")
	c.Need(o.Account != nil, "the ids of accounts")
	c.Need(o.Clock != nil, "a clock")
	c.Need(o.Log != nil, "a log")
	if err := c.Err(); err != nil {
		return nil, err
	}
	o.Page = cmp.Or(o.Page, factPage)
	s := &FactSink{FactSinkOptions: o, ranges: ranges{name: o.Name, positions: o.Positions, clock: o.Clock}, blocks: map[string]*Block{}}
	for _, t := range factTables {
		s.blocks[t.name] = newBlock(table(t.name))
	}
	s.blocks[revisionTable] = newBlock(table(revisionTable))
	return s, nil
}

const (
	factPage      = 50_000 // facts of a table in a block, unless the options set another number
	factRange     = 50_000 // facts of a range, unless one revision has more
	mostRevisions = 10_000 // of a range
)

// Step copies the next range of revisions into the warehouse, and reports whether there was one. After an error, call
// it again: it reads the position and continues from there.
func (s *FactSink) Step(ctx context.Context) (bool, error) { return s.step(ctx, s) }

// take implements copied.
func (s *FactSink) take(ctx context.Context, begun *control.Intent, from int64) (to int64, copy func() error, err error) {
	most := mostRevisions
	if begun != nil {
		most = int(begun.To-begun.From) + 1
	}
	changes, err := s.Facts.RegistryChanges(ctx, registry.Revision(from-1), most)
	if begun == nil {
		changes = ranged(changes)
	} else if err == nil && (len(changes) == 0 || int64(changes[len(changes)-1].Revision) != begun.To) {
		err = fmt.Errorf("the control store has no revision %d of the registry, but a part of its facts was sent to "+
			"ClickHouse: this control store is an older copy; see docs/runbooks/stores-of-different-days.md", begun.To)
	}
	if err != nil || len(changes) == 0 {
		return 0, nil, err
	}
	intent := control.Intent{From: from, To: int64(changes[len(changes)-1].Revision)}
	return intent.To, func() error { return s.copy(ctx, intent, changes, begun != nil) }, nil
}

// ranged returns as many of the first changes as make up a range.
func ranged(changes []control.RegistryChange) []control.RegistryChange {
	facts := int64(0)
	for i := range changes {
		if facts += changes[i].Facts(); facts > factRange {
			return changes[:max(i, 1)]
		}
	}
	return changes
}

// copy writes the facts of a range, and then its revisions.
func (s *FactSink) copy(ctx context.Context, intent control.Intent, changes []control.RegistryChange, found bool) error {
	again := found || registry.Revision(intent.From) <= s.ask
	for _, t := range factTables {
		if err := s.copyTable(ctx, t.name, t.from, changes, again); err != nil {
			return err
		}
	}
	b := s.blocks[revisionTable]
	from := registry.Revision(intent.From)
	if again && safeguard.On(safeguard.FoundIsAsked) {
		end, some, err := s.Warehouse.FactEnd(ctx, revisionTable, from, registry.Revision(intent.To))
		if err != nil {
			return err
		}
		if some {
			from = end.Known + 1
		}
	}
	b.reset()
	for i := range changes {
		if c := &changes[i]; c.Revision >= from {
			b.fillFacts([]fact{{change: c}})
		}
	}
	return s.insert(ctx, b, control.FactPlace{Known: from}, control.FactPlace{Known: registry.Revision(intent.To)}, again)
}

// copyTable writes a table's facts of a range, page by page.
func (s *FactSink) copyTable(ctx context.Context, table string, from control.FactTable, changes []control.RegistryChange,
	again bool) error {
	first, last := changes[0].Revision, changes[len(changes)-1].Revision
	after := control.FactPlace{Known: first - 1, N: math.MaxInt64}
	if again && safeguard.On(safeguard.FoundIsAsked) {
		end, some, err := s.Warehouse.FactEnd(ctx, table, first, last)
		if err != nil {
			return err
		}
		if some {
			after = end
		}
	}
	b := s.blocks[table]
	for {
		b.reset()
		s.facts = s.facts[:0]
		var begin, end control.FactPlace
		rows := 0
		err := s.Facts.FactPage(ctx, from, after, last, s.Page, func(f *control.StoredFact) error {
			if rows++; rows == 1 {
				begin = f.FactPlace
			}
			end = f.FactPlace
			return s.add(ctx, b, f, &changes[f.Known-first])
		})
		if err == nil && len(s.facts) > 0 {
			s.flush(b)
		}
		if err != nil || rows == 0 {
			return err
		}
		if err := s.insert(ctx, b, begin, end, again); err != nil {
			return err
		}
		s.Written.Add(int64(rows))
		if after = end; rows < s.Page {
			return nil
		}
	}
}

// add creates a row from a fact.
func (s *FactSink) add(ctx context.Context, b *Block, of *control.StoredFact, change *control.RegistryChange) (err error) {
	if of.N >= mostInRevision {
		return fmt.Errorf("revision %d of the registry has more than %d facts for %s, which the views cannot order", of.Known,
			mostInRevision, b.Table)
	}
	f := fact{change: change, n: uint32(of.N), cause: of.Cause, company: of.Company, account: of.Account, sim: of.SIM,
		identifier: of.Identifier,
		state:      of.State, statement: of.Statement}
	above := uint32(0)
	switch b.Table {
	case accountTable:
		above = f.account.Parent
	case simTable:
		above = f.sim.Account
	case statementTable:
		if f.statement.Value, f.withheld, err = shown(f.statement.Kind, f.statement.Value); err != nil {
			return fmt.Errorf("the value of a fact of revision %d about %s %s: %w", of.Known, f.statement.Kind, f.statement.Subject, err)
		}
	}
	if f.owner, err = s.account(ctx, above, of.Known); err != nil {
		return err
	}
	if s.facts = append(s.facts, f); len(s.facts) == together {
		s.flush(b)
	}
	return nil
}

func (s *FactSink) flush(b *Block) {
	b.fillFacts(s.facts)
	clear(s.facts)
	s.facts = s.facts[:0]
}

func (s *FactSink) account(ctx context.Context, number uint32, revision registry.Revision) (string, error) {
	if id, ok := s.names.known(number); ok {
		return id, nil
	}
	id, err := s.Account(ctx, number, uint64(revision))
	if err == nil {
		s.names.remember(number, id)
	}
	return id, err
}

// insert writes a page of facts to its table.
func (s *FactSink) insert(ctx context.Context, b *Block, first, last control.FactPlace, again bool) error {
	if b.Rows() == 0 {
		return nil
	}
	token := fmt.Sprintf("%s/%s/%d.%d-%d.%d", s.Name, b.Table, first.Known, first.N, last.Known, last.N)
	return s.arrive(ctx, s.Warehouse, b, token, again, func() (int, error) { return s.Warehouse.FactRows(ctx, b.Table, first, last) },
		func(rows int) error {
			return fmt.Errorf("%s holds %d facts from revision %d, fact %d, to revision %d, fact %d, but the control store has "+
				"%d: some are duplicated, or another program writes to the table; drop the table, and let ratemill fill it again: "+
				"ratemill stores remake %s --why \"…\"", b.Table, rows, first.Known, first.N, last.Known, last.N, b.Rows(), b.Table)
		}, s.Log)
}
