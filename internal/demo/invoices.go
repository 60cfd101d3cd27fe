package demo

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"ratemill/decimal"
	"ratemill/internal/backoffice"
	"ratemill/internal/output"
)

const (
	invoicedMonth = "2026-03"
	creditedPayer = "initech"
	printFolder   = "invoices" // a folder in the demo's folder
)

// invoices closes March 2026: it computes the documents, releases the held document, makes all documents final, credits
// a part of one, and compares all rated with all invoiced amounts.
func (e *environment) invoices(ctx context.Context, office *backoffice.Office, o Options) error {
	to := o.Words
	order := backoffice.InvoiceOrder{Cycle: invoicedMonth, Who: "demo", Why: "the demo's month is over", Wait: time.Minute}
	before, err := office.Invoices(ctx, order)
	if err != nil {
		return err
	}
	if len(before) == 0 {
		if err := e.bill(ctx, office, o, order); err != nil {
			return err
		}
	} else {
		fmt.Fprintln(to, "The invoices of March 2026 are final since an earlier demo")
	}
	all, err := office.Invoices(ctx, order)
	if err != nil {
		return err
	}
	g := output.New("document", "payer", "net", "tax", "total", "").Amounts("net", "tax", "total")
	for _, s := range all {
		g.Add(s.Number, s.Payer, s.Net, s.Tax, s.Total, s.Currency)
	}
	if err := g.Print(to, output.Table); err != nil {
		return err
	}
	pdfs, err := e.printed(ctx, len(all))
	if err != nil {
		return err
	}
	fmt.Fprintf(to, "%d PDFs, in the languages of their payers: %s\n", pdfs, filepath.Join(o.Dir, printFolder))
	balance, err := office.BalanceInvoices(ctx, order, nil)
	if err != nil {
		return err
	}
	b := output.New("balance", "", "left", "right", "difference").Amounts("left", "right", "difference")
	for _, l := range balance.Lines {
		b.Add(l.Line+" "+l.Name, l.Currency, l.Left, l.Right, l.Difference)
	}
	if err := b.Print(to, output.Table); err != nil {
		return err
	}
	fmt.Fprintf(to, "  $ %s invoice balance --cycle %s\n", o.Ask, invoicedMonth)
	fmt.Fprintf(to, "  $ %s invoice list --cycle %s\n\n", o.Ask, invoicedMonth)
	return nil
}

// bill computes the documents.
func (e *environment) bill(ctx context.Context, office *backoffice.Office, o Options, order backoffice.InvoiceOrder) error {
	run, err := office.RunInvoices(ctx, order)
	if err != nil {
		return err
	}
	fmt.Fprintf(o.Words, "The invoices of March 2026: %d payers\n", run.Payers)
	for _, sum := range run.Computed {
		fmt.Fprintf(o.Words, "  %d computed, net %s %s\n", sum.Documents, sum.Currency, sum.Net)
	}
	for _, p := range run.Held {
		if err := output.Words(o.Words, fmt.Sprintf("  held: %s: %s\n", p.Account, strings.Join(p.Why, "; ")), 8); err != nil {
			return err
		}
	}
	held := order
	held.Why = "its invoices go by post office box; the address comes next week"
	released, err := office.InvoiceStep(ctx, backoffice.ReleaseInvoice, nil, held)
	if err != nil {
		return err
	}
	for _, s := range released {
		fmt.Fprintf(o.Words, "  released: %s, since %s\n", s.Payer, held.Why)
	}
	if _, err := office.InvoiceStep(ctx, backoffice.ReviewInvoice, nil, order); err != nil {
		return err
	}
	done, refused, err := office.FinaliseInvoices(ctx, nil, order)
	if err != nil {
		return err
	}
	for _, r := range refused {
		fmt.Fprintf(o.Words, "  not final: %s: %s\n", r.Account, strings.Join(r.Why, "; "))
	}
	for _, s := range done {
		if s.Payer == creditedPayer {
			return e.credit(ctx, office, o, s.Number, order)
		}
	}
	return nil
}

// credit credits half of the last line of a document that costs something.
func (e *environment) credit(ctx context.Context, office *backoffice.Office, o Options, number string,
	order backoffice.InvoiceOrder) error {
	s, err := office.Invoice(ctx, number, "")
	if err != nil {
		return err
	}
	for i := len(s.Lines) - 1; i >= 0; i-- {
		l := &s.Lines[i]
		half, err := l.Amount.DivRound(decimal.FromInt(2), s.Scale, decimal.HalfUp)
		if err != nil {
			return err
		}
		if half.Sign() <= 0 {
			continue
		}
		order.Why = "a test call of the operator"
		credit, err := office.CreditInvoice(ctx, number, []backoffice.InvoiceTake{{Line: l.No, Amount: half}}, order)
		if err != nil {
			return err
		}
		fmt.Fprintf(o.Words, "  credit note %s takes back %s %s of line %d of %s\n", credit.Number, credit.Currency, half.Fixed(s.Scale),
			l.No, number)
		return nil
	}
	return nil
}

// printed waits until the role delivery has created the PDFs of documents.
func (e *environment) printed(ctx context.Context, documents int) (n int, err error) {
	for deadline := time.Now().Add(30 * time.Second); ; {
		files, err := filepath.Glob(filepath.Join(e.dir, printFolder, "*", "*.pdf"))
		if n = len(files); err != nil || n >= documents || time.Now().After(deadline) {
			return n, err
		}
		select {
		case <-ctx.Done():
			return n, context.Cause(ctx)
		case <-time.After(100 * time.Millisecond):
		}
	}
}
