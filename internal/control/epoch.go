package control

import "context"

// NextEpoch is a number for the owner who takes a partition, greater than all given for it before.
//
// A crash after it: the number is lost, which harms nobody.
func (s *Store) NextEpoch(ctx context.Context, topic string, partition int) (epoch int64, err error) {
	err = s.change(ctx, "taking an epoch", func(t tx) error {
		return t.row(ctx, `INSERT INTO epochs (topic, partition_number, epoch) VALUES (?, ?, 1)
			ON CONFLICT (topic, partition_number) DO UPDATE SET epoch = epochs.epoch + 1 RETURNING epoch`, topic, partition).Scan(&epoch)
	})
	return epoch, err
}
