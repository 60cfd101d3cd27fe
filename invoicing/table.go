package invoicing

import (
	"context"
	"database/sql"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"ratemill/decimal"
	"ratemill/internal/store"
	"ratemill/invoicing/document"
	"ratemill/invoicing/terms"
	"ratemill/registry"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrate brings the tables of this package up to date.
func Migrate(ctx context.Context, db *store.DB) error {
	return db.MigrateFolder(ctx, migrations, "migrations", "invoicing_version")
}

// Stored is a document in the control store.
type Stored struct {
	document.Document
	PayerNumber uint32   `json:"payer_number"`
	Seq         int      `json:"seq"`
	State       State    `json:"state"`
	Reasons     []string `json:"reasons,omitempty"` // why the document is held
	Broken      error    `json:"-"`                 // why the document's row cannot be read; only the values of the columns are then set

	version int64
	row     string // id column of the row; the stored text repeats the value
}

// Name returns the number, or the id if there is no number yet.
func (s *Stored) Name() string {
	if s.Number != "" {
		return s.Number
	}
	return s.ID
}

// offCycle returns the number of the document's off-cycle close, 0 if there is none.
func (s *Stored) offCycle() int {
	if n := len(s.Input.Closes); s.Form == document.OffCycle && n > 0 {
		return s.Input.Closes[n-1].OffCycle
	}
	return 0
}

// owed returns the amount that the payer owes for a final document; 0 in a sandbox.
func (s *Stored) owed() decimal.D {
	if s.Terms.Sandbox {
		return decimal.Zero
	}
	return s.Total
}

// By records who took a step, when and why.
type By struct {
	Who, Why string
	At       time.Time
}

// Table holds the documents in the control store. Its methods run in the caller's transaction.
type Table struct{ Tx *store.Tx }

// Put stores a computed document, as a new document or as the next version of a draft or held document. If there
// are reasons, the document is held. If the earlier document is discarded, the document is new and gets the next
// Seq.
func (t Table) Put(ctx context.Context, s *Stored, by By) error {
	s.State = Draft
	if len(s.Reasons) > 0 {
		s.State = Held
	}
	old, err := t.list(ctx, `payer_number = ? AND form = ? AND cycle = ?`, int64(s.PayerNumber), string(s.Form), int64(s.Cycle.From))
	if err != nil {
		return err
	}
	s.Seq = max(s.Seq, 1)
	for _, o := range old {
		switch {
		case o.Seq != s.Seq:
		case o.State == Discarded, o.State == Final && s.Form == document.OffCycle: // an earlier off-cycle close's document
			s.Seq++
		default:
			if _, err := allow(o.Name(), Compute, o.State, false); err != nil {
				return err
			}
			s.ID, s.version = o.ID, o.version
			if err := t.update(ctx, s); err != nil {
				return err
			}
			return t.did(ctx, s, by)
		}
	}
	s.ID = fmt.Sprintf("%d-%s-%s-%d", s.PayerNumber, s.Form, s.Cycle.From, s.Seq)
	if err := t.insert(ctx, s); err != nil {
		return err
	}
	return t.did(ctx, s, by)
}

// Do takes a step other than Compute and Finalise.
func (t Table) Do(ctx context.Context, id string, step Step, by By) (*Stored, error) {
	s, err := t.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	if s.State, err = allow(s.Name(), step, s.State, false); err != nil {
		return nil, err
	}
	if err := t.update(ctx, s); err != nil {
		return nil, err
	}
	return s, t.did(ctx, s, by)
}

// Finalise gives a document its number and dates. All documents of the payer for earlier cycles must already be
// final or discarded.
func (t Table) Finalise(ctx context.Context, id string, g *terms.Group, issued registry.Date, by By) (*Stored, error) {
	s, err := t.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	if s.State, err = allow(s.Name(), Finalise, s.State, g.Review == "none" || s.Form == document.CreditNote); err != nil {
		return nil, err
	}
	var earlier string
	err = t.Tx.Row(ctx, `SELECT id FROM invoice_documents WHERE payer_number = ? AND cycle < ? AND state NOT IN ('final', 'discarded')
		ORDER BY cycle, seq LIMIT 1`, int64(s.PayerNumber), int64(s.Cycle.From)).Scan(&earlier)
	if err == nil {
		return nil, notFinal("document %s waits for %s, which closes an earlier cycle; finalise or discard that first", s.Name(), earlier)
	} else if !errors.Is(err, sql.ErrNoRows) {
		return nil, err
	}
	r, err := terms.ParseRange(g.Number(s.Negative, s.Terms.Sandbox))
	if err != nil {
		return nil, notFinal("document %s cannot have a number: %v", s.Name(), err)
	}
	if s.Number, issued, err = take(ctx, t.Tx, s.Seller.Account, r, issued); err != nil {
		return nil, err
	}
	s.Issued, s.Due = issued, issued+registry.Date(s.Terms.Target)
	s.Hash = s.Sum()
	if err := t.update(ctx, s); err != nil {
		return nil, err
	}
	if err := t.export(ctx, s.ID, closeKey{payer: s.PayerNumber, cycle: s.Cycle.From}); err != nil {
		return nil, err
	}
	return s, t.did(ctx, s, by)
}

// CycleLike reports whether a text is a month or a date, by which cycles are identified. Number ranges may also
// produce numbers of this form.
func CycleLike(text string) bool {
	for _, layout := range []string{"2006-01", time.DateOnly} {
		if _, err := time.Parse(layout, text); err == nil {
			return true
		}
	}
	return false
}

// UnknownError reports that no document has a number or an id.
type UnknownError struct{ Name string }

func (e *UnknownError) Error() string {
	if CycleLike(e.Name) {
		return "there is no document " + e.Name + "; if that is a billing cycle, ratemill invoice list --cycle " + e.Name +
			" lists its documents, and --cycle " + e.Name + " --all selects all of them"
	}
	return "there is no document " + e.Name + "; ratemill invoice list shows all"
}

// Is makes the error match store.ErrNotFound.
func (e *UnknownError) Is(target error) bool { return target == store.ErrNotFound }

// Get returns the document with an id or a number. It fails if that document cannot be read.
func (t Table) Get(ctx context.Context, name string) (*Stored, error) {
	s, err := t.Find(ctx, name)
	if err == nil && s.Broken != nil {
		return nil, s.Broken
	}
	return s, err
}

// Find returns the document with an id or a number, even if it cannot be read: see Stored.Broken.
func (t Table) Find(ctx context.Context, name string) (*Stored, error) {
	s, err := t.find(ctx, `id = ?`, name)
	if errors.Is(err, store.ErrNotFound) && name != "" { // two queries, because with OR, SQLite would read all documents
		s, err = t.find(ctx, `number_text = ? AND number_text <> ''`, name)
	}
	if errors.Is(err, store.ErrNotFound) {
		return nil, &UnknownError{name}
	}
	return s, err
}

func (t Table) find(ctx context.Context, where string, args ...any) (*Stored, error) {
	all, err := t.stored(ctx, where, args...)
	if err != nil {
		return nil, err
	}
	switch len(all) {
	case 0:
		return nil, store.ErrNotFound
	case 1:
		return all[0], nil
	}
	return nil, fmt.Errorf("%d documents have the number %s; use the id of one: %s, %s", len(all), all[0].Name(), all[0].ID, all[1].ID)
}

// Of lists the documents of a payer, oldest first.
func (t Table) Of(ctx context.Context, payer uint32) ([]*Stored, error) {
	return t.list(ctx, `payer_number = ?`, int64(payer))
}

// Credits lists the final credit notes of a document, ordered by number.
func (t Table) Credits(ctx context.Context, of *Stored) (credits []*document.Document, err error) {
	all, err := t.list(ctx, `payer_number = ? AND form = ? AND state = ?`, int64(of.PayerNumber), string(document.CreditNote), string(Final))
	for _, s := range all {
		if s.Corrects == of.Number && s.Seller.Account == of.Seller.Account { // a number is unique only within its seller
			credits = append(credits, &s.Document)
		}
	}
	return credits, err
}

// list lists documents by cycle, then by payer. It fails if one of the documents cannot be read.
func (t Table) list(ctx context.Context, where string, args ...any) ([]*Stored, error) {
	all, err := t.stored(ctx, where, args...)
	for _, s := range all {
		if err == nil {
			err = s.Broken
		}
	}
	if err != nil {
		return nil, err
	}
	return all, nil
}

// stored lists documents like list, and includes those that cannot be read: see Stored.Broken.
func (t Table) stored(ctx context.Context, where string, args ...any) (all []*Stored, err error) {
	rows, err := t.Tx.Rows(ctx, `SELECT payer_number, cycle, seq, state, reasons, document, version, id, number_text
		FROM invoice_documents WHERE `+where+
		` ORDER BY cycle, payer_number, form, seq`, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		s := &Stored{}
		var payer, cycle, seq, version store.Integer
		var reasons, number string
		var text []byte
		if err := rows.Scan(&payer, &cycle, &seq, &s.State, &reasons, &text, &version, &s.row, &number); err != nil {
			return nil, err
		}
		s.PayerNumber, s.Seq, s.version, s.Reasons = uint32(payer.N), int(seq.N), version.N, split(reasons)
		column, err := store.Integers("payer_number", &payer, "cycle", &cycle, "seq", &seq, "version", &version)
		if err == nil {
			column, err = "document", readDocument(text, &s.Document, &s.ID)
		}
		if err != nil {
			s.Document = document.Document{ID: s.row, Number: number, Cycle: document.Period{From: Date(cycle.N)}}
			s.Broken = brokenDocument(s.Name(), column, err)
		}
		all = append(all, s)
	}
	return all, rows.Err()
}

func (t Table) insert(ctx context.Context, s *Stored) error {
	text, err := json.Marshal(&s.Document)
	if err != nil {
		return err
	}
	s.version = 1
	n, err := t.Tx.Exec(ctx, `INSERT INTO invoice_documents (id, payer_number, seller, form, cycle, seq, state, reasons, number_text, issued,
		currency, total, hash, document, version) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1)
		ON CONFLICT (id) DO NOTHING`,
		s.ID, int64(s.PayerNumber), s.Seller.Account, string(s.Form), int64(s.Cycle.From), s.Seq, string(s.State), lines(s.Reasons), s.Number,
		int64(s.Issued), s.Currency, s.Total.String(), s.Hash, string(text))
	if err != nil || n == 1 {
		return err
	}
	err = t.Tx.Row(ctx, `SELECT count(*) FROM invoice_documents WHERE id = ? AND payer_number = ? AND form = ? AND cycle = ? AND seq = ?`,
		s.ID, int64(s.PayerNumber), string(s.Form), int64(s.Cycle.From), s.Seq).Scan(&n)
	if err == nil && n == 0 {
		err = brokenDocument(s.ID, "payer_number, form, cycle or seq", errors.New("they differ from its id"))
	} else if err == nil {
		err = store.ErrConflict // another process created it at the same time
	}
	return err
}

// update writes a document, unless the document has changed since it was read or was already final.
func (t Table) update(ctx context.Context, s *Stored) error {
	text, err := json.Marshal(&s.Document)
	if err != nil {
		return err
	}
	n, err := t.Tx.Exec(ctx, `UPDATE invoice_documents SET state = ?, reasons = ?, number_text = ?, issued = ?, currency = ?, total = ?, hash = ?,
		document = ?, version = version + 1 WHERE id = ? AND version = ? AND state <> 'final'`,
		string(s.State), lines(s.Reasons), s.Number, int64(s.Issued), s.Currency, s.Total.String(), s.Hash, string(text), s.ID, s.version)
	if err == nil && n == 0 {
		err = store.ErrConflict
	}
	s.version++
	return err
}

// did records that a step was taken.
func (t Table) did(ctx context.Context, s *Stored, by By) error {
	_, err := t.Tx.Exec(ctx, `INSERT INTO invoice_steps (document, n, state, at, who, why)
		SELECT ?, count(*) + 1, ?, ?, ?, ? FROM invoice_steps WHERE document = ?`, s.ID, string(s.State), by.At.UnixNano(), by.Who, by.Why, s.ID)
	return err
}

func split(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}
