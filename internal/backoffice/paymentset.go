package backoffice

import (
	"context"
	"errors"
	"fmt"

	"ratemill/decimal"
	"ratemill/invoicing/payment"
	"ratemill/registry"
	"ratemill/udr"
)

// AssignOrder requests that a part of a payment's credit pays a document.
type AssignOrder struct {
	PaymentOrder
	Reference string
	Document  string // number or id
	Amount    string // "" for as much as possible
}

// AssignPayment uses the credit of a payment to pay a document.
func (o *Office) AssignPayment(ctx context.Context, r AssignOrder) (*PaymentLine, error) {
	view, err := o.followPayments(ctx)
	if err != nil {
		return nil, err
	}
	view.Close()
	line := &PaymentLine{Reference: r.Reference, Result: "assigned"}
	_, err = o.changePayments(ctx, &r.PaymentOrder, func(d *paymentDraft) error {
		v, err := d.payment(r.Reference)
		if err != nil {
			return err
		}
		of, err := d.document(ctx, r.Document)
		if err != nil {
			return err
		}
		if v.Payer != "" {
			if err := d.may(v.Payer); err != nil {
				return err
			}
		}
		if err := v.Assign(of, r.Amount); err != nil {
			return &Problem{Conflict, err}
		}
		line.Payer, line.Currency, line.Amount, line.Date = v.Payer, v.Currency, money(v.Amount, v.Currency), v.Date.String()
		line.Pays = partWords(v.Parts, v.Currency)
		d.again(r.Reference, v)
		return nil
	})
	return line, err
}

// again states a payment once more, with its original time.
func (d *paymentDraft) again(id string, v *payment.Value) {
	d.made = append(d.made, madePayment{id, v, d.since(id)})
}

// since returns the time of the last statement about a payment. A correction is a statement with the same time.
func (d *paymentDraft) since(id string) (from udr.Instant) {
	for _, s := range registry.HeldStatements(d.statements.Told(registry.KindPayment, id), d.statements.Revision()) {
		from = s.From
	}
	return from
}

func (d *paymentDraft) payment(reference string) (*payment.Value, error) {
	v, ok, err := payment.Get(d.statements, reference)
	if err == nil && !ok {
		err = missing("there is no payment with the reference %s; ratemill payment list shows all", reference)
	}
	return v, err
}

// WithdrawPayment withdraws a payment that was stated by mistake, as if it had never been stated.
func (o *Office) WithdrawPayment(ctx context.Context, reference string, r PaymentOrder) (*PaymentLine, error) {
	line := &PaymentLine{Reference: reference, Result: "withdrawn"}
	_, err := o.changePayments(ctx, &r, func(d *paymentDraft) error {
		v, err := d.payment(reference)
		if err != nil {
			return err
		}
		if err := d.may(v.Payer); err != nil {
			return err
		}
		line.Payer, line.Currency, line.Amount, line.Date = v.Payer, v.Currency, money(v.Amount, v.Currency), v.Date.String()
		d.made = append(d.made, madePayment{reference, nil, d.since(reference)})
		return nil
	})
	return line, err
}

// WriteOff writes off the open amount of a document.
func (o *Office) WriteOff(ctx context.Context, document string, r PaymentOrder) (*PaymentLine, error) {
	line := &PaymentLine{Result: "written_off"}
	_, err := o.changePayments(ctx, &r, func(d *paymentDraft) error {
		of, err := d.document(ctx, document)
		if err != nil {
			return err
		}
		open, err := of.Open()
		if err != nil {
			return err
		}
		if open.Sign() <= 0 {
			return conflict("no amount of document %s is open", of.Number)
		}
		today := registry.Date(d.now.Time().Unix() / (24 * 60 * 60))
		d.note(line, "write-off ", &payment.Value{Payer: of.Payer, Document: of.Number, Amount: open, Currency: of.Currency, Date: today,
			Kind: "write_off"})
		return nil
	})
	return line, err
}

// DisputeOrder is the amount of a document that a payer disputes.
type DisputeOrder struct {
	PaymentOrder
	Document string // number or id
	Amount   string // "" for the whole open amount
}

// Dispute records that a payer disputes a document, or an amount of it. Credit notes settle the dispute, and
// WithdrawPayment ends it.
func (o *Office) Dispute(ctx context.Context, r DisputeOrder) (*PaymentLine, error) {
	view, err := o.followPayments(ctx)
	if err != nil {
		return nil, err
	}
	view.Close()
	line := &PaymentLine{Result: "disputed"}
	_, err = o.changePayments(ctx, &r.PaymentOrder, func(d *paymentDraft) error {
		of, err := d.document(ctx, r.Document)
		if err != nil {
			return err
		}
		amount, err := disputable(of, r.Amount)
		if err != nil {
			return err
		}
		today := registry.Date(d.now.Time().Unix() / (24 * 60 * 60))
		d.note(line, "dispute ", &payment.Value{Payer: of.Payer, Document: of.Number, Amount: amount, Currency: of.Currency, Date: today,
			Kind: "dispute", Credited: of.Credited})
		return nil
	})
	return line, err
}

// disputedAmount returns the disputed amount of a document, or why it cannot be read.
type disputedAmount struct{ amount, unreadable string }

// disputed returns the disputed amounts of documents, by document id.
func (o *Office) disputed(ctx context.Context) (map[string]disputedAmount, error) {
	open, err := payment.List(ctx, o.Store.DB, payment.Question{Open: true, Disputed: true})
	all := map[string]disputedAmount{}
	for i := range open {
		if open[i].Broken != nil {
			all[open[i].Document] = disputedAmount{unreadable: open[i].Broken.Error()}
		} else if d := open[i].Disputed(); !d.IsZero() {
			all[open[i].Document] = disputedAmount{amount: d.Fixed(open[i].Scale)}
		}
	}
	return all, err
}

// disputable returns the amount of a dispute: a part of the open amount of a document, or all of it.
func disputable(of *payment.Receivable, text string) (decimal.D, error) {
	open, err := of.Open()
	switch {
	case err != nil:
		return open, err
	case open.Sign() <= 0:
		return open, conflict("no amount of document %s is open, so there is nothing to dispute", of.Number)
	case of.Disputed().Sign() > 0:
		return open, conflict("%s of document %s is already disputed; ratemill payment list --payer %s lists the dispute, "+
			"and ratemill payment withdraw ends it", money(of.Disputed(), of.Currency), of.Number, of.Payer)
	case text == "":
		return open, nil
	}
	amount, err := chargeAmount(text, of.Currency)
	if err != nil {
		return amount, &Problem{Invalid, err}
	}
	if amount.Sign() < 0 || open.Less(amount) {
		return amount, conflict("only %s is open of document %s, so %s cannot be disputed", money(open, of.Currency), of.Number, text)
	}
	return amount, nil
}

// document returns a final document whose payments may be changed, by its number or id.
func (d *paymentDraft) document(ctx context.Context, name string) (*payment.Receivable, error) {
	of, err := payment.Find(ctx, d.tx, name, 0)
	if none := (*payment.NoDocumentError)(nil); errors.As(err, &none) {
		return nil, &Problem{Missing, err}
	}
	if err != nil {
		return nil, err
	}
	return of, d.may(of.Payer)
}

// note states a fact about the open amount of one document under a new reference, and adds it to the answer.
func (d *paymentDraft) note(line *PaymentLine, what string, v *payment.Value) {
	line.Reference = d.free(what + v.Document)
	line.Payer, line.Currency, line.Amount, line.Date = v.Payer, v.Currency, money(v.Amount, v.Currency), v.Date.String()
	line.Pays = v.Document + " " + line.Amount
	d.add(line.Reference, v)
}

// free returns a reference that no payment has.
func (d *paymentDraft) free(reference string) string {
	for n, try := 2, reference; ; n++ {
		if len(d.statements.Told(registry.KindPayment, try)) == 0 {
			return try
		}
		try = fmt.Sprint(reference, " ", n)
	}
}
