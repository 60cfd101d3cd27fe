package backoffice

import (
	"context"
	"errors"
	"fmt"

	"ratemill/internal/control"
	"ratemill/internal/store"
	"ratemill/invoicing"
)

// InvoiceStep takes a step with documents: those named, or all of an order's cycle that allow it.
func (o *Office) InvoiceStep(ctx context.Context, step invoicing.Step, names []string, r InvoiceOrder) (done []InvoiceSummary, err error) {
	if err := invoicing.Migrate(ctx, o.Store.DB); err != nil {
		return nil, err
	}
	if step == invoicing.Discard || step == invoicing.Release {
		if err := given(r.Why); err != nil {
			return nil, err
		}
	}
	who, err := o.invoiceActor(ctx, r.As)
	if err != nil {
		return nil, err
	}
	defer who.close()
	var closes []*invoicing.Closed
	if names == nil {
		if names, closes, err = o.documentsFor(ctx, who, step, &r); err != nil {
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
	for _, name := range names {
		var s *invoicing.Stored
		err := invoicing.Again(ctx, func() error {
			return o.Store.Change(ctx, "changing a document", func(tx *store.Tx) (err error) {
				t := invoicing.Table{Tx: tx}
				if err := who.changesDocument(ctx, t, name); err != nil {
					return err
				}
				if s, err = t.Step(ctx, name, step, by); err == nil && r.DryRun {
					err = errDry
				}
				return err
			})
		})
		if err != nil && !errors.Is(err, errDry) {
			return done, problemOf(err)
		}
		done = append(done, summary(s))
	}
	return done, nil
}

// documentsFor are the documents of an order's cycle that allow a step, and for a release the closes that are held without a document.
func (o *Office) documentsFor(ctx context.Context, who *invoiceActor, step invoicing.Step, r *InvoiceOrder) (ids []string,
	closes []*invoicing.Closed, err error) {
	until, err := r.until()
	if err != nil {
		return nil, nil, err
	}
	err = o.Store.Change(ctx, "listing documents", func(tx *store.Tx) error {
		t := invoicing.Table{Tx: tx}
		all, err := t.InCycle(ctx, firstOf(r.Cycle, until), until)
		if err != nil {
			return err
		}
		for _, s := range all {
			if invoicing.Allows(s.State, step) && r.names(s.Payer.Account) && who.changes(s.Payer.Account) == nil {
				ids = append(ids, s.ID)
			}
		}
		var held []*invoicing.Closed
		if step == invoicing.Release {
			held, err = t.HeldCloses(ctx, firstOf(r.Cycle, until), until)
			for _, c := range held {
				if r.names(c.Payer) && who.changes(c.Payer) == nil {
					closes = append(closes, c)
				}
			}
		}
		if err == nil {
			err = known(r, who, all, held)
		}
		return err
	})
	return ids, closes, err
}

// heldClose is a close that is held without a document, in a list of documents.
func heldClose(c *invoicing.Closed) InvoiceSummary {
	return InvoiceSummary{Form: "close", State: string(c.State), Payer: c.Payer, Cycle: c.Cycle.From.String(), Currency: c.Currency,
		Reasons: c.Reasons}
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
