package backoffice

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"ratemill/internal/store"
	"ratemill/invoicing"
	"ratemill/invoicing/delivery"
)

// DeliverOrder requests that documents are sent.
type DeliverOrder struct {
	InvoiceOrder
	Documents []string // numbers or ids; nil for all documents of the order's cycle that have not been sent yet
	Channel   string   // only by this channel
	To        []string // mail addresses that replace those in the documents
}

// DeliverInvoices orders final documents to be sent, or sent again. From a whole cycle, it takes only documents
// without a sent delivery.
func (o *Office) DeliverInvoices(ctx context.Context, r DeliverOrder) (all []ListedDelivery, err error) {
	if err := given(r.Why); err != nil && !r.DryRun {
		return nil, err
	}
	if err := o.migratePayments(ctx); err != nil {
		return nil, err
	}
	who, err := o.invoiceActor(ctx, r.As)
	if err != nil {
		return nil, err
	}
	defer who.close()
	ids, broken, err := o.toDeliver(ctx, who, &r)
	if err != nil {
		return nil, problemOf(err)
	}
	for _, id := range ids {
		some, err := o.deliverAgain(ctx, id, &r)
		all = append(all, some...)
		if row := (*store.BrokenError)(nil); errors.As(err, &row) {
			broken = append(broken, row) // the other documents go on
		} else if err != nil {
			return all, err
		}
	}
	return all, errors.Join(broken...)
}

// toDeliver returns the ids of the documents of an order. broken holds documents of the order's
// cycle that cannot be read.
func (o *Office) toDeliver(ctx context.Context, who *invoiceActor, r *DeliverOrder) (ids []string, broken []error, err error) {
	if r.Documents == nil {
		in, err := o.ordered(ctx, &r.InvoiceOrder)
		if err != nil {
			return nil, nil, err
		}
		err = o.Store.Change(ctx, "listing documents", func(tx *store.Tx) error {
			ids, broken = nil, nil
			return in.each(ctx, invoicing.Table{Tx: tx}, func(l *invoicing.Listed) error {
				switch {
				case l.State != invoicing.Final || who.changes(l.Payer) != nil:
				case l.Broken != nil:
					broken = append(broken, l.Broken)
				case !l.Sandbox:
					ids = append(ids, l.ID)
				}
				return nil
			})
		})
		return ids, broken, err
	}
	err = o.Store.Change(ctx, "reading documents", func(tx *store.Tx) error {
		ids = nil
		for _, name := range r.Documents {
			s, err := invoicing.Table{Tx: tx}.Get(ctx, name)
			if err != nil {
				return err
			}
			if err := who.changes(s.Payer.Account); err != nil {
				return err
			}
			switch {
			case s.State != invoicing.Final:
				return conflict("document %s is %s; only final documents are delivered", s.Name(), s.State)
			case s.Terms.Sandbox:
				return conflict("document %s is for a sandbox account, so it is not delivered; ratemill invoice show --to writes its files", s.Name())
			}
			ids = append(ids, s.ID)
		}
		return nil
	})
	return ids, nil, err
}

// deliverAgain orders the deliveries of a document to be sent again. It does not change a delivery that
// is being sent or is waiting.
func (o *Office) deliverAgain(ctx context.Context, id string, r *DeliverOrder) (all []ListedDelivery, err error) {
	jobs, err := delivery.Table{DB: o.Store.DB}.Of(ctx, id)
	if err != nil {
		return nil, err
	}
	jobs = slices.DeleteFunc(jobs, func(j delivery.Job) bool { return r.Channel != "" && string(j.Channel) != r.Channel })
	slices.SortFunc(jobs, func(a, b delivery.Job) int { return cmp.Compare(a.Channel, b.Channel) })
	whole := r.Documents == nil
	if len(jobs) == 0 {
		if r.Channel == "" && whole {
			return nil, nil // the payer requested no delivery
		}
		var s *invoicing.Stored
		err := o.Store.Change(ctx, "reading a document", func(tx *store.Tx) (err error) {
			s, err = invoicing.Table{Tx: tx}.Get(ctx, id)
			return err
		})
		if err != nil {
			return nil, err
		}
		if r.Channel == "" {
			return nil, conflict("document %s has no delivery, because its billing profile required none when it was issued; "+
				"choose a channel with --channel",
				s.Name())
		}
		return o.deliverBy(ctx, s, r)
	}
	for i := range jobs {
		j := &jobs[i]
		if j.State == delivery.Sending || j.State == delivery.Pending || whole && j.State != delivery.Failed {
			if !whole || j.State != delivery.Confirmed && j.State != delivery.Sent {
				all = append(all, listedDelivery(j))
			}
			continue
		}
		l, err := o.decide(ctx, j.ID, &DeliveryOrder{Do: "again", To: r.To, Who: r.Who, Why: r.Why, DryRun: r.DryRun})
		if err != nil {
			return all, err
		}
		all = append(all, *l)
	}
	return all, nil
}

// deliverBy orders a delivery that the terms of a document do not include.
func (o *Office) deliverBy(ctx context.Context, s *invoicing.Stored, r *DeliverOrder) ([]ListedDelivery, error) {
	by := delivery.Decide{Who: r.Who, Why: r.Why, To: r.To}
	if len(by.To) == 0 {
		by.To = s.Terms.Emails
	}
	if r.Channel == string(delivery.SFTP) {
		return nil, conflict("document %s was issued before its payer had a server; ratemill account set %s remote_storage "+
			"… sets one for the next documents",
			s.Name(), s.Payer.Account)
	}
	var job *delivery.Job
	var refusal error
	err := o.Store.Change(ctx, "ordering a delivery", func(tx *store.Tx) error {
		job, refusal = (delivery.Table{DB: o.Store.DB}).Add(ctx, tx, s.PayerNumber, &s.Document, delivery.Channel(r.Channel), by, o.Now())
		if refusal != nil || r.DryRun {
			return errDry
		}
		return nil
	})
	switch {
	case refusal != nil:
		return nil, &Problem{Conflict, refusal}
	case err != nil && !errors.Is(err, errDry):
		return nil, err
	}
	return []ListedDelivery{listedDelivery(job)}, nil
}
