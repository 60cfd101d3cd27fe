package backoffice

import (
	"context"

	"ratemill/account"
	"ratemill/invoicing"
)

// invoiceActor decides which payers' documents an order's actor may see or change. The provider may see and change
// all documents.
type invoiceActor struct {
	r   *reading // nil for the provider
	end func()
}

func (o *Office) invoiceActor(ctx context.Context, as string) (*invoiceActor, error) {
	if as == "" {
		return &invoiceActor{end: func() {}}, nil
	}
	r, end, err := o.read(ctx, AccountQuestion{As: as})
	if err != nil {
		return nil, err
	}
	return &invoiceActor{r, end}, nil
}

func (a *invoiceActor) close() { a.end() }

// sees refuses a document of a payer that is neither the actor nor below the actor.
func (a *invoiceActor) sees(payer string) error {
	if a.r == nil {
		return nil
	}
	if err := a.r.as.Within(account.Path(a.r.book, payer, a.r.at)); err != nil {
		return &Problem{Conflict, err}
	}
	return nil
}

// changes refuses steps that only the provider of a payer may take. No account may finalise, release or credit
// the documents that it pays itself.
func (a *invoiceActor) changes(payer string) error {
	if err := a.sees(payer); err != nil {
		return err
	}
	if a.r == nil || a.r.as.Provides(account.Path(a.r.book, payer, a.r.at)) {
		return nil
	}
	return conflict("%s may see documents of account %s but not change them; the provider and a reseller above it may", a.r.as, payer)
}

func (a *invoiceActor) changesDocument(ctx context.Context, t invoicing.Table, name string) error {
	if a.r == nil {
		return nil
	}
	s, err := t.Get(ctx, name)
	if err != nil {
		return err
	}
	return a.changes(s.Payer.Account)
}

// payersOf sets, or checks, the payers of a run that an account requests. If an order stores nothing, a payer may request it
// for itself.
func (o *Office) payersOf(ctx context.Context, r *InvoiceOrder, question bool) error {
	if r.As == "" {
		return nil
	}
	who, err := o.invoiceActor(ctx, r.As)
	if err != nil {
		return err
	}
	defer who.close()
	may := who.changes
	if question {
		may = who.sees
	}
	if len(r.Accounts) > 0 {
		for _, id := range r.Accounts {
			if err := may(id); err != nil {
				return err
			}
		}
		return nil
	}
	book := who.r.book
	for n := uint32(1); n <= who.r.view.Accounts(); n++ {
		id, _ := who.r.view.AccountID(n)
		if book.Account(id, who.r.at) != nil && book.Payer(id, who.r.at) == id && may(id) == nil {
			r.Accounts = append(r.Accounts, id)
		}
	}
	if len(r.Accounts) == 0 {
		return conflict("%s has no payer below it whose documents it may create", who.r.as)
	}
	return nil
}
