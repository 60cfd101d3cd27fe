package invoicing

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"ratemill/internal/store"

	"ratemill/invoicing/document"
	"ratemill/registry"
)

// CloseState is the state of a close and its items.
type CloseState string

// The states of a close.
const (
	CloseHeld     CloseState = "held"      // the close has a problem; the next computation replaces it
	CloseDraft    CloseState = "draft"     // its document is not final; the next computation replaces the close
	CloseOpen     CloseState = "open"      // its items wait for a later document
	CloseBilled   CloseState = "billed"    // its items are on a final document
	CloseProForma CloseState = "pro_forma" // its payer does not get documents
)

// Fixed reports whether a close never changes again.
func (s CloseState) Fixed() bool { return s == CloseOpen || s == CloseBilled || s == CloseProForma }

// Closed is the end of a billing cycle of a payer, with its items added up to unrounded lines.
type Closed struct {
	PayerNumber uint32
	Payer       string
	document.Close
	State    CloseState
	Currency string
	Lines    []document.Line
	Reasons  []string // reasons why the close is held
	Released []string // reasons that an operator reviewed; they no longer hold the close
	Waits    string   // reason why the close's items wait for a later document
	Document string   // id of the document that contains the close's items
	Broken   error    // why the row of the close cannot be read; only the values of the columns are then set
}

// Exact is the sum of the usage items, and the sum of all other items.
func (c *Closed) Exact() (usage, others decimalSum) {
	for i := range c.Lines {
		if c.Lines[i].Kind == document.Usage {
			usage.add(c.Lines[i].Exact)
		} else {
			others.add(c.Lines[i].Exact)
		}
	}
	return usage, others
}

// ClosedError reports that a cycle is closed for good.
type ClosedError struct {
	Payer string
	Cycle Date
}

func (e *ClosedError) Error() string {
	return fmt.Sprintf("the cycle of %s from %s is closed already; its items stay as they are", e.Payer, e.Cycle)
}

// PutClose stores a close. It replaces an earlier close of the same cycle that is not fixed.
func (t Table) PutClose(ctx context.Context, c *Closed) error {
	text, err := json.Marshal(&c.Close)
	if err != nil {
		return err
	}
	items, err := json.Marshal(c.Lines)
	if err != nil {
		return err
	}
	if err := t.follows(ctx, c); err != nil {
		return err
	}
	n, err := t.Tx.Exec(ctx, `INSERT INTO invoice_closes (payer_number, payer, cycle, off_cycle, ends, state, currency, facts,
			reasons, released, waits,
		document, close, items) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (payer_number, cycle, off_cycle) DO UPDATE SET payer = excluded.payer, ends = excluded.ends,
			state = excluded.state, currency = excluded.currency,
		facts = excluded.facts, reasons = excluded.reasons, released = excluded.released, waits = excluded.waits, document = excluded.document, close = excluded.close,
		items = excluded.items WHERE invoice_closes.state IN ('held', 'draft')`,
		int64(c.PayerNumber), c.Payer, int64(c.Cycle.From), c.OffCycle, int64(c.Cycle.To), string(c.State), c.Currency, int64(c.Facts),
		lines(c.Reasons), lines(c.Released),
		c.Waits, c.Document, string(text), string(items))
	if err == nil && n == 0 {
		return &ClosedError{c.Payer, c.Cycle.From}
	}
	if err == nil && c.State.Fixed() {
		err = t.export(ctx, "", c.key())
	}
	return err
}

// follows returns an error unless a close follows the last stored one. If a cycle close and an off-cycle
// close were computed at the same time, both would contain the same new facts. A close that could not be
// computed has no items.
func (t Table) follows(ctx context.Context, c *Closed) error {
	var state CloseState
	var facts registry.Revision
	err := t.Tx.Row(ctx, `SELECT state, facts FROM invoice_closes WHERE payer_number = ? AND (cycle < ? OR cycle = ? AND off_cycle < ?)
		ORDER BY cycle DESC, off_cycle DESC LIMIT 1`, int64(c.PayerNumber), int64(c.Cycle.From), int64(c.Cycle.From), c.OffCycle).Scan(&state, &facts)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err == nil && c.Facts != 0 && (!state.Fixed() || facts != c.Before) {
		return &ClosedError{c.Payer, c.Cycle.From}
	}
	if err != nil || c.OffCycle == 0 {
		return err
	}
	later := 0
	err = t.Tx.Row(ctx, `SELECT count(*) FROM invoice_closes WHERE payer_number = ? AND cycle > ?`, int64(c.PayerNumber),
		int64(c.Cycle.From)).Scan(&later)
	if err == nil && later > 0 {
		return &ClosedError{c.Payer, c.Cycle.From}
	}
	return err
}

// closeKey identifies a close.
type closeKey struct {
	payer    uint32
	cycle    Date
	offCycle int
}

func (c *Closed) key() closeKey { return closeKey{c.PayerNumber, c.Cycle.From, c.OffCycle} }

// billed records that a final document contains the items of the closes from which it was computed.
func (t Table) billed(ctx context.Context, s *Stored) (closes []*Closed, err error) {
	for i := range s.Input.Closes {
		of := &s.Input.Closes[i]
		all, err := t.Closes(ctx, `payer_number = ? AND cycle = ? AND off_cycle = ?`, int64(s.PayerNumber), int64(of.Cycle.From), of.OffCycle)
		if err != nil {
			return nil, err
		}
		if len(all) != 1 || all[0].State == CloseBilled || all[0].Facts != of.Facts || all[0].Cut.String() != of.Cut.String() {
			return nil, notFinal("document %s was computed from a close of the cycle from %s that no longer exists; compute it again",
				s.Name(), of.Cycle.From)
		}
		if _, err := t.Tx.Exec(ctx, `UPDATE invoice_closes SET state = 'billed', waits = '', document = ?
			WHERE payer_number = ? AND cycle = ? AND off_cycle = ?`,
			s.ID, int64(s.PayerNumber), int64(of.Cycle.From), of.OffCycle); err != nil {
			return nil, err
		}
		if !all[0].State.Fixed() {
			if err := t.export(ctx, "", all[0].key()); err != nil {
				return nil, err
			}
		}
		closes = append(closes, all[0])
	}
	return closes, nil
}

// Closes lists closes by payer, oldest first. It fails if one of the closes cannot be read.
func (t Table) Closes(ctx context.Context, where string, args ...any) ([]*Closed, error) {
	all, err := t.closes(ctx, "items", where, args...)
	if err == nil {
		err = firstBroken(all)
	}
	if err != nil {
		return nil, err
	}
	return all, nil
}

// closes lists closes, including those that cannot be read: see Closed.Broken. lines is the column or expression
// that supplies their lines.
func (t Table) closes(ctx context.Context, items, where string, args ...any) (all []*Closed, err error) {
	rows, err := t.Tx.Rows(ctx, `SELECT payer_number, payer, cycle, off_cycle, ends, facts, state, currency, reasons, released, waits,
		document, close, `+items+` FROM invoice_closes WHERE `+where+` ORDER BY payer_number, cycle, off_cycle`, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		c := &Closed{}
		var payer store.Integer
		var row closeRow
		var reasons, released string
		var text, items []byte
		if err := rows.Scan(&payer, &c.Payer, &row.cycle, &row.offCycle, &row.ends, &row.facts, &c.State, &c.Currency, &reasons, &released,
			&c.Waits, &c.Document, &text, &items); err != nil {
			return nil, err
		}
		c.PayerNumber, c.Reasons, c.Released = uint32(payer.N), split(reasons), split(released)
		if column, err := c.read(&payer, &row, text, items); err != nil {
			c.Lines, c.Close = nil, document.Close{Cycle: document.Period{From: Date(row.cycle.N), To: Date(row.ends.N)},
				OffCycle: int(row.offCycle.N), Facts: registry.Revision(row.facts.N)}
			c.Broken = brokenClose(c, column, err)
		}
		all = append(all, c)
	}
	return all, rows.Err()
}

// read reads the stored texts of a close. It returns the name of the column that cannot be read.
func (c *Closed) read(payer *store.Integer, row *closeRow, text, items []byte) (column string, err error) {
	column, err = store.Integers("payer_number", payer, "cycle", &row.cycle, "off_cycle", &row.offCycle,
		"ends", &row.ends, "facts", &row.facts)
	if err != nil {
		return column, err
	}
	if err := json.Unmarshal(text, &c.Close); err != nil {
		return "close", err
	}
	if c.Cycle.From >= c.Cycle.To {
		return "close", errors.New("it names no cycle")
	}
	return "items", json.Unmarshal(items, &c.Lines)
}
