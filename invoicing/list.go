package invoicing

import (
	"cmp"
	"context"

	"ratemill/decimal"
	"ratemill/internal/store"
	"ratemill/invoicing/document"
)

// Listed is a document in a list of documents. It has no lines, so a list of all documents of a month
// stays small.
type Listed struct {
	ID, Number  string
	PayerNumber uint32
	Payer       string // account
	Form        document.Form
	State       State
	Reasons     []string // why the document is held
	Cycle       Date     // first day of the last billing cycle that the document closes
	Issued, Due Date
	Currency    string
	Scale       int
	Sandbox     bool

	Net, Tax, Total decimal.D
	Broken          error // why the document's row cannot be read; only the values of the columns are then set
}

// Listed returns the document in its list form.
func (s *Stored) Listed() *Listed {
	return &Listed{ID: s.ID, Number: s.Number, PayerNumber: s.PayerNumber, Payer: s.Payer.Account, Form: s.Form, State: s.State,
		Reasons: s.Reasons, Cycle: s.Cycle.From, Issued: s.Issued, Due: s.Due, Currency: s.Currency, Scale: s.Scale,
		Sandbox: s.Terms.Sandbox, Net: s.Net, Tax: s.Tax, Total: s.Total}
}

// Each calls a function for each document whose cycle begins between two dates, inclusive, by cycle and payer;
// payers nil means all. It keeps no documents in memory. If the caller passes more than a thousand payers, it
// gets the documents of all payers and must filter them. Documents that cannot be read come last.
func (t Table) Each(ctx context.Context, from, to Date, payers []uint32, give func(*Listed) error) error {
	broken, err := t.each(ctx, from, to, payers, give)
	for _, l := range broken {
		if err != nil {
			break
		}
		// For documents that cannot be read, only a close has the name of the payer.
		err = t.Tx.Row(ctx, `SELECT coalesce(min(payer), '') FROM invoice_closes WHERE payer_number = ?`, int64(l.PayerNumber)).Scan(&l.Payer)
		if err == nil {
			err = give(l)
		}
	}
	return err
}

// each calls the function for documents that can be read, and returns the others.
func (t Table) each(ctx context.Context, from, to Date, payers []uint32, give func(*Listed) error) (broken []*Listed, err error) {
	where, args := in("payer_number", payers)
	rows, err := t.Tx.Rows(ctx, `SELECT id, number_text, payer_number, form, cycle, state, reasons, document FROM invoice_documents
		WHERE `+between+` AND `+
		where+` ORDER BY cycle, payer_number, form, seq`, append([]any{int64(from), int64(to)}, args...)...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var payer, cycle store.Integer
	var id, number, form, reasons string
	var text []byte
	for rows.Next() {
		l := &Listed{}
		if err := rows.Scan(&id, &number, &payer, &form, &cycle, &l.State, &reasons, &text); err != nil {
			return nil, err
		}
		column, err := store.Integers("payer_number", &payer, "cycle", &cycle)
		if err == nil {
			column, err = "document", l.read(text)
		}
		if err != nil {
			*l = Listed{ID: id, Number: number, State: l.State, Form: document.Form(form), Cycle: Date(cycle.N)}
			l.Broken = brokenDocument(cmp.Or(number, id), column, err)
		}
		l.PayerNumber, l.Reasons = uint32(payer.N), split(reasons)
		if l.Broken != nil {
			broken = append(broken, l)
		} else if err := give(l); err != nil {
			return nil, err
		}
	}
	return broken, rows.Err()
}

func (l *Listed) read(text []byte) error {
	var d struct {
		ID     string          `json:"id"`
		Number string          `json:"number"`
		Form   document.Form   `json:"form"`
		Cycle  document.Period `json:"cycle"`
		Payer  struct {
			Account string `json:"account"`
		} `json:"payer"`
		Terms struct {
			Sandbox bool `json:"sandbox"`
		} `json:"terms"`
		Issued   Date      `json:"issued"`
		Due      Date      `json:"due"`
		Currency string    `json:"currency"`
		Scale    int       `json:"scale"`
		Net      decimal.D `json:"net"`
		Tax      decimal.D `json:"tax"`
		Total    decimal.D `json:"total"`
	}
	err := readDocument(text, &d, &d.ID)
	l.ID, l.Number, l.Form, l.Cycle, l.Payer, l.Sandbox = d.ID, d.Number, d.Form, d.Cycle.From, d.Payer.Account, d.Terms.Sandbox
	l.Issued, l.Due, l.Currency, l.Scale, l.Net, l.Tax, l.Total = d.Issued, d.Due, d.Currency, d.Scale, d.Net, d.Tax, d.Total
	return err
}
