package invoicing

import (
	"context"
	"encoding/json"

	"ratemill/decimal"
	"ratemill/invoicing/document"
)

// Listed is a document in a list. It has no lines, so a list of all documents of a month stays small.
type Listed struct {
	ID, Number  string
	PayerNumber uint32
	Payer       string // account
	Form        document.Form
	State       State
	Reasons     []string // why it is held
	Cycle       Date     // first day of the last billing cycle that it closes
	Issued, Due Date
	Currency    string
	Scale       int
	Sandbox     bool

	Net, Tax, Total decimal.D
}

// Listed returns the document in the form for lists.
func (s *Stored) Listed() *Listed {
	return &Listed{ID: s.ID, Number: s.Number, PayerNumber: s.PayerNumber, Payer: s.Payer.Account, Form: s.Form, State: s.State,
		Reasons: s.Reasons, Cycle: s.Cycle.From, Issued: s.Issued, Due: s.Due, Currency: s.Currency, Scale: s.Scale,
		Sandbox: s.Terms.Sandbox, Net: s.Net, Tax: s.Tax, Total: s.Total}
}

// Each calls a function for each document of payers, nil for all, whose cycle begins between two dates, both
// included, by cycle and payer. It keeps none of them. If the caller names more than a thousand payers, it gets the
// documents of all payers and must filter them.
func (t Table) Each(ctx context.Context, from, to Date, payers []uint32, give func(*Listed) error) error {
	where, args := in("payer_number", payers)
	rows, err := t.Tx.Rows(ctx, `SELECT payer_number, state, reasons, document, `+named+` FROM invoice_documents
		WHERE cycle >= ? AND cycle <= ? AND `+
		where+` ORDER BY cycle, payer_number, form, seq`, append([]any{int64(from), int64(to)}, args...)...)
	if err != nil {
		return err
	}
	defer rows.Close()
	var reasons, name string
	var text []byte
	for rows.Next() {
		l := &Listed{}
		if err := rows.Scan(&l.PayerNumber, &l.State, &reasons, &text, &name); err != nil {
			return err
		}
		if err := l.read(text); err != nil {
			return unreadable(name, err)
		}
		l.Reasons = split(reasons)
		if err := give(l); err != nil {
			return err
		}
	}
	return rows.Err()
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
	err := json.Unmarshal(text, &d)
	l.ID, l.Number, l.Form, l.Cycle, l.Payer, l.Sandbox = d.ID, d.Number, d.Form, d.Cycle.From, d.Payer.Account, d.Terms.Sandbox
	l.Issued, l.Due, l.Currency, l.Scale, l.Net, l.Tax, l.Total = d.Issued, d.Due, d.Currency, d.Scale, d.Net, d.Tax, d.Total
	return err
}
