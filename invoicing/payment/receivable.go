package payment

import (
	"cmp"
	"context"
	"database/sql"
	"embed"
	"fmt"
	"slices"
	"strings"

	"ratemill/decimal"
	"ratemill/internal/store"
	"ratemill/invoicing/document"
	"ratemill/registry"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrate brings the tables of this package up to date.
func Migrate(ctx context.Context, db *store.DB) error {
	return db.MigrateFolder(ctx, migrations, "migrations", "invoice_payment_version")
}

// Receivable is a final document from the view of the seller's bookkeeping.
type Receivable struct {
	Document    string // id
	Number      string
	PayerNumber uint32
	Payer       string // account
	Seller      string // seller's account; empty for the operator
	Form        document.Form
	Corrects    string
	Currency    string
	Scale       int
	Issued, Due registry.Date
	Method      string
	Total       decimal.D // gross; negative if money is paid back
	Credited    decimal.D
	Paid        decimal.D
	WrittenOff  decimal.D
	Broken      error // why the document's row cannot be read; its amounts are then 0

	disputed decimal.D // amount that its payer disputes
	after    decimal.D // amount credited when the dispute began
	version  int64
}

// State is the payment state of a document.
type State string

// The states. After its due date, an open or partly paid document is overdue with the amount that is not disputed.
const (
	Unpaid     State = "open"
	Partly     State = "partly"
	Paid       State = "paid"
	Overpaid   State = "overpaid"
	Credited   State = "credited"    // credit notes have credited all of it
	WrittenOff State = "written_off" // the rest is written off
	Credit     State = "credit"      // the seller owes money that has not been paid back yet
	Disputed   State = "disputed"    // its payer disputes all or a part of the open amount
)

// States lists all payment states.
var States = []State{Unpaid, Partly, Paid, Overpaid, Credited, WrittenOff, Credit, Disputed}

// Open is the amount left to pay. It is negative if the payer has paid too much or gets money back.
func (r *Receivable) Open() (decimal.D, error) {
	open := r.Total
	for _, d := range []decimal.D{r.Credited, r.Paid, r.WrittenOff} {
		var err error
		if open, err = open.Sub(d); err != nil {
			return open, fmt.Errorf("document %s: %w", r.Number, err)
		}
	}
	return open, nil
}

// Disputed returns the part of the open amount that the payer disputes. Credit notes issued since the
// dispute began reduce it.
func (r *Receivable) Disputed() decimal.D {
	open, err := r.Open()
	settled, wrong := r.Credited.Sub(r.after)
	if err != nil || wrong != nil || open.Sign() <= 0 {
		return decimal.Zero
	}
	left := r.disputed
	if settled.Sign() > 0 {
		if left, err = left.Sub(settled); err != nil || left.Sign() < 0 {
			return decimal.Zero
		}
	}
	if open.Less(left) {
		return open
	}
	return left
}

// Collectable returns the open amount that is not disputed.
func (r *Receivable) Collectable() (decimal.D, error) {
	open, err := r.Open()
	if err != nil {
		return open, err
	}
	return open.Sub(r.Disputed())
}

// State derives the payment state from payments, credit notes and disputes. The state is never entered by hand.
func (r *Receivable) State() State {
	open, err := r.Open()
	switch {
	case err == nil && r.Disputed().Sign() > 0:
		return Disputed
	case err == nil && open.IsZero() && !r.WrittenOff.IsZero():
		return WrittenOff
	case err == nil && open.IsZero() && r.Paid.IsZero() && !r.Credited.IsZero():
		return Credited
	case err == nil && open.IsZero():
		return Paid
	case open.Sign() < 0 && r.Total.Sign() <= 0:
		return Credit
	case open.Sign() < 0:
		return Overpaid
	case r.Paid.IsZero() && r.WrittenOff.IsZero():
		return Unpaid
	}
	return Partly
}

// Overdue reports whether an amount is open after the due date.
func (r *Receivable) Overdue(today registry.Date) bool {
	s := r.State()
	left, err := r.Collectable()
	return (s == Unpaid || s == Partly || s == Disputed && err == nil && left.Sign() > 0) && today > r.Due
}

// Open records the open amount of a document that becomes final, in the same transaction. A credit note reduces the
// open amount of the document that it corrects. Opening the same document again changes nothing.
func Open(ctx context.Context, tx *store.Tx, payer uint32, d *document.Document) error {
	r := Receivable{Document: d.ID, Number: d.Number, PayerNumber: payer, Payer: d.Payer.Account, Seller: d.Seller.Account, Form: d.Form,
		Corrects: d.Corrects, Currency: d.Currency, Scale: d.Scale, Issued: d.Issued, Due: d.Due, Method: d.Terms.Payment, Total: d.Total}
	if d.Form == document.CreditNote {
		r.Credited = r.Total // the whole amount reduces the other document
	}
	isOpen, err := r.isOpen()
	if err != nil {
		return err
	}
	n, err := tx.Exec(ctx, `INSERT INTO invoice_receivables (`+columns+`, is_open)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, '0', '0', '0', '0', 1, ?) ON CONFLICT (document) DO NOTHING`,
		r.Document, r.Number, int64(r.PayerNumber), r.Payer, r.Seller, string(r.Form), r.Corrects, r.Currency, r.Scale, int64(r.Issued),
		int64(r.Due), r.Method, r.Total.String(), r.Credited.String(), isOpen)
	if err != nil || n == 0 || d.Form != document.CreditNote {
		return err
	}
	of, err := Find(ctx, tx, d.Corrects, payer)
	if err != nil {
		return fmt.Errorf("credit note %s: %w", d.Number, err)
	}
	if of.Credited, err = of.Credited.Sub(d.Total); err != nil {
		return err
	}
	return of.save(ctx, tx)
}

const columns = `document, number_text, payer_number, payer, seller, form, corrects, currency, scale, issued, due, method, total, credited,
	paid, written_off, disputed, disputed_after, version`

func scan(rows *sql.Rows) (r Receivable, err error) {
	var payer, scale, issued, due, version store.Integer
	var total, credited, paid, off, disputed, after string
	if err := rows.Scan(&r.Document, &r.Number, &payer, &r.Payer, &r.Seller, &r.Form, &r.Corrects, &r.Currency, &scale, &issued, &due,
		&r.Method, &total, &credited, &paid, &off, &disputed, &after, &version); err != nil {
		return r, err
	}
	r.PayerNumber, r.Scale, r.Issued, r.Due, r.version = uint32(payer.N), int(scale.N), registry.Date(issued.N), registry.Date(due.N),
		version.N
	if column, err := store.Integers("payer_number", &payer, "scale", &scale, "issued", &issued, "due", &due, "version",
		&version); err != nil {
		r.Broken = r.broken(column, err)
	}
	for _, f := range []struct {
		column, text string
		into         *decimal.D
	}{{"total", total, &r.Total}, {"credited", credited, &r.Credited}, {"paid", paid, &r.Paid}, {"written_off", off, &r.WrittenOff},
		{"disputed", disputed, &r.disputed}, {"disputed_after", after, &r.after}} {
		if *f.into, err = decimal.Parse(f.text); err != nil && r.Broken == nil {
			r.Broken = r.broken(f.column, err)
		}
	}
	return r, nil
}

func (r *Receivable) broken(column string, err error) error {
	return &store.BrokenError{What: "what is open of document " + r.Number, Column: column + " of invoice_receivables", Err: err}
}

func (r *Receivable) isOpen() (int, error) {
	open, err := r.Open()
	if open.IsZero() {
		return 0, err
	}
	return 1, err
}

func (r *Receivable) save(ctx context.Context, tx *store.Tx) error {
	isOpen, err := r.isOpen()
	if err != nil {
		return err
	}
	n, err := tx.Exec(ctx, `UPDATE invoice_receivables SET credited = ?, paid = ?, written_off = ?, disputed = ?, disputed_after = ?,
		is_open = ?, version = version + 1 WHERE document = ? AND version = ?`, r.Credited.String(), r.Paid.String(), r.WrittenOff.String(),
		r.disputed.String(), r.after.String(), isOpen, r.Document, r.version)
	if err == nil && n == 0 {
		err = store.ErrConflict
	}
	r.version++
	return err
}

// NoDocumentError reports that no final document has a number, or that several documents have it.
type NoDocumentError struct {
	Name  string
	Owing []string // payers of the documents with this number

	others []string // payers of the documents with this number, if another payer was requested
}

func (e *NoDocumentError) Error() string {
	if len(e.Owing) > 0 {
		return fmt.Sprintf("documents of %s have the number %s; name the payer too, or the id of the document",
			strings.Join(e.Owing, " and "), e.Name)
	}
	if len(e.others) > 0 {
		return fmt.Sprintf("document %s is of %s, not of that payer", e.Name, strings.Join(e.others, " and "))
	}
	return "there is no final document " + e.Name
}

// Find returns the final document with a number or id. If several sellers use the same number, payer selects
// the document unless it is 0.
func Find(ctx context.Context, tx *store.Tx, name string, payer uint32) (*Receivable, error) {
	all, err := list(ctx, tx, `number_text = ? OR document = ?`, name, name)
	if err != nil {
		return nil, err
	}
	return choose(name, all, func(r *Receivable) bool { return payer == 0 || r.PayerNumber == payer })
}

// choose returns the only document of a payer among the documents with a name.
func choose(name string, all []Receivable, its func(*Receivable) bool) (*Receivable, error) {
	var others []string
	all = slices.DeleteFunc(slices.Clone(all), func(r Receivable) bool {
		if !its(&r) {
			others = append(others, r.Payer)
		}
		return !its(&r)
	})
	if len(all) == 1 {
		return &all[0], all[0].Broken
	}
	none := &NoDocumentError{Name: name, others: others}
	for i := range all {
		none.Owing = append(none.Owing, all[i].Payer)
	}
	return nil, none
}

func list(ctx context.Context, tx *store.Tx, where string, args ...any) (all []Receivable, err error) {
	rows, err := tx.Rows(ctx, `SELECT `+columns+` FROM invoice_receivables WHERE `+where, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		r, err := scan(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, rows.Err()
}

// openOf returns the documents of a payer in a currency with an amount left to pay, in the order of their due dates.
func openOf(ctx context.Context, tx *store.Tx, payer uint32, currency string) ([]*Receivable, error) {
	all, err := list(ctx, tx, `payer_number = ? AND currency = ? AND is_open = 1`, int64(payer), currency)
	var open []*Receivable
	for i := range all {
		if all[i].Broken != nil {
			return nil, all[i].Broken
		}
		if left, err := all[i].Open(); err == nil && left.Sign() > 0 {
			open = append(open, &all[i])
		}
	}
	slices.SortFunc(open, func(a, b *Receivable) int {
		return cmp.Or(cmp.Compare(a.Due, b.Due), cmp.Compare(a.Issued, b.Issued), cmp.Compare(a.Number, b.Number))
	})
	return open, err
}

// Question selects documents; zero values select all.
type Question struct {
	Payer    *uint32
	Name     string // number or id
	Open     bool   // only documents with an open amount
	Disputed bool   // only documents that were disputed
}

// List lists final documents by due date, including those that cannot be read.
func List(ctx context.Context, db *store.DB, q Question) (all []Receivable, err error) {
	where, args := []string{"1 = 1"}, []any(nil)
	if q.Payer != nil {
		where, args = append(where, "payer_number = ?"), append(args, int64(*q.Payer))
	}
	if q.Name != "" {
		where, args = append(where, "(number_text = ? OR document = ?)"), append(args, q.Name, q.Name)
	}
	if q.Open {
		where = append(where, "is_open > 0")
	}
	if q.Disputed {
		where = append(where, "disputed <> '0'")
	}
	err = db.Query(ctx, "reading what is open of documents", `SELECT `+columns+` FROM invoice_receivables WHERE `+strings.Join(where, " AND ")+
		` ORDER BY due, issued, number_text, document`, args, func(rows *sql.Rows) error {
		r, err := scan(rows)
		all = append(all, r)
		return err
	})
	return all, err
}
