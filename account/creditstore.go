package account

import (
	"context"
	"database/sql"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"ratemill/decimal"
	"ratemill/internal/consumer"
	"ratemill/internal/store"
	"ratemill/udr"
)

const creditColumns = `payer_number, currency, charged, billed, documents, passed, version`

func scanCredit(rows *sql.Rows) (r CreditRow, err error) {
	var charged, billed, documents, passed string
	if err := rows.Scan(&r.Payer, &r.Currency, &charged, &billed, &documents, &passed, &r.Version); err != nil {
		return r, err
	}
	if r.Kept = charged != ""; !r.Kept {
		charged = "0"
	}
	for _, f := range []struct {
		text string
		into *decimal.D
	}{{charged, &r.Charged}, {billed, &r.Billed}, {documents, &r.Documents}} {
		if *f.into, err = decimal.Parse(f.text); err != nil {
			return r, fmt.Errorf("the exposure of account %d: %w", r.Payer, err)
		}
	}
	r.Passed, err = parsePassed(passed)
	return r, err
}

// LoadCredit implements Credits.
func (Table) LoadCredit(ctx context.Context, tx *store.Tx, rows []CreditRow) error {
	for some := range slices.Chunk(rows, loadAtOnce) {
		var args []any
		for _, r := range some {
			args = append(args, r.Payer)
		}
		found, err := tx.Rows(ctx, `SELECT `+creditColumns+` FROM account_exposures WHERE payer_number IN (?`+
			strings.Repeat(`, ?`, len(some)-1)+`)`, args...)
		if err != nil {
			return err
		}
		err = each(found, func() error {
			stored, err := scanCredit(found)
			at, there := slices.BinarySearchFunc(rows, stored.Payer, func(r CreditRow, payer uint32) int {
				return r.compare(payer, stored.Currency)
			})
			if there {
				rows[at] = stored
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// each calls do for each row of a result.
func each(rows *sql.Rows, do func() error) error {
	defer rows.Close()
	for rows.Next() {
		if err := do(); err != nil {
			return err
		}
	}
	return rows.Err()
}

// Charged implements Credits.
func (Table) Charged(ctx context.Context, tx *store.Tx, accounts []uint32, each func(Row)) error {
	for some := range slices.Chunk(accounts, loadAtOnce) {
		var args []any
		for _, account := range some {
			args = append(args, account)
		}
		found, err := tx.Rows(ctx, `SELECT account_number, cycle, tier, currency, class, unit, records, quantity, amount, version FROM account_balances
			WHERE account_number IN (?`+strings.Repeat(`, ?`, len(some)-1)+`)`, args...)
		if err != nil {
			return err
		}
		if err := scan(found, func(r *Row) { each(*r) }); err != nil {
			return err
		}
	}
	return nil
}

// SaveCredit implements Credits.
func (Table) SaveCredit(ctx context.Context, tx *store.Tx, rows []CreditRow) error {
	for some := range slices.Chunk(rows, saveAtOnce) {
		var args []any
		for i := range some {
			r := &some[i]
			charged := ""
			if r.Kept {
				charged = r.Charged.String()
			}
			args = append(args, r.Payer, r.Currency, charged, r.Billed.String(), r.Documents.String(), passedText(r.Passed), r.Version)
		}
		changed, err := tx.Exec(ctx, `INSERT INTO account_exposures (`+creditColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?)`+
			strings.Repeat(`, (?, ?, ?, ?, ?, ?, ?)`, len(some)-1)+`
			ON CONFLICT (payer_number, currency) DO UPDATE SET charged = excluded.charged, billed = excluded.billed, documents = excluded.documents,
			passed = excluded.passed, version = excluded.version WHERE account_exposures.version = excluded.version - 1`, args...)
		if err != nil {
			return err
		}
		if changed != int64(len(some)) {
			return consumer.ErrConflict
		}
	}
	return nil
}

// noPartition is the partition of alerts that no record of the rated log caused.
const noPartition = -1

// Alert implements Credits. A rebuild of balances does not add an alert a second time.
func (Table) Alert(ctx context.Context, tx *store.Tx, partition int, alerts []Alert) error {
	for i := range alerts {
		a := &alerts[i]
		_, err := tx.Exec(ctx, `INSERT INTO account_alerts (payer_number, currency, percent, event, actions, exposure, credit_limit, file, seq, tier, used_at,
			partition_number, rated_offset) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`, a.Payer, a.Currency,
			int64(a.Threshold.At), a.Event(), strings.Join(a.Threshold.Do, " "), a.Exposure.String(), a.Limit.String(), a.File.String(),
			int64(a.Seq), int64(a.Tier), int64(a.At), partition, a.Offset)
		if err != nil {
			return err
		}
	}
	return nil
}

// Settle applies a document or payment to the credit of a payer. billed is the net amount that a document moves out
// of the unbilled amount. documents is the gross amount that a document opens or, if negative, that a payment or a
// credit note closes. Call it in the transaction of the document. statuses may be nil.
func (t Table) Settle(ctx context.Context, tx *store.Tx, payers Payers, statuses Suspensions[*store.Tx], payer uint32, currency string,
	billed, documents decimal.D) error {
	rows := []CreditRow{{Payer: payer, Currency: currency}}
	if err := t.LoadCredit(ctx, tx, rows); err != nil {
		return err
	}
	r := &rows[0]
	limit := payers.Limit(payer)
	x := &exposures[*store.Tx]{credits: t, payers: payers, statuses: statuses}
	if limit != nil && !r.Kept {
		if err := x.begin(ctx, tx, r); err != nil {
			return err
		}
	}
	rebuilding, err := t.Rebuilding(ctx, tx)
	if err != nil {
		return err
	}
	if r.Billed, err = r.Billed.Add(billed); err != nil {
		return fmt.Errorf("what account %d owes: %w", payer, err)
	}
	if r.Documents, err = r.Documents.Add(documents); err != nil {
		return fmt.Errorf("what account %d owes: %w", payer, err)
	}
	r.Version++
	if rebuilding {
		return t.SaveCredit(ctx, tx, rows)
	}
	alerts, err := judge(r, limit, Alert{Seq: uint64(r.Version)}, nil)
	if err != nil {
		return err
	}
	return x.save(ctx, tx, noPartition, rows, []*Limit{limit}, alerts)
}

// Rebuilding implements Credits.
func (Table) Rebuilding(ctx context.Context, tx *store.Tx) (behind bool, err error) {
	err = tx.Row(ctx, `SELECT COUNT(*) > 0 FROM account_rebuilds r WHERE r.until > COALESCE((SELECT p.next FROM sink_positions p
		WHERE p.sink = r.sink AND p.partition_number = r.partition_number), 0)`).Scan(&behind)
	return behind, err
}

// Judge compares the credit of payers with their limits again, after a limit or a policy changed or came into force.
// It updates only payers whose result changes. It skips a payer whose exposure is not kept yet, because the payer's
// next charge counts all earlier ones.
func (t Table) Judge(ctx context.Context, db *store.DB, payers Payers, statuses Suspensions[*store.Tx]) error {
	all, err := CreditOf(ctx, db, nil)
	if err != nil {
		return err
	}
	for i := range all {
		r := &all[i]
		limit := payers.Limit(r.Payer)
		if !r.Kept || limit != nil && limit.Currency != r.Currency {
			continue
		}
		before := slices.Clone(r.Passed)
		alerts, err := judge(r, limit, Alert{}, nil)
		if err != nil {
			return err
		}
		if _, follows := r.decide(limit, alerts, statuses.Suspended); !follows && slices.Equal(before, r.Passed) {
			continue
		}
		err = db.Change(ctx, "comparing debts with credit limits", func(tx *store.Tx) error {
			return t.Settle(ctx, tx, payers, statuses, r.Payer, r.Currency, decimal.D{}, decimal.D{})
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// CreditOf returns the stored credit of payers, by payer and currency; nil means all payers.
func CreditOf(ctx context.Context, db *store.DB, payer *uint32) (all []CreditRow, err error) {
	where, args := "", []any(nil)
	if payer != nil {
		where, args = ` WHERE payer_number = ?`, []any{*payer}
	}
	err = db.Query(ctx, "reading exposures", `SELECT `+creditColumns+` FROM account_exposures`+where+` ORDER BY payer_number, currency`, args,
		func(rows *sql.Rows) error {
			r, err := scanCredit(rows)
			all = append(all, r)
			return err
		})
	return all, err
}

// Alerts returns the newest alerts of one payer or of all payers, newest usage first.
func Alerts(ctx context.Context, db *store.DB, payer *uint32, limit int) (all []Alert, err error) {
	where, args := "", []any(nil)
	if payer != nil {
		where, args = ` WHERE payer_number = ?`, []any{*payer}
	}
	err = db.Query(ctx, "reading alerts", `SELECT payer_number, currency, percent, actions, exposure, credit_limit, file, seq, tier, used_at, rated_offset
		FROM account_alerts`+where+` ORDER BY used_at DESC, rated_offset DESC, percent DESC LIMIT ?`, append(args, limit), func(rows *sql.Rows) error {
		var a Alert
		var percent, seq, tier int64
		var actions, exposure, of, file string
		err := rows.Scan(&a.Payer, &a.Currency, &percent, &actions, &exposure, &of, &file, &seq, &tier, (*int64)(&a.At), &a.Offset)
		if err != nil {
			return err
		}
		a.Threshold, a.Seq, a.Tier = CreditThreshold{Percent(percent), strings.Fields(actions)}, uint64(seq), uint8(tier)
		if a.Exposure, err = decimal.Parse(exposure); err != nil {
			return err
		}
		if a.Limit, err = decimal.Parse(of); err != nil {
			return err
		}
		a.File, err = parseFile(file)
		all = append(all, a)
		return err
	})
	return all, err
}

func parseFile(text string) (id udr.FileID, err error) {
	b, err := hex.DecodeString(text)
	if err != nil || len(b) != len(id) {
		return id, fmt.Errorf("%q is not the id of a file", text)
	}
	copy(id[:], b)
	return id, nil
}
