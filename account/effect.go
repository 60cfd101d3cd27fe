package account

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"ratemill/internal/consumer"
	"ratemill/internal/ratedlog"
	"ratemill/rating"
	"ratemill/udr"
)

// Row is the stored form of a balance. Each partition has its own rows, so an account that moves to another root
// has rows in both partitions.
type Row struct {
	Key
	Balance
	Version int64 // number of changes; 0: not stored yet
}

// Rows stores balances of a partition, in a transaction T.
type Rows[T any] interface {
	// Load fills in the rows that are already stored, found by their keys. The rows are in the order of their keys.
	Load(ctx context.Context, tx T, partition int, rows []Row) error
	// Save stores rows. Their Version must be one more than the stored one; otherwise it returns
	// consumer.ErrConflict.
	Save(ctx context.Context, tx T, partition int, rows []Row) error
	// Begin records the offset of the rated log from which the balances of a partition start.
	Begin(ctx context.Context, tx T, partition int, offset int64) error
}

// Effect adds the charges of a block to their balances. It implements consumer.Effect.
type Effect[T any] struct {
	rows    Rows[T]
	added   map[Key]*Balance
	charges int
	begun   bool              // the block has at least one message
	texts   map[string]string // one copy of each text in keys, because parsed keys point into messages

	batch  ratedlog.Batch
	usage  udr.Usage
	amount rating.Amount
	sorted []Key
	stored []Row

	credit *exposures[T] // nil: exposures are not kept
	drawn  *drawn[T]     // nil: units are not counted
}

// NewEffect returns an empty effect.
func NewEffect[T any](rows Rows[T]) *Effect[T] {
	return &Effect[T]{rows: rows, added: map[Key]*Balance{}, texts: map[string]string{}}
}

// Keep makes the effect track the exposure of payers that have a credit limit, and write an alert when it reaches
// a threshold, in the transaction of the balances.
func (e *Effect[T]) Keep(credits Credits[T], payers Payers) *Effect[T] {
	e.credit = &exposures[T]{credits: credits, payers: payers, known: map[accountCycle]payerOf{}}
	return e
}

// Suspend makes the effect change the status of payers as their credit policies require, in the same transaction.
func (e *Effect[T]) Suspend(statuses Suspensions[T]) *Effect[T] {
	e.credit.statuses = statuses
	return e
}

// Reset implements consumer.Block.
func (e *Effect[T]) Reset() {
	e.charges, e.begun = 0, false
	clear(e.added)
	if e.drawn != nil {
		e.drawn.reset()
	}
	if e.credit != nil {
		e.credit.due = e.credit.due[:0]
	}
}

// Size implements consumer.Block. It returns the number of charges.
func (e *Effect[T]) Size() int { return e.charges }

// Add implements consumer.Block.
func (e *Effect[T]) Add(ctx context.Context, offset int64, message []byte) error {
	if err := ratedlog.ParseBatch(message, &e.batch); err != nil {
		return err
	}
	if e.credit != nil {
		if !e.begun {
			if err := e.credit.follow(ctx); err != nil {
				return err
			}
		}
		e.credit.offset = offset
	}
	e.begun = true
	for i := range e.batch.Rated {
		r := &e.batch.Rated[i]
		if len(r.Charges) == 0 {
			continue
		}
		if err := udr.ParseRatable(r.Usage, &e.usage); err != nil {
			return err
		}
		for _, charge := range r.Charges {
			if err := rating.ParseAmount(charge, &e.amount); err != nil {
				return err
			}
			if err := e.charge(); err != nil {
				return err
			}
		}
		if e.drawn != nil {
			if err := e.drawn.renewals(r); err != nil {
				return err
			}
		}
	}
	return nil
}

// charge adds the current charge.
func (e *Effect[T]) charge() error {
	a, u := &e.amount, &e.usage
	class, unit, records, quantity := a.Counts(u)
	key := Key{a.Account, a.Cycle, a.Tier, a.Currency, class, unit}
	b := e.added[key]
	if b == nil {
		key.Currency, key.Class = e.text(key.Currency), e.text(key.Class)
		b = &Balance{}
		e.added[key] = b
	}
	sum, err := b.Plus(Balance{records, quantity, a.Total})
	if err != nil {
		return fmt.Errorf("record %d: %w", u.Seq, err)
	}
	*b = sum
	e.charges++
	if e.drawn != nil {
		e.drawn.charge(a, u)
	}
	if e.credit != nil {
		key.Currency = e.text(key.Currency)
		e.credit.charge(key, a.Total, e.batch.File, u)
	}
	return nil
}

// mostTexts limits the memory for texts. Usually there are only a few, because there are few classes
// and currencies.
const mostTexts = 10_000

func (e *Effect[T]) text(s string) string {
	if known, ok := e.texts[s]; ok {
		return known
	}
	if len(e.texts) >= mostTexts {
		clear(e.texts)
	}
	s = strings.Clone(s)
	e.texts[s] = s
	return s
}

// Apply implements consumer.Effect.
func (e *Effect[T]) Apply(ctx context.Context, tx T, span consumer.Span) error {
	if span.First {
		if err := e.rows.Begin(ctx, tx, span.Partition, span.From); err != nil {
			return err
		}
	}
	if e.drawn != nil {
		if err := e.drawn.apply(ctx, tx, span); err != nil {
			return err
		}
	}
	if e.credit != nil {
		if err := e.credit.apply(ctx, tx, span); err != nil {
			return err
		}
	}
	e.sorted = slices.SortedFunc(maps.Keys(e.added), Key.Compare)
	e.stored = e.stored[:0]
	for _, key := range e.sorted {
		e.stored = append(e.stored, Row{Key: key})
	}
	if err := e.rows.Load(ctx, tx, span.Partition, e.stored); err != nil {
		return err
	}
	for i := range e.stored {
		r := &e.stored[i]
		sum, err := r.Balance.Plus(*e.added[r.Key])
		if err != nil {
			return fmt.Errorf("the balance of account %d, cycle %d, class %s: %w", r.Account, r.Cycle, r.Class, err)
		}
		r.Balance = sum
		r.Version++
	}
	return e.rows.Save(ctx, tx, span.Partition, e.stored)
}
