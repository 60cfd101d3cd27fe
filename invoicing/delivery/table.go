package delivery

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"ratemill/internal/store"
	"ratemill/invoicing/document"
	"ratemill/invoicing/payment"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrate brings the tables of this package, and of payments, up to date.
func Migrate(ctx context.Context, db *store.DB) error {
	if err := payment.Migrate(ctx, db); err != nil {
		return err
	}
	return db.MigrateFolder(ctx, migrations, "migrations", "invoice_delivery_version")
}

// Enqueue records the open amount of a final document, and a delivery for each channel in its terms, in the
// transaction that makes it final. Enqueuing the same document again adds nothing. It returns the channels. If there
// are none, an operator must send the document.
func Enqueue(ctx context.Context, tx *store.Tx, payer uint32, d *document.Document, now time.Time) (by []Channel, err error) {
	if d.Number == "" {
		return nil, fmt.Errorf("document %s has no number; only a final document is delivered", d.ID)
	}
	if err := payment.Open(ctx, tx, payer, d); err != nil {
		return nil, err
	}
	for _, w := range channels(&d.Terms, d.Payer.Endpoint) {
		if err := add(ctx, tx, payer, d, w, Decide{}, now); err != nil {
			return nil, err
		}
		by = append(by, w.channel)
	}
	return by, nil
}

func add(ctx context.Context, tx *store.Tx, payer uint32, d *document.Document, w wanted, by Decide, now time.Time) error {
	at := now.UnixNano()
	_, err := tx.Exec(ctx, `INSERT INTO invoice_deliveries (`+columns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1, ?, 0, 0, ?, 0, ?, ?, 1)
		ON CONFLICT (id) DO NOTHING`, d.ID+"/"+string(w.channel), d.ID, d.Number, int64(payer), d.Payer.Account, string(w.channel), w.recipient,
		string(Pending), by.Why, by.Who, at, at, at, at)
	return err
}

const columns = `id, document, number_text, payer_number, payer, channel, recipient, state, why, who, round, began, attempts, unclear,
	next_at, sent, made, changed, version`

func scan(rows *sql.Rows) (j Job, err error) {
	var payer, round, began, attempts, unclear, next, sent, made, changed, version store.Integer
	err = rows.Scan(&j.ID, &j.Document, &j.Number, &payer, &j.Payer, &j.Channel, &j.Recipient, &j.State, &j.Why, &j.Who, &round, &began,
		&attempts, &unclear, &next, &sent, &made, &changed, &version)
	if column, err := store.Integers("payer_number", &payer, "round", &round, "began", &began, "attempts", &attempts, "unclear", &unclear,
		"next_at", &next, "sent", &sent, "made", &made, "changed", &changed, "version", &version); err != nil {
		j.Broken = &store.BrokenError{What: "delivery " + j.ID, Column: column + " of invoice_deliveries", Err: err}
	}
	j.PayerNumber, j.Round, j.Attempts, j.Unclear, j.version = uint32(payer.N), int(round.N), int(attempts.N), int(unclear.N), version.N
	for _, at := range []struct {
		n    int64
		into *time.Time
	}{{began.N, &j.Began}, {next.N, &j.NextAt}, {sent.N, &j.Sent}, {made.N, &j.Made}, {changed.N, &j.Changed}} {
		if at.n != 0 {
			*at.into = time.Unix(0, at.n).UTC()
		}
	}
	return j, err
}

// Table holds the deliveries in the control store.
type Table struct{ DB *store.DB }

func (t Table) list(ctx context.Context, where string, args ...any) (all []Job, err error) {
	err = t.DB.Query(ctx, "reading deliveries", `SELECT `+columns+` FROM invoice_deliveries WHERE `+where, args, func(rows *sql.Rows) error {
		j, err := scan(rows)
		all = append(all, j)
		return err
	})
	return all, err
}

// Question selects deliveries; zero values select all.
type Question struct {
	Number string // number or id of the document
	Payer  *uint32
	State  State
}

// List lists deliveries: those that need an operator come first, then the newest.
func (t Table) List(ctx context.Context, q Question) ([]Job, error) {
	where, args := []string{"1 = 1"}, []any(nil)
	if q.Number != "" {
		where, args = append(where, "(number_text = ? OR document = ?)"), append(args, q.Number, q.Number)
	}
	if q.Payer != nil {
		where, args = append(where, "payer_number = ?"), append(args, int64(*q.Payer))
	}
	if q.State != "" {
		where, args = append(where, "state = ?"), append(args, string(q.State))
	}
	return t.list(ctx, strings.Join(where, " AND ")+
		" ORDER BY CASE state WHEN 'failed' THEN 0 WHEN 'confirmed' THEN 2 WHEN 'sent' THEN 2 ELSE 1 END, made DESC, number_text, channel",
		args...)
}

// Of lists a document's deliveries by the document's id.
func (t Table) Of(ctx context.Context, document string) ([]Job, error) {
	return t.list(ctx, "document = ? ORDER BY made DESC, channel", document)
}

// Get returns the delivery with an id.
func (t Table) Get(ctx context.Context, id string) (*Job, error) {
	all, err := t.list(ctx, "id = ?", id)
	if err == nil && len(all) == 0 {
		err = store.ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	return &all[0], nil
}

// Due returns the deliveries to try now, the longest waiting first. It leaves out deliveries to certain places. A
// delivery that is being sent becomes due when its lease ends, because the process that sent it must have died.
// If the end of a pause is further away than the longest pause, the pause is ignored: it was set by a clock that
// was ahead. Deliveries that cannot be read are returned too, see Job.Broken.
func (t Table) Due(ctx context.Context, now time.Time, most int, without []string) ([]Job, error) {
	where, args := "next_at > 0 AND (next_at <= ? OR state = ? AND next_at > ? OR state = ? AND next_at > ?)", []any{now.UnixNano(),
		string(Pending), now.Add(2 * mostPause).UnixNano(), string(Sending), int64(math.MaxInt64)} // a text is greater than every number
	for _, at := range without {
		channel, recipient, one := strings.Cut(at, " ")
		if one {
			where, args = where+" AND NOT (channel = ? AND recipient = ?)", append(args, channel, recipient)
		} else {
			where, args = where+" AND channel <> ?", append(args, channel)
		}
	}
	return t.list(ctx, where+" ORDER BY next_at, id LIMIT ?", append(args, most)...)
}

// save writes a delivery. It returns store.ErrConflict if the delivery changed after it was read.
func (t Table) save(ctx context.Context, j *Job, now time.Time) error {
	next := int64(0)
	if !j.NextAt.IsZero() {
		next = j.NextAt.UnixNano()
	}
	sent := int64(0)
	if !j.Sent.IsZero() {
		sent = j.Sent.UnixNano()
	}
	err := t.DB.Change(ctx, "noting a delivery", func(tx *store.Tx) error {
		n, err := tx.Exec(ctx, `UPDATE invoice_deliveries SET recipient = ?, state = ?, why = ?, who = ?, round = ?, began = ?, attempts = ?,
			unclear = ?, next_at = ?, sent = ?, changed = ?, version = version + 1 WHERE id = ? AND version = ?`, j.Recipient, string(j.State),
			j.Why, j.Who, j.Round, j.Began.UnixNano(), j.Attempts, j.Unclear, next, sent, now.UnixNano(), j.ID, j.version)
		if err == nil && n == 0 {
			err = store.ErrConflict
		}
		return err
	})
	if err == nil {
		j.Changed = now
		j.version++
	}
	return err
}

// setAside makes a delivery fail whose row cannot be read, so that an operator looks at it. It leaves the columns that
// it does not need as they are.
func (t Table) setAside(ctx context.Context, j *Job, now time.Time) error {
	j.State, j.Why, j.NextAt = Failed, j.Broken.Error(), time.Time{}
	return t.DB.Change(ctx, "noting a delivery", func(tx *store.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE invoice_deliveries SET state = ?, why = ?, next_at = 0, changed = ? WHERE id = ? AND next_at > 0`,
			string(j.State), j.Why, now.UnixNano(), j.ID)
		return err
	})
}

// lease is the longest duration of an attempt. When it is over, another process retries the delivery.
const lease = 5 * time.Minute

// begin marks a delivery as being sent; it returns false if another process was faster. An earlier
// interrupted attempt is counted as unclear.
func (t Table) begin(ctx context.Context, j *Job, now time.Time) (mine bool, err error) {
	if j.State == Sending && j.Channel == Email { // the other channels check whether the file is there
		j.Unclear++
	}
	j.State, j.NextAt = Sending, now.Add(lease)
	j.Attempts++
	if err = t.save(ctx, j, now); errors.Is(err, store.ErrConflict) {
		return false, nil
	}
	return err == nil, err
}

// Outcome is the outcome of an attempt.
type Outcome struct {
	State State  // Sent, Confirmed; Pending: try again; Failed: another attempt would not help
	Why   string // reason, for Pending and Failed
	// Unclear means that the attempt was interrupted after the receiver may already have got the document.
	Unclear bool
}

// end stores the outcome of an attempt.
func (t Table) end(ctx context.Context, j *Job, o Outcome, now time.Time) error {
	j.State, j.Why, j.NextAt = o.State, o.Why, time.Time{}
	if o.Unclear {
		j.Unclear++
	}
	switch o.State {
	case Sent, Confirmed:
		j.Sent = now
	case Pending:
		if now.Sub(j.Began) >= giveUp {
			j.State, j.Why = Failed, "it was tried for a day; the last attempt: "+o.Why
		} else {
			j.NextAt = now.Add(pause(j.Attempts))
		}
	}
	return t.save(ctx, j, now)
}

// RefusedError reports that the state of a delivery does not allow the requested step.
type RefusedError struct {
	Job  *Job
	Step string
	Why  string
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("delivery %s is %s, so nobody can %s it; %s", e.Job.ID, e.Job.State, e.Step, e.Why)
}

// Decide records an operator's decision about a delivery.
type Decide struct {
	Who, Why string
	To       []string // for a mail that is sent again: addresses that replace the earlier ones
	Dry      bool     // keep nothing
}

// Confirm records that the receiver has the document, because it was posted or the receiver
// confirmed it.
func (t Table) Confirm(ctx context.Context, id string, by Decide, now time.Time) (*Job, error) {
	return t.decide(ctx, id, by, now, func(j *Job) error {
		if j.State == Sending {
			return &RefusedError{j, "confirm", "wait until the attempt has ended"}
		}
		if j.Sent.IsZero() {
			j.Sent = now
		}
		j.State, j.NextAt = Confirmed, time.Time{}
		return nil
	})
}

// Fail records that a sent document did not arrive, or that a document must not be sent.
func (t Table) Fail(ctx context.Context, id string, by Decide, now time.Time) (*Job, error) {
	return t.decide(ctx, id, by, now, func(j *Job) error {
		if j.State == Sending {
			return &RefusedError{j, "fail", "wait until the attempt has ended"}
		}
		j.State, j.NextAt = Failed, time.Time{}
		return nil
	})
}

// Again orders a delivery to be sent again, in a new round.
func (t Table) Again(ctx context.Context, id string, by Decide, now time.Time) (*Job, error) {
	return t.decide(ctx, id, by, now, func(j *Job) error {
		switch {
		case j.State == Sending || j.State == Pending:
			return &RefusedError{j, "send", "it is sent anyway"}
		case len(by.To) > 0 && j.Channel != Email:
			return &RefusedError{j, "readdress",
				"only mail has addresses; the place of others is in the billing profile and the configuration"}
		case len(by.To) > 0:
			j.Recipient = strings.Join(by.To, " ")
		}
		j.State, j.Began, j.NextAt, j.Attempts, j.Unclear = Pending, now, now, 0, 0
		j.Round++
		return nil
	})
}

func (t Table) decide(ctx context.Context, id string, by Decide, now time.Time, do func(*Job) error) (*Job, error) {
	j, err := t.Get(ctx, id)
	if err == nil {
		err = j.Broken
	}
	if err != nil {
		return nil, err
	}
	if err := do(j); err != nil {
		return nil, err
	}
	j.Who, j.Why = by.Who, by.Why
	if by.Dry {
		return j, nil
	}
	return j, t.save(ctx, j, now)
}

// Add orders a delivery that the terms of a final document do not include.
func (t Table) Add(ctx context.Context, tx *store.Tx, payer uint32, d *document.Document, c Channel, by Decide, now time.Time) (*Job,
	error) {
	to := map[Channel]string{Email: strings.Join(by.To, " "), Hardcopy: "print", EInvoice: d.Payer.Endpoint}[c]
	if to == "" {
		return nil, fmt.Errorf("ratemill cannot tell where document %s would go by %s; name an address with --to, or state "+
			"it in the billing profile before the next document", d.Number, c)
	}
	if err := add(ctx, tx, payer, d, wanted{c, to}, by, now); err != nil {
		return nil, err
	}
	return &Job{ID: d.ID + "/" + string(c), Document: d.ID, Number: d.Number, PayerNumber: payer, Payer: d.Payer.Account, Channel: c,
		Recipient: to, State: Pending, Who: by.Who, Why: by.Why, Round: 1, Began: now, NextAt: now, Made: now, Changed: now}, nil
}

// Waits counts the deliveries that are not finished.
type Waits struct {
	Waiting int           // deliveries still to be tried
	Failed  int           // failed deliveries that need an operator
	Unclear int           // deliveries that the receiver may have received twice
	Oldest  time.Duration // age of the oldest unfinished round
}

// Waits returns the counts of unfinished deliveries at a time.
func (t Table) Waits(ctx context.Context, now time.Time) (w Waits, err error) {
	var began int64
	err = t.DB.Read().QueryRowContext(ctx, t.DB.SQL(`SELECT COUNT(CASE WHEN next_at > 0 THEN 1 END), COUNT(CASE WHEN state = 'failed' THEN 1 END),
		COUNT(CASE WHEN unclear > 0 THEN 1 END), COALESCE(MIN(CASE WHEN next_at > 0 AND began <= ? THEN began END), 0)
		FROM invoice_deliveries`), int64(math.MaxInt64)).Scan(&w.Waiting, &w.Failed, &w.Unclear, &began)
	if err != nil {
		return w, t.DB.Failed("counting deliveries", err)
	}
	if began != 0 {
		w.Oldest = max(0, now.Sub(time.Unix(0, began)))
	}
	return w, nil
}
