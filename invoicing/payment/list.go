package payment

import (
	"context"
	"database/sql"
	"fmt"

	"ratemill/decimal"
	"ratemill/internal/store"
	"ratemill/registry"
)

// Stored is a stored payment and the documents that it pays.
type Stored struct {
	ID          string    // its reference
	PayerNumber uint32    // 0: the payer is unknown
	Value       *Value    // nil if the value cannot be read
	Paid        []Part    // parts, with the numbers of their documents
	Credit      decimal.D // the part of the amount that pays no document
	Broken      error     // why the row of the payment, or of one of its parts, cannot be read
}

// Date returns the day on which the payment was booked, 0 if it cannot be read.
func (s *Stored) Date() registry.Date {
	if s.Value == nil {
		return 0
	}
	return s.Value.Date
}

// Payments lists the payments of one payer or of all payers, newest first.
func Payments(ctx context.Context, db *store.DB, payer *uint32) (all []Stored, err error) {
	where, args := "value <> ''", []any(nil)
	if payer != nil {
		where, args = where+" AND payer_number = ?", []any{int64(*payer)}
	}
	at := map[string]int{}
	err = db.Query(ctx, "reading payments", `SELECT id, payer_number, value FROM invoice_payments WHERE `+where+` ORDER BY id`, args,
		func(rows *sql.Rows) error {
			var s Stored
			var number store.Integer
			var text string
			if err := rows.Scan(&s.ID, &number, &text); err != nil {
				return err
			}
			s.PayerNumber = uint32(number.N)
			if s.Value, s.Broken = Parse(s.ID, []byte(text)); s.Broken == nil && !s.Value.IsDispute() {
				s.Credit = s.Value.Amount
			}
			if s.Broken == nil {
				s.Broken = brokenPayer(s.ID, number.Err)
			}
			at[s.ID] = len(all)
			all = append(all, s)
			return nil
		})
	if err != nil {
		return nil, err
	}
	err = db.Query(ctx, "reading what payments pay", `SELECT p.payment, r.number_text, p.amount FROM invoice_payment_parts p
		JOIN invoice_receivables r ON r.document = p.document ORDER BY p.payment, r.due, r.number_text`, nil, func(rows *sql.Rows) error {
		var id, number, text string
		if err := rows.Scan(&id, &number, &text); err != nil {
			return err
		}
		i, ok := at[id]
		if !ok {
			return nil
		}
		amount, err := decimal.Parse(text)
		if err != nil {
			all[i].Broken = &store.BrokenError{What: fmt.Sprintf("what payment %s pays of document %s", id, number),
				Column: "amount of invoice_payment_parts", Err: err}
			return nil
		}
		all[i].Paid = append(all[i].Paid, Part{number, amount})
		if all[i].Value == nil || all[i].Value.IsDispute() {
			return nil
		}
		all[i].Credit, err = all[i].Credit.Sub(amount)
		return err
	})
	return all, err
}

// brokenPayer is the error for a payment whose payer's number cannot be read, nil if it can.
func brokenPayer(id string, err error) error {
	if err == nil {
		return nil
	}
	return &store.BrokenError{What: "payment " + id, Column: "payer_number of invoice_payments", Err: err}
}

// Get returns a payment from its facts, false if there is no such payment.
func Get(facts *registry.Statements, id string) (*Value, bool, error) {
	v, err := holds(id, facts.Told(registry.KindPayment, id), facts.Revision())
	return v, v != nil, err
}

// Debited returns the amount of a document that is in direct debit files and has not arrived yet. A debit counts
// until the document has payments for it.
func Debited(ctx context.Context, tx *store.Tx, document string) (waiting decimal.D, err error) {
	for _, sum := range []struct {
		query string
		minus bool
	}{
		{`SELECT amount FROM invoice_debits WHERE document = ?`, false},
		{`SELECT amount FROM invoice_payment_parts WHERE document = ? AND kind = 'payment'`, true},
	} {
		amounts, err := amountsOf(ctx, tx, sum.query, document)
		if err != nil {
			return waiting, err
		}
		for _, a := range amounts {
			if sum.minus {
				if a.Sign() < 0 { // returned money does not close a debit
					continue
				}
				a = a.Neg()
			}
			if waiting, err = waiting.Add(a); err != nil {
				return waiting, err
			}
		}
	}
	if waiting.Sign() < 0 {
		return decimal.Zero, nil
	}
	return waiting, nil
}

func amountsOf(ctx context.Context, tx *store.Tx, query, document string) (all []decimal.D, err error) {
	rows, err := tx.Rows(ctx, query, document)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			return nil, err
		}
		a, err := decimal.Parse(text)
		if err != nil {
			return nil, &store.BrokenError{What: "a debit or payment of document " + document,
				Column: "amount of invoice_debits or invoice_payment_parts", Err: err}
		}
		all = append(all, a)
	}
	return all, rows.Err()
}
