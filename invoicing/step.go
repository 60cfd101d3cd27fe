package invoicing

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"ratemill/internal/store"
	"ratemill/invoicing/document"
)

// Allows reports whether a step is allowed in a state.
func Allows(state State, step Step) bool { return slices.Contains(steps[step].from, state) }

// Step takes a step other than Compute and Finalise, and updates the close of the document's cycle. The reasons of a
// released document no longer hold its close. The close of a discarded document is computed again.
func (t Table) Step(ctx context.Context, name string, step Step, by By) (*Stored, error) {
	before, err := t.Get(ctx, name)
	if err != nil {
		return nil, err
	}
	s, err := t.Do(ctx, before.ID, step, by)
	if err != nil || s.Form == document.CreditNote {
		return s, err
	}
	closes, err := t.Closes(ctx, `payer_number = ? AND cycle = ? AND off_cycle = ? AND state IN ('held', 'draft')`, int64(s.PayerNumber),
		int64(s.Cycle.From), s.offCycle())
	if err != nil {
		return nil, err
	}
	for _, c := range closes {
		switch step {
		case Release:
			c.State, c.Released, c.Reasons = CloseDraft, append(c.Released, c.Reasons...), nil
			err = t.PutClose(ctx, c)
		case Discard:
			_, err = t.Tx.Exec(ctx, `DELETE FROM invoice_closes WHERE payer_number = ? AND cycle = ? AND off_cycle = ?
			AND state IN ('held', 'draft')`,
				int64(c.PayerNumber), int64(c.Cycle.From), c.OffCycle)
		}
		if err != nil {
			return nil, err
		}
	}
	if step == Release {
		s.Reasons = nil
		return s, t.update(ctx, s)
	}
	return s, nil
}

// HeldCloses lists held closes that have no document, for cycles that begin between two dates, inclusive. It
// includes closes that cannot be read. Such a close has a problem, although its payer would not get a
// document now.
func (t Table) HeldCloses(ctx context.Context, from, to Date) ([]*Closed, error) {
	return t.closes(ctx, "items", `state = 'held' AND document = '' AND `+between, int64(from), int64(to))
}

// ReleaseClose accepts the reasons that hold a close without a document, so the next run closes its cycle. A close
// that could not be computed stays held, because its items are unknown.
func (t Table) ReleaseClose(ctx context.Context, payer uint32, cycle Date) (*Closed, error) {
	all, err := t.Closes(ctx, `payer_number = ? AND cycle = ? AND off_cycle = 0`, int64(payer), int64(cycle))
	if err != nil {
		return nil, err
	}
	if len(all) == 0 || all[0].State != CloseHeld || all[0].Document != "" {
		return nil, store.ErrNotFound
	}
	c := all[0]
	if c.Waits == "" {
		return nil, notFinal("the cycle of %s from %s cannot be closed: %s", c.Payer, c.Cycle.From, strings.Join(c.Reasons, "; "))
	}
	c.State, c.Released, c.Reasons = CloseDraft, append(c.Released, c.Reasons...), nil
	return c, t.PutClose(ctx, c)
}

// NotCreditedError gives the reason why a credit note cannot be created.
type NotCreditedError struct{ Err error }

func (e *NotCreditedError) Error() string { return e.Err.Error() }
func (e *NotCreditedError) Unwrap() error { return e.Err }

// Credit creates a draft credit note for parts of a final document. If takes is nil, it credits everything that
// is left.
func (t Table) Credit(ctx context.Context, name string, takes []document.Take, by By) (*Stored, error) {
	of, err := t.Get(ctx, name)
	if err != nil {
		return nil, err
	}
	if of.State != Final || of.Form == document.CreditNote {
		return nil, &NotCreditedError{fmt.Errorf("document %s is a %s %s, and only a final invoice can be credited", of.Name(), of.State,
			strings.ReplaceAll(string(of.Form), "_", " "))}
	}
	credits, err := t.Credits(ctx, of)
	if err != nil {
		return nil, err
	}
	if takes == nil {
		if takes, err = document.All(&of.Document, credits); err != nil {
			return nil, err
		}
	}
	d, err := current().credit(&of.Document, credits, takes)
	if err != nil {
		return nil, &NotCreditedError{err}
	}
	all, err := t.list(ctx, `payer_number = ? AND form = ? AND cycle = ?`, int64(of.PayerNumber), string(document.CreditNote),
		int64(of.Cycle.From))
	if err != nil {
		return nil, err
	}
	s := &Stored{Document: *d, PayerNumber: of.PayerNumber, Seq: 1}
	for _, o := range all {
		if o.State != Final && o.State != Discarded {
			return nil, fmt.Errorf("credit note %s of document %s is not final yet; finalise it, or discard it", o.ID, o.Corrects)
		}
		s.Seq = max(s.Seq, o.Seq+1)
	}
	return s, t.Put(ctx, s, by)
}
