package payment

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"ratemill/decimal"
	"ratemill/internal/store"
	"ratemill/registry"
)

// Book applies payment facts to the tables, together with the exposure of payers.
type Book struct {
	// Number returns the number of an account.
	Number func(account string) (uint32, bool)
	// Settle changes the debt of a payer by documents, in the transaction. A payment is negative.
	Settle func(ctx context.Context, tx *store.Tx, payer uint32, currency string, documents decimal.D) error
}

// Apply updates the tables with a fact about a payment; nil means that the payment is withdrawn. Applying the same
// fact again changes nothing.
func (b *Book) Apply(ctx context.Context, tx *store.Tx, id string, v *Value, revision registry.Revision) error {
	var stored store.Integer
	var oldText string
	err := tx.Row(ctx, `SELECT payer_number, value FROM invoice_payments WHERE id = ?`, id).Scan(&stored, &oldText)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	if err == nil {
		err = brokenPayer(id, stored.Err)
	}
	if err != nil {
		return err
	}
	oldPayer := stored.N
	parts, payer, err := b.resolve(ctx, tx, v)
	if err != nil {
		return fmt.Errorf("payment %s: %w", id, err)
	}
	text := ""
	if v != nil {
		canonical, err := v.text()
		if err != nil {
			return err
		}
		text = string(canonical)
	}
	if text == oldText && int64(payer) == oldPayer {
		return nil
	}
	if _, err := tx.Exec(ctx, `INSERT INTO invoice_payments (id, payer_number, value, revision) VALUES (?, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET payer_number = excluded.payer_number, value = excluded.value, revision = excluded.revision`,
		id, int64(payer), text, int64(revision)); err != nil {
		return err
	}
	if err := b.replaceParts(ctx, tx, id, v, parts); err != nil {
		return err
	}
	return b.settle(ctx, tx, id, oldText, uint32(oldPayer), v, payer)
}

// settle changes the debts of payers by the net difference, so that no limit is exceeded in between.
func (b *Book) settle(ctx context.Context, tx *store.Tx, id, oldText string, oldPayer uint32, v *Value, payer uint32) (err error) {
	type owed struct {
		payer    uint32
		currency string
	}
	changes := map[owed]decimal.D{}
	if oldText != "" {
		old, err := Parse(id, []byte(oldText))
		if err != nil {
			return err
		}
		if !old.IsDispute() { // disputed amounts are still owed
			changes[owed{oldPayer, old.Currency}] = old.Amount
		}
	}
	if v != nil && !v.IsDispute() {
		key := owed{payer, v.Currency}
		if changes[key], err = changes[key].Sub(v.Amount); err != nil {
			return err
		}
	}
	for key, amount := range changes {
		if key.payer == 0 || amount.IsZero() {
			continue // counts towards no exposure until the payer is known
		}
		if err := b.Settle(ctx, tx, key.payer, key.currency, amount); err != nil {
			return err
		}
	}
	return nil
}

// resolved is a part whose document is known.
type resolved struct {
	of     *Receivable
	amount decimal.D
}

// resolve finds the documents of a payment's parts, and the payment's payer. A part cannot pay its document if the
// document is unknown, belongs to another payer or is in another currency. The part then becomes a credit, because
// received money is never refused here.
func (b *Book) resolve(ctx context.Context, tx *store.Tx, v *Value) (parts []resolved, payer uint32, err error) {
	if v == nil {
		return nil, 0, nil
	}
	if v.Payer != "" {
		var ok bool
		if payer, ok = b.Number(v.Payer); !ok {
			return nil, 0, nil
		}
	}
	for _, p := range v.parts() {
		of, err := Find(ctx, tx, p.Document, payer)
		if unclear := (*NoDocumentError)(nil); errors.As(err, &unclear) {
			continue
		}
		if err != nil {
			return nil, 0, err
		}
		if payer == 0 {
			payer = of.PayerNumber
		}
		if of.Currency == v.Currency && of.PayerNumber == payer {
			parts = append(parts, resolved{of, p.Amount})
		}
	}
	return parts, payer, nil
}

// replaceParts replaces the stored parts of a payment, and updates their documents.
func (b *Book) replaceParts(ctx context.Context, tx *store.Tx, id string, v *Value, parts []resolved) error {
	had, err := documentsOf(ctx, tx, id)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `DELETE FROM invoice_payment_parts WHERE payment = ?`, id); err != nil {
		return err
	}
	for _, p := range parts {
		if _, err := tx.Exec(ctx, `INSERT INTO invoice_payment_parts (payment, document, kind, amount, credited) VALUES (?, ?, ?, ?, ?)`, id,
			p.of.Document, v.kind(), p.amount.String(), v.Credited.String()); err != nil {
			return err
		}
		had[p.of.Document] = true
	}
	for document := range had {
		if err := sumUp(ctx, tx, document); err != nil {
			return err
		}
	}
	return nil
}

func documentsOf(ctx context.Context, tx *store.Tx, payment string) (map[string]bool, error) {
	rows, err := tx.Rows(ctx, `SELECT document FROM invoice_payment_parts WHERE payment = ?`, payment)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	all := map[string]bool{}
	for rows.Next() {
		var document string
		if err := rows.Scan(&document); err != nil {
			return nil, err
		}
		all[document] = true
	}
	return all, rows.Err()
}

// sumUp adds up the payments of a document.
func sumUp(ctx context.Context, tx *store.Tx, document string) error {
	r, err := Find(ctx, tx, document, 0)
	if err != nil {
		return err
	}
	if err := r.addParts(ctx, tx); err != nil {
		return err
	}
	return r.save(ctx, tx)
}

func (r *Receivable) addParts(ctx context.Context, tx *store.Tx) error {
	rows, err := tx.Rows(ctx, `SELECT kind, amount, credited FROM invoice_payment_parts WHERE document = ?`, r.Document)
	if err != nil {
		return err
	}
	defer rows.Close()
	r.Paid, r.WrittenOff, r.disputed, r.after = decimal.Zero, decimal.Zero, decimal.Zero, decimal.Zero
	for rows.Next() {
		var kind, text, before string
		if err := rows.Scan(&kind, &text, &before); err != nil {
			return err
		}
		amount, err := decimal.Parse(text)
		if err != nil {
			return &store.BrokenError{What: "a payment of document " + r.Number, Column: "amount of invoice_payment_parts", Err: err}
		}
		sum := &r.Paid
		switch kind {
		case writeOff:
			sum = &r.WrittenOff
		case dispute:
			sum = &r.disputed
			if r.after, err = decimal.Parse(before); err != nil {
				return &store.BrokenError{What: "a dispute of document " + r.Number, Column: "credited of invoice_payment_parts", Err: err}
			}
		}
		if *sum, err = sum.Add(amount); err != nil {
			return err
		}
	}
	return rows.Err()
}

// Follow applies the facts that became known since the last call, including facts from an import of the registry.
// wrong lists facts that are not valid payments; they are ignored. Such facts are older than the check that refuses
// them. If a stored row of a payment cannot be read, the payment waits until the row is repaired. The other
// payments are applied, and the error is a *store.BrokenError that identifies the row.
func (b *Book) Follow(ctx context.Context, db *store.DB, facts *registry.Statements) (wrong []error, err error) {
	var broken []error
	err = db.Change(ctx, "folding payments", func(tx *store.Tx) error {
		wrong, broken = nil, nil
		var at int64
		err := tx.Row(ctx, `SELECT revision FROM invoice_payment_facts WHERE id = 1`).Scan(&at)
		if errors.Is(err, sql.ErrNoRows) {
			_, err = tx.Exec(ctx, `INSERT INTO invoice_payment_facts (id, revision) VALUES (1, 0)`)
		}
		if err != nil {
			return err
		}
		to := facts.Revision()
		if registry.Revision(at) >= to {
			return nil
		}
		for id := range facts.Subjects(registry.KindPayment) {
			told := facts.Told(registry.KindPayment, id)
			fresh := false
			for i := range told {
				fresh = fresh || told[i].Known > registry.Revision(at)
			}
			if !fresh {
				continue
			}
			v, err := holds(id, told, to)
			if err != nil {
				wrong = append(wrong, err)
			}
			if err := b.applyAlone(ctx, tx, id, v, to); errors.As(err, new(*store.BrokenError)) {
				broken = append(broken, err)
			} else if err != nil {
				return err
			}
		}
		if len(broken) > 0 { // the next call tries these payments again; applying the others again changes nothing
			return nil
		}
		n, err := tx.Exec(ctx, `UPDATE invoice_payment_facts SET revision = ? WHERE id = 1 AND revision = ?`, int64(to), at)
		if err == nil && n == 0 {
			err = store.ErrConflict
		}
		return err
	})
	return wrong, errors.Join(append(broken, err)...)
}

// applyAlone undoes its own changes if it fails because a row cannot be read, so that the transaction can continue
// with other payments.
func (b *Book) applyAlone(ctx context.Context, tx *store.Tx, id string, v *Value, revision registry.Revision) error {
	if _, err := tx.Exec(ctx, `SAVEPOINT payment`); err != nil {
		return err
	}
	err := b.Apply(ctx, tx, id, v, revision)
	if errors.As(err, new(*store.BrokenError)) {
		if _, undo := tx.Exec(ctx, `ROLLBACK TO SAVEPOINT payment`); undo != nil {
			return undo
		}
	} else if err != nil {
		return err
	}
	if _, end := tx.Exec(ctx, `RELEASE SAVEPOINT payment`); end != nil {
		return end
	}
	return err
}

// holds returns the statement about a payment that is valid, which is the last one that began; nil if there is none.
// A payment happens once; it does not end.
func holds(id string, told []registry.KnownStatement, rev registry.Revision) (*Value, error) {
	held := registry.HeldStatements(told, rev)
	for i := len(held) - 1; i >= 0; i-- {
		if held[i].State == registry.Holds || held[i].State == registry.AfterEnd {
			v := &Value{}
			if err := json.Unmarshal(held[i].Value, v); err != nil {
				return nil, fmt.Errorf("payment %s is not what a payment states: %w", id, err)
			}
			return v, nil
		}
	}
	return nil, nil
}
