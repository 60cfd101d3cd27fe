package backoffice

import (
	"bytes"
	"context"
	"fmt"
	"io"

	"ratemill/account"
	"ratemill/decimal"
	"ratemill/internal/project"
	"ratemill/internal/store"
	"ratemill/internal/warehouse"
	"ratemill/invoicing"
	"ratemill/invoicing/delivery"
	"ratemill/invoicing/document"
	"ratemill/invoicing/form"
	"ratemill/invoicing/payment"
	"ratemill/registry"
	"ratemill/udr"
)

// The formats of a document.
const (
	InvoicePDF  = delivery.PDF
	InvoiceUBL  = delivery.UBL
	InvoiceCSV  = delivery.CSV
	InvoiceJSON = "json"
)

// InvoiceFormats are the formats of a document.
var InvoiceFormats = []string{InvoicePDF, InvoiceUBL, InvoiceCSV, InvoiceJSON}

// InvoiceFile returns a document in a format. For a delivered document, it returns the issued file; otherwise it
// creates the file.
func (o *Office) InvoiceFile(ctx context.Context, name, as, format string) ([]byte, error) {
	s, err := o.Invoice(ctx, name, as)
	if err != nil {
		return nil, err
	}
	d := &s.Document
	var b bytes.Buffer
	if format == InvoiceJSON {
		err := form.JSON(&b, d)
		return b.Bytes(), err
	}
	if err := delivery.Migrate(ctx, o.Store.DB); err != nil {
		return nil, err
	}
	issued, err := (&delivery.Files{DB: o.Store.DB, Dir: o.Documents}).Kept(ctx, d.ID)
	if err != nil {
		return nil, &Problem{Conflict, err}
	}
	for _, f := range issued {
		if f.Kind == format {
			return f.Content, nil
		}
	}
	if format == InvoiceCSV {
		err := form.CSV(&b, d)
		return b.Bytes(), err
	}
	forms, err := o.forms()
	if err != nil {
		return nil, err
	}
	pdf, ubl, _, err := forms.Make(ctx, d)
	if err != nil {
		return nil, fmt.Errorf("making document %s: %w", s.Name(), err)
	}
	switch {
	case format == InvoicePDF:
		return pdf, nil
	case ubl == nil:
		return nil, conflict("document %s has no UBL: %s", s.Name(), forms.NoUBL(ctx, d))
	}
	return ubl, nil
}

func (o *Office) forms() (*project.Forms, error) {
	p, list := project.LoadDir(o.Project)
	if p == nil {
		return nil, &BrokenProjectError{o.Project, list}
	}
	printer, err := form.New(o.Print)
	return &project.Forms{Project: p, Printer: printer, Names: o.accountNames, Issued: o.issued}, err
}

func (o *Office) accountNames(ctx context.Context, d *document.Document) (map[string]string, error) {
	details := registry.NewStatements(registry.KindDetails)
	if _, err := o.Store.LoadStatements(ctx, details); err != nil {
		return nil, err
	}
	return account.NamesOf(d.Accounts(), details, udr.InstantOf(o.Now())), nil
}

// issued returns the date of issue of the document that another document corrects.
func (o *Office) issued(ctx context.Context, number string, of *document.Document) (on document.Date, err error) {
	if err := payment.Migrate(ctx, o.Store.DB); err != nil {
		return 0, err
	}
	view, err := o.accounts(ctx)
	if err != nil {
		return 0, err
	}
	defer view.Close()
	payer, _ := view.AccountNumber(of.Payer.Account)
	err = o.Store.Change(ctx, "reading a document", func(tx *store.Tx) error {
		r, err := payment.Find(ctx, tx, number, payer)
		if err == nil {
			on = r.Issued
		}
		return err
	})
	return on, err
}

// InvoiceSum is the sum of the usage records of a document.
type InvoiceSum struct {
	Records int64  `json:"records"`
	Amount  string `json:"amount"`
}

// InvoiceCalls writes the usage records of a document's lines as CSV, line by line, in the order of their use. It
// keeps no records in memory. For each line it checks the sum of the records.
func (o *Office) InvoiceCalls(ctx context.Context, name, as string, to io.Writer) (*InvoiceSum, error) {
	s, err := o.Invoice(ctx, name, as)
	if err != nil {
		return nil, err
	}
	if s.Form == document.CreditNote {
		return nil, conflict("credit note %s takes back lines of %s; the records are on that document", s.Name(), s.Corrects)
	}
	view, _, err := o.below(ctx, []string{s.Payer.Account})
	if err != nil {
		return nil, err
	}
	defer view.Close()
	sum, err := form.CallDetail(to, func(yield func(*form.Call, error) bool) {
		more := true
		for i := range s.Lines {
			l := &s.Lines[i]
			if l.Kind != document.Usage {
				continue
			}
			if err := o.calls(ctx, view, s, l, func(c *form.Call) bool { more = yield(c, nil); return more }); err != nil && more {
				yield(nil, err)
				return
			}
			if !more {
				return
			}
		}
	})
	return &InvoiceSum{sum.Records, sum.Amount.String()}, err
}

// calls passes the records of a line to each until it returns false.
func (o *Office) calls(ctx context.Context, view *registry.View, s *invoicing.Stored, l *document.Line, each func(*form.Call) bool) error {
	sum := decimal.Zero
	err := o.charges(ctx, view, s, l, func(c *warehouse.LineCharge, amount decimal.D) (err error) {
		if sum, err = sum.Add(amount); err != nil {
			return err
		}
		at := udr.InstantOf(c.At)
		call := form.Call{At: c.At, ID: c.ID.String(), Account: l.Account, Kind: c.Kind, Identifier: c.Identifier, Class: l.Class,
			Direction: c.Direction, Country: c.Country, Network: c.Network, Peer: c.Peer, Zone: l.Zone, Plan: l.Product, Tariff: l.Tariff,
			Quantity: c.Quantity, Unit: c.Unit.String(), Charged: c.Charged, Covered: c.Covered, Amount: amount, Currency: c.Currency,
			Cycle: l.Cycle}
		if c.Identifier == "" && c.SIM != 0 { // the payer is an account above the SIM's own
			call.Kind, call.Identifier = simIdentifier(view, c.SIM, at)
			if owner, ok := view.Owner(c.SIM, at, view.Revision()); ok {
				call.Account, _ = view.AccountID(owner.Account)
			}
		}
		if !each(&call) {
			return context.Canceled
		}
		return nil
	})
	if err == nil && sum.Cmp(l.Exact) != 0 {
		err = conflict("the records of line %d add up to %s %s, and the line was computed from %s; docs/runbooks/invoice-held.md says "+
			"what to do about sums that differ", l.No, s.Currency, sum, l.Exact)
	}
	return err
}
