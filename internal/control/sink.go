package control

import (
	"context"
	"database/sql"

	"ratemill/internal/store"
)

// SinkPosition is the position of a sink in a partition.
type SinkPosition struct {
	Version int64   // increases with each change; 0 before the first
	Next    int64   // the first offset that the sink does not have
	Fold    []byte  // state of the fold at Next
	Intent  *Intent // the block being written, nil for none
}

// Intent is a block of offsets about to be written to a sink, both ends included.
type Intent struct{ From, To int64 }

// SinkGet is the position of a sink in a partition; the zero position before its first.
func (s *Store) SinkGet(ctx context.Context, sink string, partition int) (SinkPosition, error) {
	var p SinkPosition
	err := s.query(ctx, "reading the position of sink "+sink, `SELECT version, next, fold, intending, intent_from, intent_to FROM sink_positions WHERE sink = ? AND partition_number = ?`,
		[]any{sink, partition}, func(rows *sql.Rows) error {
			var intending int64
			var intent Intent
			err := rows.Scan(&p.Version, &p.Next, &p.Fold, &intending, &intent.From, &intent.To)
			if intending == 1 {
				p.Intent = &intent
			}
			return err
		})
	return p, err
}

// SinkIntent records the range of a block before the block is written. version is that of the preceding position; the
// new version is returned. It returns ErrConflict if another owner was faster, or if there is already an intent,
// which must be completed first.
//
// A crash after it: the next owner finds the intent and writes the same block; a sink that has the block drops it.
func (s *Store) SinkIntent(ctx context.Context, sink string, partition int, version int64, intent Intent) (int64, error) {
	return version + 1, s.change(ctx, "recording the intent of sink "+sink, func(t tx) error {
		var n int64
		var err error
		if version == 0 {
			n, err = t.exec(ctx, `INSERT INTO sink_positions (sink, partition_number, version, next, fold, intending, intent_from, intent_to)
				VALUES (?, ?, 1, 0, NULL, 1, ?, ?) ON CONFLICT (sink, partition_number) DO NOTHING`, sink, partition, intent.From, intent.To)
		} else {
			n, err = t.exec(ctx, `UPDATE sink_positions SET version = version + 1, intending = 1, intent_from = ?, intent_to = ?
				WHERE sink = ? AND partition_number = ? AND version = ? AND intending = 0`, intent.From, intent.To, sink, partition, version)
		}
		return orConflict(n, err)
	})
}

// SinkTakeOver makes the intent found at a version the caller's: it only changes the version, so that a commit by the
// sink that recorded the intent fails. It returns ErrConflict if another owner was faster, or if there is no intent.
//
// A crash after it: the next owner takes the intent over in turn.
func (s *Store) SinkTakeOver(ctx context.Context, sink string, partition int, version int64) (int64, error) {
	return version + 1, s.change(ctx, "taking over the intent of sink "+sink, func(t tx) error {
		n, err := t.exec(ctx, `UPDATE sink_positions SET version = version + 1 WHERE sink = ? AND partition_number = ? AND version = ? AND intending = 1`,
			sink, partition, version)
		return orConflict(n, err)
	})
}

// SinkCommit records that the sink has a block: the next offset, the state of the fold there, and no intent.
//
// A crash before it: the next owner completes the intent again. After it: the next block follows.
func (s *Store) SinkCommit(ctx context.Context, sink string, partition int, version, next int64, fold []byte) (int64, error) {
	return version + 1, s.change(ctx, "recording the position of sink "+sink, func(t tx) error {
		var n int64
		var err error
		if version == 0 {
			n, err = t.exec(ctx, `INSERT INTO sink_positions (sink, partition_number, version, next, fold, intending, intent_from, intent_to)
				VALUES (?, ?, 1, ?, ?, 0, 0, 0) ON CONFLICT (sink, partition_number) DO NOTHING`, sink, partition, next, fold)
		} else {
			n, err = t.exec(ctx, `UPDATE sink_positions SET version = version + 1, next = ?, fold = ?, intending = 0, intent_from = 0, intent_to = 0
				WHERE sink = ? AND partition_number = ? AND version = ?`, next, fold, sink, partition, version)
		}
		return orConflict(n, err)
	})
}

// InTransaction is for consumers whose effect is in this store. The changes of do take effect as a whole or not at
// all.
func (s *Store) InTransaction(ctx context.Context, what string, do func(*store.Tx) error) error {
	return s.Change(ctx, what, do)
}

// SinkMove moves the position of a consumer in a transaction that holds its effect too. It returns ErrConflict if the
// version or the offset differs from the one that the consumer knows. It compares the offset too, because a store
// that was restored from a backup gives out versions a second time.
//
// A crash before the commit: neither counts. After it: both do.
func (s *Store) SinkMove(ctx context.Context, t *store.Tx, consumer string, partition int, from SinkPosition, next int64,
	fold []byte) error {
	var n int64
	var err error
	if from.Version == 0 {
		n, err = t.Exec(ctx, `INSERT INTO sink_positions (sink, partition_number, version, next, fold, intending, intent_from, intent_to)
			VALUES (?, ?, 1, ?, ?, 0, 0, 0) ON CONFLICT (sink, partition_number) DO NOTHING`, consumer, partition, next, fold)
	} else {
		n, err = t.Exec(ctx, `UPDATE sink_positions SET version = version + 1, next = ?, fold = ?
			WHERE sink = ? AND partition_number = ? AND version = ? AND next = ?`, next, fold, consumer, partition, from.Version, from.Next)
	}
	return orConflict(n, err)
}

func orConflict(changed int64, err error) error {
	if err == nil && changed == 0 {
		return ErrConflict
	}
	return err
}
