package control

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"

	"ratemill/udr"
)

// RetryState is where a retry batch is in its life.
type RetryState string

// The states of a retry batch.
const (
	RetryOpen    RetryState = "open"    // to be sent
	RetryDone    RetryState = "done"    // its file is closed
	RetryDropped RetryState = "dropped" // given up; its records may be retried by another
)

// Retry is suspended records on their way back, as a file of their own.
type Retry struct {
	Number  int64
	Source  string
	State   RetryState
	FileID  udr.FileID // of the batch, zero until it is made
	Records int64
	Created time.Time
	Closed  time.Time
	Who     string
}

// AlreadyRetriedError names a record that is in another retry batch.
type AlreadyRetriedError struct {
	Record udr.ID
	Retry  int64
}

func (e *AlreadyRetriedError) Error() string {
	return fmt.Sprintf("record %s is in retry %d already; a record comes back once, and what fails again is suspended under the id that it has there", e.Record, e.Retry)
}

// CreateRetry records which suspended records of a source are to come back. A record that is in a batch which was not
// dropped is refused with *AlreadyRetriedError, and nothing is recorded.
//
// A crash after it: the batch is open and whoever carries out retries finds it.
func (s *Store) CreateRetry(ctx context.Context, source, who string, origins []udr.ID, now time.Time) (number int64, err error) {
	var taken *AlreadyRetriedError
	err = s.change(ctx, "recording a retry", func(t tx) error {
		// The counter's row makes those who create retries wait for each other, so that none misses the other's records.
		if number, err = t.count(ctx, "retries", 1); err != nil {
			return err
		}
		for part := range slices.Chunk(origins, 400) {
			var args []any
			for _, id := range part {
				args = append(args, id.File[:], int64(id.Seq), number)
			}
			if _, err := t.exec(ctx, `INSERT INTO retry_records (file_id, seq, retry) VALUES `+repeated(`(?, ?, ?)`, len(part)), args...); err != nil {
				return err
			}
		}
		if taken, err = t.alreadyRetried(ctx, number); err != nil {
			return err
		}
		if taken != nil {
			return ErrConflict
		}
		_, err := t.exec(ctx, `INSERT INTO retries (number, source, state, records, created, closed, who) VALUES (?, ?, 'open', ?, ?, 0, ?)`,
			number, source, len(origins), nanos(now), who)
		return err
	})
	if taken != nil {
		return 0, taken
	}
	return number, err
}

func (t tx) alreadyRetried(ctx context.Context, number int64) (*AlreadyRetriedError, error) {
	var file []byte
	var seq, retry int64
	err := t.row(ctx, `SELECT other.file_id, other.seq, other.retry FROM retry_records mine
		JOIN retry_records other ON other.file_id = mine.file_id AND other.seq = mine.seq AND other.retry <> mine.retry
		JOIN retries batch ON batch.number = other.retry
		WHERE mine.retry = ? AND batch.state <> 'dropped' ORDER BY other.file_id, other.seq LIMIT 1`, number).Scan(&file, &seq, &retry)
	if err == sql.ErrNoRows {
		return nil, nil
	}
	taken := &AlreadyRetriedError{Record: udr.ID{Seq: uint64(seq)}, Retry: retry}
	copy(taken.Record.File[:], file)
	return taken, err
}

// SetRetry moves a retry batch from one state to another, with the id of its file. ErrConflict says that it is in
// another state.
func (s *Store) SetRetry(ctx context.Context, number int64, from, to RetryState, file udr.FileID, now time.Time) error {
	closed := int64(0)
	if to != RetryOpen {
		closed = nanos(now)
	}
	return s.change(ctx, "recording the state of a retry", func(t tx) error {
		return orConflict(t.exec(ctx, `UPDATE retries SET state = ?, file_id = ?, closed = ? WHERE number = ? AND state = ?`,
			string(to), file[:], closed, number, string(from)))
	})
}

// Retries is the retry batches in a state, or all when it is empty, in the order in which they were made.
func (s *Store) Retries(ctx context.Context, state RetryState) (all []Retry, err error) {
	err = s.query(ctx, "reading the retries", `SELECT number, source, state, file_id, records, created, closed, who FROM retries WHERE state = ? OR ? = '' ORDER BY number`,
		[]any{string(state), string(state)}, func(rows *sql.Rows) error {
			var r Retry
			var id []byte
			var created, closed int64
			err := rows.Scan(&r.Number, &r.Source, &r.State, &id, &r.Records, &created, &closed, &r.Who)
			copy(r.FileID[:], id)
			r.Created, r.Closed = instant(created), instant(closed)
			all = append(all, r)
			return err
		})
	return all, err
}

// RetryRecords is the origins of a batch's records, in the order of file and sequence.
func (s *Store) RetryRecords(ctx context.Context, number int64) (origins []udr.ID, err error) {
	err = s.query(ctx, "reading the records of a retry", `SELECT file_id, seq FROM retry_records WHERE retry = ? ORDER BY file_id, seq`, []any{number},
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
