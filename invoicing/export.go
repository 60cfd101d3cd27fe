package invoicing

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"ratemill/internal/store"
	"ratemill/invoicing/document"
	"ratemill/invoicing/terms"
	"ratemill/registry"
)

// Exported is a final document or a fixed close that is copied to the warehouse. It never changes again.
type Exported struct {
	N        int64   // position in the order in which they became final or fixed, from 1, without gaps
	Document *Stored // nil for a close
	Numbered Numbered
	Closed   *Closed // nil for a document; only its State and Document change later
}

// Numbered is the number range of a document's number.
type Numbered struct {
	Range string // the range's name as written in the accounting group
	Year  int    // 0 if the range does not restart each year
	N     int64
	// Skipped is how many smaller numbers of the range were skipped on purpose.
	Skipped int64
}

// export marks a document or a close to be copied, in the transaction that makes it final or fixed. id is empty for
// a close.
func (t Table) export(ctx context.Context, id string, of closeKey) error {
	var n int64
	if err := t.Tx.Row(ctx, `UPDATE invoice_exports_counter SET n = n + 1 WHERE one = 1 RETURNING n`).Scan(&n); err != nil {
		return err
	}
	_, err := t.Tx.Exec(ctx, `INSERT INTO invoice_exports (n, document, payer_number, cycle, off_cycle) VALUES (?, ?, ?, ?, ?)`,
		n, id, int64(of.payer), int64(of.cycle), of.offCycle)
	return err
}

// Exporter reads from the control store the documents and closes to be copied. It recomputes items other than usage
// from the inputs of their documents.
type Exporter struct {
	DB     *store.DB
	Prices func(version string) (*Prices, error)
	// Basis returns the facts about some payers, as known at a given revision or later, and Prices; end closes
	// the basis. The registry of the basis is not shared: it stays open while items are written elsewhere,
	// and an open view would keep new facts out of a registry that roles share.
	Basis func(ctx context.Context, payers []string, facts registry.Revision) (b *Basis, end func(), err error)
}

// Newest returns the highest position in use, 0 if there is none.
func (e *Exporter) Newest(ctx context.Context) (n int64, err error) {
	err = e.DB.Query(ctx, "asking for final documents", `SELECT n FROM invoice_exports_counter`, nil, func(rows *sql.Rows) error {
		return rows.Scan(&n)
	})
	return n, err
}

// Waits returns how long ago the oldest document after a position became final; 0 if there is none.
func (e *Exporter) Waits(ctx context.Context, after int64, now time.Time) (waits time.Duration, err error) {
	err = e.DB.Query(ctx, "asking for final documents", `SELECT coalesce(min(s.at), 0) FROM invoice_exports AS e
		JOIN invoice_steps AS s ON s.document = e.document AND s.state = 'final' WHERE e.n > ?`, []any{after}, func(rows *sql.Rows) error {
		var at int64
		if err := rows.Scan(&at); err != nil || at == 0 {
			return err
		}
		waits = max(0, now.Sub(time.Unix(0, at)))
		return nil
	})
	return waits, err
}

// Exports returns the documents and closes after a position, up to a given number of them. The same positions always
// have the same content. It stops before a row that cannot be read. If that row is the first, it returns the row's
// error, because a table that silently lacks a document would be wrong.
func (e *Exporter) Exports(ctx context.Context, after int64, most int) (all []Exported, err error) {
	newest, err := e.Newest(ctx)
	if err != nil || newest <= after {
		return nil, err
	}
	var counters []*Counter
	err = e.DB.Change(ctx, "reading final documents", func(tx *store.Tx) (err error) {
		if all, err = (Table{tx}).exports(ctx, after, most); err == nil {
			counters, err = Table{tx}.Counters(ctx)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	for i := range all {
		if s := all[i].Document; s != nil {
			if all[i].Numbered, err = e.numbered(s); err != nil {
				return nil, err
			}
			n := &all[i].Numbered
			for _, c := range counters {
				if c.Seller == s.Seller.Account && c.Range == n.Range && c.Year == n.Year {
					if c.Broken != nil {
						return nil, c.Broken
					}
					n.Skipped = c.skipped(n.N)
				}
			}
		}
	}
	return all, nil
}

func (t Table) exports(ctx context.Context, after int64, most int) (all []Exported, err error) {
	const which = ` FROM invoice_exports WHERE n > ? AND n <= ?`
	to := after + int64(most)
	documents, err := t.stored(ctx, `state = 'final' AND id IN (SELECT document`+which+`)`, after, to)
	if err != nil {
		return nil, err
	}
	byID := map[string]*Stored{}
	for _, s := range documents {
		byID[s.row] = s
	}
	closes, err := t.closes(ctx, "items", `(payer_number, cycle, off_cycle) IN (SELECT payer_number, cycle, off_cycle`+which+
		` AND document = '')`, after, to)
	if err != nil {
		return nil, err
	}
	byCycle := map[closeKey]*Closed{}
	for _, c := range closes {
		byCycle[c.key()] = c
	}
	rows, err := t.Tx.Rows(ctx, `SELECT n, document, payer_number, cycle, off_cycle`+which+` ORDER BY n`, after, to)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var x Exported
		var id string
		var of closeKey
		if err := rows.Scan(&x.N, &id, &of.payer, &of.cycle, &of.offCycle); err != nil {
			return nil, err
		}
		switch {
		case id != "":
			x.Document = byID[id]
		default:
			x.Closed = byCycle[of]
		}
		var wrong error
		switch {
		case x.Document == nil && x.Closed == nil:
			wrong = fmt.Errorf("the control store has no final document %q and no fixed close of payer %d from %s any more, which it had: somebody "+
				"deleted it, or changed its columns; put that row back from a backup of the control store", id, of.payer, of.cycle)
		default:
			wrong = x.broken()
		}
		if wrong != nil && len(all) > 0 {
			return all, nil
		}
		if wrong != nil {
			return nil, fmt.Errorf("documents and closes from number %d on wait, because their order is kept: %w", x.N, wrong)
		}
		all = append(all, x)
	}
	return all, rows.Err()
}

// broken returns the reason why the row cannot be read, nil if it can.
func (x *Exported) broken() error {
	if x.Document != nil {
		return x.Document.Broken
	}
	return x.Closed.Broken
}

// numbered returns the number range of a final document.
func (e *Exporter) numbered(s *Stored) (n Numbered, err error) {
	prices, err := e.Prices(s.Input.Catalogue)
	if err != nil {
		return n, err
	}
	g := prices.Terms.Group(s.Terms.AccountingGroup, s.Cycle.To)
	if g == nil {
		return n, fmt.Errorf("document %s: the catalogue has no accounting group %s on %s", s.Name(), s.Terms.AccountingGroup, s.Cycle.To)
	}
	n.Range = g.Number(s.Negative, s.Terms.Sandbox)
	r, err := terms.ParseRange(n.Range)
	if err != nil {
		return n, err
	}
	if r.Yearly {
		n.Year = s.Issued.UTC().Year()
	}
	n.N, err = r.Counted(s.Number)
	return n, err
}

// Items prepares the recomputation of documents' items other than usage. of returns the items of one document,
// always in the same order, each with its line number. end frees the resources. A credit note has no items.
func (e *Exporter) Items(ctx context.Context, all []Exported) (of func(s *Stored, give func(line int, i *document.Item) error) error,
	end func(),
	err error) {
	facts, payers, numbers, seen := registry.Revision(0), []string{}, []uint32{}, map[uint32]bool{}
	for i := range all {
		s := all[i].Document
		if s == nil || s.Form == document.CreditNote {
			continue
		}
		for _, c := range s.Input.Closes {
			facts = max(facts, c.Facts)
		}
		if !seen[s.PayerNumber] {
			seen[s.PayerNumber] = true
			payers = append(payers, s.Payer.Account)
			numbers = append(numbers, s.PayerNumber)
		}
	}
	b, end, err := e.Basis(ctx, payers, facts)
	if err != nil {
		return nil, nil, err
	}
	closes := map[uint32][]*Closed{}
	err = e.DB.Change(ctx, "reading closes", func(tx *store.Tx) error {
		where, args := in("payer_number", numbers)
		all, err := Table{tx}.closes(ctx, "items", where, args...)
		for _, c := range all {
			closes[c.PayerNumber] = append(closes[c.PayerNumber], c)
		}
		return err
	})
	if err != nil {
		end()
		return nil, nil, err
	}
	engines := b.engines()
	return func(s *Stored, give func(int, *document.Item) error) error {
		if s.Form == document.CreditNote {
			return nil
		}
		return b.itemsOf(s, closes[s.PayerNumber], engines, give)
	}, end, nil
}

// itemsOf passes on the items of a document that are not usage, with their line numbers.
func (b *Basis) itemsOf(s *Stored, closes []*Closed, engines *engines, give func(line int, i *document.Item) error) (err error) {
	if len(closes) == 0 {
		return fmt.Errorf("no closed cycle of the payer of %s is stored", s.Name())
	}
	if err := firstBroken(closes); err != nil { // the items of a document are differences from earlier closes
		return err
	}
	of := *b
	of.Catalogue = s.Input.Catalogue
	p := &payer{Basis: &of, number: s.PayerNumber, closes: closes, first: closes[0].Cycle, engines: engines}
	lineOf := document.LineOf(s.Lines)
	place := func(i *document.Item) error {
		line := lineOf(i)
		if line == 0 {
			return fmt.Errorf("the inputs of document %s give %s %s of account %s in the cycle from %s, but it has no line for "+
				"that: the document or its inputs were changed; ratemill invoice verify "+
				"%s", s.Name(), i.Kind, i.Product, i.Account, i.Cycle, s.Name())
		}
		return give(line, i)
	}
	for i := range s.Input.Closes {
		c := &s.Input.Closes[i]
		if p.rules, err = rulesOf(c.Rules); err != nil {
			return err
		}
		p.catalogue = p.catalogueAt(c)
		if err := p.others(c, place); err != nil {
			return err
		}
		if err := p.contractItems(c, place); err != nil {
			return err
		}
	}
	return nil
}
