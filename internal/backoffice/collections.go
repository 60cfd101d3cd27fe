package backoffice

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"ratemill/decimal"
	"ratemill/diag"
	"ratemill/internal/control"
	"ratemill/internal/store"
	"ratemill/invoicing"
	"ratemill/invoicing/payment"
	"ratemill/invoicing/sepa"
	"ratemill/invoicing/terms"
	"ratemill/registry"
)

// CollectOrder requests a file of SEPA direct debits.
type CollectOrder struct {
	PaymentOrder
	Seller string        // name of the seller's catalogue document; may be "" if there is only one seller
	Until  registry.Date // collect documents that are due on this day or earlier
	On     registry.Date // first day of collection, also for documents that are due earlier
	Again  []string      // numbers of documents to collect even if a debit for them is in progress
}

// Collection is a file of direct debits.
type Collection struct {
	ID       string           `json:"id,omitempty"` // empty for a dry run
	Seller   string           `json:"seller"`
	Made     string           `json:"made"`
	Debits   int              `json:"debits"`
	Total    string           `json:"total"`
	SHA256   string           `json:"sha256"`
	Lines    []CollectionLine `json:"lines,omitempty"`
	Waiting  int              `json:"waiting,omitempty"` // documents whose debits are in progress
	Refused  int              `json:"refused,omitempty"`
	Who, Why string           `json:"-"`
	Content  []byte           `json:"-"`
	Error    string           `json:"error,omitempty"` // why the row of the collection cannot be read
}

// Unreadable returns why the row of the collection cannot be read, "" if it can.
func (c Collection) Unreadable() string { return c.Error }

// CollectionLine is a document that is collected or refused.
type CollectionLine struct {
	Document string `json:"document"` // number
	Payer    string `json:"payer"`
	Amount   string `json:"amount"`
	On       string `json:"on"`
	Sequence string `json:"sequence,omitempty"`
	Mandate  string `json:"mandate,omitempty"`
	Result   string `json:"result"` // collected, refused
	Why      string `json:"why,omitempty"`
}

// Collect creates a file of SEPA direct debits for open amounts, and records which documents are in it.
func (o *Office) Collect(ctx context.Context, r CollectOrder) (*Collection, error) {
	if err := given(r.Why); err != nil && !r.DryRun {
		return nil, err
	}
	view, err := o.followPayments(ctx)
	if err != nil {
		return nil, err
	}
	view.Close()
	today := registry.Date(o.Now().Unix() / (24 * 60 * 60))
	seller, err := o.seller(r.Seller, r.As, today)
	if err != nil {
		return nil, err
	}
	for {
		var made *Collection
		var refusal error
		err := o.Store.Change(ctx, "collecting by direct debit", func(tx *store.Tx) error {
			if made, refusal = o.collect(ctx, tx, &r, seller, today); refusal != nil || r.DryRun || made.Debits == 0 {
				return errDry
			}
			return nil
		})
		switch {
		case refusal != nil && !errors.Is(refusal, control.ErrConflict):
			return nil, refusal
		case err == nil || errors.Is(err, errDry) && refusal == nil:
			return made, nil
		case !errors.Is(err, control.ErrConflict) && refusal == nil:
			return nil, err
		}
	}
}

// seller returns a seller of the catalogue, in its present version. An account can collect only for itself.
func (o *Office) seller(name, as string, today registry.Date) (*terms.Seller, error) {
	catalogue, err := o.catalogueNow()
	if err != nil {
		return nil, err
	}
	if catalogue == nil {
		return nil, missing("the project has no catalogue, so there is no seller")
	}
	docs, _ := terms.DocumentsOf(catalogue)
	names := slices.DeleteFunc(docs.SellerNames(), func(name string) bool {
		s := docs.SellerNamed(name, today)
		return as != "" && (s == nil || s.Account.Value != as)
	})
	if as != "" && (len(names) == 0 || name != "" && !slices.Contains(names, name)) {
		return nil, conflict("account %s collects only its own invoices, as the seller of the catalogue with account: %s", as, as)
	}
	if name == "" && len(names) == 1 {
		name = names[0]
	}
	if name == "" {
		return nil, &Problem{Missing, fmt.Errorf("name the seller%s", orAll("", "seller", names))}
	}
	if s := docs.SellerNamed(name, today); s != nil {
		return s, nil
	}
	return nil, missing("the catalogue has no seller %s%s", name, orAll(diag.Suggest(name, names), "seller", names))
}

func (o *Office) collect(ctx context.Context, tx *store.Tx, r *CollectOrder, seller *terms.Seller, today registry.Date) (*Collection,
	error) {
	open, err := payment.Debits(ctx, tx, seller.Account.Value, r.Until)
	if err != nil {
		return nil, err
	}
	made := &Collection{Seller: seller.Name.Value, Made: Moment(o.Now()), Lines: []CollectionLine{}, Who: r.Who, Why: r.Why}
	var debits []sepa.Debit
	ids := map[string]string{}
	var broken []sepa.Refusal
	for i := range open {
		if open[i].Broken != nil {
			broken = append(broken, sepa.Refusal{Document: open[i].Number, Payer: open[i].Payer, Why: []string{open[i].Broken.Error()}})
			continue
		}
		d, err := o.debit(ctx, tx, r, &open[i])
		if row := (*store.BrokenError)(nil); errors.As(err, &row) {
			broken = append(broken, sepa.Refusal{Document: open[i].Number, Payer: open[i].Payer, Why: []string{row.Error()}})
			continue
		}
		if err != nil {
			return nil, err
		}
		if d == nil {
			made.Waiting++
			continue
		}
		debits, ids[d.Document] = append(debits, *d), open[i].Document
	}
	slices.SortStableFunc(debits, func(a, b sepa.Debit) int { return cmp.Or(cmp.Compare(a.On, b.On), cmp.Compare(a.Document, b.Document)) })
	debits, unread, err := sequences(ctx, tx, seller.Account.Value, debits)
	if err != nil {
		return nil, err
	}
	broken = append(broken, unread...)
	id, err := payment.NextCollection(ctx, tx, o.Now())
	if err != nil {
		return nil, err
	}
	by := sepa.Creditor{Name: seller.Company.Name, ID: seller.Creditor.Value}
	if seller.Bank != nil {
		by.IBAN, by.BIC = seller.Bank.IBAN.Value, seller.Bank.BIC
	}
	m, refused, err := sepa.New(id, o.Now(), by, debits, sepa.Checks{Today: today})
	if err != nil {
		return nil, &Problem{Conflict, fmt.Errorf("seller %s cannot collect: %w", seller.Name.Value, err)}
	}
	return made, made.fill(ctx, tx, r, seller, m, append(broken, refused...), ids)
}

// sequences finds out which debits, in the order of their dates, are not the first ones of their mandates. It leaves
// out debits of mandates whose earlier debits cannot be read.
func sequences(ctx context.Context, tx *store.Tx, seller string, debits []sepa.Debit) (known []sepa.Debit, broken []sepa.Refusal,
	err error) {
	used, last, unread := map[string]bool{}, map[string]registry.Date{}, map[string]*store.BrokenError{}
	for _, d := range debits {
		first := !used[d.Mandate]
		if first {
			used[d.Mandate] = true
			var row *store.BrokenError
			if last[d.Mandate], err = payment.MandateUsed(ctx, tx, seller, d.Mandate); errors.As(err, &row) {
				unread[d.Mandate] = row
			} else if err != nil {
				return nil, nil, err
			}
		}
		if row := unread[d.Mandate]; row != nil {
			broken = append(broken, sepa.Refusal{Document: d.Document, Payer: d.Payer, Why: []string{row.Error()}})
			continue
		}
		if !first || last[d.Mandate] != 0 || d.Mandate == "" {
			d.Sequence, d.Used = sepa.Recurrent, last[d.Mandate]
		}
		known = append(known, d)
	}
	return known, broken, nil
}

// fill stores the message, and lists its content.
func (c *Collection) fill(ctx context.Context, tx *store.Tx, r *CollectOrder, seller *terms.Seller, m *sepa.Message, refused []sepa.Refusal,
	ids map[string]string) error {
	var stored []payment.Debit
	for _, b := range m.Batches {
		for _, d := range b.Debits {
			c.Lines = append(c.Lines, CollectionLine{Document: d.Document, Payer: d.Payer, Amount: d.Amount.Fixed(2), On: d.On.String(),
				Sequence: string(d.Sequence), Mandate: d.Mandate, Result: "collected"})
			stored = append(stored, payment.Debit{Document: ids[d.Document], Mandate: d.Mandate, Sequence: string(d.Sequence), On: d.On,
				Amount: d.Amount})
		}
	}
	for i := range refused {
		for _, why := range refused[i].Why {
			c.Lines = append(c.Lines, CollectionLine{Document: refused[i].Document, Payer: refused[i].Payer, Result: "refused", Why: why})
		}
	}
	c.Refused, c.Debits, c.Total = len(refused), m.Count, m.Sum.Fixed(2)
	if m.Count == 0 {
		return nil
	}
	text, err := m.XML()
	if err != nil {
		return err
	}
	sum := sha256.Sum256(text)
	c.Content, c.SHA256 = text, hex.EncodeToString(sum[:])
	if r.DryRun {
		return nil
	}
	c.ID = m.ID
	return payment.Collect(ctx, tx, &payment.Collection{ID: m.ID, Seller: seller.Account.Value, Made: m.Created, Who: r.Who, Why: r.Why,
		Debits: m.Count, Total: m.Sum, SHA256: c.SHA256, Content: text}, stored)
}

// debit returns the debit for the open amount of a document, nil if one is in progress.
func (o *Office) debit(ctx context.Context, tx *store.Tx, r *CollectOrder, of *payment.Receivable) (*sepa.Debit, error) {
	amount, err := of.Collectable()
	if err != nil {
		return nil, err
	}
	if !slices.Contains(r.Again, of.Number) {
		waiting, err := payment.Debited(ctx, tx, of.Document)
		if err != nil {
			return nil, err
		}
		if amount, err = amount.Sub(waiting); err != nil {
			return nil, err
		}
	}
	if amount.Cmp(decimal.Zero) <= 0 {
		return nil, nil
	}
	s, err := invoicing.Table{Tx: tx}.Get(ctx, of.Document)
	if err != nil {
		return nil, err
	}
	return &sepa.Debit{Document: of.Number, Amount: amount, Currency: of.Currency, On: max(of.Due, r.On), Sequence: sepa.First,
		Payer:  of.Payer,
		Debtor: s.Payer.Name, Address: sepa.Address{Street: s.Payer.Street, Postcode: s.Payer.Postcode, Town: s.Payer.City,
			Country: s.Payer.Country},
		IBAN: s.Terms.IBAN, BIC: s.Terms.BIC, Mandate: s.Terms.Mandate, Signed: s.Terms.MandateSigned, Text: of.Number}, nil
}

// Collections lists the files of direct debits, newest first. If id is not empty, it returns only that file, with its
// content. An account sees only its own files.
func (o *Office) Collections(ctx context.Context, id, as string) ([]Collection, error) {
	if err := o.migratePayments(ctx); err != nil {
		return nil, err
	}
	who, err := o.invoiceActor(ctx, as)
	if err != nil {
		return nil, err
	}
	defer who.close()
	stored, err := payment.Collections(ctx, o.Store.DB, id)
	stored = slices.DeleteFunc(stored, func(c payment.Collection) bool { return as != "" && c.Seller != as })
	if err == nil && id != "" && len(stored) == 0 {
		err = missing("there is no collection %s; ratemill payment collections lists all", id)
	}
	all := []Collection{}
	for _, c := range stored {
		all = append(all, Collection{ID: c.ID, Seller: cmp.Or(c.Seller, "operator"), Made: Moment(c.Made), Debits: c.Debits,
			Total:  c.Total.Fixed(2),
			SHA256: c.SHA256, Content: c.Content, Who: c.Who, Why: c.Why})
		if c.Broken != nil {
			last := &all[len(all)-1]
			last.Total, last.Error = "", c.Broken.Error()
		}
	}
	return all, err
}
