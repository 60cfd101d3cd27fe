package backoffice

import (
	"cmp"
	"context"
	"slices"
	"time"

	"ratemill/internal/store"
	"ratemill/invoicing"
	"ratemill/invoicing/document"
	"ratemill/registry"
)

// InvoiceVerified is a recomputed final document.
type InvoiceVerified struct {
	Document    string                `json:"document"`
	Payer       string                `json:"payer"`
	Cycle       string                `json:"cycle"`
	Rules       int                   `json:"rules"`
	Hash        string                `json:"hash"`
	Same        bool                  `json:"same"`    // the computed document has the stored hash
	Changed     bool                  `json:"changed"` // the stored text does not match the stored hash
	Differences []document.Difference `json:"differences,omitempty"`
	Notes       []string              `json:"notes,omitempty"`
	Error       string                `json:"error,omitempty"` // why the document cannot be computed
	OK          bool                  `json:"ok"`
}

// VerifyInvoices recomputes final documents from their inputs: the documents listed in an order, or all of its
// cycle. each is called with the results in the order of the payers.
func (o *Office) VerifyInvoices(ctx context.Context, names []string, r InvoiceOrder, each func(*InvoiceVerified) error) error {
	b, end, err := o.earlier(ctx)
	if err != nil {
		return err
	}
	defer end()
	refs, err := o.finals(ctx, names, &r, b.View)
	if err != nil {
		return problemOf(err)
	}
	v := &invoicing.Verifier{DB: o.Store.DB, Basis: b, Kept: o.usageKept()}
	done := 0
	return v.Verify(ctx, refs, func(v *invoicing.Verified) error {
		d := v.Document
		id, _ := b.View.AccountID(d.PayerNumber)
		answer := InvoiceVerified{Document: d.Name(), Payer: cmp.Or(d.Payer.Account, id), Cycle: d.Cycle.From.String(), Rules: d.Input.Rules,
			Hash: d.Hash,
			Same: v.Same, Changed: v.Changed, Differences: v.Differences, Notes: v.Notes, OK: v.OK()}
		if v.Err != nil {
			answer.Error = v.Err.Error()
		}
		if done++; r.Progress != nil && done%1000 == 0 {
			r.Progress(done, len(refs))
		}
		return each(&answer)
	})
}

// finals returns the final documents that an order selects.
func (o *Office) finals(ctx context.Context, names []string, r *InvoiceOrder, view *registry.View) (refs []invoicing.Ref, err error) {
	from, to := registry.Date(0), registry.Date(1<<30)
	if r.Cycle != "" {
		if to, err = r.until(); err != nil {
			return nil, err
		}
		from = firstOf(r.Cycle, to)
	}
	err = o.Store.Change(ctx, "listing documents", func(tx *store.Tx) error {
		t := invoicing.Table{Tx: tx}
		if names == nil {
			refs, err = t.Finals(ctx, from, to)
			return err
		}
		for _, name := range names {
			s, err := t.Find(ctx, name)
			if err != nil {
				return err
			}
			if s.Broken == nil && s.State != invoicing.Final && s.Number == "" && s.Hash == "" {
				return conflict("document %s is %s; only a final document has a hash to compare with", s.Name(), s.State)
			}
			refs = append(refs, invoicing.Ref{ID: s.ID, Payer: s.PayerNumber})
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	who, err := o.invoiceActor(ctx, r.As)
	if err != nil {
		return nil, err
	}
	defer who.close()
	for _, f := range refs {
		id, _ := view.AccountID(f.Payer)
		if err := who.sees(id); err != nil && names != nil {
			return nil, err
		}
	}
	if len(r.Accounts) > 0 || r.As != "" {
		named := map[string]bool{}
		for _, id := range r.Accounts {
			named[id] = true
		}
		refs = slices.DeleteFunc(refs, func(f invoicing.Ref) bool {
			id, _ := view.AccountID(f.Payer)
			return len(named) > 0 && !named[id] || who.sees(id) != nil
		})
	}
	return refs, err
}

// earlier returns a basis for recomputing earlier closes. It has facts and prices of all revisions and versions, and
// usage up to any cut.
func (o *Office) earlier(ctx context.Context) (b *invoicing.Basis, end func(), err error) {
	if err := invoicing.Migrate(ctx, o.Store.DB); err != nil {
		return nil, nil, err
	}
	catalogue, err := o.catalogueNow()
	if err != nil {
		return nil, nil, err
	}
	if catalogue == nil {
		return nil, nil, errNoCatalogue
	}
	w, err := o.Warehouse(ctx)
	if err != nil {
		return nil, nil, err
	}
	view, statements, err := o.below(ctx, nil)
	if err != nil {
		return nil, nil, err
	}
	b = &invoicing.Basis{View: view, Statements: statements, Facts: view.Revision(), Catalogue: catalogue.Version(), Now: o.Now(),
		Begin: o.InvoicesFrom, Usage: usageOf(w)}
	o.documents(ctx, b, catalogue)
	return b, view.Close, nil
}

// usageKept returns the first date of the cycles whose usage the warehouse is sure to have; 0 if it keeps
// all usage.
func (o *Office) usageKept() registry.Date {
	if o.KeepMonths == 0 {
		return 0
	}
	now := o.Now().UTC()
	return dateOf(time.Date(now.Year(), now.Month()-time.Month(o.KeepMonths), 2, 0, 0, 0, 0, time.UTC))
}
