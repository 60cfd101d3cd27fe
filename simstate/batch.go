package simstate

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"time"

	"ratemill/internal/store"
)

// Batch is a file of changes of SIMs, with its progress.
type Batch struct {
	ID     string
	Digest string // of the file
	Lines  int
	Done   int // number of processed lines
	Who    string
	Begun  time.Time
}

// Result is the result of a line of a batch.
type Result string

// The results.
const (
	LineDone    Result = "done"
	LineNothing Result = "nothing to do"
	LineRefused Result = "refused"
)

// BatchLine is a line with its result.
type BatchLine struct {
	Line   int // counted from 1, without the header
	Result Result
	Why    string
}

// ErrBatchElsewhere reports that another process is working on a batch.
var ErrBatchElsewhere = errors.New("another process works on this batch")

// BeginBatch begins a batch, or returns the progress of the existing batch with this id.
func (t Table) BeginBatch(ctx context.Context, db *store.DB, b Batch) (Batch, error) {
	err := db.Change(ctx, "beginning a batch", func(tx *store.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO simstate_batches (id, digest, lines, done, who, begun, changed) VALUES (?, ?, ?, 0, ?, ?, ?)
			ON CONFLICT (id) DO NOTHING`, b.ID, b.Digest, b.Lines, b.Who, nanos(b.Begun), nanos(b.Begun))
		return err
	})
	if err != nil {
		return b, err
	}
	b, _, err = t.BatchOf(ctx, db, b.ID)
	return b, err
}

// BatchOf returns the batch with an id.
func (Table) BatchOf(ctx context.Context, db *store.DB, id string) (b Batch, ok bool, err error) {
	err = db.Query(ctx, "reading a batch", `SELECT id, digest, lines, done, who, begun FROM simstate_batches WHERE id = ?`, []any{id},
		func(rows *sql.Rows) error {
			var begun int64
			ok = true
			err := rows.Scan(&b.ID, &b.Digest, &b.Lines, &b.Done, &b.Who, &begun)
			b.Begun = time.Unix(0, begun).UTC()
			return err
		})
	return b, ok, err
}

// SaveBatch moves the position of a batch from one line to another, in the transaction that makes the changes of the
// lines between. A line without a message has no row.
func (Table) SaveBatch(ctx context.Context, tx *store.Tx, id string, from, to int, lines []BatchLine, now time.Time) error {
	n, err := tx.Exec(ctx, `UPDATE simstate_batches SET done = ?, changed = ? WHERE id = ? AND done = ?`, to, nanos(now), id, from)
	if err != nil {
		return err
	}
	if n == 0 {
		return ErrBatchElsewhere
	}
	lines = slices.DeleteFunc(slices.Clone(lines), func(l BatchLine) bool { return l.Result == LineDone && l.Why == "" })
	for some := range slices.Chunk(lines, rowsAtOnce) {
		var args []any
		for i := range some {
			args = append(args, id, some[i].Line, string(some[i].Result), some[i].Why)
		}
		if _, err := tx.Exec(ctx, `INSERT INTO simstate_batch_lines (batch, line, result, why) VALUES `+values(4, len(some)),
			args...); err != nil {
			return err
		}
	}
	return nil
}

// BatchLines returns the lines of a batch that have a row, by their numbers.
func (Table) BatchLines(ctx context.Context, db *store.DB, id string) (map[int]BatchLine, error) {
	all := map[int]BatchLine{}
	err := db.Query(ctx, "reading the results of a batch", `SELECT line, result, why FROM simstate_batch_lines WHERE batch = ?`, []any{id},
		func(rows *sql.Rows) error {
			var l BatchLine
			err := rows.Scan(&l.Line, &l.Result, &l.Why)
			all[l.Line] = l
			return err
		})
	return all, err
}
