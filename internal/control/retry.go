package control

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"

	"ratemill/internal/safeguard"
	"ratemill/registry"
	"ratemill/udr"
)

// RetryState is the state of a retry batch.
type RetryState string

// The states of a retry batch, and of a drop, which claims its records in the same way.
const (
	RetryOpen      RetryState = "open"      // to be sent
	RetryDone      RetryState = "done"      // the file of the retry is closed
	RetryDropped   RetryState = "dropped"   // given up before any record was sent; the records may be in another retry
	RetryDropping  RetryState = "dropping"  // the records leave suspense permanently; the warehouse has not recorded this yet
	RetryDiscarded RetryState = "discarded" // they have left
)

// Retry is a batch of suspended records. They are processed again as a separate file or, in the
// states dropping and discarded, leave suspense permanently.
type Retry struct {
	Number  int64
	Source  string // empty for a drop
	State   RetryState
	FileID  udr.FileID // file id of the batch, zero until it is done
	Records int64
	Created time.Time
	Closed  time.Time
	Who     string
	Why     string // reason for a drop, or for a retry whose records are rated even if copies were rated
}

// RetryPath is the path of a retry batch in the ledger of files, and the name of its file in the warehouse.
func RetryPath(number int64) string { return fmt.Sprintf("retry/%d", number) }

// AlreadyRetriedError identifies a record that is in another retry batch, or was dropped.
type AlreadyRetriedError struct {
	Record udr.ID
	Retry  int64
	State  RetryState
}

func (e *AlreadyRetriedError) Error() string {
	if e.State == RetryDropping || e.State == RetryDiscarded {
		return fmt.Sprintf("record %s was dropped for good; `ratemill suspense retries` shows by whom and why", e.Record)
	}
	return fmt.Sprintf("record %s is already in retry %d. A record is retried once; if it fails again, it is suspended under its new id, "+
		"which you can retry", e.Record, e.Retry)
}

// CreateRetry records which suspended records of a source are retried, and adds their batch to the ledger of files,
// where it waits like a file of the source. If a record is in a batch that was not dropped, CreateRetry fails with
// *AlreadyRetriedError, and records nothing.
//
// A crash after it: the batch waits in the ledger, and a mediator takes it.
func (s *Store) CreateRetry(ctx context.Context, source, who string, origins []udr.ID, now time.Time) (number int64, err error) {
	return s.OrderRetry(ctx, source, who, "", origins, now)
}

// OrderRetry does the same as CreateRetry, with a reason to rate the records even if copies were rated before.
// Without a reason it equals CreateRetry.
func (s *Store) OrderRetry(ctx context.Context, source, who, why string, origins []udr.ID, now time.Time) (number int64, err error) {
	return s.claim(ctx, "recording a retry", source, RetryOpen, origins, AuditEntry{At: now, Who: who, What: "suspense.retry", Subject: source,
		Detail: why}, func(t tx, number int64) error {
		added, err := t.insertFiles(ctx, source, []Sighting{{Path: RetryPath(number), MTime: now}}, now)
		if err != nil {
			return err
		}
		if added == 0 {
			return fmt.Errorf("source %s has a file with the path, size and time of retry %d", source, number)
		}
		_, err = t.exec(ctx, `UPDATE files SET retry = ? WHERE source = ? AND path = ? AND size = 0 AND mtime = ?`, number, source,
			RetryPath(number), nanos(now))
		return err
	})
}

// CreateDrop records that suspended records leave suspense permanently, and the reason. If a record is in a live
// batch, or was dropped, CreateDrop fails with *AlreadyRetriedError, and records nothing.
//
// A crash after it: the drop is in the state dropping, and the next drop writes it to the warehouse first.
func (s *Store) CreateDrop(ctx context.Context, who, why string, origins []udr.ID, now time.Time) (number int64, err error) {
	return s.claim(ctx, "recording a drop", "", RetryDropping, origins, AuditEntry{At: now, Who: who, What: "suspense.drop", Detail: why},
		func(tx, int64) error { return nil })
}

// claim creates a batch of records that are in no other live batch.
func (s *Store) claim(ctx context.Context, what, source string, state RetryState, origins []udr.ID, audit AuditEntry,
	with func(tx, int64) error) (number int64, err error) {
	var taken *AlreadyRetriedError
	err = s.change(ctx, what, func(t tx) error {
		// Locking the counter's row serializes the creation of retries, so that each sees the records of the others.
		if number, err = t.count(ctx, "retries", 1); err != nil {
			return err
		}
		for part := range slices.Chunk(origins, 400) {
			var args []any
			for _, id := range part {
				args = append(args, id.File[:], int64(id.Seq), number)
			}
			if _, err := t.exec(ctx, `INSERT INTO retry_records (file_id, seq, retry) VALUES `+repeated(`(?, ?, ?)`, len(part)),
				args...); err != nil {
				return err
			}
		}
		if taken, err = t.alreadyRetried(ctx, number); err != nil {
			return err
		}
		if taken != nil {
			return ErrConflict
		}
		if _, err := t.exec(ctx,
			`INSERT INTO retries (number, source, state, records, created, closed, who, why) VALUES (?, ?, ?, ?, ?, 0, ?, ?)`,
			number, source, string(state), len(origins), nanos(audit.At), audit.Who, audit.Detail); err != nil {
			return err
		}
		if audit.Subject == "" {
			audit.Subject = fmt.Sprint(number)
		} else {
			audit.Subject += fmt.Sprintf(" retry %d", number)
		}
		if err := t.audit(ctx, audit); err != nil {
			return err
		}
		return with(t, number)
	})
	if taken != nil {
		return 0, taken
	}
	return number, err
}

// RetryOrder returns the reason to rate a retry's records even if copies were rated, empty if there is no
// such order.
func (s *Store) RetryOrder(ctx context.Context, number int64) (why string, err error) {
	err = s.query(ctx, "reading a retry", `SELECT why FROM retries WHERE number = ?`, []any{number}, func(rows *sql.Rows) error {
		return rows.Scan(&why)
	})
	return why, err
}

// CancelRetry cancels an open retry from which nothing was sent, so that its records may be retried again. It returns
// ErrConflict if a mediator is sending the retry, or the retry is not open.
func (s *Store) CancelRetry(ctx context.Context, number int64, who string, now time.Time) error {
	return s.change(ctx, "giving up a retry", func(t tx) error {
		if err := t.cancelRetry(ctx, number, "the retry was given up", now); err != nil {
			return err
		}
		return t.audit(ctx, AuditEntry{At: now, Who: who, What: "suspense.cancel", Subject: fmt.Sprintf("retry %d", number)})
	})
}

func (t tx) cancelRetry(ctx context.Context, number int64, why string, now time.Time) error {
	if err := orConflict(t.exec(ctx, `UPDATE files SET state = 'vanished', still_open = 0, closed_at = ?, why = ?
		WHERE retry = ? AND retry > 0 AND pinned = 0 AND `+unleased+` AND state <> 'vanished'`, nanos(now), why, number, nanos(now), nanos(now))); err != nil {
		return err
	}
	return orConflict(t.exec(ctx, `UPDATE retries SET state = 'dropped', closed = ? WHERE number = ? AND state = 'open'`, nanos(now), number))
}

// Claimed returns, for each of the records, its live batch or its drop. It omits records that are in neither.
func (s *Store) Claimed(ctx context.Context, records []udr.ID) (map[udr.ID]Retry, error) {
	asked := map[udr.ID]bool{}
	var files []any
	for _, id := range records {
		asked[id] = true
		if n := len(files); n == 0 || !bytes.Equal(files[n-1].([]byte), id.File[:]) {
			files = append(files, id.File[:])
		}
	}
	claimed := map[udr.ID]Retry{}
	for part := range slices.Chunk(files, 400) {
		err := s.query(ctx, "looking for records in retries", `SELECT r.file_id, r.seq, b.number, b.state FROM retry_records r JOIN retries b ON b.number = r.retry
			WHERE b.state <> 'dropped' AND r.file_id IN (`+marks(len(part))+`)`, part, func(rows *sql.Rows) error {
			var file []byte
			var seq int64
			var b Retry
			err := rows.Scan(&file, &seq, &b.Number, &b.State)
			id := udr.ID{Seq: uint64(seq)}
			copy(id.File[:], file)
			if asked[id] {
				claimed[id] = b
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return claimed, nil
}

func (t tx) alreadyRetried(ctx context.Context, number int64) (*AlreadyRetriedError, error) {
	var file []byte
	var seq, retry int64
	var state RetryState
	err := t.row(ctx, `SELECT other.file_id, other.seq, other.retry, batch.state FROM retry_records mine
		JOIN retry_records other ON other.file_id = mine.file_id AND other.seq = mine.seq AND other.retry <> mine.retry
		JOIN retries batch ON batch.number = other.retry
		WHERE mine.retry = ? AND batch.state <> 'dropped' ORDER BY other.file_id, other.seq LIMIT 1`, number).Scan(&file, &seq, &retry, &state)
	if err == sql.ErrNoRows {
		return nil, nil
	}
	taken := &AlreadyRetriedError{Record: udr.ID{Seq: uint64(seq)}, Retry: retry, State: state}
	copy(taken.Record.File[:], file)
	return taken, err
}

// FinishDrop records that the warehouse has recorded a drop. It returns ErrConflict if this was recorded before.
func (s *Store) FinishDrop(ctx context.Context, number int64, now time.Time) error {
	return s.change(ctx, "closing a drop", func(t tx) error {
		return orConflict(t.exec(ctx, `UPDATE retries SET state = 'discarded', closed = ? WHERE number = ? AND state = 'dropping'`, nanos(now),
			number))
	})
}

// Retries returns the retry batches in a state, or all batches if state is empty, in order of creation.
func (s *Store) Retries(ctx context.Context, state RetryState) (all []Retry, err error) {
	err = s.query(ctx, "reading the retries",
		`SELECT number, source, state, file_id, records, created, closed, who, why FROM retries WHERE state = ? OR ? = '' ORDER BY number`,
		[]any{string(state), string(state)}, func(rows *sql.Rows) error {
			var r Retry
			var id []byte
			var created, closed int64
			err := rows.Scan(&r.Number, &r.Source, &r.State, &id, &r.Records, &created, &closed, &r.Who, &r.Why)
			copy(r.FileID[:], id)
			r.Created, r.Closed = instant(created), instant(closed)
			all = append(all, r)
			return err
		})
	return all, err
}

// RetryRecords returns the origins of a batch's records, ordered by file and sequence.
func (s *Store) RetryRecords(ctx context.Context, number int64) (origins []udr.ID, err error) {
	err = s.query(ctx, "reading the records of a retry", `SELECT file_id, seq FROM retry_records WHERE retry = ? ORDER BY file_id, seq`,
		[]any{number},
		func(rows *sql.Rows) error {
			var file []byte
			var seq int64
			err := rows.Scan(&file, &seq)
			id := udr.ID{Seq: uint64(seq)}
			copy(id.File[:], file)
			origins = append(origins, id)
			return err
		})
	return origins, err
}

// Unfinished considers the files of a source that were begun and may still send records. It returns the file that is
// pinned to the oldest revision of the registry before the given revision. The file with the given number is
// ignored.
func (s *Store) Unfinished(ctx context.Context, source string, number int64, before registry.Revision) (file File, found bool, err error) {
	files, err := s.files(ctx, `WHERE source = ? AND pinned = 1 AND state NOT IN ('done', 'duplicate') AND registry < ? AND number <> ?
		AND `+hasEnded+` = 0 ORDER BY registry, number LIMIT 1`, source, int64(before), number)
	if err != nil || len(files) == 0 {
		return File{}, false, err
	}
	return files[0], true, nil
}

// pinNewest refuses to pin a file to an older revision of the registry than the revision of a retry of its source:
// the retry did not wait for the file, which had not been begun.
func (t tx) pinNewest(ctx context.Context, lease Lease, revision registry.Revision) error {
	var newest int64
	err := t.row(ctx, `SELECT COALESCE(MAX(r.registry), 0) FROM files f JOIN files r ON r.source = f.source
		WHERE f.number = ? AND f.pinned = 0 AND r.retry > 0 AND r.pinned = 1`, lease.File).Scan(&newest)
	if err == nil && newest > int64(revision) && safeguard.On(safeguard.NewestPinned) {
		return ErrConflict
	}
	return err
}
