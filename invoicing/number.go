package invoicing

import (
	"context"
	"database/sql"
	"errors"
	"math"

	"ratemill/internal/store"
	"ratemill/invoicing/terms"
	"ratemill/registry"
)

// take takes the next number of a range. It runs in the transaction that makes the document final, so numbers have no
// gaps. The date of a number is never earlier than that of the previous number. take therefore returns the date,
// which can be a day after the requested date.
func take(ctx context.Context, tx *store.Tx, seller string, r *terms.Range, issued registry.Date) (string, registry.Date, error) {
	year := 0
	if r.Yearly {
		year = issued.UTC().Year()
	}
	var next, last int64
	// In SQLite, a text is greater than every number, and next + 1 would convert it to an arbitrary number.
	err := tx.Row(ctx, `UPDATE invoice_numbers SET next = next + 1 WHERE seller = ? AND range_text = ? AND year = ? AND next < ? AND issued < ?
		RETURNING next - 1, issued`, seller, r.Text, year, int64(math.MaxInt64), int64(math.MaxInt64)).Scan(&next, &last)
	if errors.Is(err, sql.ErrNoRows) {
		var rows int
		err = tx.Row(ctx, `SELECT count(*) FROM invoice_numbers WHERE seller = ? AND range_text = ? AND year = ?`, seller, r.Text,
			year).Scan(&rows)
		if err == nil && rows > 0 {
			err = &store.BrokenError{What: "the number range " + r.Text, Column: "next or issued of invoice_numbers",
				Err: errors.New("it is not a number")}
		}
		if err != nil {
			return "", issued, err
		}
		next, last = 1, 0
		_, err = tx.Exec(ctx, `INSERT INTO invoice_numbers (seller, range_text, year, next, issued) VALUES (?, ?, ?, 2, ?)`, seller, r.Text, year,
			int64(issued))
	}
	if err != nil {
		return "", issued, err
	}
	if last == int64(issued)+1 {
		issued++ // the previous payer is further east, where it is already tomorrow
	}
	if last > int64(issued) {
		return "", issued, notFinal("%s would have the date %s, but the number before it has %s; the dates of numbers must "+
			"not go back. Is the clock "+
			"right? If it is right now, wait until %s", r.Number(year, next), issued, registry.Date(last), registry.Date(last))
	}
	_, err = tx.Exec(ctx, `UPDATE invoice_numbers SET issued = ? WHERE seller = ? AND range_text = ? AND year = ?`, int64(issued), seller,
		r.Text, year)
	return r.Number(year, next), issued, err
}
