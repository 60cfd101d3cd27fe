package invoicing

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"ratemill/decimal"
	"ratemill/internal/store"
	"ratemill/invoicing/document"
	"ratemill/registry"
	"ratemill/udr"
)

// Run closes billing cycles and creates documents. You can interrupt it anywhere and start it again; it then does
// only the remaining work.
type Run struct {
	DB      *store.DB
	Basis   *Basis
	By      By
	Workers int // 0 means one per core
	// Ahead makes a preview also close cycles that have not ended, by the facts known now.
	Ahead bool
	// Settle changes the exposure of a payer, in the transaction of a close or a document. billed is the exact
	// net amount by which the unbilled amount shrinks. documents is the gross amount by which open documents
	// grow.
	Settle func(ctx context.Context, tx *store.Tx, payer uint32, currency string, billed, documents decimal.D) error
	// Deliver queues a final document for delivery, in its transaction. Nil: no delivery.
	Deliver func(ctx context.Context, tx *store.Tx, s *Stored) error
	// reviewedToo means that cycles with a reviewed document are also closed.
	reviewedToo bool
	// Progress is called from time to time with the number of finished payers. May be nil.
	Progress func(done, of int)

	shifted map[uint32]string // payers whose last closes have impossible cuts, and why
	portion int               // payers whose usage is in memory at a time; 0: ofUsage
}

// together is the number of payers that share a transaction, because each transaction costs a disk write.
const together = 200

// Compute closes the next cycles of payers that begin up to a date, and stores their closes and documents. payers nil
// means all. each is called with the result of each payer, in the order of their numbers.
func (r *Run) Compute(ctx context.Context, until Date, payers []uint32, each func(*Computed) error) error {
	last, err := r.last(ctx, payers)
	if err != nil {
		return err
	}
	all := payers
	if all == nil {
		all = r.Basis.payers(last, until)
	}
	return r.closing(ctx, until, all, last, func(done []*Computed) error {
		err := r.putAll(ctx, done)
		for _, c := range done {
			if err == nil {
				err = each(c)
			}
		}
		return err
	})
}

// Preview computes the next closes of payers up to a date as if their earlier documents were final, and stores nothing.
// payers nil means all.
func (r *Run) Preview(ctx context.Context, until Date, payers []uint32, each func(*Computed) error) error {
	last, err := r.last(ctx, payers)
	if err != nil {
		return err
	}
	if payers == nil {
		payers = r.Basis.payers(last, until)
	}
	preview := *r
	preview.reviewedToo = true
	return preview.closing(ctx, until, payers, last, func(done []*Computed) error {
		for _, c := range done {
			if err := each(c); err != nil {
				return err
			}
		}
		return nil
	})
}

// last returns the last fixed closes of payers, without their lines; payers nil means all.
func (r *Run) last(ctx context.Context, payers []uint32) (last map[uint32]*Closed, err error) {
	const fixed = `state IN ('open', 'billed', 'pro_forma')`
	err = r.DB.Change(ctx, "reading closes", func(tx *store.Tx) error {
		last = map[uint32]*Closed{}
		where, args := in("payer_number", payers)
		all, err := Table{tx}.closes(ctx, "'null'", fixed+` AND `+where+` AND NOT EXISTS (SELECT 1 FROM invoice_closes AS later
			WHERE later.payer_number = invoice_closes.payer_number AND later.`+fixed+` AND (later.cycle > invoice_closes.cycle
			OR later.cycle = invoice_closes.cycle AND later.off_cycle > invoice_closes.off_cycle))`, args...)
		for _, c := range all {
			last[c.PayerNumber] = c
		}
		return err
	})
	return last, err
}

// known returns the closes of payers, and the cycles with a reviewed document. Closes have only the lines that the
// next close needs: those without a document yet, and all lines of payers with contracts.
func (r *Run) known(ctx context.Context, payers []uint32, signers map[uint32]bool) (closes map[uint32][]*Closed,
	reviewed map[AccountCycle]string, err error) {
	closes, reviewed = map[uint32][]*Closed{}, map[AccountCycle]string{}
	err = r.DB.Change(ctx, "reading closes", func(tx *store.Tx) error {
		t := Table{tx}
		where, args := in("payer_number", payers)
		all, err := t.closes(ctx, "CASE WHEN state = 'open' THEN items ELSE 'null' END", where, args...)
		if err != nil {
			return err
		}
		own := slices.DeleteFunc(slices.Clone(payers), func(n uint32) bool { return !signers[n] })
		if len(own) > 0 { // commitments count the charges of earlier closes
			whole := map[closeKey]*Closed{}
			where, args := in("payer_number", own)
			lined, err := t.closes(ctx, "items", where, args...)
			if err != nil {
				return err
			}
			for _, c := range lined {
				whole[c.key()] = c
			}
			for i, c := range all {
				if w := whole[c.key()]; w != nil {
					all[i] = w
				}
			}
		}
		for _, c := range all {
			closes[c.PayerNumber] = append(closes[c.PayerNumber], c)
		}
		rows, err := tx.Rows(ctx, `SELECT payer_number, cycle, id FROM invoice_documents WHERE state = 'reviewed' AND `+where, args...)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var payer, cycle store.Integer
			var id string
			if err := rows.Scan(&payer, &cycle, &id); err != nil {
				return err
			}
			reviewed[AccountCycle{uint32(payer.N), Date(cycle.N)}] = "document " + id
		}
		return rows.Err()
	})
	return closes, reviewed, err
}

// signers returns the accounts that ever had a contract, and all accounts that were ever above them, because any of
// these may pay.
func (b *Basis) signers() map[uint32]bool {
	all := map[uint32]bool{}
	var add func(uint32)
	add = func(account uint32) {
		if account == 0 || all[account] {
			return
		}
		all[account] = true
		for _, p := range b.View.AccountHistory(account) {
			add(p.Fact.Parent)
		}
	}
	for id := range b.Statements.Subjects(registry.KindContract) {
		for _, s := range b.Statements.Told(registry.KindContract, id) {
			var v struct {
				Account string `json:"account"`
			}
			if json.Unmarshal(s.Value, &v) == nil {
				number, _ := b.View.AccountNumber(v.Account)
				add(number)
			}
		}
	}
	return all
}

// in returns the SQL condition that a column has one of some numbers; nil means all numbers.
func in(column string, numbers []uint32) (where string, args []any) {
	if numbers == nil || len(numbers) > 1000 {
		return "1 = 1", nil
	}
	where = column + " IN (0"
	for _, n := range numbers {
		where, args = where+", ?", append(args, int64(n))
	}
	return where + ")", args
}

// payers returns the accounts that pay for themselves when a cycle ends, and those that already have a close,
// ordered by number.
func (b *Basis) payers(last map[uint32]*Closed, until Date) (all []uint32) {
	for n := uint32(1); n <= b.View.Accounts(); n++ {
		if last[n] != nil || b.View.Profiled(n, udr.InstantOf(b.Now), b.Facts) || b.View.Profiled(n, udr.InstantOf(until.UTC()),
			b.Facts) {
			all = append(all, n)
		}
	}
	return all
}

// worker computes one payer after another.
type worker struct {
	*Run
	usage    *usage
	until    Date
	signers  map[uint32]bool
	reviewed map[AccountCycle]string // documents of the payers in the current batch
	*engines
}

func (r *Run) worker(u *usage, until Date, signers map[uint32]bool) *worker {
	return &worker{Run: r, usage: u, until: until, signers: signers, engines: r.Basis.engines()}
}

// some closes the cycles of some payers. last holds the closes from which usage was requested.
func (w *worker) some(ctx context.Context, payers []uint32, last map[uint32]*Closed) (done []*Computed, err error) {
	known, reviewed, err := w.known(ctx, payers, w.signers)
	if err != nil {
		return nil, err
	}
	if w.reviewed = reviewed; w.reviewedToo {
		w.reviewed = nil
	}
	for _, number := range payers {
		if !closedLast(known[number], last[number]) {
			id, _ := w.Basis.View.AccountID(number)
			done = append(done, &Computed{Closed: &Closed{PayerNumber: number, Payer: id},
				Skipped: "another run closed a cycle of it while this one asked for its usage; run again"})
			continue
		}
		err := firstBroken(known[number])
		if why := w.shifted[number]; why != "" && err == nil {
			err = errors.New(why)
		}
		if err != nil {
			done = append(done, w.broken(number, known[number], err))
			continue
		}
		computed, err := w.close(ctx, number, known[number])
		if err != nil {
			return nil, err
		}
		done = append(done, computed...)
	}
	return done, nil
}

// broken returns the result for a payer with stored rows that cannot be read.
func (r *Run) broken(number uint32, closes []*Closed, err error) *Computed {
	id, _ := r.Basis.View.AccountID(number)
	c := &Computed{Closed: &Closed{PayerNumber: number, Payer: id}, Skipped: err.Error(), Broken: true}
	if n := len(closes); n > 0 {
		c.Closed.Cycle = closes[n-1].Cycle
	}
	return c
}

// closedLast reports whether the last fixed close of a payer is still the close that was read before, nil for
// none. closes are oldest first.
func closedLast(closes []*Closed, last *Closed) bool {
	for _, c := range slices.Backward(closes) {
		if c.State.Fixed() {
			return last != nil && c.key() == last.key()
		}
	}
	return last == nil
}

// close closes all cycles of a payer that can be closed.
func (w *worker) close(ctx context.Context, number uint32, closes []*Closed) (all []*Computed, err error) {
	for {
		p := &payer{Basis: w.Basis, number: number, closes: closes, engines: w.engines, rules: current(), version: document.Rules, ahead: w.Ahead}
		skipped, err := p.next(w.until)
		if held := (*heldError)(nil); errors.As(err, &held) {
			skipped = held.reason
		} else if err != nil {
			return all, err
		}
		if name := w.reviewed[AccountCycle{number, p.cycle.From}]; name != "" && skipped == "" {
			skipped = name + reviewedFirst
		}
		if skipped == "" {
			skipped = offCycleFirst(closes)
		}
		if skipped != "" {
			if len(all) == 0 {
				all = append(all, skip(p, p.cycle, skipped))
			}
			return all, nil
		}
		var doubts []string
		if w.Basis.Doubts != nil {
			if doubts, err = w.Basis.Doubts(ctx, number, p.cycle, p.group); err != nil {
				return all, err
			}
		}
		w.catalogue = p.catalogueOf
		c := p.compute(w.usage, doubts)
		c.Closed.At = udr.InstantOf(w.Basis.Now)
		for _, d := range c.Documents { // documents of cycles in another currency, which are closed
			if name := w.reviewed[AccountCycle{number, d.Cycle.From}]; name != "" {
				return append(all, skip(p, p.cycle, name+reviewedFirst)), nil
			}
		}
		all = append(all, c)
		if !c.Closed.State.Fixed() {
			if next, _, err := p.cycleOf(number, p.cycle.To); err == nil && next.From <= w.until {
				why := fmt.Sprintf("it waits until the document that closes the cycle from %s is final; finalise that, then run again", p.cycle.From)
				if len(c.Documents) == 0 {
					why = fmt.Sprintf("it waits until the cycle from %s is closed; correct what holds that cycle, or release it, "+
						"then run again", p.cycle.From)
				}
				all = append(all, skip(p, next, why))
			}
			return all, nil
		}
		closes = append(slices.DeleteFunc(slices.Clone(closes), func(c *Closed) bool { return !c.State.Fixed() }), c.Closed)
	}
}

// reviewedFirst is the text after the name of a reviewed document that a computation would change.
const reviewedFirst = " is reviewed; finalise it, or reopen it to compute it again"

func skip(p *payer, cycle document.Period, why string) *Computed {
	return &Computed{Closed: &Closed{PayerNumber: p.number, Payer: p.id, Close: document.Close{Cycle: cycle}}, Skipped: why}
}

// Finalised is the result of making a document final.
type Finalised struct {
	Document *Stored
	Err      error // why the document is not final
}

// Finalise makes documents final, in the order of the payers' numbers. each is called with the result of each
// document.
func (r *Run) Finalise(ctx context.Context, ids []string, each func(Finalised) error) error {
	done := 0
	for some := range slices.Chunk(ids, together) {
		all, err := r.finalise(ctx, some)
		if err != nil && len(some) > 1 { // one of the documents is refused, so try each one separately
			all = nil
			for _, id := range some {
				one, err := r.finalise(ctx, []string{id})
				if err != nil {
					if ctx.Err() != nil {
						return ctx.Err()
					}
					one = []Finalised{{Document: &Stored{Document: document.Document{ID: id}}, Err: err}}
				}
				all = append(all, one...)
			}
		} else if err != nil {
			all = []Finalised{{Document: &Stored{Document: document.Document{ID: some[0]}}, Err: err}}
		}
		for _, f := range all {
			if err := each(f); err != nil {
				return err
			}
		}
		if done += len(some); r.Progress != nil {
			r.Progress(done, len(ids))
		}
	}
	return nil
}

// TryFinalise shows what Finalise would do, in a transaction that changes nothing.
func (r *Run) TryFinalise(ctx context.Context, ids []string, each func(Finalised) error) error {
	undone := errors.New("nothing is kept")
	var all []Finalised
	err := r.DB.Change(ctx, "trying to make documents final", func(tx *store.Tx) error {
		all = nil
		for _, id := range ids {
			s, err := r.final(ctx, Table{tx}, id)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err != nil {
				s = &Stored{Document: document.Document{ID: id}}
			}
			all = append(all, Finalised{Document: s, Err: err})
		}
		return undone
	})
	if !errors.Is(err, undone) {
		return err
	}
	for _, f := range all {
		if err := each(f); err != nil {
			return err
		}
	}
	return nil
}

// finalise makes some documents final in one transaction, with their numbers, closes, payers' exposures and deliveries.
func (r *Run) finalise(ctx context.Context, ids []string) (all []Finalised, err error) {
	err = Again(ctx, func() error {
		return r.DB.Change(ctx, "making documents final", func(tx *store.Tx) error {
			all = nil
			for _, id := range ids {
				s, err := r.final(ctx, Table{tx}, id)
				if err != nil {
					return err
				}
				all = append(all, Finalised{Document: s})
			}
			return nil
		})
	})
	return all, bare(err)
}

// bare returns a user's mistake or a broken row as an error without the words of the control store, which did not
// cause it.
func bare(err error) error {
	var state *RefusedError
	var final *NotFinalError
	var kept *NotCreditedError
	var closed *ClosedError
	var broken *store.BrokenError
	switch {
	case errors.As(err, &broken):
		return broken
	case errors.As(err, &closed):
		return closed
	case errors.As(err, &kept):
		return kept
	case errors.As(err, &state):
		return state
	case errors.As(err, &final):
		return final
	}
	return err
}

func (r *Run) final(ctx context.Context, t Table, id string) (*Stored, error) {
	s, err := t.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	b := r.Basis
	prices, err := b.Prices(s.Input.Catalogue)
	if err != nil {
		return nil, err
	}
	group := prices.Terms.Group(s.Terms.AccountingGroup, s.Cycle.To)
	if group == nil {
		return nil, notFinal("document %s: the catalogue has no accounting group %s on %s", s.Name(), s.Terms.AccountingGroup, s.Cycle.To)
	}
	zone := time.UTC
	if a, err := b.accountOn(s.PayerNumber, s.Cycle.To); err == nil {
		zone = a.Zone
	}
	issued := Date(registry.LocalDate(zone, udr.InstantOf(b.Now)))
	if s, err = t.Finalise(ctx, s.ID, group, issued, r.By); err != nil {
		return nil, err
	}
	if s.Form != document.CreditNote {
		if err := r.settle(ctx, t, s); err != nil {
			return nil, err
		}
	} else if r.Settle != nil {
		if err := r.Settle(ctx, t.Tx, s.PayerNumber, s.Currency, decimal.Zero, s.owed()); err != nil {
			return nil, err
		}
	}
	if r.Deliver != nil && !s.Terms.Sandbox {
		return s, r.Deliver(ctx, t.Tx, s)
	}
	return s, nil
}

// settle changes the exposure of the payer: usage on the document, and other items of waiting closes, are no longer
// unbilled.
func (r *Run) settle(ctx context.Context, t Table, s *Stored) error {
	closes, err := t.billed(ctx, s)
	if err != nil || r.Settle == nil {
		return err
	}
	var billed decimalSum
	for _, c := range closes {
		usage, others := c.Exact()
		billed.add(usage.Sum)
		if c.State == CloseOpen {
			billed.add(others.Sum)
		}
		if err := errors.Join(usage.Err, others.Err); err != nil {
			return err
		}
	}
	if billed.Err != nil {
		return billed.Err
	}
	return r.Settle(ctx, t.Tx, s.PayerNumber, s.Currency, billed.Sum, s.owed())
}
