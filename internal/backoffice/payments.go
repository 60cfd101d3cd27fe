package backoffice

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"ratemill/account"
	"ratemill/decimal"
	"ratemill/diag"
	"ratemill/internal/control"
	"ratemill/internal/store"
	"ratemill/invoicing"
	"ratemill/invoicing/delivery"
	"ratemill/invoicing/payment"
	"ratemill/normalize"
	"ratemill/registry"
	"ratemill/udr"
)

// PaymentOrder has the fields that are common to all changes of payments.
type PaymentOrder struct {
	Who, Why string
	As       string // account on whose behalf the order is given; "" for the provider
	DryRun   bool
}

// PaymentLine is the result of a line in a file of payments.
type PaymentLine struct {
	Line      int    `json:"line,omitempty"`
	Reference string `json:"reference"`
	Result    string `json:"result"` // new, known, refused
	Payer     string `json:"payer,omitempty"`
	Amount    string `json:"amount"`
	Currency  string `json:"currency,omitempty"`
	Date      string `json:"date"`
	Pays      string `json:"pays,omitempty"`   // INV-1 400.00, INV-2 10.00
	Credit    string `json:"credit,omitempty"` // the part of the amount that pays no document
	Why       string `json:"why,omitempty"`
}

// PaymentImport is the result of an import of payments, or of its dry run.
type PaymentImport struct {
	Revision uint64        `json:"revision,omitempty"` // revision of the facts; 0: nothing was changed
	DryRun   bool          `json:"dry_run,omitempty"`
	Lines    []PaymentLine `json:"lines"`
	New      int           `json:"new"`
	Known    int           `json:"known"`
	Refused  int           `json:"refused"`
	Credits  int           `json:"credits"` // number of new lines that pay no document with a part of their amount
}

// paymentDraft is a change of payments that is being built in a transaction.
type paymentDraft struct {
	tx         *store.Tx
	view       *registry.View
	statements *registry.Statements
	book       *account.Book
	now        udr.Instant
	made       []madePayment
	who        *invoiceActor
}

type madePayment struct {
	id    string
	value *payment.Value // nil: withdrawn
	from  udr.Instant
}

// changePayments states payments and applies them to the tables in one transaction. If another process commits
// in the meantime, it reads the new facts and tries again.
func (o *Office) changePayments(ctx context.Context, r *PaymentOrder, do func(*paymentDraft) error) (revision registry.Revision,
	err error) {
	if err := given(r.Why); err != nil && !r.DryRun {
		return 0, err
	}
	if err := o.migratePayments(ctx); err != nil {
		return 0, err
	}
	who, err := o.invoiceActor(ctx, r.As)
	if err != nil {
		return 0, err
	}
	defer who.close()
	for {
		revision, err = o.tryPayments(ctx, r, who, do)
		if !errors.Is(err, control.ErrConflict) {
			return revision, err
		}
	}
}

func (o *Office) migratePayments(ctx context.Context) error {
	return errors.Join(account.Migrate(ctx, o.Store.DB), invoicing.Migrate(ctx, o.Store.DB), delivery.Migrate(ctx, o.Store.DB))
}

func (o *Office) tryPayments(ctx context.Context, r *PaymentOrder, who *invoiceActor, do func(*paymentDraft) error) (registry.Revision,
	error) {
	reg, statements := registry.New(), registry.NewStatements()
	revision, err := o.Store.LoadAccounts(ctx, reg, statements)
	if err != nil {
		return 0, err
	}
	view := reg.View()
	defer view.Close()
	in := o.Installation
	book := o.payments(view)
	var refusal error // for users: does not mention the control store
	err = o.Store.Change(ctx, "stating payments", func(tx *store.Tx) error {
		d := &paymentDraft{tx: tx, view: view, statements: statements, book: account.NewBook(view, statements, &in),
			now: udr.InstantOf(o.Now()), who: who}
		if refusal = do(d); refusal != nil {
			return errDry
		}
		changes := &registry.Changes{Revision: revision + 1}
		for _, m := range d.made {
			s := registry.Statement{Kind: registry.KindPayment, Subject: m.id, From: m.from, State: registry.Withdrawn}
			if m.value != nil {
				s.State, s.Value = registry.Holds, account.Canonical(m.value)
			}
			changes.Statements = append(changes.Statements, s)
		}
		if r.DryRun || len(d.made) == 0 {
			return errDry
		}
		revision++
		if err := o.Store.WriteRegistry(ctx, tx, changes, control.ImportOptions{Who: r.Who, Why: r.Why, Now: o.Now(),
			Partitions: max(o.Partitions, 1)}); err != nil {
			return err
		}
		for _, m := range d.made {
			if err := book.Apply(ctx, tx, m.id, m.value, revision); err != nil {
				return err
			}
		}
		return nil
	})
	switch {
	case refusal != nil:
		return 0, refusal
	case errors.Is(err, errDry):
		return 0, nil
	}
	return revision, err
}

// payments applies facts of payments to the tables, and evaluates the new exposures. It leaves the end of
// suspensions to the role account, which sees the payment as a change of facts.
func (o *Office) payments(view *registry.View) *payment.Book {
	settle := o.settle()
	return &payment.Book{Number: view.AccountNumber, Settle: func(ctx context.Context, tx *store.Tx, payer uint32, currency string,
		amount decimal.D) error {
		return settle(ctx, tx, payer, currency, decimal.Zero, amount)
	}}
}

// followPayments applies payments that an import of the registry stated.
func (o *Office) followPayments(ctx context.Context) (*registry.View, error) {
	if err := o.migratePayments(ctx); err != nil {
		return nil, err
	}
	reg, statements := registry.New(), registry.NewStatements(registry.KindPayment)
	if _, err := o.Store.LoadAccounts(ctx, reg, statements); err != nil {
		return nil, err
	}
	view := reg.View()
	_, err := o.payments(view).Follow(ctx, o.Store.DB, statements)
	broken := (*store.BrokenError)(nil)                                                 // the list of payments shows it
	if err != nil && !errors.Is(err, control.ErrConflict) && !errors.As(err, &broken) { // another process applies them
		view.Close()
		return nil, err
	}
	return view, nil
}

// ImportPayments reads a file of payments.
func (o *Office) ImportPayments(ctx context.Context, name string, from io.Reader, r PaymentOrder) (*PaymentImport, error) {
	lines, err := payment.Read(from)
	if err != nil {
		return nil, &Problem{Invalid, fmt.Errorf("%s: %w", name, err)}
	}
	view, err := o.followPayments(ctx)
	if err != nil {
		return nil, err
	}
	view.Close()
	var answer *PaymentImport
	revision, err := o.changePayments(ctx, &r, func(d *paymentDraft) error {
		answer = &PaymentImport{DryRun: r.DryRun, Lines: []PaymentLine{}}
		results, err := d.importer().Plan(ctx, d.tx, lines)
		for i := range results {
			if v := results[i].Value; v != nil && results[i].Result == payment.New {
				if err := d.may(v.Payer); err != nil {
					results[i].Result, results[i].Why = payment.Refused, err.Error()
				}
			}
			answer.add(&results[i])
			if results[i].Result == payment.New {
				d.add(results[i].Reference, results[i].Value)
			}
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	answer.Revision = uint64(revision)
	return answer, nil
}

func (d *paymentDraft) add(id string, v *payment.Value) {
	d.made = append(d.made, madePayment{id, v, udr.InstantOf(v.Date.UTC())})
}

// may refuses a payment if the actor may not change its payer's documents. Only the provider may change a payment
// whose payer is unknown.
func (d *paymentDraft) may(payer string) error {
	if payer == "" && d.who.r != nil {
		return conflict("the payer of this payment is unknown, so only the provider can handle it; give its payer or its document")
	}
	if payer == "" {
		return nil
	}
	return d.who.changes(payer)
}

func (d *paymentDraft) importer() *payment.Import {
	return &payment.Import{
		Number: d.view.AccountNumber, Today: registry.Date(d.now.Time().Unix() / (24 * 60 * 60)),
		Currency: func(id string) string {
			if a := d.book.Account(id, d.now); a != nil {
				return a.Currency
			}
			return ""
		},
		Known: func(id string) (*payment.Value, bool) {
			v, ok, err := payment.Get(d.statements, id)
			return v, ok && err == nil
		},
	}
}

func (a *PaymentImport) add(r *payment.Result) {
	l := PaymentLine{Line: r.Line.Line, Reference: r.Reference, Result: r.Result, Payer: r.Payer, Amount: r.Amount, Currency: r.Currency,
		Date: r.Date,
		Why:  r.Why}
	if v := r.Value; v != nil {
		l.Payer, l.Currency, l.Amount, l.Pays = v.Payer, v.Currency, money(v.Amount, v.Currency), partWords(v.Parts, v.Currency)
		if !r.Credit.IsZero() {
			l.Credit = money(r.Credit, v.Currency)
		}
	}
	switch r.Result {
	case payment.New:
		a.New++
		if !r.Credit.IsZero() {
			a.Credits++
		}
	case payment.Known:
		a.Known++
	default:
		a.Refused++
	}
	a.Lines = append(a.Lines, l)
}

// money returns an amount with the decimals of its currency.
func money(d decimal.D, currency string) string {
	if c, err := normalize.ParseCurrency([]byte(currency)); err == nil && c.MinorUnits() >= 0 {
		return d.Fixed(max(c.MinorUnits(), d.Decimals()))
	}
	return d.String()
}

func partWords(parts []payment.Part, currency string) string {
	var words []string
	for _, p := range parts {
		words = append(words, p.Document+" "+money(p.Amount, currency))
	}
	return strings.Join(words, ", ")
}

// ListedPayment is a payment in a list.
type ListedPayment struct {
	Reference string `json:"reference"`
	Date      string `json:"date"`
	Payer     string `json:"payer,omitempty"`
	Kind      string `json:"kind"` // payment, write_off, dispute
	Amount    string `json:"amount"`
	Currency  string `json:"currency"`
	Pays      string `json:"pays,omitempty"`
	Credit    string `json:"credit,omitempty"`
	Named     string `json:"named,omitempty"` // the document that the payment refers to, if it pays none of it
	Error     string `json:"error,omitempty"` // why the payment's row cannot be read
}

// Unreadable returns why the row of the payment cannot be read, "" if it can.
func (l ListedPayment) Unreadable() string { return l.Error }

// PaymentQuestion selects payments.
type PaymentQuestion struct {
	Payer   string
	Credits bool   // only payments with an unassigned part
	As      string // account on whose behalf the question is asked; "" for the provider
}

// ListPayments lists payments, newest first.
func (o *Office) ListPayments(ctx context.Context, q PaymentQuestion) ([]ListedPayment, error) {
	view, err := o.followPayments(ctx)
	if err != nil {
		return nil, err
	}
	defer view.Close()
	who, err := o.invoiceActor(ctx, q.As)
	if err != nil {
		return nil, err
	}
	defer who.close()
	number, err := payerNumber(view, q.Payer)
	if err != nil {
		return nil, err
	}
	stored, err := payment.Payments(ctx, o.Store.DB, number)
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(stored, func(a, b payment.Stored) int { return cmp.Compare(b.Date(), a.Date()) })
	all := []ListedPayment{}
	for _, s := range stored {
		payer, _ := view.AccountID(s.PayerNumber)
		if q.Credits && s.Credit.IsZero() && s.Broken == nil || who.sees(payer) != nil {
			continue
		}
		v := s.Value
		if v == nil {
			all = append(all, ListedPayment{Reference: s.ID, Payer: payer, Error: s.Broken.Error()})
			continue
		}
		l := ListedPayment{Reference: s.ID, Date: v.Date.String(), Kind: cmp.Or(v.Kind, "payment"), Amount: money(v.Amount, v.Currency),
			Currency: v.Currency, Pays: partWords(s.Paid, v.Currency)}
		if l.Payer = payer; s.Broken != nil {
			l.Error = s.Broken.Error()
		}
		if !s.Credit.IsZero() {
			l.Credit = money(s.Credit, v.Currency)
		}
		if len(s.Paid) == 0 {
			l.Named = v.Document
		}
		all = append(all, l)
	}
	return all, nil
}

// payerNumber returns the number of an account, nil for all accounts.
func payerNumber(view *registry.View, id string) (*uint32, error) {
	if id == "" {
		return nil, nil
	}
	number, ok := view.AccountNumber(id)
	if !ok {
		var ids []string
		for n := uint32(1); n <= view.Accounts(); n++ {
			if id, ok := view.AccountID(n); ok {
				ids = append(ids, id)
			}
		}
		return nil, missing("there is no account %s%s", id, diag.Suggest(id, ids))
	}
	return &number, nil
}

// OpenDocument is the open amount of a final document.
type OpenDocument struct {
	Number   string `json:"number"`
	Document string `json:"document"`
	Payer    string `json:"payer"`
	Issued   string `json:"issued"`
	Due      string `json:"due"`
	State    string `json:"state"` // open, partly, paid, overpaid, credited, written_off, credit, disputed
	Overdue  int    `json:"overdue_days,omitempty"`
	Total    string `json:"total"`
	Credited string `json:"credited,omitempty"`
	Paid     string `json:"paid,omitempty"`
	Off      string `json:"written_off,omitempty"`
	Disputed string `json:"disputed,omitempty"` // disputed part of the open amount
	Open     string `json:"open"`
	Currency string `json:"currency"`
	Error    string `json:"error,omitempty"` // why the row of the open amount cannot be read
}

// Unreadable returns why the row of the open amount cannot be read, "" if it can.
func (d OpenDocument) Unreadable() string { return d.Error }

// OpenQuestion selects documents.
type OpenQuestion struct {
	Payer    string
	Document string // number or id
	As       string // account on whose behalf the question is asked; "" for the provider
	All      bool   // include documents without an open amount
	Overdue  bool   // only overdue documents
}

// OpenDocuments lists the open amounts of final documents by due date.
func (o *Office) OpenDocuments(ctx context.Context, q OpenQuestion) ([]OpenDocument, error) {
	view, err := o.followPayments(ctx)
	if err != nil {
		return nil, err
	}
	defer view.Close()
	number, err := payerNumber(view, q.Payer)
	if err != nil {
		return nil, err
	}
	stored, err := payment.List(ctx, o.Store.DB, payment.Question{Payer: number, Name: q.Document, Open: !q.All && q.Document == ""})
	if err != nil {
		return nil, err
	}
	who, err := o.invoiceActor(ctx, q.As)
	if err != nil {
		return nil, err
	}
	defer who.close()
	today := registry.Date(o.Now().Unix() / (24 * 60 * 60))
	all := []OpenDocument{}
	for i := range stored {
		r := &stored[i]
		if r.Broken != nil {
			if who.sees(r.Payer) == nil {
				all = append(all, OpenDocument{Number: r.Number, Document: r.Document, Payer: r.Payer, Issued: r.Issued.String(),
					Due: r.Due.String(), Currency: r.Currency, Error: r.Broken.Error()})
			}
			continue
		}
		open, err := r.Open()
		if err != nil {
			return nil, err
		}
		late := r.Overdue(today)
		if q.Overdue && !late || who.sees(r.Payer) != nil {
			continue
		}
		d := OpenDocument{Number: r.Number, Document: r.Document, Payer: r.Payer, Issued: r.Issued.String(), Due: r.Due.String(),
			State: string(r.State()), Total: r.Total.Fixed(r.Scale), Open: open.Fixed(r.Scale), Currency: r.Currency}
		if late {
			d.Overdue = int(today - r.Due)
		}
		for _, f := range []struct {
			amount decimal.D
			into   *string
		}{{r.Credited, &d.Credited}, {r.Paid, &d.Paid}, {r.WrittenOff, &d.Off}, {r.Disputed(), &d.Disputed}} {
			if !f.amount.IsZero() {
				*f.into = f.amount.Fixed(r.Scale)
			}
		}
		all = append(all, d)
	}
	return all, nil
}
