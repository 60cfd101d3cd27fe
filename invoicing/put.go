package invoicing

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"ratemill/decimal"
	"ratemill/internal/store"
)

// mostTries is how often a change is tried that meets others.
const mostTries = 5

// putAll stores what was computed of some payers, in one transaction. If a person made a document of one of them final or reviewed it
// meanwhile, that one is skipped, and each of the others is stored by itself.
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
			if err != nil {
				why := fmt.Sprintf("it changed while the run computed it (%v); run again", bare(err))
				*c = Computed{Closed: &Closed{PayerNumber: c.Closed.PayerNumber, Payer: c.Closed.Payer, Close: c.Closed.Close}, Skipped: why}
			}
		}
	}
	return nil
}

// Again does a change once more while other transactions change the same rows in the same moment, some times.
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

// meanwhile reports whether rows changed between the computation and its storing, or two transactions stood in each other's way.
func meanwhile(err error) bool {
	var state *RefusedError
	var closed *ClosedError
	return errors.As(err, &state) || errors.As(err, &closed) || store.Contended(err)
}

// byPayer are the parts of a list that concern one payer each.
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

// put stores what was computed of a payer.
func (r *Run) put(ctx context.Context, t Table, c *Computed) error {
	if c.Skipped != "" {
		return nil
	}
	for _, d := range c.Documents {
		if err := t.Put(ctx, d, r.By); err != nil {
			return err
		}
		if d.Cycle.From == c.Closed.Cycle.From { // another one has earlier cycles, in another currency
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
