package project

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"ratemill/invoicing/document"
	"ratemill/invoicing/form"
	"ratemill/invoicing/terms"
)

// Forms creates the files of documents as the sellers of a project print them.
type Forms struct {
	Project *Project
	Names   func(ctx context.Context, d *document.Document) (map[string]string, error) // names of the accounts on a document, for display
	Issued  func(ctx context.Context, number string, d *document.Document) (document.Date,
		error) // date of issue of the document that a credit note corrects
	Printer *form.Printer
}

// Seller returns the seller of a document, in the version of the document's date.
func (f *Forms) Seller(d *document.Document) (*terms.Seller, error) {
	on := d.Issued
	if on == 0 {
		on = d.Cycle.To
	}
	if f.Project.Catalogue != nil {
		docs, _ := terms.DocumentsOf(f.Project.Catalogue)
		if s := docs.Seller(d.Seller.Account, on); s != nil {
			return s, nil
		}
	}
	who := "the operator"
	if d.Seller.Account != "" {
		who = "account " + d.Seller.Account
	}
	return nil, fmt.Errorf("the catalogue has no seller that is %s on %s; restore the document seller that it had", who, on)
}

// Print returns the inputs for the forms of a document.
func (f *Forms) Print(ctx context.Context, d *document.Document) (*form.Print, error) {
	s, err := f.Seller(d)
	if err != nil {
		return nil, err
	}
	in := &form.Print{Document: d, Seller: s, XMLName: "invoice.xml"}
	if in.Accounts, err = f.Names(ctx, d); err != nil {
		return nil, err
	}
	if in.Logo, err = f.Project.Logo(s); err != nil {
		return nil, fmt.Errorf("the logo of seller %s: %w", s.Name.Value, err)
	}
	docs, _ := terms.DocumentsOf(f.Project.Catalogue)
	if in.Template, err = f.Project.Template(s, docs.Group(d.Terms.AccountingGroup, d.Cycle.To)); err != nil {
		return nil, fmt.Errorf("the template of %s: %w", d.Number, err)
	}
	if d.Corrects != "" {
		if in.Corrected, err = f.Issued(ctx, d.Corrects, d); err != nil {
			return nil, err
		}
	}
	return in, nil
}

// Make creates the files of a final document. A document that cannot be an electronic invoice has no UBL.
func (f *Forms) Make(ctx context.Context, d *document.Document) (pdf, ubl, csv []byte, err error) {
	in, err := f.Print(ctx, d)
	if err != nil {
		return nil, nil, nil, err
	}
	if in.XML, err = form.UBL(in); err != nil {
		if refused := (*form.RefusedError)(nil); !errors.As(err, &refused) {
			return nil, nil, nil, err
		}
		in.XML = nil
	}
	if pdf, err = f.Printer.PDF(ctx, in); err != nil {
		return nil, nil, nil, err
	}
	var lines bytes.Buffer
	err = form.CSV(&lines, d)
	return pdf, in.XML, lines.Bytes(), err
}

// NoUBL returns the reason why a document cannot be an electronic invoice.
func (f *Forms) NoUBL(ctx context.Context, d *document.Document) string {
	in, err := f.Print(ctx, d)
	if err == nil {
		_, err = form.UBL(in)
	}
	if err == nil {
		return "when it was issued, it could not be sent as an electronic invoice"
	}
	return err.Error()
}
