package control

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// SetBackError says that the store has a smaller number than one that it gave before: it was restored from a backup, or a
// standby took over that had not received the last transactions.
type SetBackError struct {
	What      string
	Has, Seen int64
}

func (e *SetBackError) Error() string {
	return fmt.Sprintf("the control store is older than Kafka: the latest %s that it gave is %d, and %d is in use", e.What, e.Has, e.Seen)
}

// OlderStore is what to do about a control store that is older than Kafka or ClickHouse.
const OlderStore = "it was restored from a backup, or a standby took over that lacked the last transactions; stop all processes, " +
	"and see docs/runbooks/stores-of-different-days.md"

// NextEpoch is a number for the owner who takes a partition, greater than all given for it before. seen is the greatest
// epoch in the rated log, as read before: *SetBackError when this store never gave it.
//
// A crash after it: the number is lost, which harms nobody.
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
