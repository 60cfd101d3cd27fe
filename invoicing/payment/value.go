package payment

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"ratemill/decimal"
	"ratemill/diag"
	"ratemill/internal/store"
	"ratemill/literal"
	"ratemill/registry"
)

// Value is a payment in the form of a statement. The statement's subject is the payment's reference.
type Value struct {
	Payer    string        `yaml:"payer" json:"payer,omitempty" names:"account" doc:"The account that paid. If omitted, the payer of document." example:"acme"`
	Document string        `yaml:"document" json:"document,omitempty" names:"document" doc:"Number or id of the final document that the payment pays. import warns if there is none: the amount is then a credit of the payer. It refuses a write-off or a dispute without its document." example:"INV-2026-000412"`
	Amount   decimal.D     `yaml:"amount,required" json:"amount" doc:"Amount paid; below 0 for money that was paid back." example:"400.00"`
	Currency string        `yaml:"currency,required" json:"currency" doc:"Currency of the amount, a code of ISO 4217." example:"EUR"`
	Date     registry.Date `yaml:"date,required" json:"date" doc:"Day on which it was booked." example:"2026-05-12"`
	Kind     string        `yaml:"kind" json:"kind,omitempty" default:"payment" enum:"payment|write_off|dispute" doc:"write_off: the amount is no longer expected. dispute: no payment; the payer contests this amount of document, so it is neither overdue nor collected."`
	// Credited is the amount that was credited on the document when its payer disputed it. Later credit
	// notes settle the dispute.
	Credited decimal.D `yaml:"credited" json:"credited,omitzero" doc:"For a dispute: the amount of the document that credit notes had taken back before it. Later credit notes settle it." example:"0"`
	// Parts lists the documents that the payment pays; the rest of the amount is a credit of its payer.
	Parts []Part `yaml:"parts" json:"parts,omitempty" names:"document" doc:"The documents that the payment pays, with their amounts. If omitted, the whole amount goes to document."`
}

// Part is the amount of a document that a payment pays.
type Part struct {
	Document string    `yaml:"document,required" json:"document" doc:"Number of the document, or its id."`
	Amount   decimal.D `yaml:"amount,required" json:"amount" doc:"Amount that is paid of this document."`
}

// The kinds of payments.
const (
	plain    = "payment"
	writeOff = "write_off"
	dispute  = "dispute"
)

// IsDispute reports whether the value is a payer's dispute of an amount instead of a payment.
func (v *Value) IsDispute() bool { return v.Kind == dispute }

func (v *Value) kind() string {
	if v.Kind == "" {
		return plain
	}
	return v.Kind
}

// parts returns the parts of a value, including a value that only refers to a document.
func (v *Value) parts() []Part {
	if len(v.Parts) > 0 || v.Document == "" {
		return v.Parts
	}
	return []Part{{v.Document, v.Amount}}
}

// text returns the value in the form of a statement.
func (v *Value) text() ([]byte, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return registry.CanonicalJSON(text)
}

// Parse reads the stored value of a payment.
func Parse(id string, text []byte) (*Value, error) {
	v := &Value{}
	err := json.Unmarshal(text, v)
	if err == nil && v.Currency == "" {
		err = errors.New("it names no currency")
	}
	if err != nil {
		return nil, &store.BrokenError{What: "payment " + id, Column: "value of invoice_payments", Err: err}
	}
	return v, nil
}

// same reports whether two values are the same payment: they have the same amount, payer and time. Their parts
// may differ.
func (v *Value) same(other *Value) bool {
	a, b := *v, *other
	a.Parts, b.Parts = nil, nil
	if a.Payer == "" || b.Payer == "" { // the payer follows from the document
		a.Payer, b.Payer = "", ""
	}
	if a.Document == "" || b.Document == "" { // the document had no open amount
		a.Document, b.Document = "", ""
	}
	one, err := a.text()
	two, other2 := b.text()
	return err == nil && other2 == nil && bytes.Equal(one, two)
}

// Form describes how payments are written in import files.
func Form() registry.Form {
	fields := registry.FieldsOf(Value{})
	return registry.Form{Kind: registry.KindPayment, Fields: fields, Read: func(n *diag.Node) ([]byte, diag.List) {
		var v Value
		d := &diag.Decoder{}
		d.Decode(n, &v)
		if v.Currency != "" && !literal.KnownCurrency(v.Currency) {
			d.Errorf(n.Member("currency").Pos, "currency %s is unknown: write a code of ISO 4217 such as EUR", v.Currency)
		}
		if v.Amount.IsZero() && n.Member("amount") != nil && !d.HasErrors() {
			d.Errorf(n.Member("amount").Pos, "a payment of 0 changes nothing; leave it out")
		}
		if v.IsDispute() && (v.Amount.Sign() < 0 || v.Document == "" || len(v.Parts) > 0) && !d.HasErrors() {
			d.Errorf(n.Pos, "a dispute names its document and an amount above 0, and has no parts")
		}
		if wrong := v.checkParts(); wrong != nil && !d.HasErrors() {
			d.Errorf(n.Pos, "%v", wrong)
		}
		if d.HasErrors() {
			return nil, d.List
		}
		text, err := v.text()
		if err != nil {
			d.Errorf(n.Pos, "%v", err)
		}
		return text, d.List
	}}
}

// checkParts returns the mistake in the parts of a payment.
func (v *Value) checkParts() error {
	var sum decimal.D
	seen := map[string]bool{}
	for _, p := range v.Parts {
		if p.Amount.Sign() != v.Amount.Sign() {
			return fmt.Errorf("a part of a payment of %s has the amount %s, whose sign differs", v.Amount, p.Amount)
		}
		if seen[p.Document] {
			return fmt.Errorf("a payment has two parts for document %s; add them up", p.Document)
		}
		seen[p.Document] = true
		var err error
		if sum, err = sum.Add(p.Amount); err != nil {
			return err
		}
	}
	if sum.Abs().Cmp(v.Amount.Abs()) > 0 {
		return fmt.Errorf("the parts of a payment of %s add up to %s", v.Amount, sum)
	}
	return nil
}

// Assign uses the credit of a payment to pay a document. It takes a given amount, or as much as the open amount
// and the credit allow.
func (v *Value) Assign(of *Receivable, amount string) error {
	if of.Currency != v.Currency {
		return fmt.Errorf("the payment is in %s, but document %s is in %s", v.Currency, of.Number, of.Currency)
	}
	if v.Payer != "" && v.Payer != of.Payer {
		return fmt.Errorf("the payment is by %s, but document %s is for %s; withdraw the payment, and state it for the right payer", v.Payer,
			of.Number,
			of.Payer)
	}
	if v.IsDispute() {
		return errors.New("it is a dispute and no payment; ratemill payment withdraw ends it")
	}
	credit := v.Amount
	for _, p := range v.Parts {
		var err error
		if credit, err = credit.Sub(p.Amount); err != nil {
			return err
		}
	}
	part, err := of.takes(credit)
	if err != nil {
		return err
	}
	if amount != "" {
		wish, err := decimal.Parse(amount)
		if err != nil {
			return fmt.Errorf("%q is no amount", amount)
		}
		if wish.Sign() != part.Sign() || wish.Abs().Cmp(part.Abs()) > 0 {
			return fmt.Errorf("%s is more than the %s %s that are open of document %s and a credit", wish, part.Fixed(of.Scale),
				v.Currency, of.Number)
		}
		part = wish
	}
	if part.IsZero() {
		open, _ := of.Open()
		return fmt.Errorf("nothing can be assigned: the credit is %s %s, and the open amount of document %s is %s",
			credit.Fixed(of.Scale), v.Currency, of.Number, open.Fixed(of.Scale))
	}
	v.Payer = of.Payer
	for i := range v.Parts {
		if v.Parts[i].Document == of.Number || v.Parts[i].Document == of.Document {
			v.Parts[i].Amount, err = v.Parts[i].Amount.Add(part)
			return err
		}
	}
	v.Parts = append(v.Parts, Part{of.Number, part})
	return nil
}
