package backoffice

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"ratemill/account"
	"ratemill/decimal"
	"ratemill/internal/control"
	"ratemill/internal/store"
	"ratemill/invoicing"
	"ratemill/invoicing/payment"
	"ratemill/registry"
)

// InvoiceBalance compares due amounts with invoiced amounts; money is text.
type InvoiceBalance struct {
	Cycle string               `json:"cycle"` // empty for all
	Facts uint64               `json:"facts"` // newest revision of the closes
	Cut   string               `json:"cut"`   // newest cut of the closes
	Lines []InvoiceBalanceLine `json:"lines"`
	Off   []InvoiceBalanceOff  `json:"off"`
	Notes []string             `json:"notes,omitempty"`
}

// InvoiceBalanceLine is a line of the balance in a currency.
type InvoiceBalanceLine struct {
	Line       string `json:"line"`
	Name       string `json:"name"`
	Currency   string `json:"currency,omitempty"` // empty if the line is a count
	Left       string `json:"left"`
	Right      string `json:"right"`
	Difference string `json:"difference"`
	Off        int    `json:"off"` // number of places where the two sides differ
	LeftIs     string `json:"left_is"`
	RightIs    string `json:"right_is"`
}

// InvoiceBalanceOff is a place where the two sides of a line differ.
type InvoiceBalanceOff struct {
	Account    string `json:"account,omitempty"`
	Line       string `json:"line"`
	Cycle      string `json:"cycle,omitempty"`
	What       string `json:"what,omitempty"`
	Left       string `json:"left"`
	Right      string `json:"right"`
	Difference string `json:"difference"`
	Currency   string `json:"currency,omitempty"`
}

// InvoicePayerBalance is the balance of a payer.
type InvoicePayerBalance struct {
	Account string               `json:"account"`
	Facts   uint64               `json:"facts"` // facts revision of the payer's last close
	Cut     string               `json:"cut"`
	Lines   []InvoiceBalanceLine `json:"lines"`
}

// BalanceInvoices computes the invoice balance of an order's cycles and payers; an order without payers means all. It
// stores the differences, so that the next run holds these payers. each is called with the balance of each payer; it
// may be nil.
func (o *Office) BalanceInvoices(ctx context.Context, r InvoiceOrder, each func(*InvoicePayerBalance) error) (*InvoiceBalance, error) {
	for _, migrate := range []func(context.Context, *store.DB) error{account.Migrate, payment.Migrate} {
		if err := migrate(ctx, o.Store.DB); err != nil {
			return nil, err
		}
	}
	basis, end, err := o.earlier(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	if err := o.payersOf(ctx, &r, true); err != nil {
		return nil, err
	}
	var payers []uint32
	for _, id := range r.Accounts {
		number, ok := basis.View.AccountNumber(id)
		if !ok {
			return nil, missing("there is no account %s; ratemill account list shows all", id)
		}
		payers = append(payers, number)
	}
	slices.Sort(payers)
	b := &invoicing.Balancer{DB: o.Store.DB, Basis: basis, To: dateOf(o.Now()), Kept: o.usageKept(), Owed: owed}
	if r.Cycle != "" {
		if b.To, err = r.until(); err != nil {
			return nil, err
		}
		b.From = firstOf(r.Cycle, b.To)
	}
	all, err := b.Balance(ctx, payers, func(p *invoicing.PayerBalance) error {
		if each == nil {
			return nil
		}
		return each(&InvoicePayerBalance{Account: p.Payer, Facts: uint64(p.Facts), Cut: p.Cut.String(), Lines: balanceLines(p.Sums, false)})
	})
	if err != nil {
		return nil, err
	}
	answer := &InvoiceBalance{Cycle: r.Cycle, Facts: uint64(all.Facts), Cut: all.Cut.String(), Lines: balanceLines(all.Sums,
		payers == nil), Off: []InvoiceBalanceOff{},
		Notes: all.Notes}
	for i := range all.Off {
		p := &all.Off[i]
		off := InvoiceBalanceOff{Account: p.Payer, Line: p.Line, What: p.What, Left: p.Left.String(), Right: p.Right.String(),
			Difference: p.Difference().String(), Currency: p.Currency}
		if p.Cycle != 0 {
			off.Cycle = p.Cycle.String()
		}
		answer.Off = append(answer.Off, off)
	}
	if b.From < b.Kept {
		answer.Notes = append(answer.Notes,
			fmt.Sprintf("usage of cycles that begin before %s is not compared (B1, B9): it is older than warehouse.keep", b.Kept))
	}
	err = o.Store.Change(ctx, "storing the invoice balance", func(tx *store.Tx) error {
		return invoicing.Table{Tx: tx}.PutOff(ctx, payers, b.From, b.To, all.Off, invoicing.By{At: o.Now()})
	})
	if err == nil && len(all.Off) > 0 {
		err = o.Store.Audit(ctx, control.AuditEntry{At: o.Now(), Who: r.Who, What: "invoice.balance", Subject: r.Cycle,
			Detail: fmt.Sprintf("off at %d places: %s", len(all.Off), all.Off[0].Words())})
	}
	return answer, err
}

// balanceLines returns all lines of the balance; an empty line has 0. The lines for number ranges and tiers do not
// belong to a single payer.
func balanceLines(sums []invoicing.BalanceSum, everybody bool) []InvoiceBalanceLine {
	lines := []InvoiceBalanceLine{}
	for _, l := range invoicing.BalanceLines {
		add := func(s *invoicing.BalanceSum) {
			lines = append(lines, InvoiceBalanceLine{Line: l.ID, Name: l.Name, Currency: s.Currency, Left: s.Left.String(),
				Right:      s.Right.String(),
				Difference: s.Difference().String(), Off: s.Off, LeftIs: l.Left, RightIs: l.Right})
		}
		before := len(lines)
		for i := range sums {
			if sums[i].Line == l.ID {
				add(&sums[i])
			}
		}
		if len(lines) == before && (everybody || l.ID != "B7" && l.ID != "B9") {
			add(&invoicing.BalanceSum{})
		}
	}
	return lines
}

// owed returns the parts of account balances that come from documents and payments, in the transaction that
// reads the documents.
func owed(ctx context.Context, tx *store.Tx, payers []uint32) (all []invoicing.Owed, err error) {
	where := "payer_number IN (" + strings.Trim(strings.Join(strings.Fields(fmt.Sprint(payers)), ","), "[]") + ")"
	rows, err := tx.Rows(ctx, `SELECT payer_number, currency, billed, documents FROM account_exposures WHERE `+where)
	if err != nil {
		return nil, err
	}
	err = scanAll(rows, func() error {
		var w invoicing.Owed
		var billed, documents string
		if err := rows.Scan(&w.Payer, &w.Currency, &billed, &documents); err != nil {
			return err
		}
		for _, f := range []struct {
			column, text string
			into         *decimal.D
		}{{"billed", billed, &w.Billed}, {"documents", documents, &w.Documents}} {
			var err error
			if *f.into, err = decimal.Parse(f.text); err != nil {
				w.Broken = &store.BrokenError{What: "the balance in " + w.Currency, Column: f.column + " of account_exposures", Err: err}
			}
		}
		all = append(all, w)
		return nil
	})
	if err != nil {
		return nil, err
	}
	if rows, err = tx.Rows(ctx, `SELECT payer_number, id, value FROM invoice_payments WHERE value <> '' AND `+where); err != nil {
		return nil, err
	}
	return all, scanAll(rows, func() error {
		w := invoicing.Owed{}
		var id, value string
		if err := rows.Scan(&w.Payer, &id, &value); err != nil {
			return err
		}
		v, err := payment.Parse(id, []byte(value))
		if err != nil {
			w.Broken = err
		} else if v.IsDispute() {
			return nil // a disputed amount is still owed
		} else {
			w.Currency, w.Paid = v.Currency, v.Amount
		}
		all = append(all, w)
		return nil
	})
}

// offBalance returns the reasons to hold payers whose invoice balance differs, by payer number.
func (o *Office) offBalance(ctx context.Context, view *registry.View) (reasons map[uint32]string, err error) {
	reasons = map[uint32]string{}
	err = o.Store.Change(ctx, "reading the invoice balance", func(tx *store.Tx) error {
		off, err := invoicing.Table{Tx: tx}.Off(ctx)
		for number, places := range off {
			id, _ := view.AccountID(number)
			reasons[number] = fmt.Sprintf("its invoice balance is off: %s; ratemill invoice balance --account %s recomputes it",
				places[0].Words(), id)
		}
		return err
	})
	return reasons, err
}
