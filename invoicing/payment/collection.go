package payment

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"time"

	"ratemill/decimal"
	"ratemill/internal/store"
	"ratemill/registry"
)

// Collection is a file of direct debits for a bank.
type Collection struct {
	ID      string // of the message
	Seller  string // seller's account; empty for the operator
	Made    time.Time
	Who     string
	Why     string
	Debits  int
	Total   decimal.D
	SHA256  string
	Content []byte
	Broken  error // why the collection's row cannot be read
}

// Debit is one direct debit of a collection.
type Debit struct {
	Document string // id
	Mandate  string
	Sequence string
	On       registry.Date
	Amount   decimal.D
}

// NextCollection returns an id that no collection has yet, such as RM-20260504-1.
func NextCollection(ctx context.Context, tx *store.Tx, now time.Time) (string, error) {
	prefix := "RM-" + now.UTC().Format("20060102") + "-"
	var n int
	err := tx.Row(ctx, `SELECT COUNT(*) FROM invoice_collections WHERE id LIKE ?`, prefix+"%").Scan(&n)
	return fmt.Sprint(prefix, n+1), err
}

// MandateUsed returns the last day on which a seller used a mandate for a debit, 0 if it never did. In that case, the
// next debit is the mandate's first.
func MandateUsed(ctx context.Context, tx *store.Tx, seller, mandate string) (last registry.Date, err error) {
	var day store.Integer
	err = tx.Row(ctx, `SELECT coalesce(max(d.collected_on), 0) FROM invoice_debits d JOIN invoice_collections c ON c.id = d.collection
		WHERE d.mandate = ? AND c.seller = ?`, mandate, seller).Scan(&day)
	if err == nil && day.Err != nil {
		err = &store.BrokenError{What: "a debit of mandate " + mandate, Column: "collected_on of invoice_debits", Err: day.Err}
	}
	return registry.Date(day.N), err
}

// Collect stores a collection with its debits.
func Collect(ctx context.Context, tx *store.Tx, c *Collection, debits []Debit) error {
	_, err := tx.Exec(ctx,
		`INSERT INTO invoice_collections (id, seller, made, who, why, debits, total, sha256, content) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		c.ID, c.Seller, c.Made.UnixNano(), c.Who, c.Why, c.Debits, c.Total.String(), c.SHA256, string(c.Content))
	if err != nil {
		return err
	}
	for _, d := range debits {
		if _, err := tx.Exec(ctx,
			`INSERT INTO invoice_debits (collection, document, mandate, sequence, collected_on, amount) VALUES (?, ?, ?, ?, ?, ?)`,
			c.ID, d.Document, d.Mandate, d.Sequence, int64(d.On), d.Amount.String()); err != nil {
			return err
		}
	}
	return nil
}

// Collections lists collections, newest first. If id is not empty, it returns only that collection,
// with its content.
func Collections(ctx context.Context, db *store.DB, id string) (all []Collection, err error) {
	where, args, content := "1 = 1", []any(nil), "''"
	if id != "" {
		where, args, content = "id = ?", []any{id}, "content"
	}
	err = db.Query(ctx, "reading collections", `SELECT id, seller, made, who, why, debits, total, sha256, `+content+` FROM invoice_collections
		WHERE `+where+` ORDER BY made DESC, id DESC`, args, func(rows *sql.Rows) error {
		var c Collection
		var made, debits store.Integer
		var total, text string
		if err := rows.Scan(&c.ID, &c.Seller, &made, &c.Who, &c.Why, &debits, &total, &c.SHA256, &text); err != nil {
			return err
		}
		c.Made, c.Debits, c.Content = time.Unix(0, made.N).UTC(), int(debits.N), []byte(text)
		column, err := store.Integers("made", &made, "debits", &debits)
		if err == nil {
			column = "total"
			c.Total, err = decimal.Parse(total)
		}
		if err != nil {
			c.Broken = &store.BrokenError{What: "collection " + c.ID, Column: column + " of invoice_collections", Err: err}
		}
		all = append(all, c)
		return nil
	})
	return all, err
}

// Debits returns the documents of a seller that are paid by SEPA direct debit, are due by a date, and have an open
// amount that is not disputed. It also returns documents whose open amount cannot be read.
func Debits(ctx context.Context, tx *store.Tx, seller string, until registry.Date) (owed []Receivable, err error) {
	all, err := list(ctx, tx, `seller = ? AND method = 'sepa' AND is_open > 0 AND (due <= ? OR due > ?) ORDER BY due, number_text`, seller,
		int64(until), int64(math.MaxInt64)) // SQLite: a text is greater than every number
	for i := range all {
		if open, err := all[i].Collectable(); all[i].Broken != nil || err == nil && open.Sign() > 0 {
			owed = append(owed, all[i])
		}
	}
	return owed, err
}
