package invoicing

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"ratemill/decimal"
	"ratemill/internal/store"
)

// mostTries is the number of attempts for a change that conflicts with others.
const mostTries = 5

// putAll stores the results of some payers in one transaction. If a payer's document was finalised or reviewed in the
// meantime, or a stored document of the payer cannot be read, it skips that payer and stores each of the others
// separately.
func (r *Run) putAll(ctx context.Context, done []*Computed) error {
	err := r.store(ctx, done)
	if err == nil || !meanwhile(err) {
		return err
	}
	for some := range byPayer(done) {
		err := Again(ctx, func() error { return r.store(ctx, some) })
		if err != nil && (!meanwhile(err) || ctx.Err() != nil) {
			return err
		}
		for _, c := range some {
			if broken := (*store.BrokenError)(nil); errors.As(err, &broken) {
				*c = *r.broken(c.Closed.PayerNumber, []*Closed{c.Closed}, broken)
			} else if err != nil {
				why := fmt.Sprintf("it changed while the run computed it (%v); run again", bare(err))
				*c = Computed{Closed: &Closed{PayerNumber: c.Closed.PayerNumber, Payer: c.Closed.Payer, Close: c.Closed.Close}, Skipped: why}
			}
		}
	}
	return nil
}

// Again repeats a change several times while other transactions change the same rows.
func Again(ctx context.Context, change func() error) error {
	for try := 1; ; try++ {
		err := change()
		if err == nil || !store.Contended(err) || try == mostTries || ctx.Err() != nil {
			return err
		}
	}
}

func (r *Run) store(ctx context.Context, done []*Computed) error {
	return r.DB.Change(ctx, "storing closes and documents", func(tx *store.Tx) error {
		for _, c := range done {
			if err := r.put(ctx, Table{tx}, c); err != nil {
				return err
			}
		}
		return nil
	})
}

// meanwhile reports whether a transaction failed because rows changed after the computation read them, because two
// transactions conflicted, or because a row of one payer cannot be read.
func meanwhile(err error) bool {
	var state *RefusedError
	var closed *ClosedError
	var broken *store.BrokenError
	return errors.As(err, &state) || errors.As(err, &closed) || errors.As(err, &broken) || store.Contended(err)
}

// byPayer divides a list into one part for each payer.
func byPayer(done []*Computed) func(yield func([]*Computed) bool) {
	return func(yield func([]*Computed) bool) {
		for len(done) > 0 {
			n := 1
			for n < len(done) && done[n].Closed.PayerNumber == done[0].Closed.PayerNumber {
				n++
			}
			if !yield(done[:n]) {
				return
			}
			done = done[n:]
		}
	}
}

// put stores the results of a payer.
func (r *Run) put(ctx context.Context, t Table, c *Computed) error {
	if c.Skipped != "" {
		return nil
	}
	for _, d := range c.Documents {
		if err := t.Put(ctx, d, r.By); err != nil {
			return err
		}
		if d.Cycle.From == c.Closed.Cycle.From { // another document has earlier cycles, in another currency
			c.Closed.Document = d.ID
		}
	}
	stale, err := t.list(ctx, `payer_number = ? AND cycle = ? AND form <> 'credit_note' AND state IN ('draft', 'held')`,
		int64(c.Closed.PayerNumber),
		int64(c.Closed.Cycle.From))
	if err != nil {
		return err
	}
	for _, s := range stale {
		if !slices.ContainsFunc(c.Documents, func(d *Stored) bool { return d.ID == s.ID }) {
			by := r.By
			by.Why = "computed again: " + c.Closed.Waits
			if _, err := t.Do(ctx, s.ID, Discard, by); err != nil {
				return err
			}
		}
	}
	if err := t.PutClose(ctx, c.Closed); err != nil {
		return err
	}
	if c.Closed.State != CloseOpen || r.Settle == nil {
		return nil
	}
	_, others := c.Closed.Exact()
	if others.Err != nil || others.Sum.IsZero() {
		return others.Err
	}
	return r.Settle(ctx, t.Tx, c.Closed.PayerNumber, c.Closed.Currency, others.Sum.Neg(), decimal.Zero)
}
