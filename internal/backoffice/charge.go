package backoffice

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"ratemill/decimal"
	"ratemill/internal/project"
	"ratemill/internal/store"
	"ratemill/invoicing"
	"ratemill/invoicing/document"
	"ratemill/invoicing/product"
	"ratemill/normalize"
	"ratemill/registry"
)

// ChargeOrder requests a one-off charge.
type ChargeOrder struct {
	AccountOrder
	Account   string // the section of the invoice; the account's payer pays
	SIM       string // an identifier of the SIM; "" for no SIM
	Product   string
	Amount    string // net amount; negative for a credit
	From, To  registry.Date
	Tax       string
	Reference string
	Adjusts   string // DOCUMENT/LINE
}

// AddCharge states a one-off charge. Its date is the time of effect: the charge belongs to the billing cycle of that day.
func (o *Office) AddCharge(ctx context.Context, r ChargeOrder) (*AccountChange, error) {
	return o.changeAccounts(ctx, &r.AccountOrder, func(d *accountDraft) error {
		when, as, err := d.account(r.Account)
		if err != nil {
			return err
		}
		if err := d.provider(r.Account, as, when, "one-off charges"); err != nil {
			return err
		}
		payer := d.book.Payer(r.Account, when)
		v := product.OneOff{Payer: payer, Account: r.Account, Product: r.Product, Tax: r.Tax, Reference: r.Reference, Adjusts: r.Adjusts,
			From: r.From, To: r.To}
		if a := d.book.Account(payer, when); a != nil {
			v.Currency = a.Currency
		}
		if v.Amount, err = chargeAmount(r.Amount, v.Currency); err != nil {
			return err
		}
		if err := v.Valid(); err != nil {
			return &Problem{Invalid, err}
		}
		if err := v.TaxIn(project.TaxClasses(d.catalogue)); err != nil {
			return &Problem{Invalid, err}
		}
		if err := o.adjusts(ctx, &v); err != nil {
			return err
		}
		if r.SIM != "" {
			sim, err := oneSIM(d.view, r.SIM)
			if err != nil {
				return &Problem{Missing, err}
			}
			own, ok := d.view.Owner(sim, when, d.book.Revision)
			if id, _ := d.view.AccountID(own.Account); !ok || id != r.Account {
				return conflict("SIM %s does not belong to account %s at that time", r.SIM, r.Account)
			}
			v.SIM = registry.SubjectOf(sim)
		}
		d.state(registry.KindOneOff, d.chargeID(&r, &v), "", when, v)
		if r.Product != "" && !d.knownCharge(r.Product) {
			tax := "no tax class; add such a part, or give --tax"
			if r.Tax != "" {
				tax = "the tax class of --tax, " + r.Tax
			}
			d.answer.Notes = append(d.answer.Notes,
				fmt.Sprintf("no part of the catalogue is for charge %s, so the charge has %s", r.Product, tax))
		}
		return nil
	})
}

// adjusts refuses a charge that corrects a line of a document that the payer does not have.
func (o *Office) adjusts(ctx context.Context, v *product.OneOff) error {
	if v.Adjusts == "" {
		return nil
	}
	name, line, err := lineOf(v.Adjusts)
	if err != nil {
		return &Problem{Invalid, err}
	}
	if err := invoicing.Migrate(ctx, o.Store.DB); err != nil {
		return err
	}
	var s *invoicing.Stored
	err = o.Store.Change(ctx, "reading a document", func(tx *store.Tx) error {
		s, err = invoicing.Table{Tx: tx}.Get(ctx, name)
		return err
	})
	switch {
	case err != nil:
		return problemOf(err)
	case s.Payer.Account != v.Payer:
		return conflict("document %s is for %s, but the charge is paid by %s", s.Name(), s.Payer.Account, v.Payer)
	case line < 1 || line > len(s.Lines):
		return &Problem{Conflict, document.NoLine(s.Name(), line, len(s.Lines))}
	}
	return nil
}

// lineOf reads the line of a document, as DOCUMENT/LINE.
func lineOf(adjusts string) (document string, line int, err error) {
	at := strings.LastIndexByte(adjusts, '/')
	line, err = strconv.Atoi(adjusts[at+1:])
	if at <= 0 || err != nil {
		return "", 0, fmt.Errorf("%q is not the line of a document, as INV-2026-000412/3", adjusts)
	}
	return adjusts[:at], line, nil
}

// chargeAmount reads an amount in a currency.
func chargeAmount(text, currency string) (decimal.D, error) {
	amount, err := decimal.Parse(text)
	if err != nil {
		return amount, fmt.Errorf("%q is not an amount; write 120.00", text)
	}
	if amount.IsZero() {
		return amount, errors.New("a charge of 0 changes nothing")
	}
	if c, err := normalize.ParseCurrency([]byte(currency)); err == nil && amount.Decimals() > max(c.MinorUnits(), 0) {
		return amount, fmt.Errorf("%s has more than the %d decimals of %s", text, max(c.MinorUnits(), 0), currency)
	}
	return amount, nil
}

// chargeID returns an unused id for a charge: the request's key, so that a repeated request is the same charge, or
// else the next number.
func (d *accountDraft) chargeID(r *ChargeOrder, v *product.OneOff) string {
	if r.Key != "" {
		sum := sha256.Sum256([]byte(r.Key))
		return "charge-" + hex.EncodeToString(sum[:6])
	}
	for n := 1; ; n++ {
		id := fmt.Sprintf("%s-%d", v.Account, n)
		if len(d.statements.Told(registry.KindOneOff, id)) == 0 {
			return id
		}
	}
}

// knownCharge reports whether a part of the catalogue defines the tax class of a charge.
func (d *accountDraft) knownCharge(name string) bool {
	if d.catalogue == nil {
		return false
	}
	docs, _ := product.DocumentsOf(d.catalogue)
	for _, part := range docs.Parts.Names() {
		if p := docs.Parts.Newest(part); p.Of.Charge.Value == name {
			return true
		}
	}
	return false
}
