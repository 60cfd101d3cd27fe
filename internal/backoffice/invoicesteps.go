package backoffice

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"ratemill/internal/control"
	"ratemill/internal/store"
	"ratemill/invoicing"
)

// InvoiceStep takes a step with the listed documents, or with all documents of an order's cycle that allow it.
func (o *Office) InvoiceStep(ctx context.Context, step invoicing.Step, names []string, r InvoiceOrder) (done []InvoiceSummary, err error) {
	if err := invoicing.Migrate(ctx, o.Store.DB); err != nil {
		return nil, err
	}
	if step == invoicing.Discard || step == invoicing.Release {
		if err := given(r.Why); err != nil && !r.DryRun {
			return nil, err
		}
	}
	who, err := o.invoiceActor(ctx, r.As)
	if err != nil {
		return nil, err
	}
	defer who.close()
	var closes []*invoicing.Closed
	var broken []error // rows that cannot be read; the other documents of the cycle take the step
	whole := names == nil
	if whole {
		if names, closes, broken, err = o.documentsFor(ctx, who, step, &r); err != nil {
			return nil, err
		}
	}
	by := invoicing.By{Who: r.Who, Why: r.Why, At: o.Now()}
	for _, c := range closes {
		released, err := o.releaseClose(ctx, c, by, r.DryRun)
		if err != nil {
			return done, problemOf(err)
		}
		done = append(done, *released)
	}
	for some := range slices.Chunk(names, stepsTogether) {
		stepped, err := o.stepSome(ctx, who, step, some, by, r.DryRun)
		if err != nil && (len(some) > 1 || whole) { // one of the documents is refused; those before it keep their step
			stepped, err = nil, nil
			for i := 0; err == nil && i < len(some); i++ {
				var one []InvoiceSummary
				one, err = o.stepSome(ctx, who, step, some[i:i+1], by, r.DryRun)
				if b := (*store.BrokenError)(nil); whole && errors.As(err, &b) { // its close
					broken, err = append(broken, b), nil
				}
				stepped = append(stepped, one...)
			}
		}
		if done = append(done, stepped...); err != nil {
			return done, problemOf(err)
		}
	}
	return done, errors.Join(broken...)
}

// stepsTogether is the number of documents that take a step in one transaction, because each transaction costs a disk
// write.
const stepsTogether = 200

// stepSome takes a step with all of the given documents, or with none if one of them is refused.
func (o *Office) stepSome(ctx context.Context, who *invoiceActor, step invoicing.Step, names []string, by invoicing.By, dry bool) (
	done []InvoiceSummary, err error) {
	err = invoicing.Again(ctx, func() error {
		return o.Store.Change(ctx, "changing documents", func(tx *store.Tx) error {
			t := invoicing.Table{Tx: tx}
			done = nil
			for _, name := range names {
				if err := who.changesDocument(ctx, t, name); err != nil {
					return err
				}
				s, err := t.Step(ctx, name, step, by)
				if err != nil {
					return err
				}
				done = append(done, summary(s))
			}
			if dry {
				return errDry
			}
			return nil
		})
	})
	if err != nil && !errors.Is(err, errDry) {
		return nil, err
	}
	return done, nil
}

// documentsFor returns the documents of an order's cycle that allow a step; for a release, it also returns the
// closes that are held without a document. broken has the documents that cannot be read.
func (o *Office) documentsFor(ctx context.Context, who *invoiceActor, step invoicing.Step, r *InvoiceOrder) (ids []string,
	closes []*invoicing.Closed, broken []error, err error) {
	in, err := o.ordered(ctx, r)
	if err != nil {
		return nil, nil, nil, err
	}
	err = o.Store.Change(ctx, "listing documents", func(tx *store.Tx) error {
		ids, closes, broken = nil, nil, nil
		t := invoicing.Table{Tx: tx}
		if err := in.each(ctx, t, func(l *invoicing.Listed) error {
			switch {
			case !invoicing.Allows(l.State, step) || who.changes(l.Payer) != nil:
			case l.Broken != nil:
				broken = append(broken, l.Broken)
			default:
				ids = append(ids, l.ID)
			}
			return nil
		}); err != nil || step != invoicing.Release {
			return err
		}
		held, err := in.held(ctx, t)
		for _, c := range held {
			switch {
			case who.changes(c.Payer) != nil:
			case c.Broken != nil:
				broken = append(broken, c.Broken)
			default:
				closes = append(closes, c)
			}
		}
		return err
	})
	if err == nil {
		err = in.known(who, r)
	}
	return ids, closes, broken, err
}

// heldClose returns a close that is held without a document, in the form for a list of documents.
func heldClose(c *invoicing.Closed) InvoiceSummary {
	s := InvoiceSummary{Form: "close", State: string(c.State), Payer: c.Payer, Cycle: c.Cycle.From.String(), Currency: c.Currency,
		Reasons: c.Reasons}
	if c.Broken != nil {
		s.Error = c.Broken.Error()
	}
	return s
}

// releaseClose lets the next run close a cycle that is held without a document.
func (o *Office) releaseClose(ctx context.Context, c *invoicing.Closed, by invoicing.By, dry bool) (*InvoiceSummary, error) {
	why := c.Reasons
	var released *invoicing.Closed
	err := o.Store.Change(ctx, "releasing a close", func(tx *store.Tx) (err error) {
		if released, err = (invoicing.Table{Tx: tx}).ReleaseClose(ctx, c.PayerNumber, c.Cycle.From); err == nil && dry {
			err = errDry
		}
		return err
	})
	if err != nil && !errors.Is(err, errDry) {
		return nil, err
	}
	s := heldClose(released)
	if !dry {
		err = o.Store.Audit(ctx, control.AuditEntry{At: by.At, Who: by.Who, What: "invoice.release", Subject: c.Payer + " " + c.Cycle.String(),
			Detail: fmt.Sprintf("%q; %s", why, by.Why)})
		return &s, err
	}
	return &s, nil
}
