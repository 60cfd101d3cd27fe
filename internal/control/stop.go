package control

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"ratemill/internal/safeguard"
)

// StopKind is the reason for a stop. It decides the effect of skipping.
type StopKind string

// The kinds.
const (
	StopMessage StopKind = "message" // a message that cannot be read or decided
	StopGap     StopKind = "gap"     // records before a message are missing
	StopRows    StopKind = "rows"    // rows that the warehouse refuses
	StopEpoch   StopKind = "epoch"   // a message with an epoch that no store gave out
	StopOther   StopKind = "other"   // cannot be skipped
)

// Stop is a position at which a reader of a partition stopped and needs a user, with the order given about it. Each
// reader has its own stop at that position. An order concerns the content at that position, so all readers of the
// topic obey it.
type Stop struct {
	Topic     string
	Partition int
	Offset    int64
	Kind      StopKind
	Hash      string // hash of the content at the position: an order applies only to this content

	Role, Process string // of the reader
	Reason        string
	Message       []byte // the message in the topic, nil if there is none
	Detail        []byte // for rows: their content, as JSON
	First, Last   time.Time
	Closed        time.Time // when the reader went past it; zero before that

	Version    int64 // increases with each order
	Skip       bool  // order to continue without the bad content
	Who        string
	Why        string
	Ordered    time.Time
	OrderedFor string // the reader whose stop the user saw
}

// PassedStops returns the stops that a reader has gone past. A stop of one reader does not concern another: a rater
// passes a row that the warehouse refuses.
func PassedStops(stops []Stop, reader string, next func(topic string) int64) (passed []Stop) {
	for _, s := range stops {
		if (s.Role == reader || !safeguard.On(safeguard.StopOwner)) && next(s.Topic) > s.Offset {
			passed = append(passed, s)
		}
	}
	return passed
}

// HashOf returns a short text that identifies a message, or the other content of a stop.
func HashOf(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:8])
}

// RecordStop records that a partition stopped, so that users see it. A repeated stop at the same content keeps
// its order.
func (s *Store) RecordStop(ctx context.Context, stop *Stop, at time.Time) error {
	return s.change(ctx, "noting that a partition stopped", func(t tx) error {
		_, err := t.exec(ctx, `INSERT INTO partition_stops (topic, partition_number, position, kind, hash, role, process, reason, message, detail, first_at, last_at, closed_at, version, skip, who, why, ordered_at)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0, 0, '', '', 0)
			ON CONFLICT (topic, partition_number, position, kind, hash) DO UPDATE SET role = EXCLUDED.role, process = EXCLUDED.process, reason = EXCLUDED.reason, last_at = EXCLUDED.last_at, closed_at = 0`,
			stop.Topic, stop.Partition, stop.Offset, string(stop.Kind), stop.Hash, stop.Role, stop.Process, stop.Reason, stop.Message, stop.Detail,
			nanos(at), nanos(at))
		if err != nil {
			return err
		}
		_, err = t.exec(ctx, `INSERT INTO partition_stop_readers (topic, partition_number, position, kind, hash, reader, process, reason, first_at, last_at, closed_at)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)
			ON CONFLICT (topic, partition_number, position, kind, hash, reader) DO UPDATE SET process = EXCLUDED.process, reason = EXCLUDED.reason, last_at = EXCLUDED.last_at, closed_at = 0`,
			stop.Topic, stop.Partition, stop.Offset, string(stop.Kind), stop.Hash, stop.Role, stop.Process, stop.Reason, nanos(at), nanos(at))
		return err
	})
}

// StopFilter selects stops; zero fields select all.
type StopFilter struct {
	Topic     string
	Partition *int
	Offset    *int64
	Open      bool // without stops that their readers have gone past
}

// Stops returns the selected stops, oldest first.
func (s *Store) Stops(ctx context.Context, f StopFilter) (stops []Stop, err error) {
	where, args := "1 = 1", []any{}
	and := func(condition string, values ...any) {
		where += " AND " + condition
		args = append(args, values...)
	}
	if f.Topic != "" {
		and("s.topic = ?", f.Topic)
	}
	if f.Partition != nil {
		and("s.partition_number = ?", *f.Partition)
	}
	if f.Offset != nil {
		and("s.position = ?", *f.Offset)
	}
	if f.Open {
		and("COALESCE(r.closed_at, s.closed_at) = 0")
	}
	// The stop was written without a reader by a version that had no readers.
	err = s.query(ctx, "reading where partitions stopped", `SELECT s.topic, s.partition_number, s.position, s.kind, s.hash,
		COALESCE(r.reader, s.role), COALESCE(r.process, s.process), COALESCE(r.reason, s.reason), s.message, s.detail,
		COALESCE(r.first_at, s.first_at) AS began, COALESCE(r.last_at, s.last_at), COALESCE(r.closed_at, s.closed_at), s.version, s.skip, s.who, s.why, s.ordered_at, s.ordered_for
		FROM partition_stops s LEFT JOIN partition_stop_readers r ON r.topic = s.topic AND r.partition_number = s.partition_number AND r.position = s.position AND r.kind = s.kind AND r.hash = s.hash
		WHERE `+where+` ORDER BY began, s.topic, s.partition_number, s.position, s.kind, s.hash, r.reader`, args, func(rows *sql.Rows) error {
		var p Stop
		var skip, first, last, closed, ordered int64
		err := rows.Scan(&p.Topic, &p.Partition, &p.Offset, &p.Kind, &p.Hash, &p.Role, &p.Process, &p.Reason, &p.Message, &p.Detail,
			&first, &last, &closed, &p.Version, &skip, &p.Who, &p.Why, &ordered, &p.OrderedFor)
		p.Skip, p.First, p.Last, p.Closed, p.Ordered = skip == 1, instant(first), instant(last), instant(closed), instant(ordered)
		stops = append(stops, p)
		return err
	})
	return stops, err
}

// Skips returns the orders to skip something in a partition of a topic.
func (s *Store) Skips(ctx context.Context, topic string, partition int) (skips []Stop, err error) {
	all, err := s.Stops(ctx, StopFilter{Topic: topic, Partition: &partition})
	for _, stop := range all {
		if stop.Skip {
			skips = append(skips, stop)
		}
	}
	return skips, err
}

// StopOrders returns a number that increases with every order about a partition's topics: a stopped reader tries again
// when it increases.
func (s *Store) StopOrders(ctx context.Context, partition int, topics ...string) (orders int64, err error) {
	for _, topic := range topics {
		err := s.query(ctx, "looking for orders about a stopped partition",
			`SELECT CAST(COALESCE(SUM(version), 0) AS BIGINT) FROM partition_stops WHERE topic = ? AND partition_number = ?`,
			[]any{topic, partition}, func(rows *sql.Rows) error {
				var n int64
				err := rows.Scan(&n)
				orders += n
				return err
			})
		if err != nil {
			return 0, err
		}
	}
	return orders, nil
}

// ErrSkipped means that there is already an order to skip the content of a stop.
var ErrSkipped = errors.New("an order to skip it was already given")

// OrderStop gives an order about a stop that was read: to try again, or to continue without exactly the bad content
// at the stop. It returns ErrConflict if another order was given in the meantime, and ErrSkipped if there is an
// order to skip the content, which can never be withdrawn.
//
// A crash after it: the order is valid.
func (s *Store) OrderStop(ctx context.Context, stop *Stop, skip bool, who, why string, at time.Time) error {
	if stop.Skip && skip {
		return fmt.Errorf("%w, by %s at %s: %s", ErrSkipped, stop.Who, stop.Ordered.UTC().Format(time.DateTime), stop.Why)
	}
	verb := "partition.retry"
	return s.change(ctx, "giving an order about a stopped partition", func(t tx) error {
		set, args := `version = version + 1`, []any{}
		if skip {
			verb = "partition.skip"
			set += `, skip = 1, who = ?, why = ?, ordered_at = ?, ordered_for = ?`
			args = append(args, who, why, nanos(at), stop.Role)
		}
		n, err := t.exec(ctx, `UPDATE partition_stops SET `+set+
			` WHERE topic = ? AND partition_number = ? AND position = ? AND kind = ? AND hash = ? AND version = ?`,
			append(args, stop.Topic, stop.Partition, stop.Offset, string(stop.Kind), stop.Hash, stop.Version)...)
		if err := orConflict(n, err); err != nil {
			return err
		}
		return t.audit(ctx, AuditEntry{At: at, Who: who, What: verb, Detail: why,
			Subject: fmt.Sprintf("%s/%d offset %d %s %s of %s", stop.Topic, stop.Partition, stop.Offset, stop.Kind, stop.Hash, stop.Role)})
	})
}

// CloseStop records that the reader of a stop has gone past it.
func (s *Store) CloseStop(ctx context.Context, stop *Stop, at time.Time) error {
	return s.change(ctx, "recording that a partition continues", func(t tx) error {
		key := []any{stop.Topic, stop.Partition, stop.Offset, string(stop.Kind), stop.Hash}
		const is = `topic = ? AND partition_number = ? AND position = ? AND kind = ? AND hash = ?`
		_, err := t.exec(ctx, `UPDATE partition_stop_readers SET closed_at = ? WHERE `+is+` AND reader = ? AND closed_at = 0`,
			append(append([]any{nanos(at)}, key...), stop.Role)...)
		if err != nil {
			return err
		}
		// This is for processes of a version that had no readers, and for their stops.
		_, err = t.exec(ctx, `UPDATE partition_stops SET closed_at = ? WHERE `+is+` AND closed_at = 0 AND NOT EXISTS (SELECT 1 FROM partition_stop_readers r
			WHERE r.topic = partition_stops.topic AND r.partition_number = partition_stops.partition_number AND r.position = partition_stops.position
			AND r.kind = partition_stops.kind AND r.hash = partition_stops.hash AND r.closed_at = 0)`, append([]any{nanos(at)}, key...)...)
		return err
	})
}
