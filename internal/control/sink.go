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

// Intent is a block of offsets that is about to be written to a sink, inclusive of both ends.
type Intent struct{ From, To int64 }

// SinkGet returns the position of a sink in a partition; the zero position if it has none yet.
func (s *Store) SinkGet(ctx context.Context, sink string, partition int) (SinkPosition, error) {
	var p SinkPosition
	err := s.query(ctx, "reading the position of sink "+sink,
		`SELECT version, next, fold, intending, intent_from, intent_to FROM sink_positions WHERE sink = ? AND partition_number = ?`,
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

// is is the condition that the stored position of a sink is the one that the caller knows. The version alone is not
// enough: a store that was restored from a backup, or whose standby took over without the last transactions, gives out
// versions a second time. A process that continues after that would find its version again, with another position or
// another intent.
func (p SinkPosition) is(sink string, partition int) (where string, args []any) {
	if p.Intent != nil {
		return ` WHERE sink = ? AND partition_number = ? AND version = ? AND intending = 1 AND intent_from = ? AND intent_to = ?`,
			[]any{sink, partition, p.Version, p.Intent.From, p.Intent.To}
	}
	return ` WHERE sink = ? AND partition_number = ? AND version = ? AND intending = 0 AND next = ?`,
		[]any{sink, partition, p.Version, p.Next}
}

// Same reports whether two positions are the same state of a sink, see is.
func (p SinkPosition) Same(q SinkPosition) bool {
	if p.Version != q.Version || (p.Intent == nil) != (q.Intent == nil) {
		return false
	}
	if p.Intent != nil {
		return *p.Intent == *q.Intent
	}
	return p.Next == q.Next
}

// SinkIntent records the range of a block before the block is written. at is the preceding position; SinkIntent returns
// the new version. It returns ErrConflict if another owner was faster, or if there is already an intent, which must be
// completed first.
//
// A crash after it: the next owner finds the intent and writes the same block; a sink that already has the block
// drops it.
func (s *Store) SinkIntent(ctx context.Context, sink string, partition int, at SinkPosition, intent Intent) (int64, error) {
	return at.Version + 1, s.change(ctx, "recording the intent of sink "+sink, func(t tx) error {
		var n int64
		var err error
		if at.Version == 0 {
			n, err = t.exec(ctx, `INSERT INTO sink_positions (sink, partition_number, version, next, fold, intending, intent_from, intent_to)
				VALUES (?, ?, 1, 0, NULL, 1, ?, ?) ON CONFLICT (sink, partition_number) DO NOTHING`, sink, partition, intent.From, intent.To)
		} else {
			at.Intent = nil
			where, args := at.is(sink, partition)
			n, err = t.exec(ctx, `UPDATE sink_positions SET version = version + 1, intending = 1, intent_from = ?, intent_to = ?`+where,
				append([]any{intent.From, intent.To}, args...)...)
		}
		return orConflict(n, err)
	})
}

// SinkTakeOver transfers the intent of a position to the caller. It only changes the version, so that a commit by
// the sink that recorded the intent fails. It returns ErrConflict if another owner was faster, or if there is no
// intent.
//
// A crash after it: the next owner takes the intent over in turn.
func (s *Store) SinkTakeOver(ctx context.Context, sink string, partition int, at SinkPosition) (int64, error) {
	if at.Intent == nil {
		return 0, ErrConflict
	}
	return at.Version + 1, s.change(ctx, "taking over the intent of sink "+sink, func(t tx) error {
		where, args := at.is(sink, partition)
		n, err := t.exec(ctx, `UPDATE sink_positions SET version = version + 1`+where, args...)
		return orConflict(n, err)
	})
}

// SinkCommit records that the sink has a block: the next offset, the state of the fold there, and no intent.
//
// A crash before it: the next owner completes the intent again. After it: the next block follows.
func (s *Store) SinkCommit(ctx context.Context, sink string, partition int, at SinkPosition, next int64, fold []byte) (int64, error) {
	return at.Version + 1, s.change(ctx, "recording the position of sink "+sink, func(t tx) error {
		var n int64
		var err error
		if at.Version == 0 {
			n, err = t.exec(ctx, `INSERT INTO sink_positions (sink, partition_number, version, next, fold, intending, intent_from, intent_to)
				VALUES (?, ?, 1, ?, ?, 0, 0, 0) ON CONFLICT (sink, partition_number) DO NOTHING`, sink, partition, next, fold)
		} else {
			where, args := at.is(sink, partition)
			n, err = t.exec(ctx, `UPDATE sink_positions SET version = version + 1, next = ?, fold = ?, intending = 0, intent_from = 0,
				intent_to = 0`+where, append([]any{next, fold}, args...)...)
		}
		return orConflict(n, err)
	})
}

// InTransaction is for consumers whose effect is in this store. The changes that do makes take effect as a whole
// or not at all.
func (s *Store) InTransaction(ctx context.Context, what string, do func(*store.Tx) error) error {
	return s.Change(ctx, what, do)
}

// SinkMove moves the position of a consumer in the transaction that contains the consumer's effect. It returns
// ErrConflict if the version or the offset differs from what the consumer knows. It compares the offset too, because
// a store that was restored from a backup gives out versions a second time.
//
// A crash before the commit: neither the effect nor the move is stored. After it: both are stored.
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
