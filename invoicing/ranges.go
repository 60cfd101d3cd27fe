package invoicing

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"ratemill/internal/store"
	"ratemill/invoicing/terms"
	"ratemill/registry"
)

// Counter is the counter of a number range.
type Counter struct {
	Seller string // seller's account; empty for the operator
	Range  string // as written in the accounting group
	Year   int    // 0 if the range does not restart each year
	Next   int64
	Issued Date // date of the last number; 0 if there is none
	Skips  []Skip
	Broken error // why the row of the counter, or of a skip, cannot be read
}

// Skip is a block of numbers that a range skipped on purpose.
type Skip struct {
	First, Last int64
	By          By
}

// skipped returns the number of skipped numbers below a given one.
func (c *Counter) skipped(below int64) (n int64) {
	for _, s := range c.Skips {
		if s.First < below {
			n += min(s.Last, below-1) - s.First + 1
		}
	}
	return n
}

// last returns the last number of the skip that contains n. If no skip contains n, it returns the number before n.
func (c *Counter) last(n int64) int64 {
	for _, s := range c.Skips {
		if s.First <= n && n <= s.Last {
			return s.Last
		}
	}
	return n - 1
}

func (c *Counter) broken(column string, err error) error {
	return &store.BrokenError{What: "the number range " + c.Range, Column: column, Err: err}
}

// Counters lists the counters of all ranges that have given a number, or whose next number was set.
func (t Table) Counters(ctx context.Context) (all []*Counter, err error) {
	rows, err := t.Tx.Rows(ctx, `SELECT seller, range_text, year, next, issued FROM invoice_numbers ORDER BY seller, range_text, year`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	at := map[[2]string]map[int]*Counter{}
	for rows.Next() {
		c := &Counter{}
		var year, next, issued store.Integer
		if err := rows.Scan(&c.Seller, &c.Range, &year, &next, &issued); err != nil {
			return nil, err
		}
		c.Year, c.Next, c.Issued = int(year.N), next.N, Date(issued.N)
		if column, err := store.Integers("year", &year, "next", &next, "issued", &issued); err != nil {
			c.Broken = c.broken(column+" of invoice_numbers", err)
		}
		key := [2]string{c.Seller, c.Range}
		if at[key] == nil {
			at[key] = map[int]*Counter{}
		}
		at[key][c.Year] = c
		all = append(all, c)
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	rows.Close()
	skips, err := t.Tx.Rows(ctx, `SELECT seller, range_text, year, first, last, at, who, why FROM invoice_number_skips
			ORDER BY seller, range_text, year, first`)
	if err != nil {
		return nil, err
	}
	defer skips.Close()
	for skips.Next() {
		var key [2]string
		var s Skip
		var year, first, last, when store.Integer
		if err := skips.Scan(&key[0], &key[1], &year, &first, &last, &when, &s.By.Who, &s.By.Why); err != nil {
			return nil, err
		}
		s.First, s.Last, s.By.At = first.N, last.N, time.Unix(0, when.N).UTC()
		column, err := store.Integers("year", &year, "first", &first, "last", &last, "at", &when)
		for _, c := range at[key] {
			if err != nil && c.Broken == nil { // the skip may belong to any year of the range
				c.Broken = c.broken(column+" of invoice_number_skips", err)
			}
		}
		if c := at[key][int(year.N)]; c != nil && err == nil {
			c.Skips = append(c.Skips, s)
		}
	}
	return all, skips.Err()
}

// mostSkipped is the largest block of numbers that a range in use can skip at once.
const mostSkipped = 10_000

// SetNext moves the next number of a range forward, and stores the skipped numbers with the reason. It never goes
// back, so no number is used twice.
func (t Table) SetNext(ctx context.Context, seller string, r *terms.Range, year int, next int64, by By) (*Counter, error) {
	c := &Counter{Seller: seller, Range: r.Text, Year: year, Next: 1}
	var issued int64
	err := t.Tx.Row(ctx, `SELECT next, issued FROM invoice_numbers WHERE seller = ? AND range_text = ? AND year = ?`, seller, r.Text, year).
		Scan(&c.Next, &issued)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return nil, err
	}
	c.Issued = registry.Date(issued)
	switch {
	case next < c.Next:
		return nil, notFinal("the next number of %s is already %s, and numbers never go back: %s may be on a document that was sent", r.Text,
			r.Number(year, c.Next), r.Number(year, next))
	case next == c.Next:
		return c, nil
	case c.Next > 1 && next-c.Next > mostSkipped:
		return nil, notFinal("from %s to %s there are %d numbers, more than the %d that a range in use skips at once; is "+
			"there a digit too many?",
			r.Number(year, c.Next), r.Number(year, next), next-c.Next, mostSkipped)
	}
	_, err = t.Tx.Exec(ctx, `INSERT INTO invoice_number_skips (seller, range_text, year, first, last, at, who, why)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
		seller, r.Text, year, c.Next, next-1, by.At.UnixNano(), by.Who, by.Why)
	if err != nil {
		return nil, err
	}
	_, err = t.Tx.Exec(ctx, `INSERT INTO invoice_numbers (seller, range_text, year, next, issued) VALUES (?, ?, ?, ?, 0)
		ON CONFLICT (seller, range_text, year) DO UPDATE SET next = excluded.next`, seller, r.Text, year, next)
	c.Skips, c.Next = append(c.Skips, Skip{c.Next, next - 1, by}), next
	return c, err
}
