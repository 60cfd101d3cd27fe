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

// DeliverOrder asks for documents to be sent.
type DeliverOrder struct {
	InvoiceOrder
	Documents []string // numbers or ids; nil for all of the order's cycle that nobody has yet
	Channel   string   // only by this one
	To        []string // addresses of mails, instead of those that the documents were issued with
}

// DeliverInvoices orders final documents to be sent, or sent again. Of a whole cycle, it takes those alone of which no delivery was sent.
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
	documents, err := o.toDeliver(ctx, who, &r)
	if err != nil {
		return nil, problemOf(err)
	}
	for _, s := range documents {
		some, err := o.deliverAgain(ctx, s, &r)
		all = append(all, some...)
		if err != nil {
			return all, err
		}
	}
	return all, nil
}

// toDeliver are the documents of an order.
func (o *Office) toDeliver(ctx context.Context, who *invoiceActor, r *DeliverOrder) (all []*invoicing.Stored, err error) {
	err = o.Store.Change(ctx, "listing documents", func(tx *store.Tx) error {
		t := invoicing.Table{Tx: tx}
		all = nil
		for _, name := range r.Documents {
			s, err := t.Get(ctx, name)
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
				return conflict("document %s is of a sandbox account, so it goes to nobody; ratemill invoice show --to writes its files", s.Name())
			}
			all = append(all, s)
		}
		if r.Documents != nil {
			return nil
		}
		until, err := r.until()
		if err != nil {
			return err
		}
		in, err := t.InCycle(ctx, firstOf(r.Cycle, until), until)
		for _, s := range in {
			if s.State == invoicing.Final && !s.Terms.Sandbox && r.names(s.Payer.Account) && who.changes(s.Payer.Account) == nil {
				all = append(all, s)
			}
		}
		return err
	})
	return all, err
}

// deliverAgain orders the deliveries of a document. One that is being sent, or will be, stays as it is.
func (o *Office) deliverAgain(ctx context.Context, s *invoicing.Stored, r *DeliverOrder) (all []ListedDelivery, err error) {
	jobs, err := delivery.Table{DB: o.Store.DB}.List(ctx, delivery.Question{Number: s.ID})
	if err != nil {
		return nil, err
	}
	jobs = slices.DeleteFunc(jobs, func(j delivery.Job) bool { return r.Channel != "" && string(j.Channel) != r.Channel })
	slices.SortFunc(jobs, func(a, b delivery.Job) int { return cmp.Compare(a.Channel, b.Channel) })
	whole := r.Documents == nil
	if len(jobs) == 0 {
		switch {
		case r.Channel == "" && whole:
			return nil, nil // its payer asked for no delivery
		case r.Channel == "":
			return nil, conflict("document %s has no delivery, since its billing profile asked for none when it was issued; say how with --channel",
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

// deliverBy orders a delivery that the terms of a document did not ask for.
func (o *Office) deliverBy(ctx context.Context, s *invoicing.Stored, r *DeliverOrder) ([]ListedDelivery, error) {
	by := delivery.Decide{Who: r.Who, Why: r.Why, To: r.To}
	if len(by.To) == 0 {
		by.To = s.Terms.Emails
	}
	if r.Channel == string(delivery.SFTP) {
		return nil, conflict("document %s was issued without a server of its payer; ratemill account set %s remote_storage … states one for "+
			"the next documents",
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
