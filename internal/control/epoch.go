package control

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// SetBackError reports that the store has a smaller number than one that it gave out before. Either it was
// restored from a backup, or a standby took over without the last transactions.
type SetBackError struct {
	What      string
	Has, Seen int64
}

func (e *SetBackError) Error() string {
	return fmt.Sprintf("the control store is older than Kafka: the latest %s that it assigned is %d, but %d is in "+
		"use", e.What, e.Has, e.Seen)
}

// OlderStore is the advice about a control store that is older than Kafka or ClickHouse.
const OlderStore = "it was restored from a backup, or a standby took over that lacked the last transactions; stop all processes, " +
	"and see docs/runbooks/stores-of-different-days.md"

// NextEpoch returns a number for a new owner of a partition, greater than all numbers given out for it before. seen is
// the greatest epoch that was read from the rated log; NextEpoch returns *SetBackError if this store never gave it
// out.
//
// A crash after it: the number is lost, without harm.
func (s *Store) NextEpoch(ctx context.Context, topic string, partition int, seen int64) (epoch int64, err error) {
	err = s.change(ctx, "taking an epoch", func(t tx) error {
		var last int64
		err := t.row(ctx, `SELECT epoch FROM epochs WHERE topic = ? AND partition_number = ?`, topic, partition).Scan(&last)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		if last < seen {
			return &SetBackError{What: "epoch", Has: last, Seen: seen}
		}
		return t.row(ctx, `INSERT INTO epochs (topic, partition_number, epoch) VALUES (?, ?, 1)
			ON CONFLICT (topic, partition_number) DO UPDATE SET epoch = epochs.epoch + 1 RETURNING epoch`, topic, partition).Scan(&epoch)
	})
	return epoch, err
}

// EpochOrigin is the origin of a message's epoch.
type EpochOrigin int

// The origins.
const (
	EpochGiven   EpochOrigin = iota // this store gave it to an owner
	EpochAhead                      // this store did not give it out, which is also the case after a restore from a backup
	EpochForeign                    // no store gave it out: all readers ignore the message
)

// FarAhead is the largest difference between a message's epoch and the control store's that an old backup can
// explain, because an owner takes a partition at most once every few seconds.
const FarAhead = 1 << 20

// EpochOrigin determines the origin of the epoch of a message in the rated log. Readers call it for each message
// whose epoch is later than all before. The first answer that a message is foreign is stored for all later readers,
// because owners may have reached that epoch by then. stop identifies the message by topic, offset and hash, and
// has the name of the reader. partition list --all shows it as a skipped message. If stop is nil, nothing is
// stored.
func (s *Store) EpochOrigin(ctx context.Context, rated string, partition int, epoch int64, stop *Stop, at time.Time) (origin EpochOrigin,
	err error) {
	return origin, s.change(ctx, "looking up the origin of an epoch", func(t tx) error {
		if stop != nil {
			var skipped int64
			if err := t.row(ctx,
				`SELECT COUNT(*) FROM partition_stops WHERE topic = ? AND partition_number = ? AND position = ? AND kind = ? AND hash = ? AND skip = 1`,
				stop.Topic, partition, stop.Offset, string(StopEpoch), stop.Hash).Scan(&skipped); err != nil {
				return err
			}
			if skipped > 0 {
				origin = EpochForeign
				return nil
			}
		}
		var given int64
		if err := t.row(ctx, `SELECT COALESCE(MAX(epoch), 0) FROM epochs WHERE topic = ? AND partition_number = ?`, rated,
			partition).Scan(&given); err != nil {
			return err
		}
		switch {
		case epoch <= given:
			origin = EpochGiven
			return nil
		case epoch-given <= FarAhead:
			origin = EpochAhead
			return nil
		}
		origin = EpochForeign
		if stop == nil {
			return nil
		}
		why := fmt.Sprintf("epoch %d was never assigned: the newest that this control store assigned is %d", epoch, given)
		_, err := t.exec(ctx, `INSERT INTO partition_stops (topic, partition_number, position, kind, hash, role, process, reason, message, detail, first_at, last_at, closed_at, version, skip, who, why, ordered_at, ordered_for)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, ?, ?, ?, 1, 1, 'ratemill', ?, ?, ?) ON CONFLICT (topic, partition_number, position, kind, hash) DO UPDATE SET skip = 1, who = EXCLUDED.who, why = EXCLUDED.why, ordered_at = EXCLUDED.ordered_at`,
			stop.Topic, partition, stop.Offset, string(StopEpoch), stop.Hash, stop.Role, stop.Process, why, stop.Message, nanos(at), nanos(at),
			nanos(at), why, nanos(at), stop.Role)
		if err != nil {
			return err
		}
		return t.audit(ctx, AuditEntry{At: at, Who: "ratemill", What: "partition.skip", Detail: why,
			Subject: fmt.Sprintf("%s/%d offset %d %s %s of %s", stop.Topic, partition, stop.Offset, StopEpoch, stop.Hash, stop.Role)})
	})
}
