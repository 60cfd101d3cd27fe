package backoffice

import (
	"context"

	"ratemill/invoicing"
	"ratemill/registry"
)

// ordered selects the documents of an order.
type ordered struct {
	from, to registry.Date       // first days of the cycles, inclusive
	payers   []uint32            // nil for all
	accounts map[string]struct{} // accounts of the payers; nil for all
	seen     map[string]struct{} // accounts that have a document or a held close in these cycles
}

// ordered selects the documents of an order. An order without a cycle covers all cycles.
func (o *Office) ordered(ctx context.Context, r *InvoiceOrder) (*ordered, error) {
	in := &ordered{to: 1 << 30, seen: map[string]struct{}{}}
	if r.Cycle != "" {
		until, err := r.until()
		if err != nil {
			return nil, err
		}
		in.from, in.to = firstOf(r.Cycle, until), until
	}
	if len(r.Accounts) == 0 {
		return in, nil
	}
	view, err := o.accounts(ctx)
	if err != nil {
		return nil, err
	}
	defer view.Close()
	in.payers, in.accounts = []uint32{}, map[string]struct{}{}
	for _, id := range r.Accounts {
		in.accounts[id] = struct{}{}
		if number, ok := view.AccountNumber(id); ok {
			in.payers = append(in.payers, number)
		}
	}
	return in, nil
}

// names reports whether the order includes the documents of a payer.
func (in *ordered) names(payer string) bool {
	if in.accounts == nil {
		return true
	}
	_, named := in.accounts[payer]
	if named {
		in.seen[payer] = struct{}{}
	}
	return named
}

// each passes on the documents, and keeps none of them in memory.
func (in *ordered) each(ctx context.Context, t invoicing.Table, give func(*invoicing.Listed) error) error {
	return t.Each(ctx, in.from, in.to, in.payers, func(l *invoicing.Listed) error {
		if !in.names(l.Payer) {
			return nil
		}
		return give(l)
	})
}

// held returns the closes that are held and have no document.
func (in *ordered) held(ctx context.Context, t invoicing.Table) (all []*invoicing.Closed, err error) {
	held, err := t.HeldCloses(ctx, in.from, in.to)
	for _, c := range held {
		if in.names(c.Payer) {
			all = append(all, c)
		}
	}
	return all, err
}

// known refuses an order for payers that have neither a document nor a held close in its cycle.
func (in *ordered) known(who *invoiceActor, r *InvoiceOrder) error {
	for _, id := range r.Accounts {
		if err := who.changes(id); err != nil {
			return err
		}
		if _, ok := in.seen[id]; !ok {
			return missing("no document of account %s begins its cycle in %s; ratemill invoice list shows all", id, r.Cycle)
		}
	}
	return nil
}
